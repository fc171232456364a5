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
        let store = SessionStore(on: local)
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
private struct WithoutTokens: Storage, BranchForwarding, LedgerForwarding, TopicForwarding, TrackForwarding {
    let remote: RemoteStorage
    let local: SQLiteStorage
    var branches: RemoteStorage { remote }

    var ledger: RemoteStorage { remote }
    var topics: RemoteStorage { remote }
    var tracks: RemoteStorage { remote }

    func create(_ draft: SessionDraft, at key: SessionKey) async throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        try await remote.create(draft, at: key)
    }
    func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot { try await remote.session(key, query) }
    func update(_ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        try await remote.update(key, with: patch, expectedVersion: expectedVersion, epoch: epoch)
    }
    func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot { try await remote.touch(key) }
    func delete(_ key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool { try await remote.delete(key, epoch: epoch) }
    func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage { try await remote.sessions(query) }
    func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt { try await remote.append(batch, to: key) }
    func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage { try await remote.events(in: key, query) }
    func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event { try await remote.event(id, in: key) }
    func window(around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]) async throws(StoreError) -> EventWindow {
        try await remote.window(around: id, in: key, before: before, after: after, roles: roles)
    }
    func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event {
        try await remote.replace(id, in: key, with: patch, epoch: epoch)
    }
    func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event? {
        try await remote.remove(id, in: key, epoch: epoch)
    }
    func clear(_ key: SessionKey, epoch: Int?) async throws(StoreError) { try await remote.clear(key, epoch: epoch) }
    func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] {
        if case .store = scope { try await local.state(scope) } else { try await remote.state(scope) }
    }
    func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON] {
        if case .store = scope { try await local.change(scope, changes, epoch: epoch) } else { try await remote.change(scope, changes, epoch: epoch) }
    }
    func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) async throws(StoreError) -> SessionState {
        try await remote.change(key, delta, epoch: epoch)
    }
    func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease {
        try await remote.acquireLease(request, on: key)
    }
    func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease {
        try await remote.renewLease(epoch, for: ttl, on: key)
    }
    func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError) { try await remote.releaseLease(epoch, on: key) }
    func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError) { try await remote.leaveLine(ticket, on: key) }
    func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation { remote.observe(observer) }
    func watch(_ key: SessionKey) -> StorageObservation { remote.watch(key) }
    func watch(track: String, of key: SessionKey) -> StorageObservation { remote.watch(track: track, of: key) }
    func checkHealth() async throws(StoreError) { try await remote.checkHealth() }
    var gauges: [StorageGauge] { remote.gauges }
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
