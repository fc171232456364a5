public import BatonTelemetry

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Conversations and working state of agents, on any storage.
///
/// A store checks what callers ask for, lets its storage do it in one atomic step, and tells followers. It is cheap to
/// share: one instance serves a whole process.
public final class SessionStore: Sendable {
    /// What the store was asked to do; the names of metrics, and of spans unless ``Operation/spanName`` says another.
    public enum Operation: String, Sendable, CaseIterable {
        case createSession = "create_session"
        case getSession = "get_session"
        case updateSession = "update_session"
        case touchSession = "touch_session"
        case deleteSession = "delete_session"
        case listSessions = "list_sessions"
        case appendEvents = "append_events"
        case enqueueEvents = "enqueue_events"
        case readEvents = "read_events"
        case getEvent = "get_event"
        case getWindow = "get_window"
        case getBlob = "get_blob"
        case replaceEvent = "replace_event"
        case removeEvent = "remove_event"
        case clearEvents = "clear_events"
        case getState = "get_state"
        case changeState = "change_state"
        case acquireLease = "acquire_lease"
        case renewLease = "renew_lease"
        case releaseLease = "release_lease"
        case forkSession = "fork_session"
        case rewindSession = "rewind_session"
        case getLineage = "get_lineage"
        case compareSessions = "compare_sessions"
        case reserveToolCall = "reserve_tool_call"
        case finishToolCall = "finish_tool_call"
        case readToolCalls = "read_tool_calls"
        case askApproval = "ask_approval"
        case decideApproval = "decide_approval"
        case readApprovals = "read_approvals"
        case appendTrack = "append_track"
        case readTracks = "read_tracks"
        case deleteTrack = "delete_track"
        case readContext = "read_context"
        case readSummaries = "read_summaries"
        case claimSummary = "claim_summary"
        case putSummary = "put_summary"
        case summarize = "summarize"
        case checkHealth = "check_health"
        case publishEvents = "publish_events"
        case readTopic = "read_topic"
        case inspectTopic = "inspect_topic"
        case listTopics = "list_topics"
        case retainTopic = "retain_topic"
        case deleteTopic = "delete_topic"
        case setGroup = "set_group"
        case inspectGroup = "inspect_group"
        case listGroups = "list_groups"
        case deleteGroup = "delete_group"
        case moveGroup = "move_group"
        case receive = "receive"
        case settle = "settle"
        case listPending = "list_pending"
        case listDeadLetters = "list_dead_letters"
        case redrive = "redrive"
        case discard = "discard"
        case signal = "signal"
        case listen = "listen"
    }

    /// Told of every operation when it ends: which, how long it took, and how it failed.
    public typealias OperationObserver = @Sendable (Operation, Duration, StoreError?) -> Void

    let storage: any Storage
    let feeds: FeedHub<SessionLog>
    let bells: LeaseBells
    let topicFeeds: FeedHub<TopicLog>
    let trackFeeds: FeedHub<TrackLog>
    let lines: WaitingLines
    /// `nil` where there are none, so that a call without hooks costs one comparison.
    let hooks: Hooks?
    /// What spans around operations are begun with; `nil` for no spans.
    public let tracer: (any Tracer)?
    /// The queue of a storage that writes behind.
    let writeBehind: WriteBehindQueue?
    /// `nil` where no summaries are made.
    let summarizing: Summarizing?
    let observer: OperationObserver?

    /// A store on `storage`.
    /// - Parameters:
    ///   - executor: where work for followers runs; the default executor when `nil`. A server passes its loop, so that events reach
    ///     streams without a change of thread.
    ///   - observer: told of every operation, for metrics; has to return at once.
    ///   - tracer: begins a span around every operation.
    public init(
        on storage: any Storage, executor: (any TaskExecutor)? = nil, observer: OperationObserver? = nil, tracer: (any Tracer)? = nil
    ) {
        self.storage = storage
        self.hooks = nil
        self.observer = observer
        self.tracer = tracer
        self.feeds = FeedHub(storage: storage, executor: executor)
        self.bells = LeaseBells(storage)
        self.topicFeeds = FeedHub(storage: storage, executor: executor)
        self.trackFeeds = FeedHub(storage: storage, executor: executor)
        self.lines = WaitingLines(storage: storage)
        self.writeBehind = (storage as? WriteBehind)?.queue
        self.summarizing = nil
    }

    init(_ other: SessionStore, on storage: any Storage, hooks: Hooks?, tracer: (any Tracer)?, summarizing: Summarizing?) {
        self.storage = storage
        self.hooks = hooks
        self.tracer = tracer
        observer = other.observer
        feeds = other.feeds
        bells = other.bells
        topicFeeds = other.topicFeeds
        trackFeeds = other.trackFeeds
        lines = other.lines
        writeBehind = other.writeBehind
        self.summarizing = summarizing
    }

    /// The same store, whose writes promise this durability instead of the one it was opened with.
    ///
    /// ```swift
    /// let receipt = try await store.with(durability: .wait(replicas: 1, within: .milliseconds(500))).append(batch, to: key)
    /// ```
    /// Writes are then ``StoreError/Code/unconfirmed`` when they are stored but not on as many replicas. It is cheap, may be made for one
    /// call, and closing either closes both.
    /// - Throws: ``StoreError/Code/invalidParameter`` when the store's kind cannot promise it.
    public func with(durability: Durability) throws(StoreError) -> SessionStore {
        try durability.checkRange()
        return SessionStore(self, on: try storage.with(durability: durability), hooks: hooks, tracer: tracer, summarizing: summarizing)
    }

    /// A handle on one session, whether it exists or not.
    public func session(_ key: SessionKey) -> Session { Session(key: key, store: self) }

    /// A handle on one session, whether it exists or not.
    /// - Throws: ``StoreError/Code/invalidName`` when a name is empty or over 256 bytes.
    public func session(_ id: String, user: String, app: String) throws(StoreError) -> Session {
        Session(key: try SessionKey(app: app, user: user, id: id), store: self)
    }

    // MARK: - Sessions

    /// Creates a session with an id that the store makes: a UUID of version 7.
    public func create(for owner: UserKey, _ draft: SessionDraft = SessionDraft()) async throws(StoreError) -> SessionSnapshot {
        let id = Randomness.uuid7(at: SystemClock.now())
        return try await create(SessionKey(owner: owner, checkedID: id), draft)
    }

    /// Creates a session.
    /// - Throws: ``StoreError/Code/exists`` when it is there already.
    public func create(_ key: SessionKey, _ draft: SessionDraft = SessionDraft()) async throws(StoreError) -> SessionSnapshot {
        let (session, created) = try await findOrCreate(key, draft)
        guard created else { throw StoreError(.exists, "a session with this id exists already") }
        return session
    }

    /// The session, created from the draft when it is not there; an existing one is left as it is.
    /// - Throws: ``StoreError/Code/invalidField``, also when the store requires a lifetime and the draft has none.
    public func findOrCreate(
        _ key: SessionKey, _ draft: SessionDraft = SessionDraft()
    ) async throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        let draft = try draft.checked()
        try storage.policy.check(draft.lifetime)
        return try await perform(.createSession, on: key) { () throws(StoreError) in
            let (session, created) = try await self.storage.create(draft, at: key)
            if !created { self.note("existing", true) }
            return (session, created)
        }
    }

    /// The session with its state and the last events that match.
    /// - Throws: ``StoreError/Code/notFound`` when it is absent; ``StoreError/Code/refused``, or what a hook says.
    public func get(_ key: SessionKey, _ query: SnapshotQuery = SnapshotQuery()) async throws(StoreError) -> SessionSnapshot {
        guard let hooks, !hooks.gets.isEmpty else { return try await load(key, query) }
        return try await hooks.get(Hooks.GetCall(key: key, query: query)) { (call) throws(StoreError) in
            try await self.load(call.key, call.query)
        }
    }

    /// A read without hooks, for the store itself.
    func load(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot {
        try Check.range(query.events, 0...EventQuery.maximumLimit, "events")
        return try await perform(.getSession, on: key) { () throws(StoreError) in try await self.storage.session(key, query) }
    }

    /// Changes the session's own fields.
    /// - Throws: ``StoreError/Code/preconditionFailed`` when `expectedVersion` is given and is not the current one.
    public func update(
        _ key: SessionKey, with patch: SessionPatch, expectedVersion: Int? = nil, epoch: Int? = nil
    ) async throws(StoreError) -> SessionSnapshot {
        let patch = try patch.checked()
        if case .set(nil) = patch.ttl { try storage.policy.check(.unlimited) }
        return try await perform(.updateSession, on: key) { () throws(StoreError) in
            try await self.storage.update(key, with: patch, expectedVersion: expectedVersion, epoch: epoch)
        }
    }

    /// Changes the session's own fields from what they are: when somebody else changed the session in between, `change` is asked again.
    ///
    /// ```swift
    /// try await store.update(key) { record in
    ///     var patch = SessionPatch()
    ///     patch.tags = .set(record.tags + ["urgent"])
    ///     return patch
    /// }
    /// ```
    /// - Throws: what `change` throws; ``StoreError/Code/preconditionFailed`` when others were faster ``maximumUpdateAttempts`` times.
    @discardableResult
    public func update(
        _ key: SessionKey, epoch: Int? = nil, _ change: (SessionRecord) throws(StoreError) -> SessionPatch
    ) async throws(StoreError) -> SessionSnapshot {
        var attempts = 0
        while true {
            let record = try await get(key).record
            do throws(StoreError) {
                return try await update(key, with: change(record), expectedVersion: record.version, epoch: epoch)
            } catch {
                attempts += 1
                guard error.code == .preconditionFailed, attempts < SessionStore.maximumUpdateAttempts else { throw error }
            }
            // Whoever lost takes turns with the others instead of meeting them again.
            do { try await Task.sleep(for: .milliseconds(Int.random(in: 0...min(1 << attempts, 100)))) } catch {
                throw StoreError(.cancelled, "the call was cancelled; nothing was changed")
            }
        }
    }

    /// How often ``update(_:epoch:_:)`` tries.
    public static let maximumUpdateAttempts = 32

    /// Restarts the session's lifetime.
    public func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot {
        try await perform(.touchSession, on: key) { () throws(StoreError) in try await self.storage.touch(key) }
    }

    /// Deletes the session with everything that belongs to it; absent is fine. Returns whether it was there.
    @discardableResult
    public func delete(_ key: SessionKey, epoch: Int? = nil) async throws(StoreError) -> Bool {
        try await perform(.deleteSession, on: key) { () throws(StoreError) in try await self.storage.delete(key, epoch: epoch) }
    }

    /// A page of sessions, newest first.
    public func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        try Check.range(query.limit, 1...SessionQuery.maximumLimit, "limit")
        try Check.range(query.events, 0...100, "events")
        try Check.range(query.tags.count, 0...SessionQuery.maximumTags, "the number of tags")
        return try await perform(.listSessions) { () throws(StoreError) in try await self.storage.sessions(query) }
    }

    // MARK: - Events

    /// Appends events, all or none.
    /// - Throws: ``StoreError/Code/notFound`` when the session is absent and `createsSession` is not set;
    ///   ``StoreError/Code/preconditionFailed``, ``StoreError/Code/idempotencyMismatch``, ``StoreError/Code/unconfirmed``;
    ///   ``StoreError/Code/refused``, or what a hook says.
    public func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        guard let hooks, !hooks.appends.isEmpty else { return try await store(batch, to: key) }
        return try await hooks.append(Hooks.AppendCall(key: key, batch: batch)) { (call) throws(StoreError) in
            try await self.store(call.batch, to: call.key)
        }
    }

    private func store(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try check(batch)
        if let seq = batch.expectedSeq { try Check.range(seq, 0...Int.max, "the expected seq") }
        let receipt = try await perform(.appendEvents, on: key) { () throws(StoreError) in
            self.note("event_count", .int(batch.events.count))
            return try await self.storage.append(batch.carryingTrace(), to: key)
        }
        summarizing?.noticed(batch, receipt, of: key)
        return receipt
    }

    /// What has to hold of every batch, whenever it is stored.
    func check(_ batch: EventBatch) throws(StoreError) {
        guard (1...EventDraft.maximumBatch).contains(batch.events.count) else {
            throw StoreError(.tooLarge, "a batch has 1 to \(EventDraft.maximumBatch) events, not \(batch.events.count)")
        }
        if let key = batch.idempotencyKey { _ = try Name.checked(key, "the idempotency key") }
        if batch.createsSession { try storage.policy.check(.storeDefault) }
    }

    /// A page of events.
    /// - Throws: ``StoreError/Code/offsetGone`` when `after` stands in a part that was trimmed, or in another generation.
    public func events(in key: SessionKey, _ query: EventQuery = EventQuery()) async throws(StoreError) -> EventPage {
        try Check.range(query.limit, 1...EventQuery.maximumLimit, "limit")
        return try await perform(.readEvents, on: key) { () throws(StoreError) in try await self.storage.events(in: key, query) }
    }

    /// The event with this id.
    public func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        try await perform(.getEvent, on: key) { () throws(StoreError) in try await self.storage.event(id, in: key) }
    }

    /// The event with this id and its neighbours.
    public func window(
        around id: String, in key: SessionKey, before: Int = 5, after: Int = 5, roles: [String] = []
    ) async throws(StoreError) -> EventWindow {
        try Check.range(before, 0...EventQuery.maximumLimit, "before")
        try Check.range(after, 0...EventQuery.maximumLimit, "after")
        return try await perform(.getWindow, on: key) { () throws(StoreError) in
            try await self.storage.window(around: id, in: key, before: before, after: after, roles: roles)
        }
    }

    /// Replaces the content of an event; it keeps its place.
    public func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int? = nil) async throws(StoreError) -> Event {
        guard patch.content.bytes.count <= EventDraft.maximumContentBytes else {
            throw StoreError(
                .tooLarge, "event.content has \(patch.content.bytes.count) bytes; an event holds at most \(EventDraft.maximumContentBytes)")
        }
        return try await perform(.replaceEvent, on: key) { () throws(StoreError) in
            try await self.storage.replace(id, in: key, with: patch, epoch: epoch)
        }
    }

    /// Removes an event; its seq stays used.
    @discardableResult
    public func remove(_ id: String, in key: SessionKey, epoch: Int? = nil) async throws(StoreError) -> Event? {
        try await perform(.removeEvent, on: key) { () throws(StoreError) in try await self.storage.remove(id, in: key, epoch: epoch) }
    }

    /// Removes the newest event and returns it; `nil` when there is none.
    public func pop(_ key: SessionKey, epoch: Int? = nil) async throws(StoreError) -> Event? {
        try await perform(.removeEvent, on: key) { () throws(StoreError) in try await self.storage.remove(nil, in: key, epoch: epoch) }
    }

    /// Forgets all events; the seq goes on.
    public func clear(_ key: SessionKey, epoch: Int? = nil) async throws(StoreError) {
        try await perform(.clearEvents, on: key) { () throws(StoreError) in try await self.storage.clear(key, epoch: epoch) }
    }

    // MARK: - State

    /// The state of one scope.
    public func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] {
        try await perform(.getState, on: scope) { () throws(StoreError) in try await self.storage.state(scope) }
    }

    /// The state that a session sees.
    public func mergedState(of key: SessionKey) async throws(StoreError) -> SessionState {
        try await perform(.getState, on: key) { () throws(StoreError) in try await self.storage.session(key, SnapshotQuery()).state }
    }

    /// Changes the state of a user or an application, or the session's own; returns the scope's state afterwards.
    @discardableResult
    public func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int? = nil) async throws(StoreError) -> [String: JSON] {
        for change in changes { _ = try Name.checked(change.key, "a state key") }
        return try await perform(.changeState, on: scope) { () throws(StoreError) in try await self.storage.change(scope, changes, epoch: epoch) }
    }

    /// Changes what a session sees in one step, each key in the scope of its prefix; returns what it sees afterwards.
    @discardableResult
    public func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int? = nil) async throws(StoreError) -> SessionState {
        try await perform(.changeState, on: key) { () throws(StoreError) in try await self.storage.change(key, delta, epoch: epoch) }
    }

    // MARK: - Operations

    /// Whether the storage can be reached and written.
    public func checkHealth() async throws(StoreError) {
        try await perform(.checkHealth) { () throws(StoreError) in try await self.storage.checkHealth() }
    }

    /// Numbers of the storage and of followers, for metrics.
    public var gauges: [StorageGauge] {
        let (followers, feeds) = feeds.counts
        let (topicFollowers, topicFeeds) = topicFeeds.counts
        let (trackFollowers, trackFeeds) = trackFeeds.counts
        return storage.gauges + (summarizing?.gauges ?? []) + [
            StorageGauge("followers", help: "Followers of sessions.", value: Double(followers)),
            StorageGauge("lease_waiters", help: "Calls that wait for the lease of a session.", value: Double(bells.count)),
            StorageGauge("feeds", help: "Sessions that are followed; each is read once for all its followers.", value: Double(feeds)),
            StorageGauge("topic_followers", help: "Followers of topics.", value: Double(topicFollowers)),
            StorageGauge("topic_feeds", help: "Topics that are followed; each is read once for all its followers.", value: Double(topicFeeds)),
            StorageGauge("track_followers", help: "Followers of tracks.", value: Double(trackFollowers)),
            StorageGauge("track_feeds", help: "Tracks that are followed; each is read once for all its followers.", value: Double(trackFeeds)),
            StorageGauge("waiting_consumers", help: "Calls that wait for deliveries.", value: Double(lines.count)),
        ]
    }

    /// Ends all followers, finishes what is under way, and closes the storage. Later calls throw ``StoreError/storeClosed``.
    public func close() async {
        await summarizing?.close()
        feeds.close()
        bells.close()
        topicFeeds.close()
        trackFeeds.close()
        lines.close()
        await storage.close()
    }

    /// Does an operation, in a span when there is a tracer, and tells the observer.
    func perform<Result: Sendable>(
        _ operation: Operation, on subject: some SpanSubject = WholeStore(), _ body: () async throws(StoreError) -> Result
    ) async throws(StoreError) -> Result {
        guard let tracer else { return try await observed(operation, body) }
        return try await traced(operation, on: subject, by: tracer) { () throws(StoreError) in try await self.observed(operation, body) }
    }

    private func observed<Result: Sendable>(
        _ operation: Operation, _ body: () async throws(StoreError) -> Result
    ) async throws(StoreError) -> Result {
        guard let observer else { return try await body() }
        let start = ContinuousClock.now
        do throws(StoreError) {
            let result = try await body()
            observer(operation, ContinuousClock.now - start, nil)
            return result
        } catch {
            observer(operation, ContinuousClock.now - start, error)
            throw error
        }
    }
}

/// The system's wall clock.
package enum SystemClock {
    /// Milliseconds since 1970.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000)
    }
}
