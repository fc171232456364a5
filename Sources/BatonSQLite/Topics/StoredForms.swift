internal import BatonCore
internal import BatonTelemetry

// What failed of an event, and events that outlive their topic's memory, as they are stored: small JSON objects.

extension [DeliveryFailure] {
    var stored: JSON {
        var writer = JSONWriter(reserving: count * 96)
        writer.array { writer in
            for failure in self {
                writer.object { writer in
                    writer.name("attempt")
                    writer.int(failure.attempt)
                    writer.name("consumer")
                    writer.string(failure.consumer)
                    writer.name("ms")
                    writer.int(failure.time.milliseconds)
                    writer.name("reason")
                    writer.string(failure.reason)
                }
            }
        }
        return JSON(checked: writer.bytes)
    }

    init(stored: JSON) throws(StoreError) {
        self = []
        guard let elements = stored.elements else { throw DeliveryFailure.unreadable }
        for element in elements {
            guard let attempt = element["attempt"]?.intValue, let consumer = element["consumer"]?.stringValue, let time = element["ms"]?.intValue,
                let reason = element["reason"]?.stringValue
            else { throw DeliveryFailure.unreadable }
            append(DeliveryFailure(attempt: attempt, consumer: consumer, time: Timestamp(milliseconds: time), reason: reason))
        }
    }

    /// These and one more, without the oldest that are too many.
    func with(_ failure: DeliveryFailure) -> [DeliveryFailure] { (self + [failure]).suffix(ConsumerGroup.historyBound) }
}

extension DeliveryFailure {
    fileprivate static let unreadable = StoreError(.storeCorrupt, "the failures of an event cannot be read")
}

extension TopicEvent {
    /// A copy that needs neither the topic's events nor any session.
    var stored: JSON {
        var writer = JSONWriter(reserving: data.bytes.count + 192)
        writer.object { writer in
            writer.name("id")
            writer.string(id)
            if let seq {
                writer.name("seq")
                writer.int(seq)
            }
            writer.name("offset")
            writer.string(offset.text)
            writer.name("ms")
            writer.int(time.milliseconds)
            writer.name("type")
            writer.string(type)
            if let key {
                writer.name("key")
                writer.string(key)
            }
            writer.name("data")
            writer.raw(data.bytes)
            if let trace { writer.members(of: trace) }
        }
        return JSON(checked: writer.bytes)
    }

    init(stored: JSON) throws(StoreError) {
        guard let id = stored["id"]?.stringValue, let offset = stored["offset"]?.stringValue, let time = stored["ms"]?.intValue,
            let type = stored["type"]?.stringValue, let data = stored["data"]
        else { throw StoreError(.storeCorrupt, "the copy of an event cannot be read") }
        self.init(
            id: id, seq: stored["seq"]?.intValue, offset: TopicOffset(offset), time: Timestamp(milliseconds: time), type: type,
            key: stored["key"]?.stringValue, data: data,
            trace: stored["traceparent"]?.stringValue.flatMap {
                TraceContext(traceparent: $0, tracestate: stored["tracestate"]?.stringValue)
            })
    }
}

extension TraceContext {
    /// The `traceparent`, and behind a space the `tracestate` when there is one.
    var stored: String { state.isEmpty ? traceparent : "\(traceparent) \(state)" }

    init?(stored: String) {
        let parts = stored.split(separator: " ", maxSplits: 1)
        guard let parent = parts.first else { return nil }
        self.init(traceparent: String(parent), tracestate: parts.count > 1 ? String(parts[1]) : nil)
    }
}
