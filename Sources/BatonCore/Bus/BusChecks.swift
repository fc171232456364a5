// What callers of the bus may ask for. Checked once, above the seam, so that storages get only values that can be stored.

extension TopicBatch {
    /// This batch when it may be published.
    func checked() throws(StoreError) -> TopicBatch {
        guard (1...TopicEventDraft.maximumBatch).contains(events.count) else {
            throw StoreError(.tooLarge, "a batch has 1 to \(TopicEventDraft.maximumBatch) events, not \(events.count)")
        }
        if let idempotencyKey { _ = try Name.checked(idempotencyKey, "the idempotency key") }
        for (index, event) in events.enumerated() {
            try Check.bytes(event.type, 1...128, "events[\(index)].type")
            if let id = event.id { try Check.bytes(id, 1...128, "events[\(index)].id") }
            if let key = event.key { try Check.bytes(key, 1...256, "events[\(index)].key") }
            if let time = event.time, !Timestamp.storable.contains(time.milliseconds) {
                throw StoreError(.invalidField, "events[\(index)].time lies outside the years 1970 to 9999")
            }
            guard event.data.bytes.count <= TopicEventDraft.maximumDataBytes else {
                throw StoreError(
                    .tooLarge, "events[\(index)].data has \(event.data.bytes.count) bytes; an event holds at most \(TopicEventDraft.maximumDataBytes)"
                )
            }
        }
        return self
    }
}

extension Timestamp {
    /// Moments that RFC 3339 can write and offsets can hold.
    fileprivate static let storable = 0...253_402_300_799_999
}

extension TopicRetention {
    /// This retention when a topic may have it.
    func checked() throws(StoreError) -> TopicRetention {
        if let maximumEvents { try Check.field(maximumEvents, 1...100_000_000, "maximumEvents") }
        if let maximumBytes { try Check.field(maximumBytes, 1...1 << 40, "maximumBytes") }
        if let maximumAge { try Check.field(maximumAge, 1...SessionDraft.maximumTTL, "maximumAge") }
        return self
    }
}

extension GroupSettings {
    /// These settings when a group may have them.
    func checked() throws(StoreError) -> GroupSettings {
        try Check.field(maximumDeliveries, 1...100, "maximumDeliveries")
        try Check.field(leaseMilliseconds, 100...GroupSettings.longestWait, "lease")
        try Check.field(backoffMilliseconds, 0...GroupSettings.longestWait, "backoff")
        try Check.field(maximumBackoffMilliseconds, 0...GroupSettings.longestWait, "maximumBackoff")
        return self
    }

    /// The longest lease, delay and back-off: 12 hours, in milliseconds.
    public static let longestWait = 12 * 3_600_000
}

extension [Settlement] {
    /// These settlements when they may be done.
    func checked() throws(StoreError) -> [Settlement] {
        guard count <= 1000 else { throw StoreError(.tooLarge, "one call settles at most 1000 deliveries, not \(count)") }
        for settlement in self {
            switch settlement.action {
            case .acknowledge, .release: break
            case .extend(let milliseconds): try Check.field(milliseconds, 100...GroupSettings.longestWait, "extend")
            case .reject(let delay, let reason):
                if let delay { try Check.field(delay, 0...GroupSettings.longestWait, "delay") }
                if let reason { try Check.bytes(reason, 0...DeliveryFailure.maximumReasonBytes, "reason") }
            case .terminate(let reason):
                if let reason { try Check.bytes(reason, 0...DeliveryFailure.maximumReasonBytes, "reason") }
            }
        }
        return self
    }
}

extension DeadLetterSelection {
    /// This selection when it may be asked for.
    func checked() throws(StoreError) -> DeadLetterSelection {
        switch self {
        case .ids(let ids):
            guard ids.count <= 1000 else { throw StoreError(.tooLarge, "one call names at most 1000 dead letters, not \(ids.count)") }
        case .oldest(let count): try Check.range(count, 1...1000, "limit")
        }
        return self
    }
}

extension Check {
    static func bytes(_ text: String, _ range: ClosedRange<Int>, _ field: String) throws(StoreError) {
        guard range.contains(text.utf8.count) else {
            throw StoreError(.invalidField, "\(field) has \(text.utf8.count) bytes; it may have \(range.lowerBound) to \(range.upperBound)")
        }
    }

    static func field(_ value: Int, _ range: ClosedRange<Int>, _ field: String) throws(StoreError) {
        guard range.contains(value) else {
            throw StoreError(.invalidField, "\(field) has to be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    static func cursor(_ cursor: TopicCursor) throws(StoreError) {
        guard case .offset(let offset) = cursor, !(1...2048).contains(offset.text.utf8.count) else { return }
        throw StoreError(.invalidCursor, "an offset has 1 to 2048 bytes")
    }
}
