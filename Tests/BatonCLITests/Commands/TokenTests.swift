import BatonCore
import BatonTesting
import Testing

@Suite("Tokens")
struct TokenTests {
    @Test("a token opens the daemon for what it was made for, until it is revoked")
    func access() async throws {
        try await withTemporaryDirectory { directory in
            let file = "sqlite:\(directory)/a.db"
            let full = try await BatonProcess.run("tokens create --name all", store: file).json()[0]
            let reader = try await BatonProcess.run("tokens create --app demo --read-only --expires 1d", store: file).json()[0]
            let secret = try #require(full["token"]?.stringValue)
            let list = try await BatonProcess.run("tokens list", store: file)
            #expect(list.lines.count == 2)
            #expect(!list.output.contains(secret.split(separator: "_")[2]))
            try await withDaemon(store: file) { daemon in
                func run(_ line: String, _ token: JSON?) async throws -> BatonProcess.Result {
                    try await BatonProcess.run(line, store: daemon.url, environment: ["BATON_TOKEN": token?["token"]?.stringValue ?? ""])
                }
                #expect(try await run("append --create demo/ann/first --content x", nil).status == 77)
                #expect(try await run("append --create demo/ann/first --content x", full).status == 0)
                #expect(try await run("append demo/ann/first --content x", reader).status == 77)
                #expect(try await run("events demo/ann/first", reader).status == 0)
                #expect(try await run("sessions list other", reader).status == 66)
                let doctor = try await run("doctor", nil)
                #expect(doctor.status == 77)
                #expect(try await run("doctor", full).status == 0)
                #expect(!(try await run("doctor", full).output.contains(secret)))
                #expect(try await run("tokens list", full).status == 64)
                let revoked = try await BatonProcess.run(["tokens", "revoke", full["id"]?.stringValue ?? "", "unknown"], store: file)
                #expect(revoked.status == 66)
                try await eventually("the daemon refuses it") { try await run("events demo/ann/first", full).status == 77 }
            }
        }
    }
}
