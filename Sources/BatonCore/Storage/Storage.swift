/// The seam between the library and a storage: one small set of primitive operations.
///
/// Everything that can be written once is written above it: validation, following, retries, hooks, metrics. A storage gets
/// only checked values. What it owes:
///
/// - Every operation is atomic and takes effect at once or not at all; concurrent callers see some order of them.
/// - A change is durable, as far as the storage was configured to be, before its call returns.
/// - An expired session is absent from the moment `expiresAt` on, whether it has been swept or not.
/// - Every change of a session moves `version` by one, `updatedAt` to now, and `expiresAt` to now plus `ttl`. Now never lies
///   before the session's newest event or its last change. A call that is asked for a change counts as one, even when what it
///   writes is there already.
/// - State of users and applications lives by the clock as it is, counted from its last write; a delta that leaves a scope alone
///   is no write of it.
/// - Names, ids, tags and words of filters are compared as bytes.
/// - Every mutation of a session may show an `epoch`, and is held to ``Fence/pass(_:at:)`` in the same step: after it is known that the
///   session is there and that this is no retry of what was done, before everything else. State of users and applications that is
///   changed on its own, and a restarted lifetime, are no mutations of a session.
/// - An operation on an absent session throws ``StoreError/noSession``. A failure to reach or read the storage is never
///   shown as absence.
/// - Cancelling the calling task ends a wait as soon as it can; whether a write took effect is then unknown.
///
/// `StorageContract` in the tests says the same as code; every storage passes it.
public protocol Storage: BlobStorage, BranchStorage, LeaseStorage, LedgerStorage, SummaryStorage, TopicStorage, TrackStorage {
    /// What it is, in one word, for those who look at traces.
    var kind: StorageKind { get }

    /// How it treats what it keeps. The store above it refuses what the policy forbids; the storage does the rest.
    var policy: StorePolicy { get }

    /// Creates the session unless it is there; returns it as it is stored, and whether it was created.
    ///
    /// The draft's state in all three scopes is written with it, only when it was created.
    func create(_ draft: SessionDraft, at key: SessionKey) async throws(StoreError) -> (session: SessionSnapshot, created: Bool)

    /// The session with the last events that match, and the state that it sees.
    func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot

    /// Changes the session's own fields; returns the record afterwards.
    /// - Throws: ``StoreError/Code/preconditionFailed`` with the current version when it is not `expectedVersion`.
    func update(_ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?) async throws(StoreError) -> SessionSnapshot

    /// Restarts the lifetime; neither `version` nor `updatedAt` move.
    func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot

    /// Deletes the session with everything that belongs to it; returns whether it was there.
    func delete(_ key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool

    /// A page of sessions, newest first. Filters apply before the limit. Costs are bounded by the page, not by the list.
    func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage

    /// Appends a batch. The order of the checks: does the session exist; is the idempotency key known (then its first receipt is
    /// returned, every entry a duplicate, or ``StoreError/Code/idempotencyMismatch`` when the fingerprint differs); are all
    /// events duplicates by id (then their first places are returned); the fence; does `expectedSeq` hold
    /// (``StoreError/Code/preconditionFailed`` with the current seq otherwise). An event whose id is known, or came
    /// earlier in the batch, is a duplicate: it stores nothing, its delta is not applied. The deltas of the
    /// others are applied in order. Afterwards the oldest events over the policy's limit are trimmed, the floor moves, and their
    /// ids are free again.
    ///
    /// A batch with an ``AgentChange`` is refused after the check of `expectedSeq` with ``StoreError/Code/conflict`` unless the agent of the
    /// change is the active one.
    ///
    /// An id that the store made for this generation (`SessionRecord.seq(inMadeID:generation:)`) is a duplicate when its seq has
    /// been given out in it, and ``StoreError/Code/invalidField`` otherwise. Ids that a fork took over are known as long as their events
    /// are there, whoever made them; so are those of events that a rewind has hidden.
    /// A receipt that stores nothing changes nothing: neither version nor times move.
    func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt

    /// A page of events. `after` is checked with ``SessionRecord/refusal(of:millisecondsAtSeq:)`` when the order is ascending.
    /// A storage may stop looking for matches at a bound of its own; the page's `next` then moves on with few events or none.
    func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage

    /// The event with this id, also when a rewind has hidden it.
    /// - Throws: ``StoreError/noEvent`` when the session does not have it, or not any more.
    func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event

    /// The event with up to `before` and `after` neighbours that are shown and have one of `roles` (any when empty).
    func window(around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]) async throws(StoreError) -> EventWindow

    /// Replaces parts of an event; it keeps its place and gets `editedAt`.
    func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event

    /// Removes an event: its seq stays used, its id is free again, and its offset stays a valid cursor. With `nil` the newest that is shown.
    /// Returns what was removed; `nil` when `id` was `nil` and nothing is shown. Removing a rewind does not undo it.
    /// - Throws: ``StoreError/noEvent`` when the session does not have the id.
    func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event?

    /// Forgets all events: the floor moves to the tail, the seq goes on, all ids are free again.
    func clear(_ key: SessionKey, epoch: Int?) async throws(StoreError)

    /// The state of one scope. State of users, of applications and of the store itself that was never written is empty.
    func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON]

    /// Changes the state of one scope, whose changes stand in `changes`; returns the scope's state afterwards. The epoch counts where the
    /// scope is a session.
    func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON]

    /// Changes all three scopes that a session sees in one step; returns what it sees afterwards.
    func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) async throws(StoreError) -> SessionState

    /// The same storage, whose writes promise this durability instead of the one it was opened with. Closing either closes both.
    /// - Throws: ``StoreError/Code/invalidParameter`` when this kind of storage cannot promise it.
    func with(durability: Durability) throws(StoreError) -> any Storage

    /// Calls `observer` with hints that something may be new, until the observation is cancelled.
    ///
    /// A hint is only a hint: it may come late, twice, or for nothing, on any thread, and the observer returns at once. But a
    /// change that is never hinted, made by this process or another, is a defect. Expiry counts as a change when it is noticed.
    func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation

    /// Says that somebody follows this session, until the observation is cancelled.
    ///
    /// A storage that would have to ask elsewhere for changes may hint only at sessions that are watched. What changed before
    /// it listens is hinted when it begins to. One that hears of all changes has nothing to do here.
    func watch(_ key: SessionKey) -> StorageObservation

    /// Whether the storage can be reached and written, at the cost of one trivial operation.
    func checkHealth() async throws(StoreError)

    /// Numbers for metrics, such as queue depths; cheap, and never blocks. Which there are may change.
    var gauges: [StorageGauge] { get }

    /// Finishes what is under way, then lets go of files and connections. Later calls throw ``StoreError/storeClosed``.
    func close() async
}

// Writers without a lease.
extension Storage {
    /// Changes the session's own fields, without a lease.
    public func update(_ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?) async throws(StoreError) -> SessionSnapshot {
        try await update(key, with: patch, expectedVersion: expectedVersion, epoch: nil)
    }

    /// Deletes the session, without a lease.
    public func delete(_ key: SessionKey) async throws(StoreError) -> Bool { try await delete(key, epoch: nil) }

    /// Replaces parts of an event, without a lease.
    public func replace(_ id: String, in key: SessionKey, with patch: EventPatch) async throws(StoreError) -> Event {
        try await replace(id, in: key, with: patch, epoch: nil)
    }

    /// Removes an event, without a lease.
    public func remove(_ id: String?, in key: SessionKey) async throws(StoreError) -> Event? { try await remove(id, in: key, epoch: nil) }

    /// Forgets all events, without a lease.
    public func clear(_ key: SessionKey) async throws(StoreError) { try await clear(key, epoch: nil) }

    /// Changes the state of one scope, without a lease.
    public func change(_ scope: StateScope, _ changes: [StateChange]) async throws(StoreError) -> [String: JSON] {
        try await change(scope, changes, epoch: nil)
    }

    /// Changes all three scopes that a session sees, without a lease.
    public func change(_ key: SessionKey, _ delta: StateDelta) async throws(StoreError) -> SessionState {
        try await change(key, delta, epoch: nil)
    }
}

extension Storage {
    /// Nothing to do: all changes are hinted anyway.
    public func watch(_ key: SessionKey) -> StorageObservation { StorageObservation {} }

    /// Nothing that is known by name.
    public var kind: StorageKind { .other }

    /// Nothing is forbidden here; whoever keeps the sessions may have a policy.
    public var policy: StorePolicy { StorePolicy() }

    /// One that has no choice.
    public func with(durability: Durability) throws(StoreError) -> any Storage {
        throw StoreError(.invalidParameter, "this store cannot promise another durability than it was opened with")
    }
}

/// What may be new.
public enum StorageHint: Hashable, Sendable {
    /// This session.
    case session(SessionKey)
    /// This topic, or what a group of it holds.
    case topic(String)
    /// Anything: connections were lost, or a change came from elsewhere.
    case everything
}

/// Ends the hints when it is cancelled or goes away.
public final class StorageObservation: Sendable {
    private let end: @Sendable () -> Void

    /// An observation that `end` ends; called at least once, maybe more often.
    public init(_ end: @escaping @Sendable () -> Void) { self.end = end }

    /// Ends the hints.
    public func cancel() { end() }

    deinit { end() }
}

/// A number that a storage shows.
public struct StorageGauge: Hashable, Sendable {
    /// The name of the metric, without prefix: `writer_queue_depth`.
    public let name: String
    /// One line for people.
    public let help: String
    /// What tells it apart from others of its name, such as the server it is about.
    public let labels: [String: String]
    /// Whether it only goes up, until what counts it begins anew.
    public let isCounter: Bool
    /// The number.
    public let value: Double

    /// A gauge of its parts.
    public init(_ name: String, help: String, labels: [String: String] = [:], isCounter: Bool = false, value: Double) {
        self.name = name
        self.help = help
        self.labels = labels
        self.isCounter = isCounter
        self.value = value
    }
}
