public import BatonCore

extension SQLiteStorage {
    // MARK: - Topics

    /// Publishes a batch.
    public func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt {
        try await write { (writing) throws(StoreError) in try writing.publish(batch, to: topic) }
    }

    /// A page of a topic.
    public func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage {
        try await read { (reading) throws(StoreError) in try reading.page(of: reading.topicRow(topic) ?? .absent(topic), query) }
    }

    /// What is known of a topic.
    public func topic(_ name: String) async throws(StoreError) -> Topic {
        try await read { (reading) throws(StoreError) in
            guard let row = try reading.topicRow(name) else { throw StoreError.noTopic }
            return row.topic
        }
    }

    /// A page of the topics.
    public func topics(after name: String?, limit: Int) async throws(StoreError) -> [Topic] {
        try await read { (reading) throws(StoreError) in try reading.topicRows(after: name, limit: limit).map(\.topic) }
    }

    /// Sets what a topic keeps.
    public func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic {
        try await write { (writing) throws(StoreError) in try writing.retain(retention, in: topic) }
    }

    /// Deletes a topic with its groups.
    public func deleteTopic(_ name: String) async throws(StoreError) -> Bool {
        try await write { (writing) throws(StoreError) in try writing.deleteTopic(name) }
    }

    // MARK: - Groups

    /// Makes a group, or gives it other settings.
    public func setGroup(
        _ group: String, of topic: String, _ settings: GroupSettings, from cursor: TopicCursor
    ) async throws(StoreError) -> (group: ConsumerGroup, created: Bool) {
        let (known, created) = try await write { (writing) throws(StoreError) in
            let (known, created) = try writing.setGroup(group, of: topic, settings, from: cursor)
            return MadeGroup(group: known, created: created)
        }.parts
        return (known, created)
    }

    /// What is known of a group.
    public func group(_ group: String, of topic: String) async throws(StoreError) -> ConsumerGroup {
        try await read(group, of: topic) { (reading, topic, group) throws(StoreError) in try reading.consumerGroup(group, of: topic) }
    }

    /// The groups of a topic.
    public func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup] {
        try await read { (reading) throws(StoreError) in
            guard let row = try reading.topicRow(topic) else { return [] }
            var groups: [ConsumerGroup] = []
            for group in try reading.groupRows(of: row) { groups.append(try reading.consumerGroup(group, of: row)) }
            return groups
        }
    }

    /// Deletes a group.
    public func deleteGroup(_ group: String, of topic: String) async throws(StoreError) -> Bool {
        try await write { (writing) throws(StoreError) in try writing.deleteGroup(group, of: topic) }
    }

    /// Hands out events.
    public func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received {
        try await write { (writing) throws(StoreError) in try writing.receive(limit, from: topic, as: consumer, in: group) }
    }

    /// Settles deliveries.
    public func settle(
        _ settlements: [Settlement], of topic: String, as consumer: String, in group: String
    ) async throws(StoreError) -> [SettlementOutcome] {
        try await write { (writing) throws(StoreError) in try writing.settle(settlements, of: topic, as: consumer, in: group) }
    }

    /// A page of what a group holds.
    public func pending(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<PendingDelivery> {
        try await read(group, of: topic) { (reading, topic, group) throws(StoreError) in
            try reading.pending(in: group, of: topic, after: id, limit: limit)
        }
    }

    /// A page of a group's dead letters.
    public func deadLetters(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<DeadLetter> {
        try await read(group, of: topic) { (reading, topic, group) throws(StoreError) in
            try reading.deadLetters(in: group, of: topic, after: id, limit: limit)
        }
    }

    /// Puts dead letters back.
    public func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        try await write { (writing) throws(StoreError) in try writing.redrive(selection, in: group, of: topic) }
    }

    /// Removes dead letters.
    public func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        try await write { (writing) throws(StoreError) in try writing.discard(selection, in: group, of: topic) }
    }

    /// Moves a group.
    public func move(_ group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup {
        try await write { (writing) throws(StoreError) in try writing.move(group, of: topic, to: cursor) }
    }

    private func read<Value: Sendable>(
        _ group: String, of topic: String, _ body: @escaping @Sendable (Reading, TopicRow, GroupRow) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await read { (reading) throws(StoreError) in
            let (topic, group) = try reading.existing(group, of: topic)
            return try body(reading, topic, group)
        }
    }

    // MARK: - Signals

    /// Tells listeners of this process at once, and those of others within 50 ms.
    public func signal(_ payload: JSON, on channel: String) async throws(StoreError) {
        let sender = isShared ? listeners.sender : nil
        try await write { (writing) throws(StoreError) in try writing.signal(payload, on: channel, from: sender) }
    }

    /// Calls `listener` with every signal from now on.
    public func listen(to channel: String, _ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation {
        let start = try await read { (reading) throws(StoreError) in try reading.lastSignal() }
        defer { watchOthers() }
        return listeners.add(to: channel, after: start, listener)
    }
}

private struct MadeGroup: Sendable {
    let group: ConsumerGroup
    let created: Bool

    var parts: (ConsumerGroup, Bool) { (group, created) }
}
