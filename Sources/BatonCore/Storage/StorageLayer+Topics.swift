// Topics are no sessions: a layer has no say in them unless it implements their calls itself.
extension StorageLayer {
    /// As the storage behind does.
    public func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt {
        try await base.publish(batch, to: topic)
    }

    /// As the storage behind does.
    public func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage { try await base.events(in: topic, query) }

    /// As the storage behind does.
    public func topic(_ name: String) async throws(StoreError) -> Topic { try await base.topic(name) }

    /// As the storage behind does.
    public func topics(after name: String?, limit: Int) async throws(StoreError) -> [Topic] { try await base.topics(after: name, limit: limit) }

    /// As the storage behind does.
    public func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic {
        try await base.retain(retention, in: topic)
    }

    /// As the storage behind does.
    public func deleteTopic(_ name: String) async throws(StoreError) -> Bool { try await base.deleteTopic(name) }

    /// As the storage behind does.
    public func setGroup(
        _ group: String, of topic: String, _ settings: GroupSettings, from cursor: TopicCursor
    ) async throws(StoreError) -> (group: ConsumerGroup, created: Bool) {
        try await base.setGroup(group, of: topic, settings, from: cursor)
    }

    /// As the storage behind does.
    public func group(_ group: String, of topic: String) async throws(StoreError) -> ConsumerGroup { try await base.group(group, of: topic) }

    /// As the storage behind does.
    public func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup] { try await base.groups(of: topic) }

    /// As the storage behind does.
    public func deleteGroup(_ group: String, of topic: String) async throws(StoreError) -> Bool { try await base.deleteGroup(group, of: topic) }

    /// As the storage behind does.
    public func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received {
        try await base.receive(limit, from: topic, as: consumer, in: group)
    }

    /// As the storage behind does.
    public func settle(
        _ settlements: [Settlement], of topic: String, as consumer: String, in group: String
    ) async throws(StoreError) -> [SettlementOutcome] {
        try await base.settle(settlements, of: topic, as: consumer, in: group)
    }

    /// As the storage behind does.
    public func pending(
        in group: String, of topic: String, after id: String?, limit: Int
    ) async throws(StoreError) -> GroupPage<PendingDelivery> {
        try await base.pending(in: group, of: topic, after: id, limit: limit)
    }

    /// As the storage behind does.
    public func deadLetters(
        in group: String, of topic: String, after id: String?, limit: Int
    ) async throws(StoreError) -> GroupPage<DeadLetter> {
        try await base.deadLetters(in: group, of: topic, after: id, limit: limit)
    }

    /// As the storage behind does.
    public func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        try await base.redrive(selection, in: group, of: topic)
    }

    /// As the storage behind does.
    public func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        try await base.discard(selection, in: group, of: topic)
    }

    /// As the storage behind does.
    public func move(_ group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup {
        try await base.move(group, of: topic, to: cursor)
    }

    /// As the storage behind does.
    public func watch(topic: String) -> StorageObservation { base.watch(topic: topic) }

    /// As the storage behind does.
    public func signal(_ payload: JSON, on channel: String) async throws(StoreError) { try await base.signal(payload, on: channel) }

    /// As the storage behind does.
    public func listen(to channel: String, _ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation {
        try await base.listen(to: channel, listener)
    }
}
