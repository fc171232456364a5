/// An event in the hands of a consumer.
public struct Delivery: Hashable, Sendable {
    /// Which event it is, for the group: made of its place in the topic, so that it stays the same however often it is handed out, also after being
    /// redriven or a move of the group, and no other event ever has it. At most 128 bytes of printable ASCII.
    public var id: String
    /// Proves that it was this consumer's turn: every hand-out of the group has another token, numbers that only go up.
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
    /// The deliveries, in the order in which they were handed out.
    public var deliveries: [Delivery]
    /// When there may be something without anything being published: the end of a lease, a delay, or a back-off, also of what was just handed out. Not
    /// after now when the storage stopped looking before it had seen everything. `nil` when nothing of the kind can happen.
    public var nextDue: Timestamp?
    /// How many events of the group were found to be lost by this call.
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
        /// Again, after `delay` milliseconds (0 to 12 hours) or, when nil, the group's back-off; a dead letter when it was the last attempt.
        /// Reasons have at most 1,024 bytes; without one the reason is ``DeliveryFailure/rejected``.
        case reject(delay: Int?, reason: String?)
        /// Given back without having been looked at: due again at once, as if it had not been handed out. It uses up no attempt.
        case release
        /// Not done yet: the lease ends this many milliseconds from now, 100 ms to 12 hours.
        case extend(Int)
        /// Never again: a dead letter at once. Without a reason it is ``DeliveryFailure/terminated``.
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
