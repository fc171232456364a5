import BatonCore
import BatonRedisClient
import BatonTesting
import Testing

@testable import BatonRedis

/// Reading a session with its last events takes one transaction of plain commands where that gives what the script would, and the script elsewhere.
private struct PlainReads {
    let storage: RedisStorage
    let server: RedisClient

    /// Runs `body` with a store under a prefix of its own.
    static func with(_ address: String, _ policy: StorePolicy = StorePolicy(), _ body: (PlainReads) async throws -> Void) async throws {
        let client = try RedisClient(address)
        do {
            let configuration = RedisStorageConfiguration(prefix: RedisFixture.prefix(), policy: policy)
            try await body(PlainReads(storage: try await RedisStorage.open(on: client, configuration), server: client))
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    struct Calls: Equatable {
        var scripts = 0
        var transactions = 0
    }

    /// What all servers have been sent until now.
    private func calls() async throws -> Calls {
        var calls = Calls()
        for node in try await server.primaries() {
            let info = try #require(try await node.send(RawCommand(["INFO", "commandstats"])).string)
            for line in info.split(whereSeparator: \.isNewline) {
                guard let count = line.split(separator: "=").dropFirst().first?.split(separator: ",").first.flatMap({ Int($0) }) else { continue }
                if line.hasPrefix("cmdstat_evalsha:") || line.hasPrefix("cmdstat_eval:") { calls.scripts += count }
                if line.hasPrefix("cmdstat_exec:") { calls.transactions += count }
            }
        }
        return calls
    }

    /// Reads a session, and gives the texts of its events and what that took.
    func read(_ key: SessionKey, _ count: Int) async throws -> (texts: [String], calls: Calls) {
        let before = try await calls()
        let session = try await storage.session(key, SnapshotQuery(events: count))
        let after = try await calls()
        return (
            session.events.texts, Calls(scripts: after.scripts - before.scripts, transactions: after.transactions - before.transactions)
        )
    }

    private func expect(
        _ texts: [String], _ scripts: Int, _ transactions: Int, of key: SessionKey, _ count: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let (found, calls) = try await read(key, count)
        #expect(found == texts, sourceLocation: sourceLocation)
        #expect(calls == Calls(scripts: scripts, transactions: transactions), sourceLocation: sourceLocation)
    }

    func fallBack() async throws {
        let (main, fork) = (try key("main"), try key("fork"))
        _ = try await storage.create(SessionDraft(state: try StateDelta.all()), at: main)
        // Makes the script known, which would be sent twice otherwise.
        _ = try await storage.touch(main)
        try await expect([], 0, 1, of: main, 50)
        _ = try await storage.append(EventBatch([try .text("1", id: "one"), try .text("2")], idempotencyKey: "r"), to: main)
        let lease = try await storage.acquireLease(LeaseRequest(holder: "w", ttl: 600_000), on: main)
        try await expect(["1", "2"], 0, 1, of: main, 50)
        try await expect(["2"], 0, 1, of: main, 1)
        let session = try await storage.session(main, SnapshotQuery(events: 50))
        #expect(session.record.lease?.epoch == lease.epoch)
        let value = JSON(string: "v")
        #expect(session.state == SessionState(session: ["k": value], user: ["k": value], app: ["k": value]))
        // More than plain commands are trusted with, and no events at all.
        try await expect(["1", "2"], 1, 0, of: main, 101)
        try await expect([], 1, 0, of: main, 0)
        try await storage.releaseLease(lease.epoch, on: main)

        // What was taken over comes by plain commands too.
        _ = try await storage.fork(main, ForkDraft(), to: fork, epoch: nil)
        _ = try await storage.append(EventBatch([try .text("3")]), to: fork)
        try await expect(["1", "2", "3"], 0, 1, of: fork, 50)
        try await expect(["1", "2"], 0, 1, of: main, 50)

        // What is said of events elsewhere has to be looked up: the transaction shows that, and the script does it. A rewind has no text.
        _ = try await storage.rewind(fork, RewindDraft(to: .seq(1)))
        try await expect(["1", "?"], 1, 1, of: fork, 50)
        _ = try await storage.replace("one", in: main, with: EventPatch(content: JSON(string: "one")))
        try await expect(["one", "2"], 1, 1, of: main, 50)

        let absent = try key("absent")
        await refused(.notFound) { _ = try await storage.session(absent, SnapshotQuery(events: 50)) }
    }

    func writeWhereTheyExtend() async throws {
        let key = try key()
        _ = try await storage.create(SessionDraft(), at: key)
        _ = try await storage.append(EventBatch([try .text("1")]), to: key)
        _ = try await storage.touch(key)
        try await expect(["1"], 1, 0, of: key, 50)
    }

    func nameOtherTypes() async throws {
        let key = try key()
        let names = storage.layout.names(of: key)
        for other in [names.session, names.events, names.userState, names.appState] {
            _ = try await storage.create(SessionDraft(), at: key)
            _ = try await storage.append(EventBatch([try .text("1")]), to: key)
            _ = try await server.send(RawCommand(["DEL", RedisArgument(other)], keys: [other]))
            _ = try await server.send(RawCommand(["SADD", RedisArgument(other), "x"], keys: [other]))
            let error = await refused(.storeIncompatible) { _ = try await storage.session(key, SnapshotQuery(events: 50)) }
            #expect(error?.message.contains("belongs to another program") == true)
            for name in [names.session, names.events, other] {
                _ = try await server.send(RawCommand(["DEL", RedisArgument(name)], keys: [name]))
            }
        }
    }

    func expire() async throws {
        let key = try key()
        let names = storage.layout.names(of: key)
        _ = try await storage.create(SessionDraft(lifetime: .seconds(1)), at: key)
        _ = try await storage.append(EventBatch([try .text("1")]), to: key)
        // Left in its place by the server, as by one whose clock was set back and forth.
        for name in [names.session, names.events] {
            _ = try await server.send(RawCommand(["PERSIST", RedisArgument(name)], keys: [name]))
        }
        let isGone = await eventually {
            do throws(StoreError) { _ = try await storage.events(in: key, EventQuery()) } catch { return error.code == .notFound }
            return false
        }
        #expect(isGone)
        await refused(.notFound) { _ = try await storage.session(key, SnapshotQuery(events: 50)) }
        #expect(try await server.send(RawCommand(["EXISTS", RedisArgument(names.session)], keys: [names.session])).integer == 1)
    }
}

@Suite("Plain reads", .redisServer, .serialized)
struct PlainReadTests {
    private func with(_ policy: StorePolicy = StorePolicy(), _ body: (PlainReads) async throws -> Void) async throws {
        try await PlainReads.with("redis://127.0.0.1:\(try #require(SharedServer.current).port)", policy, body)
    }

    @Test("are one transaction and no script, which is sent for what the transaction cannot give")
    func fallBack() async throws { try await with { try await $0.fallBack() } }

    @Test("are the script's where reading extends lives")
    func extend() async throws { try await with(StorePolicy(sessionTTL: 600, readsExtendLife: true)) { try await $0.writeWhereTheyExtend() } }

    @Test("name a key of another type")
    func otherTypes() async throws { try await with { try await $0.nameOtherTypes() } }

    @Test("do not show what is over, also where the server has left it")
    func expire() async throws { try await with { try await $0.expire() } }
}

@Suite("Plain reads on a cluster", .cluster, .serialized)
struct ClusterPlainReadTests {
    private func with(_ policy: StorePolicy = StorePolicy(), _ body: (PlainReads) async throws -> Void) async throws {
        try await PlainReads.with(SharedTopology.address, policy, body)
    }

    @Test("are one transaction and no script, which is sent for what the transaction cannot give")
    func fallBack() async throws { try await with { try await $0.fallBack() } }

    @Test("are the script's where reading extends lives")
    func extend() async throws { try await with(StorePolicy(sessionTTL: 600, readsExtendLife: true)) { try await $0.writeWhereTheyExtend() } }

    @Test("name a key of another type")
    func otherTypes() async throws { try await with { try await $0.nameOtherTypes() } }

    @Test("do not show what is over, also where the server has left it")
    func expire() async throws { try await with { try await $0.expire() } }
}
