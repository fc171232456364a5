public import BatonCore

/// A storage made for a test that leaves the event bus to the one behind it.
public protocol TopicForwarding: TopicStorage {
    associatedtype Topics: TopicStorage
    /// The storage behind it.
    var topics: Topics { get }
}

extension TopicForwarding {
    /// As the storage behind it does.
    public func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt {
        try await topics.publish(batch, to: topic)
    }

    /// As the storage behind it does.
    public func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage { try await topics.events(in: topic, query) }

    /// As the storage behind it does.
    public func topic(_ name: String) async throws(StoreError) -> Topic { try await topics.topic(name) }

    /// As the storage behind it does.
    public func topics(after name: String?, limit: Int) async throws(StoreError) -> [Topic] { try await topics.topics(after: name, limit: limit) }

    /// As the storage behind it does.
    public func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic {
        try await topics.retain(retention, in: topic)
    }

    /// As the storage behind it does.
    public func deleteTopic(_ name: String) async throws(StoreError) -> Bool { try await topics.deleteTopic(name) }

    /// As the storage behind it does.
    public func setGroup(
        _ group: String, of topic: String, _ settings: GroupSettings, from cursor: TopicCursor
    ) async throws(StoreError) -> (group: ConsumerGroup, created: Bool) {
        try await topics.setGroup(group, of: topic, settings, from: cursor)
    }

    /// As the storage behind it does.
    public func group(_ group: String, of topic: String) async throws(StoreError) -> ConsumerGroup { try await topics.group(group, of: topic) }

    /// As the storage behind it does.
    public func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup] { try await topics.groups(of: topic) }

    /// As the storage behind it does.
    public func deleteGroup(_ group: String, of topic: String) async throws(StoreError) -> Bool { try await topics.deleteGroup(group, of: topic) }

    /// As the storage behind it does.
    public func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received {
        try await topics.receive(limit, from: topic, as: consumer, in: group)
    }

    /// As the storage behind it does.
    public func settle(
        _ settlements: [Settlement], of topic: String, as consumer: String, in group: String
    ) async throws(StoreError) -> [SettlementOutcome] {
        try await topics.settle(settlements, of: topic, as: consumer, in: group)
    }

    /// As the storage behind it does.
    public func pending(
        in group: String, of topic: String, after id: String?, limit: Int
    ) async throws(StoreError) -> GroupPage<PendingDelivery> {
        try await topics.pending(in: group, of: topic, after: id, limit: limit)
    }

    /// As the storage behind it does.
    public func deadLetters(
        in group: String, of topic: String, after id: String?, limit: Int
    ) async throws(StoreError) -> GroupPage<DeadLetter> {
        try await topics.deadLetters(in: group, of: topic, after: id, limit: limit)
    }

    /// As the storage behind it does.
    public func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        try await topics.redrive(selection, in: group, of: topic)
    }

    /// As the storage behind it does.
    public func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        try await topics.discard(selection, in: group, of: topic)
    }

    /// As the storage behind it does.
    public func move(_ group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup {
        try await topics.move(group, of: topic, to: cursor)
    }

    /// As the storage behind it does.
    public func watch(topic: String) -> StorageObservation { topics.watch(topic: topic) }

    /// As the storage behind it does.
    public func signal(_ payload: JSON, on channel: String) async throws(StoreError) { try await topics.signal(payload, on: channel) }

    /// As the storage behind it does.
    public func listen(to channel: String, _ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation {
        try await topics.listen(to: channel, listener)
    }
}
