public import BatonCore

/// A storage made for a test that has no event bus: every call is refused.
public protocol WithoutTopics: TopicStorage {}

extension StoreError {
    fileprivate static let noTopics = StoreError(.storeIncompatible, "this storage has no topics")
}

extension WithoutTopics {
    /// Refused.
    public func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt { throw .noTopics }

    /// Refused.
    public func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage { throw .noTopics }

    /// Refused.
    public func topic(_ name: String) async throws(StoreError) -> Topic { throw .noTopics }

    /// Refused.
    public func topics(after name: String?, limit: Int) async throws(StoreError) -> [Topic] { throw .noTopics }

    /// Refused.
    public func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic { throw .noTopics }

    /// Refused.
    public func deleteTopic(_ name: String) async throws(StoreError) -> Bool { throw .noTopics }

    /// Refused.
    public func setGroup(
        _ group: String, of topic: String, _ settings: GroupSettings, from cursor: TopicCursor
    ) async throws(StoreError) -> (group: ConsumerGroup, created: Bool) { throw .noTopics }

    /// Refused.
    public func group(_ group: String, of topic: String) async throws(StoreError) -> ConsumerGroup { throw .noTopics }

    /// Refused.
    public func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup] { throw .noTopics }

    /// Refused.
    public func deleteGroup(_ group: String, of topic: String) async throws(StoreError) -> Bool { throw .noTopics }

    /// Refused.
    public func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received {
        throw .noTopics
    }

    /// Refused.
    public func settle(
        _ settlements: [Settlement], of topic: String, as consumer: String, in group: String
    ) async throws(StoreError) -> [SettlementOutcome] { throw .noTopics }

    /// Refused.
    public func pending(
        in group: String, of topic: String, after id: String?, limit: Int
    ) async throws(StoreError) -> GroupPage<PendingDelivery> { throw .noTopics }

    /// Refused.
    public func deadLetters(
        in group: String, of topic: String, after id: String?, limit: Int
    ) async throws(StoreError) -> GroupPage<DeadLetter> { throw .noTopics }

    /// Refused.
    public func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int { throw .noTopics }

    /// Refused.
    public func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int { throw .noTopics }

    /// Refused.
    public func move(_ group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup { throw .noTopics }

    /// Refused.
    public func signal(_ payload: JSON, on channel: String) async throws(StoreError) { throw .noTopics }

    /// Refused.
    public func listen(
        to channel: String, _ listener: @escaping @Sendable (JSON) -> Void
    ) async throws(StoreError) -> StorageObservation { throw .noTopics }
}
