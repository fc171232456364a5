public import BatonCore
internal import BatonHTTP

extension RemoteStorage {
    /// `POST S/tool-calls`.
    public func reserve(
        _ reservation: ToolReservation, in key: SessionKey, epoch: Int?
    ) async throws(StoreError) -> (call: ToolCall, granted: Bool) {
        let reply = try await send(Request(.post, key.path + "/tool-calls", body: reservation.wireForm).showing(epoch))
        return (try ToolCall(decoding: JSON(reply.body)), reply.status == 201)
    }

    /// `PUT S/tool-calls/{key}`; the same outcome twice is one.
    public func finish(
        _ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?
    ) async throws(StoreError) -> ToolCall {
        let request = Request(.put, key.path(ofToolCall: toolKey), body: outcome.wireForm(attempt: attempt)).showing(epoch)
        return try ToolCall(decoding: JSON(try await send(request, repeatable: true).body))
    }

    /// `GET S/tool-calls/{key}`.
    public func toolCall(_ toolKey: String, in key: SessionKey) async throws(StoreError) -> ToolCall {
        try ToolCall(decoding: JSON(try await send(Request(.get, key.path(ofToolCall: toolKey))).body))
    }

    /// `GET S/tool-calls`.
    public func toolCalls(in key: SessionKey, _ query: ToolCallQuery) async throws(StoreError) -> ToolCallPage {
        var parameters = Parameters()
        if let status = query.status { parameters.add("status", status.rawValue) }
        if let after = query.after { parameters.add("after", after) }
        parameters.add("limit", query.limit)
        return try ToolCallPage(decoding: JSON(try await send(Request(.get, key.path + "/tool-calls", query: parameters.text)).body))
    }

    /// `POST S/approvals`; the daemon makes the event. The same question twice is one.
    public func ask(
        _ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?
    ) async throws(StoreError) -> (approval: Approval, asked: Bool) {
        let reply = try await send(Request(.post, key.path + "/approvals", body: request.wireForm).showing(epoch), repeatable: true)
        return (try Approval(decoding: JSON(reply.body)), reply.status == 201)
    }

    /// `POST S/approvals/{key}/decision`; the daemon makes the event. The same decision twice is one.
    public func decide(
        _ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft
    ) async throws(StoreError) -> Approval {
        let request = Request(.post, key.path(ofApproval: approvalKey) + "/decision", body: decision.wireForm)
        return try Approval(decoding: JSON(try await send(request, repeatable: true).body))
    }

    /// `GET S/approvals/{key}`.
    public func approval(_ approvalKey: String, in key: SessionKey) async throws(StoreError) -> Approval {
        try Approval(decoding: JSON(try await send(Request(.get, key.path(ofApproval: approvalKey))).body))
    }

    /// `GET S/approvals`.
    public func approvals(
        in key: SessionKey, status: Approval.Status?, after: String?, limit: Int
    ) async throws(StoreError) -> [Approval] {
        var parameters = Parameters()
        if let status { parameters.add("status", status.rawValue) }
        if let after { parameters.add("after", after) }
        parameters.add("limit", limit)
        let page = try JSON(try await send(Request(.get, key.path + "/approvals", query: parameters.text)).body)
        guard let elements = page["approvals"]?.elements else { throw WireError.incompatible("a page without approvals") }
        var approvals: [Approval] = []
        for element in elements { approvals.append(try Approval(decoding: element)) }
        return approvals
    }
}

extension ToolReservation {
    /// Seconds on the wire, rounded up: a hold never ends before it was asked to.
    fileprivate var wireForm: [UInt8] {
        var writer = JSONWriter(reserving: arguments.bytes.count + 160)
        writer.object { writer in
            writer.name("key")
            writer.string(key)
            writer.name("name")
            writer.string(name)
            writer.name("arguments")
            writer.raw(arguments.bytes)
            if let holder {
                writer.name("holder")
                writer.string(holder)
            }
            writer.name("ttl")
            writer.int((ttlMilliseconds + 999) / 1000)
            writer.name("onAmbiguous")
            writer.string(onAmbiguous.rawValue)
        }
        return writer.bytes
    }
}

extension ToolOutcome {
    fileprivate func wireForm(attempt: Int?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("status")
            switch self {
            case .completed(let result):
                writer.string("completed")
                writer.name("result")
                writer.raw(result.bytes)
            case .failed(let error):
                writer.string("failed")
                writer.name("error")
                writer.raw(error.bytes)
            case .extended(let milliseconds):
                writer.string("reserved")
                writer.name("ttl")
                writer.int((milliseconds + 999) / 1000)
            }
            if let attempt {
                writer.name("attempt")
                writer.int(attempt)
            }
        }
        return writer.bytes
    }
}

extension ApprovalRequest {
    fileprivate var wireForm: [UInt8] {
        var writer = JSONWriter(reserving: prompt.bytes.count + 160)
        writer.object { writer in
            writer.name("key")
            writer.string(key)
            writer.name("prompt")
            writer.raw(prompt.bytes)
            writer.name("deciders")
            writer.strings(deciders)
            if let expiresAt {
                writer.name("expiresAt")
                writer.time(expiresAt)
            }
        }
        return writer.bytes
    }
}

extension ApprovalDecision {
    fileprivate var wireForm: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("decision")
            writer.string(decision)
            writer.name("by")
            writer.string(by)
            if let comment {
                writer.name("comment")
                writer.raw(comment.bytes)
            }
        }
        return writer.bytes
    }
}
