internal import BatonCore

/// How far the floor of a topic moves, and what lies between.
struct TopicTrimming {
    var floor: Offset
    /// Of the data between the old floor and this one.
    var bytes = 0
}

extension Writing {
    /// The most events that one operation deletes of those it trims; the rest is left to be deleted bit by bit.
    private static var step: Int { 2000 }

    /// What has to go, and may, so that this much more fits; `nil` when nothing has to.
    /// - Throws: ``StoreError/Code/tooManyRequests`` when something has to go for its room that a group has not finished.
    func trimming(of topic: TopicRow, forEvents events: Int, bytes: Int, at now: Int) throws(StoreError) -> TopicTrimming? {
        let retention = topic.retention
        let oldest = retention.maximumAge.map { now - $0 * 1000 } ?? .min
        let statement = try db.statement("SELECT seq, ms, bytes FROM topic_events WHERE topic = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq")
        defer { statement.reset() }
        try statement.bind(topic.pk, topic.floor.seq, topic.tail.seq)
        var finished: Int?
        var result = TopicTrimming(floor: topic.floor)
        while try statement.step() {
            let (seq, time, size) = (statement.int(0), statement.int(1), statement.int(2))
            let needsRoom =
                retention.maximumEvents.map { topic.tail.seq - result.floor.seq + events > $0 } ?? false
                || retention.maximumBytes.map { topic.bytes - result.bytes + bytes > $0 } ?? false
            guard needsRoom || time < oldest else { break }
            if retention.policy == .safe {
                if finished == nil { finished = try self.finished(of: topic) }
                if let finished, seq > finished {
                    guard needsRoom, events > 0 else { break }
                    throw StoreError(.tooManyRequests, "the topic is full, and what would have to go is not finished by all of its groups")
                }
            }
            result.floor = Offset(milliseconds: time, seq: seq)
            result.bytes += size
        }
        return result.floor == topic.floor ? nil : result
    }

    /// The place up to which every group has finished everything. What a group holds a copy of keeps nothing.
    private func finished(of topic: TopicRow) throws(StoreError) -> Int {
        let statement = try db.statement(
            """
            SELECT min(coalesce((SELECT place - 1 FROM held WHERE owner = g.pk AND event IS NULL ORDER BY place LIMIT 1), place))
            FROM consumer_groups AS g WHERE topic = ?1
            """)
        defer { statement.reset() }
        try statement.bind(topic.pk)
        return try statement.step() ? statement.optionalInt(0) ?? .max : .max
    }

    /// Moves the floor and deletes what lies before it, a lot of it bit by bit.
    func trim(_ topic: inout TopicRow, by trimming: TopicTrimming?) throws(StoreError) {
        guard let trimming else { return }
        let excess = trimming.floor.seq - topic.floor.seq
        topic.floor = trimming.floor
        topic.bytes -= trimming.bytes
        try db.run(
            "DELETE FROM topic_events WHERE pk IN (SELECT pk FROM topic_events WHERE topic = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)",
            topic.pk, topic.floor.seq, Writing.step)
        if excess >= Writing.step { try discard(topic.pk, through: topic.floor.seq) }
    }

    /// Lets go of what became too old in topics that nobody publishes to, at most in `count` topics after one; returns the last of them, `nil` at the end.
    func trimOldTopics(after name: String?, upTo count: Int) throws(StoreError) -> String? {
        let reading = reading
        let topics = try reading.topicRows(after: name, limit: count)
        for var topic in topics where !topic.isSessions && topic.retention.maximumAge != nil {
            guard let trimming = try trimming(of: topic, forEvents: 0, bytes: 0, at: reading.now) else { continue }
            try trim(&topic, by: trimming)
            try save(topic)
        }
        return topics.count == count ? topics.last?.name : nil
    }

    // MARK: - Topics as a whole

    func retain(_ retention: TopicRetention, in name: String) throws(StoreError) -> Topic {
        var topic = try madeTopic(name)
        if topic.isSessions, retention.policy != .strict || retention.maximumBytes != nil {
            throw StoreError(
                .invalidField, "the topic \(Topic.sessions) is strict and counts no bytes: sessions are never refused because a group is slow")
        }
        topic.retention = retention
        try db.run(
            "UPDATE topics SET maximum_events = ?2, maximum_bytes = ?3, maximum_age = ?4, is_safe = ?5 WHERE pk = ?1",
            topic.pk, retention.maximumEvents, retention.maximumBytes, retention.maximumAge, retention.policy == .safe ? 1 : 0)
        if topic.isSessions {
            // What has gone stays gone: the floor is as it was under the retention before.
            try db.run("UPDATE topics SET floor_seq = ?2 WHERE pk = ?1 AND floor_seq < ?2", topic.pk, topic.floor.seq)
            while try trimSessionChanges(upTo: Writing.step) {}
        } else {
            try trim(&topic, by: trimming(of: topic, forEvents: 0, bytes: 0, at: max(reading.now, topic.tail.milliseconds)))
            try save(topic)
        }
        hint(topic: name)
        guard let row = try reading.topicRow(name) else { throw StoreError.noTopic }
        return row.topic
    }

    func deleteTopic(_ name: String) throws(StoreError) -> Bool {
        guard !Name.isSame(name, Topic.sessions) else { throw StoreError(.forbidden, "the topic \(Topic.sessions) cannot be deleted") }
        guard let topic = try reading.topicRow(name) else { return false }
        for group in try reading.groupRows(of: topic) { try delete(group) }
        try db.run("DELETE FROM topics WHERE pk = ?1", topic.pk)
        try discard(topic.pk)
        hint(topic: name)
        return true
    }
}
