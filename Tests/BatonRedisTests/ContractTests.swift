import BatonRedisClient
import BatonTesting
import Testing

@Suite("The storage contract on Redis", .redisServer, .serialized)
struct ContractTests {
    @Test(arguments: StorageContract.all)
    func holds(_ contract: StorageContract) async throws { try await run(contract, "") }

    @Test("of the event bus", arguments: StorageContract.bus)
    func bus(_ contract: StorageContract) async throws { try await run(contract, "") }

    @Test("of the event bus with RESP2", arguments: StorageContract.bus)
    func busWithRESP2(_ contract: StorageContract) async throws { try await run(contract, "?protocol=2") }

    @Test("with RESP2", arguments: StorageContract.all)
    func holdsWithRESP2(_ contract: StorageContract) async throws { try await run(contract, "?protocol=2") }

    private func run(_ contract: StorageContract, _ options: String) async throws {
        let server = try #require(SharedServer.current)
        let fixture = try RedisFixture("redis://127.0.0.1:\(server.port)\(options)", name: "redis\(options)")
        do {
            try await contract.run(on: fixture)
        } catch {
            await fixture.client.close()
            throw error
        }
        await fixture.client.close()
    }
}
