import BatonTesting
import Glibc
import Testing

@testable import BatonIO
@testable import BatonRedisClient

@Suite("What a client leaves behind", .serialized)
struct LeakTests {
    /// How many descriptors this process has open.
    private var descriptors: Int {
        guard let directory = opendir("/dev/fd") else { return -1 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }

    /// An object that has to go.
    private struct Ghost {
        let name: String
        weak var object: AnyObject?
    }

    @Test("is as many descriptors after 20 storms as after one, and nothing once it is closed")
    func storms() async throws {
        try await FakeRedis.with { request in
            switch request.name {
            case "GET": .reply(.integer(1))
            case "PING": .reply(.simple("PONG"))
            case "SUBSCRIBE": .send(Value.push([.text("subscribe"), .text("news"), .integer(1)]).wire)
            default: .nothing
            }
        } _: { fake in
            let loop = try EventLoop()
            let ghosts = try await storm(20, on: loop, fake)
            for ghost in ghosts { try await eventually("\(ghost.name) is gone") { ghost.object == nil } }
            #expect(await loop.run { loop.channelCount } == 0)
            try await eventually("no timer is left") { await loop.run { loop.timers.count } == 0 }
            try await eventually("the server sees nobody any more") { fake.openConnections == 0 }
            await loop.shutdown()
        }
    }

    private func storm(_ count: Int, on loop: EventLoop, _ fake: FakeRedis) async throws -> [Ghost] {
        let client = try RedisClient(.patient("redis://127.0.0.1:\(fake.port)"), on: [loop])
        let subscription = try await client.subscribe(to: .channels(["news"]))
        var events = subscription.makeAsyncIterator()
        var first = 0
        for number in 1...count {
            try await strike(client, on: loop, fake)
            guard case .gap? = await events.next() else {
                Issue.record("the subscription was not interrupted")
                break
            }
            // One connection for all callers, one for the subscription, and their other ends.
            try await eventually("storm \(number) is over") {
                _ = try await client.send(GET("k").forgettingType)
                return await loop.run { loop.channelCount } == 2 && fake.openConnections == 2
            }
            #expect(client.statistics.queued == 0)
            #expect(client.statistics.dedicatedConnections == 0)
            if number == 1 { first = descriptors }
            #expect(descriptors == first, "after storm \(number)")
        }
        await client.close()
        guard case .single(let node, _) = client.router else { return [] }
        return [
            Ghost(name: "the client", object: client), Ghost(name: "its node", object: node), Ghost(name: "its connection", object: node.connection),
            Ghost(name: "its pool", object: node.pool), Ghost(name: "its counters", object: client.counters),
            Ghost(name: "its subscription", object: subscription), Ghost(name: "its listener", object: subscription.listener),
        ]
    }

    /// The server hangs up on everybody while callers of all kinds are at work and another client is closed in the midst of it.
    private func strike(_ client: RedisClient, on loop: EventLoop, _ fake: FakeRedis) async throws {
        let other = try RedisClient(.patient("redis://127.0.0.1:\(fake.port)"), on: [loop])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<32 {
                let client = caller.isMultiple(of: 2) ? client : other
                group.addTask { _ = await FaultTests.result(client, RawCommand(["GET", "k"]), .after(.seconds(60))) }
            }
            for caller in 0..<8 {
                // Waits on the server, each with a connection of its own; the server never answers.
                let wait = RawCommand(["WAIT"], blocks: .seconds(60))
                switch caller % 3 {
                case 0: group.addTask { _ = await FaultTests.result(client, wait, .after(.milliseconds(1))) }
                case 1:
                    group.addTask {
                        let task = Task { await FaultTests.result(client, wait, .never) }
                        await Task.yield()
                        task.cancel()
                        _ = await task.value
                    }
                // Ended by the server or with the client.
                default: group.addTask { _ = await FaultTests.result(caller == 2 ? client : other, wait, .never) }
                }
            }
            try await eventually("the callers are at work") { client.statistics.dedicatedConnections > 0 && other.statistics.connects > 0 }
            await fake.hangUp()
            await other.close(drainingFor: .zero)
            // Who connected after the server hung up waits on.
            try await eventually("nobody waits any more") {
                await fake.hangUp()
                return client.statistics.dedicatedConnections == 0
            }
            try await group.waitForAll()
        }
    }

    @Test("is no wait on the server: closing ends it at once, and gives a connection that somebody has the time for its reply")
    func lentConnections() async throws {
        let answers = Counter()
        try await FakeRedis.with { request in
            switch request.name {
            case "SLOW": .once({ answers.value > 0 }, .integer(7))
            default: .nothing
            }
        } _: { fake in
            // The loop lives on, so that nothing ends with it.
            let loop = try EventLoop()
            let client = try RedisClient(.patient("redis://127.0.0.1:\(fake.port)"), on: [loop])
            async let waiting = FaultTests.result(client, RawCommand(["WAIT"], blocks: .zero), .never)
            async let lent = client.withConnection { connection in
                let reply = try await connection.send(RawCommand(["SLOW"]))
                let late = await #expect(throws: RedisError.self) { try await connection.send(RawCommand(["LATE"])) }
                return (reply.integer, late?.code)
            }
            try await eventually("both were sent") { fake.requests.count { $0.name == "WAIT" || $0.name == "SLOW" } == 2 }
            async let closing: Void = client.close(drainingFor: .seconds(60))
            let ended = await failure(waiting)
            #expect(ended?.code == .closed)
            #expect(ended?.wasSent == true)
            answers.increment()
            let (reply, late) = try await lent
            #expect(reply == 7)
            #expect(late == .closed)
            await closing
            #expect(await loop.run { loop.channelCount } == 0)
            await loop.shutdown()
        }
    }

    private func failure(_ result: Result<RedisReply, RedisError>) -> RedisError? {
        guard case .failure(let error) = result else { return nil }
        return error
    }

    /// The answer to CLUSTER SLOTS: ranges of slots and the port that serves each.
    private func slots(_ shards: (ClosedRange<Int>, UInt16)...) -> Value {
        .array(
            shards.map { slots, port in
                .array([
                    .integer(Int64(slots.lowerBound)), .integer(Int64(slots.upperBound)),
                    .array([.text("127.0.0.1"), .integer(Int64(port)), .text("id\(port)")]),
                ])
            })
    }

    @Test("is no connection to a node that is named by a redirection while the client closes")
    func redirectionWhileClosing() async throws {
        let ports = (Port(), Port())
        let isClosing = Counter()
        try await FakeRedis.with { _ in
            .reply(.integer(1))
        } _: { second in
            ports.1.value = second.port
            try await FakeRedis.with { request in
                switch request.name {
                case "CLUSTER" where request.words[1] == "SHARDS": .reply(.error("ERR unknown subcommand"))
                case "CLUSTER": .reply(slots((0...16_383, ports.0.value)))
                default: .once({ isClosing.value > 0 }, .error("MOVED \(HashSlot.of("k")) 127.0.0.1:\(ports.1.value)"))
                }
            } _: { first in
                ports.0.value = first.port
                let loop = try EventLoop()
                let client = try RedisClient(.patient("redis+cluster://127.0.0.1:\(first.port)"), on: [loop])
                async let read = FaultTests.result(client, GET("k").forgettingType, .after(.seconds(60)))
                try await eventually("it was sent") { first.requests.contains { $0.name == "GET" } }
                async let closing: Void = client.close(drainingFor: .seconds(60))
                try await eventually("the client takes no more") {
                    // Behind the read, so that it gets no answer of the server.
                    await failure(FaultTests.result(client, RawCommand(["PING"]), .after(.milliseconds(20))))?.code == .closed
                }
                isClosing.increment()
                #expect(await failure(read)?.code == .closed)
                await closing
                #expect(await loop.run { loop.channelCount } == 0)
                #expect(second.connections == 0)
                await loop.shutdown()
            }
        }
    }

    @Test("is no node that left the cluster and still owes a reply")
    func nodesThatLeft() async throws {
        let ports = (Port(), Port())
        let hasLeft = Counter()
        // The second node serves the keys `a` and `b`, answers the first never and says that the second has moved.
        let low = min(HashSlot.of("a"), HashSlot.of("b"))
        try await FakeRedis.with { request in
            switch request.words.last {
            case "b": .reply(.error("MOVED \(HashSlot.of("b")) 127.0.0.1:\(ports.0.value)"))
            default: .nothing
            }
        } _: { second in
            ports.1.value = second.port
            try await FakeRedis.with { request in
                switch request.name {
                case "CLUSTER" where request.words[1] == "SHARDS": .reply(.error("ERR unknown subcommand"))
                case "CLUSTER" where hasLeft.value > 0: .reply(slots((0...16_383, ports.0.value)))
                case "CLUSTER": .reply(slots((0...low - 1, ports.0.value), (low...16_383, ports.1.value)))
                default: .reply(.integer(1))
                }
            } _: { first in
                ports.0.value = first.port
                let loop = try EventLoop()
                let client = try RedisClient(.patient("redis+cluster://127.0.0.1:\(first.port)"), on: [loop])
                async let owed = client.withConnection(for: "a") { connection in
                    await Result { try await connection.send(RawCommand(["HGET", "a"]), deadline: .never) }
                }
                try await eventually("it was sent") { second.requests.contains { $0.words.last == "a" } }
                hasLeft.increment()
                #expect(try await client.send(RawCommand(["GET", "b"], keys: ["b"])).integer == 1)
                guard case .cluster(let cluster) = client.router else { return }
                try await eventually("the node has left") { cluster.nodes.count == 1 }
                await client.close(drainingFor: .zero)
                let owedReply = try await owed
                #expect(throws: RedisError.self) { try owedReply.get() }
                #expect(await loop.run { loop.channelCount } == 0)
                await loop.shutdown()
            }
        }
    }
}
