internal import BatonCore
internal import Synchronization

/// Gathers what is published to one topic while scripts are under way, so that the next one takes all of it: callers wait for one round trip,
/// and the server does the work that all share once. Two scripts may be under way, so that the server has work while this process reads the
/// answers of the other; what callers publish at the same time has no order.
final class PublishQueue: Sendable {
    struct Waiting: Sendable {
        let batch: TopicBatch
        let answer: @Sendable (Result<PublishReceipt, StoreError>) -> Void
    }

    private struct Line {
        var waiting: [Waiting] = []
        var senders = 0
    }

    /// By the bytes of names, because texts that look the same are different topics.
    private let lines = Mutex<[[UInt8]: Line]>([:])

    /// The most batches, events and bytes of data of one script, unless one batch is larger.
    private static let maximumSenders = 2
    private static let (maximumBatches, maximumEvents, maximumBytes) = (128, 1000, 4 << 20)

    /// Adds a batch; true when the caller has to send what waits.
    func add(_ waiting: Waiting, to topic: String) -> Bool {
        let topic = Array(topic.utf8)
        return lines.withLock { lines in
            lines[topic, default: Line()].waiting.append(waiting)
            guard let senders = lines[topic]?.senders, senders < Self.maximumSenders else { return false }
            lines[topic]?.senders = senders + 1
            return true
        }
    }

    /// What to send next, in the order of its coming; empty when nothing waits and the sender is dismissed.
    func next(of topic: String) -> [Waiting] {
        let topic = Array(topic.utf8)
        return lines.withLock { lines in
            guard let line = lines[topic] else { return [] }
            let waiting = line.waiting
            if waiting.isEmpty {
                lines[topic]?.senders = line.senders - 1
                if line.senders <= 1 { lines[topic] = nil }
                return []
            }
            var (count, events, bytes) = (0, 0, 0)
            for one in waiting {
                events += one.batch.events.count
                bytes += one.batch.events.reduce(0) { $0 + $1.data.bytes.count }
                if count > 0, count == Self.maximumBatches || events > Self.maximumEvents || bytes > Self.maximumBytes { break }
                count += 1
            }
            lines[topic]?.waiting.removeFirst(count)
            return Array(waiting[..<count])
        }
    }
}
