internal import BatonCore

extension Writing {
    func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) throws(StoreError) -> [String: JSON] {
        let reading = reading
        switch scope {
        case .session(let key):
            var row = try reading.session(key)
            try row.fence.pass(epoch, at: reading.now)
            try apply(changes, to: row.pk)
            row.change(at: row.now(reading.now))
            try saveProgress(row)
            try record(.stateChanged, of: key, at: row.updatedAt)
            hint(key)
            return try reading.values(of: row.pk)
        case .user(let key): return try change(app: key.app, user: key.user, changes, ttl: policy.userStateTTL, now: reading.now)
        case .app(let app): return try change(app: app, user: "", changes, ttl: policy.appStateTTL, now: reading.now)
        case .store: return try change(app: "", user: "", changes, ttl: nil, now: reading.now)
        }
    }

    func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) throws(StoreError) -> SessionState {
        let reading = reading
        var row = try reading.session(key)
        try row.fence.pass(epoch, at: reading.now)
        try apply(delta, for: row, now: reading.now)
        row.change(at: row.now(reading.now))
        try saveProgress(row)
        try record(.stateChanged, of: key, at: row.updatedAt)
        hint(key)
        return try reading.state(seenBy: row)
    }

    /// Applies changes of all three scopes that the session sees.
    func apply(_ delta: StateDelta, for row: SessionRow, now: Int) throws(StoreError) {
        try apply(delta.session, to: row.pk)
        if !delta.user.isEmpty {
            try apply(delta.user, to: scope(app: row.key.app, user: row.key.user, ttl: policy.userStateTTL, now: now))
        }
        if !delta.app.isEmpty {
            try apply(delta.app, to: scope(app: row.key.app, user: "", ttl: policy.appStateTTL, now: now))
        }
        // Other sessions see this too.
        if !delta.user.isEmpty || !delta.app.isEmpty { hintEverything() }
    }

    private func change(app: String, user: String, _ changes: [StateChange], ttl: Int?, now: Int) throws(StoreError) -> [String: JSON] {
        let owner = try scope(app: app, user: user, ttl: ttl, now: now)
        try apply(changes, to: owner)
        hintEverything()
        return try Reading(db: db, now: now).values(of: owner)
    }

    /// The number of a scope that is being written: made if it is not there, its lifetime restarted.
    private func scope(app: String, user: String, ttl: Int?, now: Int) throws(StoreError) -> Int {
        let expiresAt = SessionRow.expiry(ttl, from: now)
        let statement = try db.statement("SELECT pk, expires_ms FROM scopes WHERE app = ?1 AND user = ?2")
        defer { statement.reset() }
        try statement.bind(app, user)
        if try statement.step() {
            let (pk, expiry) = (statement.int(0), statement.int(1))
            statement.reset()
            if expiry > now {
                if expiry != expiresAt { try db.run("UPDATE scopes SET expires_ms = ?2 WHERE pk = ?1", pk, expiresAt) }
                return pk
            }
            try db.run("DELETE FROM scopes WHERE pk = ?1", pk)
            try discard(pk)
        }
        let pk = nextOwner()
        try db.run("INSERT INTO scopes (pk, app, user, expires_ms) VALUES (?1, ?2, ?3, ?4)", pk, app, user, expiresAt)
        return pk
    }

    func apply(_ changes: [StateChange], to owner: Int) throws(StoreError) {
        for change in changes {
            var current: JSON?
            if case .merge = change.operation { current = try value(change.key, of: owner) }
            if let value = try change.operation.applied(to: current) {
                try db.run(
                    "INSERT INTO state (owner, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value",
                    owner, change.key, value)
            } else {
                try db.run("DELETE FROM state WHERE owner = ?1 AND key = ?2", owner, change.key)
            }
        }
    }

    private func value(_ key: String, of owner: Int) throws(StoreError) -> JSON? {
        let statement = try db.statement("SELECT value FROM state WHERE owner = ?1 AND key = ?2")
        defer { statement.reset() }
        try statement.bind(owner, key)
        return try statement.step() ? statement.json(0) : nil
    }
}
