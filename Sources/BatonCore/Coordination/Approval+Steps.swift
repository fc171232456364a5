// How an approval is asked and decided. Storages that cannot run this code say the same in their own language; `StorageContract` compares them.

extension ApprovalRequest {
    /// The approval to store for this question; `nil` when the stored one is the answer.
    /// - Throws: ``StoreError/Code/conflict`` when another question stands under the key.
    package func next(after stored: Approval?, at now: Timestamp) throws(StoreError) -> Approval? {
        if let stored {
            guard stored.prompt == prompt, stored.deciders == deciders, stored.expiresAt == expiresAt else {
                throw StoreError(.conflict, "another question was asked under this key", detail: .approval(stored))
            }
            return nil
        }
        if let expiresAt, expiresAt <= now {
            throw StoreError(.invalidField, "expiresAt lies in the past; nobody could decide")
        }
        return Approval(
            key: key, prompt: prompt, deciders: deciders, expiresAt: expiresAt, status: .pending, decision: nil, decidedBy: nil, comment: nil,
            createdAt: now, decidedAt: nil)
    }
}

extension Approval {
    /// The approval after this decision; `nil` when it is the stored one again.
    ///
    /// `self` is the approval as it is now: pending ones are expired from their deadline on.
    /// - Throws: ``StoreError/Code/forbidden`` for somebody who may not, ``StoreError/Code/conflict`` after the first decision or the deadline.
    package func applying(_ decision: ApprovalDecision, at now: Timestamp) throws(StoreError) -> Approval? {
        guard deciders.isEmpty || deciders.contains(where: { Name.isSame($0, decision.by) }) else {
            throw StoreError(.forbidden, "the approval names who may decide; this decider is not among them")
        }
        switch status {
        case .decided:
            if Name.isSame(self.decision ?? "", decision.decision), Name.isSame(decidedBy ?? "", decision.by), comment == decision.comment {
                return nil
            }
            throw StoreError(.conflict, "the approval was decided before", detail: .approval(self))
        case .expired: throw StoreError(.conflict, "the deadline of the approval is over; nobody can decide any more", detail: .approval(self))
        case .pending: break
        }
        var approval = self
        approval.status = .decided
        approval.decision = decision.decision
        approval.decidedBy = decision.by
        approval.comment = decision.comment
        approval.decidedAt = now
        return approval
    }

    /// The approval as it is at a moment: one that nobody decided in time is expired.
    package func asOf(_ now: Timestamp) -> Approval {
        guard status == .pending, let expiresAt, expiresAt <= now else { return self }
        var approval = self
        approval.status = .expired
        return approval
    }
}
