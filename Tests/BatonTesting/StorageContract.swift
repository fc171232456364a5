public import BatonCore
public import Testing

/// One promise of ``BatonCore/Storage``, as code that any storage can be held to.
///
/// A test target of a storage runs them all, each as a case of its own:
/// `@Test(arguments: StorageContract.all) func contract(_ contract: StorageContract) async throws { try await contract.run(on: fixture) }`
public struct StorageContract: Sendable, CustomTestStringConvertible {
    /// The promise, in words.
    public let name: String
    private let policy: StorePolicy
    private let check: @Sendable (StorageSubject) async throws -> Void

    init(_ name: String, _ policy: StorePolicy = StorePolicy(), check: @escaping @Sendable (StorageSubject) async throws -> Void) {
        self.name = name
        self.policy = policy
        self.check = check
    }

    /// All promises.
    public static let all: [StorageContract] =
        sessions + identities + lists + appending + retries + limits + pages + filters + changes + state + expiry + hints + payloads + lifetime
        + forks + rewinds + leases + lines + toolCalls + approvals + tracks + hooks + writeBehind + messages + blobs

    /// The promises of the event bus.
    public static let bus: [StorageContract] =
        publishing + topicPages + retention + sessionsTopic + groups + batches + deadLetters + orderedGroups + signals + traces + messageEvents
        + blobEvents

    /// The promise, in words.
    public var testDescription: String { name }

    /// Checks a fresh storage of the fixture.
    public func run(on fixture: any StorageFixture) async throws {
        let clock = ManualClock()
        let opened = try await fixture.open(policy, clock: clock.now)
        do {
            try await check(StorageSubject(opened: opened, clock: clock))
        } catch {
            await opened.discard()
            throw error
        }
        await opened.discard()
    }
}

/// Makes storages to check.
public protocol StorageFixture: Sendable {
    /// What the storages are called in messages.
    var name: String { get }

    /// Opens an empty storage that shares nothing with any other. The clock may go back.
    func open(_ policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) async throws -> OpenedStorage
}

/// A storage to check.
public struct OpenedStorage: Sendable {
    /// The storage.
    public let storage: any Storage
    /// Opens what the storage kept once more, with the same policy and clock, after it was closed; `nil` when it keeps nothing.
    public let reopen: (@Sendable () async throws -> any Storage)?
    /// Closes the storage and removes what it kept.
    public let discard: @Sendable () async -> Void

    /// A storage with its ends. Without `discard` it is only closed.
    public init(
        _ storage: any Storage, reopen: (@Sendable () async throws -> any Storage)? = nil, discard: (@Sendable () async -> Void)? = nil
    ) {
        self.storage = storage
        self.reopen = reopen
        self.discard = discard ?? { await storage.close() }
    }
}
