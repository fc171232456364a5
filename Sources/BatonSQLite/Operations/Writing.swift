internal import BatonCore

/// What can be changed inside one transaction of the writer.
///
/// Operations check everything before they change anything, so that one that is refused leaves the others of the
/// transaction alone; the writer notices the exception and repairs it.
final class Writing {
    let db: Connection
    let policy: StorePolicy
    private let clock: @Sendable () -> Timestamp

    /// The numbers that were given out, as they stand in the file once the transaction is committed.
    struct Counters: Equatable {
        var lastEvent = 0
        var lastOwner = 0
        /// How often something changed that is not the end of a session's log.
        var changes = 0
    }

    private(set) var counters = Counters()
    private var storedCounters = Counters()

    /// What observers are to be told once it is committed.
    private(set) var hints: [StorageHint] = []

    /// What listeners are to be told once it is committed.
    private(set) var signals: [Signal] = []

    /// Whether something was made garbage.
    private(set) var hasMadeGarbage = false

    init(_ db: Connection, policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp) {
        self.db = db
        self.policy = policy
        self.clock = clock
    }

    /// Reading as of this moment, inside the transaction.
    var reading: Reading { Reading(db: db, now: clock().milliseconds, countedEvents: counters.lastEvent) }

    // MARK: - The transaction

    /// Takes the write lock at once: a transaction that reads first and locks later is refused without waiting
    /// (https://sqlite.org/lang_transaction.html §2.2).
    func begin() throws(StoreError) {
        hints.removeAll(keepingCapacity: true)
        signals.removeAll(keepingCapacity: true)
        hasMadeGarbage = false
        try db.run("BEGIN IMMEDIATE")
        let statement = try db.statement("SELECT last_event, last_owner, changes FROM counters")
        defer { statement.reset() }
        guard try statement.step() else { throw StoreError(.storeCorrupt, "\(db.path) has lost its counters") }
        storedCounters = Counters(lastEvent: statement.int(0), lastOwner: statement.int(1), changes: statement.int(2))
        counters = storedCounters
    }

    /// What the transaction counted, as it stands before its commit.
    var counted: Counters {
        Counters(
            lastEvent: counters.lastEvent - storedCounters.lastEvent, lastOwner: counters.lastOwner - storedCounters.lastOwner,
            changes: counters.changes - storedCounters.changes)
    }

    func commit() throws(StoreError) {
        if counters != storedCounters {
            try db.run(
                "UPDATE counters SET last_event = ?1, last_owner = ?2, changes = ?3", counters.lastEvent, counters.lastOwner, counters.changes)
        }
        try db.run("COMMIT")
    }

    func nextEvent() -> Int {
        counters.lastEvent += 1
        return counters.lastEvent
    }

    func nextOwner() -> Int {
        counters.lastOwner += 1
        return counters.lastOwner
    }

    /// Tells observers of the session, after the commit. Other processes see new events by themselves; `isEvent` is false for all else.
    func hint(_ key: SessionKey, isEvent: Bool = false) {
        hints.append(.session(key))
        if !isEvent { counters.changes += 1 }
    }

    /// Tells observers of the topic, after the commit.
    func hint(topic: String) {
        // Many callers publish to one topic in one transaction.
        if hints.last != .topic(topic) { hints.append(.topic(topic)) }
        counters.changes += 1
    }

    /// Tells those who listen to the signal's channel, after the commit.
    func tell(_ signal: Signal) { signals.append(signal) }

    /// Tells observers that anything may be new, after the commit.
    func hintEverything() {
        hints.append(.everything)
        counters.changes += 1
    }

    /// Writes what changes nothing, to see whether writing works.
    func probe() throws(StoreError) {
        try db.run("UPDATE counters SET changes = changes")
    }

    // MARK: - Garbage

    /// Leaves everything of an owner, or its events up to a place, to be deleted bit by bit.
    func discard(_ owner: Int, through seq: Int = .max) throws(StoreError) {
        try db.run(
            """
            INSERT INTO garbage (owner, through_seq) VALUES (?1, ?2)
            ON CONFLICT (owner) DO UPDATE SET through_seq = max(through_seq, excluded.through_seq)
            """, owner, seq)
        hasMadeGarbage = true
    }

    /// Leaves a log to be deleted that no session shows any more. The session that has the same number keeps what else is its own.
    func discardLog(_ log: Int) throws(StoreError) { try discard(log, through: .max - 1) }

    /// Leaves the state and requests of a deleted session to be deleted, not the log that has its number.
    func discardBelongings(of session: Int) throws(StoreError) {
        try db.run("INSERT OR IGNORE INTO leftovers (owner) VALUES (?1)", session)
        hasMadeGarbage = true
    }
}
