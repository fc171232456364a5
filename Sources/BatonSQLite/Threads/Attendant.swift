internal import BatonCore
internal import CBatonSQLite

/// The thread beside the writer: copies the log back into the file, and notices what other processes change while anybody
/// wants to know.
///
/// `@unchecked Sendable`: `shared` is touched inside the monitor's lock only, everything else by the thread that runs `run`;
/// `checkpoint` is given the connection of the thread that calls it.
final class Attendant: @unchecked Sendable {
    private let db: Connection
    private let observers: Observers
    private let listeners: Listeners
    private let statistics: Statistics
    private let monitor = Monitor()

    private struct Shared {
        var isClosed = false
        var wantsCheckpoint = false
        /// Somebody observes since the last look at who does.
        var hasNews = false
        /// What this process has counted since it opened the file.
        var own = Writing.Counters()
    }

    private var shared = Shared()

    /// How often other processes' changes are looked for.
    private static let pollInterval = Duration.milliseconds(50)
    /// With more new events than this it does not matter any more whose they are.
    private static let maximumNewEvents = 10_000

    init(_ db: Connection, observers: Observers, listeners: Listeners, statistics: Statistics) {
        self.db = db
        self.observers = observers
        self.listeners = listeners
        self.statistics = statistics
    }

    /// Works until it is closed.
    func run() {
        var watch: Watch?
        while true {
            monitor.withLock { shared.hasNews = false }
            let isObserved = !observers.isEmpty || !listeners.isEmpty
            if !isObserved { watch = nil }
            let deadline = isObserved ? Instant.now.advanced(by: watch == nil ? .zero : Attendant.pollInterval) : nil
            let (isClosed, wantsCheckpoint) = monitor.withLock {
                if !shared.isClosed, !shared.wantsCheckpoint, !shared.hasNews, deadline.map({ $0 > .now }) ?? true { monitor.wait(until: deadline) }
                defer { shared.wantsCheckpoint = false }
                return (shared.isClosed, shared.wantsCheckpoint)
            }
            if isClosed { break }
            if wantsCheckpoint { checkpoint(db) }
            if isObserved { look(&watch) }
        }
        db.close()
    }

    func close() {
        monitor.withLock { shared.isClosed = true }
        monitor.signal()
    }

    /// Somebody observes from now on.
    func wake() {
        monitor.withLock { shared.hasNews = true }
        monitor.signal()
    }

    // MARK: - Checkpoints

    func requestCheckpoint() {
        monitor.withLock { shared.wantsCheckpoint = true }
        monitor.signal()
    }

    /// Copies what no reader needs any more, without waiting for anybody.
    func checkpoint(_ db: Connection) {
        let start = Instant.now
        guard sqlite3_wal_checkpoint_v2(db.handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil) == SQLITE_OK else { return }
        let time = Instant.now.milliseconds(since: start)
        statistics.update { numbers in
            numbers.checkpoints += 1
            numbers.checkpointMilliseconds = time
        }
    }

    // MARK: - Other processes

    /// What was seen at the last look.
    private struct Watch {
        var dataVersion: Int
        var counters: Writing.Counters
        var foreign: Writing.Counters
    }

    /// Counts what this process changes, so that the rest is known to be others'.
    func expect(_ counted: Writing.Counters, _ sign: Int) {
        monitor.withLock {
            shared.own.lastEvent += sign * counted.lastEvent
            shared.own.changes += sign * counted.changes
        }
    }

    /// `data_version` moves when any other connection has changed the file (https://sqlite.org/pragma.html#pragma_data_version);
    /// only then are the counters read.
    private func look(_ watch: inout Watch?) {
        do throws(StoreError) {
            let dataVersion = try number("PRAGMA data_version")
            guard dataVersion != watch?.dataVersion else { return }
            if !listeners.isEmpty { listeners.notifyForeign(try signals(after: listeners.seen)) }
            let own = monitor.withLock { shared.own }
            let counters = try self.counters()
            var foreign = counters
            foreign.lastEvent -= own.lastEvent
            foreign.changes -= own.changes
            let last = watch
            watch = Watch(dataVersion: dataVersion, counters: counters, foreign: foreign)
            guard let last, foreign.changes == last.foreign.changes else {
                // The first look cannot know what happened just before it.
                return observers.notify([.everything])
            }
            guard foreign.lastEvent != last.foreign.lastEvent else { return }
            observers.notify(try hints(after: last.counters.lastEvent, through: counters.lastEvent))
        } catch {
            // Nothing can be read, so anything may have happened.
            watch = nil
            observers.notify([.everything])
            monitor.withLock { if !shared.isClosed { monitor.wait(until: Instant.now.advanced(by: Attendant.pollInterval)) } }
        }
    }

    private func number(_ sql: StaticString) throws(StoreError) -> Int {
        let statement = try db.statement(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.int(0) : 0
    }

    private func counters() throws(StoreError) -> Writing.Counters {
        let statement = try db.statement("SELECT last_event, last_owner, changes FROM counters")
        defer { statement.reset() }
        guard try statement.step() else { throw StoreError(.storeCorrupt, "\(db.path) has lost its counters") }
        return Writing.Counters(lastEvent: statement.int(0), lastOwner: statement.int(1), changes: statement.int(2))
    }

    /// What other processes have signalled.
    private func signals(after number: Int) throws(StoreError) -> [Signal] {
        let statement = try db.statement("SELECT pk, channel, payload FROM signals WHERE pk > ?1 AND sender <> ?2 ORDER BY pk")
        defer { statement.reset() }
        try statement.bind(number, listeners.sender)
        var signals: [Signal] = []
        while try statement.step() { signals.append(Signal(number: statement.int(0), channel: statement.text(1), payload: statement.json(2))) }
        return signals
    }

    /// The sessions of new events, ours among them: a hint too many is none too few.
    private func hints(after first: Int, through last: Int) throws(StoreError) -> [StorageHint] {
        guard last - first <= Attendant.maximumNewEvents else { return [.everything] }
        let statement = try db.statement(
            """
            SELECT app, user, id FROM sessions WHERE pk IN (SELECT session FROM events WHERE pk > ?1 AND pk <= ?2)
            UNION SELECT app, user, id FROM sessions WHERE log IN (SELECT session FROM events WHERE pk > ?1 AND pk <= ?2)
            """)
        defer { statement.reset() }
        try statement.bind(first, last)
        var hints: [StorageHint] = []
        while try statement.step() {
            hints.append(.session(try SessionKey(app: statement.text(0), user: statement.text(1), id: statement.text(2))))
        }
        return hints
    }
}
