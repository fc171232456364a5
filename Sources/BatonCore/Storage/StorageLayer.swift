/// What a call does with a session.
public enum StorageUse: Hashable, Sendable {
    /// It changes nothing.
    case read
    /// It changes or adds something.
    case write
    /// It takes something away for good.
    case remove
}

/// A storage that stands before another one and has a say in the calls that concern a session. What it does not do itself is passed on.
public protocol StorageLayer: Storage {
    /// The storage behind.
    var base: any Storage { get }

    /// Called before a call that concerns this session is passed on. Renewing a lease and leaving its line are passed on without.
    func enter(_ key: SessionKey, to use: StorageUse) async throws(StoreError)

    /// Called before a call that concerns the sessions or the state of a user or an application is passed on.
    func enter(_ owner: SessionQuery.Owner) async throws(StoreError)
}

// MARK: - Sessions

extension StorageLayer {
    /// As the storage behind does.
    public var policy: StorePolicy { base.policy }

    /// As the storage behind does.
    public func create(_ draft: SessionDraft, at key: SessionKey) async throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        try await enter(key, to: .write)
        return try await base.create(draft, at: key)
    }

    /// As the storage behind does.
    public func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot {
        try await enter(key, to: .read)
        return try await base.session(key, query)
    }

    /// As the storage behind does.
    public func update(
        _ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?
    ) async throws(StoreError) -> SessionSnapshot {
        try await enter(key, to: .write)
        return try await base.update(key, with: patch, expectedVersion: expectedVersion, epoch: epoch)
    }

    /// As the storage behind does.
    public func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot {
        try await enter(key, to: .write)
        return try await base.touch(key)
    }

    /// As the storage behind does.
    public func delete(_ key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        try await enter(key, to: .remove)
        return try await base.delete(key, epoch: epoch)
    }

    /// As the storage behind does.
    public func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        try await enter(query.owner)
        return try await base.sessions(query)
    }

    /// As the storage behind does.
    public func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try await enter(key, to: .write)
        return try await base.append(batch, to: key)
    }

    /// As the storage behind does.
    public func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        try await enter(key, to: .read)
        return try await base.events(in: key, query)
    }

    /// As the storage behind does.
    public func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        try await enter(key, to: .read)
        return try await base.event(id, in: key)
    }

    /// As the storage behind does.
    public func window(around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]) async throws(StoreError) -> EventWindow {
        try await enter(key, to: .read)
        return try await base.window(around: id, in: key, before: before, after: after, roles: roles)
    }

    /// As the storage behind does.
    public func blobs(_ digests: [BlobDigest], in key: SessionKey) async throws(StoreError) -> [BlobDigest: [UInt8]] {
        try await enter(key, to: .read)
        return try await base.blobs(digests, in: key)
    }

    /// As the storage behind does.
    public func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event {
        try await enter(key, to: .write)
        return try await base.replace(id, in: key, with: patch, epoch: epoch)
    }

    /// As the storage behind does.
    public func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event? {
        try await enter(key, to: .remove)
        return try await base.remove(id, in: key, epoch: epoch)
    }

    /// As the storage behind does.
    public func clear(_ key: SessionKey, epoch: Int?) async throws(StoreError) {
        try await enter(key, to: .remove)
        try await base.clear(key, epoch: epoch)
    }

    /// As the storage behind does.
    public func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] {
        try await enter(scope, to: .read)
        return try await base.state(scope)
    }

    /// As the storage behind does.
    public func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON] {
        try await enter(scope, to: .write)
        return try await base.change(scope, changes, epoch: epoch)
    }

    /// As the storage behind does.
    public func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) async throws(StoreError) -> SessionState {
        try await enter(key, to: .write)
        return try await base.change(key, delta, epoch: epoch)
    }

    private func enter(_ scope: StateScope, to use: StorageUse) async throws(StoreError) {
        switch scope {
        case .session(let key): try await enter(key, to: use)
        case .user(let user): try await enter(.user(user))
        case .app(let app): try await enter(.app(app))
        case .store: break
        }
    }

    /// As the storage behind does.
    public func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation { base.observe(observer) }

    /// As the storage behind does.
    public func watch(_ key: SessionKey) -> StorageObservation { base.watch(key) }

    /// As the storage behind does.
    public func checkHealth() async throws(StoreError) { try await base.checkHealth() }

    /// As the storage behind does.
    public var gauges: [StorageGauge] { base.gauges }

    /// As the storage behind does.
    public func close() async { await base.close() }
}

// MARK: - Branches, leases, tracks

extension StorageLayer {
    /// As the storage behind does.
    public func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        try await enter(key, to: .write)
        try await enter(fork, to: .write)
        return try await base.fork(key, draft, to: fork, epoch: epoch)
    }

    /// As the storage behind does.
    public func rewind(_ key: SessionKey, _ draft: RewindDraft) async throws(StoreError) -> AppendReceipt {
        try await enter(key, to: .write)
        return try await base.rewind(key, draft)
    }

    /// As the storage behind does.
    public func lineage(of key: SessionKey) async throws(StoreError) -> Lineage {
        try await enter(key, to: .read)
        return try await base.lineage(of: key)
    }

    /// As the storage behind does.
    public func compare(_ key: SessionKey, with other: SessionKey) async throws(StoreError) -> BranchComparison {
        try await enter(key, to: .read)
        try await enter(other, to: .read)
        return try await base.compare(key, with: other)
    }

    /// As the storage behind does.
    public func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease {
        try await enter(key, to: .write)
        return try await base.acquireLease(request, on: key)
    }

    /// As the storage behind does.
    public func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease {
        try await base.renewLease(epoch, for: ttl, on: key)
    }

    /// As the storage behind does.
    public func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError) {
        try await enter(key, to: .write)
        try await base.releaseLease(epoch, on: key)
    }

    /// As the storage behind does.
    public func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError) { try await base.leaveLine(ticket, on: key) }

    /// As the storage behind does.
    public func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try await enter(key, to: .write)
        return try await base.append(batch, toTrack: track, of: key)
    }

    /// As the storage behind does.
    public func tracks(of key: SessionKey, last events: Int) async throws(StoreError) -> TrackList {
        try await enter(key, to: .read)
        return try await base.tracks(of: key, last: events)
    }

    /// As the storage behind does.
    public func events(ofTrack track: String, of key: SessionKey, _ query: TrackQuery) async throws(StoreError) -> EventPage {
        try await enter(key, to: .read)
        return try await base.events(ofTrack: track, of: key, query)
    }

    /// As the storage behind does.
    public func deleteTrack(_ track: String, of key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        try await enter(key, to: .remove)
        return try await base.deleteTrack(track, of: key, epoch: epoch)
    }

    /// As the storage behind does.
    public func watch(track: String, of key: SessionKey) -> StorageObservation { base.watch(track: track, of: key) }
}

// MARK: - Tool calls and approvals

extension StorageLayer {
    /// As the storage behind does.
    public func reserve(
        _ reservation: ToolReservation, in key: SessionKey, epoch: Int?
    ) async throws(StoreError) -> (call: ToolCall, granted: Bool) {
        try await enter(key, to: .write)
        return try await base.reserve(reservation, in: key, epoch: epoch)
    }

    /// As the storage behind does.
    public func finish(
        _ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?
    ) async throws(StoreError) -> ToolCall {
        try await enter(key, to: .write)
        return try await base.finish(toolKey, in: key, outcome, attempt: attempt, epoch: epoch)
    }

    /// As the storage behind does.
    public func toolCall(_ toolKey: String, in key: SessionKey) async throws(StoreError) -> ToolCall {
        try await enter(key, to: .read)
        return try await base.toolCall(toolKey, in: key)
    }

    /// As the storage behind does.
    public func toolCalls(in key: SessionKey, _ query: ToolCallQuery) async throws(StoreError) -> ToolCallPage {
        try await enter(key, to: .read)
        return try await base.toolCalls(in: key, query)
    }

    /// As the storage behind does.
    public func ask(
        _ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?
    ) async throws(StoreError) -> (approval: Approval, asked: Bool) {
        try await enter(key, to: .write)
        return try await base.ask(request, in: key, event: event, epoch: epoch)
    }

    /// As the storage behind does.
    public func decide(
        _ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft
    ) async throws(StoreError) -> Approval {
        try await enter(key, to: .write)
        return try await base.decide(approvalKey, in: key, decision, event: event)
    }

    /// As the storage behind does.
    public func approval(_ approvalKey: String, in key: SessionKey) async throws(StoreError) -> Approval {
        try await enter(key, to: .read)
        return try await base.approval(approvalKey, in: key)
    }

    /// As the storage behind does.
    public func approvals(
        in key: SessionKey, status: Approval.Status?, after: String?, limit: Int
    ) async throws(StoreError) -> [Approval] {
        try await enter(key, to: .read)
        return try await base.approvals(in: key, status: status, after: after, limit: limit)
    }
}
