/// A value of a configuration file.
enum ConfigurationValue: Sendable, Equatable {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case array([ConfigurationValue])

    enum Kind: String, Sendable { case string, integer, boolean, array }

    var kind: Kind {
        switch self {
        case .string: .string
        case .integer: .integer
        case .boolean: .boolean
        case .array: .array
        }
    }

    /// The value as an option's texts; says which types are allowed when this is none of them.
    func texts(for option: OptionDeclaration, at place: String) throws(UsageError) -> [String] {
        if case .array(let values) = self, option.isRepeated {
            var texts: [String] = []
            for value in values { texts += try value.texts(for: option, at: place) }
            return texts
        }
        guard option.configurationTypes.contains(kind) else {
            let allowed = option.configurationTypes.map { $0 == .string ? "a string in quotes" : "\($0 == .integer ? "an" : "a") \($0.rawValue)" }
            throw UsageError(message: "\(place): expected \(allowed.joined(separator: " or "))\(option.isRepeated ? ", or an array of them" : "")")
        }
        switch self {
        case .string(let text): return [text]
        case .integer(let number): return [String(number)]
        case .boolean(let flag): return [flag.argument]
        case .array: return []
        }
    }
}

/// The part of TOML 1.0 that settings need: `key = value` lines, comments, tables as prefixes of keys; strings, integers, booleans
/// and arrays of them on one line. toml.io/en/v1.0.0
enum ConfigurationFile {
    struct Entry: Sendable, Equatable {
        let key: String
        let value: ConfigurationValue
        let line: Int
    }

    /// Reads a whole file; the first mistake is reported with its line.
    static func parse(_ text: String, named file: String) throws(UsageError) -> [Entry] {
        var entries: [Entry] = []
        var lines: [String: Int] = [:]
        var prefix = ""
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }).enumerated() {
            var scanner = LineScanner(rest: line.unicodeScalars[...], place: "\(file), line \(index + 1)")
            scanner.skipBlanks()
            if scanner.isAtEnd { continue }
            if scanner.take("[") {
                scanner.skipBlanks()
                prefix = try scanner.key() + "."
                scanner.skipBlanks()
                guard scanner.take("]") else { throw scanner.error("a table ends in ]") }
            } else {
                let key = prefix + (try scanner.key())
                scanner.skipBlanks()
                guard scanner.take("=") else { throw scanner.error("expected key = value") }
                scanner.skipBlanks()
                let value = try scanner.value(nested: false)
                if let first = lines[key] { throw scanner.error("\(TerminalText.quoted(key)) was already set in line \(first)") }
                lines[key] = index + 1
                entries.append(Entry(key: key, value: value, line: index + 1))
            }
            scanner.skipBlanks()
            guard scanner.isAtEnd else { throw scanner.error("unexpected text at the end of the line") }
        }
        return entries
    }
}

private struct LineScanner {
    var rest: Substring.UnicodeScalarView
    let place: String

    /// A comment counts as the end of the line.
    var isAtEnd: Bool { rest.isEmpty || rest.first == "#" }

    func error(_ message: String) -> UsageError { UsageError(message: "\(place): \(message)") }

    mutating func skipBlanks() { rest = rest.drop { $0 == " " || $0 == "\t" } }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        return true
    }

    /// Bare keys, with dots between.
    mutating func key() throws(UsageError) -> String {
        let key = rest.prefix {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_" || $0 == "-" || $0 == "."
        }
        guard !key.isEmpty else { throw error("expected a key of letters, digits, -, _ and .") }
        rest = rest.dropFirst(key.count)
        return String(key)
    }

    mutating func value(nested: Bool) throws(UsageError) -> ConfigurationValue {
        if take("\"") { return .string(try basicString()) }
        if take("'") {
            let text = rest.prefix { $0 != "'" }
            rest = rest.dropFirst(text.count)
            guard take("'") else { throw error("a string ends in '") }
            return .string(String(text))
        }
        if take("[") {
            guard !nested else { throw error("arrays cannot hold arrays") }
            return .array(try elements())
        }
        let word = String(rest.prefix { $0 != " " && $0 != "\t" && $0 != "#" && $0 != "," && $0 != "]" })
        rest = rest.dropFirst(word.unicodeScalars.count)
        if word == "true" || word == "false" { return .boolean(word == "true") }
        let digits = word.drop { $0 == "+" || $0 == "-" }
        // Underscores may stand between digits, and nowhere else.
        if !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) || $0 == "_" }), !digits.hasPrefix("_"), !digits.hasSuffix("_"),
            !digits.contains("__"), word.count - digits.count <= 1
        {
            guard let number = Int(String(word.filter { $0 != "_" })) else { throw error("the number is too large") }
            return .integer(number)
        }
        throw error("expected a string in quotes, a whole number, true or false")
    }

    private mutating func elements() throws(UsageError) -> [ConfigurationValue] {
        var values: [ConfigurationValue] = []
        while true {
            skipBlanks()
            if take("]") { return values }
            values.append(try value(nested: true))
            skipBlanks()
            if take(",") { continue }
            guard take("]") else { throw error("an array ends in ] on the same line") }
            return values
        }
    }

    private mutating func basicString() throws(UsageError) -> String {
        var text = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"": return String(text)
            case "\\": text.append(try escape())
            default: text.append(scalar)
            }
        }
        throw error("a string ends in \"")
    }

    private mutating func escape() throws(UsageError) -> Unicode.Scalar {
        switch rest.popFirst() {
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{C}"
        case "r": return "\r"
        case "\"": return "\""
        case "\\": return "\\"
        case "u": return try unicode(digits: 4)
        case "U": return try unicode(digits: 8)
        default: throw error(#"allowed after \ are b t n f r " \ uXXXX UXXXXXXXX"#)
        }
    }

    private mutating func unicode(digits: Int) throws(UsageError) -> Unicode.Scalar {
        let text = String(rest.prefix(digits))
        rest = rest.dropFirst(digits)
        guard text.utf8.count == digits, text.utf8.first != UInt8(ascii: "+"), let number = UInt32(text, radix: 16),
            let scalar = Unicode.Scalar(number)
        else { throw error("not a Unicode scalar: \(TerminalText.quoted(text))") }
        return scalar
    }
}
