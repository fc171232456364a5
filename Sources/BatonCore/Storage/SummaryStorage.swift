/// What a storage owes to summaries. Every operation is one atomic step.
///
/// A summary is kept for each filter, and lives and dies with its session. It is words about events, so it goes when they are no longer what they were:
/// - an event at or before its boundary is edited or removed,
/// - the events are forgotten (``Storage/clear(_:epoch:)``),
/// - a rewind hides its boundary; where the boundary was trimmed, when it goes back to a place that was hidden.
///
/// Each of these voids all claims of the session too, so that a summary which was begun before is never stored. Trimming and appending leave summaries and
/// claims alone, and a fork begins without any. None of these operations counts as a change of the session: version, times and lifetime stay, and its lease does not matter.
public protocol SummaryStorage: Sendable {
    /// The summaries of a session.
    func summaries(of key: SessionKey) async throws(StoreError) -> SummaryList

    /// Claims the summary of a filter; returns the claim's epoch.
    /// - Throws: ``StoreError/Code/busy`` while somebody else holds it, ``StoreError/Code/tooLarge`` for more than ``Summary/maximumPerSession`` filters.
    func claim(_ claim: SummaryClaim, of key: SessionKey) async throws(StoreError) -> Int

    /// Stores a summary in the place of the one that is there, and ends the claim.
    /// - Throws: ``StoreError/Code/fenced`` when the claim is not the last one of the filter or was voided, ``StoreError/Code/conflict`` when the
    ///   stored summary reaches further, ``StoreError/Code/invalidField`` when the boundary lies behind the newest event.
    func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) async throws(StoreError) -> Summary

    /// Ends a claim without a summary; one that is over already is fine.
    func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) async throws(StoreError)

    /// Asks whoever makes summaries behind this storage, as a daemon may; `nil` where nobody does.
    func ask(forSummary filter: String, of key: SessionKey, isForced: Bool, waits: Bool) async throws(StoreError) -> SummaryPromise?
}

extension SummaryStorage {
    /// Nobody makes summaries behind this storage.
    public func ask(forSummary filter: String, of key: SessionKey, isForced: Bool, waits: Bool) async throws(StoreError) -> SummaryPromise? { nil }
}
