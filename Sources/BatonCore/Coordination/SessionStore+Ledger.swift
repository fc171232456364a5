extension SessionStore {
    // MARK: - Tool calls

    /// Reserves a tool call, or says how far it is; see ``LedgerStorage/reserve(_:in:epoch:)``.
    /// - Throws: ``StoreError/Code/busy`` while another worker holds it, ``StoreError/Code/conflict`` for another call under the same key.
    public func reserve(
        _ reservation: ToolReservation, in key: SessionKey, epoch: Int? = nil
    ) async throws(StoreError) -> (call: ToolCall, granted: Bool) {
        _ = try Name.checked(reservation.key, "the key of the tool call")
        _ = try Name.checked(reservation.name, "the name of the tool")
        if let holder = reservation.holder { _ = try Name.checked(holder, "the holder") }
        try Check.toolValue(reservation.arguments, "arguments")
        try Check.hold(reservation.ttlMilliseconds)
        return try await perform(.reserveToolCall, on: key) { () throws(StoreError) in
            try await self.storage.reserve(reservation, in: key, epoch: epoch)
        }
    }

    /// Completes, fails or extends a tool call; see ``LedgerStorage/finish(_:in:_:attempt:epoch:)``.
    /// - Throws: ``StoreError/Code/fenced`` when the attempt is not the current one, ``StoreError/Code/conflict`` when it has ended otherwise.
    @discardableResult
    public func finish(
        _ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int? = nil, epoch: Int? = nil
    ) async throws(StoreError) -> ToolCall {
        switch outcome {
        case .completed(let value): try Check.toolValue(value, "result")
        case .failed(let value): try Check.toolValue(value, "error")
        case .extended(let milliseconds): try Check.hold(milliseconds)
        }
        return try await perform(.finishToolCall, on: key) { () throws(StoreError) in
            try await self.storage.finish(toolKey, in: key, outcome, attempt: attempt, epoch: epoch)
        }
    }

    /// The tool call with this key.
    public func toolCall(_ toolKey: String, in key: SessionKey) async throws(StoreError) -> ToolCall {
        try await perform(.readToolCalls, on: key) { () throws(StoreError) in try await self.storage.toolCall(toolKey, in: key) }
    }

    /// A page of a session's tool calls, first reserved first.
    public func toolCalls(in key: SessionKey, _ query: ToolCallQuery = ToolCallQuery()) async throws(StoreError) -> ToolCallPage {
        try Check.range(query.limit, 1...1000, "limit")
        return try await perform(.readToolCalls, on: key) { () throws(StoreError) in try await self.storage.toolCalls(in: key, query) }
    }

    // MARK: - Approvals

    /// Asks people; everybody who follows the session sees an event of type ``Approval/askedType``. Asking the same again changes nothing.
    @discardableResult
    public func ask(
        _ request: ApprovalRequest, in key: SessionKey, epoch: Int? = nil
    ) async throws(StoreError) -> (approval: Approval, asked: Bool) {
        _ = try Name.checked(request.key, "the key of the approval")
        guard request.deciders.count <= Approval.maximumDeciders else {
            throw StoreError(.invalidField, "deciders has \(request.deciders.count) entries; it may have at most \(Approval.maximumDeciders)")
        }
        for (index, name) in request.deciders.enumerated() { _ = try Name.checked(name, "deciders[\(index)]") }
        try Check.approvalValue(request.prompt, "prompt")
        let event = try request.event()
        return try await perform(.askApproval, on: key) { () throws(StoreError) in
            try await self.storage.ask(request, in: key, event: event, epoch: epoch)
        }
    }

    /// Decides once; everybody who follows the session sees an event of type ``Approval/decidedType``.
    /// - Throws: ``StoreError/Code/conflict`` with the approval when it was decided before or its deadline is over, ``StoreError/Code/forbidden``
    ///   for somebody who may not decide.
    @discardableResult
    public func decide(_ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision) async throws(StoreError) -> Approval {
        _ = try Name.checked(decision.by, "by")
        guard (1...64).contains(decision.decision.utf8.count) else {
            throw StoreError(.invalidField, "decision has \(decision.decision.utf8.count) bytes; it may have 1 to 64")
        }
        if let comment = decision.comment { try Check.approvalValue(comment, "comment") }
        let event = try decision.event(for: approvalKey)
        return try await perform(.decideApproval, on: key) { () throws(StoreError) in
            try await self.storage.decide(approvalKey, in: key, decision, event: event)
        }
    }

    /// The approval with this key.
    public func approval(_ approvalKey: String, in key: SessionKey) async throws(StoreError) -> Approval {
        try await perform(.readApprovals, on: key) { () throws(StoreError) in try await self.storage.approval(approvalKey, in: key) }
    }

    /// A page of a session's approvals, first asked first.
    public func approvals(
        in key: SessionKey, status: Approval.Status? = nil, after: String? = nil, limit: Int = 100
    ) async throws(StoreError) -> [Approval] {
        try Check.range(limit, 1...Approval.maximumPage, "limit")
        return try await perform(.readApprovals, on: key) { () throws(StoreError) in
            try await self.storage.approvals(in: key, status: status, after: after, limit: limit)
        }
    }
}

extension Check {
    static func toolValue(_ value: JSON, _ field: String) throws(StoreError) {
        guard value.bytes.count <= ToolCall.maximumValueBytes else {
            throw StoreError(.tooLarge, "\(field) has \(value.bytes.count) bytes; it may have at most \(ToolCall.maximumValueBytes)")
        }
    }

    static func approvalValue(_ value: JSON, _ field: String) throws(StoreError) {
        guard value.bytes.count <= Approval.maximumValueBytes else {
            throw StoreError(.tooLarge, "\(field) has \(value.bytes.count) bytes; it may have at most \(Approval.maximumValueBytes)")
        }
    }

    static func hold(_ milliseconds: Int) throws(StoreError) {
        guard (1000...86_400_000).contains(milliseconds) else {
            throw StoreError(.invalidField, "ttl has to be from 1 second to 24 hours")
        }
    }
}

extension Approval {
    /// The type of the event that says that somebody was asked.
    public static let askedType = "approval.requested"
    /// The type of the event that says what was decided.
    public static let decidedType = "approval.decided"
}

extension ApprovalRequest {
    /// The event that stands in the session for the question.
    package func event() throws(StoreError) -> EventDraft {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("key")
            writer.string(key)
            writer.name("prompt")
            writer.raw(prompt.bytes)
            writer.name("deciders")
            writer.strings(deciders)
            writer.name("expiresAt")
            if let expiresAt { writer.time(expiresAt) } else { writer.null() }
        }
        return try EventDraft(NewEvent(JSON(writer.bytes), type: Approval.askedType))
    }
}

extension ApprovalDecision {
    /// The event that stands in the session for the decision.
    package func event(for key: String) throws(StoreError) -> EventDraft {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("key")
            writer.string(key)
            writer.name("decision")
            writer.string(decision)
            writer.name("by")
            writer.string(by)
            if let comment {
                writer.name("comment")
                writer.raw(comment.bytes)
            }
        }
        return try EventDraft(NewEvent(JSON(writer.bytes), author: by, type: Approval.decidedType))
    }
}
