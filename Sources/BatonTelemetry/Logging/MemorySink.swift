internal import Synchronization

/// Keeps records in memory, for tests: the first `capacity` of them.
public final class MemorySink: LogSink {
    private let capacity: Int
    private let state = Mutex<State>(State())

    private struct State {
        var records: [LogRecord] = []
        var scheduled: [@Sendable () -> Void] = []
    }

    /// A sink that keeps up to `capacity` records.
    public init(capacity: Int = 10_000) { self.capacity = capacity }

    /// What was written, oldest first.
    public var records: [LogRecord] { state.withLock { $0.records } }

    /// The messages of ``records``.
    public var messages: [String] { records.map(\.message) }

    /// Takes one record.
    public func write(_ record: LogRecord) {
        state.withLock { if $0.records.count < capacity { $0.records.append(record) } }
    }

    /// Keeps `body` for ``runScheduled()``; time is the test's.
    public func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) {
        state.withLock { if $0.scheduled.count < capacity { $0.scheduled.append(body) } }
    }

    /// Runs what was scheduled, as if its time had come.
    public func runScheduled() {
        let bodies = state.withLock { state in
            defer { state.scheduled = [] }
            return state.scheduled
        }
        for body in bodies { body() }
    }
}
