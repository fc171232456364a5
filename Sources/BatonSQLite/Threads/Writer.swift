internal import BatonCore
internal import CBatonSQLite

/// The one thread that writes. Everything that waits goes into one transaction, so that many callers share one wait for the
/// disk; in idle moments it deletes what is gone.
///
/// `@unchecked Sendable`: everything but the queue is touched only by the thread that runs `run`.
final class Writer: @unchecked Sendable {
    let queue: JobQueue<Writing>
    private let db: Connection
    private let writing: Writing
    private let sweepInterval: Duration
    private let checkpoint: SQLiteConfiguration.CheckpointPolicy
    private let statistics: Statistics
    private let observers: Observers
    private let listeners: Listeners
    /// `nil` for a database in memory, which has neither log nor company.
    private let attendant: Attendant?
    private let log = LogLength()

    /// The most operations of one transaction.
    static let maximumBatch = 512
    /// No operation is added to a transaction that has lasted this long, so that waiting stays short.
    private static let batchTime = Duration.milliseconds(20)

    private var nextSweep = Instant.now
    /// When topics are looked through for what is too old, and after which one.
    private var nextTrim = Instant.now
    private var trimmedTopic: String?
    private var hasGarbage = true
    private var garbageStep = 64
    private var lastStep = Instant.now
    private var checkpointedPages = 0

    init(
        _ db: Connection, configuration: SQLiteConfiguration, policy: StorePolicy, clock: @escaping @Sendable () -> Timestamp,
        statistics: Statistics, observers: Observers, listeners: Listeners, attendant: Attendant?
    ) {
        self.db = db
        self.queue = JobQueue(limit: configuration.queueLimit)
        self.writing = Writing(db, policy: policy, clock: clock)
        self.sweepInterval = configuration.sweepInterval
        self.checkpoint = configuration.checkpoint
        self.statistics = statistics
        self.observers = observers
        self.listeners = listeners
        self.attendant = attendant
    }

    /// Works until the queue is closed and empty. `beforeLast` is called before the last connection lets go of the file.
    func run(beforeLast: () -> Void) {
        if attendant != nil { log.watch(db) }
        while true {
            switch queue.next(upTo: Writer.maximumBatch, until: hasGarbage ? .now : nextSweep) {
            case .closed:
                beforeLast()
                finish()
                return
            case .jobs(let jobs):
                var rest = jobs[...]
                while !rest.isEmpty { commit(&rest) }
                // Under constant load the dead still get their turn, ten times a second.
                if lastStep.advanced(by: .milliseconds(100)) < .now { tidy() }
            case .idle: tidy()
            }
        }
    }

    private func finish() {
        log.unwatch(db)
        if attendant != nil {
            // The log is emptied if nobody else uses the file; if somebody does, they will.
            sqlite3_busy_timeout(db.handle, 100)
            _ = sqlite3_wal_checkpoint_v2(db.handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        }
        db.close()
    }

    // MARK: - Transactions

    /// Runs as many jobs as one transaction takes and answers their callers after its commit, outside all locks.
    private func commit(_ jobs: inout ArraySlice<Job<Writing>>) {
        var done: [Job<Writing>] = []
        done.reserveCapacity(jobs.count)
        do throws(StoreError) {
            try writing.begin()
            let end = Instant.now.advanced(by: Writer.batchTime)
            while let job = jobs.popFirst() {
                guard job.begin() else { continue }
                done.append(job)
                let changes = db.changes
                if !job.run(writing), db.changes != changes || !db.isInTransaction {
                    // It failed after it had changed something. What it left is undone, with the rest of the transaction,
                    // and everybody gets a transaction of their own.
                    db.rollBack()
                    return commitOneByOne(done)
                }
                if Instant.now > end { break }
            }
            try commit(counting: done.count)
        } catch {
            db.rollBack()
            statistics.update { $0.failedCommits += 1 }
            let waiting = done.isEmpty ? Array(jobs) : done
            if done.isEmpty { jobs.removeAll() }
            for job in waiting { job.finish(error) }
            return
        }
        // Before the callers go on: who begins to listen after a change has returned is not told of that change.
        announce()
        for job in done { job.finish(nil) }
    }

    private func commitOneByOne(_ jobs: [Job<Writing>]) {
        for job in jobs {
            do throws(StoreError) {
                try writing.begin()
                if job.run(writing) { try commit(counting: 1) } else { db.rollBack() }
                announce()
                job.finish(nil)
            } catch {
                db.rollBack()
                statistics.update { $0.failedCommits += 1 }
                job.finish(error)
            }
        }
    }

    private func announce() {
        observers.notify(writing.hints)
        listeners.notify(writing.signals)
    }

    private func commit(counting operations: Int) throws(StoreError) {
        // Counted as ours before others can see it, or it would look like somebody else's.
        let counted = writing.counted
        attendant?.expect(counted, 1)
        do throws(StoreError) { try writing.commit() } catch {
            attendant?.expect(counted, -1)
            throw error
        }
        if writing.hasMadeGarbage { hasGarbage = true }
        statistics.update { numbers in
            numbers.commits += 1
            numbers.operations += operations
            numbers.largestCommit = max(numbers.largestCommit, operations)
            numbers.logPages = log.pages
            numbers.hasGarbage = hasGarbage
        }
        checkpointIfLong()
    }

    /// Checkpoints in the background never catch up with a writer that does not pause, so that the log would grow for ever. From a
    /// certain length on the writer copies what is left, which is little, and the next commit starts the log over
    /// (https://sqlite.org/wal.html §6, "avoiding excessively large WAL files").
    private func checkpointIfLong() {
        guard let attendant else { return }
        let pages = log.pages
        if pages < checkpointedPages { checkpointedPages = 0 }
        if pages >= checkpoint.inlinePages {
            attendant.checkpoint(db)
            checkpointedPages = pages
        } else if pages >= checkpointedPages + checkpoint.backgroundPages {
            checkpointedPages = pages
            attendant.requestCheckpoint()
        }
    }

    // MARK: - Idle moments

    private func tidy() {
        lastStep = .now
        if nextSweep <= .now {
            nextSweep = Instant.now.advanced(by: sweepInterval)
            // Another process may have left something, or have ended before it had deleted all.
            hasGarbage = true
            step { (writing) throws(StoreError) in
                if try writing.sweepExpired(upTo: 64) { self.nextSweep = .now }
                try writing.sweepSignals(upTo: 1024)
            }
            if nextTrim <= .now { trimTopics() }
        }
        guard hasGarbage else { return }
        let start = Instant.now
        let count = garbageStep
        step { (writing) throws(StoreError) in self.hasGarbage = try writing.collectGarbage(upTo: count) }
        statistics.update { $0.hasGarbage = hasGarbage }
        // Rows may be tiny or have megabytes: steps are measured by their time.
        let time = Instant.now.milliseconds(since: start)
        if time < 3 { garbageStep = min(garbageStep * 2, 8192) } else if time > 8 { garbageStep = max(garbageStep / 2, 1) }
    }

    /// Some of what is too old in topics, every sixtieth sweep; the rest with the next one.
    private func trimTopics() {
        nextTrim = Instant.now.advanced(by: sweepInterval * 60)
        step { (writing) throws(StoreError) in
            let hasMore = try writing.trimSessionChanges(upTo: 1000)
            self.trimmedTopic = try writing.trimOldTopics(after: self.trimmedTopic, upTo: 64)
            if hasMore || self.trimmedTopic != nil { self.nextTrim = .now }
        }
    }

    private func step(_ body: (Writing) throws(StoreError) -> Void) {
        do throws(StoreError) {
            // Only whoever finds something to do writes: an idle store leaves its file alone.
            try writing.begin()
            let changes = db.changes
            try body(writing)
            if db.changes == changes {
                db.rollBack()
            } else {
                try commit(counting: 0)
                announce()
            }
        } catch {
            // It is tried again at the next sweep; callers get the same error themselves.
            db.rollBack()
            hasGarbage = false
        }
    }
}

/// How long the write-ahead log is, as SQLite says after each commit of a connection.
///
/// Used by the thread of its connection only.
private final class LogLength {
    private(set) var pages = 0

    func watch(_ db: Connection) {
        sqlite3_wal_hook(
            db.handle,
            { context, _, _, pages in
                if let context { Unmanaged<LogLength>.fromOpaque(context).takeUnretainedValue().pages = Int(pages) }
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    func unwatch(_ db: Connection) { sqlite3_wal_hook(db.handle, nil, nil) }
}
