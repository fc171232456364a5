import BatonTesting
import Testing

@Suite("docs/REDIS.md", .timeLimit(.minutes(3)))
struct RedisDocumentTests {
    @Test("shows a configuration and commands that do what it says")
    func commands() async throws {
        let page = try DocumentScript("REDIS.md")
        #expect(page.examples.count >= 6)
        let options = page.configuration.flatMap { line -> [String] in
            let words = line.split(separator: " ", maxSplits: 1).map { String($0).replacing("\"", with: "") }
            return words.isEmpty ? [] : ["--" + words[0]] + words.dropFirst()
        }
        #expect(options.count >= 10)
        try await RedisServer.with(options) { server in
            try await DocumentScript.run(page.examples, preparation: "export REDIS='redis://127.0.0.1:\(server.port)'")
        }
    }
}

@Suite("docs/MIGRATING.md", .timeLimit(.minutes(3)))
struct MigratingDocumentTests {
    /// A session as the page has it.
    private static let session = """
        printf '%s\\n' '{"role":"user","content":"Where is it?"}' '{"id":"a","role":"assistant","content":"In Linz."}' \
        '{"content":3,"stateDelta":{"order":"KO-20931"}}' | baton append --store "$FROM" --create demo/ann/first > /dev/null
        baton state set --store "$FROM" demo/ann/first step 2 > /dev/null
        """

    @Test("moves a session from a file to Redis as it says, and back")
    func commands() async throws {
        let page = try DocumentScript("MIGRATING.md")
        #expect(page.examples.count >= 3)
        try await RedisServer.with { server in
            for (from, to) in [("sqlite:a.db", "redis://127.0.0.1:\(server.port)"), ("redis://127.0.0.1:\(server.port)?db=1", "sqlite:b.db")] {
                try await DocumentScript.run(page.examples, preparation: "export FROM='\(from)' TO='\(to)'\n\(Self.session)")
            }
        }
    }
}
