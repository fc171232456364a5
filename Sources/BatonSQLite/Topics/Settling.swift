internal import BatonCore

extension Writing {
    func settle(
        _ settlements: [Settlement], of topicName: String, as consumer: String, in groupName: String
    ) throws(StoreError) -> [SettlementOutcome] {
        let reading = reading
        var (topic, group) = try reading.existing(groupName, of: topicName)
        let wasFull = group.pending >= ConsumerGroup.pendingBound
        let before = db.changes
        var changesForOthers = false
        var outcomes: [SettlementOutcome] = []
        outcomes.reserveCapacity(settlements.count)
        for settlement in settlements {
            guard let row = try held(settlement, by: consumer, in: group, of: topic) else {
                outcomes.append(.fenced)
                continue
            }
            if try settle(row, settlement.action, in: &group, of: topic, at: reading.now) { changesForOthers = true }
            outcomes.append(.done)
        }
        guard db.changes != before else { return outcomes }
        try save(group)
        if changesForOthers || wasFull { hint(topic: topicName) }
        return outcomes
    }

    /// What a settlement is about, when whoever settles it still holds it.
    private func held(_ settlement: Settlement, by consumer: String, in group: GroupRow, of topic: TopicRow) throws(StoreError) -> HeldRow? {
        guard let place = topic.place(ofDelivery: settlement.id), let row = try reading.heldRow(at: place, in: group),
            let token = row.token, "\(token)" == settlement.token, let holder = row.consumer, Name.isSame(holder, consumer),
            topic.deliveryID(row.place, at: row.milliseconds) == settlement.id
        else { return nil }
        return row
    }

    /// Does one settlement; returns whether something is due now, or sooner, for others.
    private func settle(
        _ row: HeldRow, _ action: Settlement.Action, in group: inout GroupRow, of topic: TopicRow, at now: Int
    ) throws(StoreError) -> Bool {
        func failures(_ reason: String) throws(StoreError) -> [DeliveryFailure] {
            try row.failures().with(
                DeliveryFailure(attempt: row.attempt, consumer: row.consumer ?? "", time: Timestamp(milliseconds: now), reason: reason))
        }
        switch action {
        case .acknowledge:
            return try finish(row, in: &group)
        case .release:
            try db.run(
                "UPDATE held SET due_ms = ?3, token = NULL, consumer = NULL, attempt = attempt - 1 WHERE owner = ?1 AND place = ?2",
                group.pk, row.place, now)
            return true
        case .extend(let milliseconds):
            try db.run("UPDATE held SET due_ms = ?3 WHERE owner = ?1 AND place = ?2", group.pk, row.place, now + milliseconds)
            return now + milliseconds < row.dueAt
        case .terminate(let reason):
            return try bury(
                row, reading.event(at: row.place, copy: row.event, in: topic), failures(reason ?? DeliveryFailure.terminated), in: &group, of: topic)
        case .reject(let delay, let reason):
            let failures = try failures(reason ?? DeliveryFailure.rejected)
            guard row.attempt < group.settings.maximumDeliveries else {
                return try bury(row, reading.event(at: row.place, copy: row.event, in: topic), failures, in: &group, of: topic)
            }
            let delay = delay ?? Int.random(in: group.settings.backoff(afterAttempt: row.attempt))
            try db.run(
                "UPDATE held SET due_ms = ?3, token = NULL, consumer = NULL, history = ?4 WHERE owner = ?1 AND place = ?2",
                group.pk, row.place, now + delay, failures.stored)
            return true
        }
    }

    /// Takes an event out of what a group holds. The next of its key is due now; returns whether there is one.
    func finish(_ row: HeldRow, in group: inout GroupRow) throws(StoreError) -> Bool {
        try db.run("DELETE FROM held WHERE owner = ?1 AND place = ?2", group.pk, row.place)
        group.pending -= 1
        guard let key = row.key else { return false }
        let before = db.changes
        try db.run(
            """
            UPDATE held SET state = 1, due_ms = ?3 WHERE owner = ?1 AND state = 0
                AND place = (SELECT place FROM held INDEXED BY held_by_key WHERE owner = ?1 AND key = ?2 AND key IS NOT NULL ORDER BY place LIMIT 1)
            """, group.pk, key, reading.now)
        return db.changes > before
    }
}
