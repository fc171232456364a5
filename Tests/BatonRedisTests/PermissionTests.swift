import BatonCore
import BatonRedis
import BatonRedisClient
import BatonTesting
import Testing

@Suite("A user with the least permissions", .redisServer, .serialized)
struct PermissionTests {
    /// The line of docs/KEYS.md.
    static let rules = """
        resetchannels -@all +hello +auth +ping +client|setname +client|id +select +evalsha +eval +multi +exec +time +get +set +hget +hset +hdel +hmget \
        +hgetall +hlen +hincrby +exists +del +unlink +persist +pexpireat +pttl +xadd +xlen +xrange +xrevrange +xread +xdel +xtrim +zadd +zrem \
        +zcard +zcount +zrange +zrevrange +zrandmember
        """

    private func allow(_ server: RedisServer, _ rules: String) async throws {
        let words = ["ACL", "SETUSER", "limited", "reset", "on", ">secret"] + rules.split(separator: " ").map(String.init)
        let run = try await ChildProcess.run("redis-cli", ["-h", "127.0.0.1", "-p", "\(server.port)"] + words)
        try #require(run.output.contains("OK"), "\(run.output)")
    }

    @Test("does everything under its prefix", arguments: StorageContract.all)
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
