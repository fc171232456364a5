import Testing

@testable import BatonCLI

@Suite("The manual page")
struct ManualTests {
    /// What a line of text looks like once man has read it.
    private func read(_ line: Substring) -> String {
        String(line).replacing("\\-", with: "-").replacing("\\(aq", with: "'").replacing("\\e", with: "\\").replacing("\\fB", with: "")
            .replacing("\\fR", with: "").replacing("\\(dq", with: "\"")
    }

    @Test("describes every command and every option")
    func everything() {
        let lines = ManualPage.text.split(separator: "\n").map(read)
        for path in CommandPath(root: BatonCommand.root).subtree.dropFirst() where path.last.run != nil {
            #expect(lines.contains(".SS \"\(HelpPage(path: path).usage)\""), "\(path.text)")
            for option in path.last.options { #expect(lines.contains(String(HelpPage.entry(option).0.drop { $0 == " " })), "\(option.name)") }
            for example in path.last.examples { #expect(lines.contains("  " + example.line), "\(example.line)") }
        }
        for code in ExitCode.allCases { #expect(lines.contains(String(code.rawValue))) }
    }

    @Test("has no line that man would take for a macro that it is not")
    func macros() {
        for line in ManualPage.text.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
            let name = line.dropFirst().prefix { $0 != " " }
            #expect(["TH", "SH", "SS", "TP", "PP", "EX", "EE"].contains(name), "\(line)")
        }
    }
}
