/// Percent-encoding (RFC 3986 §2.1), strict in both directions.
public enum PercentEncoding {
    /// Decodes `text`.
    ///
    /// - Parameter plusIsSpace: reads `+` as a space, as forms and query strings do.
    /// - Throws: `HTTPError` with code `invalidEncoding` naming the place, when `%` is not followed by two hexadecimal digits or when
    ///   the decoded bytes are not UTF-8.
    public static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) throws(HTTPError) -> String {
        try decode(bytes: text.utf8, plusIsSpace: plusIsSpace)
    }

    static func decode(bytes: some Collection<UInt8>, plusIsSpace: Bool = false) throws(HTTPError) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            bytes.formIndex(after: &index)
            if byte == 0x25 {
                let escape = bytes[index...].prefix(2)
                guard escape.count == 2, let high = escape.first?.hexValue, let low = escape.dropFirst().first?.hexValue else {
                    let offset = bytes.distance(from: bytes.startIndex, to: index) - 1
                    throw HTTPError(.invalidEncoding, "%\(String(decoding: escape, as: UTF8.self)) at byte \(offset) is not a percent-encoded byte")
                }
                decoded.append(high << 4 | low)
                index = escape.endIndex
            } else {
                decoded.append(plusIsSpace && byte == 0x2b ? .space : byte)
            }
        }
        guard let result = String(validating: decoded, as: UTF8.self) else {
            throw HTTPError(.invalidEncoding, "the percent-decoded bytes of \"\(String(decoding: bytes.prefix(64), as: UTF8.self))\" are not UTF-8")
        }
        return result
    }

    /// Encodes everything in `text` but unreserved characters, so that the result may stand as one path component or query value.
    public static func encode(_ text: some StringProtocol) -> String {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.utf8.count)
        let digits: StaticString = "0123456789ABCDEF"
        digits.withUTF8Buffer { digits in
            for byte in text.utf8 {
                if ByteClass.unreserved.contains(byte) {
                    encoded.append(byte)
                } else {
                    encoded.append(0x25)
                    encoded.append(digits[Int(byte >> 4)])
                    encoded.append(digits[Int(byte & 15)])
                }
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }
}

/// The `name=value` pairs of a query string, in the order in which they were given.
public struct Query: Sendable, Equatable {
    /// One pair; a name without `=` has an empty value.
    public struct Item: Sendable, Equatable {
        /// The decoded name.
        public var name: String
        /// The decoded value.
        public var value: String
    }

    /// All pairs, duplicates included.
    public var items: [Item] = []

    /// Reads a raw query string, without its `?`.
    ///
    /// - Throws: `HTTPError` with code `invalidEncoding` naming the pair that cannot be decoded.
    public init(parsing text: some StringProtocol) throws(HTTPError) {
        for pair in text.utf8.split(separator: 0x26) {
            let separator = pair.firstIndex(of: 0x3d) ?? pair.endIndex
            let name = try PercentEncoding.decode(bytes: pair[..<separator], plusIsSpace: true)
            let rawValue = separator == pair.endIndex ? pair[pair.endIndex...] : pair[pair.index(after: separator)...]
            do throws(HTTPError) {
                items.append(Item(name: name, value: try PercentEncoding.decode(bytes: rawValue, plusIsSpace: true)))
            } catch {
                throw HTTPError(error.code, "query parameter \"\(name.prefix(64))\": \(error.message)")
            }
        }
    }

    /// The first value of `name`.
    public subscript(name: String) -> String? {
        items.first { $0.name == name }?.value
    }
}
