internal import BatonCore

/// What can be read inside one transaction: everything it sees is of one moment.
struct Reading {
    let db: Connection
    /// Milliseconds since 1970, as the clock says.
    let now: Int
    /// The number of the newest event or change of a session, where a transaction knows better than the file.
    var countedEvents: Int?

    // MARK: - Sessions

    /// The session's row, also when it has expired.
    func anySession(_ key: SessionKey) throws(StoreError) -> SessionRow? {
        let statement = try db.statement(
            """
            SELECT pk, app, user, id, status, version, created_ms, updated_ms, expires_ms, ttl, events,
                tail_ms, tail_seq, floor_ms, floor_seq, requests, generation,
                lease_policy, lease_epoch, lease_holder, lease_ms, log, tokens
            FROM sessions WHERE app = ?1 AND user = ?2 AND id = ?3
            """)
        defer { statement.reset() }
        try statement.bind(key.app, key.user, key.id)
        guard try statement.step() else { return nil }
        var (row, isBranched) = try statement.sessionRow()
        if isBranched { row.segments = try segments(of: row.pk) }
        return row
    }

    /// The session's row.
    /// - Throws: ``StoreError/noSession`` when there is none, or none any more.
    func session(_ key: SessionKey) throws(StoreError) -> SessionRow {
        guard let row = try anySession(key), row.expiresAt > now else { throw StoreError.noSession }
        return row
    }

    func profile(of session: Int) throws(StoreError) -> SessionProfile {
        let statement = try db.statement("SELECT title, active_agent, tags, metadata, participants FROM profiles WHERE session = ?1")
        defer { statement.reset() }
        try statement.bind(session)
        guard try statement.step() else { throw StoreError(.storeCorrupt, "a session has no profile") }
        return statement.profile(from: 0)
    }

    /// The session with the state it sees and the last events that match.
    func snapshot(_ row: SessionRow, _ query: SnapshotQuery = SnapshotQuery()) throws(StoreError) -> SessionSnapshot {
        SessionSnapshot(
            record: row.record(try profile(of: row.pk), at: now), state: try state(seenBy: row),
            events: query.events > 0 ? try lastEvents(query.events, of: row, query.filter) : [])
    }

    // MARK: - State

    /// The number of a user's, an application's (no user) or the store's (neither) state, if it was ever written and lives.
    func scope(app: String, user: String) throws(StoreError) -> Int? {
        let statement = try db.statement("SELECT pk FROM scopes WHERE app = ?1 AND user = ?2 AND expires_ms > ?3")
        defer { statement.reset() }
        try statement.bind(app, user, now)
        return try statement.step() ? statement.int(0) : nil
    }

    func values(of owner: Int?) throws(StoreError) -> [String: JSON] {
        guard let owner else { return [:] }
        let statement = try db.statement("SELECT key, value FROM state WHERE owner = ?1")
        defer { statement.reset() }
        try statement.bind(owner)
        var values: [String: JSON] = [:]
        while try statement.step() { values[statement.text(0)] = statement.json(1) }
        return values
    }

    /// Names are never empty, so an empty one can stand for "none".
    func scope(_ scope: StateScope) throws(StoreError) -> Int? {
        switch scope {
        case .session(let key): try session(key).pk
        case .user(let key): try self.scope(app: key.app, user: key.user)
        case .app(let app): try self.scope(app: app, user: "")
        case .store: try self.scope(app: "", user: "")
        }
    }

    func state(seenBy row: SessionRow) throws(StoreError) -> SessionState {
        SessionState(
            session: try values(of: row.pk), user: try values(of: scope(app: row.key.app, user: row.key.user)),
            app: try values(of: scope(app: row.key.app, user: "")))
    }
}
