import BatonTesting
import Glibc
import Testing

@Suite("docs/EVENT_BUS.md", .timeLimit(.minutes(3)))
struct EventBusDocumentTests {
    /// Commands of the page, and what it says that they show.
    private struct Example {
        enum Kind { case everywhere, redis, background }
        var kind: Kind
        var commands: String
        var shown: String?
    }

    private func examples() throws -> [Example] {
        let folder = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let file = try #require(fopen(folder + "/../../../docs/EVENT_BUS.md", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        var examples: [Example] = []
        var block: (info: Substring, lines: [Substring])?
        for line in String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
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
            case "sh": examples.append(Example(kind: .everywhere, commands: text))
            case "sh redis": examples.append(Example(kind: .redis, commands: text))
            case "sh background": examples.append(Example(kind: .background, commands: text))
            case "json", "text": examples[examples.count - 1].shown = text
            default: Issue.record("a block of another kind: \(ended.info)")
            }
        }
        return examples
    }

    /// Runs all commands in one shell, in the order of the page, and compares what each shows.
    private func run(on daemon: DaemonProcess, redis: String?) async throws {
        let examples = try examples().filter { redis != nil || $0.kind != .redis }
        #expect(examples.count >= 16)
        try await withTemporaryDirectory { directory in
            var script = """
                set -euo pipefail
                cd '\(directory)'
                export BATON='\(daemon.url)' REDIS='\(redis ?? "")'
                # A stream has no end; what it shows at once is compared.
                curl() { case " $* " in *' -sN '*) command curl --max-time 4 "$@" || true ;; *) command curl --max-time 60 "$@" ;; esac; }

                """
            for example in examples {
                switch example.kind {
                case .everywhere, .redis: script += example.commands + "\n"
                case .background:
                    script += """
                        { \(example.commands); } > background.txt &
                        until command curl -s "$BATON/metrics" | grep -q '^baton_http_streams{route="/v1/signals/{channel}"} 1$'; do sleep 0.05; done

                        """
                    continue
                }
                script += "if [[ -e background.txt ]]; then wait; cat background.txt; rm background.txt; fi\nprintf '\\036'\n"
            }
            let (status, output, errors) = try await ChildProcess.run("bash", ["-c", script])
            #expect(status == 0, "\(errors)")
            let outputs = output.split(separator: "\u{1E}", omittingEmptySubsequences: false)
            let compared = examples.filter { $0.kind != .background }
            try #require(outputs.count == compared.count + 1, "\(errors)")
            for (example, output) in zip(compared, outputs) {
                guard let shown = example.shown else {
                    #expect(output.isEmpty, "not shown:\n\(output)")
                    continue
                }
                #expect(Self.matches(output, shown), "\(example.commands)\nshows\n\(output)\nand not\n\(shown)")
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

    @Test("shows commands that do on SQLite what it says")
    func sqlite() async throws {
        try await withTemporaryDirectory { directory in
            try await withDaemon(store: "sqlite:\(directory)/a.db") { try await run(on: $0, redis: nil) }
        }
    }

    @Test("shows commands that do on Redis what it says")
    func redis() async throws {
        try await RedisServer.with { server in
            let address = "redis://127.0.0.1:\(server.port)"
            try await withDaemon(store: address, ["--streams", "agents=agent-events"]) { try await run(on: $0, redis: address) }
        }
    }
}
