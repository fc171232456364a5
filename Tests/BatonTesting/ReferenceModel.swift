package import BatonCore
internal import Synchronization

/// A storage that is obviously right: arrays and dictionaries behind one lock, every rule written out once.
///
/// The real storages are checked against it. It is slow on purpose where that is simpler, and expired sessions stay where
/// they are, unseen, until something takes their place.
package final class ReferenceModel: Storage, WithoutTopics {
    package let policy: StorePolicy
    private let clock: @Sendable () -> Timestamp
    private let contents = Mutex(Contents())
    private let observers = Mutex(Observers())

    /// An empty model.
    package init(policy: StorePolicy = StorePolicy(), clock: @escaping @Sendable () -> Timestamp) {
        self.policy = policy
        self.clock = clock
    }

    // MARK: - Sessions

    package func create(_ draft: SessionDraft, at key: SessionKey) async throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        try write { (model) throws(StoreError) in
            if let index = model.indexOfLiving(key) { return (model.snapshot(model.sessions[index]), false) }
            let index = model.insert(draft, at: key)
            try model.apply(draft.state, toSessionAt: index)
            model.hint(.session(key))
            return (model.snapshot(model.sessions[index]), true)
        }
    }

    package func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot {
        try write { (model) throws(StoreError) in
            let index = try model.indexForReading(key)
            return model.snapshot(model.sessions[index], last: query.events, query.filter)
        }
    }

    package func update(_ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            try model.passFence(ofSessionAt: index, epoch)
            let record = model.sessions[index].record
            if let expectedVersion, expectedVersion != record.version {
                throw StoreError(.preconditionFailed, "the session has another version", detail: .current(record.version))
            }
            model.sessions[index].record = try patch.applied(to: record)
            model.sessions[index].fence.policy = model.sessions[index].record.leasePolicy
            model.recordChange(ofSessionAt: index)
            return model.snapshot(model.sessions[index])
        }
    }

    package func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            model.restartLife(ofSessionAt: index)
            model.hint(.session(key))
            return model.snapshot(model.sessions[index])
        }
    }

    package func delete(_ key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        try write { (model) throws(StoreError) in
            guard let index = model.indexOfLiving(key) else { return false }
            try model.passFence(ofSessionAt: index, epoch)
            model.sessions.remove(at: index)
            model.hint(.session(key))
            return true
        }
    }

    package func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        try write { (model) throws(StoreError) in model.list(query) }
    }

    // MARK: - Events

    package func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try write { (model) throws(StoreError) in try model.append(batch, to: key) }
    }

    package func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        try write { (model) throws(StoreError) in
            let index = try model.indexForReading(key)
            return try model.sessions[index].page(query)
        }
    }

    package func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        try write { (model) throws(StoreError) in
            let session = model.sessions[try model.indexForReading(key)]
            return session.log[try session.indexOfEvent(id)]
        }
    }

    package func window(
        around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]
    ) async throws(StoreError) -> EventWindow {
        try write { (model) throws(StoreError) in
            let session = model.sessions[try model.indexForReading(key)]
            let middle = session.log[try session.indexOfEvent(id)]
            var filter = EventFilter()
            filter.roles = roles
            let earlier = session.events.filter { $0.seq < middle.seq && filter.matches($0) }.suffix(before)
            let later = session.events.filter { $0.seq > middle.seq && filter.matches($0) }.prefix(after)
            return EventWindow(events: earlier + [middle] + later, anchor: id)
        }
    }

    package func blobs(_ digests: [BlobDigest], in key: SessionKey) async throws(StoreError) -> [BlobDigest: [UInt8]] {
        try write { (model) throws(StoreError) in model.sessions[try model.index(of: key)].contents(digests) }
    }

    package func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            try model.passFence(ofSessionAt: index, epoch)
            let place = try model.sessions[index].indexOfEvent(id)
            let old = model.sessions[index].log[place]
            let event = Event(
                id: old.id, seq: old.seq, time: old.time, editedAt: model.now(for: model.sessions[index].record),
                body: patch.applied(to: old.body))
            model.sessions[index].log[place] = event
            model.sessions[index].keep(patch.blob)
            model.voidSummaries(ofSessionAt: index) { $0.seq < event.seq }
            model.recordChange(ofSessionAt: index)
            return event
        }
    }

    package func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event? {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let session = model.sessions[index]
            try model.passFence(ofSessionAt: index, epoch)
            guard let name = id ?? session.events.last?.id else {
                // Nothing was written.
                model.sessions[index].fence = session.fence
                return nil
            }
            let event = model.sessions[index].log.remove(at: try session.indexOfEvent(name))
            model.voidSummaries(ofSessionAt: index) { $0.seq < event.seq }
            model.sessions[index].record.eventCount = model.sessions[index].events.count
            model.recordChange(ofSessionAt: index)
            return event.blob.flatMap { session.blobs[$0.digest] }.map { event.joined(with: $0) } ?? event
        }
    }

    package func clear(_ key: SessionKey, epoch: Int?) async throws(StoreError) {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            try model.passFence(ofSessionAt: index, epoch)
            model.sessions[index].log = []
            model.voidSummaries(ofSessionAt: index) { _ in false }
            model.sessions[index].record.eventCount = 0
            model.sessions[index].record.floor = model.sessions[index].record.tail
            model.recordChange(ofSessionAt: index)
        }
    }

    // MARK: - State

    package func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] {
        try write { (model) throws(StoreError) in
            if case .session(let key) = scope { return model.sessions[try model.indexForReading(key)].state }
            return model.shared[SharedScope(scope)]?.living(at: model.clock) ?? [:]
        }
    }

    package func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON] {
        try write { (model) throws(StoreError) in
            guard case .session(let key) = scope else {
                try model.apply(changes, to: SharedScope(scope))
                model.hint(.everything)
                return model.shared[SharedScope(scope)]?.values ?? [:]
            }
            let index = try model.index(of: key)
            try model.passFence(ofSessionAt: index, epoch)
            try model.apply(changes, toSessionAt: index)
            model.recordChange(ofSessionAt: index)
            return model.sessions[index].state
        }
    }

    package func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) async throws(StoreError) -> SessionState {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            try model.passFence(ofSessionAt: index, epoch)
            try model.apply(delta, toSessionAt: index)
            model.recordChange(ofSessionAt: index)
            return model.snapshot(model.sessions[index]).state
        }
    }

    // MARK: - Branches

    package func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        try write { (model) throws(StoreError) in try model.fork(key, draft, to: fork, epoch: epoch) }
    }

    package func rewind(_ key: SessionKey, _ draft: RewindDraft) async throws(StoreError) -> AppendReceipt {
        try write { (model) throws(StoreError) in try model.rewind(key, draft) }
    }

    package func lineage(of key: SessionKey) async throws(StoreError) -> Lineage {
        try write { (model) throws(StoreError) in try model.lineage(of: key) }
    }

    package func compare(_ key: SessionKey, with other: SessionKey) async throws(StoreError) -> BranchComparison {
        try write { (model) throws(StoreError) in try model.compare(key, with: other) }
    }

    // MARK: - Operations

    package func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation {
        let number = observers.withLock { observers in
            observers.last += 1
            observers.calls[observers.last] = observer
            return observers.last
        }
        return StorageObservation { self.observers.withLock { $0.calls[number] = nil } }
    }

    package func checkHealth() async throws(StoreError) {
        try write { (_) throws(StoreError) in }
    }

    package var gauges: [StorageGauge] { [] }

    package func close() async {
        contents.withLock { $0.isClosed = true }
    }

    /// The moments at which something expires or has expired: a clock that goes back over one of them would bring it back.
    var expiries: [Timestamp] {
        contents.withLock { contents in contents.sessions.compactMap(\.record.expiresAt) + contents.shared.values.compactMap(\.expiresAt) }
    }

    /// Does one operation: all of it, or nothing when it throws.
    func write<Value: Sendable>(_ operation: (inout Contents) throws(StoreError) -> Value) throws(StoreError) -> Value {
        let now = clock()
        let outcome = contents.withLock { contents -> Result<(Value, [StorageHint]), StoreError> in
            guard !contents.isClosed else { return .failure(.storeClosed) }
            var copy = contents
            copy.policy = policy
            copy.clock = now
            copy.hints = []
            do throws(StoreError) {
                let value = try operation(&copy)
                contents = copy
                return .success((value, copy.hints))
            } catch { return .failure(error) }
        }
        let (value, hints) = try outcome.get()
        let calls = observers.withLock { Array($0.calls.values) }
        for call in calls {
            for hint in hints { call(hint) }
        }
        return value
    }

    private struct Observers {
        var calls: [Int: @Sendable (StorageHint) -> Void] = [:]
        var last = 0
    }
}
