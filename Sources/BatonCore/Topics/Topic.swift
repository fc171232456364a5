/// What a store knows of a topic.
public struct Topic: Hashable, Sendable {
    /// The topic that carries what happens in all sessions; nobody publishes to it, and it cannot be deleted.
    public static let sessions = "sessions"

    /// The name, 1 to 256 bytes.
    public var name: String
    /// How many events are kept; `nil` where counting would cost more than a glance.
    public var count: Int?
    /// The place before the oldest event that is kept; ``TopicOffset/start`` before anything was trimmed.
    public var earliest: TopicOffset
    /// Where the newest event stands; ``TopicOffset/start`` before the first.
    public var tail: TopicOffset
    /// Random at creation: a topic that is deleted and published to again is another one.
    public var generation: String
    /// What is kept.
    public var retention: TopicRetention

    /// A topic of its parts.
    public init(name: String, count: Int?, earliest: TopicOffset, tail: TopicOffset, generation: String, retention: TopicRetention) {
        self.name = name
        self.count = count
        self.earliest = earliest
        self.tail = tail
        self.generation = generation
        self.retention = retention
    }
}

/// How much of a topic is kept, and what happens to groups that are slower.
public struct TopicRetention: Hashable, Sendable {
    /// What happens to an event that should go and that a group has not finished.
    public enum Policy: String, Hashable, Sendable, CaseIterable {
        /// It stays. Publishing is refused (``StoreError/Code/tooManyRequests``) while there is no room under the limits of count and bytes; age
        /// refuses nothing.
        case safe
        /// It goes; the group counts it as lost.
        case strict
    }

    /// The most events, 1 to 100,000,000; `nil` for no limit of this kind.
    public var maximumEvents: Int?
    /// The most bytes of data, 1 to 1 TiB; `nil` for no limit of this kind.
    public var maximumBytes: Int?
    /// The longest time that an event is kept, in seconds, 1 to ``SessionDraft/maximumTTL``; `nil` for no limit of this kind. Events that are too
    /// old go with the next one that is published, or a little later.
    public var maximumAge: Int?
    /// What happens to groups that are slower.
    public var policy: Policy

    /// What ``Topic/sessions`` keeps unless it is told otherwise.
    public static let sessions = TopicRetention(maximumEvents: 100_000, maximumBytes: nil, maximumAge: 7 * 86_400, policy: .strict)
    /// What any other topic keeps unless it is told otherwise.
    public static let standard = TopicRetention(maximumEvents: 100_000, maximumBytes: nil, maximumAge: 7 * 86_400, policy: .safe)

    /// A retention of its limits.
    public init(maximumEvents: Int?, maximumBytes: Int?, maximumAge: Int?, policy: Policy) {
        self.maximumEvents = maximumEvents
        self.maximumBytes = maximumBytes
        self.maximumAge = maximumAge
        self.policy = policy
    }
}
