import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("The event bus under faults", .redisServer, .timeLimit(.minutes(3)))
struct DeliveryFaultTests {
    @Test("what a dead worker held goes to another after the lease, as its second attempt and the same event")
    func deadWorker() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            try await storage.grouped(GroupSettings(leaseMilliseconds: 200))
            try await storage.publish(["1", "2"])
            let worker = try await RedisStorage.open("redis://127.0.0.1:\(server.port)", RedisStorageConfiguration(prefix: prefix))
            let held = try await worker.receive(as: "dies")
            await worker.close()
            #expect(held.texts == ["1", "2"])
            var heirs: [Delivery] = []
            try await eventually("the lease ends") {
                heirs += try await storage.receive(as: "heir")
                return heirs.count == 2
            }
            #expect(heirs.map(\.id) == held.map(\.id))
            #expect(heirs.map(\.event.id) == held.map(\.event.id))
            #expect(heirs.map(\.attempt) == [2, 2])
            // It was only asleep: nothing that it says counts any more.
            for action in [Settlement.Action.acknowledge, .extend(60_000)] {
                #expect(try await storage.settle(held, action, as: "dies") == [.fenced, .fenced])
            }
            #expect(try await storage.settle(heirs, as: "heir") == [.done, .done])
            let group = try await storage.group("g", of: "t")
            #expect(group.pending == 0 && group.lag == 0)
        }
    }

    @Test("a publish whose reply was lost is stored once, with the receipt of the call that stored it")
    func lostReply() async throws {
        let server = try #require(SharedServer.current)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        try await withStorage(port: proxy.port) { storage, _ in
            try await storage.publish(["0"])
            proxy.cut()
            let entries = try await storage.publish(["1", "2"])
            #expect(entries.map(\.seq) == [2, 3])
            #expect(entries.allSatisfy { !$0.isDuplicate })
            proxy.cut()
            let named = try await storage.publish(TopicBatch([TopicEventDraft(type: "x", data: JSON(string: "3"), id: "three")]), to: "t")
            #expect(named.entries.map(\.isDuplicate) == [false])
            #expect(proxy.isDone)
            #expect(try await storage.texts() == ["0", "1", "2", "3"])
        }
    }

    @Test("many publishers whose replies are cut all the time lose and double nothing")
    func publishStorm() async throws {
        let server = try #require(SharedServer.current)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        try await withStorage(port: proxy.port) { storage, _ in
            let isOver = Guarded(false)
            let cutter = Task {
                for _ in 0..<10 where !isOver.withLock({ $0 }) {
                    proxy.cut()
                    _ = await eventually { proxy.isDone || isOver.withLock { $0 } }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            let seqs = try await withThrowingTaskGroup(of: [Int].self) { group in
                for publisher in 0..<8 {
                    group.addTask {
                        var seqs: [Int] = []
                        for number in 0..<50 { seqs += try await storage.publish(["\(publisher)-\(number)"]).map(\.seq) }
                        return seqs
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            isOver.withLock { $0 = true }
            try await cutter.value
            #expect(seqs.sorted() == Array(1...400))
            try await eventually("the last cut is made") {
                _ = try? await storage.topic("t")
                return proxy.isDone
            }
            let texts = try await storage.texts()
            #expect(texts.count == 400 && Set(texts).count == 400)
        }
    }

    @Test("a receive whose reply was lost hands out the same again, and a settle answers what it did")
    func lostDelivery() async throws {
        let server = try #require(SharedServer.current)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        try await withStorage(port: proxy.port) { storage, _ in
            try await storage.grouped()
            try await storage.publish(["1", "2", "3"])
            // Once for the server to know the scripts.
            try await storage.settle(try await storage.receive(1))
            proxy.cut()
            let held = try await storage.receive()
            #expect(held.texts == ["2", "3"])
            #expect(held.map(\.attempt) == [1, 1])
            proxy.cut()
            #expect(try await storage.settle(held) == [.done, .done])
            #expect(proxy.isDone)
            #expect(try await storage.group("g", of: "t").pending == 0)
        }
    }

    @Test("a slow group under safe stops publishers and loses nothing; under strict it is told what it lost", arguments: [true, false])
    func slowGroup(_ isSafe: Bool) async throws {
        try await withStorage { storage, server in
            let policy = isSafe ? TopicRetention.Policy.safe : .strict
            let retention = TopicRetention(maximumEvents: 1000, maximumBytes: nil, maximumAge: nil, policy: policy)
            _ = try await storage.retain(retention, in: "t")
            try await storage.grouped()
            try await storage.publish((1...100).map { "\($0)" })
            let held = try await storage.receive(10)
            var refused = 0
            for start in stride(from: 101, to: 5001, by: 100) {
                do { try await storage.publish((start..<start + 100).map { "\($0)" }) } catch let error as StoreError {
                    #expect(error.code == .tooManyRequests)
                    refused += 1
                }
            }
            let topic = try await storage.topic("t")
            #expect(topic.count == 1000)
            if isSafe {
                #expect(refused == 40)
                #expect(try await storage.settle(held).allSatisfy { $0 == .done })
                #expect(try await storage.receive(1000).texts == (11...1000).map { "\($0)" })
                #expect(try await storage.group("g", of: "t").lost == 0)
            } else {
                #expect(refused == 0)
                let received = try await storage.receive(1000, from: "t", as: "d", in: "g")
                #expect(received.deliveries.first?.event.data.stringValue == "4001")
                #expect(received.lost == 3990)
                let old = try #require(held.first?.event.offset)
                await BatonRedisTests.refused(.offsetGone) { _ = try await storage.events(in: "t", TopicQuery(from: .offset(old))) }
            }
        }
    }
}

@Suite("The event bus on a server that fails", .timeLimit(.minutes(3)))
struct BusServerFaultTests {
    private func withServer(_ options: String = "timeout=5000", _ body: (RedisServer, RedisStorage) async throws -> Void) async throws {
        try await RedisServer.with { server in
            let storage = try await RedisStorage.open("redis://127.0.0.1:\(server.port)?\(options)")
            do { try await body(server, storage) } catch {
                await storage.close()
                throw error
            }
            await storage.close()
        }
    }

    @Test("followers and groups learn that the server lost everything, and publishing goes on", arguments: ["FLUSHALL", "DEL"])
    func flushed(_ command: String) async throws {
        try await withServer { server, storage in
            try await storage.grouped()
            let entries = try await storage.publish(["1", "2", "3"])
            let before = try await storage.topic("t")
            let hints = HintCounter(storage, "t")
            try await eventually("it watches") { hints.count > 0 }
            let seen = hints.count
            if command == "FLUSHALL" {
                try await server.cli("FLUSHALL")
            } else {
                for key in try await server.keys("baton:{t:t}") { try await server.cli("DEL", key) }
            }
            try await eventually("it is hinted") { hints.count > seen }
            await refused(.offsetGone) { _ = try await storage.events(in: "t", TopicQuery(from: .offset(entries[1].offset))) }
            await refused(.notFound) { _ = try await storage.receive() }
            try await storage.publish(["4"])
            #expect(try await storage.topic("t").generation != before.generation)
            await refused(.offsetGone) { _ = try await storage.events(in: "t", TopicQuery(from: .offset(entries[1].offset))) }
            #expect(try await storage.texts() == ["4"])
            // What comes now wakes again, although its place may be below the old one.
            let after = hints.count
            try await storage.publish(["5"])
            try await eventually("it is hinted again") { hints.count > after }
            hints.stop()
        }
    }

    @Test("a demoted server's watchers go on when there is a primary again, and nothing is missed or doubled")
    func demoted() async throws {
        try await withServer { server, storage in
            try await storage.grouped()
            try await storage.publish(["1"])
            let hints = HintCounter(storage, "t")
            try await eventually("it watches") { hints.count > 0 }
            try await server.cli("REPLICAOF", "127.0.0.1", "1")
            let error = await refused(.storeUnavailable) { try await storage.publish(["lost"]) }
            #expect(error?.isRetryable == true)
            try await server.cli("REPLICAOF", "NO", "ONE")
            let seen = hints.count
            try await eventually("publishing goes on") { (try? await storage.publish(["2"])) != nil }
            try await eventually("it is hinted") { hints.count > seen }
            #expect(try await storage.receive().texts == ["1", "2"])
            hints.stop()
        }
    }

    @Test("a hung server fails a publish within its time, and the same request later is stored once")
    func hung() async throws {
        try await withServer("timeout=500") { server, storage in
            try await storage.grouped()
            let batch = TopicBatch([TopicEventDraft(type: "x", data: JSON(string: "1"))], idempotencyKey: "once")
            server.pause()
            await refused(.storeUnavailable) { _ = try await storage.publish(batch, to: "t") }
            server.resume()
            try await eventually("the server answers") { (try? await storage.publish(batch, to: "t")) != nil }
            #expect(try await storage.texts() == ["1"])
        }
    }

    @Test("a full server refuses publishing and takes acknowledgements")
    func full() async throws {
        try await withServer { server, storage in
            try await storage.grouped()
            try await storage.publish(["1", "2", "3"])
            let held = try await storage.receive()
            try await server.cli("CONFIG", "SET", "maxmemory", "1mb")
            let error = await refused(.storeUnavailable) { try await storage.publish(["4"]) }
            #expect(error?.message.contains("memory limit") == true)
            #expect(try await storage.settle(held) == [.done, .done, .done])
            try await server.cli("CONFIG", "SET", "maxmemory", "0")
            try await storage.publish(["4"])
            #expect(try await storage.receive().texts == ["4"])
        }
    }

    @Test("after a failover that lost events, places after the new tail are gone, also when their numbers were given out again")
    func failover() async throws {
        try await RedisReplication.with { servers in
            let storage = try await RedisStorage.open(servers.address)
            try await storage.publish(["1", "2", "3"])
            try await servers.catchesUp()
            try await servers.cutOff()
            let lost = try await storage.publish(["4", "5", "6"])
            try await servers.failOver()
            try await eventually("the new primary answers") { (try? await storage.texts()) == ["1", "2", "3"] }
            await refused(.offsetGone) { _ = try await storage.events(in: "t", TopicQuery(from: .offset(lost[1].offset))) }
            let new = try await storage.publish(["7", "8", "9"])
            #expect(new.map(\.seq) == [4, 5, 6])
            #expect(try #require(new.first).offset.text > (try #require(lost.last)).offset.text.prefix(16))
            await refused(.offsetGone) { _ = try await storage.events(in: "t", TopicQuery(from: .offset(lost[1].offset))) }
            #expect(try await storage.texts() == ["1", "2", "3", "7", "8", "9"])
            await storage.close()
        }
    }
}
