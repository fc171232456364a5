public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Reserves a tool call, or says how far it is.
    public func reserve(
        _ reservation: ToolReservation, in key: SessionKey, epoch: Int?
    ) async throws(StoreError) -> (call: ToolCall, granted: Bool) {
        let names = layout.names(of: key)
        let arguments: [RedisArgument] =
            self.arguments(names) + [
                .string(reservation.key), .string(reservation.name), .bytes(reservation.arguments.bytes), .string(reservation.holder ?? ""),
                RedisArgument(reservation.ttlMilliseconds), .string(reservation.onAmbiguous.rawValue), RedisArgument(ToolCall.maximumPerSession),
                .bytes(ToolCall.lostWorker.bytes),
            ]
        var reply = try LedgerReply(try await write(Scripts.reserve, names.keys, arguments, epoch: epoch))
        let call = try reply.toolCall()
        switch reply.refusal {
        case .toolCallHeld: throw StoreError(.busy, "another worker holds the tool call", detail: .toolCall(call))
        case .otherStep:
            throw StoreError(.conflict, "the key belongs to another tool call: its name or its arguments differ", detail: .toolCall(call))
        default: return (call, reply.flag)
        }
    }

    /// Completes, fails or extends a call.
    public func finish(
        _ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?
    ) async throws(StoreError) -> ToolCall {
        let names = layout.names(of: key)
        var arguments = self.arguments(names) + [.string(toolKey)]
        switch outcome {
        case .completed(let value): arguments += ["c", .bytes(value.bytes)]
        case .failed(let value): arguments += ["f", .bytes(value.bytes)]
        case .extended(let milliseconds): arguments += ["x", RedisArgument(milliseconds)]
        }
        arguments.append(attempt.map { RedisArgument($0) } ?? "")
        var reply = try LedgerReply(try await write(Scripts.finish, names.keys, arguments, epoch: epoch))
        let call = try reply.toolCall()
        guard reply.refusal != nil else { return call }
        // The rules say with which words.
        if let refused = try call.applying(outcome, attempt: attempt, at: call.updatedAt) {
            throw StoreError(.conflict, "the tool call is \(refused.status.rawValue)", detail: .toolCall(call))
        }
        return call
    }

    /// The call with this key.
    public func toolCall(_ toolKey: String, in key: SessionKey) async throws(StoreError) -> ToolCall {
        let names = layout.names(of: key)
        let arguments = self.arguments(names) + ["one", .string(toolKey), policy.readsExtendLife ? 1 : 0]
        var reply = try LedgerReply(try await send(EVALSHA(Scripts.calls, keys: names.keys, arguments: arguments, retrySafety: .always)))
        return try reply.toolCall()
    }

    /// A page of calls.
    public func toolCalls(in key: SessionKey, _ query: ToolCallQuery) async throws(StoreError) -> ToolCallPage {
        let names = layout.names(of: key)
        let status: RedisArgument =
            switch query.status {
            case .reserved?: 0
            case .completed?: 1
            case .failed?: 2
            case .ambiguous?: 3
            case nil: ""
            }
        let arguments =
            self.arguments(names) + [
                "page", .string(query.after ?? ""), status, RedisArgument(query.limit), RedisArgument(ToolCallPage.maximumBytes),
                policy.readsExtendLife ? 1 : 0,
            ]
        var reply = try LedgerReply(try await send(EVALSHA(Scripts.calls, keys: names.keys, arguments: arguments, retrySafety: .always)))
        var page = ToolCallPage(calls: [], next: nil)
        while let key = reply.nextKey() { page.calls.append(try reply.toolCall(named: key)) }
        if reply.flag { page.next = page.calls.last?.key }
        return page
    }
}

/// The answer of a script on the ledger: 0 or a refusal that is followed by the record, a flag, records.
struct LedgerReply {
    private var parts: ScriptReply
    /// Why nothing was done, when the record says more.
    let refusal: Refusal?
    /// Whether it was granted, or whether there is more.
    let flag: Bool

    init(_ reply: RedisReply) throws(StoreError) {
        var parts = try ScriptReply(parts: reply)
        let code = try parts.int()
        switch Refusal(rawValue: code) {
        case .toolCallHeld?, .otherStep?, .otherAttempt?: refusal = Refusal(rawValue: code)
        default:
            // All other refusals say everything.
            parts = try ScriptReply(reply)
            refusal = nil
        }
        flag = try parts.int() == 1
        self.parts = parts
    }

    /// The key of the next record; `nil` after the last one.
    mutating func nextKey() -> String? { parts.nextIfAny()?.bytes.map { String(decoding: $0, as: UTF8.self) } }

    mutating func toolCall() throws(StoreError) -> ToolCall { try toolCall(named: try parts.text()) }

    mutating func toolCall(named key: String) throws(StoreError) -> ToolCall {
        let status: ToolCall.Status
        switch try parts.int() {
        case 0: status = .reserved
        case 1: status = .completed
        case 2: status = .failed
        case 3: status = .ambiguous
        default: throw StoreError.corrupt("the status of a tool call")
        }
        let attempt = try parts.int()
        let held = try parts.int()
        let (created, updated) = (Timestamp(milliseconds: try parts.int()), Timestamp(milliseconds: try parts.int()))
        let (name, arguments, holder, value) = (try parts.text(), JSON(checked: Array(try parts.bytes())), try parts.text(), try parts.bytes())
        return ToolCall(
            key: key, name: name, arguments: arguments, status: status, attempt: attempt, holder: holder.isEmpty ? nil : holder,
            heldUntil: status == .reserved ? Timestamp(milliseconds: held) : nil, result: status == .completed ? JSON(checked: Array(value)) : nil,
            error: status == .failed ? JSON(checked: Array(value)) : nil, createdAt: created, updatedAt: updated)
    }

    mutating func approval() throws(StoreError) -> Approval { try approval(named: try parts.text()) }

    mutating func approval(named key: String) throws(StoreError) -> Approval {
        let status: Approval.Status
        switch try parts.int() {
        case 0: status = .pending
        case 1: status = .decided
        case 2: status = .expired
        default: throw StoreError.corrupt("the status of an approval")
        }
        let (created, decided, deadline) = (try parts.int(), try parts.int(), try parts.int())
        let (prompt, deciders) = (JSON(checked: Array(try parts.bytes())), JSON(checked: Array(try parts.bytes())))
        let (decision, decider, comment) = (try parts.text(), try parts.text(), Array(try parts.bytes()))
        return Approval(
            key: key, prompt: prompt, deciders: (deciders.elements ?? []).compactMap(\.stringValue),
            expiresAt: deadline == 0 ? nil : Timestamp(milliseconds: deadline), status: status, decision: decision.isEmpty ? nil : decision,
            decidedBy: decider.isEmpty ? nil : decider, comment: comment.isEmpty ? nil : JSON(checked: comment),
            createdAt: Timestamp(milliseconds: created), decidedAt: decided == 0 ? nil : Timestamp(milliseconds: decided))
    }
}
