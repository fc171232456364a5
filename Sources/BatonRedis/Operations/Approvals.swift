public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Asks, and appends the event.
    public func ask(
        _ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?
    ) async throws(StoreError) -> (approval: Approval, asked: Bool) {
        let names = layout.names(of: key)
        var deciders = JSONWriter()
        deciders.strings(request.deciders)
        let arguments =
            self.arguments(names) + [
                .string(request.key), .bytes(request.prompt.bytes), .bytes(deciders.bytes), RedisArgument(request.expiresAt?.milliseconds ?? 0),
                .bytes(event.body.bytes), RedisArgument(policy.maximumEvents ?? 0), RedisArgument(Approval.maximumPerSession),
            ]
        var reply = try LedgerReply(try await write(Scripts.ask, names.keys, arguments, epoch: epoch))
        let approval = try reply.approval()
        if reply.refusal != nil { throw StoreError(.conflict, "another question was asked under this key", detail: .approval(approval)) }
        return (approval, reply.flag)
    }

    /// Decides, and appends the event.
    public func decide(
        _ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft
    ) async throws(StoreError) -> Approval {
        let names = layout.names(of: key)
        let arguments =
            self.arguments(names) + [
                .string(approvalKey), .string(decision.decision), .string(decision.by), .bytes(decision.comment?.bytes ?? []),
                .bytes(event.body.bytes), RedisArgument(policy.maximumEvents ?? 0),
            ]
        var reply = try LedgerReply(try await write(Scripts.decide, names.keys, arguments))
        let approval = try reply.approval()
        guard reply.refusal != nil else { return approval }
        throw StoreError(
            .conflict,
            approval.status == .expired ? "the deadline of the approval is over; nobody can decide any more" : "the approval was decided before",
            detail: .approval(approval))
    }

    /// The approval with this key.
    public func approval(_ approvalKey: String, in key: SessionKey) async throws(StoreError) -> Approval {
        let names = layout.names(of: key)
        let arguments = self.arguments(names) + ["one", .string(approvalKey), policy.readsExtendLife ? 1 : 0]
        var reply = try LedgerReply(
            try await send(EVALSHA(Scripts.approvalsPage, keys: names.keys, arguments: arguments, retrySafety: .always)))
        return try reply.approval()
    }

    /// A page of approvals.
    public func approvals(
        in key: SessionKey, status: Approval.Status?, after: String?, limit: Int
    ) async throws(StoreError) -> [Approval] {
        let names = layout.names(of: key)
        let wanted: RedisArgument =
            switch status {
            case .pending?: 0
            case .decided?: 1
            case .expired?: 2
            case nil: ""
            }
        let arguments =
            self.arguments(names) + [
                "page", .string(after ?? ""), wanted, RedisArgument(limit), RedisArgument(RedisStorage.replyBytes * 2),
                policy.readsExtendLife ? 1 : 0,
            ]
        var reply = try LedgerReply(
            try await send(EVALSHA(Scripts.approvalsPage, keys: names.keys, arguments: arguments, retrySafety: .always)))
        var approvals: [Approval] = []
        while let key = reply.nextKey() { approvals.append(try reply.approval(named: key)) }
        return approvals
    }
}
