/// How a store writes behind.
public struct WriteBehindConfiguration: Hashable, Sendable {
    /// What becomes of a write for which there is no room.
    public enum WhenFull: String, Hashable, Sendable, CaseIterable {
        /// Its caller waits, in line with others, until there is room or the task is cancelled.
        case wait
        /// It is refused with ``StoreError/Code/tooManyRequests``.
        case refuse
    }

    /// The most events that wait to be stored.
    public var maximumEvents: Int
    /// The most bytes that wait to be stored, about as they are counted in memory.
    public var maximumBytes: Int
    /// What becomes of a write for which there is no room.
    public var whenFull: WhenFull
    /// How many sessions are written at once. Of each session one append is under way at most.
    public var workers: Int
    /// The most events of a session that go into one append, 1 to ``EventDraft/maximumBatch``.
    public var batchEvents: Int
    /// From this size on, nothing more goes into one append.
    public var batchBytes: Int
    /// How long to rest after the first failure; twice as long after each further one, less up to a half by chance.
    public var firstBackoff: Duration
    /// The longest rest after a failure.
    public var longestBackoff: Duration
    /// For how long a write is tried again after failures that may pass; then it has failed for good. Counted from when it was queued.
    public var patience: Duration
    /// How long closing may take for what still waits.
    public var drain: Duration
    /// The SQLite file that keeps what was accepted until it is stored; `nil` for memory only: then what waits is lost with the process.
    public var spool: String?
    /// What an accepted write survives in the spool: ``Durability/full`` power loss, ``Durability/normal`` the end of the process.
    public var spoolDurability: Durability

    /// A configuration; by default in memory only.
    public init(
        maximumEvents: Int = 10_000, maximumBytes: Int = 64 << 20, whenFull: WhenFull = .wait, workers: Int = 8, batchEvents: Int = 256,
        batchBytes: Int = 1 << 20, firstBackoff: Duration = .milliseconds(20), longestBackoff: Duration = .seconds(5),
        patience: Duration = .seconds(600), drain: Duration = .seconds(10), spool: String? = nil,
        spoolDurability: Durability = .full
    ) {
        self.maximumEvents = maximumEvents
        self.maximumBytes = maximumBytes
        self.whenFull = whenFull
        self.workers = workers
        self.batchEvents = batchEvents
        self.batchBytes = batchBytes
        self.firstBackoff = firstBackoff
        self.longestBackoff = longestBackoff
        self.patience = patience
        self.drain = drain
        self.spool = spool
        self.spoolDurability = spoolDurability
    }
}
