import BatonCore
import BatonSQLite
import BatonTesting
import Testing

@Suite struct ContractTests {
    /// Stores in memory, or in files of their own.
    private struct Fixture: StorageFixture {
        let inMemory: Bool

        var name: String { inMemory ? "sqlite in memory" : "sqlite in a file" }

        func open(_ policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) async throws -> OpenedStorage {
            let configuration = SQLiteConfiguration(durability: .normal)
            if inMemory {
                return OpenedStorage(
                    LargeContent(on: try await SQLiteStorage(at: .memory, configuration: configuration, policy: policy, clock: clock)))
            }
            let scratch = Scratch()
            let open: @Sendable () async throws -> any Storage = {
                LargeContent(on: try await SQLiteStorage(at: .file(scratch.file()), configuration: configuration, policy: policy, clock: clock))
            }
            return OpenedStorage(try await open(), reopen: open)
        }
    }

    @Test(arguments: StorageContract.all) func inMemory(_ contract: StorageContract) async throws {
        try await contract.run(on: Fixture(inMemory: true))
    }

    @Test(arguments: StorageContract.all) func inAFile(_ contract: StorageContract) async throws {
        try await contract.run(on: Fixture(inMemory: false))
    }

    @Test(arguments: StorageContract.bus) func inMemoryWithTopics(_ contract: StorageContract) async throws {
        try await contract.run(on: Fixture(inMemory: true))
    }

    @Test(arguments: StorageContract.bus) func inAFileWithTopics(_ contract: StorageContract) async throws {
        try await contract.run(on: Fixture(inMemory: false))
    }

    /// The whole contract through a layer that passes everything on.
    private struct BehindFixture: StorageFixture {
        let name = "sqlite behind a queue"

        func open(_ policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) async throws -> OpenedStorage {
            let storage = try await SQLiteStorage(at: .memory, configuration: SQLiteConfiguration(), policy: policy, clock: clock)
            return OpenedStorage(try await WriteBehind(on: LargeContent(on: storage)) { Issue.record("\($0.error)") })
        }
    }

    @Test(arguments: StorageContract.all + StorageContract.bus) func behindAQueue(_ contract: StorageContract) async throws {
        try await contract.run(on: BehindFixture())
    }

    @Test(arguments: 1...24 as ClosedRange<UInt64>) func doesAsTheModelDoes(seed: UInt64) async throws {
        try await RandomOperations(seed: seed).check(Fixture(inMemory: !seed.isMultiple(of: 4)))
    }

    @Test(arguments: 1...16 as ClosedRange<UInt64>) func groupsDoAsTheirModelDoes(seed: UInt64) async throws {
        try await RandomGroups(seed: seed).check(Fixture(inMemory: !seed.isMultiple(of: 4)))
    }
}
