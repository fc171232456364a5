/// How a group of consumers works through a topic.
public struct GroupSettings: Hashable, Sendable {
    /// How often an event is handed out before it is a dead letter, 1 to 100.
    public var maximumDeliveries: Int
    /// How long a consumer holds an event before somebody else gets it, in milliseconds: 100 ms to 12 hours.
    public var leaseMilliseconds: Int
    /// How long an event waits after its first failure, in milliseconds, 0 to 12 hours; it doubles with each further one. The last half is by chance:
    /// see ``backoff(afterAttempt:)``.
    public var backoffMilliseconds: Int
    /// The longest that an event waits after a failure, in milliseconds, 0 to 12 hours.
    public var maximumBackoffMilliseconds: Int
    /// Whether events of one key (in ``Topic/sessions``: of one session) are handed out one at a time, in order, also through retries.
    /// Once a group is made this stays as it is.
    public var isOrdered: Bool

    /// Settings; the usual ones where nothing is said.
    public init(
        maximumDeliveries: Int = 5, leaseMilliseconds: Int = 30_000, backoffMilliseconds: Int = 1000, maximumBackoffMilliseconds: Int = 300_000,
        isOrdered: Bool = false
    ) {
        self.maximumDeliveries = maximumDeliveries
        self.leaseMilliseconds = leaseMilliseconds
        self.backoffMilliseconds = backoffMilliseconds
        self.maximumBackoffMilliseconds = maximumBackoffMilliseconds
        self.isOrdered = isOrdered
    }

    /// What an event may have to wait after its nth failure, in milliseconds: any of these, by chance.
    public func backoff(afterAttempt attempt: Int) -> ClosedRange<Int> {
        let doublings = max(0, min(attempt - 1, 32))
        let longest = min(backoffMilliseconds << doublings, maximumBackoffMilliseconds)
        return longest / 2...longest
    }
}

/// What a store knows of a group.
public struct ConsumerGroup: Hashable, Sendable {
    /// One of its consumers.
    public struct Consumer: Hashable, Sendable {
        /// Its name.
        public var name: String
        /// How many events it holds.
        public var held: Int
        /// When it last asked for something, to the second.
        public var seenAt: Timestamp

        /// A consumer of its parts.
        public init(name: String, held: Int, seenAt: Timestamp) {
            self.name = name
            self.held = held
            self.seenAt = seenAt
        }
    }

    /// The topic.
    public var topic: String
    /// The name, 1 to 256 bytes.
    public var name: String
    /// How it works.
    public var settings: GroupSettings
    /// The place after which events have never been handed out.
    public var position: TopicOffset
    /// How many entries stand after `position`, those included that will be passed over; exact up to ``countBound``, and that number when there are at
    /// least as many.
    public var lag: Int
    /// How many before `position` are unfinished: handed out, waiting to be handed out again, or set aside behind another of their key.
    public var pending: Int
    /// How many dead letters there are; at most ``deadLetterBound``.
    public var dead: Int
    /// How many events the group will never finish: trimmed before it did, or dead letters that made room for others. As far as it was noticed, by
    /// ``TopicStorage/receive(_:from:as:in:)`` or before.
    public var lost: Int
    /// When the oldest event that is not finished was accepted; `nil` when all are.
    public var oldestUnfinished: Timestamp?
    /// Its consumers; those that hold nothing are forgotten after an hour.
    public var consumers: [Consumer]

    /// The most unfinished events that a group holds; it takes new ones when others are finished.
    public static let pendingBound = 10_000
    /// The most dead letters of a group; the oldest makes room for another and is lost.
    public static let deadLetterBound = 10_000
    /// The most failures that are remembered of one event; older ones are forgotten first.
    public static let historyBound = 100
    /// The number up to which lag is counted.
    public static let countBound = 100_000

    /// A group of its parts.
    public init(
        topic: String, name: String, settings: GroupSettings, position: TopicOffset, lag: Int, pending: Int, dead: Int, lost: Int,
        oldestUnfinished: Timestamp?, consumers: [Consumer]
    ) {
        self.topic = topic
        self.name = name
        self.settings = settings
        self.position = position
        self.lag = lag
        self.pending = pending
        self.dead = dead
        self.lost = lost
        self.oldestUnfinished = oldestUnfinished
        self.consumers = consumers
    }
}
