extension SessionStore {
    /// Makes a session whose history is that of another up to a place, in the same app and for the same user. No event is copied.
    ///
    /// - Parameter id: the fork's id; a UUID of version 7 when `nil`.
    /// - Throws: ``StoreError/Code/notFound``; ``StoreError/Code/busy`` and ``StoreError/Code/fenced`` where the parent's lease is somebody
    ///   else's, unless the draft says `force`; ``StoreError/Code/exists`` when there is a session with the id;
    ///   ``StoreError/Code/offsetGone`` when the parent does not have the place; ``History/tooManyLogs``.
    public func fork(_ key: SessionKey, _ draft: ForkDraft = ForkDraft(), id: String? = nil, epoch: Int? = nil) async throws(StoreError)
        -> SessionSnapshot
    {
        let draft = try draft.checked()
        if case .set(nil) = draft.ttl { try storage.policy.check(.unlimited) }
        let id = id ?? Randomness.uuid7(at: SystemClock.now())
        let fork = try SessionKey(app: key.app, user: key.user, id: id)
        return try await perform(.forkSession, on: key) { () throws(StoreError) in try await self.storage.fork(key, draft, to: fork, epoch: epoch) }
    }

    /// Appends an event after which readers see what they saw when the event at a place was the newest. Nothing is deleted.
    /// - Throws: ``StoreError/Code/notFound``; ``StoreError/Code/busy`` and ``StoreError/Code/fenced`` where the lease is somebody else's;
    ///   ``StoreError/Code/preconditionFailed`` when `expectedSeq` is given and is not the current one;
    ///   ``StoreError/Code/offsetGone`` when the session does not have the place; ``Rewinds/tooMany``.
    public func rewind(_ key: SessionKey, _ draft: RewindDraft) async throws(StoreError) -> AppendReceipt {
        if let expectedSeq = draft.expectedSeq { try Check.range(expectedSeq, 0...Int.max, "the expected seq") }
        return try await perform(.rewindSession, on: key) { () throws(StoreError) in try await self.storage.rewind(key, draft) }
    }

    /// Where a session comes from, and the forks of it that are there.
    public func lineage(of key: SessionKey) async throws(StoreError) -> Lineage {
        try await perform(.getLineage, on: key) { () throws(StoreError) in try await self.storage.lineage(of: key) }
    }

    /// How far two sessions of one user go together. What each shows after that is read as any events are.
    public func compare(_ key: SessionKey, with other: SessionKey) async throws(StoreError) -> BranchComparison {
        guard key.app.utf8.elementsEqual(other.app.utf8), key.user.utf8.elementsEqual(other.user.utf8) else {
            throw StoreError(.invalidParameter, "sessions are compared with others of the same app and user")
        }
        return try await perform(.compareSessions, on: key) { () throws(StoreError) in try await self.storage.compare(key, with: other) }
    }
}

extension Session {
    /// Makes a session that goes on from here, or from an earlier place, on its own. No event is copied.
    ///
    /// - Parameters:
    ///   - place: the last place that it takes over; the end when `nil`.
    ///   - id: its id; a UUID when `nil`.
    ///   - epoch: the epoch of the lease that the caller holds.
    ///   - force: whether it is done though somebody else holds the lease.
    public func fork(
        at place: Cursor? = nil, id: String? = nil, epoch: Int? = nil, force: Bool = false
    ) async throws(StoreError) -> Session {
        var draft = ForkDraft(at: place)
        draft.force = force
        let fork = try await store.fork(key, draft, id: id, epoch: epoch)
        return store.session(fork.record.key)
    }

    /// Goes back to a place: readers see what they saw when the event there was the newest. Nothing is deleted.
    @discardableResult
    public func rewind(
        to place: Cursor, expectedSeq: Int? = nil, epoch: Int? = nil, force: Bool = false
    ) async throws(StoreError) -> AppendReceipt {
        try await store.rewind(key, RewindDraft(to: place, expectedSeq: expectedSeq, epoch: epoch, force: force))
    }

    /// Where the session comes from, and the forks of it that are there.
    public func lineage() async throws(StoreError) -> Lineage { try await store.lineage(of: key) }

    /// How far it goes together with another session of the same user.
    public func compare(with other: Session) async throws(StoreError) -> BranchComparison { try await store.compare(key, with: other.key) }
}
