import BatonCore
import Testing

@testable import BatonSQLite

@Suite struct BranchTests {
    private let quick = SQLiteConfiguration(durability: .normal, sweepInterval: .milliseconds(10))
    private static let tables = ["sessions", "events", "removed", "segments", "rewinds", "ancestors", "state", "requests", "garbage", "leftovers"]

    private func rows(_ storage: SQLiteStorage, in table: String) async throws -> Int {
        try await storage.read { (reading) throws(StoreError) in try reading.db.number("SELECT count(*) FROM \(table)") ?? -1 }
    }

    private func fork(_ storage: SQLiteStorage, _ id: String, at seq: Int? = nil, to fork: String) async throws {
        _ = try await storage.fork(key(id), ForkDraft(at: seq.map { .seq($0) }), to: key(fork), epoch: nil)
    }

    private func seqs(_ storage: SQLiteStorage, _ id: String) async throws -> [Int] {
        try await storage.events(in: key(id), EventQuery(limit: 1000)).events.map(\.seq)
    }

    /// A session with state and requests, forked twice, one of the forks forked again and rewound.
    private func grow(_ storage: SQLiteStorage, _ lifetime: SessionDraft.Lifetime) async throws {
        var draft = SessionDraft(lifetime: lifetime)
        try draft.state.add("k", .set(.null))
        _ = try await storage.create(draft, at: key("main"))
        _ = try await storage.append(EventBatch(try batch(5).events, idempotencyKey: "r"), to: key("main"))
        try await fork(storage, "main", at: 4, to: "a")
        _ = try await storage.append(batch(2), to: key("main"))
        try await fork(storage, "main", to: "b")
        _ = try await storage.append(batch(2), to: key("a"))
        _ = try await storage.remove(
            SessionRecord.madeID(generation: storage.session(key("main"), SnapshotQuery()).record.generation, seq: 2), in: key("a"))
        try await fork(storage, "a", to: "c")
        _ = try await storage.rewind(key("c"), RewindDraft(to: .seq(3)))
    }

    private let shown = ["main": [1, 2, 3, 4, 5, 6, 7], "a": [1, 3, 4, 5, 6], "b": [1, 2, 3, 4, 5, 6, 7], "c": [1, 3, 7]]

    @Test(arguments: [["main", "a", "b", "c"], ["c", "b", "a", "main"], ["a", "main", "c", "b"], ["b", "main", "a", "c"]])
    func deletedBranchesLeaveTheOthersWholeAndInTheEndNothing(order: [String]) async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), quick) { storage in
            try await grow(storage, .unlimited)
            var left = shown
            for id in order {
                #expect(try await storage.delete(key(id)))
                left[id] = nil
                #expect(try await eventually { try await rows(storage, in: "garbage") + rows(storage, in: "leftovers") == 0 })
                for (id, expected) in left {
                    #expect(try await seqs(storage, id) == expected, "\(id)")
                    #expect(try await storage.state(.session(key(id))).keys.sorted() == ["k"], "\(id)")
                }
            }
            for table in Self.tables { #expect(try await rows(storage, in: table) == 0, "\(table)") }
        }
    }

    @Test func expiredBranchesLeaveNothing() async throws {
        let clock = TestClock()
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), quick, clock: { clock.now }) { storage in
            try await grow(storage, .seconds(60))
            clock.advance(seconds: 60)
            for table in Self.tables { #expect(try await eventually { try await rows(storage, in: table) == 0 }, "\(table)") }
        }
    }

    @Test func whatIsTrimmedOrClearedInOneBranchGoesOnlyWhenNoOtherShowsIt() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), quick, policy: StorePolicy(maximumEvents: 4)) { storage in
            _ = try await storage.create(SessionDraft(), at: key("main"))
            _ = try await storage.append(batch(4), to: key("main"))
            try await fork(storage, "main", to: "fork")
            _ = try await storage.append(batch(8), to: key("main"))
            #expect(try await seqs(storage, "fork") == [1, 2, 3, 4])
            #expect(try await rows(storage, in: "segments") == 3)
            try await storage.clear(key("fork"))
            #expect(try await eventually { try await rows(storage, in: "events") == 4 })
            #expect(try await seqs(storage, "main") == [9, 10, 11, 12])
            #expect(try await rows(storage, in: "segments") == 2)
        }
    }

    @Test func aForkWritesNoEvents() async throws {
        try await withStore(at: .memory, quick) { storage in
            _ = try await storage.create(SessionDraft(), at: key("main"))
            _ = try await storage.append(batch(500), to: key("main"))
            for number in 0..<20 { try await fork(storage, "main", to: "fork-\(number)") }
            #expect(try await rows(storage, in: "events") == 500)
            #expect(try await rows(storage, in: "segments") == 2 + 20 * 2)
            #expect(try await seqs(storage, "fork-19").count == 500)
        }
    }

    @Test func anotherProcessHearsOfEventsInABranch() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), quick) { storage in
            try await withStore(at: .file(scratch.file()), quick) { other in
                _ = try await storage.create(SessionDraft(), at: key("main"))
                _ = try await storage.append(batch(2), to: key("main"))
                try await fork(storage, "main", to: "fork")
                let hints = Counter()
                let main = try key("main")
                let observation = other.observe { hint in if hint == .session(main) { hints.increment() } }
                for _ in 0..<3 {
                    let before = hints.count
                    let isHeard = try await eventually {
                        _ = try await storage.append(batch(1), to: key("main"))
                        return hints.count > before
                    }
                    #expect(isHeard)
                }
                observation.cancel()
            }
        }
    }
}
