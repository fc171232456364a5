import BatonCore
import BatonRedis
import BatonRedisClient
import BatonTesting
import Testing

@Suite("Stores that share a client", .redisServer, .serialized)
struct SharingTests {
    @Test("keep their sessions apart, hear only of their own, and outlive each other")
    func prefixes() async throws {
        let server = try #require(SharedServer.current)
        let client = try RedisClient("redis://127.0.0.1:\(server.port)")
        var stores: [SessionStore] = []
        for _ in 0..<3 {
            stores.append(SessionStore(on: try await RedisStorage.open(on: client, RedisStorageConfiguration(prefix: RedisFixture.prefix()))))
        }
        let key = try key()
        let seen = Guarded<[[String]]>([[], [], []])
        for store in stores { _ = try await store.create(key) }
        let live = stores.enumerated().map { index, store in
            Task {
                for try await event in store.session(key).follow() { seen.withLock { $0[index].append(event.content.stringValue ?? "?") } }
            }
        }
        for (index, store) in stores.enumerated() { _ = try await store.append(EventBatch([try .text("to \(index)")]), to: key) }
        try await eventually("each hears of its own") { seen.withLock { $0 } == [["to 0"], ["to 1"], ["to 2"]] }

        await stores[0].close()
        await refused(.closed) { _ = try await stores[0].get(key) }
        _ = try await stores[1].append(EventBatch([try .text("more")]), to: key)
        try await eventually("the others go on") { seen.withLock { $0[1] } == ["to 1", "more"] }
        #expect(try await stores[2].get(key).record.lastSeq == 1)

        for follower in live { follower.cancel() }
        for follower in live { _ = await follower.result }
        await client.close()
        await refused(.closed) { _ = try await stores[1].get(key) }
        for store in stores { await store.close() }
    }

    @Test("a view with another durability is the same store", .timeLimit(.minutes(1)))
    func views() async throws {
        let server = try #require(SharedServer.current)
        let storage = try await RedisStorage.open("redis://127.0.0.1:\(server.port)", RedisStorageConfiguration(prefix: RedisFixture.prefix()))
        let view = try storage.with(durability: .wait(replicas: 1, within: .milliseconds(1)))
        let key = try key()
        await refused(.unconfirmed) { _ = try await view.create(SessionDraft(), at: key) }
        #expect(try await storage.session(key, SnapshotQuery()).record.version == 1)
        await view.close()
        await refused(.closed) { _ = try await storage.session(key, SnapshotQuery()) }
    }

    @Test("a key of another program is refused to readers too, with its reason", arguments: ["", ":e"])
    func foreignKeys(_ kind: String) async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            let key = try key()
            _ = try await storage.append(EventBatch([try .text("1")], createsSession: true), to: key)
            let name = try #require(try await server.keys(prefix).first { $0.hasSuffix(":s:app:u:s\(kind)") })
            try await server.cli("SET", name, "theirs")
            for events in [0, 10] where kind.isEmpty || events > 0 {
                await refused(.storeIncompatible) { _ = try await storage.session(key, SnapshotQuery(events: events)) }
            }
            await refused(.storeIncompatible) { _ = try await storage.events(in: key, EventQuery()) }
            #expect(try await server.cli("GET", name) == "theirs")
        }
    }
}
