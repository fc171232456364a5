/// Why bytes are not JSON, and where.
package struct JSONError: Error, Hashable {
    package enum Reason: String {
        case unexpectedEnd = "the text ends inside a value"
        case unexpectedByte = "a value, bracket, comma or colon was expected"
        case invalidNumber = "a number is not as RFC 8259 §6 says"
        case invalidEscape = "a string has an escape that RFC 8259 §7 does not know"
        case controlCharacter = "a string has a control character that is not escaped"
        case invalidUTF8 = "the text is not valid UTF-8"
        case tooDeep = "values are nested deeper than 512 levels"
        case trailing = "there is more after the value"
        case loneSurrogate = "a name or text has half of a surrogate pair"
    }

    package let reason: Reason
    /// Byte offset from the start of the text.
    package let position: Int
}

/// Walks over JSON (RFC 8259) in place: checks grammar, UTF-8 and depth, builds nothing.
///
/// The bytes are passed to every call, so that the scanner is a plain value that remembers a position. Every value that
/// is stored or passed through has been walked once by it, and is copied byte for byte afterwards.
package struct JSONScanner {
    /// Brackets inside brackets; more is refused. Deep enough for any honest document, shallow enough for any stack.
    package static let maximumDepth = 512

    /// The next byte to look at.
    package var position = 0

    package init(at position: Int = 0) { self.position = position }

    /// The range of the one value that `bytes` holds, white space around it left out.
    package static func document(_ bytes: Span<UInt8>) throws(JSONError) -> Range<Int> {
        var scanner = JSONScanner()
        let range = try scanner.value(bytes)
        try scanner.end(bytes)
        return range
    }

    /// Only white space may follow.
    package mutating func end(_ bytes: Span<UInt8>) throws(JSONError) {
        skipWhitespace(bytes)
        if position < bytes.count { throw error(.trailing) }
    }

    /// Walks over one value; returns its range.
    @discardableResult
    package mutating func value(_ bytes: Span<UInt8>) throws(JSONError) -> Range<Int> {
        skipWhitespace(bytes)
        let start = position
        try value(bytes, depth: 0)
        return start..<position
    }

    /// The first byte of the next value, without consuming it.
    package mutating func peek(_ bytes: Span<UInt8>) throws(JSONError) -> UInt8 {
        skipWhitespace(bytes)
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        return bytes[position]
    }

    /// Walks over the members of an object: `member` gets each name and must consume the value that follows.
    package mutating func object<E: Error>(
        _ bytes: Span<UInt8>, failing: (JSONError) -> E, member: (inout JSONScanner, _ name: Range<Int>) throws(E) -> Void
    ) throws(E) {
        do throws(JSONError) { try expect(UInt8(ascii: "{"), bytes) } catch { throw failing(error) }
        skipWhitespace(bytes)
        if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            let name: Range<Int>
            do throws(JSONError) {
                skipWhitespace(bytes)
                let start = position
                try string(bytes)
                name = start..<position
                try expect(UInt8(ascii: ":"), bytes)
            } catch { throw failing(error) }
            try member(&self, name)
            do throws(JSONError) {
                if try separator(closing: UInt8(ascii: "}"), bytes) { return }
            } catch { throw failing(error) }
        }
    }

    /// Walks over the elements of an array: `element` must consume one value.
    package mutating func array<E: Error>(
        _ bytes: Span<UInt8>, failing: (JSONError) -> E, element: (inout JSONScanner, _ index: Int) throws(E) -> Void
    ) throws(E) {
        do throws(JSONError) { try expect(UInt8(ascii: "["), bytes) } catch { throw failing(error) }
        skipWhitespace(bytes)
        if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
            position += 1
            return
        }
        var index = 0
        while true {
            try element(&self, index)
            index += 1
            do throws(JSONError) {
                if try separator(closing: UInt8(ascii: "]"), bytes) { return }
            } catch { throw failing(error) }
        }
    }

    /// The text of the string that stands at `range`, quotes included, with its escapes resolved.
    package static func text(_ range: Range<Int>, in bytes: Span<UInt8>) throws(JSONError) -> String {
        let inner = (range.lowerBound + 1)..<(range.upperBound - 1)
        var escaped = false
        for index in inner where bytes[index] == UInt8(ascii: "\\") {
            escaped = true
            break
        }
        if !escaped {
            return bytes.extracting(inner).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        }
        return try unescaped(inner, in: bytes)
    }

    // MARK: - Grammar

    private mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) {
        skipWhitespace(bytes)
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        switch bytes[position] {
        case UInt8(ascii: "\""): try string(bytes)
        case UInt8(ascii: "{"):
            guard depth < JSONScanner.maximumDepth else { throw error(.tooDeep) }
            position += 1
            skipWhitespace(bytes)
            if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
                position += 1
                return
            }
            repeat {
                skipWhitespace(bytes)
                try string(bytes)
                try expect(UInt8(ascii: ":"), bytes)
                try value(bytes, depth: depth + 1)
            } while try !separator(closing: UInt8(ascii: "}"), bytes)
        case UInt8(ascii: "["):
            guard depth < JSONScanner.maximumDepth else { throw error(.tooDeep) }
            position += 1
            skipWhitespace(bytes)
            if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
                position += 1
                return
            }
            repeat {
                try value(bytes, depth: depth + 1)
            } while try !separator(closing: UInt8(ascii: "]"), bytes)
        case UInt8(ascii: "t"): try literal("true", bytes)
        case UInt8(ascii: "f"): try literal("false", bytes)
        case UInt8(ascii: "n"): try literal("null", bytes)
        case UInt8(ascii: "-"), 0x30...0x39: try number(bytes)
        default: throw error(.unexpectedByte)
        }
    }

    private mutating func skipWhitespace(_ bytes: Span<UInt8>) {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func expect(_ byte: UInt8, _ bytes: Span<UInt8>) throws(JSONError) {
        skipWhitespace(bytes)
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        guard bytes[position] == byte else { throw error(.unexpectedByte) }
        position += 1
    }

    /// Consumes `,` or the closing bracket; true for the bracket.
    private mutating func separator(closing: UInt8, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        skipWhitespace(bytes)
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        let byte = bytes[position]
        guard byte == UInt8(ascii: ",") || byte == closing else { throw error(.unexpectedByte) }
        position += 1
        return byte == closing
    }

    private mutating func literal(_ text: StaticString, _ bytes: Span<UInt8>) throws(JSONError) {
        for index in 0..<text.utf8CodeUnitCount {
            guard position + index < bytes.count else { throw error(.unexpectedEnd) }
            guard bytes[position + index] == text.utf8Start[index] else { throw error(.unexpectedByte) }
        }
        position += text.utf8CodeUnitCount
    }

    private mutating func number(_ bytes: Span<UInt8>) throws(JSONError) {
        func digits(_ scanner: inout JSONScanner) -> Int {
            let start = scanner.position
            while scanner.position < bytes.count, bytes[scanner.position] &- 48 < 10 { scanner.position += 1 }
            return scanner.position - start
        }
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        let leadsWithZero = position < bytes.count && bytes[position] == UInt8(ascii: "0")
        let whole = digits(&self)
        guard whole > 0, !(leadsWithZero && whole > 1) else { throw JSONError(reason: .invalidNumber, position: start) }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            guard digits(&self) > 0 else { throw JSONError(reason: .invalidNumber, position: start) }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") { position += 1 }
            guard digits(&self) > 0 else { throw JSONError(reason: .invalidNumber, position: start) }
        }
    }

    private mutating func string(_ bytes: Span<UInt8>) throws(JSONError) {
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        guard bytes[position] == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): try escape(bytes)
            case 0..<0x20: throw error(.controlCharacter)
            case 0x20..<0x80: position += 1
            default: try multibyte(byte, bytes)
            }
        }
        throw error(.unexpectedEnd)
    }

    private mutating func escape(_ bytes: Span<UInt8>) throws(JSONError) {
        guard position + 1 < bytes.count else { throw error(.unexpectedEnd) }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            guard position + 5 < bytes.count else { throw error(.unexpectedEnd) }
            for index in position + 2..<position + 6 where JSONScanner.hexValue(bytes[index]) == nil { throw error(.invalidEscape) }
            position += 6
        default: throw error(.invalidEscape)
        }
    }

    /// One character of two to four bytes, as the table of RFC 3629 §4 allows.
    private mutating func multibyte(_ lead: UInt8, _ bytes: Span<UInt8>) throws(JSONError) {
        let second: ClosedRange<UInt8>
        let count: Int
        switch lead {
        case 0xC2...0xDF: (second, count) = (0x80...0xBF, 2)
        case 0xE0: (second, count) = (0xA0...0xBF, 3)
        case 0xE1...0xEC, 0xEE...0xEF: (second, count) = (0x80...0xBF, 3)
        case 0xED: (second, count) = (0x80...0x9F, 3)
        case 0xF0: (second, count) = (0x90...0xBF, 4)
        case 0xF1...0xF3: (second, count) = (0x80...0xBF, 4)
        case 0xF4: (second, count) = (0x80...0x8F, 4)
        default: throw error(.invalidUTF8)
        }
        guard position + count <= bytes.count, second.contains(bytes[position + 1]) else { throw error(.invalidUTF8) }
        for index in position + 2..<max(position + count, position + 2) where bytes[index] & 0xC0 != 0x80 { throw error(.invalidUTF8) }
        position += count
    }

    private static func unescaped(_ range: Range<Int>, in bytes: Span<UInt8>) throws(JSONError) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "\\") else {
                output.append(byte)
                index += 1
                continue
            }
            let kind = bytes[index + 1]
            index += 2
            switch kind {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                var unit = hexUnit(at: index, in: bytes)
                index += 4
                if (0xD800..<0xDC00).contains(unit), index + 6 <= range.upperBound, bytes[index] == UInt8(ascii: "\\"),
                    bytes[index + 1] == UInt8(ascii: "u")
                {
                    let low = hexUnit(at: index + 2, in: bytes)
                    if (0xDC00..<0xE000).contains(low) {
                        unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
                        index += 6
                    }
                }
                guard let scalar = Unicode.Scalar(unit) else { throw JSONError(reason: .loneSurrogate, position: index - 6) }
                output.append(contentsOf: UTF8.encode(scalar)!)
            default: output.append(kind)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func hexUnit(at index: Int, in bytes: Span<UInt8>) -> UInt32 {
        var unit: UInt32 = 0
        for position in index..<index + 4 { unit = unit << 4 | UInt32(hexValue(bytes[position]) ?? 0) }
        return unit
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    private func error(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, position: position) }
}
