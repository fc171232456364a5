public import BatonCore

/// A storage made for a test that leaves tool calls and approvals to the one behind it.
public protocol LedgerForwarding: LedgerStorage {
    associatedtype Ledger: LedgerStorage
    /// The storage behind it.
    var ledger: Ledger { get }
}

extension LedgerForwarding {
    /// As the storage behind it does.
    public func reserve(
        _ reservation: ToolReservation, in key: SessionKey, epoch: Int?
    ) async throws(StoreError) -> (call: ToolCall, granted: Bool) {
        try await ledger.reserve(reservation, in: key, epoch: epoch)
    }

    /// As the storage behind it does.
    public func finish(
        _ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?
    ) async throws(StoreError) -> ToolCall {
        try await ledger.finish(toolKey, in: key, outcome, attempt: attempt, epoch: epoch)
    }

    /// As the storage behind it does.
    public func toolCall(_ toolKey: String, in key: SessionKey) async throws(StoreError) -> ToolCall {
        try await ledger.toolCall(toolKey, in: key)
    }

    /// As the storage behind it does.
    public func toolCalls(in key: SessionKey, _ query: ToolCallQuery) async throws(StoreError) -> ToolCallPage {
        try await ledger.toolCalls(in: key, query)
    }

    /// As the storage behind it does.
    public func ask(
        _ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?
    ) async throws(StoreError) -> (approval: Approval, asked: Bool) {
        try await ledger.ask(request, in: key, event: event, epoch: epoch)
    }

    /// As the storage behind it does.
    public func decide(
        _ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft
    ) async throws(StoreError) -> Approval {
        try await ledger.decide(approvalKey, in: key, decision, event: event)
    }

    /// As the storage behind it does.
    public func approval(_ approvalKey: String, in key: SessionKey) async throws(StoreError) -> Approval {
        try await ledger.approval(approvalKey, in: key)
    }

    /// As the storage behind it does.
    public func approvals(
        in key: SessionKey, status: Approval.Status?, after: String?, limit: Int
    ) async throws(StoreError) -> [Approval] {
        try await ledger.approvals(in: key, status: status, after: after, limit: limit)
    }
}
