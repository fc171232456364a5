extension SessionStore {
    /// The longest that one call waits for deliveries.
    public static let longestReceiveWait = Duration.seconds(60)

    // MARK: - Groups as a whole

    /// Makes a group that begins at `cursor`, or gives the one that is there other settings and leaves its place.
    @discardableResult
    public func setGroup(
        _ group: String, of topic: String, _ settings: GroupSettings = GroupSettings(), from cursor: TopicCursor = .now
    ) async throws(StoreError) -> (group: ConsumerGroup, created: Bool) {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        let settings = try settings.checked()
        try Check.cursor(cursor)
        return try await perform(.setGroup, on: BusSubject(topic: topic, group: group)) { () throws(StoreError) in
            try await self.storage.setGroup(group, of: topic, settings, from: cursor)
        }
    }

    /// What is known of a group.
    /// - Throws: ``StoreError/noGroup``.
    public func inspect(group: String, of topic: String) async throws(StoreError) -> ConsumerGroup {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        return try await perform(.inspectGroup, on: BusSubject(topic: topic, group: group)) { () throws(StoreError) in
            try await self.storage.group(group, of: topic)
        }
    }

    /// The groups of a topic by name.
    public func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup] {
        let topic = try Name.checked(topic, "the topic")
        return try await perform(.listGroups, on: BusSubject(topic: topic)) { () throws(StoreError) in try await self.storage.groups(of: topic) }
    }

    /// Deletes a group with what it holds and its dead letters; absent is fine. Returns whether it was there.
    @discardableResult
    public func delete(group: String, of topic: String) async throws(StoreError) -> Bool {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        return try await perform(.deleteGroup, on: BusSubject(topic: topic, group: group)) { () throws(StoreError) in
            try await self.storage.deleteGroup(group, of: topic)
        }
    }

    /// Moves a group to another place, back or forward, and drops what it holds; dead letters stay.
    @discardableResult
    public func move(group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        try Check.cursor(cursor)
        return try await perform(.moveGroup, on: BusSubject(topic: topic, group: group)) { () throws(StoreError) in
            try await self.storage.move(group, of: topic, to: cursor)
        }
    }

    // MARK: - Receiving

    /// Hands out up to `limit` events to a consumer; waits up to `wait` when there are none.
    ///
    /// A wait that is cancelled gives nothing and throws nothing. Of many that wait in this process one asks at a time, the longest waiting first.
    /// - Parameter limit: 1 to 1,000.
    /// - Throws: ``StoreError/noGroup``; ``StoreError/Code/cancelled`` when it was cancelled while it asked: what it was given then is released.
    public func receive(
        _ limit: Int = 1, wait: Duration = .zero, from topic: String, as consumer: String, in group: String
    ) async throws(StoreError) -> Received {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        let consumer = try Name.checked(consumer, "the consumer")
        try Check.range(limit, 1...1000, "max")
        guard wait <= SessionStore.longestReceiveWait else { throw StoreError(.invalidParameter, "wait has to be from 0 to 60 seconds") }
        return try await perform(.receive, on: BusSubject(topic: topic, group: group, consumer: consumer)) { () throws(StoreError) in
            let ask = { () async throws(StoreError) in try await self.ask(limit, from: topic, as: consumer, in: group) }
            let received = wait > .zero ? try await self.lines.receive(from: topic, in: group, until: .now + wait, ask) : try await ask()
            self.note(received)
            return received
        }
    }

    /// Asks the storage to the end, also when the caller is cancelled: what nobody is there to take is given back, as if it had not been handed out.
    private func ask(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received {
        let storage = storage
        let question = Task(executorPreference: topicFeeds.executor) { () async -> Result<Received, StoreError> in
            do throws(StoreError) {
                return .success(try await storage.receive(limit, from: topic, as: consumer, in: group))
            } catch { return .failure(error) }
        }
        let received = try await question.value.get()
        guard Task.isCancelled, !received.deliveries.isEmpty else { return received }
        let settlements = received.deliveries.map { Settlement(id: $0.id, token: $0.token, .release) }
        // Not confirmed: it comes again when the lease is over.
        await Task(executorPreference: topicFeeds.executor) {
            _ = try? await storage.settle(settlements, of: topic, as: consumer, in: group)
        }.value
        throw StoreError(.cancelled, "the call was cancelled; what was handed out is given back")
    }

    /// Lets those who wait for deliveries in this process go with nothing, now and from now on: for a process that is about to stop.
    public func endWaits() { lines.end() }

    /// Settles deliveries, each on its own and in their order.
    public func settle(
        _ settlements: [Settlement], of topic: String, as consumer: String, in group: String
    ) async throws(StoreError) -> [SettlementOutcome] {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        let consumer = try Name.checked(consumer, "the consumer")
        let settlements = try settlements.checked()
        return try await perform(.settle, on: BusSubject(topic: topic, group: group, consumer: consumer)) { () throws(StoreError) in
            try await self.storage.settle(settlements, of: topic, as: consumer, in: group)
        }
    }

    // MARK: - What is not finished

    /// A page of what a group holds, in the order of the topic.
    public func pending(
        in group: String, of topic: String, after id: String? = nil, limit: Int = 100
    ) async throws(StoreError) -> GroupPage<PendingDelivery> {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        try Check.range(limit, 1...1000, "limit")
        return try await perform(.listPending, on: BusSubject(topic: topic, group: group)) { () throws(StoreError) in
            try await self.storage.pending(in: group, of: topic, after: id, limit: limit)
        }
    }

    /// A page of a group's dead letters, in the order of the topic.
    public func deadLetters(
        in group: String, of topic: String, after id: String? = nil, limit: Int = 100
    ) async throws(StoreError) -> GroupPage<DeadLetter> {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        try Check.range(limit, 1...1000, "limit")
        return try await perform(.listDeadLetters, on: BusSubject(topic: topic, group: group)) { () throws(StoreError) in
            try await self.storage.deadLetters(in: group, of: topic, after: id, limit: limit)
        }
    }

    /// Puts dead letters back; returns how many are pending because of it.
    @discardableResult
    public func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        let selection = try selection.checked()
        return try await perform(.redrive, on: BusSubject(topic: topic, group: group)) { () throws(StoreError) in
            try await self.storage.redrive(selection, in: group, of: topic)
        }
    }

    /// Removes dead letters for good; returns how many.
    @discardableResult
    public func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        let (group, topic) = (try Name.checked(group, "the group"), try Name.checked(topic, "the topic"))
        let selection = try selection.checked()
        return try await perform(.discard, on: BusSubject(topic: topic, group: group)) { () throws(StoreError) in
            try await self.storage.discard(selection, in: group, of: topic)
        }
    }
}
