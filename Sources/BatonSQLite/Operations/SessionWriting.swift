internal import BatonCore

extension Writing {
    func create(_ draft: SessionDraft, at key: SessionKey) throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        let reading = reading
        if let row = try reading.anySession(key) {
            if row.expiresAt > reading.now { return (try reading.snapshot(row), false) }
            try detach(row, at: reading.now)
        }
        let row = try insert(draft, at: key, now: reading.now)
        try apply(draft.state, for: row, now: reading.now)
        hint(key)
        return (try reading.snapshot(row), true)
    }

    /// Stores a new session without its state.
    func insert(_ draft: SessionDraft, at key: SessionKey, now: Int) throws(StoreError) -> SessionRow {
        let ttl = policy.ttl(for: draft.lifetime)
        let pk = nextOwner()
        let row = SessionRow(
            pk: pk, key: key, status: .active, version: 1, createdAt: now, updatedAt: now, expiresAt: SessionRow.expiry(ttl, from: now),
            ttl: ttl, events: 0, tail: .start, floor: .start, requests: 0, generation: Randomness.generation(),
            fence: Fence(policy: draft.leasePolicy), log: pk)
        let profile = SessionProfile(title: draft.title, tags: draft.tags, metadata: draft.metadata, participants: draft.participants)
        try insert(row, profile)
        return row
    }

    /// Stores the rows of a new session.
    func insert(_ row: SessionRow, _ profile: SessionProfile) throws(StoreError) {
        try db.run(
            """
            INSERT INTO sessions (pk, app, user, id, status, version, created_ms, updated_ms, expires_ms, ttl, events,
                tail_ms, tail_seq, floor_ms, floor_seq, requests, generation, lease_policy, log, tokens)
            VALUES (?1, ?2, ?3, ?4, 0, 1, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?13, ?14, ?15, ?16)
            """, row.pk, row.key.app, row.key.user, row.key.id, row.createdAt, row.expiresAt, row.ttl, row.events, row.tail.milliseconds,
            row.tail.seq, row.floor.milliseconds, row.floor.seq, row.generation, row.fence.policy.number, row.segments.map { _ in row.log },
            row.tokens)
        try db.run(
            "INSERT INTO profiles (session, title, active_agent, tags, metadata, participants) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            row.pk, profile.title, profile.activeAgent, profile.encodedTags, profile.metadata, profile.participants)
        try insertTags(profile.tags, of: row)
        try record(.created, of: row.key, at: row.createdAt)
    }

    private func insertTags(_ tags: [String], of row: SessionRow) throws(StoreError) {
        for tag in tags {
            try db.run("INSERT OR IGNORE INTO tags (app, user, tag, session) VALUES (?1, ?2, ?3, ?4)", row.key.app, row.key.user, tag, row.pk)
        }
    }

    func update(_ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?) throws(StoreError) -> SessionSnapshot {
        let reading = reading
        var row = try reading.session(key)
        try row.fence.pass(epoch, at: reading.now)
        if let expectedVersion, expectedVersion != row.version {
            throw StoreError(
                .preconditionFailed, "the session is at version \(row.version), not \(expectedVersion)", detail: .current(row.version))
        }
        let before = try reading.profile(of: row.pk)
        let record = try patch.applied(to: row.record(before, at: reading.now))
        let profile = SessionProfile(
            title: record.title, activeAgent: record.activeAgent, tags: record.tags, metadata: record.metadata, participants: record.participants)
        row.status = record.status
        row.ttl = record.ttl
        row.fence.policy = record.leasePolicy
        row.change(at: row.now(reading.now))
        try save(row)
        try db.run(
            "UPDATE profiles SET title = ?2, active_agent = ?3, tags = ?4, metadata = ?5, participants = ?6 WHERE session = ?1",
            row.pk, profile.title, profile.activeAgent, profile.encodedTags, profile.metadata, profile.participants)
        if case .set = patch.tags {
            try db.run("DELETE FROM tags WHERE session = ?1", row.pk)
            try insertTags(profile.tags, of: row)
        }
        let isHandoff = !Name.isSame(profile.activeAgent ?? "", before.activeAgent ?? "")
        try self.record(isHandoff ? .handoff : .updated, of: key, at: row.updatedAt)
        hint(key)
        return try reading.snapshot(row)
    }

    func touch(_ key: SessionKey) throws(StoreError) -> SessionSnapshot {
        let reading = reading
        let row = try extendLife(of: key, reading)
        hint(key)
        return try reading.snapshot(row)
    }

    /// Restarts the session's lifetime, as reading it does where the policy says so. Nobody is told: whoever reads because of a hint
    /// would hint, and read again, for ever.
    func extendLife(of key: SessionKey, _ reading: Reading) throws(StoreError) -> SessionRow {
        var row = try reading.session(key)
        let expiresAt = SessionRow.expiry(row.ttl, from: row.now(reading.now))
        if expiresAt != row.expiresAt {
            row.expiresAt = expiresAt
            try db.run("UPDATE sessions SET expires_ms = ?2 WHERE pk = ?1", row.pk, expiresAt)
        }
        return row
    }

    func delete(_ key: SessionKey, epoch: Int?) throws(StoreError) -> Bool {
        let reading = reading
        guard var row = try reading.anySession(key) else { return false }
        if row.expiresAt > reading.now { try row.fence.pass(epoch, at: reading.now) }
        try detach(row, at: reading.now)
        hint(key)
        return row.expiresAt > reading.now
    }

    /// Takes a session away from all readers at once; what belongs to it is deleted bit by bit.
    func detach(_ row: SessionRow, at now: Int) throws(StoreError) {
        try detach(row.pk, isBranched: row.segments != nil)
        try record(row.expiresAt > now ? .deleted : .expired, of: row.key, at: row.now(now))
    }

    func detach(_ session: Int, isBranched: Bool) throws(StoreError) {
        try db.run("DELETE FROM sessions WHERE pk = ?1", session)
        try discardTracks(of: session)
        if isBranched { try releaseBranch(session) } else { try discard(session) }
    }

    /// Stores everything of the row that an operation may have changed, but its status.
    func saveProgress(_ row: SessionRow) throws(StoreError) {
        try db.run(
            """
            UPDATE sessions SET version = ?2, updated_ms = ?3, expires_ms = ?4, events = ?5, tail_ms = ?6, tail_seq = ?7,
                floor_ms = ?8, floor_seq = ?9, requests = ?10, lease_ms = ?11, tokens = ?12
            WHERE pk = ?1
            """, row.pk, row.version, row.updatedAt, row.expiresAt, row.events, row.tail.milliseconds, row.tail.seq, row.floor.milliseconds,
            row.floor.seq, row.requests, row.fence.expires, row.tokens)
    }

    private func save(_ row: SessionRow) throws(StoreError) {
        try saveProgress(row)
        try db.run(
            "UPDATE sessions SET status = ?2, ttl = ?3, lease_policy = ?4 WHERE pk = ?1", row.pk, row.status.number, row.ttl,
            row.fence.policy.number)
    }
}
