import BatonCore
import BatonRedis
import BatonRedisClient
import BatonTesting
import Testing

@Suite("The event bus on a path that breaks and a server that is tampered with", .redisServer, .timeLimit(.minutes(3)))
struct BrokenPathTests {
    @Test("followers and consumers behind connections that died without a word go on where they were")
    func swallowed() async throws {
        let server = try #require(SharedServer.current)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { direct, _ in
            try await direct.grouped()
            try await direct.publish(["1", "2"])
            let storage = try await RedisStorage.open(
                "redis://127.0.0.1:\(proxy.port)?timeout=2000", RedisStorageConfiguration(prefix: prefix))
            let store = SessionStore(on: storage)
            let topic = try store.topic("t")
            let seen = Guarded<[Int]>([])
            let follower = Task { for try await event in topic.follow() { seen.withLock { $0.append(event.seq ?? 0) } } }
            let handled = Guarded<[String]>([])
            let group = try topic.group("g")
            let consumer = Task {
                try await group.consume(as: "c") { delivery in handled.withLock { $0.append(delivery.event.data.stringValue ?? "?") } }
            }
            try await eventually("both are live") {
                handled.withLock { $0.count } == 2 && store.gauges.contains { $0.name == "topic_followers" && $0.value == 1 }
            }
            proxy.swallow()
            try await direct.publish(["3"])
            try await eventually("the follower and the consumer have it") { seen.withLock { $0 } == [1, 2, 3] && handled.withLock { $0.count } == 3 }
            #expect(handled.withLock { $0.sorted() } == ["1", "2", "3"])
            follower.cancel()
            consumer.cancel()
            _ = await follower.result
            try await consumer.value
            await store.close()
        }
    }

    @Test("one that was deleted with XDEL is passed over by readers, and lost when a group held it; the rest goes on")
    func deletedEntry() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            try await storage.grouped(GroupSettings(leaseMilliseconds: 100))
            try await storage.publish(["1", "2", "3", "4", "5"])
            let held = try await storage.receive(2)
            let stream = prefix + ":{t:t}:e"
            let entries = try await storage.events(in: "t", TopicQuery()).events
            func entry(_ index: Int) -> String {
                let place = entries[index].offset.single ?? .start
                return "\(place.milliseconds)-\(place.seq)"
            }
            #expect(try await server.cli("XDEL", stream, entry(1), entry(3)) == "2")
            #expect(try await storage.texts() == ["1", "3", "5"])
            // A cursor at what is gone still stands where it stood.
            #expect(try await storage.texts(from: .offset(entries[1].offset)) == ["3", "5"])
            #expect(try await storage.settle([held[0]]) == [.done])
            var received = Received(deliveries: [], nextDue: nil, lost: 0)
            try await eventually("the lease is over") {
                let next = try await storage.receive(10, from: "t", as: "d", in: "g")
                received.deliveries += next.deliveries
                received.lost += next.lost
                // At once: their leases end as soon as those that are waited for.
                if !next.deliveries.isEmpty { #expect(try await storage.settle(next.deliveries, as: "d") == [.done, .done]) }
                return received.lost > 0
            }
            #expect(received.deliveries.texts == ["3", "5"] && received.lost == 1)
            let group = try await storage.group("g", of: "t")
            #expect(group.pending == 0 && group.lag == 0 && group.lost == 1)
            #expect(try await storage.publish(["6"]).map(\.seq) == [6])
            #expect(try await storage.receive().texts == ["6"])
        }
    }

    @Test("two daemons that look at a group at once forget who has been away, and nobody who holds something")
    func cleaning() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { first, server in
            let second = try await RedisStorage.open("redis://127.0.0.1:\(server.port)", RedisStorageConfiguration(prefix: prefix))
            try await first.grouped()
            try await first.publish(["1", "2", "3"])
            let held = try await first.receive(1, as: "holds")
            let done = try await first.receive(1, as: "away")
            try await first.settle(done, as: "away")
            // Both were last heard of in 1970.
            let key = try #require(try await record(of: "holds", prefix, server))
            try await server.cli("HSET", key, "c:holds", "1 1", "c:away", "0 1")
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<20 {
                    tasks.addTask {
                        let storage = number.isMultiple(of: 2) ? first : second
                        let consumers = try await storage.group("g", of: "t").consumers
                        #expect(consumers.map(\.name) == ["holds"])
                    }
                }
                try await tasks.waitForAll()
            }
            #expect(try await second.settle(held, as: "holds") == [.done])
            #expect(try await second.receive(10, as: "away").texts == ["3"])
            await second.close()
        }
    }

    private func record(of consumer: String, _ prefix: String, _ server: RedisServer) async throws -> String? {
        for key in try await server.keys(prefix) where try await server.cli("TYPE", key) == "hash" {
            if try await server.cli("HEXISTS", key, "c:" + consumer) == "1" { return key }
        }
        return nil
    }

    @Test("when the server's clock goes back an hour, places still go up, and leases neither last for ever nor begin anew")
    func clock() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            var configuration = RedisStorageConfiguration(prefix: prefix)
            configuration.clock = { Timestamp(milliseconds: SystemClock.now().milliseconds + 3_600_000) }
            let ahead = try await RedisStorage.open("redis://127.0.0.1:\(server.port)", configuration)
            try await ahead.grouped(GroupSettings(leaseMilliseconds: 200))
            let before = try await ahead.publish(["1", "2"])
            await ahead.close()
            // From here on time is an hour earlier.
            let after = try await storage.publish(["3", "4"])
            #expect(after.map(\.seq) == [3, 4])
            let places = (before + after).map(\.offset.text)
            #expect(places == places.sorted() && Set(places).count == 4)
            #expect(try await storage.texts(from: .offset(before[1].offset)) == ["3", "4"])
            let held = try await storage.receive(2, as: "dies")
            #expect(held.texts == ["1", "2"])
            var heirs: Set<String> = []
            try await eventually("the lease ends") {
                heirs.formUnion(try await storage.receive(10, as: "heir").texts)
                return heirs.count == 4
            }
            #expect(try await storage.settle(held, as: "dies") == [.fenced, .fenced])
        }
    }
}

@Suite("The event bus on a cluster whose slots move", .timeLimit(.minutes(3)))
struct MovingSlotTests {
    @Test("a follower and a consumer that wait are there when the topic has moved to another node, and nothing is lost or doubled")
    func migration() async throws {
        try await RedisCluster.with(replicas: 0) { cluster in
            let hosts = cluster.servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
            let store = SessionStore(on: try await RedisStorage.open("redis+cluster://\(hosts)?timeout=10000"))
            let topic = try store.topic("t")
            let group = try topic.group("g")
            try await group.set(from: .start)
            let seen = Guarded<[Int]>([])
            let follower = Task { for try await event in topic.follow() { seen.withLock { $0.append(event.seq ?? 0) } } }
            let handled = Guarded<[Int]>([])
            let consumer = Task {
                try await group.consume(as: "c") { delivery in handled.withLock { $0.append(delivery.event.seq ?? 0) } }
            }
            for round in 1...4 {
                // Both wait for what comes next, and the ground moves under them.
                try await topic.publish(.null, type: "x")
                try await eventually("both have it") { seen.withLock { $0.count } == round && handled.withLock { $0.count } == round }
                try await cluster.move(HashSlot.of(RedisKey("{t:t}")))
            }
            try await topic.publish(.null, type: "x")
            try await eventually("both go on") { seen.withLock { $0.count } == 5 && handled.withLock { $0.count } == 5 }
            #expect(seen.withLock { $0 } == Array(1...5))
            #expect(handled.withLock { $0 } == Array(1...5))
            follower.cancel()
            consumer.cancel()
            _ = await follower.result
            try await consumer.value
            await store.close()
        }
    }
}
