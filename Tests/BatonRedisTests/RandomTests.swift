import BatonRedisClient
import BatonTesting
import Testing

@Suite("Random operations on Redis", .redisServer, .serialized)
struct RandomTests {
    @Test("give what the model gives", arguments: 1...UInt64(16))
    func agree(_ seed: UInt64) async throws {
        try await withFixture(seed) { fixture in try await RandomOperations(seed: seed).check(fixture) }
    }

    @Test("on groups of consumers give what the model gives", arguments: 1...UInt64(24))
    func groupsAgree(_ seed: UInt64) async throws {
        try await withFixture(seed) { fixture in try await RandomGroups(seed: seed).check(fixture) }
    }

    private func withFixture(_ seed: UInt64, _ body: (RedisFixture) async throws -> Void) async throws {
        let server = try #require(SharedServer.current)
        let fixture = try RedisFixture("redis://127.0.0.1:\(server.port)?protocol=\(2 + seed % 2)", name: "redis")
        do { try await body(fixture) } catch {
            await fixture.client.close()
            throw error
        }
        await fixture.client.close()
    }
}
