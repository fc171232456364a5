import BatonCore
import BatonRedis
import BatonTesting
import Synchronization
import Testing

@Suite("A failover that loses acknowledged writes", .timeLimit(.minutes(3)))
struct FailoverTests {
    /// What a follower has seen, and how it ended.
    private final class Reader: Sendable {
        private let seen = Guarded<[Int]>([])
        private let ending = Guarded<StoreError?>(nil)
        private let over = Guarded(false)
        private let task: Task<Void, Never>

        init(_ store: SessionStore, _ key: SessionKey, after cursor: Cursor = .seq(0)) {
            let (seen, ending, over) = (seen, ending, over)
            task = Task {
                do throws(StoreError) {
                    for try await event in store.session(key).follow(after: cursor) { seen.withLock { $0.append(event.seq) } }
                } catch {
                    ending.withLock { $0 = error }
                }
                over.withLock { $0 = true }
            }
        }

        var seqs: [Int] { seen.withLock { $0 } }
        var error: StoreError? { ending.withLock { $0 } }
        var isOver: Bool { over.withLock { $0 } }
        func stop() async {
            task.cancel()
            await task.value
        }
    }

    private func append(_ texts: [String], _ storage: any Storage, _ key: SessionKey) async throws -> [AppendReceipt] {
        var receipts: [AppendReceipt] = []
        for text in texts { receipts.append(try await storage.append(EventBatch([try .text(text, id: text)]), to: key)) }
        return receipts
    }

    /// Loses events 4 to 6, while a session beside it loses nothing.
    private func withLoss(
        _ body: (RedisStorage, RedisReplication, _ lost: [AppendReceipt], _ readers: (lossy: Reader, whole: Reader)) async throws -> Void
    ) async throws {
        try await RedisReplication.with { servers in
            let storage = try await RedisStorage.open(servers.address)
            let store = SessionStore(on: storage)
            let (lossy, whole) = (try key("lossy"), try key("whole"))
            for key in [lossy, whole] { _ = try await storage.create(SessionDraft(), at: key) }
            _ = try await append(["1", "2", "3"], storage, lossy)
            _ = try await append(["1"], storage, whole)
            try await servers.cutOff()
            let lost = try await append(["4", "5", "6"], storage, lossy)
            let readers = (lossy: Reader(store, lossy), whole: Reader(store, whole))
            try await eventually("both followers are live") { readers.lossy.seqs.count == 6 && readers.whole.seqs.count == 1 }
            do {
                try await servers.failOver()
                try await body(storage, servers, lost, readers)
            } catch {
                await readers.lossy.stop()
                await readers.whole.stop()
                await store.close()
                throw error
            }
            await readers.lossy.stop()
            await readers.whole.stop()
            await store.close()
        }
    }

    @Test("followers of what was lost are told, though nothing new comes; others go on")
    func followers() async throws {
        try await withLoss { storage, _, _, readers in
            try await eventually("the follower is told") { readers.lossy.isOver }
            #expect(readers.lossy.error?.code == .offsetGone)
            guard case .gone(_, let tail, _)? = readers.lossy.error?.detail else {
                Issue.record("\(String(describing: readers.lossy.error))")
                return
            }
            #expect(tail.seq == 3)
            _ = try await append(["2"], storage, try key("whole"))
            try await eventually("the other follower goes on") { readers.whole.seqs == [1, 2] }
            #expect(readers.whole.error == nil)
        }
    }

    @Test("a cursor on a lost event is gone, also after its seq was given out again")
    func cursors() async throws {
        try await withLoss { storage, _, lost, _ in
            let key = try key("lossy")
            for receipt in lost { await refused(.offsetGone) { _ = try await storage.events(in: key, EventQuery(after: .offset(receipt.tail))) } }
            // A retry of what is there is a duplicate, a retry of what was lost is stored.
            let again = try await append(["3", "4", "5", "6", "7"], storage, key)
            #expect(again.map(\.isDuplicate) == [true, false, false, false, false])
            #expect(again.map(\.entries[0].offset.seq) == [3, 4, 5, 6, 7])
            for receipt in lost { await refused(.offsetGone) { _ = try await storage.events(in: key, EventQuery(after: .offset(receipt.tail))) } }
            #expect(try await storage.events(in: key, EventQuery()).events.texts == ["1", "2", "3", "4", "5", "6", "7"])
        }
    }

    @Test("a follower is told when its seq was given out again before it could look")
    func overtaken() async throws {
        try await withLoss { storage, _, _, readers in
            _ = try await append((4...9).map { "other \($0)" }, storage, try key("lossy"))
            try await eventually("the follower is told") { readers.lossy.isOver }
            #expect(readers.lossy.error?.code == .offsetGone)
            #expect(readers.lossy.seqs == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test("a writer that expects a lost seq is refused with where the session is")
    func expectations() async throws {
        try await withLoss { storage, _, _, _ in
            let error = await refused(.preconditionFailed) {
                _ = try await storage.append(EventBatch([try .text("7")], expectedSeq: 6), to: try key("lossy"))
            }
            #expect(error?.detail == .current(3))
        }
    }

    @Test("writes that waited for a replica had said so, and their repetition is stored once")
    func unconfirmed() async throws {
        try await RedisReplication.with { servers in
            // A replica that has just begun to follow may take a second until it says so for the first time.
            let storage = try await RedisStorage.open(
                servers.address, RedisStorageConfiguration(durability: .wait(replicas: 1, within: .seconds(60))))
            let key = try key()
            #expect(try await storage.append(EventBatch([try .text("kept")], createsSession: true), to: key).confirmedReplicas == 1)
            try await servers.cutOff()
            var batch = EventBatch([try .text("lost")])
            let hasty = try storage.with(durability: .wait(replicas: 1, within: .milliseconds(100)))
            let error = await refused(.unconfirmed) { _ = try await hasty.append(batch, to: key) }
            guard case .unconfirmed(0, _?, let name?)? = error?.detail else {
                Issue.record("\(String(describing: error))")
                return
            }
            try await servers.failOver()
            batch.idempotencyKey = name
            let again = batch
            let plain = try storage.with(durability: .memory)
            #expect(try await plain.append(again, to: key).isDuplicate == false)
            #expect(try await plain.append(again, to: key).isDuplicate)
            let events = try await storage.events(in: key, EventQuery()).events
            #expect(events.texts == ["kept", "lost"])
            #expect(events.map(\.seq) == [1, 2])
            await storage.close()
        }
    }

    @Test("new events come after all that was served, though the clock of the new primary is behind")
    func slowerClock() async throws {
        try await RedisReplication.with { servers in
            let storage = try await RedisStorage.open(servers.address)
            // The old primary's clock runs ten seconds ahead.
            let ahead = { @Sendable in Timestamp(milliseconds: SystemClock.now().milliseconds + 10_000) }
            var configuration = RedisStorageConfiguration()
            configuration.clock = ahead
            let writer = try await RedisStorage.open(servers.address, configuration)
            let key = try key()
            _ = try await writer.create(SessionDraft(), at: key)
            try await servers.cutOff()
            let lost = try await append(["1"], writer, key)[0].tail
            await writer.close()
            // This one has served it.
            #expect(try await storage.events(in: key, EventQuery()).tail == lost)
            try await servers.failOver()
            let new = try await append(["other"], storage, key)[0].tail
            #expect(new.seq == lost.seq)
            #expect(new.milliseconds > lost.milliseconds)
            // A session that is made anew begins behind it too.
            let other = try SessionKey(app: "app", user: "u", id: "other")
            let first = try await storage.append(EventBatch([try .text("1")], createsSession: true), to: other).tail
            #expect(first.milliseconds > lost.milliseconds)
            await storage.close()
        }
    }

    @Test("a clock that was an hour ahead does not spread to other sessions")
    func wrongClock() async throws {
        try await RedisReplication.with { servers in
            let storage = try await RedisStorage.open(servers.address)
            var configuration = RedisStorageConfiguration()
            configuration.clock = { Timestamp(milliseconds: SystemClock.now().milliseconds + 3_600_000) }
            let writer = try await RedisStorage.open(servers.address, configuration)
            let wrong = try await writer.append(EventBatch([try .text("1")], createsSession: true), to: try key("wrong")).tail
            await writer.close()
            try await servers.catchesUp()
            #expect(try await storage.events(in: try key("wrong"), EventQuery()).tail == wrong)
            try await servers.failOver()
            let right = try await storage.append(EventBatch([try .text("1")], createsSession: true), to: try key("right")).tail
            #expect(right.milliseconds < wrong.milliseconds - 3_000_000)
            // Inside its session time does not go back all the same.
            #expect(try await storage.append(EventBatch([try .text("2")]), to: try key("wrong")).tail.milliseconds >= wrong.milliseconds)
            await storage.close()
        }
    }

    @Test("with Sentinels: followers are told, repetitions are stored once, seqs have no holes")
    func sentinels() async throws {
        try await RedisSentinels.with { fixture in
            let hosts = fixture.sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
            let storage = try await RedisStorage.open("redis+sentinel://\(hosts)/\(RedisSentinels.name)?timeout=60000")
            let store = SessionStore(on: storage)
            let waiting = try storage.with(durability: .wait(replicas: 1, within: .milliseconds(200)))
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            _ = try await append(["1", "2", "3"], try storage.with(durability: .wait(replicas: 1, within: .seconds(60))), key)
            let reader = Reader(store, key)
            let primary = fixture.servers[0]
            try await primary.isCopied(to: Array(fixture.servers.dropFirst()))
            try await primary.refuseReplicas()
            var lost: [Offset] = []
            for text in ["4", "5", "6"] {
                let error = await refused(.unconfirmed) { _ = try await waiting.append(EventBatch([try .text(text, id: text)]), to: key) }
                if case .unconfirmed(_, let receipt?, _)? = error?.detail { lost.append(receipt.tail) }
            }
            #expect(lost.map(\.seq) == [4, 5, 6])
            try await eventually("the follower has seen what will be lost") { reader.seqs == [1, 2, 3, 4, 5, 6] }
            await primary.kill()
            try await eventually("the follower is told", within: .seconds(90)) { reader.isOver }
            #expect(reader.error?.code == .offsetGone)
            let again = try await append((2...7).map(String.init), storage, key)
            #expect(again.map(\.isDuplicate) == [true, true, false, false, false, false])
            let events = try await storage.events(in: key, EventQuery()).events
            #expect(events.map(\.seq) == [1, 2, 3, 4, 5, 6, 7])
            #expect(events.texts == ["1", "2", "3", "4", "5", "6", "7"])
            for offset in lost { await refused(.offsetGone) { _ = try await storage.events(in: key, EventQuery(after: .offset(offset))) } }
            // A reader that starts again where it is told to sees everything once.
            let second = Reader(store, key)
            try await eventually("a new follower sees it all") { second.seqs == Array(1...7) }
            await reader.stop()
            await second.stop()
            await store.close()
        }
    }
}
