import Synchronization

/// A number that several tasks count up.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .sequentiallyConsistent) }
    @discardableResult
    func increment() -> Int { count.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }
}

/// Lines that several tasks write.
final class Log: Sendable {
    private let content = Mutex<[String]>([])
    var lines: [String] { content.withLock { $0 } }
    func append(_ line: String) { content.withLock { $0.append(line) } }
}

/// A port that is known only after what needs it was made.
final class Port: Sendable {
    private let number = Atomic<UInt16>(0)
    var value: UInt16 {
        get { number.load(ordering: .sequentiallyConsistent) }
        set { number.store(newValue, ordering: .sequentiallyConsistent) }
    }
}
