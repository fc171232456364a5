/// Header fields in the order in which they came, duplicates included; names compare without case.
///
/// All text lives in one buffer, so that a parsed head costs two allocations however many fields it has, and looking one up costs none
/// beyond the value that is returned.
public struct Headers: Sendable {
    private struct Field: Sendable {
        var start: Int
        var nameCount: Int
        var valueCount: Int
    }

    private var text: [UInt8] = []
    private var fields: [Field] = []

    /// No fields.
    public init() {}

    /// How many fields there are.
    public var count: Int { fields.count }
    /// Whether there is none.
    public var isEmpty: Bool { fields.isEmpty }

    /// The first value of `name`; setting replaces all of its fields by one, or removes them.
    public subscript(name: String) -> String? {
        get {
            for field in fields where matches(field, name) { return value(of: field) }
            return nil
        }
        set {
            remove(name)
            if let newValue { add(name, newValue) }
        }
    }

    /// Every value of `name`, in order.
    public func values(of name: String) -> [String] {
        fields.filter { matches($0, name) }.map(value(of:))
    }

    /// Whether a field of this name exists.
    public func contains(_ name: String) -> Bool {
        fields.contains { matches($0, name) }
    }

    /// Whether the comma-separated list in the fields called `name` has the member `token`, compared without case.
    public func contains(_ name: String, token: StaticString) -> Bool {
        fields.contains { field in
            guard matches(field, name) else { return false }
            let span = text.span
            let end = field.start + field.nameCount + field.valueCount
            var start = field.start + field.nameCount
            while start <= end {
                let comma = span.firstIndex(of: .comma, in: start..<end) ?? end
                if span.matches(span.trimmingWhitespace(start..<comma), token) { return true }
                start = comma + 1
            }
            return false
        }
    }

    /// Adds a field after the others.
    ///
    /// A byte that may not stand in a value (CR, LF, NUL and other controls, RFC 9110 §5.5) is written as a space and one that may not stand
    /// in a name as `_`, so no text from outside can end a field and begin another.
    public mutating func add(_ name: String, _ value: String) {
        let start = text.count
        for byte in name.utf8 { text.append(ByteClass.token.contains(byte) ? byte : 0x5f) }
        let nameCount = text.count - start
        for byte in value.utf8 { text.append(ByteClass.isFieldContent(byte) ? byte : .space) }
        fields.append(Field(start: start, nameCount: nameCount, valueCount: text.count - start - nameCount))
    }

    /// Adds a field that the parser has validated.
    mutating func add(_ span: Span<UInt8>, name: Range<Int>, value: Range<Int>) {
        let start = text.count
        if text.isEmpty {
            text.reserveCapacity(256)
            fields.reserveCapacity(8)
        }
        text.append(span, name)
        text.append(span, value)
        fields.append(Field(start: start, nameCount: name.count, valueCount: value.count))
    }

    /// Removes every field called `name`.
    public mutating func remove(_ name: String) {
        let kept = fields.filter { !matches($0, name) }
        if kept.count < fields.count { fields = kept }
    }

    /// Appends `Name: value` lines as they stand on the wire; with `withoutFraming`, the fields that the server decides are left out.
    func write(into buffer: inout [UInt8], withoutFraming: Bool = false) {
        let span = text.span
        for field in fields where !(withoutFraming && isFraming(field)) {
            buffer.append(span, field.start..<field.start + field.nameCount)
            buffer.append(": ")
            buffer.append(span, field.start + field.nameCount..<field.start + field.nameCount + field.valueCount)
            buffer.append("\r\n")
        }
    }

    private func isFraming(_ field: Field) -> Bool {
        switch field.nameCount {
        case 4: matches(field, "date")
        case 10: matches(field, "connection")
        case 14: matches(field, "content-length")
        case 17: matches(field, "transfer-encoding")
        default: false
        }
    }

    private func value(of field: Field) -> String {
        text.span.string(field.start + field.nameCount..<field.start + field.nameCount + field.valueCount)
    }

    @inline(__always)
    private func matches(_ field: Field, _ name: String) -> Bool {
        guard name.utf8.count == field.nameCount else { return false }
        var index = field.start
        for byte in name.utf8 {
            if text[index].lowercased != byte.lowercased { return false }
            index += 1
        }
        return true
    }
}

extension Headers: Sequence {
    /// The fields as name and value, in order.
    public func makeIterator() -> AnyIterator<(name: String, value: String)> {
        var index = 0
        return AnyIterator {
            guard index < fields.count else { return nil }
            let field = fields[index]
            index += 1
            return (text.span.string(field.start..<field.start + field.nameCount), value(of: field))
        }
    }
}

extension Headers: ExpressibleByDictionaryLiteral, Equatable, CustomStringConvertible {
    /// Fields in the order of the literal.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { add(name, value) }
    }

    /// Whether both have the same fields in the same order; names compare without case.
    public static func == (left: Headers, right: Headers) -> Bool {
        left.count == right.count
            && zip(left, right).allSatisfy { $0.name.lowercased() == $1.name.lowercased() && $0.value == $1.value }
    }

    /// The names and values, with those that carry secrets left out.
    public var description: String {
        map { name, value in
            switch name.lowercased() {
            case "authorization", "proxy-authorization", "cookie", "set-cookie": "\(name): (redacted)"
            default: "\(name): \(value)"
            }
        }.joined(separator: ", ")
    }
}
