/// Names one request in logs, answers and errors.
public struct RequestID: Sendable, Hashable, CustomStringConvertible {
    /// The id as text.
    public let description: String

    /// A fresh id: 16 hexadecimal digits of randomness.
    public init() {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        description = String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// The id a client sent: 1 to 128 bytes of visible ASCII, else nil, so that it can be echoed in a header and a log line.
    public init?(_ text: String) {
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        description = text
    }
}
