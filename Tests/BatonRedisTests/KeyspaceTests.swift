import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("The keyspace of a store", .redisServer)
struct KeyspaceTests {
    /// Keys that stay: the layout, and a bounded log for each shard that was written to.
    private func leftovers(_ server: RedisServer, _ prefix: String) async throws -> [String] {
        try await server.keys(prefix).filter { !$0.hasSuffix(":layout") && !$0.contains("}:log") }
    }

    /// Writes to a session whatever a session can have.
    private func fill(_ storage: RedisStorage, _ key: SessionKey, _ lifetime: SessionDraft.Lifetime) async throws {
        var draft = SessionDraft(title: "t", tags: ["a"], lifetime: lifetime)
        draft.metadata = try JSON(parsing: #"{"k":1}"#)
        _ = try await storage.create(draft, at: key)
        let batch = EventBatch(
            [try .text("1", id: "one"), try .text("2"), try .text("3", state: ["k": .null, "j": JSON(string: "v")])], idempotencyKey: "r")
        _ = try await storage.append(batch, to: key)
        _ = try await storage.replace("one", in: key, with: EventPatch(content: JSON(string: "edited")))
        _ = try await storage.remove(nil, in: key)
    }

    @Test("a deleted session leaves nothing")
    func deletion() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            for id in ["a", "b"] { try await fill(storage, try key(id), .unlimited) }
            #expect(try await leftovers(server, prefix).count == 2 * 5 + 4)
            for id in ["a", "b"] { #expect(try await storage.delete(try key(id))) }
            #expect(try await leftovers(server, prefix) == [])
        }
    }

    @Test("expired sessions and states leave nothing, without being asked for")
    func expiry() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(StorePolicy(userStateTTL: 4, appStateTTL: 4), prefix: prefix) { storage, server in
            for id in ["a", "b"] { try await fill(storage, try key(id), .seconds(4)) }
            _ = try await storage.change(.user(try UserKey(app: "app", user: "u")), [StateChange("k", .set(.null))])
            _ = try await storage.change(.app("app"), [StateChange("k", .set(.null))])
            #expect(try await leftovers(server, prefix).count == 2 * 5 + 4 + 2)
            let isGone = try await eventually { try await leftovers(server, prefix).isEmpty }
            #expect(isGone)
            await refused(.notFound) { _ = try await storage.session(try key("a"), SnapshotQuery()) }
            #expect(try await storage.state(.app("app")) == [:])
        }
    }

    @Test("all keys of a session expire at one moment, which every write moves")
    func oneMoment() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            let key = try key()
            try await fill(storage, key, .seconds(1000))
            for _ in 0..<2 {
                let expiresAt = try #require(try await storage.touch(key).record.expiresAt)
                let names = try await server.keys(prefix).filter { $0.contains("}:s:") }
                #expect(names.count == 5)
                for name in names {
                    #expect(try await server.cli("PEXPIRETIME", name) == "\(expiresAt.milliseconds)", "\(name)")
                }
            }
            var patch = SessionPatch()
            patch.ttl = .set(nil)
            _ = try await storage.update(key, with: patch, expectedVersion: nil)
            for name in try await leftovers(server, prefix) { #expect(try await server.cli("PTTL", name) == "-1", "\(name)") }
        }
    }

    @Test("a page takes expired sessions out of lists that others keep alive")
    func healing() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            _ = try await storage.create(SessionDraft(), at: try key("stays"))
            for number in 0..<5 { _ = try await storage.create(SessionDraft(lifetime: .seconds(4)), at: try key("goes-\(number)")) }
            let lists = try await server.keys(prefix).filter { $0.contains("}:l:") || $0.contains("}:c:") }
            #expect(lists.count == 4)
            func sizes() async throws -> [String] {
                var sizes: [String] = []
                for list in lists { sizes.append(try await server.cli("ZCARD", list)) }
                return sizes
            }
            #expect(try await sizes() == ["6", "6", "6", "6"])
            let isGone = try await eventually { try await server.keys(prefix).filter { $0.contains("}:s:") }.count == 1 }
            #expect(isGone)
            let page = try await storage.sessions(SessionQuery(of: .user(try UserKey(app: "app", user: "u"))))
            #expect(page.sessions.map(\.record.key.id) == ["stays"])
            #expect(try await sizes() == ["1", "1", "1", "1"])
        }
    }

    @Test("lists do not grow without end although nobody reads them")
    func sweeping() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            for number in 0..<20 { _ = try await storage.create(SessionDraft(lifetime: .seconds(4)), at: try key("goes-\(number)")) }
            _ = try await storage.create(SessionDraft(), at: try key("stays"))
            let isGone = try await eventually { try await server.keys(prefix).filter { $0.contains("}:s:") }.count == 1 }
            #expect(isGone)
            for number in 0..<10 { _ = try await storage.create(SessionDraft(), at: try key("comes-\(number)")) }
            for list in try await server.keys(prefix) where list.contains("}:l:") || list.contains("}:c:") {
                #expect(try await server.cli("ZCARD", list) == "11", "\(list)")
            }
        }
    }

    @Test("names are escaped, so that no name reaches another's keys")
    func escaping() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            let names = ["a:b", "a", "b", "*", "{x}", "}", "a%3Ab", "\0", "é", "e\u{301}"]
            for user in names {
                for id in names { _ = try await storage.create(SessionDraft(title: "\(user)|\(id)"), at: try key(id, user: user)) }
            }
            #expect(try await server.keys(prefix).filter { $0.contains("}:s:") }.count == names.count * names.count)
            for user in names {
                for id in names { #expect(try await storage.session(try key(id, user: user), SnapshotQuery()).record.title == "\(user)|\(id)") }
                let page = try await storage.sessions(SessionQuery(of: .user(try UserKey(app: "app", user: user))))
                #expect(page.sessions.count == names.count)
            }
            let slots = Set(try await server.keys(prefix).compactMap { $0.firstIndex(of: "}").map { $0 } })
            #expect(!slots.isEmpty)
        }
    }

    @Test("stores with different prefixes share nothing")
    func isolation() async throws {
        try await withStorage { one, server in
            let other = try await RedisStorage.open("redis://127.0.0.1:\(server.port)", RedisStorageConfiguration(prefix: RedisFixture.prefix()))
            _ = try await one.create(SessionDraft(), at: try key())
            await refused(.notFound) { _ = try await other.session(try key(), SnapshotQuery()) }
            #expect(try await other.sessions(SessionQuery(of: .app("app"))).sessions.isEmpty)
            await other.close()
        }
    }

    @Test("the number of shards is fixed when a prefix is first used")
    func layout() async throws {
        let prefix = RedisFixture.prefix()
        let server = try #require(SharedServer.current)
        let address = "redis://127.0.0.1:\(server.port)"
        let first = try await RedisStorage.open(address, RedisStorageConfiguration(prefix: prefix, shards: 3))
        _ = try await first.create(SessionDraft(), at: try key())
        await first.close()
        let error = await refused(.storeIncompatible) {
            _ = try await RedisStorage.open(address, RedisStorageConfiguration(prefix: prefix, shards: 16))
        }
        #expect(error?.message.contains("3 shards, not 16") == true)
        let again = try await RedisStorage.open(address, RedisStorageConfiguration(prefix: prefix))
        _ = try await again.session(try key(), SnapshotQuery())
        await again.close()
        try await server.cli("HSET", "\(prefix):layout", "version", "1")
        await refused(.storeIncompatible) { _ = try await RedisStorage.open(address, RedisStorageConfiguration(prefix: prefix)) }
        for prefix in ["", "a{b", "a*", "a b", String(repeating: "a", count: 65)] {
            await refused(.invalidParameter) { _ = try await RedisStorage.open(address, RedisStorageConfiguration(prefix: prefix)) }
        }
    }

    @Test(
        "a key that another program made is refused with its reason and left alone",
        arguments: ["", ":e", ":i", ":x", ":k", "list", "log", "user", "app"])
    func foreignKeys(_ kind: String) async throws {
        let prefix = RedisFixture.prefix()
        let server = try #require(SharedServer.current)
        let storage = try await RedisStorage.open("redis://127.0.0.1:\(server.port)", RedisStorageConfiguration(prefix: prefix, shards: 1))
        let name: String
        switch kind {
        case "list": name = "\(prefix):{0}:l:app:u"
        case "log": name = "\(prefix):{0}:log"
        case "user": name = "\(prefix):{0}:u:app:u"
        case "app": name = "\(prefix):{app:app}:a"
        default: name = "\(prefix):{0}:s:app:u:s\(kind)"
        }
        let key = try key()
        if kind.hasPrefix(":") { _ = try await storage.create(SessionDraft(), at: key) }
        try await server.cli("SET", name, "theirs")
        let before = try await server.keys(prefix)
        let batch = EventBatch(
            [try .text("x", id: "id", state: ["user:k": .null, "app:k": .null])], idempotencyKey: "r", createsSession: true)
        let error = await refused(kind == ":x" ? .notFound : .storeIncompatible) {
            if kind == ":x" {
                // Only edits and removals touch this key.
                _ = try await storage.append(batch, to: key)
                _ = try? await storage.replace("id", in: key, with: EventPatch(content: .null))
                throw StoreError.noEvent
            }
            _ = try await storage.append(batch, to: key)
        }
        #expect(error != nil)
        #expect(try await server.cli("GET", name) == "theirs")
        if kind != ":x" { #expect(try await server.keys(prefix) == before) }
        await storage.close()
    }
}
