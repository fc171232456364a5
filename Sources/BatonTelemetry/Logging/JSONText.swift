/// Text as JSON strings have it.
package enum JSONText {
    /// Appends a JSON string.
    package static func append(_ text: String, to line: inout [UInt8]) {
        line.append(0x22)
        append(text, escapingQuotes: true, to: &line)
        line.append(0x22)
    }

    /// Appends a text whose control characters are escaped, so that it cannot break out of its line.
    static func appendEscapingControls(of text: String, to line: inout [UInt8]) { append(text, escapingQuotes: false, to: &line) }

    /// Nearly no text has anything to escape, so it is copied stretch by stretch and not byte by byte.
    private static func append(_ text: String, escapingQuotes: Bool, to line: inout [UInt8]) {
        var text = text
        text.withUTF8 { utf8 in
            var start = 0
            for index in 0..<utf8.count {
                let byte = utf8[index]
                guard byte < 0x20 || byte == 0x7F || byte == 0x22 && escapingQuotes || byte == 0x5C && escapingQuotes else { continue }
                line.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<index]))
                start = index + 1
                appendEscaped(byte, to: &line)
            }
            line.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start...]))
        }
    }

    private static func appendEscaped(_ byte: UInt8, to line: inout [UInt8]) {
        line.append(0x5C)
        switch byte {
        case 0x22, 0x5C: line.append(byte)
        case 0x0A: line.append(UInt8(ascii: "n"))
        case 0x09: line.append(UInt8(ascii: "t"))
        case 0x0D: line.append(UInt8(ascii: "r"))
        default: line.append(contentsOf: [UInt8(ascii: "u"), 0x30, 0x30, HexDigits.digit(byte >> 4), HexDigits.digit(byte & 15)])
        }
    }
}
