import BatonCore
import BatonTesting
import Testing

/// What finds defects in storages has to find them: a storage that is as the model passes, one that is not is caught.
@Suite("Random operations")
struct RandomOperationsTests {
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `the model does as the model does`(seed: UInt64) async throws {
        try await RandomOperations(seed: seed).check(ReferenceModelTests.Fixture())
    }

    @Test(arguments: FaultyStorage.Fault.allCases)
    func `a fault is found and made small`(fault: FaultyStorage.Fault) async throws {
        let fixture = FaultyStorage.Fixture(fault: fault)
        for seed in 0..<40 as Range<UInt64> {
            guard let difference = try await RandomOperations(seed: seed).difference(from: fixture) else { continue }
            #expect(difference.seed == seed)
            #expect(difference.steps.count <= 12, "\(difference)")
            return
        }
        Issue.record("nothing was found")
    }
}

/// The reference model with one fault.
final class FaultyStorage: Storage, BranchForwarding, LedgerForwarding, TrackForwarding, WithoutTopics {
    enum Fault: CaseIterable {
        /// Events are found by an id that was removed.
        case forgottenRemoval
        /// The order of a list is by creation whatever was asked for.
        case wrongOrder
        /// The delta of a duplicate is applied.
        case duplicateDelta
        /// Filters come after the limit.
        case lateFilter
        /// Time stands still, so nothing ever expires.
        case stoppedClock
        /// Cursors are taken as they come.
        case trustingCursors
    }

    struct Fixture: StorageFixture {
        let fault: Fault
        var name: String { "a storage with \(fault)" }

        func open(_ policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) async throws -> OpenedStorage {
            OpenedStorage(FaultyStorage(fault, policy, clock))
        }
    }

    private let model: ReferenceModel
    var branches: ReferenceModel { model }
    private let fault: Fault
    private let removed = Guarded<[String: Event]>([:])

    private init(_ fault: Fault, _ policy: StorePolicy, _ clock: @escaping @Sendable () -> Timestamp) {
        self.fault = fault
        let stopped: @Sendable () -> Timestamp = { ManualClock.start }
        model = ReferenceModel(policy: policy, clock: fault == .stoppedClock ? stopped : clock)
    }

    var ledger: ReferenceModel { model }
    var tracks: ReferenceModel { model }

    func create(_ draft: SessionDraft, at key: SessionKey) async throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        try await model.create(draft, at: key)
    }

    func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot { try await model.session(key, query) }

    func update(_ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        try await model.update(key, with: patch, expectedVersion: expectedVersion, epoch: epoch)
    }

    func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot { try await model.touch(key) }

    func delete(_ key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool { try await model.delete(key, epoch: epoch) }

    func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        var query = query
        if fault == .wrongOrder { query.order = .created }
        return try await model.sessions(query)
    }

    func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        let receipt = try await model.append(batch, to: key)
        if fault == .duplicateDelta {
            for (draft, entry) in zip(batch.events, receipt.entries) where entry.isDuplicate && !draft.delta.isEmpty {
                _ = try await model.change(key, draft.delta)
            }
        }
        return receipt
    }

    func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        var query = query
        if fault == .trustingCursors, case .offset(let offset) = query.after { query.after = .seq(offset.seq) }
        guard fault == .lateFilter else { return try await model.events(in: key, query) }
        let filter = query.filter
        query.filter = EventFilter()
        var page = try await model.events(in: key, query)
        page.events = page.events.filter(filter.matches)
        return page
    }

    func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        if fault == .forgottenRemoval, let event = removed.withLock({ $0[id] }) { return event }
        return try await model.event(id, in: key)
    }

    func window(around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]) async throws(StoreError) -> EventWindow {
        try await model.window(around: id, in: key, before: before, after: after, roles: roles)
    }

    func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event {
        try await model.replace(id, in: key, with: patch, epoch: epoch)
    }

    func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event? {
        let event = try await model.remove(id, in: key, epoch: epoch)
        if let event { removed.withLock { $0[event.id] = event } }
        return event
    }

    func clear(_ key: SessionKey, epoch: Int?) async throws(StoreError) { try await model.clear(key, epoch: epoch) }

    func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] { try await model.state(scope) }

    func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON] {
        try await model.change(scope, changes, epoch: epoch)
    }

    func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) async throws(StoreError) -> SessionState {
        try await model.change(key, delta, epoch: epoch)
    }

    func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease {
        try await model.acquireLease(request, on: key)
    }
    func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease {
        try await model.renewLease(epoch, for: ttl, on: key)
    }
    func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError) { try await model.releaseLease(epoch, on: key) }
    func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError) { try await model.leaveLine(ticket, on: key) }
    func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation { model.observe(observer) }

    func checkHealth() async throws(StoreError) { try await model.checkHealth() }

    var gauges: [StorageGauge] { model.gauges }

    func close() async { await model.close() }
}
