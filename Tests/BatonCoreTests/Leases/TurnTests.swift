import BatonCore
import BatonTesting
import Testing

@Suite("A turn")
struct TurnTests {
    private let model = ReferenceModel { SystemClock.now() }
    private let store: SessionStore
    private let session: Session

    init() async throws {
        store = SessionStore(on: model)
        session = try store.session("s", user: "u", app: "a")
        _ = try await store.create(session.key)
    }

    private struct Failure: Error {}

    private func texts() async throws -> [String] { try await session.events(last: 100).map { $0.content.stringValue ?? "?" } }

    private func event(_ text: String) -> NewEvent { NewEvent(JSON(string: text)) }

    @Test("stores what it staged at its end, in one append that shows its epoch, and gives the lease back")
    func commits() async throws {
        let result = try await session.turn(holder: "me") { turn in
            #expect(try await session.snapshot().record.lease?.epoch == turn.epoch)
            try turn.append(event("1"))
            try turn.append(event("2"))
            #expect(turn.stagedCount == 2)
            #expect(try await texts() == [])
            return 7
        }
        #expect(result == 7)
        let snapshot = try await session.snapshot(last: 5)
        #expect(snapshot.events.map(\.content) == [JSON(string: "1"), JSON(string: "2")])
        #expect(snapshot.record.version == 2 && snapshot.record.lease == nil)
    }

    @Test("may commit before its end, and goes on")
    func commitsInBetween() async throws {
        try await session.turn(holder: "me") { turn in
            #expect(try await turn.commit() == nil)
            try turn.append(event("1"))
            #expect(try await turn.commit()?.entries.count == 1)
            #expect(try await texts() == ["1"])
            try turn.append(event("2"))
        }
        #expect(try await texts() == ["1", "2"])
    }

    @Test("stores nothing when its body throws, and gives the lease back")
    func throwsAway() async throws {
        await #expect(throws: Failure.self) {
            try await session.turn(holder: "me") { turn in
                try turn.append(event("1"))
                throw Failure()
            }
        }
        #expect(try await texts() == [])
        #expect(try await session.snapshot().record.lease == nil)
    }

    @Test("stores nothing when it is cancelled, even if its body does not notice, and gives the lease back")
    func cancelled() async throws {
        let isStarted = Guarded(false)
        let turn = Task {
            try await session.turn(holder: "me") { turn in
                try turn.append(event("1"))
                isStarted.withLock { $0 = true }
                while !Task.isCancelled { await Task.yield() }
            }
        }
        #expect(await eventually { isStarted.withLock { $0 } })
        turn.cancel()
        await #expect(throws: (any Error).self) { try await turn.value }
        #expect(try await texts() == [])
        #expect(try await session.snapshot().record.lease == nil)
    }

    @Test("is cancelled when its lease is taken over, and can store nothing more")
    func stolen() async throws {
        let wasCancelled = Guarded(false)
        let failure = await #expect(throws: StoreError.self) {
            try await session.turn(holder: "me", ttl: .seconds(1)) { turn in
                try turn.append(event("late"))
                _ = try await session.acquireLease(for: "thief", stealing: true)
                while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
                wasCancelled.withLock { $0 = true }
            }
        }
        #expect(failure?.code == .fenced)
        #expect(wasCancelled.withLock { $0 })
        #expect(try await texts() == [])
        #expect(try await session.snapshot().record.lease?.holder == "thief")
    }

    @Test("that notices too late that it lost its lease is told by the store")
    func fencedAtCommit() async throws {
        let failure = await #expect(throws: StoreError.self) {
            try await session.turn(holder: "me") { turn in
                try turn.append(event("late"))
                _ = try await session.acquireLease(for: "thief", stealing: true)
            }
        }
        #expect(failure?.code == .fenced)
        #expect(try await texts() == [])
    }

    @Test("renews its lease while it lasts")
    func renews() async throws {
        try await session.turn(holder: "me", ttl: .seconds(1)) { turn in
            let first = try #require(try await session.snapshot().record.lease)
            let isRenewed = try await eventually { (try await session.snapshot().record.lease?.expiresAt ?? first.expiresAt) > first.expiresAt }
            #expect(isRenewed)
            try turn.append(event("1"))
        }
        #expect(try await texts() == ["1"])
    }

    @Test("ends when its lease cannot be renewed in time, by the clock of its own machine")
    func unconfirmed() async throws {
        let storage = FailingStorage(model)
        let session = SessionStore(on: storage).session(session.key)
        let failure = await #expect(throws: StoreError.self) {
            try await session.turn(holder: "me", ttl: .seconds(1)) { turn in
                try turn.append(event("late"))
                storage.failures.withLock { $0.isAway = true }
                while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
                storage.failures.withLock { $0.isAway = false }
            }
        }
        #expect(failure?.code == .fenced)
        #expect(try await texts() == [])
    }

    @Test("commits again when the answer was lost, and stores once")
    func lostAnswers() async throws {
        let storage = FailingStorage(model)
        storage.failures.withLock { $0.lostAppends = 3 }
        try await SessionStore(on: storage).session(session.key).turn(holder: "me") { turn in
            try turn.append(event("1"))
            try turn.append(event("2"))
        }
        #expect(try await texts() == ["1", "2"])
        #expect(storage.failures.withLock { $0.lostAppends } == 0)
    }

    @Test("stages as many events as one append takes, and refuses what cannot be stored")
    func bounds() async throws {
        try await session.turn(holder: "me") { turn in
            #expect(throws: StoreError.self) { try turn.append(NewEvent(.null, id: "")) }
            for number in 0..<EventDraft.maximumBatch { try turn.append(event("\(number)")) }
            #expect(throws: StoreError.self) { try turn.append(event("too many")) }
        }
        #expect(try await session.snapshot().record.lastSeq == EventDraft.maximumBatch)
    }

    @Test("waits in line, first come, first served")
    func line() async throws {
        let lease = try await session.acquireLease(for: "first")
        let order = Guarded<[Int]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    try await session.turn(holder: "w\(number)", waiting: .seconds(60)) { turn in
                        order.withLock { $0.append(number) }
                        try turn.append(event("\(number)"))
                    }
                }
                // The next comes when this one stands in line.
                #expect(await eventually { await lineLength() == number + 1 })
            }
            try await store.releaseLease(lease.epoch, on: session.key)
            try await group.waitForAll()
        }
        #expect(order.withLock { $0 } == Array(0..<8))
        #expect(try await texts() == (0..<8).map { "\($0)" })
    }

    /// How many stand in line, as one is told who would be next.
    private func lineLength() async -> Int {
        do throws(StoreError) {
            _ = try await model.acquireLease(LeaseRequest(holder: "asks", ttl: 1000), on: session.key)
        } catch {
            if case .busy(let lease, let ahead) = error.detail { return lease == nil ? -1 : ahead }
        }
        return -1
    }

    @Test("that nobody gives way to ends its waiting, and leaves the line")
    func gaveUp() async throws {
        let lease = try await session.acquireLease(for: "first")
        let failure = await #expect(throws: StoreError.self) {
            _ = try await session.acquireLease(for: "second", waiting: .milliseconds(50))
        }
        guard case .busy(let holder, _) = failure?.detail else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(holder == lease)
        let waiting = Task { try await session.acquireLease(for: "third", waiting: .seconds(60)) }
        #expect(await eventually { await lineLength() == 1 })
        waiting.cancel()
        let cancelled = await #expect(throws: StoreError.self) { _ = try await waiting.value }
        #expect(cancelled?.code == .cancelled)
        #expect(await lineLength() == 0)
        try await store.releaseLease(lease.epoch, on: session.key)
        _ = try await session.acquireLease(for: "fourth")
    }

    @Test("that is cancelled while it is given the lease gives it back")
    func cancelledTooLate() async throws {
        let storage = FailingStorage(model)
        let session = SessionStore(on: storage).session(session.key)
        storage.failures.withLock { $0.holdsAcquire = true }
        let acquiring = Task { try await session.acquireLease(for: "me") }
        #expect(await eventually { storage.failures.withLock { $0.acquiring } == 1 })
        acquiring.cancel()
        storage.failures.withLock { $0.holdsAcquire = false }
        let failure = await #expect(throws: StoreError.self) { _ = try await acquiring.value }
        #expect(failure?.code == .cancelled)
        #expect(try await self.session.snapshot().record.lease == nil)
    }

    @Test("what cannot be asked for is refused")
    func arguments() async throws {
        for (holder, ttl, wait) in [
            ("", Duration.seconds(1), Duration.zero), (String(repeating: "x", count: 257), .seconds(1), .zero), ("h", .milliseconds(999), .zero),
            ("h", .seconds(3601), .zero), ("h", .seconds(1), .seconds(301)), ("h", .seconds(1), .seconds(-1)), ("h", .seconds(Int64.max), .zero),
        ] {
            let failure = await #expect(throws: StoreError.self) { _ = try await session.acquireLease(for: holder, ttl: ttl, waiting: wait) }
            #expect(failure?.code == .invalidField)
        }
    }

    @Test("a handoff changes the active agent and leaves an event, or nothing")
    func handoffs() async throws {
        try await session.handOff(to: "triage")
        try await session.handOff(to: "billing", from: "triage", reason: "money", context: try JSON(parsing: #"{"invoice":[7, 8]}"#))
        #expect(try await session.snapshot().record.activeAgent == "billing")
        for (to, from) in [("billing", nil), ("billing", "billing"), ("x", "triage"), ("billing", "triage")] as [(String, String?)] {
            let failure = await #expect(throws: StoreError.self) { try await session.handOff(to: to, from: from) }
            #expect(failure?.code == .conflict && failure?.detail == .activeAgent("billing"))
        }
        // A retry that says from whom is recognised.
        try await session.handOff(to: "sales", from: "billing", idempotencyKey: "k")
        #expect(try await session.handOff(to: "sales", from: "billing", idempotencyKey: "k").isDuplicate)
        try await session.append(event("other"))
        let page = try await session.handoffs()
        #expect(page.events.map { $0.content["to"]?.stringValue } == ["triage", "billing", "sales"])
        #expect(page.events[1].content.description == #"{"from":"triage","to":"billing","reason":"money","context":{"invoice":[7, 8]}}"#)
        #expect(page.events[0].content["from"]?.isNull == true)
    }
}

/// The model behind a connection that fails when it is told to.
private final class FailingStorage: TestLayer {
    struct Failures {
        /// Nothing gets through.
        var isAway = false
        /// How many appends take effect and lose their answer.
        var lostAppends = 0
        /// Leases are given, and their answer waits.
        var holdsAcquire = false
        var acquiring = 0
    }

    let failures = Guarded(Failures())
    let base: any Storage

    init(_ base: any Storage) { self.base = base }

    private static let away = StoreError(.storeUnavailable, "away")

    private func pass() throws(StoreError) {
        if failures.withLock({ $0.isAway }) { throw Self.away }
    }

    func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try pass()
        let receipt = try await base.append(batch, to: key)
        let isLost = failures.withLock { failures in
            guard failures.lostAppends > 0 else { return false }
            failures.lostAppends -= 1
            return true
        }
        if isLost { throw Self.away }
        return receipt
    }
    func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease {
        let lease = try await base.acquireLease(request, on: key)
        failures.withLock { $0.acquiring += 1 }
        while failures.withLock({ $0.holdsAcquire }) { try? await Task.sleep(for: .milliseconds(1)) }
        return lease
    }
    func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease {
        try pass()
        return try await base.renewLease(epoch, for: ttl, on: key)
    }
}
