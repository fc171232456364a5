/// What a storage owes to the event bus: topics, groups of consumers, and signals. Every operation is atomic.
///
/// - A topic begins with the first event that is published to it, or when it is given a retention. ``Topic/sessions`` is always there: it shows
///   every change of every session in the order of acceptance per session. It refers to the events of sessions and does not copy them, so an
///   event that was removed since, or whose session was, is passed over and the cursor moves.
/// - Groups keep their own place. What they hold is counted by the storage, so a consumer that dies has used up an attempt.
/// - Time is the storage's.
public protocol TopicStorage: Sendable {
    // MARK: Topics

    /// Publishes a batch, all or none. Checks: the idempotency key (as in an append), ids that are kept (duplicates), then room: under
    /// ``TopicRetention/Policy/safe`` ``StoreError/Code/tooManyRequests`` when what should go is not finished by every group.
    /// - Throws: ``StoreError/Code/forbidden`` for ``Topic/sessions``.
    func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt

    /// A page of a topic; a topic that was never published to is empty, and its offsets are valid cursors later.
    /// - Throws: ``StoreError/Code/offsetGone`` when the cursor stands before what is kept, or in another generation;
    ///   ``StoreError/Code/invalidCursor`` for a text that this storage never gave out.
    func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage

    /// What is known of a topic.
    /// - Throws: ``StoreError/Code/notFound`` when nothing was ever published to it.
    func topic(_ name: String) async throws(StoreError) -> Topic

    /// A page of the topics by name, ``Topic/sessions`` among them.
    func topics(after name: String?, limit: Int) async throws(StoreError) -> [Topic]

    /// Sets what a topic keeps; the topic is made if need be.
    func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic

    /// Deletes a topic with its groups; returns whether it was there.
    func deleteTopic(_ name: String) async throws(StoreError) -> Bool

    // MARK: Groups

    /// Makes a group that begins at `cursor`, or gives the one that is there other settings and leaves its place.
    func setGroup(_ group: String, of topic: String, _ settings: GroupSettings, from cursor: TopicCursor) async throws(StoreError) -> (
        group: ConsumerGroup, created: Bool
    )

    /// What is known of a group.
    /// - Throws: ``StoreError/Code/notFound``.
    func group(_ group: String, of topic: String) async throws(StoreError) -> ConsumerGroup

    /// The groups of a topic by name.
    func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup]

    /// Deletes a group with what it holds and its dead letters; returns whether it was there.
    func deleteGroup(_ group: String, of topic: String) async throws(StoreError) -> Bool

    /// Hands out up to `limit` (1 to 1,000) events to `consumer` without waiting: first those whose lease or delay is over, oldest first, then new ones.
    /// One that has been handed out ``GroupSettings/maximumDeliveries`` times becomes a dead letter instead.
    func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received

    /// Settles deliveries, each on its own: one that is fenced does not keep the others from being settled. In their order.
    func settle(_ settlements: [Settlement], of topic: String, as consumer: String, in group: String) async throws(StoreError) -> [SettlementOutcome]

    /// A page of what a group holds.
    func pending(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<PendingDelivery>

    /// A page of a group's dead letters.
    func deadLetters(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<DeadLetter>

    /// Puts dead letters back: they are handed out again at once with all their attempts, and keep their ids. Returns how many.
    func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int

    /// Removes dead letters for good. Returns how many.
    func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int

    /// Moves a group to another place, back or forward, and drops what it holds (tokens of before are fenced); dead letters stay.
    func move(_ group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup

    /// Says that somebody waits for this topic, until the observation is cancelled; see ``Storage/watch(_:)``.
    func watch(topic: String) -> StorageObservation

    // MARK: Signals

    /// Tells whoever listens to `channel` now, on this process and others. Nothing is kept; nobody may be listening.
    func signal(_ payload: JSON, on channel: String) async throws(StoreError)

    /// Calls `listener` with every signal on `channel`, on any thread, until the observation is cancelled. Signals sent before it returns may be missed.
    func listen(to channel: String, _ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation
}

extension TopicStorage {
    /// Nothing to do: all changes are hinted anyway.
    public func watch(topic: String) -> StorageObservation { StorageObservation {} }
}
