// How a tool call goes from one status to the next. Storages that cannot run this code say the same in their own language;
// `StorageContract` compares them.

extension ToolReservation {
    /// The call to store for this reservation, its holding time apart; `nil` when the stored one is the answer.
    ///
    /// `stored` is the call as it is now: one that nobody holds any more is ambiguous.
    /// - Throws: ``StoreError/Code/busy`` while another worker holds it, ``StoreError/Code/conflict`` when it is another call.
    package func next(after stored: ToolCall?, at now: Timestamp) throws(StoreError) -> ToolCall? {
        guard var call = stored else {
            return ToolCall(
                key: key, name: name, arguments: arguments, status: .reserved, attempt: 1, holder: holder, heldUntil: nil, result: nil, error: nil,
                createdAt: now, updatedAt: now)
        }
        guard Name.isSame(call.name, name), call.arguments == arguments else {
            throw StoreError(.conflict, "the key belongs to another tool call: its name or its arguments differ", detail: .toolCall(call))
        }
        switch (call.status, onAmbiguous) {
        case (.completed, _), (.ambiguous, .report): return nil
        case (.reserved, _): throw StoreError(.busy, "another worker holds the tool call", detail: .toolCall(call))
        case (.ambiguous, .fail):
            call.status = .failed
            call.error = ToolCall.lostWorker
            call.holder = nil
        case (.failed, _), (.ambiguous, .retry):
            call.status = .reserved
            call.attempt += 1
            call.holder = holder
            call.error = nil
        }
        call.heldUntil = nil
        call.updatedAt = now
        return call
    }
}

extension ToolCall {
    /// What stands as the error of a call whose worker was lost, when a policy calls it failed.
    package static let lostWorker = JSON(string: "the worker was lost before it said how the call ended")

    /// The call as it is at a moment: one that nobody holds any more is ambiguous.
    package func asOf(_ now: Timestamp) -> ToolCall {
        guard status == .reserved, let heldUntil, heldUntil <= now else { return self }
        var call = self
        call.status = .ambiguous
        call.heldUntil = nil
        return call
    }

    /// The call after this outcome, its holding time apart; `nil` when it is a retry and nothing changes.
    ///
    /// `self` is the call as it is now: one that nobody holds any more is ambiguous. Its last worker may still say how it ended, as long as nobody else
    /// has begun: the attempt tells.
    package func applying(_ outcome: ToolOutcome, attempt: Int?, at now: Timestamp) throws(StoreError) -> ToolCall? {
        if let attempt, attempt != self.attempt {
            throw StoreError(.fenced, "the tool call is at attempt \(self.attempt), not \(attempt)", detail: .toolCall(self))
        }
        var call = self
        switch (status, outcome) {
        case (.completed, .completed(let value)) where result == value: return nil
        case (.failed, .failed(let value)) where error == value: return nil
        case (.completed, _), (.failed, _):
            throw StoreError(.conflict, "the tool call is \(status.rawValue) already", detail: .toolCall(self))
        case (.reserved, _) where attempt == nil:
            throw StoreError(.conflict, "a worker holds the tool call; only its attempt can change it", detail: .toolCall(self))
        case (.reserved, .completed(let value)), (.ambiguous, .completed(let value)):
            call.status = .completed
            call.result = value
            call.heldUntil = nil
        case (.reserved, .failed(let value)), (.ambiguous, .failed(let value)):
            call.status = .failed
            call.error = value
            call.heldUntil = nil
        case (.ambiguous, .extended) where attempt == nil:
            throw StoreError(.conflict, "nobody holds the tool call; reserve it again to run it", detail: .toolCall(self))
        case (.reserved, .extended), (.ambiguous, .extended): call.status = .reserved
        }
        call.updatedAt = now
        return call
    }
}

extension StoreError {
    /// There is no tool call with that key in the session.
    public static let noToolCall = StoreError(.notFound, "there is no such tool call in the session")

    /// There is no approval with that key in the session.
    public static let noApproval = StoreError(.notFound, "there is no such approval in the session")
}
