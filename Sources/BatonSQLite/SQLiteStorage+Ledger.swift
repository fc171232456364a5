public import BatonCore

extension SQLiteStorage {
    /// Reserves a tool call, or says how far it is.
    public func reserve(
        _ reservation: ToolReservation, in key: SessionKey, epoch: Int?
    ) async throws(StoreError) -> (call: ToolCall, granted: Bool) {
        let reserved = try await write { (writing) throws(StoreError) in try writing.reserve(reservation, in: key, epoch: epoch) }
        return (reserved.call, reserved.granted)
    }

    /// Completes, fails or extends a call.
    public func finish(
        _ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?
    ) async throws(StoreError) -> ToolCall {
        try await write { (writing) throws(StoreError) in try writing.finish(toolKey, in: key, outcome, attempt: attempt, epoch: epoch) }
    }

    /// The call with this key.
    public func toolCall(_ toolKey: String, in key: SessionKey) async throws(StoreError) -> ToolCall {
        try await read(key) { (reading, row) throws(StoreError) in
            guard let call = try reading.toolCall(toolKey, of: row) else { throw StoreError.noToolCall }
            return call
        }
    }

    /// A page of calls.
    public func toolCalls(in key: SessionKey, _ query: ToolCallQuery) async throws(StoreError) -> ToolCallPage {
        try await read(key) { (reading, row) throws(StoreError) in try reading.toolCalls(of: row, query) }
    }

    /// Asks, and appends the event.
    public func ask(
        _ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?
    ) async throws(StoreError) -> (approval: Approval, asked: Bool) {
        let asked = try await write { (writing) throws(StoreError) in try writing.ask(request, in: key, event: event, epoch: epoch) }
        return (asked.approval, asked.asked)
    }

    /// Decides, and appends the event.
    public func decide(
        _ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft
    ) async throws(StoreError) -> Approval {
        try await write { (writing) throws(StoreError) in try writing.decide(approvalKey, in: key, decision, event: event) }
    }

    /// The approval with this key.
    public func approval(_ approvalKey: String, in key: SessionKey) async throws(StoreError) -> Approval {
        try await read(key) { (reading, row) throws(StoreError) in
            guard let approval = try reading.approval(approvalKey, of: row) else { throw StoreError.noApproval }
            return approval
        }
    }

    /// A page of approvals.
    public func approvals(
        in key: SessionKey, status: Approval.Status?, after: String?, limit: Int
    ) async throws(StoreError) -> [Approval] {
        try await read(key) { (reading, row) throws(StoreError) in
            try reading.approvals(of: row, status: status, after: after, limit: limit)
        }
    }
}
