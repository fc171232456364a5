extension SessionStore {
    /// The same store, which makes summaries of what is appended to it. The storage is shared: closing this one closes both.
    ///
    /// ```swift
    /// let store = try SessionStore(on: storage).with(summaries: SummaryConfiguration(summarizer, trigger: .tokens(8_000)))
    /// ```
    /// - Throws: ``StoreError/Code/invalidParameter`` when the configuration makes no sense.
    public func with(summaries: SummaryConfiguration) throws(StoreError) -> SessionStore {
        let summarizing = try Summarizing(summaries, on: storage, observer: observer, tracer: tracer)
        // What is stored later makes summaries due when it is stored.
        writeBehind?.onStored { [weak summarizing] batch, receipt, key in summarizing?.noticed(batch, receipt, of: key) }
        return SessionStore(self, on: storage, hooks: hooks, tracer: tracer, summarizing: summarizing)
    }

    /// Whether this store makes summaries. Otherwise asking for one does nothing, unless the store is a daemon's that does.
    public var makesSummaries: Bool { summarizing != nil }

    /// The summaries of a session.
    public func summaries(of key: SessionKey) async throws(StoreError) -> SummaryList {
        try await perform(.readSummaries, on: key) { () throws(StoreError) in try await self.storage.summaries(of: key) }
    }

    /// The summary of a filter, empty for the whole session; `nil` when there is none.
    public func summary(of key: SessionKey, filter: String = "") async throws(StoreError) -> Summary? {
        let scope = try SummaryScope(checking: filter)
        return try await summaries(of: key)[scope.filter]
    }

    /// The session with its state, the last events that match, and its summaries; with `tracks` its tracks and the last events of each.
    /// - Throws: ``StoreError/Code/notFound`` when it is absent.
    public func get(
        _ key: SessionKey, _ query: SnapshotQuery = SnapshotQuery(), tracks: Int? = nil, summaries: Bool
    ) async throws(StoreError) -> SessionSnapshot {
        while true {
            var session = if let tracks { try await get(key, query, tracks: tracks) } else { try await get(key, query) }
            guard summaries else { return session }
            let list = try await self.summaries(of: key)
            // Deleted and created again in between: these are another session's.
            guard list.generation == session.record.generation else { continue }
            session.summaries = list.summaries
            return session
        }
    }

    /// Makes the summary of a filter now and waits for it; nothing, and `nil`, without a summarizer here or in the daemon whose store this is. When somebody else makes it, theirs is waited for.
    ///
    /// Where the configuration cascades, that of the whole session is made after that of a branch.
    /// - Parameter isForced: whether it is made whatever the trigger says. What was summarised before, and the newest events that are kept, are left alone all the same.
    /// - Returns: the summary that is stored then; `nil` when there is nothing to summarise yet.
    /// - Throws: ``StoreError/Code/summaryFailed`` and others when the summarizer fails, ``StoreError/Code/cancelled`` when it takes too long.
    @discardableResult
    public func summarize(_ key: SessionKey, filter: String = "", isForced: Bool = true) async throws(StoreError) -> Summary? {
        if let summarizing { return try await summarizing.summarize(filter, of: key, isForced: isForced) }
        let scope = try SummaryScope(checking: filter)
        return try await perform(.summarize, on: key) { () throws(StoreError) in
            try await self.storage.ask(forSummary: scope.filter, of: key, isForced: isForced, waits: true)?.summary
        }
    }

    /// Asks for the summary of a filter to be made by a worker; false, and nothing happens, without a summarizer.
    /// - Throws: ``StoreError/Code/notFound``; ``StoreError/Code/tooManyRequests`` when as many sessions wait as may.
    @discardableResult
    public func requestSummary(of key: SessionKey, filter: String = "", isForced: Bool = false) async throws(StoreError) -> Bool {
        let scope = try SummaryScope(checking: filter)
        guard let summarizing else {
            return try await storage.ask(forSummary: scope.filter, of: key, isForced: isForced, waits: false)?.isQueued ?? false
        }
        _ = try await summaries(of: key)
        guard summarizing.request(scope.filter, of: key, isForced: isForced) else {
            throw StoreError(.tooManyRequests, "\(summarizing.configuration.queueLimit) sessions wait for summaries already; try again later")
        }
        return true
    }

    /// Stores a summary that the caller made, in the place of the one that is there.
    ///
    /// It takes the claim from whoever has it. A summary of events that change in between is not stored.
    /// - Parameter place: the newest event that it covers, which has to be there.
    /// - Throws: ``StoreError/Code/conflict`` when the stored one reaches further, ``StoreError/Code/invalidField``, ``StoreError/Code/tooLarge``.
    @discardableResult
    public func setSummary(
        _ text: String, of key: SessionKey, filter: String = "", through place: Cursor, model: String? = nil
    ) async throws(StoreError) -> Summary {
        let claim = SummaryClaim(filter: filter, holder: Randomness.generation(), ttlMilliseconds: 10_000, steals: true)
        _ = try SummaryScope(checking: filter)
        let seq: Int
        switch place {
        case .seq(let number): seq = number
        case .offset(let offset): seq = offset.seq
        }
        guard seq > 0 else { throw StoreError(.invalidField, "through: a summary covers at least one event") }
        let epoch = try await self.claim(claim, of: key)
        do throws(StoreError) {
            let list = try await storage.summaries(of: key)
            guard seq > list.floor.seq, seq <= list.tail.seq else {
                throw StoreError(.invalidField, "through: the session has events from seq \(list.floor.seq + 1) to \(list.tail.seq)")
            }
            let page = try await events(in: key, EventQuery(after: .seq(seq - 1), limit: 1))
            guard let event = page.events.first, event.seq == seq, place == .seq(seq) || place == .offset(event.offset) else {
                throw StoreError(.invalidField, "through: there is no event at this place")
            }
            let stored = list[filter]
            // What stands behind is not read: what was appended since the last summary is an estimate of it, and the trigger is one of more.
            let mark = seq == list.tail.seq ? list.tokens : stored?.mark ?? 0
            let draft = SummaryDraft(filter: filter, text: text, boundary: event.offset, events: stored?.events ?? 0, mark: mark, model: model)
            return try await put(draft, of: key, claim: epoch)
        } catch {
            try? await storage.release(epoch, ofSummary: filter, of: key)
            throw error
        }
    }

    // MARK: - Claims

    /// Claims the summary of a filter, to make it elsewhere; see ``SummaryStorage/claim(_:of:)``.
    public func claim(_ claim: SummaryClaim, of key: SessionKey) async throws(StoreError) -> Int {
        _ = try SummaryScope(checking: claim.filter)
        _ = try Name.checked(claim.holder, "the holder")
        guard (1_000...SummaryClaim.maximumTTL).contains(claim.ttlMilliseconds) else {
            throw StoreError(.invalidField, "ttl: a claim is held from 1 to \(SummaryClaim.maximumTTL / 1000) seconds")
        }
        return try await perform(.claimSummary, on: key) { () throws(StoreError) in try await self.storage.claim(claim, of: key) }
    }

    /// Stores a summary under a claim; see ``SummaryStorage/put(_:of:claim:)``.
    public func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) async throws(StoreError) -> Summary {
        let draft = try draft.checked()
        return try await perform(.putSummary, on: key) { () throws(StoreError) in try await self.storage.put(draft, of: key, claim: epoch) }
    }

    /// Ends a claim without a summary.
    public func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) async throws(StoreError) {
        _ = try SummaryScope(checking: filter)
        try await perform(.claimSummary, on: key) { () throws(StoreError) in try await self.storage.release(epoch, ofSummary: filter, of: key) }
    }
}

extension Session {
    /// Its summary of a filter, empty for the whole session; `nil` when there is none.
    public func summary(filter: String = "") async throws(StoreError) -> Summary? { try await store.summary(of: key, filter: filter) }

    /// Makes the summary of a filter now and waits for it; see ``SessionStore/summarize(_:filter:isForced:)``.
    @discardableResult
    public func summarize(filter: String = "", isForced: Bool = true) async throws(StoreError) -> Summary? {
        try await store.summarize(key, filter: filter, isForced: isForced)
    }
}
