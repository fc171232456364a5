import BatonCore
import BatonTesting
import Testing

/// The model is held to the contract, and the contract to the model: whichever is wrong, the other tells.
@Suite("Reference model")
struct ReferenceModelTests {
    struct Fixture: StorageFixture {
        let name = "reference model"

        func open(_ policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) async throws -> OpenedStorage {
            OpenedStorage(LargeContent(on: ReferenceModel(policy: policy, clock: clock)))
        }
    }

    @Test(arguments: StorageContract.all)
    func contract(_ contract: StorageContract) async throws {
        try await contract.run(on: Fixture())
    }
}
