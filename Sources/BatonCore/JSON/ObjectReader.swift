/// Reads the members of a request object one by one, refusing names that come twice, so that what is stored is never a
/// matter of which copy a parser prefers (RFC 8259 §4 leaves it open).
package struct ObjectReader {
    /// One member: its name, and its value to be taken as what it should be.
    package struct Field {
        /// The name, unescaped.
        package let name: String
        /// The value as it was written.
        package let raw: JSON
        fileprivate let place: String

        /// Whether the value is `null`, which says the same as leaving the member out.
        package var isNull: Bool { raw.isNull }

        /// The path of the member, for messages.
        package var path: String { place.isEmpty ? name : "\(place).\(name)" }

        /// The text of a string; `nil` for `null`.
        package func string() throws(StoreError) -> String? {
            if isNull { return nil }
            guard let value = raw.stringValue else { throw wrongType("a string") }
            return value
        }

        /// `true` or `false`; `nil` for `null`.
        package func bool() throws(StoreError) -> Bool? {
            switch raw.description {
            case "true": return true
            case "false": return false
            case "null": return nil
            default: throw wrongType("true or false")
            }
        }

        /// A whole number inside `range`; `nil` for `null`.
        package func int(in range: ClosedRange<Int>) throws(StoreError) -> Int? {
            if isNull { return nil }
            guard let value = raw.intValue, range.contains(value) else {
                throw wrongType("a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }

        /// A number of seconds, to the millisecond; `nil` for `null`.
        package func seconds() throws(StoreError) -> Duration? {
            if isNull { return nil }
            // A string is no number, although what stands in it may read like one.
            guard let first = raw.bytes.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first), let value = Double(raw.description),
                abs(value) < 1e9
            else { throw wrongType("a number of seconds") }
            return .milliseconds(Int((value * 1000).rounded()))
        }

        /// The strings of an array; `nil` for `null`.
        package func strings() throws(StoreError) -> [String]? {
            if isNull { return nil }
            guard let elements = raw.elements else { throw wrongType("an array of strings") }
            var texts: [String] = []
            for element in elements {
                guard let text = element.stringValue else { throw wrongType("an array of strings") }
                texts.append(text)
            }
            return texts
        }

        /// An object; `nil` for `null`.
        package func object() throws(StoreError) -> JSON? {
            if isNull { return nil }
            guard raw.isObject else { throw wrongType("an object") }
            return raw
        }

        /// The error for a value of the wrong type.
        package func wrongType(_ allowed: String) -> StoreError {
            StoreError(.invalidField, "\(path) has to be \(allowed)")
        }

        /// The error for a name that is not known here.
        package func unknown(allowed: String) -> StoreError {
            StoreError(.unknownField, "\(path.prefix(200)) is not a known field; allowed are: \(allowed)")
        }
    }

    private let place: String

    /// A reader of the object that messages call `place`.
    package init(at place: String) { self.place = place }

    /// Reads a document that has to be one object. An empty document reads as an object without members where that is allowed.
    package static func document(
        _ bytes: [UInt8], at place: String, emptyAllowed: Bool = false, _ member: (Field) throws(StoreError) -> Void
    ) throws(StoreError) {
        if bytes.isEmpty, emptyAllowed { return }
        var scanner = JSONScanner()
        let reader = ObjectReader(at: place)
        try reader.read(bytes.span, with: &scanner, member)
        do throws(JSONError) { try scanner.end(bytes.span) } catch { throw StoreError(error) }
    }

    /// Reads the object at the scanner's position.
    package func read(
        _ bytes: Span<UInt8>, with scanner: inout JSONScanner, _ member: (Field) throws(StoreError) -> Void
    ) throws(StoreError) {
        let isObject: Bool
        do throws(JSONError) {
            isObject = try scanner.peek(bytes) == UInt8(ascii: "{")
            // Walk over anything else first: broken JSON is reported as such, not as a value of the wrong type.
            if !isObject { try scanner.value(bytes) }
        } catch { throw StoreError(error) }
        guard isObject else { throw StoreError(.invalidField, "\(place.isEmpty ? "the body" : place) has to be a JSON object") }
        let place = self.place
        var seen: [String] = []
        try scanner.object(bytes, failing: { StoreError($0) }) { (scanner, nameRange) throws(StoreError) in
            let name: String
            let value: JSON
            do throws(JSONError) {
                name = try JSONScanner.text(nameRange, in: bytes)
                value = JSON(checked: bytes.extracting(try scanner.value(bytes)).withUnsafeBufferPointer { Array($0) })
            } catch { throw StoreError(error) }
            guard !seen.contains(name) else {
                throw StoreError(.invalidField, "\(place.isEmpty ? name : "\(place).\(name)") is given twice")
            }
            seen.append(name)
            try member(Field(name: name, raw: value, place: place))
        }
    }
}
