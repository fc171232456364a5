internal import BatonCore

extension Topic {
    init(decoding value: JSON) throws(StoreError) {
        guard let name = value["name"]?.stringValue, let earliest = value["earliest"]?.stringValue, let tail = value["tail"]?.stringValue,
            let generation = value["generation"]?.stringValue, let retention = value["retention"],
            let policy = retention["policy"]?.stringValue.flatMap({ TopicRetention.Policy(rawValue: $0) })
        else { throw WireError.incompatible("a topic without all its fields") }
        self.init(
            name: name, count: value["count"]?.intValue, earliest: TopicOffset(earliest), tail: TopicOffset(tail), generation: generation,
            retention: TopicRetention(
                maximumEvents: retention["maxEvents"]?.intValue, maximumBytes: retention["maxBytes"]?.intValue,
                maximumAge: retention["maxAgeSeconds"]?.intValue, policy: policy))
    }
}

extension ConsumerGroup {
    init(decoding value: JSON) throws(StoreError) {
        guard let topic = value["topic"]?.stringValue, let name = value["name"]?.stringValue, let position = value["position"]?.stringValue,
            let deliveries = value["maxDeliveries"]?.intValue, let lease = value.milliseconds("leaseSeconds"),
            let backoff = value.milliseconds("backoff"), let maximumBackoff = value.milliseconds("maxBackoff"), let isOrdered = value.bool("ordered"),
            let lag = value["lag"]?.intValue, let pending = value["pending"]?.intValue, let dead = value["dead"]?.intValue,
            let lost = value["lost"]?.intValue
        else { throw WireError.incompatible("a group without all its fields") }
        let settings = GroupSettings(
            maximumDeliveries: deliveries, leaseMilliseconds: lease, backoffMilliseconds: backoff, maximumBackoffMilliseconds: maximumBackoff,
            isOrdered: isOrdered)
        self.init(
            topic: topic, name: name, settings: settings, position: TopicOffset(position), lag: lag, pending: pending, dead: dead, lost: lost,
            oldestUnfinished: value.time("oldest"), consumers: try value.elements("consumers", Consumer.init(decoding:)))
    }
}

extension ConsumerGroup.Consumer {
    init(decoding value: JSON) throws(StoreError) {
        guard let name = value["name"]?.stringValue, let held = value["held"]?.intValue, let seenAt = value.time("seenAt") else {
            throw WireError.incompatible("a consumer without all its fields")
        }
        self.init(name: name, held: held, seenAt: seenAt)
    }
}

extension PendingDelivery {
    init(decoding value: JSON) throws(StoreError) {
        guard let id = value["id"]?.stringValue, let attempt = value["attempt"]?.intValue, let dueAt = value.time("dueAt") else {
            throw WireError.incompatible("a pending delivery without all its fields")
        }
        self.init(
            id: id, consumer: value["consumer"]?.stringValue, attempt: attempt, dueAt: dueAt,
            history: try value.elements("history", DeliveryFailure.init(decoding:)))
    }
}

extension DeadLetter {
    init(decoding value: JSON) throws(StoreError) {
        guard let id = value["id"]?.stringValue, let time = value.time("time"), let reason = value["reason"]?.stringValue, let event = value["event"]
        else { throw WireError.incompatible("a dead letter without all its fields") }
        self.init(
            id: id, time: time, reason: reason, history: try value.elements("history", DeliveryFailure.init(decoding:)),
            event: event.isNull ? nil : try TopicEvent(decoding: event))
    }
}

extension DeliveryFailure {
    init(decoding value: JSON) throws(StoreError) {
        guard let attempt = value["attempt"]?.intValue, let consumer = value["consumer"]?.stringValue, let time = value.time("time"),
            let reason = value["reason"]?.stringValue
        else { throw WireError.incompatible("a failure without all its fields") }
        self.init(attempt: attempt, consumer: consumer, time: time, reason: reason)
    }
}

extension JSON {
    /// The elements of the array under `name`, each as what it should be.
    func elements<Element>(_ name: String, _ decode: (JSON) throws(StoreError) -> Element) throws(StoreError) -> [Element] {
        guard let elements = self[name]?.elements else { throw WireError.incompatible("\(name) is missing") }
        var decoded: [Element] = []
        decoded.reserveCapacity(elements.count)
        for element in elements { decoded.append(try decode(element)) }
        return decoded
    }

    /// The time under `name`.
    func time(_ name: String) -> Timestamp? { self[name]?.stringValue.flatMap { Timestamp($0) } }

    fileprivate func bool(_ name: String) -> Bool? {
        switch self[name]?.description {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// A number of seconds under `name`, in milliseconds.
    fileprivate func milliseconds(_ name: String) -> Int? {
        guard let seconds = self[name].flatMap({ Double($0.description) }), abs(seconds) < 1e9 else { return nil }
        return Int((seconds * 1000).rounded())
    }
}
