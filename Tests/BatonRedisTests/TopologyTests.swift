import BatonTesting
import Testing

@Suite("The storage contract over TLS", .tlsServer, .serialized)
struct TLSTests {
    @Test(arguments: StorageContract.all)
    func holds(_ contract: StorageContract) async throws { try await run(contract) }
}

@Suite("The storage contract with Sentinels", .sentinels, .serialized)
struct SentinelTests {
    @Test(arguments: StorageContract.all)
    func holds(_ contract: StorageContract) async throws { try await run(contract) }
}

@Suite("The storage contract on a cluster", .cluster, .serialized)
struct ClusterTests {
    @Test(arguments: StorageContract.all + StorageContract.bus)
    func holds(_ contract: StorageContract) async throws { try await run(contract) }

    @Test("random operations give what the model gives", arguments: 101...UInt64(106))
    func agree(_ seed: UInt64) async throws { try await withFixture { try await RandomOperations(seed: seed).check($0) } }
}
