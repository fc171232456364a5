import BatonIO
import BatonTesting
import Testing

@testable import BatonRedisClient

@Suite("Subscriptions")
struct SubscriptionTests {
    private func describe(_ event: RedisSubscriptionEvent?) -> String {
        switch event {
        case nil: "end"
        case .gap?: "gap"
        case .message(let message)?:
            "\(message.pattern.map { "\($0)>" } ?? "")\(message.channel):\(String(decoding: message.payload, as: UTF8.self))"
        }
    }

    @Test("bring what is published on channels and patterns", arguments: [2, 3])
    func messages(version: Int) async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)?protocol=\(version)") { client in
                let channels = try await client.subscribe(to: .channels(["a", "b"]))
                let patterns = try await client.subscribe(to: .patterns(["a*"]))
                for (channel, text) in [("a", "1"), ("b", "2"), ("abc", "3")] {
                    _ = try await client.send(PUBLISH(RedisKey(channel), .string(text)))
                }
                var first = channels.makeAsyncIterator()
                #expect(describe(await first.next()) == "a:1")
                #expect(describe(await first.next()) == "b:2")
                var second = patterns.makeAsyncIterator()
                #expect(describe(await second.next()) == "a*>a:1")
                #expect(describe(await second.next()) == "a*>abc:3")
                channels.close()
                #expect(describe(await first.next()) == "end")
                #expect(client.statistics.subscriptions == 1)
            }
        }
    }

    @Test("go on after the connection broke, and say that something may be missing", arguments: [2, 3])
    func gap(version: Int) async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)?protocol=\(version)") { client in
                let subscription = try await client.subscribe(to: .channels(["a"]))
                var events = subscription.makeAsyncIterator()
                for round in 1...3 {
                    _ = try await client.send(PUBLISH("a", .init(round)))
                    #expect(describe(await events.next()) == "a:\(round)")
                    _ = try await client.send("CLIENT", "KILL", "TYPE", "pubsub")
                    #expect(describe(await events.next()) == "gap")
                }
            }
        }
    }

    @Test("drop the oldest when nobody reads, and say so")
    func overflow() async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)") { client in
                let subscription = try await client.subscribe(to: .channels(["a"]), capacity: 3)
                let witness = try await client.subscribe(to: .channels(["a"]))
                for number in 1...10 { _ = try await client.send(PUBLISH("a", .init(number))) }
                var seen = witness.makeAsyncIterator()
                for number in 1...10 { #expect(describe(await seen.next()) == "a:\(number)") }
                // Confirmed behind the last message on the connection that both share: by then it has reached both.
                let after = try await client.subscribe(to: .channels(["after"]))
                defer { withExtendedLifetime(after) {} }
                var events = subscription.makeAsyncIterator()
                var lines: [String] = []
                for _ in 0..<4 { lines.append(describe(await events.next())) }
                #expect(lines == ["gap", "a:8", "a:9", "a:10"])
            }
        }
    }

    @Test("are refused with the server's reason")
    func refused() async throws {
        try await RedisServer.with(["--user", "default", "on", "nopass", "~*", "resetchannels", "&ok", "+@all"]) { server in
            try await withClient("redis://127.0.0.1:\(server.port)") { client in
                let error = await #expect(throws: RedisError.self) { try await client.subscribe(to: .channels(["secret"])) }
                #expect(error?.server?.kind == .noPermission)
                _ = try await client.subscribe(to: .channels(["ok"]))
                #expect(client.statistics.subscriptions <= 1)
            }
        }
    }

    @Test("end when they are let go of, when the reader is cancelled and when the client is closed")
    func endings() async throws {
        try await RedisServer.with { server in
            let client = try RedisClient("redis://127.0.0.1:\(server.port)")
            var subscription: RedisSubscription? = try await client.subscribe(to: .channels(["a"]))
            #expect(client.statistics.subscriptions == 1)
            _ = subscription
            subscription = nil
            #expect(client.statistics.subscriptions == 0)
            try await eventually("the server has let go") { try await client.send("PUBSUB", "CHANNELS").elements?.count == 0 }

            let second = try await client.subscribe(to: .channels(["a"]))
            let reader = Task { await second.listener.events.next() }
            reader.cancel()
            #expect(describe(await reader.value) == "end")
            let third = Task { await second.listener.events.next() }
            await client.close()
            #expect(describe(await third.value) == "end")
        }
    }
}
