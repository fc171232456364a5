/// A type that can be read from a reply.
public protocol RedisDecodable: Sendable {
    /// Reads the reply.
    /// - Throws: ``RedisError`` with the code `unexpectedReply`, or the server's refusal when the reply is one.
    init(_ reply: RedisReply) throws(RedisError)
    /// Reads an array of this type; bytes do it in their own way.
    static func array(_ reply: RedisReply) throws(RedisError) -> [Self]
}

extension RedisDecodable {
    /// Reads a value for each reply of an array. Null is empty.
    public static func array(_ reply: RedisReply) throws(RedisError) -> [Self] {
        if reply.isNull { return [] }
        guard let elements = reply.elements else { throw reply.unexpected("an array") }
        var values: [Self] = []
        values.reserveCapacity(elements.count)
        for element in elements { values.append(try Self(element)) }
        return values
    }
}

extension RedisReply: RedisDecodable {
    /// Takes the reply as it is.
    public init(_ reply: RedisReply) throws(RedisError) { self = reply }

    /// The error for a reply that is not what was expected, or the refusal it holds.
    public func unexpected(_ expected: StaticString) -> RedisError {
        error ?? RedisError(.unexpectedReply, "expected \(expected), the server answered \(self)", wasSent: true)
    }
}

extension Int: RedisDecodable {
    /// Reads a whole number.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let value = reply.integer else { throw reply.unexpected("a whole number") }
        self = Int(value)
    }
}

extension Bool: RedisDecodable {
    /// Reads a truth value, or 0 and 1.
    public init(_ reply: RedisReply) throws(RedisError) {
        switch reply.integer {
        case 0: self = false
        case 1: self = true
        default: throw reply.unexpected("0 or 1")
        }
    }
}

extension Double: RedisDecodable {
    /// Reads a floating-point number.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let value = reply.double else { throw reply.unexpected("a number") }
        self = value
    }
}

extension String: RedisDecodable {
    /// Reads a text, with invalid UTF-8 repaired.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard reply.kind != .error, let value = reply.string else { throw reply.unexpected("a string") }
        self = value
    }
}

extension Array: RedisDecodable where Element: RedisDecodable {
    /// Reads an element for each reply of an array, or the bytes of a string when the elements are bytes. A null array is empty.
    public init(_ reply: RedisReply) throws(RedisError) { self = try Element.array(reply) }
}

extension UInt8: RedisDecodable {
    /// Reads a whole number from 0 to 255.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let value = reply.integer, let byte = UInt8(exactly: value) else { throw reply.unexpected("a number from 0 to 255") }
        self = byte
    }
    /// Reads the bytes of a string.
    public static func array(_ reply: RedisReply) throws(RedisError) -> [UInt8] {
        guard reply.kind != .error, let bytes = reply.bytes else { throw reply.unexpected("a string") }
        return Array(bytes)
    }
}

extension ArraySlice: RedisDecodable where Element == UInt8 {
    /// Takes the bytes of a string without copying them; they keep the whole reply alive.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard reply.kind != .error, let bytes = reply.bytes else { throw reply.unexpected("a string") }
        self = bytes
    }
}

extension Optional: RedisDecodable where Wrapped: RedisDecodable {
    /// Reads the value, or nil for null.
    public init(_ reply: RedisReply) throws(RedisError) {
        self = reply.isNull ? nil : try Wrapped(reply)
    }
}

extension RedisReply {
    /// Keys and values: of a map, or of an array that lists them in turn, which is how RESP2 sends one. Nil for anything else.
    public var pairs: Pairs? {
        guard let elements, elements.count.isMultiple(of: 2) else { return nil }
        return Pairs(elements: elements)
    }

    /// Keys with their values, in the order they arrived.
    public struct Pairs: Sequence, Sendable {
        let elements: Elements

        /// How many pairs there are.
        public var count: Int { elements.count / 2 }

        /// The value of the first pair whose key is this text. O(n).
        public subscript(_ key: String) -> RedisReply? {
            for (name, value) in self where name.bytes?.elementsEqual(key.utf8) == true { return value }
            return nil
        }

        /// Walks over the pairs.
        public func makeIterator() -> Iterator { Iterator(rest: elements.makeIterator()) }

        /// Where a walk stands.
        public struct Iterator: IteratorProtocol {
            var rest: IndexingIterator<Elements>
            /// The next pair.
            public mutating func next() -> (key: RedisReply, value: RedisReply)? {
                guard let key = rest.next(), let value = rest.next() else { return nil }
                return (key, value)
            }
        }
    }
}
