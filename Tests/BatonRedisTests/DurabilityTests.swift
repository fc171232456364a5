import BatonCore
import BatonRedis
import BatonRedisClient
import BatonTesting
import Testing

@Suite("Writes that wait for replicas")
struct DurabilityTests {
    private static let short = Durability.wait(replicas: 1, within: .milliseconds(100))
    private static let long = Durability.wait(replicas: 1, within: .seconds(60))

    private func withReplica(
        _ durability: Durability = .memory, _ body: (RedisReplication, RedisStorage, SessionKey) async throws -> Void
    ) async throws {
        try await RedisReplication.with { servers in
            let address = "redis://127.0.0.1:\(servers.primary.port)?timeout=20000"
            let storage = try await RedisStorage.open(address, RedisStorageConfiguration(durability: durability))
            do { try await body(servers, storage, try key()) } catch {
                servers.replica.resume()
                await storage.close()
                throw error
            }
            servers.replica.resume()
            await storage.close()
        }
    }

    /// Every kind of write, in an order in which each has something to do.
    private func writes(_ storage: any Storage, _ key: SessionKey) throws -> [(name: String, write: () async throws -> Void)] {
        var patch = SessionPatch()
        patch.title = .set("t")
        let title = patch
        var change = StateDelta()
        try change.add("k", .set(JSON(string: "v")))
        let delta = change
        return [
            ("create", { _ = try await storage.create(SessionDraft(), at: key) }),
            ("append", { _ = try await storage.append(EventBatch([try .text("1", id: "a"), try .text("2", id: "b")]), to: key) }),
            ("update", { _ = try await storage.update(key, with: title, expectedVersion: nil) }),
            ("state", { _ = try await storage.change(key, delta) }),
            ("user's state", { _ = try await storage.change(.user(key.owner), delta.session) }),
            ("app's state", { _ = try await storage.change(.app(key.app), delta.session) }),
            ("replace", { _ = try await storage.replace("a", in: key, with: EventPatch(content: JSON(string: "1b"))) }),
            ("remove", { _ = try await storage.remove("b", in: key) }),
            ("clear", { try await storage.clear(key) }),
            ("delete", { _ = try await storage.delete(key) }),
        ]
    }

    @Test("are acknowledged when a replica has them")
    func confirmed() async throws {
        try await withReplica(Self.long) { servers, storage, key in
            for (name, write) in try writes(storage, key) {
                try await write()
                // What the primary has is there, without waiting: its keys and how often it was written to.
                let (left, right) = (try await servers.primary.keys("baton"), try await servers.replica.keys("baton"))
                #expect(left == right, "\(name)")
            }
            let receipt = try await storage.append(EventBatch([try .text("1")], createsSession: true), to: key)
            #expect(receipt.confirmedReplicas == 1)
            let copy = try await RedisStorage.open("redis://127.0.0.1:\(servers.primary.port)")
            #expect(try await copy.append(EventBatch([try .text("2")]), to: key).confirmedReplicas == nil)
            await copy.close()
        }
    }

    @Test("say that they are stored and not confirmed, whatever they write")
    func unconfirmed() async throws {
        try await withReplica(Self.short) { servers, storage, key in
            try await servers.catchesUp()
            servers.replica.pause()
            for (name, write) in try writes(storage, key) {
                let error = await refused(.unconfirmed) { try await write() }
                guard case .unconfirmed(0, let receipt, nil)? = error?.detail else {
                    Issue.record("\(name): \(String(describing: error?.detail))")
                    continue
                }
                #expect((receipt != nil) == (name == "append"), "\(name)")
                // Only what names itself may be repeated blindly.
                #expect(error?.isRetryable == (name == "append"), "\(name)")
            }
            // All of it was done.
            await refused(.notFound) { _ = try await storage.session(key, SnapshotQuery()) }
            #expect(try await storage.state(.user(key.owner)).keys.sorted() == ["k"])
            // What is refused is refused for its own reason.
            await refused(.notFound) { _ = try await storage.append(EventBatch([try .text("1")]), to: key) }
        }
    }

    @Test("never double an append that is sent again, and then wait again", arguments: [true, false])
    func repeated(hasID: Bool) async throws {
        try await withReplica(Self.short) { servers, storage, key in
            // A replica that has just begun to follow may take a second until it says so for the first time.
            _ = try await storage.with(durability: Self.long).create(SessionDraft(), at: key)
            try await servers.catchesUp()
            servers.replica.pause()
            var batch = EventBatch([try .text("1", id: hasID ? "a" : nil)])
            let error = await refused(.unconfirmed) { _ = try await storage.append(batch, to: key) }
            guard case .unconfirmed(0, let receipt?, let made)? = error?.detail else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(receipt.tail.seq == 1)
            #expect((made == nil) == hasID)
            batch.idempotencyKey = made
            // A duplicate writes nothing, and a connection that wrote nothing has nothing to wait for by itself.
            let other = try await RedisStorage.open("redis://127.0.0.1:\(servers.primary.port)")
            let waiting = try other.with(durability: Self.short)
            let again = batch
            await refused(.unconfirmed) { _ = try await waiting.append(again, to: key) }
            servers.replica.resume()
            let confirmed = try await waiting.with(durability: Self.long).append(again, to: key)
            #expect(confirmed.isDuplicate)
            #expect(confirmed.confirmedReplicas == 1)
            #expect(confirmed.entries.map(\.offset) == receipt.entries.map(\.offset))
            #expect(try await storage.session(key, SnapshotQuery(events: 10)).events.texts == ["1"])
            await other.close()
        }
    }

    @Test("cost one round trip, and hold up nobody else")
    func alone() async throws {
        try await withReplica { servers, storage, key in
            let client = try RedisClient("redis://127.0.0.1:\(servers.primary.port)")
            let counted = try await RedisStorage.open(on: client)
            let waiting = try counted.with(durability: Self.long)
            _ = try await waiting.create(SessionDraft(), at: key)
            _ = try await waiting.append(EventBatch([try .text("1")]), to: key)
            let before = client.statistics.writes
            _ = try await waiting.append(EventBatch([try .text("2")]), to: key)
            #expect(client.statistics.writes - before == 1)

            servers.replica.pause()
            let isOver = Guarded(false)
            let appending = Task {
                _ = try await waiting.append(EventBatch([try .text("waits")]), to: key)
                isOver.withLock { $0 = true }
            }
            try await eventually("the append waits") { try await servers.primary.cli("INFO", "clients").contains("blocked_clients:1") }
            for number in 0..<20 { _ = try await counted.append(EventBatch([try .text("\(number)")]), to: key) }
            #expect(!isOver.withLock { $0 })
            servers.replica.resume()
            try await appending.value
            await counted.close()
            await client.close()
        }
    }

    @Test("find their script where the server has forgotten it")
    func forgottenScript() async throws {
        try await withReplica(Self.long) { servers, storage, key in
            _ = try await storage.create(SessionDraft(), at: key)
            for _ in 0..<3 {
                try await servers.primary.cli("SCRIPT", "FLUSH")
                #expect(try await storage.append(EventBatch([try .text("x")]), to: key).confirmedReplicas == 1)
            }
            #expect(try await storage.session(key, SnapshotQuery(events: 10)).record.lastSeq == 3)
        }
    }

    @Test("need a user who may wait, and a promise that Redis can keep")
    func refusals() async throws {
        try await RedisServer.with { server in
            let words = ["ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*"] + PermissionTests.rules.split(separator: " ").map(String.init)
            _ = try await ChildProcess.run("redis-cli", ["-h", "127.0.0.1", "-p", "\(server.port)"] + words)
            let error = await refused(.storeIncompatible) {
                _ = try await RedisStorage.open(
                    "redis://limited:secret@127.0.0.1:\(server.port)", RedisStorageConfiguration(durability: Self.short))
            }
            #expect(error?.message.contains("+wait") == true)
            #expect(try await server.cli("DBSIZE") == "0")
            try await server.cli("ACL", "SETUSER", "limited", "+wait")
            let storage = try await RedisStorage.open(
                "redis://limited:secret@127.0.0.1:\(server.port)", RedisStorageConfiguration(durability: Self.short))
            // No replica at all.
            await refused(.unconfirmed) { _ = try await storage.create(SessionDraft(), at: try key()) }
            for durability in [Durability.full, .normal, .wait(replicas: 0, within: .seconds(1)), .wait(replicas: 1, within: .zero)] {
                await refused(.invalidParameter) { _ = try storage.with(durability: durability) }
                await refused(.invalidParameter) {
                    _ = try await RedisStorage.open("redis://127.0.0.1:\(server.port)", RedisStorageConfiguration(durability: durability))
                }
            }
            await storage.close()
        }
    }

    @Test("count the replicas of the node that has the session")
    func cluster() async throws {
        try await RedisCluster.with(replicas: 1) { cluster in
            let hosts = cluster.servers.prefix(2).map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
            let storage = try await RedisStorage.open("redis+cluster://\(hosts)", RedisStorageConfiguration(durability: Self.long))
            for number in 0..<12 {
                let key = try key("s", user: "u\(number)")
                let receipt = try await storage.append(
                    EventBatch([try .text("1", state: ["app:k\(number)": JSON(string: "v")])], createsSession: true), to: key)
                #expect(receipt.confirmedReplicas == 1)
            }
            #expect(try await storage.state(.app("app")).count == 12)
            await storage.close()
        }
    }
}
