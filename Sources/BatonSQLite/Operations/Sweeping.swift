internal import BatonCore

extension Writing {
    /// Takes away sessions and shared state whose time is over, at most `count` of each; returns whether there may be more.
    func sweepExpired(upTo count: Int) throws(StoreError) -> Bool {
        let now = reading.now
        let sessions = try expiredSessions(now, count)
        for (pk, isBranched, key) in sessions {
            try detach(pk, isBranched: isBranched)
            try record(.expired, of: key, at: now)
            hint(key)
        }
        let scopes = try expiredScopes(now, count)
        for pk in scopes {
            try db.run("DELETE FROM scopes WHERE pk = ?1", pk)
            try discard(pk)
        }
        if !scopes.isEmpty { hintEverything() }
        let tracks = try expiredTracks(now, count)
        for pk in tracks { try discardTrack(pk) }
        return sessions.count == count || scopes.count == count || tracks.count == count
    }

    private func expiredSessions(_ now: Int, _ count: Int) throws(StoreError) -> [(pk: Int, isBranched: Bool, key: SessionKey)] {
        let statement = try db.statement(
            """
            SELECT pk, app, user, id, log FROM sessions INDEXED BY sessions_by_expiry
            WHERE expires_ms <= ?1 AND expires_ms < 9223372036854775807 ORDER BY expires_ms LIMIT ?2
            """)
        defer { statement.reset() }
        try statement.bind(now, count)
        var expired: [(pk: Int, isBranched: Bool, key: SessionKey)] = []
        while try statement.step() {
            let key = try SessionKey(app: statement.text(1), user: statement.text(2), id: statement.text(3))
            expired.append((statement.int(0), !statement.isNull(4), key))
        }
        return expired
    }

    private func expiredScopes(_ now: Int, _ count: Int) throws(StoreError) -> [Int] {
        let statement = try db.statement(
            """
            SELECT pk FROM scopes INDEXED BY scopes_by_expiry
            WHERE expires_ms <= ?1 AND expires_ms < 9223372036854775807 ORDER BY expires_ms LIMIT ?2
            """)
        defer { statement.reset() }
        try statement.bind(now, count)
        var expired: [Int] = []
        while try statement.step() { expired.append(statement.int(0)) }
        return expired
    }

    private func expiredTracks(_ now: Int, _ count: Int) throws(StoreError) -> [Int] {
        let statement = try db.statement(
            """
            SELECT pk FROM tracks INDEXED BY tracks_by_expiry
            WHERE expires_ms <= ?1 AND expires_ms < 9223372036854775807 ORDER BY expires_ms LIMIT ?2
            """)
        defer { statement.reset() }
        try statement.bind(now, count)
        var expired: [Int] = []
        while try statement.step() { expired.append(statement.int(0)) }
        return expired
    }

    /// Deletes up to `count` rows of what nobody can read any more; returns whether there may be more.
    func collectGarbage(upTo count: Int) throws(StoreError) -> Bool {
        guard let (owner, through) = try oldestGarbage() else { return try collectLeftovers(upTo: count) }
        var left = Int64(count)
        func delete(_ sql: StaticString, _ parameters: Int...) throws(StoreError) {
            guard left > 0 else { return }
            let statement = try db.statement(sql)
            defer { statement.reset() }
            let before = db.changes
            for (index, parameter) in parameters.enumerated() { try statement.bind(parameter, at: index + 1) }
            try statement.bind(Int(left), at: parameters.count + 1)
            while try statement.step() {}
            left -= db.changes - before
        }
        try delete(
            "DELETE FROM events WHERE pk IN (SELECT pk FROM events WHERE session = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)", owner, through)
        try delete(
            """
            DELETE FROM removed WHERE session = ?1
                AND seq IN (SELECT seq FROM removed WHERE session = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)
            """, owner, through)
        try delete(
            "DELETE FROM topic_events WHERE pk IN (SELECT pk FROM topic_events WHERE topic = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)", owner, through)
        try delete(
            "DELETE FROM track_events WHERE pk IN (SELECT pk FROM track_events WHERE track = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)", owner, through)
        if through == .max {
            try delete(Writing.someRequests, owner)
            try delete(Writing.someState, owner)
            try delete(Writing.someToolCalls, owner)
            try delete(Writing.someApprovals, owner)
            try delete("DELETE FROM held WHERE owner = ?1 AND place IN (SELECT place FROM held WHERE owner = ?1 LIMIT ?2)", owner)
            try delete("DELETE FROM dead WHERE owner = ?1 AND place IN (SELECT place FROM dead WHERE owner = ?1 LIMIT ?2)", owner)
            try delete("DELETE FROM consumers WHERE owner = ?1 AND name IN (SELECT name FROM consumers WHERE owner = ?1 LIMIT ?2)", owner)
        }
        if left > 0 { try db.run("DELETE FROM garbage WHERE owner = ?1", owner) }
        return true
    }

    private static let someRequests: StaticString =
        "DELETE FROM requests WHERE rowid IN (SELECT rowid FROM requests WHERE session = ?1 LIMIT ?2)"
    private static let someToolCalls: StaticString =
        "DELETE FROM tool_calls WHERE rowid IN (SELECT rowid FROM tool_calls WHERE session = ?1 LIMIT ?2)"
    private static let someApprovals: StaticString =
        "DELETE FROM approvals WHERE rowid IN (SELECT rowid FROM approvals WHERE session = ?1 LIMIT ?2)"
    private static let someState: StaticString = "DELETE FROM state WHERE owner = ?1 AND key IN (SELECT key FROM state WHERE owner = ?1 LIMIT ?2)"

    /// Deletes up to `count` rows of what deleted sessions had beside their logs; returns whether there may be more.
    private func collectLeftovers(upTo count: Int) throws(StoreError) -> Bool {
        let statement = try db.statement("SELECT owner FROM leftovers LIMIT 1")
        let owner = try statement.step() ? statement.int(0) : nil
        statement.reset()
        guard let owner else { return false }
        let before = db.changes
        try db.run(Writing.someRequests, owner, count)
        try db.run(Writing.someState, owner, count)
        try db.run(Writing.someToolCalls, owner, count)
        try db.run(Writing.someApprovals, owner, count)
        if db.changes == before { try db.run("DELETE FROM leftovers WHERE owner = ?1", owner) }
        return true
    }

    private func oldestGarbage() throws(StoreError) -> (owner: Int, through: Int)? {
        let statement = try db.statement("SELECT owner, through_seq FROM garbage ORDER BY owner LIMIT 1")
        defer { statement.reset() }
        return try statement.step() ? (statement.int(0), statement.int(1)) : nil
    }
}
