/// One JSON value as the bytes that its author wrote.
///
/// The bytes are checked once and then stored and passed on as they are: spelling of numbers, order of members and white
/// space survive. Two values are equal when their bytes are.
public struct JSON: Hashable, Sendable, CustomStringConvertible {
    /// The text, in UTF-8, without white space around it.
    public let bytes: [UInt8]

    /// `null`.
    public static let null = JSON(checked: Array("null".utf8))

    /// The value that `bytes` spell.
    /// - Throws: ``StoreError/Code/invalidJSON``, with the position of the first wrong byte.
    public init(_ bytes: [UInt8]) throws(StoreError) {
        let range: Range<Int>
        do throws(JSONError) { range = try JSONScanner.document(bytes.span) } catch { throw StoreError(error) }
        self.bytes = range == 0..<bytes.count ? bytes : Array(bytes[range])
    }

    /// The value that `text` spells.
    /// - Throws: ``StoreError/Code/invalidJSON``, with the position of the first wrong byte.
    public init(parsing text: String) throws(StoreError) {
        try self.init(Array(text.utf8))
    }

    /// A JSON string with this text.
    public init(string text: String) {
        var writer = JSONWriter()
        writer.string(text)
        self.bytes = writer.bytes
    }

    package init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// The text.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether it is `null`.
    public var isNull: Bool { bytes == JSON.null.bytes }

    /// Whether it is an object.
    public var isObject: Bool { bytes.first == UInt8(ascii: "{") }

    /// The text of a JSON string; `nil` for any other value.
    public var stringValue: String? {
        guard bytes.first == UInt8(ascii: "\"") else { return nil }
        return try? JSONScanner.text(0..<bytes.count, in: bytes.span)
    }

    /// The value of a JSON number that is a whole number in the range of `Int`; `nil` for any other value.
    public var intValue: Int? { Int(description) }

    /// The members of an object in their order, values unparsed; `nil` for any other value. O(length).
    public var members: [(name: String, value: JSON)]? {
        guard isObject else { return nil }
        var members: [(name: String, value: JSON)] = []
        var scanner = JSONScanner()
        let bytes = self.bytes
        do throws(JSONError) {
            try scanner.object(bytes.span, failing: { $0 }) { (scanner, name) throws(JSONError) in
                let value = try scanner.value(bytes.span)
                members.append((try JSONScanner.text(name, in: bytes.span), JSON(checked: Array(bytes[value]))))
            }
        } catch { return nil }
        return members
    }

    /// The elements of an array; `nil` for any other value. O(length).
    public var elements: [JSON]? {
        guard bytes.first == UInt8(ascii: "[") else { return nil }
        var elements: [JSON] = []
        var scanner = JSONScanner()
        let bytes = self.bytes
        do throws(JSONError) {
            try scanner.array(bytes.span, failing: { $0 }) { (scanner, _) throws(JSONError) in
                elements.append(JSON(checked: Array(bytes[try scanner.value(bytes.span)])))
            }
        } catch { return nil }
        return elements
    }

    /// The value of the last member with this name; `nil` when absent or when this is no object. O(length).
    public subscript(name: String) -> JSON? { members?.last { Name.isSame($0.name, name) }?.value }
}

extension JSON {
    /// This value changed by a merge patch (RFC 7396): members of objects are merged, `null` removes, anything else replaces.
    ///
    /// Names are compared as RFC 8259 §8.3 says, code unit by code unit. Of members with the same name the last one counts, and
    /// only it is left. O(length), for each level that both objects have.
    public func merging(_ patch: JSON) -> JSON {
        guard let changes = patch.members else { return patch }
        var members: [(name: String, value: JSON?)] = []
        var places: [[UInt8]: Int] = [:]
        for (name, value) in self.members ?? [] {
            if let earlier = places.updateValue(members.count, forKey: Array(name.utf8)) { members[earlier].value = nil }
            members.append((name, value))
        }
        for (name, change) in changes {
            if let place = places[Array(name.utf8)] {
                // A member that an earlier `null` of this patch took away is merged into nothing.
                members[place].value = change.isNull ? nil : (members[place].value ?? .null).merging(change)
            } else if !change.isNull {
                places[Array(name.utf8)] = members.count
                // RFC 7396 §2: a new member is merged into nothing, so that nulls inside it vanish.
                members.append((name, JSON.null.merging(change)))
            }
        }
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in members {
                if let value { writer.member(name, value) }
            }
        }
        return JSON(checked: writer.bytes)
    }
}

extension StoreError {
    init(_ error: JSONError, in what: String = "the JSON text") {
        self.init(.invalidJSON, "\(what) is not valid: \(error.reason.rawValue), at byte \(error.position)")
    }
}
