import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("The keyspace of large contents", .redisServer)
struct BlobKeyspaceTests {
    private static let policy = StorePolicy(blobThreshold: 100)

    private func leftovers(_ server: RedisServer, _ prefix: String) async throws -> [String] {
        try await server.keys(prefix).filter { !$0.hasSuffix(":layout") && !$0.contains("}:log") }
    }

    /// The keys in which contents are.
    private func contents(_ server: RedisServer, _ prefix: String) async throws -> [String] {
        try await server.keys(prefix).filter { $0.hasSuffix(":b") }
    }

    /// The fields of the only such key, by their first letter.
    private func fields(_ server: RedisServer, _ prefix: String) async throws -> [Character: Int] {
        guard let name = try await contents(server, prefix).first else { return [:] }
        let names = try await server.cli("HKEYS", name).split(separator: "\n").compactMap(\.first)
        return Dictionary(grouping: names) { $0 }.mapValues(\.count)
    }

    private func large(_ letter: String, id: String? = nil) throws -> EventDraft { try .text(String(repeating: letter, count: 200), id: id) }

    @Test("a session without large contents has no key for them, and one has as many fields as it has contents")
    func fieldsOfAKey() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(Self.policy, prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            _ = try await store.create(SessionDraft(), at: try key())
            _ = try await store.append(EventBatch([try .text("small"), try .text("small", id: "s")]), to: try key())
            #expect(try await contents(server, prefix) == [])
            for id in ["a", "b", "c"] { _ = try await store.append(EventBatch([try large("x", id: id)]), to: try key()) }
            #expect(try await fields(server, prefix) == ["b": 1, "c": 1, "s": 3])
            _ = try await store.append(EventBatch([try large("y", id: "d"), try large("x", id: "a")]), to: try key())
            #expect(try await fields(server, prefix) == ["b": 2, "c": 2, "s": 4])
            _ = try await store.replace("a", in: try key(), with: EventPatch(content: JSON(string: String(repeating: "z", count: 200))))
            #expect(try await fields(server, prefix) == ["b": 3, "c": 3, "s": 4])
            for id in ["a", "b"] { _ = try await store.remove(id, in: try key()) }
            #expect(try await fields(server, prefix) == ["b": 2, "c": 2, "s": 2])
            _ = try await store.replace("d", in: try key(), with: EventPatch(content: JSON(string: "small")))
            #expect(try await fields(server, prefix) == ["b": 1, "c": 1, "s": 1])
            _ = try await store.remove("c", in: try key())
            #expect(try await contents(server, prefix) == [])
            _ = try await store.append(EventBatch([try large("x")]), to: try key())
            try await store.clear(try key())
            #expect(try await contents(server, prefix) == [])
        }
    }

    @Test("a content takes its place once, and is not in the stream")
    func once() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(Self.policy, prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            let draft = try EventDraft.text(String(repeating: "x", count: 1 << 20))
            _ = try await store.append(EventBatch([draft, draft, draft, draft], createsSession: true), to: try key())
            for name in try await server.keys(prefix) {
                let size = Int(try await server.cli("MEMORY", "USAGE", name, "SAMPLES", "0")) ?? 0
                if name.hasSuffix(":b") { #expect((1 << 20..<2 << 20).contains(size)) } else { #expect(size < 64 << 10, "\(name)") }
            }
            #expect(try await store.events(in: try key(), EventQuery()).events.map(\.body) == Array(repeating: draft.body, count: 4))
        }
    }

    @Test("trimming takes contents along, by the short script and by the full one")
    func trimming() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(StorePolicy(maximumEvents: 3, blobThreshold: 100), prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            _ = try await store.append(EventBatch([try large("x"), try large("x"), try large("y")], createsSession: true), to: try key())
            #expect(try await fields(server, prefix) == ["b": 2, "c": 2, "s": 3])
            for left in [["b": 2, "c": 2, "s": 2], ["b": 1, "c": 1, "s": 1], [:]] as [[Character: Int]] {
                _ = try await store.append(EventBatch([try .text("small")]), to: try key())
                #expect(try await fields(server, prefix) == left)
            }
            _ = try await store.append(EventBatch(try (0..<200).map { try large("\($0 % 7)") }), to: try key())
            #expect(try await fields(server, prefix) == ["b": 3, "c": 3, "s": 3])
        }
    }

    @Test("contents expire with their session, at the moment that every write moves")
    func oneMoment() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(Self.policy, prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            _ = try await store.create(SessionDraft(lifetime: .seconds(1000)), at: try key())
            _ = try await store.append(EventBatch([try large("x")]), to: try key())
            let name = try #require(try await contents(server, prefix).first)
            func isRight() async throws -> Bool {
                let expires = try await storage.session(try key(), SnapshotQuery()).record.expiresAt
                return try await server.cli("PEXPIRETIME", name) == expires.map { "\($0.milliseconds)" } ?? "-1"
            }
            #expect(try await isRight())
            for id in [nil, "a"] {
                try await Task.sleep(for: .milliseconds(5))
                _ = try await store.append(EventBatch([try .text("small", id: id)]), to: try key())
                #expect(try await isRight())
            }
            try await Task.sleep(for: .milliseconds(5))
            _ = try await store.touch(try key())
            #expect(try await isRight())
            var patch = SessionPatch()
            for ttl in [nil, 500, nil] as [Int?] {
                patch.ttl = .set(ttl)
                _ = try await store.update(try key(), with: patch, expectedVersion: nil)
                #expect(try await isRight())
            }
        }
    }

    @Test("expired and deleted sessions leave no contents, without being asked for")
    func expiry() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(Self.policy, prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            for id in ["one", "two"] {
                _ = try await store.create(SessionDraft(lifetime: .seconds(3)), at: try key(id))
                _ = try await store.append(EventBatch([try large("x")]), to: try key(id))
            }
            #expect(try await contents(server, prefix).count == 2)
            #expect(try await store.delete(try key("one")))
            #expect(try await contents(server, prefix).count == 1)
            let isGone = try await eventually { try await leftovers(server, prefix).isEmpty }
            #expect(isGone)
        }
    }

    /// A session and forks of it, with contents before and after.
    private func grow(_ store: LargeContent, _ lifetime: SessionDraft.Lifetime) async throws -> [String: String] {
        _ = try await store.create(SessionDraft(lifetime: lifetime), at: try key("main"))
        _ = try await store.append(EventBatch([try large("1", id: "1"), try large("2", id: "2"), try large("3", id: "3")]), to: try key("main"))
        _ = try await store.replace("1", in: try key("main"), with: EventPatch(content: JSON(string: String(repeating: "e", count: 200))))
        _ = try await store.fork(try key("main"), ForkDraft(at: .seq(2)), to: try key("a"), epoch: nil)
        _ = try await store.append(EventBatch([try large("4")]), to: try key("main"))
        _ = try await store.replace("2", in: try key("a"), with: EventPatch(content: JSON(string: String(repeating: "f", count: 200))))
        _ = try await store.append(EventBatch([try large("5")]), to: try key("a"))
        _ = try await store.fork(try key("a"), ForkDraft(), to: try key("b"), epoch: nil)
        _ = try await store.remove("1", in: try key("a"))
        return ["main": "e234", "a": "f5", "b": "ef5"]
    }

    private func letters(_ store: LargeContent, _ id: String) async throws -> String {
        let texts = try await store.events(in: try key(id), EventQuery()).events.texts
        #expect(texts.allSatisfy { $0.count == 200 })
        return texts.map { String($0.prefix(1)) }.joined()
    }

    @Test(
        "branches that are deleted leave the others their contents, and in the end nothing",
        arguments: [["main", "a", "b"], ["b", "a", "main"], ["a", "main", "b"]])
    func branches(_ order: [String]) async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(Self.policy, prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            var left = try await grow(store, .unlimited)
            for id in order {
                for (id, expected) in left { #expect(try await letters(store, id) == expected, "\(id)") }
                #expect(try await store.delete(try key(id)))
                left[id] = nil
            }
            #expect(try await leftovers(server, prefix) == [])
        }
    }

    @Test("a fork has its contents after its parent has expired, and nothing is left after the fork")
    func branchesThatExpire() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(Self.policy, prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            _ = try await store.create(SessionDraft(lifetime: .seconds(2)), at: try key("main"))
            _ = try await store.append(EventBatch([try large("1"), try large("2")]), to: try key("main"))
            var draft = ForkDraft()
            draft.ttl = .set(6)
            _ = try await store.fork(try key("main"), draft, to: try key("fork"), epoch: nil)
            let isAlone = try await eventually { try await server.keys(prefix).filter { $0.contains("}:s:") && $0.hasSuffix(":main") }.isEmpty }
            #expect(isAlone)
            #expect(try await letters(store, "fork") == "12")
            let isGone = try await eventually { try await leftovers(server, prefix).isEmpty }
            #expect(isGone)
        }
    }

    @Test("a content that is lost or damaged is an error that says so, and everything else can be read")
    func damage() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(Self.policy, prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            _ = try await store.append(EventBatch([try large("x", id: "l"), try .text("small", id: "s")], createsSession: true), to: try key())
            let digest = try #require(try await store.events(in: try key(), EventQuery(blobs: .reference)).events.first?.blob?.digest)
            let name = try #require(try await contents(server, prefix).first)
            for command in [["HSET", name, "b\(digest)", "\"y\""], ["HDEL", name, "b\(digest)"], ["DEL", name]] {
                _ = try await server.cli(command)
                await refused(.storeCorrupt) { _ = try await store.events(in: try key(), EventQuery()) }
                await refused(.storeCorrupt) { _ = try await store.event("l", in: try key()) }
                await refused(.storeCorrupt) { _ = try await store.session(try key(), SnapshotQuery(events: 2)) }
                #expect(try await store.event("s", in: try key()).content == JSON(string: "small"))
                #expect(try await store.events(in: try key(), EventQuery(blobs: .reference)).events.map(\.blob?.digest) == [digest, nil])
            }
            #expect(try await store.remove("l", in: try key())?.blob?.digest == digest)
            #expect(try await store.events(in: try key(), EventQuery()).events.texts == ["small"])
        }
    }

    @Test("an append with contents is one round trip, and so is reading them behind their page")
    func roundTrips() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(Self.policy, prefix: prefix) { storage, server in
            let store = LargeContent(on: storage)
            func sent(_ body: () async throws -> Void) async throws -> Int {
                func count() async throws -> Int {
                    let calls = try await server.calls()
                    return ["evalsha", "eval", "exec"].reduce(0) { $0 + (calls[$1] ?? 0) }
                }
                let before = try await count()
                try await body()
                return try await count() - before
            }
            let batch = EventBatch(try (0..<10).map { try large("\($0)") }, createsSession: true)
            _ = try await store.append(batch, to: try key("warm"))
            _ = try await store.events(in: try key("warm"), EventQuery())
            #expect(try await sent { _ = try await store.append(batch, to: try key()) } == 1)
            #expect(try await sent { _ = try await store.events(in: try key(), EventQuery()) } == 2)
            #expect(try await sent { _ = try await store.events(in: try key(), EventQuery(blobs: .reference)) } == 1)
            _ = try await store.append(EventBatch([try .text("small")], createsSession: true), to: try key("small"))
            #expect(try await sent { _ = try await store.events(in: try key("small"), EventQuery()) } == 1)
        }
    }
}
