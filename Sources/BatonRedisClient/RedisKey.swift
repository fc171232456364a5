/// The name of a key: any bytes.
public struct RedisKey: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name as it goes to the server.
    public let bytes: [UInt8]

    /// Makes a key from its bytes.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    /// Makes a key from a text.
    public init(_ text: String) { bytes = Array(text.utf8) }
    /// Makes a key from a literal.
    public init(stringLiteral value: String) { bytes = Array(value.utf8) }

    /// The name as text, with invalid UTF-8 repaired.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// A value given to a command: bytes, a text or a number.
public enum RedisArgument: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    /// Bytes, sent as they are.
    case bytes([UInt8])
    /// A part of other bytes, sent as it is.
    case slice(ArraySlice<UInt8>)
    /// A text, sent as UTF-8.
    case string(String)
    /// A whole number, sent as decimal digits.
    case integer(Int64)
    /// A floating-point number, sent as decimal text.
    case double(Double)

    /// Makes a text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// Makes a whole number.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// Makes a floating-point number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// Makes a whole number.
    public init(_ value: Int) { self = .integer(Int64(value)) }
    /// Makes the name of a key a value.
    public init(_ key: RedisKey) { self = .bytes(key.bytes) }
}
