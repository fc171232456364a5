/// A handle on one group of a topic's consumers. It holds nothing but names, so it is free to make and never stale.
public struct GroupHandle: Sendable {
    /// The topic.
    public let topic: String
    /// The name of the group.
    public let name: String
    package let store: SessionStore

    init(topic: String, name: String, store: SessionStore) {
        self.topic = topic
        self.name = name
        self.store = store
    }

    /// Makes the group, beginning at `cursor`, or gives the one that is there other settings and leaves its place.
    @discardableResult
    public func set(_ settings: GroupSettings = GroupSettings(), from cursor: TopicCursor = .now) async throws(StoreError) -> ConsumerGroup {
        try await store.setGroup(name, of: topic, settings, from: cursor).group
    }

    /// What is known of the group.
    public func inspect() async throws(StoreError) -> ConsumerGroup { try await store.inspect(group: name, of: topic) }

    /// Hands out up to `max` events to a consumer; waits up to `wait` when there are none.
    public func receive(max: Int = 1, wait: Duration = .zero, as consumer: String) async throws(StoreError) -> Received {
        try await store.receive(max, wait: wait, from: topic, as: consumer, in: name)
    }

    /// Settles deliveries, each on its own and in their order.
    @discardableResult
    public func settle(_ settlements: [Settlement], as consumer: String) async throws(StoreError) -> [SettlementOutcome] {
        try await store.settle(settlements, of: topic, as: consumer, in: name)
    }

    /// What comes for a consumer, for as long as it is asked for: each delivery has to be settled.
    ///
    /// - Parameter batch: how many are taken at once, 1 to 1,000. The lease of all of them begins when they are taken. What was taken and not given
    ///   to the loop is released when the loop ends.
    public func deliveries(as consumer: String, batch: Int = 1) -> DeliverySequence {
        DeliverySequence(group: self, consumer: consumer, batch: batch)
    }

    /// Puts dead letters back; returns how many are pending because of it.
    @discardableResult
    public func redrive(_ selection: DeadLetterSelection) async throws(StoreError) -> Int {
        try await store.redrive(selection, in: name, of: topic)
    }

    /// A page of the dead letters.
    public func deadLetters(after id: String? = nil, limit: Int = 100) async throws(StoreError) -> GroupPage<DeadLetter> {
        try await store.deadLetters(in: name, of: topic, after: id, limit: limit)
    }

    /// Moves the group to another place, back or forward, and drops what it holds.
    @discardableResult
    public func move(to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup {
        try await store.move(group: name, of: topic, to: cursor)
    }

    /// Deletes the group; absent is fine.
    public func delete() async throws(StoreError) { try await store.delete(group: name, of: topic) }
}

/// A delivery in the hands of a loop, which settles it.
public struct HeldDelivery: Sendable {
    /// The delivery.
    public let delivery: Delivery
    /// Who holds it.
    public let consumer: String
    private let group: GroupHandle

    init(_ delivery: Delivery, of group: GroupHandle, as consumer: String) {
        self.delivery = delivery
        self.group = group
        self.consumer = consumer
    }

    /// The event.
    public var event: TopicEvent { delivery.event }
    /// Which event it is, for the group.
    public var id: String { delivery.id }
    /// 1 the first time.
    public var attempt: Int { delivery.attempt }

    /// Done: it never comes again. False when somebody else has it by now.
    @discardableResult
    public func acknowledge() async throws(StoreError) -> Bool { try await settle(.acknowledge) }

    /// It comes again after `delay`, or after the group's back-off; a dead letter when it was the last attempt. False when somebody else has it by now.
    @discardableResult
    public func reject(after delay: Duration? = nil, reason: String? = nil) async throws(StoreError) -> Bool {
        try await settle(.reject(delay: delay?.milliseconds, reason: reason))
    }

    /// Never again: a dead letter at once. False when somebody else has it by now.
    @discardableResult
    public func terminate(reason: String? = nil) async throws(StoreError) -> Bool { try await settle(.terminate(reason: reason)) }

    /// Its lease ends this long from now. False when somebody else has it by now.
    @discardableResult
    public func extend(by lease: Duration) async throws(StoreError) -> Bool { try await settle(.extend(lease.milliseconds)) }

    private func settle(_ action: Settlement.Action) async throws(StoreError) -> Bool {
        try await group.settle([Settlement(id: delivery.id, token: delivery.token, action)], as: consumer) == [.done]
    }
}

extension Duration {
    /// Whole milliseconds, as many as there are.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? (seconds < 0 ? .min : .max) : Int(clamping: product &+ attoseconds / 1_000_000_000_000_000)
    }
}
