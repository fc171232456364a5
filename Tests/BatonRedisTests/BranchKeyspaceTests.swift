import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("The keyspace of branches", .redisServer)
struct BranchKeyspaceTests {
    /// Keys that are there beside the layout and the shards' logs.
    private func leftovers(_ server: RedisServer, _ prefix: String) async throws -> [String] {
        try await server.keys(prefix).filter { !$0.hasSuffix(":layout") && !$0.contains("}:log") }
    }

    /// Keys of logs that several sessions may show.
    private func shared(_ server: RedisServer, _ prefix: String) async throws -> [String] {
        try await server.keys(prefix).filter { $0.contains("}:h:") }
    }

    private func fork(_ storage: RedisStorage, _ id: String, at seq: Int? = nil, to fork: String, ttl: FieldChange<Int?> = .keep) async throws {
        var draft = ForkDraft(at: seq.map { .seq($0) })
        draft.ttl = ttl
        _ = try await storage.fork(try key(id), draft, to: try key(fork), epoch: nil)
    }

    /// A session with events, ids, edits and removals, forked twice, one of the forks forked again; each goes on by itself.
    private func grow(_ storage: RedisStorage, _ lifetime: SessionDraft.Lifetime) async throws -> [String: [String]] {
        _ = try await storage.create(SessionDraft(lifetime: lifetime), at: try key("main"))
        _ = try await storage.append(EventBatch(try (1...6).map { try .text("\($0)", id: "id-\($0)") }), to: try key("main"))
        _ = try await storage.replace("id-2", in: try key("main"), with: EventPatch(content: JSON(string: "two")))
        _ = try await storage.remove("id-3", in: try key("main"))
        try await fork(storage, "main", at: 5, to: "a")
        _ = try await storage.append(EventBatch([try .text("7", id: "id-7")]), to: try key("main"))
        try await fork(storage, "main", to: "b")
        _ = try await storage.append(EventBatch([try .text("a6", id: "id-6")]), to: try key("a"))
        _ = try await storage.remove("id-1", in: try key("a"))
        try await fork(storage, "a", to: "c")
        _ = try await storage.append(EventBatch([try .text("c7")]), to: try key("c"))
        return [
            "main": ["1", "two", "4", "5", "6", "7"], "a": ["two", "4", "5", "a6"], "b": ["1", "two", "4", "5", "6", "7"],
            "c": ["two", "4", "5", "a6", "c7"],
        ]
    }

    private func texts(_ storage: RedisStorage, _ id: String) async throws -> [String] {
        try await storage.events(in: try key(id), EventQuery(limit: 1000)).events.texts
    }

    @Test(
        "branches that are deleted leave the others whole, and in the end nothing",
        arguments: [
            ["main", "a", "b", "c"], ["c", "b", "a", "main"], ["a", "main", "c", "b"], ["b", "main", "a", "c"],
        ])
    func deletion(_ order: [String]) async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            var left = try await grow(storage, .unlimited)
            #expect(try await shared(server, prefix).contains { $0.hasSuffix(":e") })
            for id in order {
                for (id, expected) in left { #expect(try await texts(storage, id) == expected, "\(id)") }
                #expect(try await storage.delete(try key(id)))
                left[id] = nil
            }
            #expect(try await leftovers(server, prefix) == [])
        }
    }

    @Test("branches that expire leave nothing, without being asked for")
    func expiry() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            for (id, expected) in try await grow(storage, .seconds(4)) { #expect(try await texts(storage, id) == expected, "\(id)") }
            let isGone = try await eventually { try await leftovers(server, prefix).isEmpty }
            #expect(isGone)
        }
    }

    @Test("a fork that lives longer than its parent stays whole, and its log goes with it")
    func longerLife() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            _ = try await storage.create(SessionDraft(lifetime: .seconds(2)), at: try key("main"))
            _ = try await storage.append(EventBatch(try (1...5).map { try .text("\($0)") }), to: try key("main"))
            try await fork(storage, "main", at: 3, to: "long", ttl: .set(nil))
            try await fork(storage, "main", to: "short")
            let isGone = try await eventually { try await server.keys(prefix).filter { $0.contains("}:s:") && !$0.hasSuffix("long") }.isEmpty }
            #expect(isGone)
            #expect(try await texts(storage, "long") == ["1", "2", "3"])
            for name in try await shared(server, prefix) { #expect(try await server.cli("PTTL", name) == "-1", "\(name)") }
            let lineage = try await storage.lineage(of: try key("long"))
            #expect(lineage.ancestors.map(\.session) == ["main"])
            #expect(try await storage.delete(try key("long")))
            // The others are noted as its users a little longer than they lived.
            let isReleased = try await eventually { try await shared(server, prefix).isEmpty }
            #expect(isReleased)
        }
    }

    @Test("a log expires no earlier than whoever shows it, and every write moves that")
    func moments() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            _ = try await storage.create(SessionDraft(lifetime: .seconds(1000)), at: try key("main"))
            _ = try await storage.append(EventBatch(try (1...3).map { try .text("\($0)", id: "\($0)") }), to: try key("main"))
            try await fork(storage, "main", to: "fork", ttl: .set(5000))
            func check(_ records: [SessionRecord]) async throws {
                let last = records.compactMap { $0.expiresAt?.milliseconds }.max() ?? 0
                let names = try await shared(server, prefix)
                #expect(names.count == 3)
                for name in names {
                    let moment = try #require(Int(try await server.cli("PEXPIRETIME", name)))
                    #expect(moment >= last && moment <= last + 5000 * 125 + 1, "\(name)")
                }
            }
            func record(_ id: String) async throws -> SessionRecord { try await storage.session(try key(id), SnapshotQuery()).record }
            try await check([record("main"), record("fork")])
            var patch = SessionPatch()
            patch.ttl = .set(20_000)
            _ = try await storage.update(try key("main"), with: patch, expectedVersion: nil)
            for name in try await shared(server, prefix) { #expect(try #require(Int(try await server.cli("PTTL", name))) > 19_000_000, "\(name)") }
            patch.ttl = .set(nil)
            _ = try await storage.update(try key("main"), with: patch, expectedVersion: nil)
            for name in try await shared(server, prefix) { #expect(try await server.cli("PTTL", name) == "-1", "\(name)") }
            #expect(try await storage.delete(try key("main")))
            try await check([record("fork")])
            #expect(try await texts(storage, "fork") == ["1", "2", "3"])
        }
    }

    @Test("forks that have expired are forgotten by their parent")
    func forgottenForks() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            _ = try await storage.create(SessionDraft(), at: try key("main"))
            for number in 0..<5 { try await fork(storage, "main", to: "fork-\(number)", ttl: .set(2)) }
            let notes = try #require(try await server.keys(prefix).first { $0.hasSuffix(":f") })
            #expect(try await server.cli("ZCARD", notes) == "5")
            let isGone = try await eventually { try await server.keys(prefix).filter { $0.contains("fork-") }.isEmpty }
            #expect(isGone)
            #expect(try await storage.lineage(of: try key("main")).forks.isEmpty)
            #expect(try await server.cli("EXISTS", notes) == "0")
        }
    }

    @Test("a fork of 50,000 events is as many commands as a fork of five")
    func cost() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            let drafts = try (0..<1000).map { _ in try EventDraft.text("x") }
            for (id, batches) in [("small", 0), ("large", 50)] {
                _ = try await storage.create(SessionDraft(), at: try key(id))
                _ = try await storage.append(EventBatch(Array(drafts.prefix(5))), to: try key(id))
                for _ in 0..<batches { _ = try await storage.append(EventBatch(drafts), to: try key(id)) }
            }
            func commands(_ id: String) async throws -> [String: Int] {
                try await server.cli("CONFIG", "RESETSTAT")
                try await fork(storage, id, to: "\(id)-fork")
                return try await server.calls().filter { $0.key != "config|resetstat" && $0.key != "info" }
            }
            // Once for the server to know the script.
            try await fork(storage, "small", to: "first")
            #expect(try await storage.delete(try key("first")))
            _ = try await storage.create(SessionDraft(), at: try key("tiny"))
            _ = try await storage.append(EventBatch(Array(drafts.prefix(5))), to: try key("tiny"))
            #expect(try await commands("large") == commands("tiny"))
            #expect(try await storage.session(try key("large-fork"), SnapshotQuery()).record.eventCount == 50_005)
        }
    }
}
