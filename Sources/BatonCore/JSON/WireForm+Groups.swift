// How groups of consumers, and what they hold, are written and read as JSON. Field names are part of the outer contract; times that last stand
// in seconds, to the millisecond.

extension JSONWriter {
    /// A group.
    package mutating func group(_ group: ConsumerGroup) {
        object { writer in
            writer.name("topic")
            writer.string(group.topic)
            writer.name("name")
            writer.string(group.name)
            writer.settings(group.settings)
            writer.name("position")
            writer.string(group.position.text)
            for (name, count) in [
                ("lag" as StaticString, group.lag), ("pending", group.pending), ("dead", group.dead), ("lost", group.lost),
            ] {
                writer.name(name)
                writer.int(count)
            }
            writer.name("oldest")
            if let oldest = group.oldestUnfinished { writer.time(oldest) } else { writer.null() }
            writer.name("consumers")
            writer.array { writer in
                for consumer in group.consumers {
                    writer.object { writer in
                        writer.name("name")
                        writer.string(consumer.name)
                        writer.name("held")
                        writer.int(consumer.held)
                        writer.name("seenAt")
                        writer.time(consumer.seenAt)
                    }
                }
            }
        }
    }

    /// How a group works, as members of the object that is being written.
    package mutating func settings(_ settings: GroupSettings) {
        name("maxDeliveries")
        int(settings.maximumDeliveries)
        name("leaseSeconds")
        seconds(ofMilliseconds: settings.leaseMilliseconds)
        name("backoff")
        seconds(ofMilliseconds: settings.backoffMilliseconds)
        name("maxBackoff")
        seconds(ofMilliseconds: settings.maximumBackoffMilliseconds)
        name("ordered")
        bool(settings.isOrdered)
    }

    /// What was handed out.
    package mutating func received(_ received: Received, from topic: String) {
        object { writer in
            writer.name("deliveries")
            writer.array { writer in
                for delivery in received.deliveries { writer.delivery(delivery, from: topic) }
            }
            writer.name("nextDue")
            if let nextDue = received.nextDue { writer.time(nextDue) } else { writer.null() }
            writer.name("lost")
            writer.int(received.lost)
        }
    }

    /// An event in the hands of a consumer.
    package mutating func delivery(_ delivery: Delivery, from topic: String) {
        object { writer in
            writer.name("id")
            writer.string(delivery.id)
            writer.name("token")
            writer.string(delivery.token)
            writer.name("attempt")
            writer.int(delivery.attempt)
            writer.name("leaseEndsAt")
            writer.time(delivery.leaseEndsAt)
            writer.name("event")
            writer.topicEvent(delivery.event, of: topic)
        }
    }

    /// What became of settlements, in their order.
    package mutating func outcomes(_ outcomes: [SettlementOutcome], of settlements: [Settlement]) {
        object { writer in
            writer.name("deliveries")
            writer.array { writer in
                for (outcome, settlement) in zip(outcomes, settlements) {
                    writer.object { writer in
                        writer.name("id")
                        writer.string(settlement.id)
                        writer.name("outcome")
                        writer.string(outcome.rawValue)
                    }
                }
            }
        }
    }

    /// An event that a group has not finished.
    package mutating func pending(_ pending: PendingDelivery) {
        object { writer in
            writer.name("id")
            writer.string(pending.id)
            writer.name("consumer")
            writer.string(pending.consumer)
            writer.name("attempt")
            writer.int(pending.attempt)
            writer.name("dueAt")
            writer.time(pending.dueAt)
            writer.name("history")
            writer.failures(pending.history)
        }
    }

    /// A page of what a group has not finished.
    package mutating func pending(_ page: GroupPage<PendingDelivery>) {
        object { writer in
            writer.name("pending")
            writer.array { writer in
                for element in page.elements { writer.pending(element) }
            }
            writer.name("next")
            writer.string(page.next)
        }
    }

    /// An event that a group has given up; its `event` is null when it belonged to a session that is gone.
    package mutating func deadLetter(_ letter: DeadLetter, of topic: String) {
        object { writer in
            writer.name("id")
            writer.string(letter.id)
            writer.name("time")
            writer.time(letter.time)
            writer.name("reason")
            writer.string(letter.reason)
            writer.name("history")
            writer.failures(letter.history)
            writer.name("event")
            if let event = letter.event { writer.topicEvent(event, of: topic) } else { writer.null() }
        }
    }

    /// A page of dead letters.
    package mutating func deadLetters(_ page: GroupPage<DeadLetter>, of topic: String) {
        object { writer in
            writer.name("dead")
            writer.array { writer in
                for letter in page.elements { writer.deadLetter(letter, of: topic) }
            }
            writer.name("next")
            writer.string(page.next)
        }
    }

    /// Attempts that failed.
    package mutating func failures(_ failures: [DeliveryFailure]) {
        array { writer in
            for failure in failures {
                writer.object { writer in
                    writer.name("attempt")
                    writer.int(failure.attempt)
                    writer.name("consumer")
                    writer.string(failure.consumer)
                    writer.name("time")
                    writer.time(failure.time)
                    writer.name("reason")
                    writer.string(failure.reason)
                }
            }
        }
    }
}

extension GroupSettings {
    /// Reads the body of a request to make or change a group, and where one that is made begins; an empty body asks for the defaults.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public static func parsing(_ bytes: [UInt8]) throws(StoreError) -> (settings: GroupSettings, from: TopicCursor) {
        var settings = GroupSettings()
        var cursor = TopicCursor.now
        var maximumBackoff: Duration?
        try ObjectReader.document(bytes, at: "", emptyAllowed: true) { (field) throws(StoreError) in
            switch field.name {
            case "from": cursor = try field.string().map { TopicCursor($0) } ?? .now
            case "maxDeliveries": settings.maximumDeliveries = try field.int(in: 1...100) ?? settings.maximumDeliveries
            case "leaseSeconds": settings.leaseMilliseconds = try field.seconds()?.wholeMilliseconds ?? settings.leaseMilliseconds
            case "backoff": settings.backoffMilliseconds = try field.seconds()?.wholeMilliseconds ?? settings.backoffMilliseconds
            case "maxBackoff": maximumBackoff = try field.seconds()
            case "ordered": settings.isOrdered = try field.bool() ?? false
            default: throw field.unknown(allowed: "from, maxDeliveries, leaseSeconds, backoff, maxBackoff, ordered")
            }
        }
        // Nobody asks for a first back-off that the longest one would cut short.
        settings.maximumBackoffMilliseconds =
            maximumBackoff?.wholeMilliseconds ?? max(settings.maximumBackoffMilliseconds, settings.backoffMilliseconds)
        return (settings, cursor)
    }
}

/// A request for deliveries as it stands in JSON.
package struct ReceiveRequest: Hashable, Sendable {
    /// Who asks.
    package var consumer: String
    /// The most deliveries.
    package var limit: Int
    /// How long to wait when there are none.
    package var wait: Duration

    /// Reads the body of a request for deliveries: `{consumer, max, wait}`, one and no waiting unless it says otherwise.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    package init(parsing bytes: [UInt8]) throws(StoreError) {
        var consumer: String?
        var limit = 1
        var wait = Duration.zero
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "consumer": consumer = try field.string()
            case "max": limit = try field.int(in: 1...1000) ?? 1
            case "wait": wait = try field.seconds() ?? .zero
            default: throw field.unknown(allowed: "consumer, max, wait")
            }
        }
        guard let consumer else { throw StoreError(.invalidField, "consumer is missing; it names the worker that asks") }
        guard (Duration.zero...ReceiveRequest.longestWait).contains(wait) else {
            throw StoreError(.invalidField, "wait has to be from 0 to 30 seconds")
        }
        (self.consumer, self.limit, self.wait) = (consumer, limit, wait)
    }

    /// The longest that a request waits.
    package static let longestWait = Duration.seconds(30)
}

extension DeadLetterSelection {
    /// Reads which dead letters a request means: `{"ids": […]}`, `{"limit": n}` for the oldest, or `{"all": true}`, which is `nil`.
    /// - Parameter emptyMeansAll: whether a body that says nothing means all; otherwise it is refused.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public static func parsing(_ bytes: [UInt8], emptyMeansAll: Bool) throws(StoreError) -> DeadLetterSelection? {
        var ids: [String]?
        var limit: Int?
        var all = false
        try ObjectReader.document(bytes, at: "", emptyAllowed: true) { (field) throws(StoreError) in
            switch field.name {
            case "ids": ids = try field.strings()
            case "limit": limit = try field.int(in: 1...1000)
            case "all": all = try field.bool() ?? false
            default: throw field.unknown(allowed: "ids, limit, all")
            }
        }
        switch (ids, limit, all) {
        case (let ids?, nil, false): return .ids(ids)
        case (nil, let limit?, false): return .oldest(limit)
        case (nil, nil, true): return nil
        case (nil, nil, false) where emptyMeansAll: return nil
        default: throw StoreError(.invalidField, "one of ids, limit and all is needed: which dead letters are meant")
        }
    }
}
