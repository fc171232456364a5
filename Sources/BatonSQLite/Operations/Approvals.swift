internal import BatonCore

extension Reading {
    /// The approval with this key, as it is now.
    func approval(_ approvalKey: String, of row: SessionRow) throws(StoreError) -> Approval? {
        let statement = try db.statement(
            """
            SELECT key, prompt, deciders, expires_ms, decision, decider, comment, created_ms, decided_ms
            FROM approvals WHERE session = ?1 AND key = ?2
            """)
        defer { statement.reset() }
        try statement.bind(row.pk, approvalKey)
        return try statement.step() ? statement.approval(at: now) : nil
    }

    /// A page in the order in which approvals were asked.
    func approvals(of row: SessionRow, status: Approval.Status?, after: String?, limit: Int) throws(StoreError) -> [Approval] {
        var number = 0
        if let after {
            let statement = try db.statement("SELECT number FROM approvals WHERE session = ?1 AND key = ?2")
            defer { statement.reset() }
            try statement.bind(row.pk, after)
            guard try statement.step() else {
                throw StoreError(.invalidCursor, "no approval of the session has the key that the page begins after")
            }
            number = statement.int(0)
        }
        let statement = try db.statement(
            """
            SELECT key, prompt, deciders, expires_ms, decision, decider, comment, created_ms, decided_ms
            FROM approvals WHERE session = ?1 AND number > ?2 ORDER BY number
            """)
        defer { statement.reset() }
        try statement.bind(row.pk, number)
        var approvals: [Approval] = []
        while approvals.count < limit, try statement.step() {
            let approval = statement.approval(at: now)
            if status == nil || approval.status == status { approvals.append(approval) }
        }
        return approvals
    }
}

/// What asking gives.
struct Asked: Sendable {
    let approval: Approval
    let asked: Bool
}

extension Writing {
    func ask(
        _ request: ApprovalRequest, in key: SessionKey, event: EventDraft, epoch: Int?
    ) throws(StoreError) -> Asked {
        let reading = reading
        var row = try reading.session(key)
        let stored = try reading.approval(request.key, of: row)
        let now = Timestamp(milliseconds: row.now(reading.now))
        guard let approval = try request.next(after: stored, at: now) else {
            guard let stored else { throw StoreError.noApproval }
            return Asked(approval: stored, asked: false)
        }
        try row.fence.pass(epoch, at: reading.now)
        try makeRoom(forApprovalIn: row)
        var writer = JSONWriter()
        writer.array { writer in
            for decider in approval.deciders { writer.string(decider) }
        }
        try db.run(
            """
            INSERT INTO approvals (session, number, key, prompt, deciders, expires_ms, created_ms)
            VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM approvals WHERE session = ?1), ?2, ?3, ?4, ?5, ?6)
            """, row.pk, approval.key, approval.prompt, JSON(checked: writer.bytes), approval.expiresAt?.milliseconds, now.milliseconds)
        try note(event, in: key)
        return Asked(approval: approval, asked: true)
    }

    func decide(_ approvalKey: String, in key: SessionKey, _ decision: ApprovalDecision, event: EventDraft) throws(StoreError) -> Approval {
        let reading = reading
        let row = try reading.session(key)
        guard let stored = try reading.approval(approvalKey, of: row) else { throw StoreError.noApproval }
        let now = Timestamp(milliseconds: row.now(reading.now))
        guard let approval = try stored.applying(decision, at: now) else { return stored }
        try db.run(
            "UPDATE approvals SET decision = ?3, decider = ?4, comment = ?5, decided_ms = ?6 WHERE session = ?1 AND key = ?2",
            row.pk, approvalKey, approval.decision, approval.decidedBy, approval.comment, now.milliseconds)
        try note(event, in: key)
        return approval
    }

    /// Appends the event of a step; whoever holds a lease on the session is not asked.
    private func note(_ event: EventDraft, in key: SessionKey) throws(StoreError) {
        _ = try append(EventBatch([event]), to: key, isNotice: true)
    }

    private func makeRoom(forApprovalIn row: SessionRow) throws(StoreError) {
        // Numbers only grow, so few sessions ever have to be counted.
        guard try db.number("SELECT coalesce(max(number), 0) FROM approvals WHERE session = ?1", row.pk) >= Approval.maximumPerSession,
            try db.number("SELECT count(*) FROM approvals WHERE session = ?1", row.pk) >= Approval.maximumPerSession
        else { return }
        let before = db.changes
        try db.run(
            """
            DELETE FROM approvals WHERE session = ?1 AND number =
                (SELECT number FROM approvals WHERE session = ?1 AND (decided_ms IS NOT NULL OR expires_ms <= ?2) ORDER BY number LIMIT 1)
            """, row.pk, reading.now)
        guard db.changes > before else {
            throw StoreError(.tooLarge, "the session has \(Approval.maximumPerSession) approvals that nobody has decided; it may have no more")
        }
    }
}

extension Statement {
    /// The columns of an approval, from 0 on.
    func approval(at now: Int) -> Approval {
        let decision = optionalText(4)
        return Approval(
            key: text(0), prompt: json(1), deciders: (json(2).elements ?? []).compactMap(\.stringValue),
            expiresAt: optionalInt(3).map { Timestamp(milliseconds: $0) }, status: decision == nil ? .pending : .decided, decision: decision,
            decidedBy: optionalText(5), comment: isNull(6) ? nil : json(6), createdAt: Timestamp(milliseconds: int(7)),
            decidedAt: optionalInt(8).map { Timestamp(milliseconds: $0) }
        ).asOf(Timestamp(milliseconds: now))
    }
}
