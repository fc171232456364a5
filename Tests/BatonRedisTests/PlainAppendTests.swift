import BatonCore
import BatonRedisClient
import BatonTesting
import Testing

@testable import BatonRedis

/// The short script and the full one have to be told apart by nothing but their cost.
@Suite("Plain appends", .redisServer, .serialized)
struct PlainAppendTests {
    /// Everything under a prefix but the log, byte by byte, and what the log says of each change.
    private struct Keyspace: Equatable {
        var values: [String: [UInt8]] = [:]
        var changes: [[String]] = []

        init(_ storage: RedisStorage, _ server: RedisServer) async throws {
            let prefix = storage.layout.prefix
            for name in try await server.keys(prefix + ":") {
                let key = RedisKey(name)
                if name.hasSuffix(":log"), try await storage.client.send(RawCommand(["TYPE", RedisArgument(key)])).string == "stream" {
                    let entries = try StreamEntries(try await storage.client.send(RawCommand(["XRANGE", RedisArgument(key), "-", "+"])))
                    for entry in entries {
                        let fields = try #require(entry.fields)
                        changes.append(["k", "r"].map { Hex.text(of: Array(fields[$0] ?? [])) })
                    }
                } else {
                    let dump = try await storage.client.send(RawCommand(["DUMP", RedisArgument(key)]))
                    values[String(name.dropFirst(prefix.count))] = Array(try #require(dump.bytes))
                }
            }
        }
    }

    private func open(_ server: RedisServer, _ policy: StorePolicy, _ clock: ManualClock) async throws -> RedisStorage {
        var configuration = RedisStorageConfiguration(prefix: RedisFixture.prefix(), policy: policy)
        configuration.clock = clock.now
        return try await RedisStorage.open("redis://127.0.0.1:\(server.port)", configuration)
    }

    /// Copies every key, so that both stores hold the same session.
    private func copy(_ server: RedisServer, _ from: RedisStorage, _ to: RedisStorage) async throws {
        for name in try await server.keys(from.layout.prefix + ":") {
            try await server.cli("COPY", name, to.layout.prefix + name.dropFirst(from.layout.prefix.count), "REPLACE")
        }
    }

    private func plainly(_ batch: EventBatch, _ key: SessionKey, _ storage: RedisStorage) async throws -> AppendReceipt? {
        var request = storage.writeRequest()
        return try await storage.append(try #require(PlainAppend(batch, to: key, storage.policy)), &request)
    }

    @Test("leave what the full script leaves, byte by byte", arguments: [nil, 6], [nil, 3600])
    func same(_ maximum: Int?, _ ttl: Int?) async throws {
        let server = try #require(SharedServer.current)
        let (key, clock) = (try key(user: "ü\0:"), ManualClock())
        let policy = StorePolicy(maximumEvents: maximum, sessionTTL: ttl)
        let short = try await open(server, policy, clock)
        let full = try await open(server, policy, clock)
        _ = try await short.create(SessionDraft(title: "t", state: StateDelta.all()), at: key)
        try await copy(server, short, full)
        let batches = [
            EventBatch([try .text("1")]), EventBatch([try .text("2"), try .text("3")]), EventBatch([try .text("4")], expectedSeq: 3),
            EventBatch([try .text("5", id: "a")]), EventBatch([try .text("again", id: "a")]), EventBatch([try .text("6", id: "b")], expectedSeq: 5),
            EventBatch([try .text("7", state: ["k": .null, "j": JSON(string: "v"), "i": JSON(string: "")])]),
            EventBatch([try .text("8", state: ["l": JSON(string: "1")]), try .text("9", state: ["l": .null, "m": JSON(string: "2")])]),
            EventBatch([try .text("10", id: "c")]), EventBatch([try .text("11")]), EventBatch([try .text("12"), try .text("13"), try .text("14")]),
            EventBatch([try .text("again", id: "c")]),
        ]
        var hasAskedForKeys = false
        for batch in batches {
            clock.advance(milliseconds: 1_234)
            var receipt = try await plainly(batch, key, short)
            if receipt == nil, !hasAskedForKeys {
                // Once for each store that needs more keys than most.
                hasAskedForKeys = true
                receipt = try await plainly(batch, key, short)
            }
            #expect(receipt != nil)
            #expect(try await full.appendInFull(batch, to: key, full.writeRequest()) == receipt)
            #expect(try await Keyspace(short, server) == Keyspace(full, server))
        }
        // What stands in the way of both.
        for storage in [short, full] {
            let error = await refused(.preconditionFailed) { _ = try await storage.append(EventBatch([try .text("x")], expectedSeq: 1), to: key) }
            #expect(error?.detail == .current(14))
        }
        #expect(try await Keyspace(short, server) == Keyspace(full, server))
        await short.close()
        await full.close()
    }

    @Test("hold writers to the fence as the full script does")
    func fenced() async throws {
        let server = try #require(SharedServer.current)
        let (key, clock) = (try key(), ManualClock())
        let short = try await open(server, StorePolicy(), clock)
        let full = try await open(server, StorePolicy(), clock)
        _ = try await short.create(SessionDraft(), at: key)
        let lease = try await short.acquireLease(LeaseRequest(holder: "a", ttl: 60_000), on: key)
        try await copy(server, short, full)
        func outcome(_ body: () async throws -> AppendReceipt?) async -> String {
            do { return try await body().map { "\($0)" } ?? "left to the full script" } catch {
                return (error as? StoreError).map { "\($0.code) \($0.detail)" } ?? "\(error)"
            }
        }
        func compare(_ batch: EventBatch) async throws -> String {
            let plain = await outcome { try await plainly(batch, key, short) }
            let complete = await outcome { try await full.appendInFull(batch, to: key, full.writeRequest()) }
            #expect(plain == complete)
            #expect(try await Keyspace(short, server) == Keyspace(full, server))
            return plain
        }
        for (epoch, expected, isStored) in [
            (lease.epoch, nil, true), (lease.epoch, 1, true), (lease.epoch, 1, false), (lease.epoch - 1, 2, false), (nil, nil, false),
            (0, nil, false),
        ] as [(Int?, Int?, Bool)] {
            clock.advance(milliseconds: 10)
            let text = try await compare(EventBatch([try .text("x")], expectedSeq: expected, epoch: epoch))
            #expect(text.contains("AppendReceipt") == isStored, "\(text)")
        }
        clock.advance(seconds: 60)
        #expect(try await compare(EventBatch([try .text("late")], epoch: lease.epoch)).hasPrefix("fenced"))
        // Whoever writes past a lease that expired ends it for good, which is more than a plain append does.
        #expect(try await plainly(EventBatch([try .text("y")]), key, short) == nil)
        _ = try await short.append(EventBatch([try .text("y")]), to: key)
        clock.advance(seconds: -30)
        await refused(.fenced) { _ = try await plainly(EventBatch([try .text("late")], epoch: lease.epoch), key, short) }
        #expect(try await plainly(EventBatch([try .text("z")]), key, short)?.tail.seq == 4)
        await short.close()
        await full.close()
    }

    @Test("give all keys of a session one expiry, and the lists none that is shorter or much longer")
    func expiry() async throws {
        try await withStorage { storage, _ in
            let key = try key()
            _ = try await storage.create(SessionDraft(lifetime: .seconds(800)), at: key)
            _ = try await storage.append(EventBatch([try .text("1", id: "a")], idempotencyKey: "r"), to: key)
            _ = try await storage.append(EventBatch([try .text("2", id: "b")]), to: key)
            _ = try await storage.replace("a", in: key, with: EventPatch(content: JSON(string: "edited")))
            // As if most of the lifetime had passed, for the lists too.
            let names = storage.layout.names(of: key)
            for name in names.keys[0...8] { _ = try await storage.client.send(RawCommand(["PEXPIRE", RedisArgument(name), 50_000])) }
            let head = try #require(try await storage.client.send(RawCommand(["HGET", RedisArgument(names.session), "h"])).bytes)
            let earlier = try await storage.client.send(RawCommand(["PEXPIRETIME", RedisArgument(names.session)])).integer ?? 0
            let early = head.dropLast(6) + (0..<6).reversed().map { UInt8(truncatingIfNeeded: earlier >> (8 * $0)) }
            _ = try await storage.client.send(RawCommand(["HSET", RedisArgument(names.session), "h", .slice(early)]))
            try #require(try await plainly(EventBatch([try .text("3", id: "c")]), key, storage) != nil)
            var ends: [Int64] = []
            for name in names.keys[0...8] {
                ends.append(try await storage.client.send(RawCommand(["PEXPIRETIME", RedisArgument(name)])).integer ?? 0)
            }
            #expect(ends[0] > earlier + 700_000)
            #expect(Set(ends[0...4]).count == 1)
            for end in ends[5...8] { #expect(ends[0]...ends[0] + 50_001 ~= end) }
        }
    }

    @Test("change nothing when a key is another program's", arguments: [":e", ":i", "l:app:u", "l:app", "log"])
    func foreign(_ suffix: String) async throws {
        try await withStorage { storage, server in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            let names = storage.layout.names(of: key)
            let foreign = suffix.hasPrefix(":") ? names.session.description + suffix : String(decoding: names.base, as: UTF8.self) + suffix
            try await server.cli("DEL", foreign)
            try await server.cli("SET", foreign, "theirs")
            let before = try await Keyspace(storage, server)
            await refused(.storeIncompatible) { _ = try await plainly(EventBatch([try .text("1", id: "a")]), key, storage) }
            #expect(try await Keyspace(storage, server) == before)
        }
    }

    /// A ledger (bit 5) and tracks (bit 6) have to be kept alive where sessions expire.
    @Test(
        "leave to the full script what they do not know",
        arguments: [(SessionDraft.Lifetime.unlimited, [3, 4, 7]), (.seconds(100), [3, 4, 5, 6, 7])])
    func unknown(_ lifetime: SessionDraft.Lifetime, _ bits: [Int]) async throws {
        try await withStorage { storage, server in
            let key = try key()
            let batch = EventBatch([try .text("1")])
            #expect(try await plainly(batch, key, storage) == nil)
            _ = try await storage.create(SessionDraft(lifetime: lifetime), at: key)
            let session = RedisArgument(storage.layout.names(of: key).session)
            let head = Array(try #require(try await storage.client.send(RawCommand(["HGET", session, "h"])).bytes))
            for bit in bits {
                var other = head
                other[2] |= 1 << bit
                _ = try await storage.client.send(RawCommand(["HSET", session, "h", .bytes(other)]))
                let before = try await Keyspace(storage, server)
                #expect(try await plainly(batch, key, storage) == nil, "bit \(bit)")
                #expect(try await Keyspace(storage, server) == before)
            }
            #expect(try await storage.append(batch, to: key).tail.seq == 1)
        }
    }

    @Test("pass beside tracks and tool calls of sessions that do not expire")
    func besideTracks() async throws {
        try await withStorage { storage, _ in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            _ = try await storage.append(TrackBatch([try .text("t")]), toTrack: "t", of: key)
            _ = try await storage.reserve(ToolReservation(key: "k", name: "k", ttlMilliseconds: 1000), in: key, epoch: nil)
            #expect(try await plainly(EventBatch([try .text("1", id: "one")]), key, storage)?.tail.seq == 1)
            #expect(try await storage.tracks(of: key, last: 1).tracks.map(\.count) == [1])
            #expect(try await storage.toolCall("k", in: key).attempt == 1)
            let lease = try await storage.acquireLease(LeaseRequest(holder: "a", ttl: 60_000), on: key)
            await refused(.busy) { _ = try await storage.append(EventBatch([try .text("2")]), to: key) }
            #expect(try await plainly(EventBatch([try .text("2")], epoch: lease.epoch), key, storage)?.tail.seq == 2)
        }
    }

    @Test("do nothing when they arrive after a later attempt, also in a session that was made anew")
    func late() async throws {
        try await withStorage { storage, server in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            let batch = EventBatch([try .text("1")])
            var request = storage.writeRequest()
            request.attempt = 2
            #expect(try await storage.appendInFull(batch, to: key, request).tail.seq == 1)
            #expect(try await storage.append(try #require(PlainAppend(batch, to: key, storage.policy)), &request) == nil)
            #expect(try await storage.delete(key))
            _ = try await storage.create(SessionDraft(), at: key)
            #expect(try await storage.append(try #require(PlainAppend(batch, to: key, storage.policy)), &request) == nil)
            await refused(.cancelled) {
                var first = request
                first.attempt = 1
                _ = try await storage.appendInFull(batch, to: key, first)
            }
            #expect(try await storage.session(key, SnapshotQuery()).record.lastSeq == 0)
            // When no fence is left, the next write finds out.
            try await server.cli("DEL", storage.layout.names(of: key).session.description + ":r")
            _ = try await storage.append(batch, to: key)
            #expect(try await plainly(batch, key, storage)?.tail.seq == 2)
        }
    }
}
