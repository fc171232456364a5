internal import BatonTelemetry

extension SessionStore {
    /// A handle on one topic, whether it exists or not.
    /// - Throws: ``StoreError/Code/invalidName`` when the name is empty or over 256 bytes.
    public func topic(_ name: String) throws(StoreError) -> TopicHandle {
        TopicHandle(name: try Name.checked(name, "the topic"), store: self)
    }

    // MARK: - Publishing

    /// Publishes events to a topic, all or none.
    /// - Throws: ``StoreError/Code/tooManyRequests`` when the topic is full and a group is behind, ``StoreError/Code/idempotencyMismatch``,
    ///   ``StoreError/Code/forbidden`` for ``Topic/sessions``.
    public func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt {
        let topic = try Name.checked(topic, "the topic")
        let batch = try batch.checked()
        return try await perform(.publishEvents, on: BusSubject(topic: topic)) { () throws(StoreError) in
            self.note("messaging.batch.message_count", .int(batch.events.count))
            return try await self.storage.publish(batch.carryingTrace(), to: topic)
        }
    }

    // MARK: - Reading

    /// A page of a topic.
    /// - Throws: ``StoreError/Code/offsetGone`` when the cursor stands in a part that was trimmed, or in an earlier topic of the name.
    public func events(in topic: String, _ query: TopicQuery = TopicQuery()) async throws(StoreError) -> TopicPage {
        let topic = try Name.checked(topic, "the topic")
        try Check.range(query.limit, 1...EventQuery.maximumLimit, "limit")
        try Check.cursor(query.cursor)
        return try await perform(.readTopic, on: BusSubject(topic: topic)) { () throws(StoreError) in try await self.storage.events(in: topic, query)
        }
    }

    /// A follower of a topic, not started yet.
    ///
    /// The first page is read here, so that a cursor that is gone is an error of this call and not of the stream. Nothing is lost between this
    /// read and the live end: hints are heard from before it.
    /// - Throws: ``StoreError/Code/offsetGone``, or why the storage could not be read.
    public func follower(
        of topic: String, from cursor: TopicCursor = .start, filter: TopicFilter = TopicFilter()
    ) async throws(StoreError) -> Follower<TopicLog> {
        let name = try Name.checked(topic, "the topic")
        return try await topicFeeds.follower(of: TopicLog.Key(name), filter) { () throws(StoreError) in
            FollowedPage(try await self.events(in: name, TopicQuery(from: cursor, limit: EventFeed<TopicLog>.pageSize, filter: filter)))
        }
    }

    /// Calls `listener` whenever something may be new for readers or consumers of a topic, on any thread, until the observation is cancelled. It has
    /// to return at once.
    /// - Throws: ``StoreError/Code/invalidName``.
    public func watch(topic: String, _ listener: @escaping @Sendable () -> Void) throws(StoreError) -> StorageObservation {
        let key = TopicLog.Key(try Name.checked(topic, "the topic"))
        let hints = storage.observe { hint in
            if TopicLog.concern(of: hint).covers(key) { listener() }
        }
        let watch = storage.watch(topic: key.name)
        return StorageObservation {
            watch.cancel()
            hints.cancel()
        }
    }

    // MARK: - Topics as a whole

    /// What is known of a topic.
    /// - Throws: ``StoreError/noTopic``.
    public func inspect(topic: String) async throws(StoreError) -> Topic {
        let topic = try Name.checked(topic, "the topic")
        return try await perform(.inspectTopic, on: BusSubject(topic: topic)) { () throws(StoreError) in try await self.storage.topic(topic) }
    }

    /// A page of the topics by name; at most 1,000.
    public func topics(after name: String? = nil, limit: Int = 100) async throws(StoreError) -> [Topic] {
        try Check.range(limit, 1...1000, "limit")
        return try await perform(.listTopics) { () throws(StoreError) in try await self.storage.topics(after: name, limit: limit) }
    }

    /// Sets what a topic keeps; it is made if need be.
    /// - Throws: ``StoreError/Code/invalidField`` for a limit that is not allowed, or one that ``Topic/sessions`` cannot have.
    @discardableResult
    public func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic {
        let topic = try Name.checked(topic, "the topic")
        let retention = try retention.checked()
        return try await perform(.retainTopic, on: BusSubject(topic: topic)) { () throws(StoreError) in
            try await self.storage.retain(retention, in: topic)
        }
    }

    /// Deletes a topic with its groups; absent is fine. Returns whether it was there.
    /// - Throws: ``StoreError/Code/forbidden`` for ``Topic/sessions``.
    @discardableResult
    public func delete(topic: String) async throws(StoreError) -> Bool {
        let topic = try Name.checked(topic, "the topic")
        return try await perform(.deleteTopic, on: BusSubject(topic: topic)) { () throws(StoreError) in try await self.storage.deleteTopic(topic) }
    }

    // MARK: - Signals

    /// Tells whoever listens to a channel now; nothing is kept for later.
    public func signal(_ payload: JSON, on channel: String) async throws(StoreError) {
        let channel = try Name.checked(channel, "the channel")
        guard payload.bytes.count <= SessionStore.maximumSignalBytes else {
            throw StoreError(.tooLarge, "the signal has \(payload.bytes.count) bytes; it may have at most \(SessionStore.maximumSignalBytes)")
        }
        try await perform(.signal, on: BusSubject(topic: channel)) { () throws(StoreError) in try await self.storage.signal(payload, on: channel) }
    }

    /// The most bytes of one signal.
    public static let maximumSignalBytes = 64 << 10

    /// Calls `listener` with every signal on a channel that is sent from now on, on any thread, until the observation is cancelled. It has to
    /// return at once.
    public func listen(
        to channel: String, _ listener: @escaping @Sendable (JSON) -> Void
    ) async throws(StoreError) -> StorageObservation {
        let channel = try Name.checked(channel, "the channel")
        return try await perform(.listen, on: BusSubject(topic: channel)) { () throws(StoreError) in
            try await self.storage.listen(to: channel, listener)
        }
    }
}
