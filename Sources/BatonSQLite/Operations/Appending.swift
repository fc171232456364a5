internal import BatonCore
internal import BatonTelemetry

extension Writing {
    /// The most events that one append deletes of those it trims; the rest is left to be deleted bit by bit.
    private static var trimStep: Int { 2 * EventDraft.maximumBatch }

    /// A notice is what a step of an approval says. It is not fenced, because who decides is not the worker that holds the lease, and no model is shown it.
    func append(_ batch: EventBatch, to key: SessionKey, isNotice: Bool = false) throws(StoreError) -> AppendReceipt {
        let reading = reading
        let existing = try reading.anySession(key)
        let living = existing.flatMap { $0.expiresAt > reading.now ? $0 : nil }
        guard living != nil || batch.createsSession else { throw StoreError.noSession }
        if let row = living, let name = batch.idempotencyKey, let receipt = try receipt(of: name, batch, in: row) { return receipt }
        var plan = AppendPlan(batch.events, living, at: living?.now(reading.now) ?? reading.now)
        try plan.findDuplicates(reading)
        if plan.storesNothing, let row = living {
            return AppendReceipt(entries: plan.entries(generation: row.generation), version: row.version, tail: row.tail)
        }
        var fence = living?.fence ?? Fence()
        if !isNotice { try fence.pass(batch.epoch, at: reading.now) }
        let seq = living?.tail.seq ?? 0
        if let expected = batch.expectedSeq, expected != seq {
            throw StoreError(.preconditionFailed, "the session is at seq \(seq), not \(expected)", detail: .current(seq))
        }

        if let agent = batch.agent {
            try agent.check(active: try living.map { (row) throws(StoreError) in try reading.profile(of: row.pk).activeAgent } ?? nil)
        }

        var row: SessionRow
        if let living {
            row = living
        } else {
            if let existing { try detach(existing, at: reading.now) }
            row = try insert(SessionDraft(), at: key, now: reading.now)
            hint(key)
        }
        row.fence = fence
        try store(plan, &row, trace: batch.trace, clock: reading.now, counting: !isNotice)
        try trim(&row)
        if let agent = batch.agent {
            try db.run("UPDATE profiles SET active_agent = ?2 WHERE session = ?1", row.pk, agent.to)
            try record(.handoff, of: key, at: plan.now)
        }
        row.change(at: plan.now)
        let receipt = AppendReceipt(entries: plan.entries(generation: row.generation), version: row.version, tail: row.tail)
        if let name = batch.idempotencyKey { try remember(receipt, of: name, batch, &row) }
        try saveProgress(row)
        hint(key, isEvent: true)
        return receipt
    }

    /// State that others share lives by the clock, not by the session's time. What the store notes itself has no tokens.
    func store(_ plan: AppendPlan, _ row: inout SessionRow, trace: TraceContext? = nil, clock: Int, counting counts: Bool = true) throws(StoreError) {
        for item in plan.items {
            guard case .new(let seq) = item.place else { continue }
            // Forgotten with the events before the floor, and not deleted yet: the id is free all the same.
            if let stale = item.stale { try db.run("DELETE FROM events WHERE pk = ?1", stale) }
            let draft = item.draft
            let pk = nextEvent()
            try db.run(
                """
                INSERT INTO events (pk, session, seq, ms, edited_ms, id, role, author, type, branch, body)
                VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7, ?8, ?9, ?10)
                """, pk, row.log, seq, plan.now, draft.id, draft.role, draft.author, draft.type, draft.branch, draft.body(carrying: trace))
            if let blob = draft.blob { try keep(blob, of: pk, in: row.log) }
            if !draft.delta.isEmpty { try apply(draft.delta, for: row, now: clock) }
            row.events += 1
            if counts { row.tokens += draft.tokens }
            row.tail = Offset(milliseconds: plan.now, seq: seq)
        }
    }

    /// Moves the floor over the oldest events that are too many.
    func trim(_ row: inout SessionRow) throws(StoreError) {
        guard let maximum = policy.maximumEvents, row.events > maximum else { return }
        let excess = row.events - maximum
        let before = row.floor.seq
        row.floor = try firstPlaces(excess, of: row)
        row.events = maximum
        try db.run(
            "DELETE FROM events WHERE pk IN (SELECT pk FROM events WHERE session = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)",
            row.log, row.floor.seq, Writing.trimStep)
        try db.run(
            """
            DELETE FROM removed WHERE session = ?1
                AND seq IN (SELECT seq FROM removed WHERE session = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)
            """, row.log, row.floor.seq, Writing.trimStep)
        if row.floor.seq - before >= Writing.trimStep { try discard(row.log, through: row.floor.seq) }
        try releaseTrimmed(&row)
    }

    /// The place of the last of the `count` oldest events that are shown.
    private func firstPlaces(_ count: Int, of row: SessionRow) throws(StoreError) -> Offset {
        if let segments = row.segments {
            guard let place = try reading.place(after: count - 1, from: row.floor.seq + 1, of: row, segments) else {
                throw StoreError(.storeCorrupt, "a session has fewer events than it counts")
            }
            return place
        }
        // Without holes the place is known; otherwise the index, which holds only events that are there, is walked.
        let statement = try db.statement("SELECT seq, ms FROM events WHERE session = ?1 AND seq > ?2 ORDER BY seq LIMIT 1 OFFSET ?3")
        defer { statement.reset() }
        if row.tail.seq - row.floor.seq == row.events {
            try statement.bind(row.pk, row.floor.seq + count - 1, 0)
        } else {
            try statement.bind(row.pk, row.floor.seq, count - 1)
        }
        guard try statement.step() else { throw StoreError(.storeCorrupt, "a session has fewer events than it counts") }
        return Offset(milliseconds: statement.int(1), seq: statement.int(0))
    }
}

/// What becomes of each event of a batch, known before anything is written.
struct AppendPlan {
    enum Place {
        /// It gets this seq.
        case new(Int)
        /// It is there.
        case known(Offset)
    }

    struct Item {
        let draft: EventDraft
        var place: Place
        /// The row of a forgotten event that still holds the id.
        var stale: Int?
    }

    private(set) var items: [Item] = []
    private let drafts: [EventDraft]
    private let row: SessionRow?
    let now: Int

    init(_ drafts: [EventDraft], _ row: SessionRow?, at now: Int) {
        self.drafts = drafts
        self.row = row
        self.now = now
    }

    /// Finds out which events are there, or came earlier in the batch, and numbers the others.
    mutating func findDuplicates(_ reading: Reading) throws(StoreError) {
        items.reserveCapacity(drafts.count)
        var seq = row?.tail.seq ?? 0
        // Ids are compared as bytes: texts that look the same are different ids.
        var earlier: [[UInt8]: Int] = [:]
        for draft in drafts {
            var item = Item(draft: draft, place: .new(seq + 1), stale: nil)
            if let id = draft.id {
                if let row, let place = try AppendPlan.place(ofMade: id, row, reading) {
                    item.place = .known(place)
                } else if let row, let (pk, place) = try reading.place(ofID: id, of: row) {
                    if place.seq > row.floor.seq { item.place = .known(place) } else { item.stale = pk }
                }
                if drafts.count > 1, case .new = item.place {
                    let bytes = Array(id.utf8)
                    if let first = earlier[bytes] {
                        item.place = .known(Offset(milliseconds: now, seq: first))
                    } else {
                        earlier[bytes] = seq + 1
                    }
                }
            }
            if case .new = item.place { seq += 1 }
            items.append(item)
        }
    }

    /// The place of an id that the store made for this generation; `nil` when it is of another make.
    private static func place(ofMade id: String, _ row: SessionRow, _ reading: Reading) throws(StoreError) -> Offset? {
        guard let seq = SessionRecord.seq(inMadeID: id, generation: row.generation) else { return nil }
        guard seq <= row.tail.seq, seq > row.segments?.ancestors.first?.at.seq ?? 0 else {
            throw StoreError(.invalidField, "an event has an id that only the store makes, for seq \(seq); the session is at seq \(row.tail.seq)")
        }
        // Of what was trimmed only the last time is known.
        let milliseconds = seq > row.floor.seq ? try reading.milliseconds(at: seq, of: row) : nil
        return Offset(milliseconds: milliseconds ?? row.floor.milliseconds, seq: seq)
    }

    var storesNothing: Bool {
        items.allSatisfy { if case .known = $0.place { true } else { false } }
    }

    func entries(generation: String) -> [AppendReceipt.Entry] {
        items.map { item in
            switch item.place {
            case .new(let seq):
                AppendReceipt.Entry(
                    id: item.draft.id ?? SessionRecord.madeID(generation: generation, seq: seq), offset: Offset(milliseconds: now, seq: seq),
                    isDuplicate: false)
            case .known(let offset):
                AppendReceipt.Entry(
                    id: item.draft.id ?? SessionRecord.madeID(generation: generation, seq: offset.seq), offset: offset, isDuplicate: true)
            }
        }
    }
}
