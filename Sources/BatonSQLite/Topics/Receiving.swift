internal import BatonCore

extension Writing {
    func receive(_ limit: Int, from topicName: String, as consumer: String, in groupName: String) throws(StoreError) -> Received {
        let (topic, group) = try reading.existing(groupName, of: topicName)
        try note(consumer, of: group)
        var turn = ReceivingTurn(self, topic, group, consumer, limit)
        try turn.skipWhatIsGone()
        try turn.takeDue()
        try turn.takeNew()
        return try turn.finish()
    }

    /// Notes that a consumer has asked, to the second, and forgets those that have not for an hour when a new one comes.
    private func note(_ consumer: String, of group: GroupRow) throws(StoreError) {
        let now = reading.now
        let statement = try db.statement("SELECT seen_ms FROM consumers WHERE owner = ?1 AND name = ?2")
        defer { statement.reset() }
        try statement.bind(group.pk, consumer)
        let seen = try statement.step() ? statement.int(0) : nil
        if let seen, abs(now - seen) < 1000 { return }
        try db.run(
            "INSERT INTO consumers (owner, name, seen_ms) VALUES (?1, ?2, ?3) ON CONFLICT (owner, name) DO UPDATE SET seen_ms = excluded.seen_ms",
            group.pk, consumer, now)
        guard seen == nil else { return }
        try db.run(
            """
            DELETE FROM consumers WHERE owner = ?1 AND seen_ms < ?2
                AND name NOT IN (SELECT consumer FROM held WHERE owner = ?1 AND consumer IS NOT NULL)
            """, group.pk, now - Reading.consumerLifetime)
    }
}

/// One call of a consumer that wants events.
private struct ReceivingTurn {
    private let writing: Writing
    private let reading: Reading
    private var db: Connection { writing.db }
    private let topic: TopicRow
    private var group: GroupRow
    private let consumer: String
    private let limit: Int
    private let storedPosition: Offset
    private var deliveries: [Delivery] = []
    private var lost = 0
    /// It stopped at a bound of its own: there may be more.
    private var isCut = false

    /// How many entries are looked at that are not handed out.
    private static let bound = 2000

    init(_ writing: Writing, _ topic: TopicRow, _ group: GroupRow, _ consumer: String, _ limit: Int) {
        self.writing = writing
        self.reading = writing.reading
        self.topic = topic
        self.group = group
        self.consumer = consumer
        self.limit = limit
        storedPosition = group.position
    }

    mutating func skipWhatIsGone() throws(StoreError) {
        guard group.position.seq < topic.floor.seq else { return }
        lost += topic.floor.seq - group.position.seq
        group.position = topic.floor
    }

    // MARK: - Again

    /// Hands out what is due. Whatever it finds leaves the set of what is due; finishing one may bring the next of its key into it.
    mutating func takeDue() throws(StoreError) {
        var looked = 0
        while deliveries.count < limit {
            let rows = try due(atMost: limit - deliveries.count)
            if rows.isEmpty { return }
            for row in rows {
                looked += 1
                // What it released may come before the rest of these.
                if try take(row) { break }
            }
            if looked >= limit + ReceivingTurn.bound {
                isCut = true
                return
            }
        }
    }

    private func due(atMost count: Int) throws(StoreError) -> [HeldRow] {
        let statement = try db.statement(
            """
            SELECT place, ms, state, due_ms, token, consumer, attempt, key, history, event FROM held INDEXED BY held_by_due
            WHERE owner = ?1 AND state = 1 AND due_ms <= ?2 ORDER BY due_ms, place LIMIT ?3
            """)
        defer { statement.reset() }
        try statement.bind(group.pk, reading.now, count)
        var rows: [HeldRow] = []
        while try statement.step() { rows.append(statement.heldRow()) }
        return rows
    }

    /// Hands it out, buries or drops it; returns whether that released another of its key.
    private mutating func take(_ row: HeldRow) throws(StoreError) -> Bool {
        var failures = try row.failures()
        if let holder = row.consumer {
            failures = failures.with(
                DeliveryFailure(
                    attempt: row.attempt, consumer: holder, time: Timestamp(milliseconds: row.dueAt), reason: DeliveryFailure.leaseEnded))
        }
        let isTrimmed = row.event == nil && row.place <= topic.floor.seq
        guard !isTrimmed, let event = try reading.event(at: row.place, copy: row.event, in: topic) else {
            if isTrimmed { lost += 1 }
            return try writing.finish(row, in: &group)
        }
        if row.attempt >= group.settings.maximumDeliveries {
            return try writing.bury(row, event, failures, in: &group, of: topic)
        }
        group.tokens += 1
        let lease = reading.now + group.settings.leaseMilliseconds
        try db.run(
            "UPDATE held SET due_ms = ?3, token = ?4, consumer = ?5, attempt = ?6, history = ?7 WHERE owner = ?1 AND place = ?2",
            group.pk, row.place, lease, group.tokens, consumer, row.attempt + 1, failures.isEmpty ? nil : failures.stored)
        deliver(event, at: row.place, row.milliseconds, attempt: row.attempt + 1, until: lease)
        return false
    }

    // MARK: - New

    mutating func takeNew() throws(StoreError) {
        guard deliveries.count < limit, group.pending < ConsumerGroup.pendingBound, !isCut else { return }
        let (reading, topic, start, bound) = (reading, topic, group.position, limit + ReceivingTurn.bound)
        var isFull = false
        let reached = try reading.scan(topic, after: start, atMost: bound) { (entry) throws(StoreError) in
            guard deliveries.count < limit, group.pending < ConsumerGroup.pendingBound else {
                isFull = true
                return false
            }
            try takeNew(entry)
            return true
        }
        group.position = reached
        isCut = !isFull && reached != topic.tail
    }

    private mutating func takeNew(_ entry: TopicEntry) throws(StoreError) {
        let key = group.settings.isOrdered ? entry.event.key : nil
        let waits = try key.map { key throws(StoreError) in try reading.isBusy(key, in: group) } ?? false
        let lease = reading.now + group.settings.leaseMilliseconds
        let before = db.changes
        // What was redriven before the group came to it is pending already.
        try db.run(
            """
            INSERT INTO held (owner, place, ms, state, due_ms, token, consumer, attempt, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT (owner, place) DO NOTHING
            """, group.pk, entry.place, entry.milliseconds, waits ? 0 : 1, waits ? reading.now : lease, waits ? nil : group.tokens + 1,
            waits ? nil : consumer, waits ? 0 : 1, key)
        guard db.changes > before else { return }
        group.pending += 1
        guard !waits else { return }
        group.tokens += 1
        deliver(entry.event, at: entry.place, entry.milliseconds, attempt: 1, until: lease)
    }

    private mutating func deliver(_ event: TopicEvent, at place: Int, _ milliseconds: Int, attempt: Int, until lease: Int) {
        deliveries.append(
            Delivery(
                id: topic.deliveryID(place, at: milliseconds), token: "\(group.tokens)", attempt: attempt,
                leaseEndsAt: Timestamp(milliseconds: lease), event: event))
    }

    // MARK: - The end

    mutating func finish() throws(StoreError) -> Received {
        group.lost += lost
        try writing.save(group)
        let due = isCut ? reading.now : try reading.nextDue(of: group)
        return Received(deliveries: deliveries, nextDue: due.map(Timestamp.init(milliseconds:)), lost: lost)
    }
}

extension Reading {
    /// An event that a group has, from its copy or from its topic; `nil` when it is gone. An event of a session has no copy but the word
    /// `null`: it is there as long as its session has it, whatever the topic keeps.
    func event(at place: Int, copy: JSON?, in topic: TopicRow) throws(StoreError) -> TopicEvent? {
        if let copy, !copy.isNull { return try TopicEvent(stored: copy) }
        return try entry(at: place, in: topic)?.event
    }

    /// Whether an ordered group has something unfinished of the key.
    func isBusy(_ key: String, in group: GroupRow) throws(StoreError) -> Bool {
        let statement = try db.statement("SELECT 1 FROM held INDEXED BY held_by_key WHERE owner = ?1 AND key = ?2 AND key IS NOT NULL LIMIT 1")
        defer { statement.reset() }
        try statement.bind(group.pk, key)
        return try statement.step()
    }

    /// When the next lease or delay ends.
    func nextDue(of group: GroupRow) throws(StoreError) -> Int? {
        let statement = try db.statement(
            "SELECT due_ms FROM held INDEXED BY held_by_due WHERE owner = ?1 AND state = 1 ORDER BY due_ms LIMIT 1")
        defer { statement.reset() }
        try statement.bind(group.pk)
        return try statement.step() ? statement.int(0) : nil
    }
}
