public import BatonCore
internal import BatonHTTP

extension RemoteStorage {
    // MARK: - Topics

    /// `POST /v1/topics/{t}/events`, repeated under the same idempotency key when the answer was lost.
    public func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt {
        var writer = JSONWriter(reserving: batch.events.reduce(2) { $0 + $1.data.bytes.count + 160 })
        writer.array { writer in
            for event in batch.events { writer.draft(event) }
        }
        var request = Request(.post, TopicAddress.path(topic) + "/events", body: writer.bytes)
        if let trace = batch.trace { request.headers.add(trace) }
        let needsKey = batch.idempotencyKey == nil && batch.events.contains { $0.id == nil }
        let name = batch.idempotencyKey ?? (needsKey ? Randomness.uuid7(at: SystemClock.now()) : nil)
        if let name { request.headers.add("Idempotency-Key", name) }
        var receipt = try PublishReceipt(decoding: try await send(request, repeatable: true).body)
        guard receipt.entries.count == batch.events.count else { throw WireError.incompatible("a receipt for other events") }
        if needsKey {
            // Nobody else knows the key: what is called a duplicate was stored by an attempt whose answer was lost.
            for (index, event) in batch.events.enumerated() where event.id == nil { receipt.entries[index].isDuplicate = false }
        }
        return receipt
    }

    /// `GET /v1/topics/{t}/events`, one page.
    public func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage {
        var parameters = Parameters()
        switch query.cursor {
        case .time(let time): parameters.add("since", time.description)
        case .start, .now, .offset: parameters.add("after", try query.cursor.wireForm)
        }
        parameters.add("limit", query.limit)
        try parameters.add("types", query.filter.types)
        try parameters.add("keys", query.filter.keys)
        if let app = query.filter.app { parameters.add("app", app) }
        if let user = query.filter.user { parameters.add("user", user) }
        return try TopicPage(decoding: try await ask(Request(.get, TopicAddress.path(topic) + "/events", query: parameters.text)).body)
    }

    /// `GET /v1/topics/{t}`.
    public func topic(_ name: String) async throws(StoreError) -> Topic {
        try Topic(decoding: JSON(try await send(Request(.get, TopicAddress.path(name))).body))
    }

    /// `GET /v1/topics`.
    public func topics(after name: String?, limit: Int) async throws(StoreError) -> [Topic] {
        var parameters = Parameters()
        if let name { parameters.add("after", name) }
        parameters.add("limit", limit)
        let page = try JSON(try await send(Request(.get, "/v1/topics", query: parameters.text)).body)
        return try page.elements("topics", Topic.init(decoding:))
    }

    /// `PUT /v1/topics/{t}`.
    public func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("retention")
            writer.retention(retention)
        }
        return try Topic(decoding: JSON(try await send(Request(.put, TopicAddress.path(topic), body: writer.bytes), repeatable: true).body))
    }

    /// `DELETE /v1/topics/{t}`, asking for an answer that says whether it was there.
    public func deleteTopic(_ name: String) async throws(StoreError) -> Bool { try await delete(TopicAddress.path(name)) }

    // MARK: - Groups

    /// `PUT /v1/topics/{t}/groups/{g}`.
    public func setGroup(
        _ group: String, of topic: String, _ settings: GroupSettings, from cursor: TopicCursor
    ) async throws(StoreError) -> (group: ConsumerGroup, created: Bool) {
        let from = try cursor.wireForm
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("from")
            writer.string(from)
            writer.settings(settings)
        }
        let reply = try await ask(Request(.put, TopicAddress.path(group, of: topic), body: writer.bytes))
        return (try ConsumerGroup(decoding: JSON(reply.body)), reply.status == 201)
    }

    /// `GET /v1/topics/{t}/groups/{g}`.
    public func group(_ group: String, of topic: String) async throws(StoreError) -> ConsumerGroup {
        try ConsumerGroup(decoding: JSON(try await send(Request(.get, TopicAddress.path(group, of: topic))).body))
    }

    /// `GET /v1/topics/{t}/groups`.
    public func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup] {
        let list = try JSON(try await send(Request(.get, TopicAddress.path(topic) + "/groups")).body)
        return try list.elements("groups", ConsumerGroup.init(decoding:))
    }

    /// `DELETE /v1/topics/{t}/groups/{g}`, asking for an answer that says whether it was there.
    public func deleteGroup(_ group: String, of topic: String) async throws(StoreError) -> Bool {
        try await delete(TopicAddress.path(group, of: topic))
    }

    /// `PUT …/position`.
    public func move(_ group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup {
        let place = try cursor.wireForm
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("to")
            writer.string(place)
        }
        let reply = try await ask(Request(.put, TopicAddress.path(group, of: topic) + "/position", body: writer.bytes))
        return try ConsumerGroup(decoding: JSON(reply.body))
    }

    // MARK: - Deliveries

    /// `POST …/deliveries`, without waiting: that happens here, where hints say when to ask. What an answer carried that was lost comes again
    /// when the lease is over.
    public func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("consumer")
            writer.string(consumer)
            writer.name("max")
            writer.int(limit)
        }
        return try Received(decoding: try await send(Request(.post, TopicAddress.path(group, of: topic) + "/deliveries", body: writer.bytes)).body)
    }

    /// `POST …/settlements`. Not repeated: a second acknowledgement of what the first has finished would be called fenced.
    public func settle(
        _ settlements: [Settlement], of topic: String, as consumer: String, in group: String
    ) async throws(StoreError) -> [SettlementOutcome] {
        var writer = JSONWriter(reserving: 64 + 128 * settlements.count)
        writer.settlements(settlements, by: consumer)
        let reply = try JSON(try await send(Request(.post, TopicAddress.path(group, of: topic) + "/settlements", body: writer.bytes)).body)
        let outcomes = try reply.elements("deliveries") { (element) throws(StoreError) in
            guard let outcome = element["outcome"]?.stringValue.flatMap({ SettlementOutcome(rawValue: $0) }) else {
                throw WireError.incompatible("an outcome that is not known")
            }
            return outcome
        }
        guard outcomes.count == settlements.count else { throw WireError.incompatible("outcomes of other deliveries") }
        return outcomes
    }

    /// `GET …/pending`.
    public func pending(
        in group: String, of topic: String, after id: String?, limit: Int
    ) async throws(StoreError) -> GroupPage<PendingDelivery> {
        let page = try await page("pending", in: group, of: topic, after: id, limit: limit)
        return GroupPage(elements: try page.elements("pending", PendingDelivery.init(decoding:)), next: page["next"]?.stringValue)
    }

    /// `GET …/dead`.
    public func deadLetters(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<DeadLetter> {
        let page = try await page("dead", in: group, of: topic, after: id, limit: limit)
        return GroupPage(elements: try page.elements("dead", DeadLetter.init(decoding:)), next: page["next"]?.stringValue)
    }

    /// `POST …/dead/redrive`.
    public func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        try await count(Request(.post, TopicAddress.path(group, of: topic) + "/dead/redrive", body: selection.wireForm))
    }

    /// `DELETE …/dead`.
    public func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        try await count(Request(.delete, TopicAddress.path(group, of: topic) + "/dead", body: selection.wireForm))
    }

    // MARK: - Following and signals

    /// Holds the stream of the topic's hints open, so that changes of others are noticed.
    public func watch(topic: String) -> StorageObservation { watches.watch(topic: topic) }

    /// `POST /v1/signals/{channel}`.
    public func signal(_ payload: JSON, on channel: String) async throws(StoreError) {
        _ = try await send(Request(.post, TopicAddress.path(ofSignals: channel), body: payload.bytes))
    }

    /// `GET /v1/signals/{channel}`, opened again whenever it breaks; what is sent meanwhile is not heard.
    public func listen(to channel: String, _ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation {
        if watches.isClosed { throw StoreError.storeClosed }
        return try await SignalStream(TopicAddress.path(ofSignals: channel), at: daemon).open(listener)
    }

    // MARK: - Requests

    /// Sends a request that names a place in a topic: when the place is gone, the error tells where to go on in terms of topics.
    private func ask(_ request: Request) async throws(StoreError) -> HTTPClient.Reply {
        do throws(StoreError) { return try await send(request) } catch {
            guard case .gone(let earliest, let tail, let generation) = error.detail else { throw error }
            throw StoreError(
                error.code, error.message,
                detail: .topicGone(earliest: TopicOffset(earliest), tail: TopicOffset(tail), generation: generation), underlying: error)
        }
    }

    private func delete(_ path: String) async throws(StoreError) -> Bool {
        // RFC 7240 §4.2: the answer shall say whether it was there.
        try await send(Request(.delete, path, headers: ["Prefer": "return=representation"]), repeatable: true).status != 204
    }

    private func page(_ name: String, in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> JSON {
        var parameters = Parameters()
        if let id { parameters.add("after", id) }
        parameters.add("limit", limit)
        return try JSON(try await send(Request(.get, TopicAddress.path(group, of: topic) + "/" + name, query: parameters.text)).body)
    }

    private func count(_ request: Request) async throws(StoreError) -> Int {
        guard let count = try JSON(try await send(request).body)["count"]?.intValue else { throw WireError.incompatible("no count") }
        return count
    }
}

extension TopicCursor {
    /// The place as the daemon reads it. An offset whose text would be taken for something else is nobody's.
    fileprivate var wireForm: String {
        get throws(StoreError) {
            guard TopicCursor(text) == self else { throw StoreError(.invalidCursor, "the offset is not one that a topic has given out") }
            return text
        }
    }
}

extension DeadLetterSelection {
    fileprivate var wireForm: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            switch self {
            case .ids(let ids):
                writer.name("ids")
                writer.strings(ids)
            case .oldest(let count):
                writer.name("limit")
                writer.int(count)
            }
        }
        return writer.bytes
    }
}
