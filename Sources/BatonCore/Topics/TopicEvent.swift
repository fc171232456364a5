public import BatonTelemetry

/// An event of a topic, as readers see it.
public struct TopicEvent: Hashable, Sendable {
    /// The publisher's id, or one that the store made: in a topic of the store's own ``SessionRecord/madeID(generation:seq:)`` of the topic's
    /// generation, in one of several shards the text of the event's ``TopicPlace``.
    public var id: String
    /// 1, 2, 3… in a topic of the store's own; `nil` in the topic ``Topic/sessions`` and in streams of others.
    public var seq: Int?
    /// Where it stands: the cursor after which the next one comes.
    public var offset: TopicOffset
    /// What the publisher said, or when the store accepted it.
    public var time: Timestamp
    /// What happened.
    public var type: String
    /// What it happened to; order is kept among events of one key.
    public var key: String?
    /// The publisher's bytes; any JSON value.
    public var data: JSON
    /// The span that published it, or in the topic ``Topic/sessions`` the one that appended its event; `nil` when none was recorded.
    public var trace: TraceContext?

    /// Where it stands in its shard; `nil` when neither the offset nor the id says it.
    public var place: TopicPlace? {
        if let single = offset.single { return TopicPlace(shard: 0, milliseconds: single.milliseconds, seq: single.seq) }
        return TopicPlace(id)
    }

    /// An event of its parts.
    public init(
        id: String, seq: Int?, offset: TopicOffset, time: Timestamp, type: String, key: String?, data: JSON, trace: TraceContext? = nil
    ) {
        self.id = id
        self.seq = seq
        self.offset = offset
        self.time = time
        self.type = type
        self.key = key
        self.data = data
        self.trace = trace
    }
}

/// Where reading a topic begins.
public enum TopicCursor: Hashable, Sendable {
    /// With the oldest event that is kept.
    case start
    /// With what is published from now on.
    case now
    /// After this place.
    case offset(TopicOffset)
    /// With the first event that was accepted at or after this moment; in ``Topic/sessions`` with an earlier one when clocks went back.
    case time(Timestamp)
}

/// An event to publish, checked.
public struct TopicEventDraft: Hashable, Sendable {
    /// The publisher's id, 1 to 128 bytes: publishing it again, while its event is kept, stores nothing and gives the first receipt.
    public var id: String?
    /// What happened, 1 to 128 bytes.
    public var type: String
    /// What it happened to, 1 to 256 bytes.
    public var key: String?
    /// When it happened, if that is not when it is published.
    public var time: Timestamp?
    /// Any JSON value, 1 MiB at most.
    public var data: JSON

    /// The largest data of one event, in bytes.
    public static let maximumDataBytes = 1 << 20
    /// The most events that one call publishes.
    public static let maximumBatch = 1000

    /// A draft of its parts; the store checks it.
    public init(type: String, key: String? = nil, data: JSON, id: String? = nil, time: Timestamp? = nil) {
        self.id = id
        self.type = type
        self.key = key
        self.time = time
        self.data = data
    }
}

/// Events to publish to one topic, all or none.
public struct TopicBatch: Hashable, Sendable {
    /// The events, 1 to ``TopicEventDraft/maximumBatch``.
    public var events: [TopicEventDraft]
    /// A name for this request: publishing with it again stores nothing and gives the first receipt; 1 to 256 bytes.
    public var idempotencyKey: String?
    /// The span that publishes it, kept with the events; no part of the request, so a retry may have another.
    public var trace: TraceContext?

    /// How many idempotency keys a topic remembers; older ones are forgotten first.
    public static let rememberedKeys = 4096

    /// What tells a retry from another request under the same idempotency key: a 64-bit FNV-1a of ids, types, keys, times and data.
    public var fingerprint: Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for event in events {
            for text in [event.id, event.type, event.key] {
                for byte in (text ?? "").utf8 { mix(byte) }
                mix(0xFF)
            }
            withUnsafeBytes(of: UInt64(truncatingIfNeeded: event.time?.milliseconds ?? -1).littleEndian) { $0.forEach(mix) }
            for byte in event.data.bytes { mix(byte) }
            mix(0xFF)
        }
        return Int(truncatingIfNeeded: hash)
    }

    /// A batch.
    public init(_ events: [TopicEventDraft], idempotencyKey: String? = nil, trace: TraceContext? = nil) {
        self.events = events
        self.idempotencyKey = idempotencyKey
        self.trace = trace
    }
}

/// Where published events stand.
public struct PublishReceipt: Hashable, Sendable {
    /// One event's place.
    public struct Entry: Hashable, Sendable {
        /// The event's id.
        public var id: String
        /// Its number in the topic.
        public var seq: Int
        /// Where it stands.
        public var offset: TopicOffset
        /// When the store accepted it.
        public var time: Timestamp
        /// Whether it was there before, so that this call stored nothing.
        public var isDuplicate: Bool

        /// An entry of its parts.
        public init(id: String, seq: Int, offset: TopicOffset, time: Timestamp, isDuplicate: Bool) {
            self.id = id
            self.seq = seq
            self.offset = offset
            self.time = time
            self.isDuplicate = isDuplicate
        }
    }

    /// One entry for each event of the batch, in its order.
    public var entries: [Entry]

    /// A receipt of its entries.
    public init(entries: [Entry]) { self.entries = entries }

    /// Whether nothing was stored.
    public var isDuplicate: Bool { entries.allSatisfy(\.isDuplicate) }
}

/// A page of a topic's events.
public struct TopicQuery: Hashable, Sendable {
    /// Where to begin.
    public var cursor: TopicCursor
    /// The most events, 1 to ``EventQuery/maximumLimit``.
    public var limit: Int
    /// Which events; applied before the limit.
    public var filter: TopicFilter

    /// A query for a page.
    public init(from cursor: TopicCursor = .start, limit: Int = 100, filter: TopicFilter = TopicFilter()) {
        self.cursor = cursor
        self.limit = limit
        self.filter = filter
    }
}

/// Which events of a topic are wanted. Every part that is given has to match; an empty list matches everything.
public struct TopicFilter: Hashable, Sendable {
    /// Any of these types.
    public var types: [String] = []
    /// Any of these keys.
    public var keys: [String] = []
    /// Events of sessions of this application; only in the topic ``Topic/sessions``.
    public var app: String?
    /// Events of sessions of this user; only in the topic ``Topic/sessions``, together with `app`.
    public var user: String?

    /// Everything.
    public init() {}

    /// Whether everything matches.
    public var isEmpty: Bool { types.isEmpty && keys.isEmpty && app == nil && user == nil }

    /// Whether the event is wanted. Words are compared as bytes.
    public func matches(_ event: TopicEvent) -> Bool {
        if isEmpty { return true }
        if !types.isEmpty, !types.contains(where: { Name.isSame($0, event.type) }) { return false }
        if !keys.isEmpty, !keys.contains(where: { Name.isSame($0, event.key ?? "") }) { return false }
        guard app != nil || user != nil else { return true }
        guard let session = event.key.flatMap(SessionKey.init(path:)) else { return false }
        return (app.map { Name.isSame($0, session.app) } ?? true) && (user.map { Name.isSame($0, session.user) } ?? true)
    }
}

/// A page of a topic, and where to go on.
public struct TopicPage: Hashable, Sendable {
    /// The events, oldest first.
    public var events: [TopicEvent]
    /// Where the next page begins; it moves past events that a filter leaves out.
    public var next: TopicOffset
    /// Where the topic ends; an offset that no event has been given yet is after it.
    public var tail: TopicOffset
    /// Whether nothing is left after `next` now.
    public var upToDate: Bool

    /// A page of its parts.
    public init(events: [TopicEvent], next: TopicOffset, tail: TopicOffset, upToDate: Bool) {
        self.events = events
        self.next = next
        self.tail = tail
        self.upToDate = upToDate
    }
}
