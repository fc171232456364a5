import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("Leases in Redis", .redisServer)
struct LeaseTests {
    private func request(_ holder: String, ticket: String? = nil) -> LeaseRequest { LeaseRequest(holder: holder, ttl: 60_000, ticket: ticket) }

    @Test("leave nothing but a field of the session, and a line that goes away")
    func keys() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            let before = try await server.keys(prefix)
            let lease = try await storage.acquireLease(request(String(repeating: "h", count: 51)), on: key)
            #expect(try await server.keys(prefix) == before)
            // The hash stays in the server's compact form, which holds no value over 64 bytes.
            let name = try #require(before.first { $0.hasSuffix(":s") })
            #expect(try await server.cli("OBJECT", "ENCODING", name) == "listpack")

            await refused(.busy) { _ = try await storage.acquireLease(request("b", ticket: "t"), on: key) }
            let line = name + ":w"
            #expect(try await server.keys(prefix) == (before + [line]).sorted())
            let left = try #require(Int(try await server.cli("PTTL", line)))
            #expect((1...2 * LeaseRequest.ticketLife).contains(left))
            try await storage.leaveLine("t", on: key)
            #expect(try await server.keys(prefix) == before)
            #expect(try await storage.delete(key, epoch: lease.epoch))
            #expect(try await server.keys(prefix).filter { $0.contains(":s:") } == [])
        }
    }

    @Test("an acquisition whose answer was lost gives one lease, and a renewal is not done twice")
    func lostReplies() async throws {
        let server = try #require(SharedServer.current)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        try await withStorage(port: proxy.port) { storage, _ in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            // Once for the server to know the scripts.
            let first = try await storage.acquireLease(request("a"), on: key)
            _ = try await storage.renewLease(first.epoch, for: 60_000, on: key)
            proxy.cut()
            let lease = try await storage.acquireLease(request("a"), on: key)
            #expect(lease.epoch > first.epoch)
            #expect(try await storage.session(key, SnapshotQuery()).record.lease == lease)
            proxy.cut()
            let renewed = try await storage.renewLease(lease.epoch, for: 90_000, on: key)
            #expect(renewed.holder == "a" && renewed.expiresAt > lease.expiresAt)
            #expect(try await storage.session(key, SnapshotQuery()).record.lease == renewed)
            proxy.cut()
            _ = try await storage.append(EventBatch([try .text("1")], epoch: lease.epoch), to: key)
            proxy.cut()
            try await storage.releaseLease(lease.epoch, on: key)
            #expect(proxy.isDone)
            let session = try await storage.session(key, SnapshotQuery(events: 5))
            #expect(session.events.texts == ["1"] && session.record.lease == nil)
        }
    }

    @Test("a lease that a failover lost is fenced all the same; what its holder had committed may be gone")
    func failover() async throws {
        try await RedisReplication.with { servers in
            let storage = try await RedisStorage.open(servers.address, RedisStorageConfiguration())
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            _ = try await storage.append(EventBatch([try .text("kept")]), to: key)
            try await servers.cutOff()
            let lost = try await storage.acquireLease(request("ann"), on: key)
            _ = try await storage.append(EventBatch([try .text("acknowledged, and lost")], epoch: lost.epoch), to: key)
            try await servers.failOver()

            // What cannot be promised: the new primary knows of no lease, so another gets it while the first still believes in its own.
            let next = try await untilAnswered { () async throws(StoreError) in try await storage.acquireLease(request("bob"), on: key) }
            #expect(next.epoch > lost.epoch)
            for write in [
                { _ = try await storage.append(EventBatch([try .text("late")], epoch: lost.epoch), to: key) },
                { _ = try await storage.renewLease(lost.epoch, for: 60_000, on: key) },
                { try await storage.releaseLease(lost.epoch, on: key) },
            ] {
                let error = await refused(.fenced) { try await write() }
                #expect(error?.detail == .epoch(next.epoch))
            }
            _ = try await storage.append(EventBatch([try .text("bob's")], epoch: next.epoch), to: key)
            #expect(try await storage.session(key, SnapshotQuery(events: 5)).events.texts == ["kept", "bob's"])
            await storage.close()
        }
    }

    @Test("with replicas to confirm it, a lease that a failover could lose is not given")
    func confirmed() async throws {
        try await RedisReplication.with { servers in
            // A replica that has just begun to follow may take a second until it says so for the first time.
            let patient = Durability.wait(replicas: 1, within: .seconds(60))
            let storage = try await RedisStorage.open(
                "redis://127.0.0.1:\(servers.primary.port)?timeout=20000", RedisStorageConfiguration(durability: patient))
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            try await servers.cutOff()
            let hasty = try storage.with(durability: .wait(replicas: 1, within: .milliseconds(100)))
            await refused(.unconfirmed) { _ = try await hasty.acquireLease(request("ann"), on: key) }
            await storage.close()
        }
    }

    /// Asks again while the client looks for the new primary.
    private func untilAnswered(_ body: () async throws(StoreError) -> Lease) async throws -> Lease {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do throws(StoreError) { return try await body() } catch {
                guard error.code == .storeUnavailable || error.code == .cancelled, ContinuousClock.now < deadline else { throw error }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
