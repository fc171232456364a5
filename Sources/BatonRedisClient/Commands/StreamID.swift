/// The ID of a stream's entry: milliseconds and a number that tells entries of one millisecond apart.
public struct StreamID: Sendable, Hashable, Comparable, CustomStringConvertible, RedisDecodable {
    /// Milliseconds since 1970, by the server's clock.
    public let milliseconds: UInt64
    /// Which entry of that millisecond.
    public let sequence: UInt64

    /// The ID before every entry.
    public static let zero = StreamID(0, 0)
    /// The largest ID there can be.
    public static let maximum = StreamID(.max, .max)

    /// Makes an ID from its parts.
    public init(_ milliseconds: UInt64, _ sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// Reads `ms-seq`; nil when the bytes are anything else.
    public init?(_ bytes: ArraySlice<UInt8>) { self.init(bytes.span) }

    /// Reads `ms-seq` in place; nil when the bytes are anything else.
    init?(_ text: Span<UInt8>) {
        var dash = 0
        while dash < text.count, text[dash] != UInt8(ascii: "-") { dash += 1 }
        guard dash < text.count, let milliseconds = Decimal.unsigned(in: text.extracting(first: dash)),
            let sequence = Decimal.unsigned(in: text.extracting(last: text.count - dash - 1))
        else { return nil }
        self.init(milliseconds, sequence)
    }

    /// Reads `ms-seq`; nil when the text is anything else.
    public init?(_ text: String) { self.init(Array(text.utf8)[...]) }

    /// Reads an ID.
    public init(_ reply: RedisReply) throws(RedisError) {
        guard let bytes = reply.bytes, let id = StreamID(bytes) else { throw reply.unexpected("a stream ID") }
        self = id
    }

    /// By time, then by number.
    public static func < (a: StreamID, b: StreamID) -> Bool {
        (a.milliseconds, a.sequence) < (b.milliseconds, b.sequence)
    }

    /// `ms-seq`.
    public var description: String {
        // There is one for every delivery of a group, so it is made in one piece.
        String(unsafeUninitializedCapacity: 41) { text in
            var end = 0
            func append(_ number: UInt64) {
                let first = end
                var rest = number
                repeat {
                    text.initializeElement(at: end, to: UInt8(48 + rest % 10))
                    end += 1
                    rest /= 10
                } while rest > 0
                text[first..<end].reverse()
            }
            append(milliseconds)
            text.initializeElement(at: end, to: UInt8(ascii: "-"))
            end += 1
            append(sequence)
            return end
        }
    }

    /// The next possible ID; nil after the last one.
    public var next: StreamID? {
        if sequence < .max { return StreamID(milliseconds, sequence + 1) }
        return milliseconds < .max ? StreamID(milliseconds + 1, 0) : nil
    }
}

extension RESPEncoder {
    /// Appends a stream ID as the next argument.
    public mutating func append(_ id: StreamID) {
        append(id, prefix: nil)
    }

    /// Appends a stream ID with a character before it, which is how an open end of a range is written.
    mutating func append(_ id: StreamID, prefix: UInt8?) {
        var text: [UInt8] = []
        text.reserveCapacity(42)
        if let prefix { text.append(prefix) }
        Decimal.append(magnitude: id.milliseconds, to: &text)
        text.append(UInt8(ascii: "-"))
        Decimal.append(magnitude: id.sequence, to: &text)
        append(text)
    }
}
