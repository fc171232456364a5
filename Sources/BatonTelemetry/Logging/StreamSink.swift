/// Writes records as lines to a descriptor, standard error by default, on a thread of its own.
///
/// Callers only put a record into a bounded queue, so a full pipe or a slow disk never holds a loop or a cooperative thread. What
/// does not fit is dropped and counted, and the next line that is written says how many.
public final class StreamSink: LogSink {
    /// How records look.
    public enum Format: Sendable {
        /// For people; coloured only where the descriptor is a terminal that wants it.
        case text
        /// One JSON object a line.
        case json
    }

    private let queue: LogQueue

    /// Starts the sink's thread, which ends when the sink is released and its queue is written.
    /// - Parameters:
    ///   - descriptor: stays the caller's, and must stay open while the sink lives.
    ///   - capacity: how many records may wait; 4 MiB of them at most, whatever their number.
    public init(_ format: Format = .text, descriptor: Int32 = 2, capacity: Int = 4096) {
        let style: LogFormat.Style =
            switch format {
            case .text: .text(coloured: Terminal.wantsColour(descriptor))
            case .json: .json
            }
        queue = LogQueue(capacity: max(1, capacity), maximumCost: 4 << 20)
        let writer = LogWriter(queue: queue, descriptor: descriptor, format: LogFormat(style: style))
        writer.start()
    }

    deinit { queue.close() }

    /// Takes one record; drops and counts it when the queue is full.
    public func write(_ record: LogRecord) { queue.offer(record) }

    /// Runs `body` on the sink's thread.
    public func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) {
        queue.schedule(at: MonotonicClock.milliseconds &+ delay.wholeMilliseconds, body)
    }

    /// How many records were dropped because the queue was full.
    public var dropped: Int { queue.dropped }

    /// Waits until everything taken so far is written, `limit` at most; tells whether it is. Call it before the process ends.
    @discardableResult
    public func flush(within limit: Duration = .seconds(2)) async -> Bool {
        let goal = queue.taken
        let end = ContinuousClock.now + limit
        while queue.written < goal {
            guard ContinuousClock.now < end, !Task.isCancelled else { return false }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return true
    }
}
