import BatonCore
import Testing

@testable import BatonSQLite

@Suite struct LargeSessionTests {
    private func events(_ storage: SQLiteStorage) async throws -> Int {
        try await storage.read { (reading) throws(StoreError) in try reading.db.number("SELECT count(*) FROM events") ?? -1 }
    }

    @Test(arguments: [true, false]) func goesAwayAtOnceAndIsDeletedBitByBit(byDeleting: Bool) async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { storage in
            try await storage.fill(key("large"), with: 20_000)
            try await storage.fill(key("other"), with: 1)
            let gate = Gate()
            let held = try await storage.holdWriter(at: gate)
            let going = Task { if byDeleting { _ = try await storage.delete(key("large")) } else { try await storage.clear(key("large")) } }
            #expect(try await eventually { storage.gauge("writer_queue_depth") == 1 })
            let left = Task {
                try await storage.write { (writing) throws(StoreError) in try writing.db.number("SELECT count(*) FROM events") }
            }
            #expect(try await eventually { storage.gauge("writer_queue_depth") == 2 })
            gate.open()
            try await held.value
            try await going.value
            // In the transaction that took it away nothing was deleted, so nobody waited for that.
            #expect(try await left.value == 20_001)
            if byDeleting {
                await #expect(throws: StoreError.self) { _ = try await storage.session(key("large"), SnapshotQuery()) }
            } else {
                let record = try await storage.session(key("large"), SnapshotQuery()).record
                #expect(record.eventCount == 0 && record.floor == record.tail && record.lastSeq == 20_000)
                #expect(try await storage.events(in: key("large"), EventQuery()).events.isEmpty)
            }
        }
        // Whether the rest was deleted before the end or not: it is deleted.
        try await withStore(at: .file(scratch.file())) { (storage) async throws in
            #expect(try await eventually { try await events(storage) == 1 })
            if !byDeleting { #expect(try await storage.append(batch(1), to: key("large")).tail.seq == 20_001) }
        }
    }

    @Test func forgottenIDsAreFreeBeforeTheirRowsAreGone() async throws {
        try await withStore(at: .memory) { storage in
            var batch = EventBatch([try draft(id: "a"), try draft(id: "b")])
            batch.createsSession = true
            _ = try await storage.append(batch, to: key())
            // The writer is busy until both are queued, so that nothing is tidied in between.
            let gate = Gate()
            let held = try await storage.holdWriter(at: gate)
            let cleared = Task { try await storage.clear(key()) }
            #expect(try await eventually { storage.gauge("writer_queue_depth") == 1 })
            let again = Task { try await storage.append(EventBatch([draft(id: "b")]), to: key()) }
            #expect(try await eventually { storage.gauge("writer_queue_depth") == 2 })
            gate.open()
            try await held.value
            try await cleared.value
            let receipt = try await again.value
            #expect(receipt.entries.map(\.seq) == [3] && !receipt.isDuplicate)
            #expect(try await storage.event("b", in: key()).seq == 3)
            await #expect(throws: StoreError.self) { _ = try await storage.event("a", in: key()) }
        }
    }

    @Test func aRareMatchIsFoundPageByPage() async throws {
        try await withStore(at: .memory) { storage in
            try await storage.fill(key(), with: 1)
            _ = try await storage.append(EventBatch([draft("rare", role: "tool")]), to: key())
            try await storage.fill(key(), with: 45_000)
            _ = try await storage.append(EventBatch([draft("rare", role: "tool")]), to: key())
            for order in EventQuery.Order.allCases {
                var query = EventQuery(limit: 10, order: order)
                query.filter.roles = ["tool"]
                var found: [Int] = []
                var pages = 0
                while true {
                    let page = try await storage.events(in: key(), query)
                    pages += 1
                    found += page.events.map(\.seq)
                    if page.upToDate { break }
                    let next = try #require(page.next)
                    if order == .asc { query.after = .offset(next) } else { query.before = .offset(next) }
                }
                #expect(found.sorted() == [2, 45_003] && (3...4).contains(pages), "\(order)")
            }
            // The last that match are found however far back they are.
            var filter = EventFilter()
            filter.roles = ["tool"]
            #expect(try await storage.session(key(), SnapshotQuery(events: 2, filter: filter)).events.map(\.seq) == [2, 45_003])
        }
    }

    @Test func aLowerLimitTrimsAtOnceAndDeletesBitByBit() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { try await $0.fill(key(), with: 10_000) }
        try await withStore(at: .file(scratch.file()), policy: StorePolicy(maximumEvents: 100)) { storage in
            for seq in [9_950, 9_960, 9_970] {
                _ = try await storage.remove(storage.session(key(), SnapshotQuery()).record.madeID(forSeq: seq), in: key())
            }
            let receipt = try await storage.append(batch(1), to: key())
            #expect(receipt.tail.seq == 10_001)
            let snapshot = try await storage.session(key(), SnapshotQuery(events: 1000))
            #expect(snapshot.record.eventCount == 100 && snapshot.events.count == 100 && snapshot.events.first?.seq == snapshot.record.floor.seq + 1)
            #expect(try await eventually { try await events(storage) == 100 })
        }
    }

    @Test func aPageIsBoundedInBytes() async throws {
        try await withStore(at: .memory) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            let large = JSON(string: String(repeating: "x", count: (8 << 20) - 2))
            for _ in 0..<4 { _ = try await storage.append(EventBatch([EventDraft(NewEvent(large))]), to: key()) }
            var query = EventQuery()
            var sizes: [Int] = []
            while true {
                let page = try await storage.events(in: key(), query)
                sizes.append(page.events.count)
                #expect(page.events.allSatisfy { $0.content == large })
                if page.upToDate { break }
                query.after = page.next.map { .offset($0) }
            }
            #expect(sizes == [2, 2])
        }
    }
}
