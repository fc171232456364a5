internal import BatonCore

extension Reading {
    /// A page of sessions, newest first, read along an index in this order. Tags that few sessions have are looked up instead.
    func sessions(_ query: SessionQuery) throws(StoreError) -> SessionPage {
        let sql = SessionListSQL(query, tagIsRare: try query.tags.count == 1 ? isRare(query.tags[0], query.owner) : false)
        let statement = try db.statement(composed: sql.text)
        var rows: [(SessionRow, SessionProfile)] = []
        do {
            defer { statement.reset() }
            try sql.bind(to: statement, query, now: now)
            while try statement.step() {
                var (row, isBranched) = try statement.sessionRow()
                if isBranched { row.segments = try segments(of: row.pk) }
                rows.append((row, statement.profile(from: 23)))
            }
        }
        let hasMore = rows.count > query.limit
        if hasMore { rows.removeLast() }
        var shared: [Int: [String: JSON]] = [:]
        func values(of owner: Int?) throws(StoreError) -> [String: JSON] {
            guard let owner else { return [:] }
            if let known = shared[owner] { return known }
            let values = try self.values(of: owner)
            shared[owner] = values
            return values
        }
        var page = SessionPage(sessions: [], next: nil)
        for (row, profile) in rows {
            let state = SessionState(
                session: try self.values(of: row.pk), user: try values(of: scope(app: row.key.app, user: row.key.user)),
                app: try values(of: scope(app: row.key.app, user: "")))
            let events = query.events > 0 ? try lastEvents(query.events, of: row, EventFilter()) : []
            page.sessions.append(SessionSnapshot(record: row.record(profile, at: now), state: state, events: events))
        }
        if hasMore, let (last, _) = rows.last {
            let time = query.order == .updated ? last.updatedAt : last.createdAt
            page.next = SessionQuery.Position(time: Timestamp(milliseconds: time), user: last.key.user, id: last.key.id)
        }
        return page
    }

    /// Whether so few sessions have a tag that sorting them costs less than looking for them in the list.
    private func isRare(_ tag: String, _ owner: SessionQuery.Owner) throws(StoreError) -> Bool {
        let statement: Statement
        switch owner {
        case .user(let key):
            statement = try db.statement("SELECT count(*) FROM (SELECT 1 FROM tags WHERE app = ?1 AND tag = ?2 AND user = ?3 LIMIT 1000)")
            try statement.bind(key.app, tag, key.user)
        case .app(let app):
            statement = try db.statement("SELECT count(*) FROM (SELECT 1 FROM tags WHERE app = ?1 AND tag = ?2 LIMIT 1000)")
            try statement.bind(app, tag)
        }
        defer { statement.reset() }
        return try statement.step() && statement.int(0) < 1000
    }
}

/// The statement of a list: which index it walks is said, not guessed.
struct SessionListSQL {
    let text: String

    init(_ query: SessionQuery, tagIsRare: Bool) {
        let isOfUser = if case .user = query.owner { true } else { false }
        let time = query.order == .updated ? "updated_ms" : "created_ms"
        let isAside = query.status.map { $0 != .active } ?? false
        let index = "\(isAside ? "aside" : "sessions")_\(isOfUser ? "user" : "app")_\(query.order == .updated ? "updated" : "created")"
        var conditions = ["s.app = ?1", "s.expires_ms > ?2"]
        if isOfUser { conditions.append("s.user = ?3") }
        switch query.status {
        case nil: break
        case .active: conditions.append("s.status = ?4")
        // Saying it twice, in the words of the index, is what lets SQLite use a partial index (https://sqlite.org/partialindex.html §3).
        default: conditions.append("s.status = ?4 AND s.status <> 0")
        }
        // The user counts in a user's list too: the position may come from the list of the application.
        if query.after != nil { conditions.append("(s.\(time), s.user, s.id) < (?5, ?6, ?7)") }
        if query.createdSince != nil { conditions.append("s.created_ms >= ?10") }
        if query.createdUntil != nil { conditions.append("s.created_ms < ?11") }
        if query.activeAgent != nil { conditions.append("p.active_agent = ?12") }
        let source: String
        if query.tags.isEmpty {
            source = "sessions s INDEXED BY \(index)"
        } else if tagIsRare {
            source = "tags t CROSS JOIN sessions s ON s.pk = t.session"
            conditions.append(isOfUser ? "t.app = ?1 AND t.user = ?3 AND t.tag = ?8" : "t.app = ?1 AND t.tag = ?8")
        } else {
            source = "sessions s INDEXED BY \(index)"
            let tags = (["?8"] + query.tags.indices.dropFirst().map { "?\(SessionListSQL.otherTags + $0)" }).joined(separator: ", ")
            conditions.append("EXISTS (SELECT 1 FROM tags t WHERE t.app = s.app AND t.user = s.user AND t.tag IN (\(tags)) AND t.session = s.pk)")
        }
        text = """
            SELECT s.pk, s.app, s.user, s.id, s.status, s.version, s.created_ms, s.updated_ms, s.expires_ms, s.ttl, s.events,
                s.tail_ms, s.tail_seq, s.floor_ms, s.floor_seq, s.requests, s.generation,
                s.lease_policy, s.lease_epoch, s.lease_holder, s.lease_ms, s.log, s.tokens,
                p.title, p.active_agent, p.tags, p.metadata, p.participants
            FROM \(source) CROSS JOIN profiles p ON p.session = s.pk
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY s.\(time) DESC\(isOfUser ? "" : ", s.user DESC"), s.id DESC LIMIT ?9
            """
    }

    /// The parameter of the first tag would be this one; those after it follow.
    private static let otherTags = 13

    func bind(to statement: Statement, _ query: SessionQuery, now: Int) throws(StoreError) {
        let (app, user): (String, String?) =
            switch query.owner {
            case .user(let key): (key.app, key.user)
            case .app(let app): (app, nil)
            }
        try statement.bind(
            app, now, user, query.status?.number, query.after?.time.milliseconds, query.after?.user, query.after?.id, query.tags.first,
            query.limit + 1)
        if let since = query.createdSince { try statement.bind(since.milliseconds, at: 10) }
        if let until = query.createdUntil { try statement.bind(until.milliseconds, at: 11) }
        if let agent = query.activeAgent { try statement.bind(agent, at: 12) }
        for (index, tag) in query.tags.enumerated().dropFirst() { try statement.bind(tag, at: SessionListSQL.otherTags + index) }
    }
}
