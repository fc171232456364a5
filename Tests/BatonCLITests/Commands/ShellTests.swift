import BatonCore
import BatonTesting
import Testing

@testable import BatonCLI

@Suite("What shells and people see")
struct ShellTests {
    @Test("completion scripts are accepted by their shells", arguments: [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])])
    func completion(shell: String, check: [String]) async throws {
        let script = try await BatonProcess.run("completion \(shell)")
        #expect(script.status == 0 && script.output.contains("sessions"))
        // A shell that is not installed cannot be asked.
        guard try await ChildProcess.run("sh", ["-c", "command -v \(shell)"]).status == 0 else { return }
        let verdict = try await ChildProcess.run(shell, check + ["/dev/stdin"], input: Array(script.output.utf8))
        #expect(verdict.status == 0, "\(verdict.errors)")
    }

    @Test("without words it teaches; every command explains itself")
    func help() async throws {
        let alone = try await BatonProcess.run([])
        #expect(alone.status == 0 && alone.output.contains("baton append --create demo/ann/first"))
        for path in CommandPath(root: BatonCommand.root).subtree {
            let words = path.commands.dropFirst().map(\.name)
            let page = try await BatonProcess.run(words + ["--help"])
            #expect(page.status == 0 && page.output.contains(path.last.summary.prefix(20)), "\(path.text)")
            #expect(path.last.commands.isEmpty == (path.last.run != nil), "\(path.text)")
        }
    }

    @Test("every example in the help can be parsed")
    func examples() throws {
        let parser = CommandLineParser(root: BatonCommand.root, environment: [:]) { (_: String) throws(UsageError) in "" }
        for path in CommandPath(root: BatonCommand.root).subtree {
            for example in path.last.examples {
                guard let start = example.line.range(of: "baton ") else { continue }
                // Up to what the shell does with it.
                let command = example.line[start.upperBound...].replacing(/\s*[0-9]?[|<>)].+$/, with: "")
                #expect(throws: Never.self, "\(example.line)") { try parser.parse(Self.words(String(command))) }
            }
        }
    }

    /// Splits as a shell would, as far as the examples need it.
    private static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        var isWord = false
        for character in line {
            if character == "'" {
                isQuoted.toggle()
                isWord = true
            } else if character == " ", !isQuoted {
                if isWord { words.append(word) }
                (word, isWord) = ("", false)
            } else {
                word.append(character)
                isWord = true
            }
        }
        return isWord ? words + [word] : words
    }

    @Test("names may hold slashes and percent signs, and parts may come from options and variables")
    func names() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            #expect(try await BatonProcess.run(["append", "--create", "a%2Fb/100%25/ü:{*}", "--content", "x"], store: store).status == 0)
            let listed = try await BatonProcess.run(["sessions", "list", "a%2Fb/100%25"], store: store).json()
            #expect(listed.map { $0["app"]?.stringValue } == ["a/b"] && listed.map { $0["user"]?.stringValue } == ["100%"])
            let environment = ["BATON_APP": "a/b", "BATON_USER": "100%"]
            #expect(try await BatonProcess.run(["events", "ü:{*}"], store: store, environment: environment).lines.count == 1)
            #expect(try await BatonProcess.run(["events", "--app", "a/b", "100%25/ü:{*}"], store: store).lines.count == 1)
            #expect(try await BatonProcess.run(["sessions", "list"], store: store, environment: environment).lines.count == 1)
            for name in ["a/b", "a//c", "%zz/b/c", "a/b/c/d", ""] {
                #expect(try await BatonProcess.run(["events", name], store: store).status == 64, "\(name)")
            }
        }
    }

    @Test("a reader that has seen enough is no failure")
    func brokenPipe() async throws {
        try await withTemporaryDirectory { directory in
            let store = "sqlite:\(directory)/a.db"
            let lines = (1...2000).map { #"{"content":"\#($0) \#(String(repeating: "x", count: 100))"}"# + "\n" }.joined()
            _ = try await BatonProcess.run("append --create demo/ann/first", store: store, input: lines)
            let script = "set -o pipefail; \"$0\" events demo/ann/first --store \(store) | head -n 1"
            let result = try await ChildProcess.run("bash", ["-c", script, BatonProcess.binary])
            #expect(result.status == 0 && result.output.split(separator: "\n").count == 1, "\(result.errors)")
        }
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? { ranges(of: text).first }
}
