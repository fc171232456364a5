/// What a storage owes to the event bus: topics, groups of consumers, and signals.
///
/// - Every operation is atomic. Time is the storage's; inside one topic it never goes back.
/// - A topic begins with the first event that is published to it, or when it is given a retention or a group. ``Topic/sessions`` is always
///   there: it shows every ``SessionChange`` in the order of acceptance per session. It refers to the events of sessions and does not copy
///   them, so a change whose event is gone since is passed over, and the cursor moves.
/// - An event's place in a topic is its own for ever; the ``Delivery/id`` of an event is made of its place, so that no later event has it.
/// - Groups keep their own position. What they hold is counted by the storage, so a consumer that dies has used up an attempt.
/// - Names of topics, groups, consumers and channels, ids, types and keys are compared as bytes.
/// - What changes something for a waiting reader or consumer of a topic is hinted at (``StorageHint/topic(_:)``): published events, and
///   deliveries that were given back, released or redriven. A hint at any session may mean news in ``Topic/sessions`` too.
public protocol TopicStorage: Sendable {
    // MARK: Topics

    /// Publishes a batch, all or none. The order of the checks:
    ///
    /// 1. The idempotency key: when it is known, its first receipt is returned, every entry a duplicate, or
    ///    ``StoreError/Code/idempotencyMismatch`` when ``TopicBatch/fingerprint`` differs.
    /// 2. Ids. An event whose id is kept in the topic, or came earlier in the batch, is a duplicate: it stores nothing. An id that the store made
    ///    for this generation (``SessionRecord/seq(inMadeID:generation:)`` of the topic's) is a duplicate when its seq has been given out, and
    ///    ``StoreError/Code/invalidField`` otherwise.
    /// 3. Room for what is new, after ``TopicRetention/maximumEvents`` and ``TopicRetention/maximumBytes``:
    ///    ``StoreError/Code/tooLarge`` when the batch alone exceeds them; under ``TopicRetention/Policy/safe``
    ///    ``StoreError/Code/tooManyRequests`` when an event that would have to go is not finished by every group.
    ///
    /// Then the oldest events go that are too many or too old; under `safe` only those that every group has finished.
    /// - Throws: ``StoreError/Code/forbidden`` for ``Topic/sessions``.
    func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt

    /// A page of a topic. One that does not exist is empty: its start is ``TopicOffset/start``.
    ///
    /// A storage may stop looking for matches, or for what is not gone, at a bound of its own; `next` then moves on with few events or none.
    /// - Throws: ``StoreError/Code/offsetGone`` with ``StoreError/Detail/topicGone(earliest:tail:generation:)`` when the cursor stands before what
    ///   is kept (``TopicOffset/start`` never does: it means ``TopicCursor/start``), after the tail, or at a place that is another event's
    ///   now; ``StoreError/Code/invalidCursor`` for a text that this storage never gave out.
    func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage

    /// What is known of a topic.
    /// - Throws: ``StoreError/noTopic``.
    func topic(_ name: String) async throws(StoreError) -> Topic

    /// A page of the topics, sorted by the bytes of their names, ``Topic/sessions`` among them.
    func topics(after name: String?, limit: Int) async throws(StoreError) -> [Topic]

    /// Sets what a topic keeps; the topic is made if need be. What is too much goes at once, as far as the policy allows.
    ///
    /// ``Topic/sessions`` counts entries, whether they are passed over or not; a storage with shards counts in each of them.
    /// - Throws: ``StoreError/Code/invalidField`` for ``Topic/sessions`` when the policy is not ``TopicRetention/Policy/strict`` or bytes are limited:
    ///   conversations are never refused because a group is slow, and it holds no data of its own.
    func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic

    /// Deletes a topic with its groups; returns whether it was there.
    /// - Throws: ``StoreError/Code/forbidden`` for ``Topic/sessions``.
    func deleteTopic(_ name: String) async throws(StoreError) -> Bool

    // MARK: Groups

    /// Makes a group that begins at `cursor`, or gives the one that is there other settings and leaves its place. The topic is made if need be.
    /// - Throws: ``StoreError/Code/offsetGone``, ``StoreError/Code/invalidCursor`` as reading does.
    func setGroup(_ group: String, of topic: String, _ settings: GroupSettings, from cursor: TopicCursor) async throws(StoreError) -> (
        group: ConsumerGroup, created: Bool
    )

    /// What is known of a group.
    /// - Throws: ``StoreError/noGroup``.
    func group(_ group: String, of topic: String) async throws(StoreError) -> ConsumerGroup

    /// The groups of a topic, sorted by the bytes of their names; none when there is no such topic.
    func groups(of topic: String) async throws(StoreError) -> [ConsumerGroup]

    /// Deletes a group with what it holds and its dead letters; returns whether it was there.
    func deleteGroup(_ group: String, of topic: String) async throws(StoreError) -> Bool

    /// Hands out up to `limit` (1 to 1,000) events to `consumer` without waiting: first those whose lease or delay is over, in the order in which
    /// it ended, then new ones in the order of the topic.
    ///
    /// - A lease that ended without a word is an attempt that failed, noted now with ``DeliveryFailure/leaseEnded``. An event that has been handed out
    ///   ``GroupSettings/maximumDeliveries`` times becomes a dead letter instead, for the reason of its last failure.
    /// - An event that is due and was trimmed meanwhile is lost; one of ``Topic/sessions`` that is gone with its session is passed over.
    /// - When the group's position stands before what is kept, what lies between is lost, and the position moves on.
    /// - An ordered group sets an event aside whose key has an earlier unfinished one (``PendingDelivery/attempt`` is 0), and goes on behind it.
    ///   Events without a key have no order. An event that was set aside is due when the one before it is finished: acknowledged or dead.
    /// - At ``ConsumerGroup/pendingBound`` unfinished events no new ones are taken.
    /// - Throws: ``StoreError/noGroup``.
    func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received

    /// Settles deliveries, each on its own and in their order: one that is fenced does not keep the others from being settled.
    ///
    /// A settlement is fenced unless the event is pending and its token and consumer are those of the last hand-out. A lease that is over is still
    /// the holder's until the event is handed out again, or found overdue.
    /// - Throws: ``StoreError/noGroup``.
    func settle(_ settlements: [Settlement], of topic: String, as consumer: String, in group: String) async throws(StoreError) -> [SettlementOutcome]

    /// A page of what a group holds, in the order of the topic; `limit` is 1 to 1,000.
    func pending(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<PendingDelivery>

    /// A page of a group's dead letters, in the order of the topic; `limit` is 1 to 1,000. They keep their events, also when the topic does
    /// not; those of ``Topic/sessions`` only refer to them.
    func deadLetters(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<DeadLetter>

    /// Puts dead letters back: they are due at once with all their attempts before them, and keep their ids and their history. Ids that are no dead
    /// letters are passed over, and so are those for which there is no room under ``ConsumerGroup/pendingBound``. A dead letter whose event is
    /// gone or pending again is only removed. Returns how many are pending now because of it.
    func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int

    /// Removes dead letters for good. Returns how many.
    func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int

    /// Moves a group to another place, back or forward, and drops what it holds (tokens of before are fenced); dead letters stay.
    /// - Throws: ``StoreError/Code/offsetGone``, ``StoreError/Code/invalidCursor`` as reading does.
    func move(_ group: String, of topic: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup

    /// Says that somebody waits for this topic, until the observation is cancelled; see ``Storage/watch(_:)``.
    func watch(topic: String) -> StorageObservation

    // MARK: Signals

    /// Tells whoever listens to `channel` now, on this process and others. Nothing is kept for later; nobody may be listening.
    func signal(_ payload: JSON, on channel: String) async throws(StoreError)

    /// Calls `listener` with every signal on `channel` that is sent after it returns, in the order of sending per sender, on any thread,
    /// until the observation is cancelled. Signals are lost when connections are.
    func listen(to channel: String, _ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation
}

extension TopicStorage {
    /// Nothing to do: all changes are hinted anyway.
    public func watch(topic: String) -> StorageObservation { StorageObservation {} }
}
