import BatonCore
import BatonRedis
import BatonTesting
import Synchronization
import Testing

@Suite("Redis that refuses, forgets or dies")
struct FaultTests {
    private func withServer(
        _ options: [String] = [], _ body: (RedisServer, RedisStorage, SessionKey) async throws -> Void
    ) async throws {
        try await RedisServer.with(options) { server in
            let storage = try await RedisStorage.open("redis://127.0.0.1:\(server.port)?timeout=5000")
            do { try await body(server, storage, try key()) } catch {
                await storage.close()
                throw error
            }
            await storage.close()
        }
    }

    @Test("a full server refuses writes with the reason and serves reads; nothing is half done")
    func outOfMemory() async throws {
        try await withServer(["--maxmemory-policy", "noeviction"]) { server, storage, key in
            _ = try await storage.create(SessionDraft(), at: key)
            _ = try await storage.append(EventBatch([try .text("1", id: "a")]), to: key)
            let before = try await server.keys("baton")
            try await server.cli("CONFIG", "SET", "maxmemory", "1mb")
            let error = await refused(.storeUnavailable) { _ = try await storage.append(EventBatch([try .text("2", id: "b")]), to: key) }
            #expect(error?.message.contains("memory limit") == true)
            await refused(.storeUnavailable) { _ = try await storage.create(SessionDraft(), at: try SessionKey(app: "app", user: "u", id: "other")) }
            #expect(try await storage.session(key, SnapshotQuery(events: 5)).events.texts == ["1"])
            #expect(try await storage.events(in: key, EventQuery()).events.texts == ["1"])
            #expect(try await storage.event("a", in: key).seq == 1)
            #expect(try await storage.sessions(SessionQuery(of: .app("app"), order: .created)).sessions.map(\.record.key) == [key])
            #expect(try await storage.state(.user(key.owner)).isEmpty)
            #expect(try await server.keys("baton") == before)
            // Making room works.
            #expect(try await storage.delete(key))
            try await server.cli("CONFIG", "SET", "maxmemory", "0")
            _ = try await storage.append(EventBatch([try .text("1")], createsSession: true), to: key)
        }
    }

    @Test("a replica refuses writes with the reason")
    func readOnly() async throws {
        try await withServer { server, storage, key in
            _ = try await storage.create(SessionDraft(), at: key)
            try await server.cli("REPLICAOF", "127.0.0.1", "1")
            let error = await refused(.storeUnavailable) { try await storage.checkHealth() }
            #expect(error?.isRetryable == true)
            try await server.cli("REPLICAOF", "NO", "ONE")
            try await storage.checkHealth()
        }
    }

    @Test("a server that is not there is never shown as a session that is not there")
    func unreachable() async throws {
        let server = try await RedisServer.start()
        let storage = try await RedisStorage.open("redis://127.0.0.1:\(server.port)?timeout=300")
        _ = try await storage.create(SessionDraft(), at: try key())
        await server.stop()
        await refused(.storeUnavailable) { _ = try await storage.session(try key(), SnapshotQuery()) }
        await refused(.storeUnavailable) { _ = try await storage.sessions(SessionQuery(of: .app("app"))) }
        await refused(.storeUnavailable) { _ = try await storage.append(EventBatch([try .text("x")]), to: try key()) }
        await storage.close()
        await refused(.storeUnavailable) { _ = try await RedisStorage.open("redis://127.0.0.1:\(server.port)?timeout=300") }
    }

    @Test("what cannot be understood is called corrupt and left alone")
    func corrupt() async throws {
        try await withServer { server, storage, key in
            _ = try await storage.create(SessionDraft(), at: key)
            let name = try #require(try await server.keys("baton:").first { $0.hasSuffix(":s:app:u:s") })
            for (field, value) in [("h", "short"), ("h", String(repeating: "x", count: 63))] {
                try await server.cli("HSET", name, field, value)
                await refused(.storeCorrupt) { _ = try await storage.session(key, SnapshotQuery()) }
                await refused(.storeCorrupt) { _ = try await storage.append(EventBatch([try .text("x")]), to: key) }
                await refused(.storeCorrupt) { _ = try await storage.delete(key) }
                #expect(try await server.cli("HGET", name, "h") == value)
            }
        }
    }

    @Test("followers learn that the server lost everything")
    func flushed() async throws {
        try await withServer { server, storage, key in
            _ = try await storage.create(SessionDraft(), at: key)
            let store = SessionStore(on: storage)
            let seen = Guarded<[String]>([])
            let ended = Guarded(false)
            let follower = Task {
                do {
                    for try await delivery in store.session(key).follow() {
                        seen.withLock { $0.append("\(delivery)") }
                    }
                } catch {}
                ended.withLock { $0 = true }
            }
            _ = try await storage.append(EventBatch([try .text("1")]), to: key)
            let saw = await eventually { seen.withLock { !$0.isEmpty } }
            #expect(saw)
            try await server.cli("FLUSHALL")
            let isTold = await eventually(within: .seconds(20)) { ended.withLock { $0 } }
            #expect(isTold)
            follower.cancel()
            _ = await follower.result
            // And the store goes on.
            _ = try await storage.append(EventBatch([try .text("1")], createsSession: true), to: key)
        }
    }

    @Test("a server that is killed under writers has lost nothing it acknowledged, and doubled nothing")
    func killed() async throws {
        let options = ["--appendonly", "yes", "--appendfsync", "always"]
        try await withServer(options) { server, storage, key in
            _ = try await storage.create(SessionDraft(), at: key)
            let acknowledged = Guarded<[Int: String]>([:])
            let isOver = Guarded(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<6 {
                    group.addTask {
                        var number = 0
                        while !isOver.withLock({ $0 }) {
                            number += 1
                            let text = "\(writer)-\(number)"
                            let batch = EventBatch([try .text(text)])
                            while true {
                                do {
                                    let receipt = try await storage.append(batch, to: key)
                                    let double = acknowledged.withLock { $0.updateValue(text, forKey: receipt.tail.seq) }
                                    #expect(double == nil)
                                    break
                                } catch let error as StoreError {
                                    // Whether it was stored is open: it is not repeated, so that a text never stands twice.
                                    #expect([.storeUnavailable, .cancelled].contains(error.code))
                                    break
                                }
                            }
                        }
                    }
                }
                for _ in 0..<3 {
                    try await Task.sleep(for: .milliseconds(300))
                    await server.kill()
                    try await server.restart()
                }
                try await Task.sleep(for: .milliseconds(300))
                isOver.withLock { $0 = true }
                try await group.waitForAll()
            }
            var stored: [Int: String] = [:]
            var query = EventQuery(limit: 1000)
            while true {
                let page = try await storage.events(in: key, query)
                for event in page.events { stored[event.seq] = event.content.stringValue }
                guard !page.upToDate, let next = page.next else { break }
                query.after = .offset(next)
            }
            let known = acknowledged.withLock { $0 }
            #expect(known.count > 30)
            for (seq, text) in known { #expect(stored[seq] == text) }
            #expect(Set(stored.values).count == stored.count, "a text stands twice")
            #expect(stored.keys.sorted() == Array(1...max(1, stored.count)))
        }
    }
}
