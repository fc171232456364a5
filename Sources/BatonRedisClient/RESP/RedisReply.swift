/// One reply of a server: a view of the bytes that arrived, decoded when it is looked at.
///
/// Slices taken from a reply keep the whole reply's bytes alive; copy what you keep for long.
public struct RedisReply: Sendable {
    /// What a reply is on the wire, RESP2 and RESP3 taken together.
    public enum Kind: UInt8, Sendable {
        /// No value: `$-1`, `*-1` or `_`.
        case null
        /// A short text without line breaks, such as `OK`.
        case simpleString
        /// A refusal; its first word names its class.
        case error
        /// A signed 64-bit number.
        case integer
        /// A floating-point number.
        case double
        /// A truth value.
        case boolean
        /// Any bytes.
        case bulkString
        /// Text with a three-letter format name before it.
        case verbatimString
        /// A decimal number of any size, as text.
        case bigNumber
        /// An ordered list of replies.
        case array
        /// An unordered list of replies.
        case set
        /// Keys and values in turn.
        case map
        /// Something the server sent without being asked.
        case push

        var isAggregate: Bool { rawValue >= Kind.array.rawValue }
    }

    /// One value on the tape of a reply. The tape lists the values of a frame in the order they arrived, so that the children of an
    /// aggregate follow it directly and `end` skips a whole subtree.
    struct Node: Sendable {
        let kind: Kind
        /// Strings: offset in the frame. Aggregates: index of the first child on the tape. Integers: the high half.
        var a: UInt32
        /// Strings: length in bytes. Aggregates: number of children. Integers and booleans: the low half.
        var b: UInt32
        /// Index on the tape of the value after this one and all of its children.
        var end: UInt32

        init(_ kind: Kind, _ a: UInt32, _ b: UInt32, end: UInt32 = 0) {
            self.kind = kind
            self.a = a
            self.b = b
            self.end = end
        }

        init(integer: Int64, end: UInt32 = 0) {
            let bits = UInt64(bitPattern: integer)
            self.init(.integer, UInt32(truncatingIfNeeded: bits >> 32), UInt32(truncatingIfNeeded: bits), end: end)
        }

        var integerBits: Int64 { Int64(bitPattern: UInt64(a) << 32 | UInt64(b)) }
    }

    let frame: [UInt8]
    let tape: [Node]
    let node: Node

    init(frame: [UInt8], tape: [Node], node: Node) {
        self.frame = frame
        self.tape = tape
        self.node = node
    }

    /// What this reply is.
    public var kind: Kind { node.kind }

    /// Whether this is the null reply.
    public var isNull: Bool { node.kind == .null }

    /// The bytes of a string, error or number that came as text; nil for anything else. A slice, not a copy.
    public var bytes: ArraySlice<UInt8>? {
        switch node.kind {
        case .simpleString, .error, .double, .bulkString, .bigNumber:
            frame[Int(node.a)..<Int(node.a) + Int(node.b)]
        case .verbatimString:
            // The decoder has checked that "txt:" or another format of three letters stands before the text.
            frame[Int(node.a) + 4..<Int(node.a) + Int(node.b)]
        default: nil
        }
    }

    /// The text of a string, error or number that came as text, with invalid UTF-8 repaired; nil for anything else.
    public var string: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    /// The number: of an integer, of a truth value, or of a string of digits, which is how RESP2 and scripts often send one.
    public var integer: Int64? {
        switch node.kind {
        case .integer: node.integerBits
        case .boolean: Int64(node.b)
        case .bulkString, .simpleString, .bigNumber: bytes.flatMap { Decimal.integer(in: $0.span) }
        default: nil
        }
    }

    /// The floating-point number: of a double, an integer, or a string that reads as one.
    public var double: Double? {
        switch node.kind {
        case .integer: Double(node.integerBits)
        case .double, .bulkString, .simpleString: string.flatMap { Double($0) }
        default: nil
        }
    }

    /// The refusal that this reply is, or nil.
    public var error: RedisError? {
        node.kind == .error ? RedisError(server: string ?? "") : nil
    }

    /// The values of an array, set, map (keys and values in turn) or push; nil for anything else.
    public var elements: Elements? {
        node.kind.isAggregate ? Elements(frame: frame, tape: tape, first: Int(node.a), count: Int(node.b)) : nil
    }

    /// The values inside an aggregate, in order. Walking over them costs no allocation.
    public struct Elements: Collection, Sendable {
        /// A position: how many values stand before it and where it is on the tape.
        public struct Index: Comparable, Sendable {
            let ordinal: Int
            let position: Int
            /// Compares by order in the aggregate.
            public static func < (a: Index, b: Index) -> Bool { a.ordinal < b.ordinal }
            /// Whether both are the same position.
            public static func == (a: Index, b: Index) -> Bool { a.ordinal == b.ordinal }
        }

        let frame: [UInt8]
        let tape: [Node]
        let first: Int
        /// How many values there are. O(1).
        public let count: Int

        /// The position of the first value.
        public var startIndex: Index { Index(ordinal: 0, position: first) }
        /// The position after the last value.
        public var endIndex: Index { Index(ordinal: count, position: -1) }
        /// The next position; O(1) whatever the value before it contains.
        public func index(after i: Index) -> Index { Index(ordinal: i.ordinal + 1, position: Int(tape[i.position].end)) }
        /// The value at a position.
        public subscript(i: Index) -> RedisReply { RedisReply(frame: frame, tape: tape, node: tape[i.position]) }
    }
}

extension RedisReply: CustomStringConvertible {
    /// The kind and size, never the content: replies hold what users stored.
    public var description: String {
        switch node.kind {
        case .integer: "integer \(node.integerBits)"
        case .error: "error \(error?.server?.word ?? "")"
        case .array, .set, .map, .push: "\(node.kind) of \(node.b)"
        case .null: "null"
        default: "\(node.kind) of \(bytes?.count ?? 0) bytes"
        }
    }
}
