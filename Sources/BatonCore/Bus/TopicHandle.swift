/// A handle on one topic of a store. It holds nothing but the name, so it is free to make and never stale.
public struct TopicHandle: Sendable {
    /// The name of the topic.
    public let name: String
    package let store: SessionStore

    init(name: String, store: SessionStore) {
        self.name = name
        self.store = store
    }

    /// Publishes one event.
    @discardableResult
    public func publish(
        _ data: JSON, type: String, key: String? = nil, id: String? = nil, time: Timestamp? = nil
    ) async throws(StoreError) -> PublishReceipt {
        try await publish([TopicEventDraft(type: type, key: key, data: data, id: id, time: time)])
    }

    /// Publishes several events, all or none. A retry with the same idempotency key stores nothing.
    @discardableResult
    public func publish(_ events: [TopicEventDraft], idempotencyKey: String? = nil) async throws(StoreError) -> PublishReceipt {
        try await store.publish(TopicBatch(events, idempotencyKey: idempotencyKey), to: name)
    }

    /// A page of events.
    public func events(_ query: TopicQuery = TopicQuery()) async throws(StoreError) -> TopicPage {
        try await store.events(in: name, query)
    }

    /// What is there from `cursor` on, then what comes, without gap or duplicate.
    ///
    /// Throws ``StoreError/Code/offsetGone`` when its place was trimmed away, or the topic was deleted.
    public func follow(from cursor: TopicCursor = .start, filter: TopicFilter = TopicFilter()) -> EventSequence<TopicLog> {
        let (store, name) = (store, name)
        return EventSequence { () throws(StoreError) in try await store.follower(of: name, from: cursor, filter: filter) }
    }

    /// What is known of the topic.
    public func inspect() async throws(StoreError) -> Topic { try await store.inspect(topic: name) }

    /// Sets what the topic keeps.
    @discardableResult
    public func retain(_ retention: TopicRetention) async throws(StoreError) -> Topic { try await store.retain(retention, in: name) }

    /// Deletes the topic with its groups; absent is fine.
    public func delete() async throws(StoreError) { try await store.delete(topic: name) }

    /// A handle on one group of the topic's consumers, whether it exists or not.
    /// - Throws: ``StoreError/Code/invalidName``.
    public func group(_ name: String) throws(StoreError) -> GroupHandle {
        GroupHandle(topic: self.name, name: try Name.checked(name, "the group"), store: store)
    }
}
