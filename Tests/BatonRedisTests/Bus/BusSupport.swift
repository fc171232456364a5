import BatonCore
import BatonRedis
import BatonTesting
import Testing

extension RedisStorage {
    /// Publishes texts, all in one batch.
    @discardableResult
    func publish(_ texts: [String], key: String? = nil, to topic: String = "t") async throws -> [PublishReceipt.Entry] {
        try await publish(TopicBatch(texts.map { TopicEventDraft(type: "x", key: key, data: JSON(string: $0)) }), to: topic).entries
    }

    /// The texts of all events of a topic.
    func texts(of topic: String = "t", from cursor: TopicCursor = .start) async throws -> [String] {
        var query = TopicQuery(from: cursor, limit: 1000)
        var texts: [String] = []
        while true {
            let page = try await events(in: topic, query)
            texts += page.events.map { $0.data.stringValue ?? "?" }
            if page.upToDate { return texts }
            query.cursor = .offset(page.next)
        }
    }

    /// Receives for a consumer of the group `g`.
    func receive(_ limit: Int = 100, as consumer: String = "c", of topic: String = "t") async throws -> [Delivery] {
        try await receive(limit, from: topic, as: consumer, in: "g").deliveries
    }

    /// Settles deliveries of the group `g` all in the same way.
    @discardableResult
    func settle(
        _ deliveries: [Delivery], _ action: Settlement.Action = .acknowledge, as consumer: String = "c", of topic: String = "t"
    ) async throws -> [SettlementOutcome] {
        try await settle(deliveries.map { Settlement(id: $0.id, token: $0.token, action) }, of: topic, as: consumer, in: "g")
    }

    /// Makes the group `g`.
    func grouped(_ settings: GroupSettings = GroupSettings(), of topic: String = "t") async throws {
        _ = try await setGroup("g", of: topic, settings, from: .start)
    }
}

extension [Delivery] {
    var texts: [String] { map { $0.event.data.stringValue ?? "?" } }
}

/// Counts the hints at a topic.
final class HintCounter: Sendable {
    private let hints: Guarded<Int>
    private let observations: [StorageObservation]

    init(_ storage: RedisStorage, _ topic: String) {
        let hints = Guarded(0)
        self.hints = hints
        observations = [
            storage.observe { if $0 == .topic(topic) { hints.withLock { $0 += 1 } } }, storage.watch(topic: topic),
        ]
    }

    var count: Int { hints.withLock { $0 } }

    func stop() { for observation in observations { observation.cancel() } }
}
