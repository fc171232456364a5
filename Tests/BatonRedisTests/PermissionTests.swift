import BatonCore
import BatonRedis
import BatonRedisClient
import BatonTesting
import Glibc
import Testing

@Suite("A user with the least permissions", .redisServer, .serialized)
struct PermissionTests {
    /// What the doctor prints, for every prefix of these tests.
    static let rules = Permissions(prefix: "test-", .standalone).rules.split(separator: " ").dropFirst()
        .map { $0 == "&test-:*" ? "&test-*" : $0 }.joined(separator: " ")

    @Test("the rules stand in docs/KEYS.md")
    func documented() throws {
        let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = try #require(fopen("/\(path)/docs/KEYS.md", "r"))
        defer { fclose(text) }
        var page = [UInt8](repeating: 0, count: 1 << 20)
        let length = fread(&page, 1, page.count, text)
        #expect(String(decoding: page.prefix(length), as: UTF8.self).contains(Permissions(prefix: "P", .standalone).line(user: "baton")))
    }

    private func allow(_ server: RedisServer, _ rules: String) async throws {
        let words = ["ACL", "SETUSER", "limited", "reset", "on", ">secret"] + rules.split(separator: " ").map(String.init)
        let run = try await ChildProcess.run("redis-cli", ["-h", "127.0.0.1", "-p", "\(server.port)"] + words)
        try #require(run.output.contains("OK"), "\(run.output)")
    }

    @Test("does everything under its prefix", arguments: StorageContract.all + StorageContract.bus)
    func contract(_ contract: StorageContract) async throws {
        let server = try #require(SharedServer.current)
        try await allow(server, "~test-* " + Self.rules)
        // Each contract has a prefix of its own, and all of them begin alike.
        let fixture = try RedisFixture("redis://limited:secret@127.0.0.1:\(server.port)", name: "least permissions")
        do { try await contract.run(on: fixture) } catch {
            await fixture.client.close()
            throw error
        }
        await fixture.client.close()
    }

    @Test("is told what is missing")
    func missing() async throws {
        try await RedisServer.with { server in
            try await allow(server, "~other:* " + Self.rules)
            let error = await refused(.storeIncompatible) { _ = try await RedisStorage.open("redis://limited:secret@127.0.0.1:\(server.port)") }
            #expect(error?.message.contains("docs/KEYS.md") == true)
            await refused(.storeUnavailable) { _ = try await RedisStorage.open("redis://limited:wrong@127.0.0.1:\(server.port)") }
        }
    }
}
