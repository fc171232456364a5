/// How a group of consumers works through a topic.
public struct GroupSettings: Hashable, Sendable {
    /// How often an event is handed out before it is a dead letter, 1 to 100.
    public var maximumDeliveries: Int
    /// How long a consumer holds an event before somebody else gets it, in milliseconds: 100 ms to 12 hours.
    public var leaseMilliseconds: Int
    /// How long an event waits after its first failure, in milliseconds; it doubles with each further one, half of it by chance.
    public var backoffMilliseconds: Int
    /// The longest that an event waits after a failure, in milliseconds.
    public var maximumBackoffMilliseconds: Int
    /// Whether events of one key (in ``Topic/sessions``: of one session) go to one consumer at a time, in order, also through retries.
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
}

/// What a store knows of a group.
public struct ConsumerGroup: Hashable, Sendable {
    /// One of its consumers.
    public struct Consumer: Hashable, Sendable {
        /// Its name.
        public var name: String
        /// How many events it holds.
        public var held: Int
        /// When it last asked for something.
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
    /// How many events stand after `position`; exact up to ``countBound``, and that number when there are at least as many.
    public var lag: Int
    /// How many are handed out, or wait to be handed out again.
    public var pending: Int
    /// How many dead letters there are.
    public var dead: Int
    /// How many events were trimmed before the group finished them.
    public var lost: Int
    /// When the oldest event that is not finished was accepted; `nil` when all are.
    public var oldestUnfinished: Timestamp?
    /// Its consumers; those that hold nothing are forgotten after an hour.
    public var consumers: [Consumer]

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

/// An event in the hands of a consumer.
public struct Delivery: Hashable, Sendable {
    /// Which event it is, for the group: stays the same however often it is handed out.
    public var id: String
    /// Proves that it was this consumer's turn: another hand-out has another token.
    public var token: String
    /// 1 the first time.
    public var attempt: Int
    /// Until when it is the consumer's.
    public var leaseEndsAt: Timestamp
    /// The event.
    public var event: TopicEvent

    /// A delivery of its parts.
    public init(id: String, token: String, attempt: Int, leaseEndsAt: Timestamp, event: TopicEvent) {
        self.id = id
        self.token = token
        self.attempt = attempt
        self.leaseEndsAt = leaseEndsAt
        self.event = event
    }
}

/// What a receive gives.
public struct Received: Hashable, Sendable {
    /// The deliveries, oldest event first.
    public var deliveries: [Delivery]
    /// When there may be something without anything being published: the end of a lease, a delay, or a back-off; `nil` when nothing is held.
    public var nextDue: Timestamp?
    /// How many events of the group were found to be trimmed since it last received.
    public var lost: Int

    /// What was received.
    public init(deliveries: [Delivery], nextDue: Timestamp?, lost: Int) {
        self.deliveries = deliveries
        self.nextDue = nextDue
        self.lost = lost
    }
}

/// What a consumer has to say about one delivery.
public struct Settlement: Hashable, Sendable {
    /// What becomes of the event.
    public enum Action: Hashable, Sendable {
        /// Done; it is never handed out again.
        case acknowledge
        /// Again, after `delay` milliseconds or, when nil, the group's back-off; a dead letter when it was the last attempt. Reasons have at most 1,024 bytes.
        case reject(delay: Int?, reason: String?)
        /// Not done yet: the lease ends this many milliseconds from now.
        case extend(Int)
        /// Never again: a dead letter at once.
        case terminate(reason: String?)
    }

    /// The id of the delivery.
    public var id: String
    /// The token of the delivery.
    public var token: String
    /// What becomes of it.
    public var action: Action

    /// A settlement of its parts.
    public init(id: String, token: String, _ action: Action) {
        self.id = id
        self.token = token
        self.action = action
    }
}

/// What became of one settlement.
public enum SettlementOutcome: String, Hashable, Sendable, CaseIterable {
    /// It took effect.
    case done
    /// The token is not the holder's any more, or the event is finished: nothing changed.
    case fenced
}

/// An event that a group holds and has not finished.
public struct PendingDelivery: Hashable, Sendable {
    /// Which event it is.
    public var id: String
    /// Who holds it; `nil` while it waits to be handed out again.
    public var consumer: String?
    /// How often it was handed out.
    public var attempt: Int
    /// When its lease or its delay ends.
    public var dueAt: Timestamp
    /// What its consumers said when they gave it back, oldest first.
    public var history: [DeliveryFailure]

    /// A pending delivery of its parts.
    public init(id: String, consumer: String?, attempt: Int, dueAt: Timestamp, history: [DeliveryFailure]) {
        self.id = id
        self.consumer = consumer
        self.attempt = attempt
        self.dueAt = dueAt
        self.history = history
    }
}

/// One attempt that failed.
public struct DeliveryFailure: Hashable, Sendable {
    /// Which attempt it was.
    public var attempt: Int
    /// Who held the event.
    public var consumer: String
    /// When it was given back, or found to be overdue.
    public var time: Timestamp
    /// What the consumer said; the store's own words when it said nothing until its lease ended.
    public var reason: String

    /// A failure of its parts.
    public init(attempt: Int, consumer: String, time: Timestamp, reason: String) {
        self.attempt = attempt
        self.consumer = consumer
        self.time = time
        self.reason = reason
    }
}

/// An event that a group has given up.
public struct DeadLetter: Hashable, Sendable {
    /// Which event it was; its id as a delivery.
    public var id: String
    /// When it was given up.
    public var time: Timestamp
    /// Why.
    public var reason: String
    /// All attempts, oldest first.
    public var history: [DeliveryFailure]
    /// The event; `nil` when it belonged to a session that is gone.
    public var event: TopicEvent?

    /// A dead letter of its parts.
    public init(id: String, time: Timestamp, reason: String, history: [DeliveryFailure], event: TopicEvent?) {
        self.id = id
        self.time = time
        self.reason = reason
        self.history = history
        self.event = event
    }
}

/// A page of what a group has aside.
public struct GroupPage<Element: Hashable & Sendable>: Hashable, Sendable {
    /// The elements, oldest first.
    public var elements: [Element]
    /// What to pass as `after` for the next page; `nil` at the end.
    public var next: String?

    /// A page of its parts.
    public init(elements: [Element], next: String?) {
        self.elements = elements
        self.next = next
    }
}

/// Which dead letters to put back.
public enum DeadLetterSelection: Hashable, Sendable {
    /// These; at most 1,000.
    case ids([String])
    /// The oldest ones, this many at most: 1 to 1,000.
    case oldest(Int)
}
