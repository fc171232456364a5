/// An event that a group holds and has not finished.
public struct PendingDelivery: Hashable, Sendable {
    /// Which event it is.
    public var id: String
    /// Who holds it; `nil` while it waits to be handed out again.
    public var consumer: String?
    /// How often it was handed out, since it was redriven if it was; 0 when it was not, or is set aside behind an earlier one of its key.
    public var attempt: Int
    /// When its lease or its delay ends; for one that is set aside, since when it is.
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
    /// When it was given back, or the moment at which its lease ended.
    public var time: Timestamp
    /// What the consumer said, or the store's own words.
    public var reason: String

    /// The reason when nothing was heard until the lease had ended.
    public static let leaseEnded = "the lease ended"
    /// The reason when a consumer gave none for rejecting.
    public static let rejected = "rejected"
    /// The reason when a consumer gave none for terminating.
    public static let terminated = "terminated"
    /// The most bytes of a reason.
    public static let maximumReasonBytes = 1024

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
    /// Why: the reason of its last failure.
    public var reason: String
    /// The attempts that failed, oldest first, the last one included; at most ``ConsumerGroup/historyBound``.
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

/// A page of what a group has not finished.
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
