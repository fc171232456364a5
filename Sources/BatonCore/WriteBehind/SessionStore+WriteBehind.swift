internal import BatonTelemetry

/// What became of a write that is stored later.
public struct QueuedAppend: Hashable, Sendable {
    /// The ids of its events; `nil` for one that the store will make, in a write with an idempotency key.
    public var ids: [String?]
}

extension SessionStore {
    /// Whether the store can accept events before they are stored. With hooks on appends it cannot: they are given the receipt.
    public var writesBehind: Bool { writeBehind != nil && hooks?.appends.isEmpty ?? true }

    /// Accepts events that are stored soon, in the order in which each session's were accepted.
    ///
    /// It returns when they stand in the queue, and in the spool if the store has one. Whatever is asked of the session through this store afterwards
    /// waits until they are stored. Appends of one session that wait are stored together. Failures that may pass are tried again; a write that
    /// fails for good is reported to the handler that the store was opened with, and kept in the spool.
    /// - Throws: ``StoreError/Code/invalidParameter`` when the store does not write behind or has hooks on appends, or the batch has an expected seq or an agent: nobody would
    ///   be there to hear that it did not hold. ``StoreError/Code/tooManyRequests`` when there is no room and the store does not let callers wait;
    ///   ``StoreError/Code/cancelled`` and ``StoreError/storeClosed``, and then nothing was accepted.
    @discardableResult
    public func enqueue(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> QueuedAppend {
        guard batch.expectedSeq == nil, batch.agent == nil else {
            throw StoreError(.invalidParameter, "a write that is stored later cannot depend on a seq or on the active agent; append it")
        }
        try check(batch)
        let events = batch.idempotencyKey == nil ? try named(batch.events) : batch.events
        return try await enqueue(
            QueuedWrite(
                to: key, events, createsSession: batch.createsSession, epoch: batch.epoch, idempotencyKey: batch.idempotencyKey))
    }

    /// Accepts events for a track that are stored soon, in one order with those of its session; see ``enqueue(_:to:)``.
    @discardableResult
    public func enqueue(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> QueuedAppend {
        try check(batch, track)
        return try await enqueue(QueuedWrite(to: key, track: track, try named(batch.events), epoch: batch.epoch, ttl: batch.ttl))
    }

    /// Waits until what was accepted for a session is stored or has failed for good; at once when nothing waits.
    /// - Throws: how the attempt failed that is made for this call. It is tried again all the same.
    public func flush(_ key: SessionKey) async throws(StoreError) { try await writeBehind?.flush(key) }

    /// Waits until what was accepted so far is stored or has failed for good.
    public func flush() async throws(StoreError) { try await writeBehind?.flush { _ in true } }

    private func enqueue(_ write: QueuedWrite) async throws(StoreError) -> QueuedAppend {
        try await perform(.enqueueEvents, on: write.key) { () throws(StoreError) in
            guard let queue = self.writeBehind, self.writesBehind else { throw StoreError.writesAtOnce }
            self.note("event_count", .int(write.events.count))
            try await queue.enqueue(write.carryingTrace())
            return QueuedAppend(ids: write.events.map(\.id))
        }
    }

    private func named(_ events: [EventDraft]) throws(StoreError) -> [EventDraft] {
        guard let queue = writeBehind else { throw StoreError.writesAtOnce }
        return events.map { $0.id == nil ? $0.named(queue.makeID()) : $0 }
    }
}

extension StoreError {
    fileprivate static let writesAtOnce = StoreError(
        .invalidParameter, "this store was not opened to write behind, or has hooks on appends; append, or configure it")
}

extension Session {
    /// Accepts an event that is stored soon; see ``SessionStore/enqueue(_:to:)``.
    @discardableResult
    public func enqueue(
        _ event: NewEvent, idempotencyKey: String? = nil, creating: Bool = false, epoch: Int? = nil
    ) async throws(StoreError) -> QueuedAppend {
        try await enqueue([event], idempotencyKey: idempotencyKey, creating: creating, epoch: epoch)
    }

    /// Accepts several events that are stored soon, all or none.
    @discardableResult
    public func enqueue(
        _ events: [NewEvent], idempotencyKey: String? = nil, creating: Bool = false, epoch: Int? = nil
    ) async throws(StoreError) -> QueuedAppend {
        var drafts: [EventDraft] = []
        drafts.reserveCapacity(events.count)
        for event in events { drafts.append(try EventDraft(event)) }
        return try await store.enqueue(EventBatch(drafts, idempotencyKey: idempotencyKey, createsSession: creating, epoch: epoch), to: key)
    }

    /// Waits until what was accepted for the session is stored; see ``SessionStore/flush(_:)``.
    public func flush() async throws(StoreError) { try await store.flush(key) }
}
