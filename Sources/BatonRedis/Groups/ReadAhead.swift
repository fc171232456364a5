internal import BatonRedisClient
internal import Synchronization

/// What a process has read of topics before their groups are given it: while a consumer works off a backlog, each receive brings the events of the next
/// one along, by a plain command, and the next one only says which they are. See ``GroupLua/Quick``.
///
/// Receives of one group go one after another while that goes on, because each has to know where the one before ended. When others take from
/// the group too, what was read is often not what comes next; then reading ahead pauses, longer each time.
final class ReadAhead: Sendable {
    /// Events that stand one behind the other.
    struct Chunk: Sendable {
        /// The place behind which they stand, as the server writes it.
        let from: String
        /// The last of them.
        let last: String
        /// How many.
        let count: Int
        /// The topic's.
        let generation: String
        /// As the stream has them.
        let entries: RedisReply
    }

    /// What a receive does.
    enum Turn: Sendable {
        /// It knows nothing.
        case plain
        /// It is the only one; it may read what stands behind this place.
        case read(from: String, generation: String)
        /// It is the only one; it says that it wants these.
        case claim(Chunk)
    }

    private struct Line {
        var next: Turn = .plain
        var limit = 0
        var isBusy = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// How many receives go without reading ahead, now and after the next miss.
        var pause = 0
        var penalty = 1

        var isIdle: Bool { !isBusy && waiting.isEmpty }
    }

    /// The most events that are read ahead of a group, and about how many bytes; how many groups there may be.
    static let (maximumEvents, maximumBytes) = (100, 256 << 10)
    private static let maximumGroups = 256

    /// By the keys of groups.
    private let lines = Mutex<[RedisKey: Line]>([:])

    /// What a receive of so many events may do. Every one that is not ``Turn/plain`` has to end with ``end(_:next:)`` or ``end(_:isMissed:)``.
    func begin(_ group: RedisKey, limit: Int) async -> Turn {
        while true {
            let turn: Turn? = lines.withLock { lines in
                guard var line = lines[group] else { return .plain }
                if line.isBusy { return nil }
                defer { lines[group] = line }
                guard line.limit == limit else {
                    // Another size of batches: what was read is of no use, and those who wait need not.
                    line.next = .plain
                    Self.release(&line.waiting)
                    return .plain
                }
                let turn = line.next
                line.next = .plain
                if case .plain = turn { Self.release(&line.waiting) } else { line.isBusy = true }
                return turn
            }
            if let turn { return turn }
            await withCheckedContinuation { continuation in
                lines.withLock { lines in
                    if lines[group]?.isBusy == true { lines[group]?.waiting.append(continuation) } else { continuation.resume() }
                }
            }
        }
    }

    /// Ends the turn of one that got what it wanted, and says what the next may do.
    func end(_ group: RedisKey, next: Turn) {
        lines.withLock { lines in
            guard var line = lines[group] else { return }
            (line.isBusy, line.next, line.pause, line.penalty) = (false, next, 0, 1)
            // One is enough when it can go on from here.
            if case .plain = next {
                Self.release(&line.waiting)
            } else if !line.waiting.isEmpty {
                line.waiting.removeFirst().resume()
            }
            lines[group] = line
        }
    }

    /// Ends the turn of one that failed, or that got something else.
    func end(_ group: RedisKey, isMissed: Bool) {
        lines.withLock { lines in
            guard var line = lines[group] else { return }
            (line.isBusy, line.next) = (false, .plain)
            if isMissed { (line.pause, line.penalty) = (line.penalty, min(64, line.penalty * 2)) }
            Self.release(&line.waiting)
            lines[group] = line
        }
    }

    /// Notes where a plain receive of so many events ended that got as many new ones: there may be more.
    func note(_ group: RedisKey, limit: Int, position: String, generation: String) {
        guard limit <= Self.maximumEvents else { return }
        lines.withLock { lines in
            if lines[group] == nil, lines.count >= Self.maximumGroups { lines = lines.filter { !$0.value.isIdle } }
            var line = lines[group] ?? Line()
            guard !line.isBusy else { return }
            if line.pause > 0 {
                line.pause -= 1
            } else {
                (line.next, line.limit) = (.read(from: position, generation: generation), limit)
            }
            lines[group] = line
        }
    }

    private static func release(_ waiting: inout [CheckedContinuation<Void, Never>]) {
        for one in waiting { one.resume() }
        waiting = []
    }
}

extension ReadAhead.Chunk {
    /// What a server answered to a question for as many events behind a place; nil when there were not so many, or not without a hole, or when they are
    /// large.
    init?(_ entries: RedisReply, from: String, count: Int, generation: String) {
        guard let list = entries.elements, list.count == count, let last = list.dropFirst(count - 1).first?.elements?.first?.string,
            let start = StreamID(from),
            let end = StreamID(last), end.sequence == start.sequence &+ UInt64(count), entries.frameSize <= ReadAhead.maximumBytes
        else { return nil }
        self.init(from: from, last: last, count: count, generation: generation, entries: entries)
    }
}
