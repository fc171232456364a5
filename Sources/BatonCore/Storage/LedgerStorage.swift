/// What a storage owes to tools and approvals. Every operation is one atomic step.
///
/// Tool calls and approvals live and die with their session and do not care about its events: clearing, trimming and removing leave them alone.
/// Each operation counts as a change of the session (version, times, lifetime), unless it changes nothing.
public protocol LedgerStorage: Sendable {
    /// Reserves a tool call, or says how far it is.
    ///
    /// Absent or ``ToolCall/Status/failed``: it becomes ``ToolCall/Status/reserved`` with the next attempt, and `granted` is true. Completed: it is
    /// returned as it is. Reserved and held: ``StoreError/Code/busy``. Reserved and not held any more, or ambiguous: as the reservation's policy
    /// says. A reservation with another name or other arguments than the stored ones is ``StoreError/Code/conflict``.
    /// The rule of leases applies.
    func reserve(_ reservation: ToolReservation, in key: SessionKey, epoch: Int?) async throws(StoreError) -> (call: ToolCall, granted: Bool)

    /// Completes, fails or extends a call.
    ///
    /// With `attempt` it has to be the current one and the call reserved or ambiguous; ``StoreError/Code/fenced`` with the current attempt
    /// otherwise, except that the same outcome for a finished call of that attempt is a retry and returns the call. Without `attempt` only an ambiguous call can
    /// be resolved (by hand); ``StoreError/Code/conflict`` otherwise. A holder that is late, but before anybody else, may still complete: its attempt is the
    /// current one. The rule of leases does not apply without an epoch: what a tool did has to be noted also when the turn was lost.
    func finish(_ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?) async throws(StoreError) -> ToolCall

    /// The call with this key; reserved ones that are not held any more are ambiguous.
    func toolCall(_ toolKey: String, in key: SessionKey) async throws(StoreError) -> ToolCall

    /// A page of calls.
    func toolCalls(in key: SessionKey, _ query: ToolCallQuery) async throws(StoreError) -> ToolCallPage

    /// Asks, and appends `event` in the same step. The same question again under its key returns what is stored and appends nothing; another
    /// question under the key is ``StoreError/Code/conflict``. The rule of leases applies.
    func ask(_ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?) async throws(StoreError) -> (
        approval: Approval, asked: Bool
    )

    /// Decides, and appends `event` in the same step. The same decision by the same decider again returns what is stored. Anything else after the first
    /// decision or the deadline is ``StoreError/Code/conflict`` with the approval; somebody who may not is ``StoreError/Code/forbidden``. Leases do
    /// not matter: who decides is not the worker.
    func decide(_ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft) async throws(StoreError) -> Approval

    /// The approval with this key.
    func approval(_ approvalKey: String, in key: SessionKey) async throws(StoreError) -> Approval

    /// A page of approvals, first asked first; with a status only those that are so far.
    func approvals(in key: SessionKey, status: Approval.Status?, after: String?, limit: Int) async throws(StoreError) -> [Approval]
}
