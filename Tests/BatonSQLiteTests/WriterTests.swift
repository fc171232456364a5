import BatonCore
import BatonTesting
import Testing

@testable import BatonSQLite

@Suite struct WriterTests {
    /// Another connection that holds the write lock until it is told to let go.
    private func lock(_ scratch: Scratch) throws -> Connection {
        let connection = try Connection(opening: scratch.file(), mode: .readWrite)
        // The storage itself may be sweeping just now.
        try connection.execute("PRAGMA busy_timeout = 10000")
        try connection.execute("BEGIN IMMEDIATE")
        return connection
    }

    @Test(arguments: [true, false]) func manyCallersShareACommit(inMemory: Bool) async throws {
        let scratch = Scratch()
        try await withStore(at: inMemory ? .memory : .file(scratch.file())) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            let before = storage.gauge("commits")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<64 {
                    group.addTask { for _ in 0..<10 { _ = try await storage.append(batch(1), to: key()) } }
                }
                try await group.waitForAll()
            }
            #expect(try await storage.session(key(), SnapshotQuery()).record.lastSeq == 640)
            #expect(storage.gauge("commits") - before < 400)
            #expect(storage.gauge("largest_commit") > 1)
        }
    }

    /// Writer                     | Callers
    /// held at the gate           | two good appends, a refused one, one that fails when it has written already
    /// takes all four at once     | the gate opens
    @Test func aFailureSpoilsNoNeighbour() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            let tooLarge = JSON(string: String(repeating: "x", count: StateDelta.maximumValueBytes))
            let failing = EventBatch([try draft("first"), try EventDraft(NewEvent(JSON(string: "second"), stateDelta: ["k": tooLarge]))])
            let gate = Gate()
            let held = try await storage.holdWriter(at: gate)
            let first = Task { try await storage.append(batch(1), to: key()) }
            let refused = Task { try await storage.append(EventBatch([draft()], expectedSeq: 77), to: key()) }
            let late = Task { try await storage.append(failing, to: key()) }
            let last = Task { try await storage.append(batch(2), to: key()) }
            #expect(try await eventually { storage.gauge("writer_queue_depth") == 4 })
            gate.open()
            try await held.value
            let stored = try await (first.value, last.value)
            #expect(stored.0.entries.count == 1 && stored.1.entries.count == 2)
            await #expect { _ = try await refused.value } throws: { ($0 as? StoreError)?.code == .preconditionFailed }
            await #expect { _ = try await late.value } throws: { ($0 as? StoreError)?.code == .tooLarge }
            let snapshot = try await storage.session(key(), SnapshotQuery(events: 10))
            #expect(snapshot.events.map(\.seq) == [1, 2, 3] && snapshot.record.eventCount == 3 && snapshot.state.session.isEmpty)
        }
    }

    @Test func saysThatAnotherHoldsTheLock() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), SQLiteConfiguration(busyTimeout: .seconds(1))) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            let other = try lock(scratch)
            let error = await #expect(throws: StoreError.self) { _ = try await storage.append(batch(1), to: key()) }
            #expect(error?.code == .busy && error?.isRetryable == true)
            // Reading goes on.
            #expect(try await storage.session(key(), SnapshotQuery()).record.lastSeq == 0)
            other.rollBack()
            #expect(try await storage.append(batch(1), to: key()).tail.seq == 1)
            other.close()
        }
    }

    @Test func aFullQueueRefusesAndACancelledCallLeavesIt() async throws {
        let scratch = Scratch()
        let configuration = SQLiteConfiguration(queueLimit: 2)
        try await withStore(at: .file(scratch.file()), configuration) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            let gate = Gate()
            let held = try await storage.holdWriter(at: gate)
            let waiting = Task { try await storage.append(batch(1), to: key()) }
            let cancelled = Task { try await storage.append(batch(1), to: key()) }
            #expect(try await eventually { storage.gauge("writer_queue_depth") == 2 })
            await #expect { _ = try await storage.append(batch(1), to: key()) } throws: { ($0 as? StoreError)?.code == .tooManyRequests }

            cancelled.cancel()
            await #expect { _ = try await cancelled.value } throws: { ($0 as? StoreError)?.code == .cancelled }
            // Its place is free again.
            let successor = Task { try await storage.append(batch(1), to: key()) }
            #expect(try await eventually { storage.gauge("writer_queue_depth") == 2 })
            gate.open()
            try await held.value
            _ = try await (waiting.value, successor.value)
            #expect(try await storage.session(key(), SnapshotQuery()).record.lastSeq == 2)
        }
    }

    @Test func aTaskCancelledBeforehandWritesNothing() async throws {
        try await withStore(at: .memory) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await storage.append(batch(1), to: key())
            }
            task.cancel()
            await #expect(throws: StoreError.self) { _ = try await task.value }
            #expect(try await storage.session(key(), SnapshotQuery()).record.lastSeq == 0)
        }
    }

    @Test func aCancelledReadingEndsAndTheReaderGoesOn() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), SQLiteConfiguration(readers: 1)) { storage in
            try await storage.fill(key(), with: 3)
            let begun = Counter()
            let endless = Task {
                try await storage.read { (reading) throws(StoreError) in
                    begun.increment()
                    return try reading.db.number("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c")
                }
            }
            #expect(try await eventually { begun.count > 0 })
            endless.cancel()
            await #expect { _ = try await endless.value } throws: { ($0 as? StoreError)?.code == .cancelled }
            // The only reader is there for the next one, and sees what is new.
            try await storage.fill(key(), with: 1)
            #expect(try await storage.session(key(), SnapshotQuery(events: 10)).events.count == 4)
        }
    }

    @Test func closingFinishesWhatWaitsAndLeavesNothingOpen() async throws {
        let scratch = Scratch()
        let storage = try await SQLiteStorage(at: .file(scratch.file()), configuration: SQLiteConfiguration(durability: .normal))
        try await storage.fill(key(), with: 1)
        let acknowledged = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<32 {
                group.addTask {
                    // Until it is refused: whatever was acknowledged by then has to be there.
                    while (try? await storage.append(batch(1), to: key())) != nil { acknowledged.increment() }
                }
            }
            group.addTask {
                while acknowledged.count < 200 { await Task.yield() }
                await storage.close()
                await storage.close()
            }
        }
        await #expect { _ = try await storage.session(key(), SnapshotQuery()) } throws: { ($0 as? StoreError)?.code == .closed }
        await #expect { _ = try await storage.append(batch(1), to: key()) } throws: { ($0 as? StoreError)?.code == .closed }
        #expect(scratch.names == ["baton.db"])
        #expect(openFiles(in: scratch).isEmpty)
        try await withStore(at: .file(scratch.file())) { storage in
            let record = try await storage.session(key(), SnapshotQuery()).record
            #expect(record.lastSeq == acknowledged.count + 1)
        }
    }

    @Test func aStoreThatIsForgottenLetsGoOfItsFile() async throws {
        let scratch = Scratch()
        _ = try await SQLiteStorage(at: .file(scratch.file())).create(SessionDraft(), at: key())
        #expect(try await eventually { openFiles(in: scratch).isEmpty })
    }

    @Test func checksThatItCanWrite() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), SQLiteConfiguration(busyTimeout: .milliseconds(20))) { storage in
            try await storage.checkHealth()
            let other = try lock(scratch)
            await #expect(throws: StoreError.self) { try await storage.checkHealth() }
            other.close()
            try await storage.checkHealth()
        }
    }

    @Test func copiesTheLogBackSoThatItStaysShort() async throws {
        let scratch = Scratch()
        let configuration = SQLiteConfiguration(
            durability: .normal, checkpoint: SQLiteConfiguration.CheckpointPolicy(backgroundPages: 50, inlinePages: 200))
        try await withStore(at: .file(scratch.file()), configuration) { storage in
            // A slow disk may hold up one copy for a while, and then the log grows meanwhile; in the end it is written over.
            var size = 0
            try await eventually("the log is written over instead of growing") {
                for _ in 0..<20 { try await storage.fill(key(), with: 200) }
                let before = size
                size = scratch.read("baton.db-wal").count
                return storage.gauge("checkpoints") > 0 && size == before
            }
        }
    }
}
