package import BatonCore

extension ReferenceModel {
    package func reserve(
        _ reservation: ToolReservation, in key: SessionKey, epoch: Int?
    ) async throws(StoreError) -> (call: ToolCall, granted: Bool) {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let place = model.sessions[index].calls.firstIndex { Name.isSame($0.key, reservation.key) }
            let stored = place.map { model.sessions[index].calls[$0].asOf(model.clock) }
            guard var call = try reservation.next(after: stored, at: model.now(for: model.sessions[index].record)) else {
                guard let stored else { throw StoreError.noToolCall }
                return (stored, false)
            }
            try model.sessions[index].fence.pass(epoch, at: model.clock.milliseconds)
            let granted = call.status == .reserved
            if granted { call.heldUntil = model.clock.adding(milliseconds: reservation.ttlMilliseconds) }
            if let place { model.sessions[index].calls[place] = call } else { model.sessions[index].calls.append(call) }
            model.recordChange(ofSessionAt: index)
            return (call, granted)
        }
    }

    package func finish(
        _ toolKey: String, in key: SessionKey, _ outcome: ToolOutcome, attempt: Int?, epoch: Int?
    ) async throws(StoreError) -> ToolCall {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            guard let place = model.sessions[index].calls.firstIndex(where: { Name.isSame($0.key, toolKey) }) else { throw StoreError.noToolCall }
            let stored = model.sessions[index].calls[place].asOf(model.clock)
            guard var call = try stored.applying(outcome, attempt: attempt, at: model.now(for: model.sessions[index].record)) else { return stored }
            if epoch != nil { try model.sessions[index].fence.pass(epoch, at: model.clock.milliseconds) }
            if case .extended(let milliseconds) = outcome { call.heldUntil = model.clock.adding(milliseconds: milliseconds) }
            model.sessions[index].calls[place] = call
            model.recordChange(ofSessionAt: index)
            return call
        }
    }

    package func toolCall(_ toolKey: String, in key: SessionKey) async throws(StoreError) -> ToolCall {
        try write { (model) throws(StoreError) in
            let session = model.sessions[try model.indexForReading(key)]
            guard let call = session.calls.first(where: { Name.isSame($0.key, toolKey) }) else { throw StoreError.noToolCall }
            return call.asOf(model.clock)
        }
    }

    package func toolCalls(in key: SessionKey, _ query: ToolCallQuery) async throws(StoreError) -> ToolCallPage {
        try write { (model) throws(StoreError) in
            var calls = model.sessions[try model.indexForReading(key)].calls[...]
            if let after = query.after {
                guard let place = calls.firstIndex(where: { Name.isSame($0.key, after) }) else {
                    throw StoreError(.invalidCursor, "no tool call of the session has this key")
                }
                calls = calls[(place + 1)...]
            }
            let found = calls.map { $0.asOf(model.clock) }.filter { query.status == nil || $0.status == query.status }
            let page = Array(found.prefix(query.limit))
            return ToolCallPage(calls: page, next: found.count > page.count ? page.last?.key : nil)
        }
    }

    package func ask(
        _ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?
    ) async throws(StoreError) -> (approval: Approval, asked: Bool) {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let stored = model.sessions[index].approvals.first { Name.isSame($0.key, request.key) }?.asOf(model.clock)
            guard let approval = try request.next(after: stored, at: model.now(for: model.sessions[index].record)) else {
                guard let stored else { throw StoreError.noApproval }
                return (stored, false)
            }
            try model.sessions[index].fence.pass(epoch, at: model.clock.milliseconds)
            model.sessions[index].approvals.append(approval)
            _ = try model.append(EventBatch([event]), to: key, isNotice: true)
            return (approval, true)
        }
    }

    package func decide(
        _ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft
    ) async throws(StoreError) -> Approval {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            guard let place = model.sessions[index].approvals.firstIndex(where: { Name.isSame($0.key, approvalKey) }) else {
                throw StoreError.noApproval
            }
            let stored = model.sessions[index].approvals[place].asOf(model.clock)
            guard let approval = try stored.applying(decision, at: model.now(for: model.sessions[index].record)) else { return stored }
            model.sessions[index].approvals[place] = approval
            _ = try model.append(EventBatch([event]), to: key, isNotice: true)
            return approval
        }
    }

    package func approval(_ approvalKey: String, in key: SessionKey) async throws(StoreError) -> Approval {
        try write { (model) throws(StoreError) in
            let session = model.sessions[try model.indexForReading(key)]
            guard let approval = session.approvals.first(where: { Name.isSame($0.key, approvalKey) }) else { throw StoreError.noApproval }
            return approval.asOf(model.clock)
        }
    }

    package func approvals(
        in key: SessionKey, status: Approval.Status?, after: String?, limit: Int
    ) async throws(StoreError) -> [Approval] {
        try write { (model) throws(StoreError) in
            var approvals = model.sessions[try model.indexForReading(key)].approvals[...]
            if let after {
                guard let place = approvals.firstIndex(where: { Name.isSame($0.key, after) }) else {
                    throw StoreError(.invalidCursor, "no approval of the session has this key")
                }
                approvals = approvals[(place + 1)...]
            }
            return Array(approvals.map { $0.asOf(model.clock) }.filter { status == nil || $0.status == status }.prefix(limit))
        }
    }
}
