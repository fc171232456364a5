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
final class FaultyStorage: TestLayer {
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
        /// The lifetime of a track is not kept.
        case eternalTracks
        /// Events of a track have no ids of their own.
        case forgetfulTracks
    }

    struct Fixture: StorageFixture {
        let fault: Fault
        var name: String { "a storage with \(fault)" }

        func open(_ policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) async throws -> OpenedStorage {
            OpenedStorage(FaultyStorage(fault, policy, clock))
        }
    }

    let base: any Storage
    private let fault: Fault
    private let removed = Guarded<[String: Event]>([:])

    private init(_ fault: Fault, _ policy: StorePolicy, _ clock: @escaping @Sendable () -> Timestamp) {
        self.fault = fault
        let stopped: @Sendable () -> Timestamp = { ManualClock.start }
        base = ReferenceModel(policy: policy, clock: fault == .stoppedClock ? stopped : clock)
    }

    func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        var query = query
        if fault == .wrongOrder { query.order = .created }
        return try await base.sessions(query)
    }

    func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        let receipt = try await base.append(batch, to: key)
        if fault == .duplicateDelta {
            for (draft, entry) in zip(batch.events, receipt.entries) where entry.isDuplicate && !draft.delta.isEmpty {
                _ = try await base.change(key, draft.delta)
            }
        }
        return receipt
    }

    func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        var query = query
        if fault == .trustingCursors, case .offset(let offset) = query.after { query.after = .seq(offset.seq) }
        guard fault == .lateFilter else { return try await base.events(in: key, query) }
        let filter = query.filter
        query.filter = EventFilter()
        var page = try await base.events(in: key, query)
        page.events = page.events.filter(filter.matches)
        return page
    }

    func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        if fault == .forgottenRemoval, let event = removed.withLock({ $0[id] }) { return event }
        return try await base.event(id, in: key)
    }

    func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event? {
        let event = try await base.remove(id, in: key, epoch: epoch)
        if let event { removed.withLock { $0[event.id] = event } }
        return event
    }

    func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt {
        var batch = batch
        if fault == .eternalTracks { batch.ttl = nil }
        if fault == .forgetfulTracks {
            batch.events = try batch.events.map { (draft) throws(StoreError) in try EventDraft(NewEvent(draft.body["content"] ?? .null)) }
        }
        return try await base.append(batch, toTrack: track, of: key)
    }
}
