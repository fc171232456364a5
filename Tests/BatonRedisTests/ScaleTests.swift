import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("Sessions and lists that have grown", .redisServer, .serialized)
struct ScaleTests {
    /// Microseconds that the server spent on a script or a transaction, by its own account.
    private func cost(_ server: RedisServer, _ calls: Int, _ body: () async throws -> Void) async throws -> Double {
        try await server.cli("CONFIG", "RESETSTAT")
        for _ in 0..<calls { try await body() }
        for line in try await server.cli("INFO", "commandstats").split(whereSeparator: \.isNewline)
        where line.hasPrefix("cmdstat_evalsha:") || line.hasPrefix("cmdstat_exec:") {
            for part in line.split(separator: ",") where part.hasPrefix("usec_per_call=") { return Double(part.dropFirst(14)) ?? .infinity }
        }
        return .infinity
    }

    @Test("a session of 100,000 events costs what a session of ten costs")
    func longSession() async throws {
        try await withStorage { storage, server in
            let (small, large) = (try key("small"), try key("large"))
            let body = String(repeating: "x", count: 100)
            let drafts = try (0..<1000).map { _ in try EventDraft.text(body) }
            for key in [small, large] { _ = try await storage.create(SessionDraft(), at: key) }
            _ = try await storage.append(EventBatch(Array(drafts.prefix(10))), to: small)
            for _ in 0..<100 { _ = try await storage.append(EventBatch(drafts), to: large) }
            #expect(try await storage.session(large, SnapshotQuery()).record.eventCount == 100_000)
            func appending(_ key: SessionKey) async throws -> Double {
                try await cost(server, 300) { _ = try await storage.append(EventBatch([drafts[0]]), to: key) }
            }
            func reading(_ key: SessionKey) async throws -> Double {
                try await cost(server, 100) { _ = try await storage.session(key, SnapshotQuery(events: 10)) }
            }
            func jumping(_ key: SessionKey, _ seq: Int) async throws -> Double {
                try await cost(server, 100) { _ = try await storage.events(in: key, EventQuery(after: .seq(seq), limit: 5)) }
            }
            // The best of some rounds: the machine has other things to do. Twice is far below what any cost that grows would be.
            var ratios: [String: Double] = [:]
            for _ in 0..<5 {
                for (name, ratio) in [
                    ("append", try await appending(large) / appending(small)), ("tail", try await reading(large) / reading(small)),
                    ("jump", try await jumping(large, 50_000) / jumping(small, 5)),
                ] { ratios[name] = min(ratios[name] ?? .infinity, ratio) }
            }
            for (name, ratio) in ratios { #expect(ratio < 2, "\(name) costs \(ratio) times as much") }
            #expect(try await storage.delete(large))
        }
    }

    @Test("a page of a list of 20,000 sessions costs what a page of 200 costs, wherever it stands")
    func longList() async throws {
        try await withStorage { storage, server in
            func fill(_ user: String, _ count: Int) async throws {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for worker in 0..<16 {
                        group.addTask {
                            for number in stride(from: worker, to: count, by: 16) {
                                _ = try await storage.create(SessionDraft(), at: try SessionKey(app: "app", user: user, id: "\(number)"))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await fill("few", 200)
            try await fill("many", 20_000)
            func page(_ user: String, skipping pages: Int) async throws -> Double {
                var query = SessionQuery(of: .user(try UserKey(app: "app", user: user)), limit: 20)
                for _ in 0..<pages { query.after = try await storage.sessions(query).next }
                let settled = query
                return try await cost(server, 50) { _ = try await storage.sessions(settled) }
            }
            var ratios = [Double.infinity, .infinity]
            for _ in 0..<3 {
                let few = try await page("few", skipping: 1)
                ratios[0] = min(ratios[0], try await page("many", skipping: 1) / few)
                ratios[1] = min(ratios[1], try await page("many", skipping: 300) / few)
            }
            #expect(ratios[0] < 2.5 && ratios[1] < 2.5, "\(ratios)")
        }
    }
}
