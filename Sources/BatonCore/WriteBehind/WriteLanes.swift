/// Writes that wait to be stored, in one lane for each session.
///
/// It knows what is due, what goes together, and what becomes of a failure. Storing, sleeping and telling callers is the business of whoever
/// drives it. Of each session at most one send is under way, which is what keeps its order; a lane that rests holds up nobody else.
struct WriteLanes {
    /// What a write takes of the bounds.
    struct Size: Equatable, Sendable {
        var events: Int
        var bytes: Int

        init(_ write: QueuedWrite) { (events, bytes) = (write.events.count, write.bytes) }
    }

    /// A write that waits.
    struct Entry: Sendable {
        /// 1, 2, 3… in the order of acceptance.
        let number: Int
        let write: QueuedWrite
        let since: ContinuousClock.Instant
        /// Its row in the spool.
        let place: Int?
    }

    /// What is to be stored in one step.
    struct Send: Sendable {
        let key: SessionKey
        let write: QueuedWrite
    }

    /// What becomes of a send that failed.
    enum Verdict: Sendable {
        /// It is tried again after a rest; `attempt` tells this rest from others.
        case rest(Duration, attempt: Int)
        /// One of several is to blame: they go one by one now.
        case apart
        /// These will never be stored.
        case failed([Entry])
    }

    private enum Phase { case ready, sending(Int), resting }

    private struct Lane {
        /// The oldest first.
        var entries: ArraySlice<Entry> = []
        var phase = Phase.ready
        var attempts = 0
        /// How many of the oldest go one by one.
        var apart = 0
    }

    private let configuration: WriteBehindConfiguration
    private var lanes: [SessionKey: Lane] = [:]
    private var ready: ArraySlice<SessionKey> = []
    private var sends = 0
    private var lastNumber = 0
    /// Room that was given to writes which are not in a lane yet.
    private var reservations = 0
    /// Events and bytes that are in lanes or have been given room.
    private(set) var events = 0
    private(set) var bytes = 0

    init(_ configuration: WriteBehindConfiguration) { self.configuration = configuration }

    /// How many sessions have writes that wait.
    var sessions: Int { lanes.count }
    /// Whether nothing waits, is under way, or is about to be added.
    var isIdle: Bool { lanes.isEmpty && reservations == 0 }
    /// The sessions that have writes that wait.
    var keys: [SessionKey] { Array(lanes.keys) }

    /// Since when the oldest write waits.
    var oldest: ContinuousClock.Instant? { lanes.values.compactMap { $0.entries.first?.since }.min() }

    // MARK: - Coming in

    /// Gives room to a write that is added later. A write larger than all the room gets it when nothing else waits.
    mutating func reserve(_ size: Size) -> Bool {
        let fits = events + size.events <= configuration.maximumEvents && bytes + size.bytes <= configuration.maximumBytes
        guard fits || events == 0 else { return false }
        take(size)
        return true
    }

    /// Gives back room that was reserved.
    mutating func release(_ size: Size) {
        reservations -= 1
        free(size)
    }

    /// Adds a write that has room.
    mutating func add(_ write: QueuedWrite, place: Int?, at now: ContinuousClock.Instant) {
        reservations -= 1
        lastNumber += 1
        let entry = Entry(number: lastNumber, write: write, since: now, place: place)
        if lanes[write.key]?.entries.append(entry) == nil {
            lanes[write.key] = Lane(entries: [entry])
            ready.append(write.key)
        }
    }

    /// Adds a write of an earlier process, whether there is room or not: it was accepted.
    mutating func restore(_ write: QueuedWrite, place: Int, at now: ContinuousClock.Instant) {
        take(Size(write))
        add(write, place: place, at: now)
    }

    private mutating func take(_ size: Size) {
        reservations += 1
        events += size.events
        bytes += size.bytes
    }

    private mutating func free(_ size: Size) {
        events -= size.events
        bytes -= size.bytes
    }

    // MARK: - Going out

    /// What is to be stored next; `nil` when nothing is due or as many sends as may be are under way.
    mutating func next() -> Send? {
        guard sends < configuration.workers, let key = ready.popFirst(), var lane = lanes[key], let first = lane.entries.first else { return nil }
        var count = 1
        if lane.apart == 0 {
            var size = Size(first.write)
            for entry in lane.entries.dropFirst() {
                let more = Size(entry.write)
                guard first.write.joins(entry.write), size.events + more.events <= configuration.batchEvents,
                    size.bytes + more.bytes <= configuration.batchBytes
                else { break }
                size.events += more.events
                size.bytes += more.bytes
                count += 1
            }
        }
        guard let write = QueuedWrite(joining: lane.entries.prefix(count).lazy.map(\.write)) else { return nil }
        lane.phase = .sending(count)
        lanes[key] = lane
        sends += 1
        return Send(key: key, write: write)
    }

    /// The send of this session was stored; returns what it consisted of.
    mutating func stored(_ key: SessionKey) -> [Entry] {
        guard let (lane, count) = ended(key) else { return [] }
        return remove(count, of: lane, key)
    }

    /// The send of this session failed. `chance` is a number from 0 to 1.
    mutating func refused(_ key: SessionKey, _ error: StoreError, at now: ContinuousClock.Instant, chance: Double) -> Verdict {
        guard let (ended, count) = ended(key) else { return .failed([]) }
        var lane = ended
        if error.mayPass {
            let late = lane.entries.prefix(count).prefix { now - $0.since >= configuration.patience }.count
            if late > 0 { return .failed(remove(late, of: lane, key)) }
            lane.attempts += 1
            lane.phase = .resting
            lanes[key] = lane
            let longest = min(configuration.longestBackoff, configuration.firstBackoff * (1 << min(lane.attempts - 1, 20)))
            return .rest(longest * (1 - chance / 2), attempt: lane.attempts)
        }
        if count > 1 {
            lane.apart = count
            lane.phase = .ready
            lanes[key] = lane
            ready.append(key)
            return .apart
        }
        return .failed(remove(count, of: lane, key))
    }

    /// A rest is over.
    mutating func resume(_ key: SessionKey, attempt: Int) {
        if lanes[key]?.attempts == attempt { hurry(key) }
    }

    /// Somebody needs the session's writes now, so that it does not rest any longer.
    mutating func hurry(_ key: SessionKey) {
        guard case .resting = lanes[key]?.phase else { return }
        lanes[key]?.phase = .ready
        ready.append(key)
    }

    /// The number of the session's newest write that waits; `nil` when none does.
    func newest(of key: SessionKey) -> Int? { lanes[key]?.entries.last?.number }

    /// The number of the session's oldest write that waits; `nil` when none does.
    func oldest(of key: SessionKey) -> Int? { lanes[key]?.entries.first?.number }

    /// Forgets everything; returns what waited, in the order of acceptance.
    mutating func abandon() -> [Entry] {
        let left = lanes.values.flatMap(\.entries).sorted { $0.number < $1.number }
        self = WriteLanes(configuration)
        return left
    }

    private mutating func ended(_ key: SessionKey) -> (lane: Lane, count: Int)? {
        guard let lane = lanes[key], case .sending(let count) = lane.phase else { return nil }
        sends -= 1
        return (lane, count)
    }

    private mutating func remove(_ count: Int, of lane: Lane, _ key: SessionKey) -> [Entry] {
        var lane = lane
        let removed = Array(lane.entries.prefix(count))
        lane.entries.removeFirst(count)
        for entry in removed { free(Size(entry.write)) }
        lane.attempts = 0
        lane.apart = max(0, lane.apart - count)
        lane.phase = .ready
        lanes[key] = lane.entries.isEmpty ? nil : lane
        if !lane.entries.isEmpty { ready.append(key) }
        return removed
    }
}

extension StoreError {
    /// Whether an append that can be recognised may succeed when it is sent again: also one whose outcome is not known.
    var mayPass: Bool { isRetryable || code == .cancelled || code == .unconfirmed }
}
