internal import BatonCore
internal import Testing

/// What contracts of the bus do all the time. The topic is `t` and the group `g` unless another is named.
extension StorageSubject {
    /// Publishes events of type `x` in one batch, a millisecond after what was before; their data are the texts.
    @discardableResult
    func publish(_ texts: [String], key: String? = nil, to topic: String = "t") async throws -> [PublishReceipt.Entry] {
        clock.advance(milliseconds: 1)
        return try await storage.publish(
            TopicBatch(texts.map { TopicEventDraft(type: "x", key: key, data: JSON(string: $0)) }), to: topic
        ).entries
    }

    /// Publishes one event.
    @discardableResult
    func publish(_ text: String, key: String? = nil, to topic: String = "t") async throws -> PublishReceipt.Entry {
        try #require(try await publish([text], key: key, to: topic).first)
    }

    /// Publishes the numbers of a range, all in one batch.
    @discardableResult
    func publish(_ numbers: ClosedRange<Int>, to topic: String = "t") async throws -> [PublishReceipt.Entry] {
        try await publish(numbers.map { "\($0)" }, to: topic)
    }

    /// All events of a topic from a cursor on, page by page.
    func events(of topic: String = "t", from cursor: TopicCursor = .start, _ filter: TopicFilter = TopicFilter(), limit: Int = 1000) async throws
        -> [TopicEvent]
    {
        var query = TopicQuery(from: cursor, limit: limit, filter: filter)
        var events: [TopicEvent] = []
        while true {
            let page = try await storage.events(in: topic, query)
            events += page.events
            guard !page.upToDate else { return events }
            #expect(query.cursor != .offset(page.next), "the cursor stood still")
            query.cursor = .offset(page.next)
        }
    }

    /// The texts of all events of a topic.
    func texts(of topic: String = "t", from cursor: TopicCursor = .start) async throws -> [String] {
        try await events(of: topic, from: cursor).texts
    }

    /// A group that begins at the start of its topic.
    @discardableResult
    func grouped(_ settings: GroupSettings = GroupSettings(), of topic: String = "t", name: String = "g", from cursor: TopicCursor = .start)
        async throws -> ConsumerGroup
    {
        try await storage.setGroup(name, of: topic, settings, from: cursor).group
    }

    /// Receives for a consumer.
    func receive(_ limit: Int = 100, as consumer: String = "c", of topic: String = "t", in group: String = "g") async throws -> [Delivery] {
        try await storage.receive(limit, from: topic, as: consumer, in: group).deliveries
    }

    /// Settles deliveries all in the same way.
    @discardableResult
    func settle(
        _ deliveries: [Delivery], _ action: Settlement.Action = .acknowledge, as consumer: String = "c", of topic: String = "t",
        in group: String = "g"
    ) async throws -> [SettlementOutcome] {
        try await storage.settle(
            deliveries.map { Settlement(id: $0.id, token: $0.token, action) }, of: topic, as: consumer, in: group)
    }

    /// What is known of the group.
    func group(_ name: String = "g", of topic: String = "t") async throws -> ConsumerGroup { try await storage.group(name, of: topic) }

    /// What the group holds.
    func pending(of topic: String = "t", in group: String = "g") async throws -> [PendingDelivery] {
        try await storage.pending(in: group, of: topic, after: nil, limit: 1000).elements
    }

    /// The group's dead letters.
    func dead(of topic: String = "t", in group: String = "g") async throws -> [DeadLetter] {
        try await storage.deadLetters(in: group, of: topic, after: nil, limit: 1000).elements
    }

    /// Checks that a cursor is refused as gone, and that the error tells where to go on.
    func gone(_ topic: String = "t", sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void) async throws {
        let error = await refused(.offsetGone, sourceLocation: sourceLocation, body)
        let known = try await storage.topic(topic)
        #expect(
            error?.detail == .topicGone(earliest: known.earliest, tail: known.tail, generation: known.generation), sourceLocation: sourceLocation)
    }
}

extension TopicRetention {
    /// A retention by count.
    static func count(_ count: Int, _ policy: Policy) -> TopicRetention {
        TopicRetention(maximumEvents: count, maximumBytes: nil, maximumAge: nil, policy: policy)
    }
}

extension [TopicEvent] {
    var texts: [String] { map { $0.data.stringValue ?? "?" } }
    var types: [String] { map(\.type) }
}

extension [Delivery] {
    var texts: [String] { map { $0.event.data.stringValue ?? "?" } }
    var ids: [String] { map(\.id) }
    var attempts: [Int] { map(\.attempt) }
}
