public import BatonCore

extension SQLiteStorage {
    /// The summaries of a session.
    public func summaries(of key: SessionKey) async throws(StoreError) -> SummaryList {
        try await read(key) { (reading, row) throws(StoreError) in try reading.summaries(of: row) }
    }

    /// Claims the summary of a filter.
    public func claim(_ claim: SummaryClaim, of key: SessionKey) async throws(StoreError) -> Int {
        try await write { (writing) throws(StoreError) in try writing.claim(claim, of: key) }
    }

    /// Stores a summary.
    public func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) async throws(StoreError) -> Summary {
        try await write { (writing) throws(StoreError) in try writing.put(draft, of: key, claim: epoch) }
    }

    /// Ends a claim.
    public func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) async throws(StoreError) {
        try await write { (writing) throws(StoreError) in try writing.release(epoch, ofSummary: filter, of: key) }
    }
}
