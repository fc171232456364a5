import BatonIO
import BatonTesting
import Testing

@testable import BatonRedisClient

@Suite("Client of a cluster", .serialized)
struct ClusterTests {
    private func address(_ cluster: RedisCluster, _ count: Int = 2) -> String {
        "redis+cluster://" + cluster.servers.prefix(count).map { "127.0.0.1:\($0.port)" }.joined(separator: ",") + "?timeout=60000"
    }

    @Test("sends every command to the node that serves its keys, and puts pipelines together again")
    func routing() async throws {
        try await RedisCluster.with(replicas: 0) { cluster in
            try await withClient(address(cluster, 1)) { client in
                for number in 0..<60 { _ = try await client.send(SET(RedisKey("key:\(number)"), .init(number))) }
                let results = try await client.pipeline((0..<60).map { GET(RedisKey("key:\($0)")) })
                #expect(try results.map { try $0.get().integer } == (0..<60).map { Int64($0) })
                #expect(try await client.send(MGET(["{a}1", "{a}2"])).count == 2)
                let error = await #expect(throws: RedisError.self) { try await client.send(MGET(["a", "b"])) }
                #expect(error?.code == .crossSlot)
                #expect(error?.wasSent == false)
                let (first, second) = try await client.transaction(INCRBY("{t}1"), INCRBY("{t}2"))
                #expect(try first.get() + second.get() == 2)
                let mixed = await #expect(throws: RedisError.self) { try await client.transaction(INCRBY("t1"), INCRBY("t2")) }
                #expect(mixed?.code == .crossSlot)

                // A script has to be made known to every node.
                let script = RedisScript("return redis.call('INCR', KEYS[1])")
                for number in 0..<30 { #expect(try await client.send(EVALSHA(script, keys: [RedisKey("s\(number)")])).integer == 1) }
                let (a, b) = try await client.pipeline(EVALSHA(script, keys: ["s1"]), EVALSHA(script, keys: ["s2"]))
                #expect(try a.get().integer == 2)
                #expect(try b.get().integer == 2)

                async let waiting = client.send(XREAD([("stream", .after(.zero))], waiting: .seconds(60)))
                try await Task.sleep(for: .milliseconds(50))
                _ = try await client.send(XADD("stream", [("f", "v")]))
                #expect(try await waiting.streams.count == 1)

                let sharded = try await client.subscribe(to: .shardChannels(["news"]))
                _ = try await client.send(PUBLISH("news", "m", sharded: true))
                var events = sharded.makeAsyncIterator()
                guard case .message(let message)? = await events.next() else {
                    Issue.record("expected a message")
                    return
                }
                #expect(Array(message.payload) == Array("m".utf8))
                #expect(client.statistics.redirects == 0)
            }
        }
    }

    @Test("talks to every node over TLS, also after a redirection, and to none that it cannot trust")
    func encrypted() async throws {
        let certificates = try await TestCertificates()
        try await RedisCluster.with(replicas: 0, certificates: certificates) { cluster in
            let address = "rediss+cluster://localhost:\(cluster.servers[0].port)?timeout=60000&tls_ca="
            try await withClient(address + certificates.authority) { client in
                for number in 0..<60 { _ = try await client.send(SET(RedisKey("key:\(number)"), .init(number))) }
                let results = try await client.pipeline((0..<60).map { GET(RedisKey("key:\($0)")) })
                #expect(try results.map { try $0.get().integer } == (0..<60).map { Int64($0) })
                var keys: [Int] = []
                for server in cluster.servers { keys.append(Int(try await server.cli("DBSIZE")) ?? 0) }
                #expect(keys.reduce(0, +) == 60)
                #expect(!keys.contains(0))

                let before = client.statistics.redirects
                try await cluster.move(HashSlot.of("key:7"))
                #expect(try await client.send(GET("key:7")) == Array("7".utf8))
                #expect(client.statistics.redirects > before)
            }
            try await withClient(address + certificates.otherAuthority) { client in
                let error = await #expect(throws: RedisError.self) { try await client.send(GET("k")) }
                #expect(error?.code == .tls)
            }
            try await withClient("redis+cluster://localhost:\(cluster.servers[0].port)?timeout=3000") { client in
                await #expect(throws: RedisError.self) { try await client.send(GET("k")) }
            }
        }
        await certificates.remove()
    }

    /// What the nodes call themselves.
    @Test("loses and doubles no increment while slots move under load")
    func migration() async throws {
        try await RedisCluster.with(replicas: 0) { cluster in
            try await withClient(address(cluster)) { client in
                let callers = 8
                let rounds = 400
                let isDone = Counter()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<callers {
                        group.addTask {
                            // Every command goes through a key of its own caller in one of several slots.
                            for round in 0..<rounds { _ = try await client.send(INCRBY(RedisKey("c\(caller):\(round % 10)"))) }
                            isDone.increment()
                        }
                    }
                    group.addTask {
                        // Slots go back and forth between the nodes until the callers are done.
                        var turn = 0
                        while isDone.value < callers {
                            let key = RedisKey("c\(turn % callers):\(turn % 10)")
                            let slot = HashSlot.of(key)
                            try await cluster.move(slot)
                            turn += 1
                        }
                    }
                    try await group.waitForAll()
                }
                for caller in 0..<callers {
                    for key in 0..<10 {
                        #expect(try await client.send(GET(RedisKey("c\(caller):\(key)"))) == Array("\(rounds / 10)".utf8))
                    }
                }
                #expect(client.statistics.redirects > 0)
            }
        }
    }

    @Test("follows when a primary dies and its replica takes over, the other nodes unharmed")
    func failover() async throws {
        try await RedisCluster.with { cluster in
            try await withClient(address(cluster, 6)) { client in
                for number in 0..<50 { _ = try await client.send(SET(RedisKey("k\(number)"), "v")) }
                let written = Counter()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<8 {
                        group.addTask {
                            for round in 0..<100 {
                                _ = try await client.send(SET(RedisKey("c\(caller):\(round)"), .init(round)))
                                written.increment()
                                try await Task.sleep(for: .milliseconds(10))
                            }
                        }
                    }
                    group.addTask {
                        try await eventually("the callers are writing") { written.value > 50 }
                        await cluster.servers[0].kill()
                    }
                    try await group.waitForAll()
                }
                #expect(written.value == 800)
                for caller in 0..<8 { #expect(try await client.send(GET(RedisKey("c\(caller):99"))) == Array("99".utf8)) }
                #expect(client.statistics.topologyChanges > 0)
            }
        }
    }

    @Test("is not held up by a node that hangs")
    func hungNode() async throws {
        // The nodes that live on go on serving, however long the machine makes the others believe that one is lost.
        try await RedisCluster.with(replicas: 0, ["--cluster-require-full-coverage", "no"]) { cluster in
            try await withClient(address(cluster, 3)) { client in
                for number in 0..<30 { _ = try await client.send(SET(RedisKey("k\(number)"), .init(number))) }
                let hung = cluster.servers[0]
                let nodes = try await cluster.servers[1].cli("CLUSTER", "NODES").split(separator: "\n")
                guard let line = nodes.first(where: { $0.contains(":\(hung.port)@") }) else {
                    Issue.record("the node is not listed")
                    return
                }
                hung.pause()
                let clock = ContinuousClock()
                var waited = Duration.zero
                for number in 0..<30 {
                    let key = RedisKey("k\(number)")
                    let start = clock.now
                    if owns(line, HashSlot.of(key)) {
                        let error = await #expect(throws: RedisError.self) { try await client.send(GET(key), deadline: .after(.milliseconds(30))) }
                        #expect(error != nil)
                    } else {
                        #expect(try await client.send(GET(key), deadline: .after(.seconds(30))) == Array("\(number)".utf8))
                        waited += clock.now - start
                    }
                }
                // All of them together take less than two would if each waited for its deadline.
                #expect(waited < .seconds(30))
                hung.resume()
            }
        }
    }

    @Test("reads from replicas when told to")
    func replicas() async throws {
        try await RedisCluster.with { cluster in
            try await withClient(address(cluster) + "&reads=replica") { client in
                _ = try await client.send(SET("k", "v"))
                try await eventually("the replica has it and answers") {
                    guard try await client.send(GET("k")) == Array("v".utf8) else { return false }
                    for server in cluster.servers where try await server.cli("ROLE").hasPrefix("slave") {
                        if try await server.cli("INFO", "commandstats").contains("cmdstat_get:") { return true }
                    }
                    return false
                }
            }
        }
    }

    @Test("follows ASK loops and MOVED loops only as long as the deadline allows")
    func loops() async throws {
        let port = Port()
        try await FakeRedis.with { request in
            switch request.name {
            case "CLUSTER" where request.words[1] == "SHARDS": .reply(.error("ERR unknown subcommand"))
            case "CLUSTER":
                .reply(.array([.array([.integer(0), .integer(16383), .array([.text("127.0.0.1"), .integer(Int64(port.value)), .text("id")])])]))
            case "ASKING": .reply(.simple("OK"))
            case "GET":
                .reply(
                    .error("\(request.words[1].hasPrefix("a") ? "ASK" : "MOVED") \(HashSlot.of(RedisKey(request.words[1]))) 127.0.0.1:\(port.value)"))
            default: .reply(.simple("OK"))
            }
        } _: { fake in
            port.value = fake.port
            try await withClient("redis+cluster://127.0.0.1:\(fake.port)") { client in
                _ = try await client.send(SET("k", "v"))
                for key in ["a", "m"] {
                    let error = await #expect(throws: RedisError.self) {
                        try await client.send(GET(RedisKey(key)), deadline: .after(.seconds(2)))
                    }
                    #expect(error != nil)
                }
                #expect(fake.requests.count < 2_000)
                #expect(fake.requests.contains { $0.name == "ASKING" })
            }
        }
    }

    @Test("says so when no node tells its slots")
    func unreachable() async throws {
        try await withClient("redis+cluster://127.0.0.1:1,127.0.0.1:2?timeout=3000") { client in
            let error = await #expect(throws: RedisError.self) { try await client.send(PING()) }
            #expect(error?.code == .clusterUnavailable)
        }
        try await RedisServer.with { server in
            try await withClient("redis+cluster://127.0.0.1:\(server.port)") { client in
                let error = await #expect(throws: RedisError.self) { try await client.send(GET("k")) }
                #expect(error?.code == .unsupported)
                #expect(error?.message.contains("redis://") == true)
            }
        }
    }

    private func owns(_ line: Substring, _ slot: Int) -> Bool {
        line.split(separator: " ").dropFirst(8).contains { range in
            let ends = range.split(separator: "-").compactMap { Int($0) }
            return ends.count == 2 ? (ends[0]...ends[1]).contains(slot) : ends == [slot]
        }
    }
}
