import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("Other clients on topics, and topics on others' streams", .redisServer, .timeLimit(.minutes(5)))
struct PlainClientTests {
    private func withStreams<Value>(_ streams: [String: String], _ body: (RedisStorage, RedisServer) async throws -> Value) async throws -> Value {
        let server = try #require(SharedServer.current)
        let storage = try await RedisStorage.open(
            "redis://127.0.0.1:\(server.port)", RedisStorageConfiguration(prefix: RedisFixture.prefix(), streams: streams))
        do {
            let value = try await body(storage, server)
            await storage.close()
            return value
        } catch {
            await storage.close()
            throw error
        }
    }

    @Test("an event of a topic is readable for a person with redis-cli")
    func readable() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            let draft = TopicEventDraft(type: "order.placed", key: "order-7", data: try JSON(parsing: #"{"total":12}"#), id: "mine")
            _ = try await storage.publish(TopicBatch([draft]), to: "orders")
            let lines = try await server.cli("XRANGE", "\(prefix):{t:orders}:e", "-", "+").split(separator: "\n").map(String.init)
            #expect(lines.dropFirst().prefix(8) == ["type", "order.placed", "key", "order-7", "data", #"{"total":12}"#, "id", "mine"])
        }
    }

    @Test("a polling XREADGROUP consumer works on a topic, and safe keeps what it has not acknowledged")
    func nativeGroup() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            let stream = "\(prefix):{t:t}:e"
            _ = try await storage.retain(TopicRetention(maximumEvents: 3, maximumBytes: nil, maximumAge: nil, policy: .safe), in: "t")
            try await storage.publish(["1", "2", "3"])
            try await server.cli("XGROUP", "CREATE", stream, "native", "0")
            await refused(.tooManyRequests) { try await storage.publish(["4"]) }
            let read = try await server.cli("XREADGROUP", "GROUP", "native", "worker", "COUNT", "2", "STREAMS", stream, ">")
            #expect(read.contains(#""1""#) && read.contains(#""2""#))
            await refused(.tooManyRequests) { try await storage.publish(["4"]) }
            let first = try #require(read.split(separator: "\n").dropFirst().first.map(String.init))
            #expect(try await server.cli("XACK", stream, "native", first) == "1")
            try await storage.publish(["4"])
            await refused(.tooManyRequests) { try await storage.publish(["5"]) }
            #expect(try await storage.texts() == ["2", "3", "4"])
        }
    }

    @Test("a stream that others write is read, grouped and hinted under its own key")
    func foreignStream() async throws {
        try await withStreams(["agents": "agent-events"]) { storage, server in
            try await server.cli("DEL", "agent-events")
            #expect(try await storage.events(in: "agents", TopicQuery()).events.isEmpty)
            try await storage.grouped(of: "agents")
            let hints = HintCounter(storage, "agents")
            try await eventually("it watches") { hints.count > 0 }
            let seen = hints.count
            let id = try await server.cli("XADD", "agent-events", "*", "sessionId", "s1", "type", "tool.called", "payload", #"{"tool":"search"}"#)
            try await eventually("it is hinted") { hints.count > seen }
            try await server.cli("XADD", "agent-events", "*", "level", "info", "text", "plain words")
            let events = try await storage.events(in: "agents", TopicQuery()).events
            #expect(events.map(\.type) == ["tool.called", ""])
            #expect(events.map(\.key) == ["s1", nil])
            #expect(events.map(\.data.description) == [#"{"tool":"search"}"#, #"{"level":"info","text":"plain words"}"#])
            #expect(events.map(\.seq) == [nil, nil])
            #expect(events.first?.id == id)
            var filter = TopicFilter()
            filter.keys = ["s1"]
            #expect(try await storage.events(in: "agents", TopicQuery(filter: filter)).events.count == 1)
            // And back: published with names that any client understands.
            let entry = try #require(try await storage.publish(["hello"], key: "s2", to: "agents").first)
            let written = try await server.cli("XRANGE", "agent-events", "-", "+")
            for word in ["type", "key", "s2", "data", #""hello""#] { #expect(written.contains(word)) }
            let held = try await storage.receive(of: "agents")
            #expect(held.count == 3)
            #expect(held.last?.event.offset == entry.offset)
            try await storage.settle([held[0]], .terminate(reason: "no"), of: "agents")
            try await storage.settle([held[1], held[2]], of: "agents")
            let group = try await storage.group("g", of: "agents")
            #expect([group.lag, group.pending, group.dead] == [0, 0, 1])
            // Deleted and written anew: a place of before is gone, and the group begins with what is there now.
            try await server.cli("DEL", "agent-events")
            try await server.cli("XADD", "agent-events", "1-1", "type", "again")
            await refused(.offsetGone) { _ = try await storage.events(in: "agents", TopicQuery(from: .offset(entry.offset))) }
            #expect(try await storage.receive(of: "agents").map(\.event.type) == ["again"])
            await refused(.forbidden) { _ = try await storage.deleteTopic("agents") }
            hints.stop()
            try await server.cli("DEL", "agent-events")
        }
    }

    @Test("nothing outside the prefix is reached through a topic's name, and keys that cannot be kept apart are refused")
    func reach() async throws {
        try await withStreams([:]) { storage, server in
            try await server.cli("XADD", "theirs", "*", "type", "x")
            for name in ["theirs", "t}:e", "*", "{theirs}"] { #expect(try await storage.events(in: name, TopicQuery()).events.isEmpty) }
        }
        let server = try #require(SharedServer.current)
        for streams in [["sessions": "k"], ["": "k"], ["t": ""], ["t": "a}b"], ["t": "baton:x"]] {
            await refused(.invalidParameter) {
                _ = try await RedisStorage.open("redis://127.0.0.1:\(server.port)", RedisStorageConfiguration(streams: streams))
            }
        }
    }

    @Test("redis-py publishes to a stream that is a topic, and consumes a topic with XREADGROUP")
    func redisPy() async throws {
        let directory = "/tmp/baton-redis-py-\(UInt64.random(in: 0...UInt64.max))"
        let made = try? await ChildProcess.run("python3", ["-m", "venv", directory])
        defer { Task { _ = try? await ChildProcess.run("rm", ["-rf", directory]) } }
        guard let made, made.status == 0,
            let installed = try? await ChildProcess.run("\(directory)/bin/pip", ["install", "--quiet", "--disable-pip-version-check", "redis"]),
            installed.status == 0
        else {
            // There is no Python with pip here, or no index to ask; redis-cli has shown the same above.
            print("skipped: redis-py cannot be installed here")
            return
        }
        try await withStreams(["py": "py-events"]) { storage, server in
            try await server.cli("DEL", "py-events")
            try await storage.publish(["1", "2"], to: "own")
            let own = try #require(try await server.keys("test-").first { $0.hasSuffix("{t:own}:e") })
            let script = """
                import redis, json
                r = redis.Redis(port=\(server.port))
                for i in range(3):
                    r.xadd('py-events', {'sessionId': 's%d' % i, 'type': 'py', 'payload': json.dumps({'i': i})})
                r.xgroup_create('py-events', 'workers', id='0')
                got = r.xreadgroup('workers', 'w1', {'py-events': '>'}, count=10)
                ids = [id for id, fields in got[0][1]]
                print(len(ids), r.xack('py-events', 'workers', *ids))
                r.xgroup_create('\(own)', 'workers', id='0')
                got = r.xreadgroup('workers', 'w1', {'\(own)': '>'}, count=10)
                print([fields[b'data'].decode() for id, fields in got[0][1]])
                """
            let run = try await ChildProcess.run("\(directory)/bin/python", ["-c", script])
            #expect(run.output == "3 3\n['\"1\"', '\"2\"']\n", "\(run.errors)")
            let events = try await storage.events(in: "py", TopicQuery()).events
            #expect(events.map(\.key) == ["s0", "s1", "s2"])
            #expect(events.map { $0.data["i"]?.intValue } == [0, 1, 2])
            try await storage.grouped(of: "py")
            let held = try await storage.receive(of: "py")
            #expect(try await storage.settle(held, of: "py") == [.done, .done, .done])
            try await server.cli("DEL", "py-events")
        }
    }
}
