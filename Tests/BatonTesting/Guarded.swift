internal import Synchronization

/// A value behind a lock, to be shared with callbacks and tasks.
public final class Guarded<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    /// Guards a value.
    public init(_ value: Value) { mutex = Mutex(value) }

    /// Does something with the value while nobody else can.
    public func withLock<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
        mutex.withLock { body(&$0) }
    }
}
