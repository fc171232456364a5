/// Fields with their values: of a hash or of a stream's entry. A view of the reply; looking at a field copies nothing.
public struct RedisFields: RedisDecodable, Sequence {
    let elements: RedisReply.Elements

    /// Reads a map, or an array that lists fields and values in turn.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let elements = reply.elements, elements.count.isMultiple(of: 2) else { throw reply.unexpected("fields with values") }
        self.elements = elements
    }

    /// How many fields there are.
    public var count: Int { elements.count / 2 }
    /// Whether there are none.
    public var isEmpty: Bool { elements.isEmpty }

    /// The value of the first field with this name. O(n).
    public subscript(_ name: StaticString) -> ArraySlice<UInt8>? {
        for (field, value) in self where field.count == name.utf8CodeUnitCount {
            if name.withUTF8Buffer({ field.elementsEqual($0) }) { return value }
        }
        return nil
    }

    /// The value of the first field with these bytes as its name. O(n).
    public subscript(bytes name: some Collection<UInt8>) -> ArraySlice<UInt8>? {
        for (field, value) in self where field.elementsEqual(name) { return value }
        return nil
    }

    /// Walks over the fields in the order they arrived.
    public func makeIterator() -> Iterator { Iterator(rest: elements.makeIterator()) }

    /// Where a walk stands.
    public struct Iterator: IteratorProtocol {
        var rest: IndexingIterator<RedisReply.Elements>
        /// The next field with its value.
        public mutating func next() -> (field: ArraySlice<UInt8>, value: ArraySlice<UInt8>)? {
            guard let field = rest.next()?.bytes, let value = rest.next()?.bytes else { return nil }
            return (field, value)
        }
    }
}
