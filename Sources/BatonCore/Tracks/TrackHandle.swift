/// A handle on one track of a session. It holds nothing but names, so it is free to make and never stale.
public struct TrackHandle: Sendable {
    /// The session that it belongs to.
    public let session: SessionKey
    /// The name of the track.
    public let name: String
    let store: SessionStore

    /// Appends one value.
    ///
    /// - Parameters:
    ///   - id: the author's own id; appending it a second time stores nothing.
    ///   - ttl: how long the track lives after this and later writes, in seconds; `nil` leaves it as it is, which is as long as its session at first.
    ///   - epoch: the epoch of the lease that the caller holds.
    @discardableResult
    public func append(_ content: JSON, id: String? = nil, ttl: Int? = nil, epoch: Int? = nil) async throws(StoreError) -> AppendReceipt {
        try await append([NewEvent(content, id: id)], ttl: ttl, epoch: epoch)
    }

    /// Appends several events, all or none.
    @discardableResult
    public func append(_ events: [NewEvent], ttl: Int? = nil, epoch: Int? = nil) async throws(StoreError) -> AppendReceipt {
        var drafts: [EventDraft] = []
        for event in events { drafts.append(try EventDraft(event)) }
        return try await store.append(TrackBatch(drafts, ttl: ttl, epoch: epoch), toTrack: name, of: session)
    }

    /// A page of its events, oldest first; empty when nobody wrote to it.
    public func events(_ query: TrackQuery = TrackQuery()) async throws(StoreError) -> EventPage {
        try await store.events(ofTrack: name, of: session, query)
    }

    /// What is there after `cursor`, then what comes, without gap or duplicate, until the session is deleted.
    ///
    /// Throws ``StoreError/Code/offsetGone`` when its place was trimmed away, or the track was deleted or has expired.
    public func follow(after cursor: Cursor = .seq(0)) -> EventSequence<TrackLog> {
        let (store, session, name) = (store, session, name)
        return EventSequence { () throws(StoreError) in try await store.follower(ofTrack: name, of: session, after: cursor) }
    }

    /// Deletes the track; absent is fine.
    public func delete(epoch: Int? = nil) async throws(StoreError) { try await store.deleteTrack(name, of: session, epoch: epoch) }
}

extension Session {
    /// A handle on one of its tracks, whether it exists or not.
    /// - Throws: ``StoreError/Code/invalidName`` when the name is empty or over 256 bytes.
    public func track(_ name: String) throws(StoreError) -> TrackHandle {
        TrackHandle(session: key, name: try Name.checked(name, "the track"), store: store)
    }

    /// Its tracks with the last `events` events of each, by name.
    public func tracks(last events: Int = 0) async throws(StoreError) -> [Track] { try await store.tracks(of: key, last: events) }
}
