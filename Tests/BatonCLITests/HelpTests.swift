import BatonTesting
import Testing

@testable import BatonCLI

@Suite("Help")
struct HelpTests {
    private func path(_ names: String...) throws -> CommandPath {
        var path = CommandPath(root: Sample.root)
        for name in names { path = path.appending(try #require(path.last.commands.first { $0.name == name })) }
        return path
    }

    @Test("a page shows usage, options with all they can be set by, and examples")
    func page() throws {
        let text = HelpPage(path: try path("serve"), width: 72).text
        #expect(
            text == """
                Usage: sample serve [OPTIONS]

                Run the daemon.

                It listens on loopback only, until there is a token.

                Options:
                      --drain TIME     How long requests may take at the end. (default:
                                       10s; BATON_DRAIN)
                      --max-body SIZE  The largest body. (default: 8MiB; BATON_MAX_BODY)

                Options of every command:
                  -s, --store URL        Where sessions are kept. (default:
                                         sqlite:baton.db; BATON_STORE)
                      --log-level LEVEL  What is logged. (one of: info, warning, error;
                                         default: info; BATON_LOG_LEVEL)
                  -j, --json             Write NDJSON. (BATON_JSON)
                  -q, --quiet            Say less.
                      --config FILE      Read settings from this file. (BATON_CONFIG)
                  -h, --help             Show this page.

                Examples:
                  sample serve --drain 30s
                      Give requests half a minute.

                """)
    }

    @Test("usage names arguments and commands")
    func usage() throws {
        #expect(HelpPage(path: try path()).usage == "sample COMMAND [OPTIONS]")
        #expect(HelpPage(path: try path("sessions", "show")).usage == "sample sessions show [OPTIONS] SESSION [FIELD...]")
        #expect(HelpPage(path: try path("sessions")).text.contains("Commands:\n  list  List them.\n  show  Show one.\n"))
    }

    @Test("no line is wider than the terminal", arguments: [40, 60, 80, 120])
    func width(columns: Int) {
        for path in CommandPath(root: Sample.root).subtree {
            let usage = HelpPage(path: path).usage.count + 7
            for line in HelpPage(path: path, width: columns).text.split(separator: "\n") {
                #expect(DisplayWidth.of(line) <= max(columns, usage, 52), "\(line)")
            }
        }
    }

    @Test("the documentation's table comes from the same declarations")
    func markdown() {
        #expect(
            OptionTable.markdown([Sample.store.declaration, Sample.level.declaration, Sample.json.declaration, Sample.tags.declaration]) == """
                | Flag | Variable | Key | Default | Meaning |
                | --- | --- | --- | --- | --- |
                | `--store URL` | `BATON_STORE` | `store` | `sqlite:baton.db` | Where sessions are kept. |
                | `--log-level LEVEL` | `BATON_LOG_LEVEL` | `log.level` | `info` | What is logged. One of `info`, `warning`, `error`. |
                | `--json` | `BATON_JSON` | `json` | `false` | Write NDJSON. |
                | `--tag TAG` | `BATON_TAG` | `tag` |  | Only with this tag. May be repeated; an array in the file. |

                """)
        let tree = OptionTable.markdown(tree: Sample.root)
        #expect(tree.split(separator: "\n").filter { $0.hasPrefix("## ") } == ["## Every command", "## `sample serve`", "## `sample sessions list`"])
    }
}

@Suite("Completion")
struct CompletionTests {
    static func hasShell(_ name: String) async -> Bool {
        (try? await ChildProcess.run(name, ["-c", "exit 0"]))?.status == 0
    }

    /// Lines of a shell's output.
    private func lines(_ shell: String, _ arguments: [String]) async throws -> [String] {
        let result = try await ChildProcess.run(shell, arguments)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.isEmpty, "\(result.errors)")
        return result.output.split(separator: "\n").map(String.init)
    }

    @Test(
        "bash offers what may come next",
        arguments: [
            ("sample ", ["serve", "sessions"]), ("sample se", ["serve", "sessions"]), ("sample sessions ", ["list", "show"]),
            ("sample --store serve sess", ["sessions"]), ("sample -j sessions l", ["list"]),
            ("sample sessions list --li", ["--limit"]), ("sample serve --dr", ["--drain"]), ("sample serve --li", []),
            ("sample serve --log-level w", ["warning"]), ("sample sessions show serve --j", ["--json"]), ("sample --h", ["--help"]),
        ])
    func bash(line: String, expected: [String]) async throws {
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map { Completion.quoted(String($0)) }
        let script = Completion.script(for: .bash, root: Sample.root)
        let run = """
            \(script)
            COMP_WORDS=(\(words.joined(separator: " "))) COMP_CWORD=\(words.count - 1)
            _sample
            for word in "${COMPREPLY[@]}"; do echo "$word"; done
            """
        #expect(try await lines("bash", ["--norc", "-u", "-c", run]).sorted() == expected)
    }

    @Test("bash offers files where a file is meant")
    func bashFiles() async throws {
        let run =
            Completion.script(for: .bash, root: Sample.root) + "\nCOMP_WORDS=(sample --config /et) COMP_CWORD=2; _sample; echo \"${COMPREPLY[@]}\""
        #expect(try await lines("bash", ["--norc", "-c", run]) == ["/etc"])
    }

    @Test(
        "fish offers what may come next", .enabled("fish is not installed") { await hasShell("fish") },
        arguments: [
            ("sample se", ["serve", "sessions"]), ("sample sessions ", ["list", "show"]), ("sample --store serve sess", ["sessions"]),
            ("sample sessions list --li", ["--limit"]), ("sample serve --log-level w", ["warning"]),
        ])
    func fish(line: String, expected: [String]) async throws {
        let run = Completion.script(for: .fish, root: Sample.root) + "\ncomplete -C \(Completion.quoted(line))"
        let offers = try await lines("fish", ["--no-config", "-c", run]).map { String($0.split(separator: "\t")[0]) }
        #expect(offers.sorted() == expected)
    }

    @Test("zsh reads its script", .enabled("zsh is not installed") { await hasShell("zsh") })
    func zsh() async throws {
        #expect(try await lines("zsh", ["-f", "-n", "-c", Completion.script(for: .zsh, root: Sample.root)]).isEmpty)
    }

    @Test("every command and option is in every script", arguments: Completion.Shell.allCases)
    func completeness(shell: Completion.Shell) {
        let script = Completion.script(for: shell, root: Sample.root)
        for path in CommandPath(root: Sample.root).subtree {
            #expect(script.contains(path.last.name))
            for option in path.last.options { #expect(script.contains(shell == .fish ? "-l \(option.name)" : option.longFlag)) }
        }
        #expect(Completion.quoted("it's") == #"'it'\''s'"#)
    }
}
