extension StorageLayer {
    /// As the storage behind does.
    public func summaries(of key: SessionKey) async throws(StoreError) -> SummaryList {
        try await enter(key, to: .read)
        return try await base.summaries(of: key)
    }

    /// As the storage behind does.
    public func claim(_ claim: SummaryClaim, of key: SessionKey) async throws(StoreError) -> Int {
        try await enter(key, to: .write)
        return try await base.claim(claim, of: key)
    }

    /// As the storage behind does.
    public func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) async throws(StoreError) -> Summary {
        try await enter(key, to: .write)
        return try await base.put(draft, of: key, claim: epoch)
    }

    /// As the storage behind does.
    public func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) async throws(StoreError) {
        try await base.release(epoch, ofSummary: filter, of: key)
    }

    /// As the storage behind does.
    public func ask(forSummary filter: String, of key: SessionKey, isForced: Bool, waits: Bool) async throws(StoreError) -> SummaryPromise? {
        try await enter(key, to: .write)
        return try await base.ask(forSummary: filter, of: key, isForced: isForced, waits: waits)
    }
}
