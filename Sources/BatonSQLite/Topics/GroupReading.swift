internal import BatonCore

extension Reading {
    /// How long a consumer that holds nothing is remembered, in milliseconds.
    static var consumerLifetime: Int { 3_600_000 }

    /// What is known of a group.
    func consumerGroup(_ group: GroupRow, of topic: TopicRow) throws(StoreError) -> ConsumerGroup {
        ConsumerGroup(
            topic: topic.name, name: group.name, settings: group.settings, position: TopicOffset(group.position),
            lag: min(ConsumerGroup.countBound, topic.tail.seq - max(group.position.seq, topic.floor.seq)), pending: group.pending, dead: group.dead,
            lost: group.lost, oldestUnfinished: try oldestUnfinished(of: group, in: topic), consumers: try consumers(of: group))
    }

    private func oldestUnfinished(of group: GroupRow, in topic: TopicRow) throws(StoreError) -> Timestamp? {
        let statement = try db.statement("SELECT ms FROM held WHERE owner = ?1 ORDER BY place LIMIT 1")
        defer { statement.reset() }
        try statement.bind(group.pk)
        var oldest = try statement.step() ? statement.int(0) : nil
        _ = try scan(topic, after: max(group.position, topic.floor), atMost: Reading.scanBound) { (entry) throws(StoreError) in
            oldest = min(oldest ?? .max, entry.milliseconds)
            return false
        }
        return oldest.map(Timestamp.init(milliseconds:))
    }

    private func consumers(of group: GroupRow) throws(StoreError) -> [ConsumerGroup.Consumer] {
        let statement = try db.statement(
            """
            SELECT c.name, c.seen_ms, coalesce(h.count, 0) FROM consumers AS c
            LEFT JOIN (SELECT consumer, count(*) AS count FROM held WHERE owner = ?1 AND consumer IS NOT NULL GROUP BY consumer) AS h
                ON h.consumer = c.name
            WHERE c.owner = ?1 AND (c.seen_ms >= ?2 OR h.count > 0) ORDER BY c.name
            """)
        defer { statement.reset() }
        try statement.bind(group.pk, now - Reading.consumerLifetime)
        var consumers: [ConsumerGroup.Consumer] = []
        while try statement.step() {
            consumers.append(
                ConsumerGroup.Consumer(name: statement.text(0), held: statement.int(2), seenAt: Timestamp(milliseconds: statement.int(1))))
        }
        return consumers
    }

    /// A page of what a group holds.
    func pending(in group: GroupRow, of topic: TopicRow, after id: String?, limit: Int) throws(StoreError) -> GroupPage<PendingDelivery> {
        let statement = try db.statement(
            """
            SELECT place, ms, state, due_ms, token, consumer, attempt, key, history, event FROM held
            WHERE owner = ?1 AND place > ?2 ORDER BY place LIMIT ?3
            """)
        defer { statement.reset() }
        try statement.bind(group.pk, try place(after: id, of: topic), limit + 1)
        var page = GroupPage<PendingDelivery>(elements: [], next: nil)
        while try statement.step() {
            let row = statement.heldRow()
            guard page.elements.count < limit else {
                page.next = page.elements.last?.id
                break
            }
            page.elements.append(
                PendingDelivery(
                    id: topic.deliveryID(row.place, at: row.milliseconds), consumer: row.consumer, attempt: row.attempt,
                    dueAt: Timestamp(milliseconds: row.dueAt), history: try row.failures()))
        }
        return page
    }

    /// A page of a group's dead letters.
    func deadLetters(in group: GroupRow, of topic: TopicRow, after id: String?, limit: Int) throws(StoreError) -> GroupPage<DeadLetter> {
        let rows = try deadRows(after: place(after: id, of: topic), limit: limit + 1, in: group)
        var page = GroupPage<DeadLetter>(elements: [], next: nil)
        var bytes = 0
        for row in rows {
            guard page.elements.count < limit, bytes < Reading.pageBytes else {
                page.next = page.elements.last?.id
                break
            }
            let history = try [DeliveryFailure](stored: row.history)
            let event = try event(at: row.place, copy: row.event, in: topic)
            bytes += event?.data.bytes.count ?? 0
            page.elements.append(
                DeadLetter(
                    id: topic.deliveryID(row.place, at: row.milliseconds), time: Timestamp(milliseconds: row.deadAt),
                    reason: history.last?.reason ?? "", history: history, event: event))
        }
        return page
    }

    private func place(after id: String?, of topic: TopicRow) throws(StoreError) -> Int {
        guard let id else { return -1 }
        guard let place = topic.place(ofDelivery: id) else { throw StoreError(.invalidCursor, "a page goes on after the id of a delivery") }
        return place
    }
}
