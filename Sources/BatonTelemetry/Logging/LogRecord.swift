/// One record on its way to a sink.
public struct LogRecord: Sendable, Equatable {
    /// Wall-clock milliseconds since 1970.
    public var milliseconds: Int64
    /// How much it matters.
    public var level: Logger.Level
    /// Which part of the program wrote it.
    public var label: String
    /// What happened, for a person.
    public var message: String
    /// The facts, for a program.
    public var metadata: Logger.Metadata

    /// Roughly what the record occupies while it waits, in bytes.
    var cost: Int {
        metadata.entries.reduce(128 + message.utf8.count) { $0 + 48 + $1.key.utf8.count + $1.value.cost }
    }
}

extension Logger.Value {
    fileprivate var cost: Int {
        switch self {
        case .string(let text): text.utf8.count
        case .list(let values): values.reduce(0) { $0 + 16 + $1.cost }
        case .int, .double, .bool: 8
        }
    }
}

/// Where records go. Called on any thread, loops included, so it must not block.
public protocol LogSink: Sendable {
    /// Takes one record.
    func write(_ record: LogRecord)
    /// Runs `body` once after at least `delay`, on a thread of the sink; a sink that has none may ignore it.
    func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void)
}

struct DiscardingSink: LogSink {
    func write(_ record: LogRecord) {}
    func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) {}
}
