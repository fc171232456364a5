@testable import BatonCLI

/// Reads command lines, variables and a configuration file: what is wrong with them is said in words.
///
/// Parts are separated by NUL: the file, then variables (`NAME=value`), then words.
enum SettingsTarget {
    static func run(_ bytes: [UInt8]) throws(Violation) {
        let parts = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        let file = parts[0]
        var environment: [String: String] = [:]
        var words: [String] = []
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            if part.hasPrefix("BATON_"), pair.count == 2 { environment[String(pair[0])] = String(pair[1]) } else { words.append(part) }
        }
        environment["BATON_CONFIG"] = "file"
        let parser = CommandLineParser(root: BatonCommand.root, environment: environment) { (_) throws(UsageError) in file }
        do throws(UsageError) { use(try parser.parse(words)) } catch {
            try Violation.unless(!"\(error)".isEmpty, "an error says something")
        }
        _ = Spelling.nearest(to: file, among: ["store", "listen"])
        try Violation.unless(!TerminalText.quoted(file).utf8.contains(0x1B), "no text from outside reaches the terminal as a command")
    }

    private static func use(_ outcome: CommandLineParser.Outcome) {
        switch outcome {
        case .help(let path): _ = HelpPage(path: path, width: 20).text
        case .run(let invocation):
            _ = invocation.effective
            _ = try? invocation.storeAddress()
            _ = try? invocation.storeConfiguration()
        }
    }
}
