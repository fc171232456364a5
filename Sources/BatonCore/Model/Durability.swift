/// What an acknowledged write survives.
///
/// Which of them a store takes is a matter of its kind: an SQLite file ``full`` and ``normal``, Redis ``memory`` and ``wait(replicas:within:)``.
public enum Durability: Hashable, Sendable, CustomStringConvertible {
    /// Power loss: every commit waits for the disk.
    case full
    /// The end of the process; power loss may take the last commits.
    case normal
    /// What the server was configured for; a failover may lose the last writes.
    case memory
    /// A failover too: a write is acknowledged when this many replicas have it, and is ``StoreError/Code/unconfirmed`` when they do not
    /// within the time.
    case wait(replicas: Int, within: Duration)

    /// How many replicas can be waited for.
    public static let replicas = 1...16
    /// How long can be waited for them.
    public static let waits: ClosedRange<Duration> = .milliseconds(1) ... .seconds(60)

    /// Reads `full`, `normal`, `memory`, or `wait:REPLICAS:TIME` such as `wait:1:500ms`.
    /// - Throws: ``StoreError/Code/invalidParameter``, saying what is allowed.
    public init(_ text: String) throws(StoreError) {
        switch text {
        case "full": self = .full
        case "normal": self = .normal
        case "memory": self = .memory
        default:
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == "wait", let replicas = Durability.number(parts[1]), let time = Durability.time(parts[2]) else {
                throw StoreError(.invalidParameter, "the durability has to be full, normal, memory or wait:REPLICAS:TIME, such as wait:1:500ms")
            }
            self = .wait(replicas: replicas, within: time)
            try checkRange()
        }
    }

    /// As it is read.
    public var description: String {
        switch self {
        case .full: return "full"
        case .normal: return "normal"
        case .memory: return "memory"
        case .wait(let replicas, let time):
            let (seconds, attoseconds) = time.components
            return "wait:\(replicas):\(attoseconds == 0 ? "\(seconds)s" : "\(Durability.milliseconds(time))ms")"
        }
    }

    /// Refuses waits that no store takes.
    /// - Throws: ``StoreError/Code/invalidParameter``.
    package func checkRange() throws(StoreError) {
        guard case .wait(let replicas, let time) = self else { return }
        guard Durability.replicas.contains(replicas) else {
            throw StoreError(
                .invalidParameter, "durability: 1 to \(Durability.replicas.upperBound) replicas can be waited for, not \(replicas)")
        }
        guard Durability.waits.contains(time) else { throw StoreError(.invalidParameter, "durability: a wait takes from 1ms to 60s") }
    }

    private static func milliseconds(_ time: Duration) -> Int64 {
        time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    private static func time(_ text: Substring) -> Duration? {
        if text.hasSuffix("ms") { return number(text.dropLast(2)).map { .milliseconds($0) } }
        return text.hasSuffix("s") ? number(text.dropLast()).map { .seconds($0) } : nil
    }
}
