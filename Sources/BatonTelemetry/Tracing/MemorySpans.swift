internal import Synchronization

/// Keeps spans in memory, for tests: the first `capacity` of them.
public final class MemorySpans: SpanSink {
    private let capacity: Int
    private let records = Mutex<[SpanRecord]>([])

    /// A sink that keeps up to `capacity` spans.
    public init(capacity: Int = 10_000) { self.capacity = capacity }

    /// What has ended, in the order of its ending.
    public var spans: [SpanRecord] { records.withLock { $0 } }

    /// The spans of this name.
    public func named(_ name: String) -> [SpanRecord] { spans.filter { $0.name == name } }

    /// Takes one span.
    public func write(_ span: SpanRecord) {
        records.withLock { if $0.count < capacity { $0.append(span) } }
    }

    /// Forgets what it has.
    public func clear() { records.withLock { $0 = [] } }
}
