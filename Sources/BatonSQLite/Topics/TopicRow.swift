internal import BatonCore

/// What a topic's row holds. In ``Topic/sessions`` a place is the number that a change took from the store's counter, and has no time.
struct TopicRow {
    let pk: Int
    let name: String
    var generation: String
    var tail: Offset
    var floor: Offset
    /// Of the data of all events after the floor.
    var bytes: Int
    /// How many idempotency keys it has been given.
    var requests: Int
    var retention: TopicRetention

    /// A topic that was never published to.
    static func absent(_ name: String) -> TopicRow {
        TopicRow(pk: 0, name: name, generation: "", tail: .start, floor: .start, bytes: 0, requests: 0, retention: .standard)
    }

    var isSessions: Bool { Name.isSame(name, Topic.sessions) }

    /// Where the entry with this number stands.
    func offset(_ place: Int, at milliseconds: Int) -> Offset { Offset(milliseconds: isSessions ? 0 : milliseconds, seq: place) }

    /// The id of an entry as a delivery.
    func deliveryID(_ place: Int, at milliseconds: Int) -> String {
        isSessions ? TopicPlace(shard: 0, milliseconds: 0, seq: place).text : offset(place, at: milliseconds).description
    }

    /// The number of the entry that a delivery's id stands for.
    func place(ofDelivery id: String) -> Int? {
        guard isSessions else { return Offset(id)?.seq }
        return TopicPlace(id).flatMap { $0.shard == 0 && $0.milliseconds == 0 ? $0.seq : nil }
    }

    var topic: Topic {
        Topic(
            name: name, count: isSessions ? nil : tail.seq - floor.seq, earliest: TopicOffset(floor), tail: TopicOffset(tail), generation: generation,
            retention: retention)
    }

    /// The cursor cannot be used any more.
    var gone: StoreError {
        StoreError(
            .offsetGone, "the cursor stands before what is kept of the topic, or in another generation of it",
            detail: .topicGone(earliest: TopicOffset(floor), tail: TopicOffset(tail), generation: generation))
    }
}

extension Reading {
    /// The topic's row, if there is such a topic.
    func topicRow(_ name: String) throws(StoreError) -> TopicRow? {
        let statement = try db.statement(
            """
            SELECT pk, name, generation, tail_ms, tail_seq, floor_ms, floor_seq, bytes, requests, maximum_events, maximum_bytes, maximum_age, is_safe
            FROM topics WHERE name = ?1
            """)
        defer { statement.reset() }
        try statement.bind(name)
        return try statement.step() ? try complete(statement.topicRow()) : nil
    }

    /// A page of the topics by name.
    func topicRows(after name: String?, limit: Int) throws(StoreError) -> [TopicRow] {
        let statement = try db.statement(
            """
            SELECT pk, name, generation, tail_ms, tail_seq, floor_ms, floor_seq, bytes, requests, maximum_events, maximum_bytes, maximum_age, is_safe
            FROM topics WHERE name > ?1 ORDER BY name LIMIT ?2
            """)
        defer { statement.reset() }
        try statement.bind(name ?? "", limit)
        var rows: [TopicRow] = []
        while try statement.step() { rows.append(try complete(statement.topicRow())) }
        return rows
    }

    /// The topic of sessions ends where the store's counter stands, and begins where its retention says.
    private func complete(_ row: TopicRow) throws(StoreError) -> TopicRow {
        guard row.isSessions else { return row }
        var row = row
        row.tail = Offset(milliseconds: 0, seq: try lastEvent())
        if let maximum = row.retention.maximumEvents {
            row.floor = Offset(milliseconds: 0, seq: max(row.floor.seq, row.tail.seq - maximum))
        }
        return row
    }

    private func lastEvent() throws(StoreError) -> Int {
        if let countedEvents { return countedEvents }
        let statement = try db.statement("SELECT last_event FROM counters")
        defer { statement.reset() }
        guard try statement.step() else { throw StoreError(.storeCorrupt, "\(db.path) has lost its counters") }
        return statement.int(0)
    }
}

extension Writing {
    /// The topic's row, made if there is none.
    func madeTopic(_ name: String) throws(StoreError) -> TopicRow {
        if let row = try reading.topicRow(name) { return row }
        let row = TopicRow(
            pk: nextOwner(), name: name, generation: Randomness.generation(), tail: .start, floor: .start, bytes: 0, requests: 0, retention: .standard
        )
        try db.run(
            """
            INSERT INTO topics (pk, name, generation, tail_ms, tail_seq, floor_ms, floor_seq, bytes, requests, maximum_events, maximum_bytes,
                maximum_age, is_safe)
            VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0, 0, ?4, ?5, ?6, ?7)
            """, row.pk, name, row.generation, row.retention.maximumEvents, row.retention.maximumBytes, row.retention.maximumAge,
            row.retention.policy == .safe ? 1 : 0)
        return row
    }

    /// Stores where the topic stands.
    func save(_ row: TopicRow) throws(StoreError) {
        try db.run(
            "UPDATE topics SET tail_ms = ?2, tail_seq = ?3, floor_ms = ?4, floor_seq = ?5, bytes = ?6, requests = ?7 WHERE pk = ?1",
            row.pk, row.tail.milliseconds, row.tail.seq, row.floor.milliseconds, row.floor.seq, row.bytes, row.requests)
    }
}

extension Statement {
    fileprivate func topicRow() -> TopicRow {
        TopicRow(
            pk: int(0), name: text(1), generation: text(2), tail: Offset(milliseconds: int(3), seq: int(4)),
            floor: Offset(milliseconds: int(5), seq: int(6)), bytes: int(7), requests: int(8),
            retention: TopicRetention(
                maximumEvents: optionalInt(9), maximumBytes: optionalInt(10), maximumAge: optionalInt(11), policy: int(12) == 1 ? .safe : .strict))
    }
}
