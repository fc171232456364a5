internal import BatonCore

// The topic of sessions: the events of all sessions and the table of their other changes, merged by the number that each took from the
// store's counter in the transaction that made it. Appending writes nothing for it.

extension Writing {
    /// Puts a change of a session, other than an appended event, on the topic of sessions.
    func record(_ change: SessionChange, of key: SessionKey, at now: Int, session: Int? = nil, seq: Int? = nil) throws(StoreError) {
        try db.run(
            "INSERT INTO session_changes (pk, ms, type, app, user, id, session, seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            nextEvent(), now, change.rawValue, key.app, key.user, key.id, session, seq)
    }

    /// Moves the floor over the oldest entries that are too many or too old, a step at a time; returns whether there may be more.
    func trimSessionChanges(upTo count: Int) throws(StoreError) -> Bool {
        let reading = reading
        guard let topic = try reading.topicRow(Topic.sessions) else { return false }
        var floor = topic.floor.seq
        var isCut = false
        if let age = topic.retention.maximumAge {
            let oldest = reading.now - age * 1000
            var looked = 0
            while looked < count, let (place, time) = try reading.firstChange(from: floor + 1), time < oldest {
                floor = place
                looked += 1
            }
            isCut = looked == count
        }
        let before = db.changes
        try db.run(
            "DELETE FROM session_changes WHERE pk IN (SELECT pk FROM session_changes WHERE pk <= ?1 ORDER BY pk LIMIT ?2)", floor, count)
        isCut = isCut || db.changes - before == Int64(count)
        try db.run("UPDATE topics SET floor_seq = ?2 WHERE pk = ?1 AND floor_seq < ?2", topic.pk, floor)
        return isCut
    }
}

extension Reading {
    /// The first entry with this number or a higher one, whether it will be passed over or not.
    func firstChange(from place: Int) throws(StoreError) -> (place: Int, milliseconds: Int)? {
        let statement = try db.statement(
            """
            SELECT pk, ms FROM (
                SELECT * FROM (SELECT pk, ms FROM events WHERE pk >= ?1 ORDER BY pk LIMIT 1)
                UNION ALL
                SELECT * FROM (SELECT pk, ms FROM session_changes WHERE pk >= ?1 ORDER BY pk LIMIT 1)
            ) ORDER BY pk LIMIT 1
            """)
        defer { statement.reset() }
        try statement.bind(place)
        return try statement.step() ? (statement.int(0), statement.int(1)) : nil
    }

    /// The change with this number; `nil` when it would be passed over.
    func change(at place: Int, in topic: TopicRow) throws(StoreError) -> TopicEntry? {
        if let entry = try appended(at: place, in: topic) { return entry }
        let statement = try db.statement("SELECT pk, ms, type, app, user, id, session, seq FROM session_changes WHERE pk = ?1")
        defer { statement.reset() }
        try statement.bind(place)
        return try statement.step() ? try change(statement, in: topic) : nil
    }

    /// Scans both tables; see ``scan(_:after:atMost:_:_:)``.
    func scanSessions(
        _ topic: TopicRow, after start: Offset, atMost bound: Int, _ filter: TopicFilter, _ body: (TopicEntry) throws(StoreError) -> Bool
    ) throws(StoreError) -> Offset {
        let chosen = SessionFilter(filter)
        let events = try db.statement(SessionChangeSQL.events)
        defer { events.reset() }
        let changes = try db.statement("SELECT pk, ms, type, app, user, id, session, seq FROM session_changes WHERE pk > ?1 AND pk <= ?2 ORDER BY pk")
        defer { changes.reset() }
        try events.bind(start.seq, topic.tail.seq)
        try changes.bind(start.seq, topic.tail.seq)
        var hasEvent = try events.step()
        var hasChange = try changes.step()
        var reached = start
        var count = 0
        while hasEvent || hasChange {
            guard count < bound else { return reached }
            count += 1
            let isEvent = hasEvent && (!hasChange || events.int(0) < changes.int(0))
            let place = isEvent ? events.int(0) : changes.int(0)
            if let entry = isEvent ? try appended(events, chosen, in: topic) : try change(changes, chosen, in: topic) {
                guard try body(entry) else { return reached }
            }
            reached = Offset(milliseconds: 0, seq: place)
            if isEvent { hasEvent = try events.step() } else { hasChange = try changes.step() }
        }
        return topic.tail
    }

    private func appended(at pk: Int, in topic: TopicRow) throws(StoreError) -> TopicEntry? {
        let statement = try db.statement(SessionChangeSQL.event)
        defer { statement.reset() }
        try statement.bind(pk)
        return try statement.step() ? try appended(statement, SessionFilter(TopicFilter()), in: topic) : nil
    }

    /// A row of ``SessionChangeSQL``; `nil` when it does not match, or belongs to a session that is gone, or was forgotten.
    private func appended(_ row: Statement, _ filter: SessionFilter, in topic: TopicRow) throws(StoreError) -> TopicEntry? {
        guard filter.texts.matches(type: SessionChange.appended.rawValue), let (key, event) = try sessionEvent(row), filter.matches(key) else {
            return nil
        }
        return entry(row.int(0), at: event.time.milliseconds, .appended, of: key, event: event)
    }

    private func sessionEvent(_ row: Statement) throws(StoreError) -> (key: SessionKey, event: Event)? {
        let seq = row.int(1)
        guard !row.isNull(6), row.int(10) > now, seq > row.int(11),
            let key = try? SessionKey(app: row.text(6), user: row.text(7), id: row.text(8))
        else { return nil }
        guard row.isNull(13) else {
            // Of a history in several logs: the log may say something of an event of an older one, and a newer one of this event.
            let segments = try segments(of: row.int(12))
            guard let segment = segments.all.first(where: { $0.log == row.int(14) }), segment.first...max(segment.first, segment.last) ~= seq
            else { return nil }
            return try event(at: seq, segments).map { (key, $0.event) }
        }
        let event = Event(
            id: row.optionalText(4) ?? SessionRecord.madeID(generation: row.text(9), seq: seq), seq: seq, time: Timestamp(milliseconds: row.int(2)),
            editedAt: row.optionalInt(3).map(Timestamp.init(milliseconds:)), body: row.json(5))
        return (key, event)
    }

    /// The event of a session, as it is now.
    private func event(at seq: Int, inSession pk: Int) throws(StoreError) -> Event? {
        let statement = try db.statement("SELECT log, generation, expires_ms, floor_seq FROM sessions WHERE pk = ?1")
        defer { statement.reset() }
        try statement.bind(pk)
        guard try statement.step(), statement.int(2) > now, seq > statement.int(3) else { return nil }
        if statement.isNull(0) { return try event(at: seq, in: pk, generation: statement.text(1))?.event }
        return try event(at: seq, segments(of: pk))?.event
    }

    /// A row of `session_changes`.
    private func change(_ row: Statement, _ filter: SessionFilter? = nil, in topic: TopicRow) throws(StoreError) -> TopicEntry? {
        guard let change = SessionChange(rawValue: row.text(2)) else {
            throw StoreError(.storeCorrupt, "a change of a session is of an unknown kind")
        }
        if let filter, !filter.texts.matches(type: change.rawValue) { return nil }
        let key: SessionKey
        do throws(StoreError) { key = try SessionKey(app: row.text(3), user: row.text(4), id: row.text(5)) } catch {
            throw StoreError(.storeCorrupt, "a change names a session that cannot be", underlying: error)
        }
        if let filter, !filter.matches(key) { return nil }
        var event: Event?
        if change.hasEvent {
            guard let found = try self.event(at: row.int(7), inSession: row.int(6)) else { return nil }
            event = found
        }
        return entry(row.int(0), at: row.int(1), change, of: key, event: event, removed: change == .removed ? row.optionalInt(7) : nil)
    }

    private func entry(
        _ place: Int, at time: Int, _ change: SessionChange, of key: SessionKey, event: Event?, removed: Int? = nil
    ) -> TopicEntry {
        let id = TopicPlace(shard: 0, milliseconds: 0, seq: place).text
        let event = TopicEvent(
            change, of: key, event: event, removed: removed, id: id, offset: TopicOffset(Offset(milliseconds: 0, seq: place)),
            time: Timestamp(milliseconds: time))
        return TopicEntry(place: place, milliseconds: time, event: event)
    }
}

/// Which changes are wanted, by session before anything is made of them.
private struct SessionFilter {
    let texts: TextFilter
    private let sessions: Set<SessionKey>?
    private let app: String?
    private let user: String?

    init(_ filter: TopicFilter) {
        texts = TextFilter(filter)
        sessions = filter.keys.isEmpty ? nil : Set(filter.keys.compactMap(SessionKey.init(path:)))
        app = filter.app
        user = filter.user
    }

    func matches(_ key: SessionKey) -> Bool {
        (app.map { Name.isSame($0, key.app) } ?? true) && (user.map { Name.isSame($0, key.user) } ?? true) && (sessions?.contains(key) ?? true)
    }
}

/// Events with what is needed of their sessions; those of a session that is gone have none.
///
/// A log carries the number of the session that made it, or, once that was forked, is one of its segments. Others that show it have
/// another generation.
enum SessionChangeSQL {
    static let events: StaticString = """
        SELECT e.pk, e.seq, e.ms, e.edited_ms, e.id, e.body, s.app, s.user, s.id, s.generation, s.expires_ms, s.floor_seq, s.pk, s.log, e.session
        FROM events AS e LEFT JOIN sessions AS s ON s.pk = coalesce(
            (SELECT pk FROM sessions WHERE pk = e.session),
            (SELECT o.pk FROM segments AS g JOIN sessions AS o ON o.pk = g.session AND o.generation = g.generation WHERE g.log = e.session))
        WHERE e.pk > ?1 AND e.pk <= ?2 ORDER BY e.pk
        """
    static let event: StaticString = """
        SELECT e.pk, e.seq, e.ms, e.edited_ms, e.id, e.body, s.app, s.user, s.id, s.generation, s.expires_ms, s.floor_seq, s.pk, s.log, e.session
        FROM events AS e LEFT JOIN sessions AS s ON s.pk = coalesce(
            (SELECT pk FROM sessions WHERE pk = e.session),
            (SELECT o.pk FROM segments AS g JOIN sessions AS o ON o.pk = g.session AND o.generation = g.generation WHERE g.log = e.session))
        WHERE e.pk = ?1
        """
}
