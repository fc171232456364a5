internal import BatonCore

extension Writing {
    /// Makes an event that a group holds a dead letter; the last of its failures says why. Returns whether that released another of its key.
    ///
    /// It keeps a copy of its event, because the topic need not. Of a session's event it keeps the place only: with the session it goes.
    func bury(
        _ row: HeldRow, _ event: TopicEvent?, _ failures: [DeliveryFailure], in group: inout GroupRow, of topic: TopicRow
    ) throws(StoreError) -> Bool {
        let refersToSession = topic.isSessions && event.flatMap { SessionChange(rawValue: $0.type)?.hasEvent } ?? true
        let copy = row.event ?? (refersToSession ? .null : event?.stored)
        let before = db.changes
        // After a move of the group the same event can die twice.
        try db.run("DELETE FROM dead WHERE owner = ?1 AND place = ?2", group.pk, row.place)
        let replaced = Int(db.changes - before)
        try db.run(
            "INSERT INTO dead (owner, place, ms, dead_ms, key, history, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            group.pk, row.place, row.milliseconds, reading.now, row.key, failures.stored, copy)
        group.dead += 1 - replaced
        let releases = try finish(row, in: &group)
        guard group.dead > ConsumerGroup.deadLetterBound else { return releases }
        try db.run(
            "DELETE FROM dead WHERE owner = ?1 AND place IN (SELECT place FROM dead WHERE owner = ?1 ORDER BY place LIMIT ?2)",
            group.pk, group.dead - ConsumerGroup.deadLetterBound)
        group.lost += group.dead - ConsumerGroup.deadLetterBound
        group.dead = ConsumerGroup.deadLetterBound
        return releases
    }

    func redrive(_ selection: DeadLetterSelection, in groupName: String, of topicName: String) throws(StoreError) -> Int {
        let reading = reading
        var (topic, group) = try reading.existing(groupName, of: topicName)
        var count = 0
        for row in try reading.deadRows(selection, in: group, of: topic) {
            if try reading.event(at: row.place, copy: row.event, in: topic) != nil, try reading.heldRow(at: row.place, in: group) == nil {
                guard group.pending < ConsumerGroup.pendingBound else { continue }
                let waits = try row.key.map { key throws(StoreError) in try reading.isBusy(key, in: group) } ?? false
                try db.run(
                    """
                    INSERT INTO held (owner, place, ms, state, due_ms, attempt, key, history, event) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8)
                    """, group.pk, row.place, row.milliseconds, waits ? 0 : 1, reading.now, row.key, row.history, row.event)
                group.pending += 1
                count += 1
            }
            try remove(row, from: &group)
        }
        try save(group)
        hint(topic: topicName)
        return count
    }

    func discard(_ selection: DeadLetterSelection, in groupName: String, of topicName: String) throws(StoreError) -> Int {
        let reading = reading
        var (topic, group) = try reading.existing(groupName, of: topicName)
        let rows = try reading.deadRows(selection, in: group, of: topic)
        for row in rows { try remove(row, from: &group) }
        try save(group)
        return rows.count
    }

    private func remove(_ row: DeadRow, from group: inout GroupRow) throws(StoreError) {
        try db.run("DELETE FROM dead WHERE owner = ?1 AND place = ?2", group.pk, row.place)
        group.dead -= 1
    }
}

/// An event that a group has given up, as it is stored.
struct DeadRow {
    let place: Int
    /// When the event was accepted.
    let milliseconds: Int
    let deadAt: Int
    let key: String?
    let history: JSON
    let event: JSON?
}

extension Reading {
    /// The dead letters that are meant, each once, in the order of the topic.
    fileprivate func deadRows(_ selection: DeadLetterSelection, in group: GroupRow, of topic: TopicRow) throws(StoreError) -> [DeadRow] {
        switch selection {
        case .oldest(let count): return try deadRows(after: -1, limit: count, in: group)
        case .ids(let ids):
            var rows: [Int: DeadRow] = [:]
            for id in ids {
                guard let place = topic.place(ofDelivery: id), rows[place] == nil,
                    let row = try deadRows(after: place - 1, limit: 1, in: group).first, row.place == place,
                    topic.deliveryID(place, at: row.milliseconds) == id
                else { continue }
                rows[place] = row
            }
            return rows.values.sorted { $0.place < $1.place }
        }
    }

    func deadRows(after place: Int, limit: Int, in group: GroupRow) throws(StoreError) -> [DeadRow] {
        let statement = try db.statement(
            "SELECT place, ms, dead_ms, key, history, event FROM dead WHERE owner = ?1 AND place > ?2 ORDER BY place LIMIT ?3")
        defer { statement.reset() }
        try statement.bind(group.pk, place, limit)
        var rows: [DeadRow] = []
        while try statement.step() {
            rows.append(
                DeadRow(
                    place: statement.int(0), milliseconds: statement.int(1), deadAt: statement.int(2), key: statement.optionalText(3),
                    history: statement.json(4), event: statement.isNull(5) ? nil : statement.json(5)))
        }
        return rows
    }
}
