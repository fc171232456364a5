import BatonCore
import BatonRedis
import BatonTesting
import Testing

/// What a failover may take from the ledger of tools and from decisions, and what it may not when replicas confirm.
@Suite("Tool calls and approvals across a failover that loses writes", .timeLimit(.minutes(3)))
struct LedgerFailoverTests {
    private let hold = 60_000

    private func reservation() -> ToolReservation { ToolReservation(key: "pay", name: "pay", holder: "ann", ttlMilliseconds: hold) }

    /// What `before` writes is on the replica, what `lost` writes is only on the primary when it dies.
    private func withLoss(
        before: (SessionStore, SessionKey) async throws -> Void, lost: (SessionStore, SessionKey) async throws -> Void,
        after: (SessionStore, SessionKey) async throws -> Void
    ) async throws {
        try await RedisReplication.with { servers in
            let store = SessionStore(on: try await RedisStorage.open(servers.address))
            let key = try key()
            do {
                _ = try await store.create(key)
                try await before(store, key)
                try await servers.cutOff()
                try await lost(store, key)
                try await servers.failOver()
                try await eventually("the new primary answers") { (try? await store.get(key)) != nil }
                try await after(store, key)
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
    }

    @Test("a reservation that was lost is given again: without replicas that confirm it, a tool may run twice")
    func lostReservation() async throws {
        try await withLoss { _, _ in
        } lost: { store, key in
            let first = try await store.reserve(reservation(), in: key)
            #expect(first.granted)
        } after: { store, key in
            // What cannot be promised: nothing is left that would say that somebody runs it.
            let second = try await store.reserve(reservation(), in: key)
            #expect(second.granted)
        }
    }

    @Test("a result that was lost is never an invitation to run it again, and can be said again")
    func lostResult() async throws {
        try await withLoss { store, key in
            let first = try await store.reserve(reservation(), in: key)
            #expect(first.granted)
        } lost: { store, key in
            let call = try await store.finish("pay", in: key, .completed(JSON(string: "paid")), attempt: 1)
            #expect(call.status == .completed)
        } after: { store, key in
            let call = try await store.toolCall("pay", in: key)
            #expect(call.status == .reserved)
            await refused(.busy) { _ = try await store.reserve(reservation(), in: key) }
            let again = try await store.finish("pay", in: key, .completed(JSON(string: "paid")), attempt: 1)
            #expect(again.status == .completed && again.result == JSON(string: "paid"))
            let next = try await store.reserve(reservation(), in: key)
            #expect(!next.granted && next.call.result == JSON(string: "paid"))
        }
    }

    @Test("a decision that was lost leaves the question open: the next one counts, and who waited for the first is told that it is gone")
    func lostDecision() async throws {
        try await withLoss { store, key in
            _ = try await store.ask(ApprovalRequest(key: "q", prompt: JSON(string: "may it?")), in: key)
        } lost: { store, key in
            let decided = try await store.decide("q", in: key, ApprovalDecision(Approval.approved, by: "ann"))
            #expect(decided.status == .decided)
        } after: { store, key in
            let approval = try await store.approval("q", in: key)
            #expect(approval.status == .pending)
            let next = try await store.decide("q", in: key, ApprovalDecision("rejected", by: "bob"))
            #expect(next.decision == "rejected")
            var query = EventQuery()
            query.filter.types = [Approval.decidedType]
            let shown = try await store.events(in: key, query).events
            #expect(shown.map { $0.content["decision"]?.stringValue } == ["rejected"])
        }
    }

    @Test("with replicas to confirm them, nothing is granted and nothing is decided that a failover could lose")
    func confirmed() async throws {
        try await RedisReplication.with { servers in
            // A replica that has just begun to follow may take a second until it says so for the first time.
            let storage = try await RedisStorage.open(
                "redis://127.0.0.1:\(servers.primary.port)?timeout=20000",
                RedisStorageConfiguration(durability: .wait(replicas: 1, within: .seconds(60))))
            let key = try key()
            let store = SessionStore(on: storage)
            _ = try await store.create(key)
            _ = try await store.ask(ApprovalRequest(key: "q", prompt: JSON(string: "may it?")), in: key)
            try await servers.cutOff()
            let hasty = SessionStore(on: try storage.with(durability: .wait(replicas: 1, within: .milliseconds(100))))
            await refused(.unconfirmed) { _ = try await hasty.reserve(reservation(), in: key) }
            await refused(.unconfirmed) { _ = try await hasty.decide("q", in: key, ApprovalDecision(Approval.approved, by: "ann")) }
            let ran = Guarded(false)
            do {
                _ = try await hasty.session(key).tool("other") { _ in
                    ran.withLock { $0 = true }
                    return .null
                }
                Issue.record("a tool ran that a failover could run again")
            } catch { #expect((error as? StoreError)?.code == .unconfirmed) }
            #expect(!ran.withLock { $0 })
            await store.close()
        }
    }
}
