import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("Round trips", .redisServer, .serialized)
struct RoundTripTests {
    /// Commands that the storage sent while `body` ran; what scripts call is not among them.
    private func sent(_ server: RedisServer, _ body: () async throws -> Void) async throws -> Int {
        func processed() async throws -> Int {
            let info = try await server.cli("INFO", "commandstats")
            var total = 0
            for line in info.split(whereSeparator: \.isNewline) {
                let isTop = ["cmdstat_evalsha", "cmdstat_eval", "cmdstat_exec"].contains { line.hasPrefix($0 + ":") }
                guard isTop, let calls = line.split(separator: "=").dropFirst().first?.split(separator: ",").first else { continue }
                total += Int(calls) ?? 0
            }
            return total
        }
        let before = try await processed()
        try await body()
        return try await processed() - before
    }

    @Test("each operation is one script, or one transaction")
    func oneScript() async throws {
        try await withStorage(StorePolicy(maximumEvents: 500)) { storage, server in
            let warm = try key("warm")
            let delta = try StateDelta.all()
            func everything(_ key: SessionKey) -> [(String, () async throws -> Void)] {
                let epoch = Guarded(0)
                return [
                    ("create", { _ = try await storage.create(SessionDraft(title: "t", state: delta), at: key) }),
                    ("append", { _ = try await storage.append(EventBatch([try .text("1")]), to: key) }),
                    ("append with an id", { _ = try await storage.append(EventBatch([try .text("2", id: "a")]), to: key) }),
                    ("append again", { _ = try await storage.append(EventBatch([try .text("2", id: "a")]), to: key) }),
                    ("append with a condition", { _ = try await storage.append(EventBatch([try .text("3")], expectedSeq: 2), to: key) }),
                    (
                        "append with a condition that does not hold",
                        {
                            await refused(.preconditionFailed) {
                                _ = try await storage.append(EventBatch([try .text("3")], expectedSeq: 2), to: key)
                            }
                        }
                    ), ("append several", { _ = try await storage.append(EventBatch([try .text("a"), try .text("b")]), to: key) }),
                    (
                        "append with the session's state",
                        { _ = try await storage.append(EventBatch([try .text("c", state: ["s": JSON(string: "v"), "k": .null])]), to: key) }
                    ),
                    ("append under a key", { _ = try await storage.append(EventBatch([try .text("4")], idempotencyKey: "r"), to: key) }),
                    (
                        "append with state",
                        {
                            let state: [String: JSON] = ["k": .null, "j": JSON(string: "v"), "user:k": JSON(string: "v"), "app:k": JSON(string: "v")]
                            _ = try await storage.append(EventBatch([try .text("5", state: state)]), to: key)
                        }
                    ),
                    ("append 100", { _ = try await storage.append(EventBatch(try (0..<100).map { try .text("\($0)") }), to: key) }),
                    ("get", { _ = try await storage.session(key, SnapshotQuery(events: 50)) }),
                    ("append to a track", { _ = try await storage.append(TrackBatch([try .text("1", id: "a")]), toTrack: "t", of: key) }),
                    ("page of a track", { _ = try await storage.events(ofTrack: "t", of: key, TrackQuery()) }),
                    ("tracks", { _ = try await storage.tracks(of: key, last: 10) }),
                    ("delete a track", { _ = try await storage.deleteTrack("t", of: key, epoch: nil) }),
                    ("page", { _ = try await storage.events(in: key, EventQuery(limit: 100)) }),
                    ("event", { _ = try await storage.event("a", in: key) }),
                    ("window", { _ = try await storage.window(around: "a", in: key, before: 5, after: 5, roles: []) }),
                    ("state", { _ = try await storage.change(key, delta) }),
                    ("list", { _ = try await storage.sessions(SessionQuery(of: .user(key.owner), limit: 100)) }),
                    ("touch", { _ = try await storage.touch(key) }),
                    ("update", { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: nil) }),
                    (
                        "acquire a lease",
                        {
                            let lease = try await storage.acquireLease(LeaseRequest(holder: "w", ttl: 60_000), on: key)
                            epoch.withLock { $0 = lease.epoch }
                        }
                    ),
                    (
                        "append with an epoch",
                        { _ = try await storage.append(EventBatch([try .text("1")], epoch: epoch.withLock { $0 }), to: key) }
                    ),
                    ("renew a lease", { _ = try await storage.renewLease(epoch.withLock { $0 }, for: 60_000, on: key) }),
                    ("release a lease", { try await storage.releaseLease(epoch.withLock { $0 }, on: key) }),
                    ("remove", { _ = try await storage.remove(nil, in: key) }),
                    ("clear", { try await storage.clear(key) }),
                    ("delete", { _ = try await storage.delete(key) }),
                ]
            }
            // Once for the server to know the scripts.
            for (_, operation) in everything(warm) { try await operation() }
            for (name, operation) in everything(try key("counted")) { #expect(try await sent(server, operation) == 1, "\(name)") }
        }
    }

    @Test("what a client sends for an append is one command on the wire")
    func wire() async throws {
        try await withStorage { storage, server in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            _ = try await storage.append(EventBatch([try .text("1")]), to: key)
            func received() async throws -> Int {
                let line = try await server.cli("INFO", "stats").split(whereSeparator: \.isNewline).first {
                    $0.hasPrefix("total_commands_processed:")
                }
                return try #require(line.flatMap { Int($0.split(separator: ":")[1]) })
            }
            // INFO itself, and the call that connects redis-cli.
            let idle = try await received()
            let perLook = try await received() - idle
            let before = try await received()
            for _ in 0..<10 { _ = try await storage.append(EventBatch([try .text("x")]), to: key) }
            let after = try await received()
            // Scripts' own calls are counted here too, and stay few.
            let calls = (after - before - perLook) / 10
            #expect(calls <= 9, "\(calls) calls for an append")
        }
    }

    @Test("a server that forgot the scripts is told them again")
    func unknownScripts() async throws {
        try await withStorage { storage, server in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            for number in 1...3 {
                try await server.cli("SCRIPT", "FLUSH")
                let receipt = try await storage.append(EventBatch([try .text("x")]), to: key)
                #expect(receipt.tail.seq == number)
                #expect(!receipt.isDuplicate)
            }
            try await server.cli("SCRIPT", "FLUSH")
            #expect(try await storage.sessions(SessionQuery(of: .app("app"))).sessions.count == 1)
        }
    }
}

extension StateDelta {
    static func all() throws -> StateDelta {
        var delta = StateDelta()
        for name in ["k", "user:k", "app:k"] { try delta.add(name, .set(JSON(string: "v"))) }
        return delta
    }
}
