/// A handle on one session of a store. It holds nothing but the key, so it is free to make and never stale.
public struct Session: Sendable {
    /// Which session.
    public let key: SessionKey
    let store: SessionStore

    init(key: SessionKey, store: SessionStore) {
        self.key = key
        self.store = store
    }

    /// The same session, whose writes promise this durability instead of the one its store was opened with.
    /// - Throws: ``StoreError/Code/invalidParameter`` when the store's kind cannot promise it.
    public func with(durability: Durability) throws(StoreError) -> Session {
        Session(key: key, store: try store.with(durability: durability))
    }

    /// Appends one event.
    ///
    /// - Parameters:
    ///   - expectedSeq: the last seq that the caller knows; refused when it is another by now.
    ///   - idempotencyKey: a name for this append; a retry under the same name stores nothing.
    ///   - creating: whether an absent session is created first.
    ///   - epoch: the epoch of the lease that the caller holds.
    @discardableResult
    public func append(
        _ event: NewEvent, expectedSeq: Int? = nil, idempotencyKey: String? = nil, creating: Bool = false, epoch: Int? = nil
    ) async throws(StoreError) -> AppendReceipt {
        try await append([event], expectedSeq: expectedSeq, idempotencyKey: idempotencyKey, creating: creating, epoch: epoch)
    }

    /// Appends several events, all or none.
    @discardableResult
    public func append(
        _ events: [NewEvent], expectedSeq: Int? = nil, idempotencyKey: String? = nil, creating: Bool = false, epoch: Int? = nil
    ) async throws(StoreError) -> AppendReceipt {
        var drafts: [EventDraft] = []
        drafts.reserveCapacity(events.count)
        for event in events { drafts.append(try EventDraft(event)) }
        let batch = EventBatch(
            drafts, expectedSeq: expectedSeq, idempotencyKey: idempotencyKey, createsSession: creating, epoch: epoch)
        return try await store.append(batch, to: key)
    }

    /// The session with its state and its last events, oldest first.
    public func snapshot(last events: Int = 0) async throws(StoreError) -> SessionSnapshot {
        try await store.get(key, SnapshotQuery(events: events))
    }

    /// The last events, oldest first.
    public func events(last count: Int) async throws(StoreError) -> [Event] {
        try await store.get(key, SnapshotQuery(events: count)).events
    }

    /// A page of events.
    public func events(_ query: EventQuery = EventQuery()) async throws(StoreError) -> EventPage {
        try await store.events(in: key, query)
    }

    /// What is there after `cursor`, then what comes, without gap or duplicate, until the session is deleted.
    public func follow(after cursor: Cursor = .seq(0), filter: EventFilter = EventFilter()) -> EventSequence<SessionLog> {
        let (store, key) = (store, key)
        return EventSequence { () throws(StoreError) in try await store.follower(of: key, after: cursor, filter: filter) }
    }

    /// The state that the session sees.
    public func state() async throws(StoreError) -> SessionState {
        try await store.mergedState(of: key)
    }

    /// Sets one key of the state, in the scope of its prefix.
    public func set(_ stateKey: String, to value: JSON, epoch: Int? = nil) async throws(StoreError) {
        var delta = StateDelta()
        try delta.add(stateKey, .set(value))
        try await store.change(key, delta, epoch: epoch)
    }

    /// Deletes the session; absent is fine.
    public func delete(epoch: Int? = nil) async throws(StoreError) {
        try await store.delete(key, epoch: epoch)
    }
}
