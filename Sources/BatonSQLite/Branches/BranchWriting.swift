internal import BatonCore

extension Writing {
    func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) throws(StoreError) -> SessionSnapshot {
        let reading = reading
        var parent = try reading.session(key)
        // Nothing of the parent is written, so a lease that is over stays as it is.
        var fence = parent.fence
        if !draft.force { try fence.pass(epoch, at: reading.now) }
        if let place = draft.at { try reading.check(place, of: parent) }
        let existing = try reading.anySession(fork)
        if let existing, existing.expiresAt > reading.now { throw StoreError(.exists, "a session with this id exists already") }
        let seq = draft.at?.seq ?? parent.tail.seq
        let cut = seq == 0 ? Offset.start : try reading.place(atOrBefore: seq, of: parent)
        let isEmpty = seq <= parent.floor.seq
        var segments = parent.segments ?? Segments(ofPlain: parent)
        let freezes = !isEmpty && (seq >= segments.firstOwn || segments.all.last?.hasOverlays == true)
        let inherited = isEmpty ? [] : segments.through(seq, floor: parent.floor.seq)
        guard inherited.count < History.maximumLogs, segments.all.count < History.maximumLogs || !freezes else { throw History.tooManyLogs }

        if let existing { try detach(existing, at: reading.now) }
        if freezes { try freeze(&parent, &segments) }
        let fields = draft.fields(over: parent.record(try reading.profile(of: parent.pk), at: reading.now))
        let now = max(reading.now, cut.milliseconds)
        let pk = nextOwner()
        var row = SessionRow(
            pk: pk, key: fork, status: .active, version: 1, createdAt: now, updatedAt: now, expiresAt: SessionRow.expiry(fields.ttl, from: now),
            ttl: fields.ttl, events: 0, tail: cut, floor: seq == 0 ? .start : parent.floor, requests: 0, generation: Randomness.generation(),
            fence: Fence(policy: parent.fence.policy), log: pk, tokens: parent.tokens)
        let own = Segments.Segment(log: pk, generation: row.generation, first: seq + 1, last: .max, hasOverlays: false)
        let taken = Segments(
            inherited + [own], rewinds: segments.rewinds.through(seq),
            ancestors: [BranchPoint(session: key.id, generation: parent.generation, at: cut)]
                + segments.ancestors.map { BranchPoint(session: $0.session, generation: $0.generation, at: min($0.at, cut)) })
        row.segments = taken
        if !isEmpty { row.events = try reading.count(row.floor.seq + 1...seq, of: row, taken) }
        try insert(
            row,
            SessionProfile(
                title: fields.title, activeAgent: fields.activeAgent, tags: fields.tags, metadata: fields.metadata,
                participants: fields.participants))
        try save(taken, of: pk)
        for (position, point) in taken.ancestors.enumerated() {
            try db.run(
                "INSERT INTO ancestors (session, position, id, generation, at_ms, at_seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", pk, position,
                point.session, point.generation, point.at.milliseconds, point.at.seq)
        }
        try db.run("INSERT INTO state (owner, key, value) SELECT ?1, key, value FROM state WHERE owner = ?2", pk, parent.pk)
        try apply(draft.state.map { StateChange($0.key, $0.value.isNull ? .remove : .set($0.value)) }, to: pk)
        hint(fork)
        return try reading.snapshot(row)
    }

    /// Makes the log that goes on one that several may show, and gives the session another for what comes.
    private func freeze(_ row: inout SessionRow, _ segments: inout Segments) throws(StoreError) {
        if row.segments == nil { try save(segments, of: row.pk) }
        let log = nextOwner()
        let next = Segments.Segment(log: log, generation: row.generation, first: row.tail.seq + 1, last: .max, hasOverlays: false)
        segments.all[segments.all.count - 1].last = row.tail.seq
        segments.all.append(next)
        try db.run("UPDATE segments SET last_seq = ?3 WHERE session = ?1 AND log = ?2", row.pk, row.log, row.tail.seq)
        try insert(next, of: row.pk)
        try db.run("UPDATE sessions SET log = ?2 WHERE pk = ?1", row.pk, log)
        row.log = log
        row.segments = segments
    }

    func rewind(_ key: SessionKey, _ draft: RewindDraft) throws(StoreError) -> AppendReceipt {
        let reading = reading
        var row = try reading.session(key)
        if !draft.force { try row.fence.pass(draft.epoch, at: reading.now) }
        if let expectedSeq = draft.expectedSeq, expectedSeq != row.tail.seq {
            throw StoreError(
                .preconditionFailed, "the session is at seq \(row.tail.seq), not \(expectedSeq)", detail: .current(row.tail.seq))
        }
        let place = draft.place
        try reading.check(place, of: row)
        var segments = row.segments ?? Segments(ofPlain: row)
        let forgets = segments.rewinds.all.count >= Rewinds.maximumCount
        if forgets { segments.rewinds.forget(through: row.floor.seq) }
        guard segments.rewinds.all.count < Rewinds.maximumCount else { throw Rewinds.tooMany }
        let event = try History.rewindEvent(to: place.seq)

        if row.segments == nil {
            try save(segments, of: row.pk)
            try db.run("UPDATE sessions SET log = ?2 WHERE pk = ?1", row.pk, row.log)
        }
        if forgets { try db.run("DELETE FROM rewinds WHERE session = ?1 AND seq <= ?2", row.pk, row.floor.seq) }
        var plan = AppendPlan([event], row, at: row.now(reading.now))
        try plan.findDuplicates(reading)
        let wasShown = place.seq <= row.floor.seq || row.shows(place.seq)
        try store(plan, &row, clock: reading.now, counting: false)
        segments.rewinds.append(Rewinds.Rewind(seq: row.tail.seq, target: place.seq))
        try db.run("INSERT INTO rewinds (session, seq, target) VALUES (?1, ?2, ?3)", row.pk, row.tail.seq, place.seq)
        row.segments = segments
        row.events = try reading.count(row.floor.seq + 1...row.tail.seq, of: row, segments)
        let rewound = row
        try voidSummaries(of: row.pk, at: reading.now) { $0.seq <= rewound.floor.seq ? wasShown : rewound.shows($0.seq) }
        try trim(&row)
        row.change(at: plan.now)
        try saveProgress(row)
        hint(key, isEvent: true)
        return AppendReceipt(entries: plan.entries(generation: row.generation), version: row.version, tail: row.tail)
    }

    // MARK: - What it is put together from

    private func save(_ segments: Segments, of session: Int) throws(StoreError) {
        for segment in segments.all { try insert(segment, of: session) }
        for rewind in segments.rewinds.all {
            try db.run("INSERT INTO rewinds (session, seq, target) VALUES (?1, ?2, ?3)", session, rewind.seq, rewind.target)
        }
    }

    /// Adds a segment behind those that are there.
    private func insert(_ segment: Segments.Segment, of session: Int) throws(StoreError) {
        try db.run(
            """
            INSERT INTO segments (session, position, log, generation, first_seq, last_seq, overlays)
            VALUES (?1, (SELECT coalesce(max(position) + 1, 0) FROM segments WHERE session = ?1), ?2, ?3, ?4, ?5, ?6)
            """, session, segment.log, segment.generation, segment.first, segment.last, segment.hasOverlays ? 1 : 0)
    }

    /// Notes that the log that goes on says something of events in older logs.
    func markOverlays(_ row: inout SessionRow) throws(StoreError) {
        guard var segments = row.segments, let own = segments.all.indices.last, !segments.all[own].hasOverlays else { return }
        segments.all[own].hasOverlays = true
        row.segments = segments
        try db.run("UPDATE segments SET overlays = 1 WHERE session = ?1 AND log = ?2", row.pk, row.log)
    }

    /// Lets go of the logs that stand before the floor.
    func releaseTrimmed(_ row: inout SessionRow) throws(StoreError) {
        guard var segments = row.segments else { return }
        let released = segments.all.filter { $0.last <= row.floor.seq }
        guard !released.isEmpty else { return }
        for segment in released {
            try db.run("DELETE FROM segments WHERE session = ?1 AND log = ?2", row.pk, segment.log)
            try discardUnlessShared(segment.log)
        }
        segments.all.removeAll { $0.last <= row.floor.seq }
        row.segments = segments
    }

    /// Lets go of everything of a session that is put together from logs: those that no other shows are deleted bit by bit.
    func releaseBranch(_ session: Int) throws(StoreError) {
        let statement = try db.statement("SELECT log FROM segments WHERE session = ?1")
        try statement.bind(session)
        var logs: [Int] = []
        while try statement.step() { logs.append(statement.int(0)) }
        statement.reset()
        try db.run("DELETE FROM segments WHERE session = ?1", session)
        try db.run("DELETE FROM rewinds WHERE session = ?1", session)
        try db.run("DELETE FROM ancestors WHERE session = ?1", session)
        for log in logs { try discardUnlessShared(log) }
        // Its number may be that of a log which others show.
        try discardBelongings(of: session)
    }

    private func discardUnlessShared(_ log: Int) throws(StoreError) {
        let statement = try db.statement("SELECT 1 FROM segments WHERE log = ?1 LIMIT 1")
        try statement.bind(log)
        let isShared = try statement.step()
        statement.reset()
        if !isShared { try discardLog(log) }
    }
}
