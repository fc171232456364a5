import BatonCore
import BatonRedis
import BatonTesting
import Testing

/// What a process has read before its group is given it is never more than a guess.
@Suite("Reading ahead of groups", .redisServer, .timeLimit(.minutes(2)))
struct ReadAheadTests {
    private static let numbers = (1...400).map { "\($0)" }

    private func withBacklog(_ body: (_ storage: RedisStorage, _ other: RedisStorage, RedisServer, _ prefix: String) async throws -> Void)
        async throws
    {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            try await storage.grouped()
            try await storage.publish(Self.numbers)
            try await withStorage(prefix: prefix) { other, _ in try await body(storage, other, server, prefix) }
        }
    }

    /// Receives 20 and finishes them; gives the first and the last.
    private func finish(_ storage: RedisStorage, as consumer: String = "c") async throws -> [String] {
        let held = try await storage.receive(20, as: consumer)
        #expect(try await storage.settle(held, as: consumer).allSatisfy { $0 == .done })
        let texts = held.texts
        let numbers = texts.compactMap { Int($0) }
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 + 1 == $1 })
        return [texts.first, texts.last].compactMap { $0 }
    }

    /// How often the server was asked for the length of a stream, which only receives do that were read ahead.
    private func claims(_ server: RedisServer) async throws -> Int {
        let line = try await server.cli("INFO", "commandstats").split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_xlen:calls=") }
        return line.flatMap { Int($0.dropFirst("cmdstat_xlen:calls=".count).prefix { $0 != "," }) } ?? 0
    }

    @Test("a consumer that works off a backlog is given what its process has read")
    func claimed() async throws {
        try await withBacklog { storage, _, server, _ in
            let before = try await claims(server)
            for start in stride(from: 1, to: 400, by: 20) { #expect(try await finish(storage) == ["\(start)", "\(start + 19)"]) }
            #expect(try await storage.receive(20).isEmpty)
            // The first one does not know where the group stands.
            #expect(try await claims(server) - before >= 18)
            try await storage.publish(["401"])
            #expect(try await storage.receive(20).texts == ["401"])
        }
    }

    @Test("two processes share a group, and nothing is given out twice or passed over")
    func shared() async throws {
        try await withBacklog { storage, other, _, _ in
            for _ in 1...3 { _ = try await finish(storage) }
            #expect(try await finish(other, as: "d") == ["61", "80"])
            #expect(try await finish(storage) == ["81", "100"])
            for start in stride(from: 101, to: 300, by: 40) {
                #expect(try await finish(other, as: "d") == ["\(start)", "\(start + 19)"])
                #expect(try await finish(storage) == ["\(start + 20)", "\(start + 39)"])
            }
            #expect(try await finish(storage) == ["301", "320"])
            let group = try await storage.group("g", of: "t")
            #expect(group.pending == 0 && group.lag == 80)
        }
    }

    @Test("one that was read ahead and then deleted with XDEL is passed over")
    func deleted() async throws {
        try await withBacklog { storage, _, server, prefix in
            for _ in 1...3 { _ = try await finish(storage) }
            let entries = try await storage.events(in: "t", TopicQuery(limit: 400)).events
            let place = try #require(entries[65].offset.single)
            #expect(try await server.cli("XDEL", prefix + ":{t:t}:e", "\(place.milliseconds)-\(place.seq)") == "1")
            let held = try await storage.receive(20)
            var expected = Array(Self.numbers[60...80])
            expected.remove(at: 5)
            #expect(held.texts == expected)
            #expect(try await storage.settle(held).allSatisfy { $0 == .done })
            #expect(try await finish(storage) == ["82", "101"])
            #expect(try await storage.group("g", of: "t").lost == 0)
        }
    }

    @Test("a topic that came anew under its name has nothing of what was read of the one before")
    func anew() async throws {
        try await withBacklog { storage, other, _, _ in
            for _ in 1...3 { _ = try await finish(storage) }
            _ = try await other.deleteTopic("t")
            let texts = Self.numbers.map { "new \($0)" }
            try await other.publish(texts)
            try await other.grouped()
            #expect(try await storage.receive(20).texts == Array(texts[..<20]))
            #expect(try await storage.receive(20).texts == Array(texts[20..<40]))
        }
    }

    @Test("a receive of what was read ahead whose reply was lost hands out the same again")
    func lostReply() async throws {
        let server = try #require(SharedServer.current)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        try await withStorage(port: proxy.port) { storage, _ in
            try await storage.grouped()
            try await storage.publish(Self.numbers)
            for _ in 1...3 { _ = try await finish(storage) }
            proxy.cut()
            let held = try await storage.receive(20)
            #expect(held.texts == Array(Self.numbers[60...79]))
            #expect(held.map(\.attempt) == Array(repeating: 1, count: 20))
            #expect(proxy.isDone)
            proxy.cut()
            #expect(try await storage.settle(held).allSatisfy { $0 == .done })
            #expect(try await finish(storage) == ["81", "100"])
            #expect(try await storage.group("g", of: "t").pending == 0)
        }
    }
}
