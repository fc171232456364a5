import BatonTesting
import Testing

@Suite("docs/EVENT_BUS.md", .timeLimit(.minutes(3)))
struct EventBusDocumentTests {
    private func run(on daemon: DaemonProcess, redis: String?) async throws {
        let examples = try DocumentScript("EVENT_BUS.md").examples.filter { redis != nil || $0.condition != "redis" }
        #expect(examples.count >= 16)
        try await DocumentScript.run(
            examples,
            preparation: """
                export BATON='\(daemon.url)' REDIS='\(redis ?? "")'
                # A stream has no end; what it shows at once is compared.
                curl() { case " $* " in *' -sN '*) command curl --max-time 4 "$@" || true ;; *) command curl --max-time 60 "$@" ;; esac; }
                """)
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
