internal import BatonCore

/// What a group's row holds.
struct GroupRow {
    let pk: Int
    let name: String
    var settings: GroupSettings
    /// Everything up to here was handed out or set aside.
    var position: Offset
    /// How many tokens it has given out.
    var tokens: Int
    var pending: Int
    var dead: Int
    var lost: Int
}

/// An event that a group has not finished, as it is stored.
struct HeldRow {
    let place: Int
    /// When the event was accepted.
    let milliseconds: Int
    /// Handed out, or due some time; otherwise it waits behind another of its key.
    let isActive: Bool
    let dueAt: Int
    let token: Int?
    let consumer: String?
    let attempt: Int
    /// Its key in an ordered group.
    let key: String?
    let history: JSON?
    /// A copy, when the topic may not have it any more.
    let event: JSON?

    func failures() throws(StoreError) -> [DeliveryFailure] { try history.map([DeliveryFailure].init(stored:)) ?? [] }
}

extension Reading {
    func groupRow(_ name: String, of topic: TopicRow) throws(StoreError) -> GroupRow? {
        let statement = try db.statement(
            """
            SELECT pk, name, maximum_deliveries, lease, backoff, maximum_backoff, is_ordered, place, place_ms, tokens, pending, dead, lost
            FROM consumer_groups WHERE topic = ?1 AND name = ?2
            """)
        defer { statement.reset() }
        try statement.bind(topic.pk, name)
        return try statement.step() ? statement.groupRow(of: topic) : nil
    }

    /// The groups of a topic by name.
    func groupRows(of topic: TopicRow) throws(StoreError) -> [GroupRow] {
        let statement = try db.statement(
            """
            SELECT pk, name, maximum_deliveries, lease, backoff, maximum_backoff, is_ordered, place, place_ms, tokens, pending, dead, lost
            FROM consumer_groups WHERE topic = ?1 ORDER BY name
            """)
        defer { statement.reset() }
        try statement.bind(topic.pk)
        var rows: [GroupRow] = []
        while try statement.step() { rows.append(statement.groupRow(of: topic)) }
        return rows
    }

    /// A topic and a group of it.
    /// - Throws: ``StoreError/noGroup``.
    func existing(_ group: String, of topic: String) throws(StoreError) -> (TopicRow, GroupRow) {
        guard let topic = try topicRow(topic), let group = try groupRow(group, of: topic) else { throw StoreError.noGroup }
        return (topic, group)
    }

    func heldRow(at place: Int, in group: GroupRow) throws(StoreError) -> HeldRow? {
        let statement = try db.statement(
            "SELECT place, ms, state, due_ms, token, consumer, attempt, key, history, event FROM held WHERE owner = ?1 AND place = ?2")
        defer { statement.reset() }
        try statement.bind(group.pk, place)
        return try statement.step() ? statement.heldRow() : nil
    }
}

extension Writing {
    /// Makes a group, or gives the one that is there other settings.
    func setGroup(
        _ name: String, of topicName: String, _ settings: GroupSettings, from cursor: TopicCursor
    ) throws(StoreError) -> (group: ConsumerGroup, created: Bool) {
        let reading = reading
        let known = try reading.topicRow(topicName)
        if let topic = known, var group = try reading.groupRow(name, of: topic) {
            let isOrdered = group.settings.isOrdered
            group.settings = settings
            group.settings.isOrdered = isOrdered
            try db.run(
                "UPDATE consumer_groups SET maximum_deliveries = ?2, lease = ?3, backoff = ?4, maximum_backoff = ?5 WHERE pk = ?1",
                group.pk, settings.maximumDeliveries, settings.leaseMilliseconds, settings.backoffMilliseconds, settings.maximumBackoffMilliseconds)
            return (try reading.consumerGroup(group, of: topic), false)
        }
        let place = try reading.place(of: cursor, in: known ?? .absent(topicName))
        let topic = try madeTopic(topicName)
        let group = GroupRow(pk: nextOwner(), name: name, settings: settings, position: place, tokens: 0, pending: 0, dead: 0, lost: 0)
        try db.run(
            """
            INSERT INTO consumer_groups (pk, topic, name, maximum_deliveries, lease, backoff, maximum_backoff, is_ordered, place, place_ms, tokens,
                pending, dead, lost)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, 0)
            """, group.pk, topic.pk, name, settings.maximumDeliveries, settings.leaseMilliseconds, settings.backoffMilliseconds,
            settings.maximumBackoffMilliseconds, settings.isOrdered ? 1 : 0, place.seq, place.milliseconds)
        hint(topic: topicName)
        return (try reading.consumerGroup(group, of: topic), true)
    }

    /// Stores where the group stands.
    func save(_ group: GroupRow) throws(StoreError) {
        try db.run(
            "UPDATE consumer_groups SET place = ?2, place_ms = ?3, tokens = ?4, pending = ?5, dead = ?6, lost = ?7 WHERE pk = ?1",
            group.pk, group.position.seq, group.position.milliseconds, group.tokens, group.pending, group.dead, group.lost)
    }

    func deleteGroup(_ name: String, of topicName: String) throws(StoreError) -> Bool {
        guard let topic = try reading.topicRow(topicName), let group = try reading.groupRow(name, of: topic) else { return false }
        try delete(group)
        hint(topic: topicName)
        return true
    }

    /// Takes a group away at once; what belongs to it is deleted bit by bit.
    func delete(_ group: GroupRow) throws(StoreError) {
        try db.run("DELETE FROM consumer_groups WHERE pk = ?1", group.pk)
        try discard(group.pk)
    }

    func move(_ name: String, of topicName: String, to cursor: TopicCursor) throws(StoreError) -> ConsumerGroup {
        let reading = reading
        var (topic, group) = try reading.existing(name, of: topicName)
        group.position = try reading.place(of: cursor, in: topic)
        group.pending = 0
        try db.run("DELETE FROM held WHERE owner = ?1", group.pk)
        try save(group)
        hint(topic: topicName)
        return try reading.consumerGroup(group, of: topic)
    }
}

extension Statement {
    fileprivate func groupRow(of topic: TopicRow) -> GroupRow {
        GroupRow(
            pk: int(0), name: text(1),
            settings: GroupSettings(
                maximumDeliveries: int(2), leaseMilliseconds: int(3), backoffMilliseconds: int(4), maximumBackoffMilliseconds: int(5),
                isOrdered: int(6) == 1), position: Offset(milliseconds: int(8), seq: int(7)), tokens: int(9), pending: int(10), dead: int(11),
            lost: int(12))
    }

    /// The columns place, ms, state, due_ms, token, consumer, attempt, key, history, event.
    func heldRow() -> HeldRow {
        HeldRow(
            place: int(0), milliseconds: int(1), isActive: int(2) == 1, dueAt: int(3), token: optionalInt(4), consumer: optionalText(5),
            attempt: int(6), key: optionalText(7), history: isNull(8) ? nil : json(8), event: isNull(9) ? nil : json(9))
    }
}
