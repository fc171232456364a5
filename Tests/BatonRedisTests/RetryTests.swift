import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("Writes whose reply was lost", .redisServer)
struct RetryTests {
    /// A storage whose next reply will be lost when `proxy.cut()` is called.
    private func withProxy(_ body: (RedisStorage, CuttingProxy, SessionKey) async throws -> Void) async throws {
        let server = try #require(SharedServer.current)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        try await withStorage(StorePolicy(maximumEvents: 50), port: proxy.port) { storage, _ in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            _ = try await storage.append(EventBatch([try .text("0", id: "zero")]), to: key)
            try await body(storage, proxy, key)
            #expect(proxy.isDone)
        }
    }

    @Test("an append is stored once, and its receipt says that this call stored it")
    func append() async throws {
        try await withProxy { storage, proxy, key in
            proxy.cut()
            let plain = try await storage.append(EventBatch([try .text("1"), try .text("2")]), to: key)
            #expect(plain.entries.map(\.seq) == [2, 3])
            #expect(plain.entries.allSatisfy { !$0.isDuplicate })
            #expect(plain.version == 3)

            proxy.cut()
            let batch = EventBatch([try .text("0", id: "zero"), try .text("3", id: "three"), try .text("4")], expectedSeq: 3)
            let mixed = try await storage.append(batch, to: key)
            #expect(mixed.entries.map(\.seq) == [1, 4, 5])
            #expect(mixed.entries.map(\.isDuplicate) == [true, false, false])
            #expect(mixed.tail == mixed.entries[2].offset)

            proxy.cut()
            let named = try await storage.append(EventBatch([try .text("5")], idempotencyKey: "r"), to: key)
            #expect(named.entries.map(\.seq) == [6])
            #expect(!named.isDuplicate)

            let session = try await storage.session(key, SnapshotQuery(events: 50))
            #expect(session.events.texts == ["0", "1", "2", "3", "4", "5"])
            #expect(session.record.version == 5)
            #expect(session.events.map(\.id) == ["zero"] + plain.entries.map(\.id) + mixed.entries.dropFirst().map(\.id) + named.entries.map(\.id))
        }
    }

    @Test("an append that creates its session creates one")
    func creatingAppend() async throws {
        try await withProxy { storage, proxy, _ in
            let key = try key("other")
            proxy.cut()
            let receipt = try await storage.append(EventBatch([try .text("1")], createsSession: true), to: key)
            #expect(receipt.entries.map(\.isDuplicate) == [false])
            let session = try await storage.session(key, SnapshotQuery(events: 5))
            #expect(session.events.map(\.id) == receipt.entries.map(\.id))
        }
    }

    @Test("a change that others follow is not done a second time")
    func changes() async throws {
        try await withProxy { storage, proxy, key in
            proxy.cut()
            let (_, created) = try await storage.create(SessionDraft(), at: try self.key("new"))
            #expect(created)
            proxy.cut()
            var patch = SessionPatch()
            patch.title = .set("t")
            let version = try await storage.session(key, SnapshotQuery()).record.version
            // The look before came back; the cut is for the update.
            let updated = try await storage.update(key, with: patch, expectedVersion: version)
            #expect(updated.record.version == version + 1)
            proxy.cut()
            _ = try await storage.change(key, StateDelta.all())
            #expect(try await storage.session(key, SnapshotQuery()).record.version == version + 2)
            proxy.cut()
            let event = try await storage.replace("zero", in: key, with: EventPatch(content: JSON(string: "edited")))
            #expect(event.content.stringValue == "edited")
            #expect(try await storage.session(key, SnapshotQuery()).record.version == version + 3)
            proxy.cut()
            #expect(try await storage.delete(key))
            #expect(try await !storage.delete(key))
        }
    }

    @Test("what was removed cannot be answered twice, and is not removed twice")
    func removal() async throws {
        try await withProxy { storage, proxy, key in
            _ = try await storage.append(EventBatch([try .text("1"), try .text("2"), try .text("3")]), to: key)
            // Once for the server to know the script.
            _ = try await storage.remove(nil, in: key)
            proxy.cut()
            let error = await refused(.cancelled) { _ = try await storage.remove(nil, in: key) }
            #expect(error?.isRetryable == false)
            #expect(try await storage.session(key, SnapshotQuery(events: 5)).events.texts == ["0", "1"])
        }
    }

    @Test("many writers whose replies are cut all the time lose and double nothing")
    func storm() async throws {
        try await withProxy { storage, proxy, key in
            let cutter = Task {
                for _ in 0..<12 {
                    proxy.cut()
                    _ = await eventually { proxy.isDone }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            let answered = try await withThrowingTaskGroup(of: [Int].self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        var seqs: [Int] = []
                        for number in 0..<60 {
                            let receipt = try await storage.append(EventBatch([try .text("\(writer)-\(number)")]), to: key)
                            #expect(receipt.entries.count == 1 && !receipt.isDuplicate)
                            seqs.append(receipt.tail.seq)
                        }
                        return seqs
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            try await cutter.value
            _ = await eventually { proxy.isDone }
            #expect(answered.count == 480)
            // The event of the fixture is the first; each answer is a seq of its own, without holes.
            let seqs = Set(answered)
            #expect(seqs.count == answered.count)
            let last = try await storage.session(key, SnapshotQuery()).record.lastSeq
            #expect(Set(2...last).subtracting(seqs) == [], "stored and not answered")
            #expect(try await storage.session(key, SnapshotQuery()).record.lastSeq == 481)
        }
    }

    private func key(_ id: String = "s") throws -> SessionKey { try SessionKey(app: "app", user: "u", id: id) }
}
