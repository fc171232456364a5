import BatonTesting
import Foundation
import Testing

/// The commands of a page of the documentation, and what it says that they show.
struct DocumentScript {
    /// One block of commands.
    struct Example {
        /// What stands behind `sh`: empty, `redis`, `background`.
        var condition: Substring
        var commands: String
        var shown: String?
    }

    let examples: [Example]
    /// The lines of blocks of configuration (`conf`).
    let configuration: [String]

    /// Reads a page of the folder `docs`.
    init(_ page: String) throws {
        let url = URL(filePath: #filePath).appending(path: "../../../../docs/\(page)").standardized
        var examples: [Example] = []
        var configuration: [String] = []
        var block: (info: Substring, lines: [Substring])?
        for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false) {
            guard line.hasPrefix("```") else {
                block?.lines.append(line)
                continue
            }
            guard let ended = block else {
                block = (line.dropFirst(3), [])
                continue
            }
            block = nil
            let text = ended.lines.joined(separator: "\n")
            switch ended.info {
            case "sh": examples.append(Example(condition: "", commands: text))
            case "sh redis", "sh background": examples.append(Example(condition: ended.info.dropFirst(3), commands: text))
            case "json", "text": examples[examples.count - 1].shown = text
            case "conf": configuration += ended.lines.map(String.init)
            default: Issue.record("a block of another kind: \(ended.info)")
            }
        }
        self.examples = examples
        self.configuration = configuration
    }

    /// Runs commands in one shell, in the order of the page, and compares what each shows.
    /// - Parameter preparation: commands that set up what the page takes for granted.
    static func run(_ examples: [Example], preparation: String) async throws {
        try await withTemporaryDirectory { directory in
            var script = """
                set -euo pipefail
                cd '\(directory)'
                baton() { '\(BuiltProduct.path("baton"))' "$@"; }
                \(preparation)

                """
            for example in examples {
                if example.condition == "background" {
                    script += """
                        { \(example.commands); } > background.txt &
                        until command curl -s "$BATON/metrics" | grep -q '^baton_http_streams{route="/v1/signals/{channel}"} 1$'; do sleep 0.05; done

                        """
                } else {
                    script += example.commands
                    script += "\nif [[ -e background.txt ]]; then wait; cat background.txt; rm background.txt; fi\nprintf '\\036'\n"
                }
            }
            let (status, output, errors) = try await ChildProcess.run("bash", ["-c", script])
            #expect(status == 0, "\(errors)")
            let outputs = output.split(separator: "\u{1E}", omittingEmptySubsequences: false)
            let compared = examples.filter { $0.condition != "background" }
            try #require(outputs.count == compared.count + 1, "\(errors)")
            for (example, output) in zip(compared, outputs) {
                guard let shown = example.shown else {
                    #expect(output.isEmpty, "not shown:\n\(output)")
                    continue
                }
                #expect(matches(output, shown), "\(example.commands)\nshows\n\(output)\nand not\n\(shown)")
            }
        }
    }

    /// Whether a text is as the page says, where `…` stands for anything; white space at the end does not count.
    private static func matches(_ output: Substring, _ shown: String) -> Bool {
        func trimmed(_ text: some StringProtocol) -> String { String(text.reversed().drop { $0.isWhitespace }.reversed()) }
        var rest = Substring(trimmed(output))
        let parts = trimmed(shown).split(separator: "…", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == 0 {
                guard rest.hasPrefix(part) else { return false }
                rest = rest.dropFirst(part.count)
            } else if index == parts.count - 1 {
                guard rest.hasSuffix(part) else { return false }
                rest = ""
            } else {
                guard let range = rest.firstRange(of: part) else { return false }
                rest = rest[range.upperBound...]
            }
        }
        return rest.isEmpty
    }
}
