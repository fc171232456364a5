internal import BatonCore

/// What a row of `summaries` says.
struct SummaryRow {
    let filter: String
    var slot: SummarySlot
    let createdAt: Int
    let body: JSON?
}

extension Reading {
    /// All slots of a session.
    func summaryRows(of session: Int) throws(StoreError) -> [SummaryRow] {
        let statement = try db.statement(
            "SELECT filter, seq, ms, created_ms, epoch, held_ms, holder, body FROM summaries WHERE session = ?1 ORDER BY filter")
        defer { statement.reset() }
        try statement.bind(session)
        var rows: [SummaryRow] = []
        while try statement.step() {
            rows.append(
                SummaryRow(
                    filter: statement.text(0),
                    slot: SummarySlot(
                        boundary: Offset(milliseconds: statement.int(2), seq: statement.int(1)), epoch: statement.int(4), heldUntil: statement.int(5),
                        holder: statement.text(6)),
                    createdAt: statement.int(3), body: statement.isNull(7) ? nil : statement.json(7)))
        }
        return rows
    }

    func summaries(of row: SessionRow) throws(StoreError) -> SummaryList {
        var summaries: [Summary] = []
        for stored in try summaryRows(of: row.pk) where stored.slot.hasSummary {
            summaries.append(
                try Summary(
                    filter: stored.filter, boundary: stored.slot.boundary, createdAt: Timestamp(milliseconds: stored.createdAt),
                    body: stored.body ?? .null))
        }
        return SummaryList(summaries: summaries, tail: row.tail, floor: row.floor, tokens: row.tokens, generation: row.generation)
    }
}

// Summaries are no change of their session: neither version nor times move, and nobody is told.
extension Writing {
    func claim(_ claim: SummaryClaim, of key: SessionKey) throws(StoreError) -> Int {
        let reading = reading
        let row = try reading.session(key)
        var rows = try reading.summaryRows(of: row.pk)
        var slot = SummarySlot()
        if let place = rows.firstIndex(where: { Name.isSame($0.filter, claim.filter) }) {
            slot = rows[place].slot
            try slot.grant(claim, at: reading.now)
        } else {
            if rows.count >= Summary.maximumPerSession {
                for unused in rows where unused.slot.isUnused(at: reading.now) {
                    try db.run("DELETE FROM summaries WHERE session = ?1 AND filter = ?2", row.pk, unused.filter)
                }
                rows.removeAll { $0.slot.isUnused(at: reading.now) }
            }
            guard rows.count < Summary.maximumPerSession else { throw StoreError.tooManySummaries }
            try slot.grant(claim, at: reading.now)
        }
        try db.run(
            """
            INSERT INTO summaries (session, filter, seq, ms, created_ms, epoch, held_ms, holder, body) VALUES (?1, ?2, 0, 0, 0, ?3, ?4, ?5, NULL)
            ON CONFLICT (session, filter) DO UPDATE SET epoch = excluded.epoch, held_ms = excluded.held_ms, holder = excluded.holder
            """, row.pk, claim.filter, slot.epoch, slot.heldUntil, slot.holder)
        return slot.epoch
    }

    func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) throws(StoreError) -> Summary {
        let reading = reading
        let row = try reading.session(key)
        var slot = try reading.summaryRows(of: row.pk).first { Name.isSame($0.filter, draft.filter) }?.slot ?? SummarySlot()
        try slot.take(draft.boundary, epoch: epoch, tail: row.tail)
        let now = row.now(reading.now)
        try db.run(
            "UPDATE summaries SET seq = ?3, ms = ?4, created_ms = ?5, held_ms = 0, body = ?6 WHERE session = ?1 AND filter = ?2", row.pk,
            draft.filter,
            draft.boundary.seq, draft.boundary.milliseconds, now, draft.body)
        return draft.stored(at: Timestamp(milliseconds: now))
    }

    func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) throws(StoreError) {
        let row = try reading.session(key)
        try db.run("UPDATE summaries SET held_ms = 0 WHERE session = ?1 AND filter = ?2 AND epoch = ?3", row.pk, filter, epoch)
    }

    /// Voids all claims of a session, and takes away the summaries that are not kept.
    func voidSummaries(of session: Int, at now: Int, unless keeps: (Offset) -> Bool) throws(StoreError) {
        for stored in try reading.summaryRows(of: session) {
            var slot = stored.slot
            slot.void(at: now, unless: keeps)
            try db.run("UPDATE summaries SET epoch = ?3, held_ms = 0 WHERE session = ?1 AND filter = ?2", session, stored.filter, slot.epoch)
            if stored.slot.hasSummary, !slot.hasSummary {
                try db.run("UPDATE summaries SET seq = 0, ms = 0, body = NULL WHERE session = ?1 AND filter = ?2", session, stored.filter)
            }
        }
    }
}
