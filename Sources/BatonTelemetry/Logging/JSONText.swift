/// Text as JSON strings have it.
package enum JSONText {
    /// Appends a JSON string.
    package static func append(_ text: String, to line: inout [UInt8]) {
        line.append(0x22)
        for byte in text.utf8 {
            if byte == 0x22 || byte == 0x5C { line.append(0x5C) }
            appendEscapingControl(byte, to: &line)
        }
        line.append(0x22)
    }

    /// Appends a text whose control characters are escaped, so that it cannot break out of its line.
    static func appendEscapingControls(of text: String, to line: inout [UInt8]) {
        for byte in text.utf8 { appendEscapingControl(byte, to: &line) }
    }

    private static func appendEscapingControl(_ byte: UInt8, to line: inout [UInt8]) {
        switch byte {
        case 0x0A: line.append(contentsOf: #"\n"#.utf8)
        case 0x09: line.append(contentsOf: #"\t"#.utf8)
        case 0x0D: line.append(contentsOf: #"\r"#.utf8)
        case 0..<0x20, 0x7F:
            line.append(contentsOf: #"\u00"#.utf8)
            line.append(hexadecimal(byte >> 4))
            line.append(hexadecimal(byte & 15))
        default: line.append(byte)
        }
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 { digit < 10 ? 0x30 + digit : 0x57 + digit }
}
