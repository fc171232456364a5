import BatonCore
import BatonHTTP
import BatonIO
import BatonRemote
import BatonSQLite
import BatonTelemetry
import BatonTesting
import Synchronization
import Testing

@testable import BatonServer

/// A store in memory behind a daemon's API on a real socket, and a remote storage that talks to it.
private struct RemoteFixture: StorageFixture {
    let name = "a daemon on SQLite in memory"

    func open(_ policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) async throws -> OpenedStorage {
        let local = try await SQLiteStorage(at: .memory, policy: policy, clock: clock)
        let store = SessionStore(on: LargeContent(on: local))
        let access = Access(store: store, isRequired: false, allowedHosts: [], allowedOrigins: [])
        let api = API(store: store, access: access, metrics: Metrics(), logger: .disabled)
        let loop = try EventLoop()
        var configuration = HTTPServer.Configuration(addresses: [.loopback(port: 0)])
        configuration.limits.bodyBytes = 32 << 20
        let server = try await HTTPServer(configuration, on: [loop]) { await api.respond(to: $0) }
        let remote = try RemoteStorage(url: "http://\(server.addresses[0])")
        return OpenedStorage(
            WithoutTokens(remote: remote, local: local),
            discard: {
                await remote.close()
                _ = await server.drain(within: .zero)
                await store.close()
                await loop.shutdown()
            })
    }
}

/// A remote storage whose `.store` scope is answered by the storage behind the daemon, because HTTP does not show it. Everything else
/// passes through.
private struct WithoutTokens: TestLayer {
    let remote: RemoteStorage
    let local: SQLiteStorage
    var base: any Storage { remote }

    func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] {
        if case .store = scope { try await local.state(scope) } else { try await remote.state(scope) }
    }
    func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON] {
        if case .store = scope { try await local.change(scope, changes, epoch: epoch) } else { try await remote.change(scope, changes, epoch: epoch) }
    }
    func close() async {
        await remote.close()
        await local.close()
    }
}

@Suite("The contract of storages, kept over HTTP", .timeLimit(.minutes(5)))
struct RemoteContractTests {
    /// What cannot be kept over HTTP, and why.
    static let exceptions: [String: String] = [
        "every change is hinted": onlyEvents,
        "a change of shared state is hinted to whoever sees it": onlyEvents,
        "what is changed right after observing began is hinted": onlyWatched,
        "several observe at once, and one that ends leaves the others": onlyWatched,
        "a change can be read by who was hinted": onlyWatched,
        "filter words are compared as bytes": "lists of the query are separated by commas, so a word with one is refused",
    ]

    private static let onlyEvents = "hints come from streams, which carry events: what followers wait for"
    private static let onlyWatched = "there is a stream only for a session that is watched"

    static let kept = StorageContract.all.filter { exceptions[$0.name] == nil }

    @Test("a promise", arguments: kept)
    func promise(_ contract: StorageContract) async throws { try await contract.run(on: RemoteFixture()) }

    @Test("a promise of the event bus", arguments: StorageContract.bus)
    func busPromise(_ contract: StorageContract) async throws { try await contract.run(on: RemoteFixture()) }

    @Test("groups do as their model does, with random operations", arguments: 1...8 as ClosedRange<UInt64>)
    func randomGroups(seed: UInt64) async throws { try await RandomGroups(seed: seed).check(RemoteFixture()) }

    @Test("a watched session is hinted at when somebody else appends, and when it is deleted")
    func watching() async throws {
        let opened = try await RemoteFixture().open(StorePolicy(), clock: SQLiteStorage.systemClock)
        let other = try #require(opened.storage as? WithoutTokens).local
        let key = try SessionKey(app: "a", user: "u", id: "s")
        _ = try await other.create(SessionDraft(), at: key)
        let count = Mutex(0)
        let observation = opened.storage.observe { hint in if hint == .session(key) { count.withLock { $0 += 1 } } }
        let watch = opened.storage.watch(key)
        for number in 1...20 {
            let before = count.withLock { $0 }
            _ = try await other.append(EventBatch([try EventDraft(.message("\(number)", role: "user"))]), to: key)
            #expect(await eventually { count.withLock { $0 } > before })
        }
        let before = count.withLock { $0 }
        _ = try await other.delete(key)
        #expect(await eventually { count.withLock { $0 } > before })
        watch.cancel()
        observation.cancel()
        await opened.discard()
    }

    @Test("every exception is a promise of the contract")
    func exceptionsExist() {
        for name in Self.exceptions.keys { #expect(StorageContract.all.contains { $0.name == name }, "\(name)") }
    }
}
