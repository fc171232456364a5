public import BatonCore
internal import CBatonSQLite

/// A spool in an SQLite file: writes that were accepted, until they are stored.
///
/// One thread writes and commits everything that waits as one transaction. One process opens a spool at a time; others are refused. The file holds what
/// the events hold, and only its owner may read it.
public final class SQLiteSpool: WriteSpool {
    private let queue: JobQueue<Connection>
    private let ending = Ending()

    /// Opens a spool, made if it is not there.
    /// - Parameters:
    ///   - durability: what an accepted write survives; see ``SQLiteConfiguration/Durability``.
    ///   - onlyLooking: whether it is read while another process may be using it. Nothing can be changed then.
    /// - Throws: ``BatonCore/StoreError/Code/busy`` while another process has it open; as a store's file does.
    public init(
        at path: String, durability: SQLiteConfiguration.Durability = .full, onlyLooking: Bool = false
    ) async throws(StoreError) {
        // The bound is that of the queue in memory: whatever is in it may wait here.
        let queue = JobQueue<Connection>(limit: 1 << 24)
        let ending = self.ending
        let opened: Result<Void, StoreError> = await withCheckedContinuation { continuation in
            do throws(StoreError) {
                try WorkerThread(named: "baton-spool") {
                    do throws(StoreError) {
                        let (lock, connection) = try SpoolFile(path, durability).open(onlyLooking: onlyLooking)
                        continuation.resume(returning: .success(()))
                        SQLiteSpool.run(queue, connection)
                        connection.close()
                        lock?.release()
                    } catch { continuation.resume(returning: .failure(error)) }
                    ending.reach()
                }.detach()
            } catch { continuation.resume(returning: .failure(error)) }
        }
        self.queue = queue
        try opened.get()
    }

    deinit { queue.close() }

    /// Finishes what is under way and lets go of the file.
    public func close() async {
        queue.close()
        await ending.wait()
    }

    // MARK: - The thread

    private static func run(_ queue: JobQueue<Connection>, _ db: Connection) {
        while true {
            switch queue.next(upTo: 512, until: nil) {
            case .closed: return
            case .idle: continue
            case .jobs(let jobs): commit(jobs.filter { $0.begin() }, on: db)
            }
        }
    }

    /// All in one transaction. When that fails, each in one of its own: one that cannot be kept is not the others' fault.
    private static func commit(_ jobs: [Job<Connection>], on db: Connection) {
        guard !jobs.isEmpty else { return }
        do throws(StoreError) {
            // Nobody else writes, so that there is no lock to be taken early; who only looks may not take one.
            try db.run("BEGIN")
            var isWhole = true
            for job in jobs where isWhole { isWhole = job.run(db) }
            guard isWhole else {
                db.rollBack()
                if jobs.count == 1 { jobs[0].finish(nil) } else { for job in jobs { commit([job], on: db) } }
                return
            }
            try db.run("COMMIT")
            for job in jobs { job.finish(nil) }
        } catch {
            db.rollBack()
            for job in jobs { job.finish(error) }
        }
    }
}

// MARK: - Operations

extension SQLiteSpool {
    /// Keeps a write.
    public func add(_ write: QueuedWrite) async throws(StoreError) -> Int {
        try await queue.perform { (db) throws(StoreError) in try SpoolRow.insert(write, into: db) }
    }

    /// Forgets writes.
    public func remove(_ numbers: [Int]) async throws(StoreError) {
        try await queue.perform { (db) throws(StoreError) in
            for number in numbers { try db.run("DELETE FROM writes WHERE number = ?", number) }
        }
    }

    /// Sets writes aside.
    public func fail(_ numbers: [Int], _ error: StoreError, at time: Timestamp) async throws(StoreError) {
        let (code, message) = (error.code.rawValue, error.message)
        try await queue.perform { (db) throws(StoreError) in
            for number in numbers {
                try db.run("UPDATE writes SET code = ?, message = ?, failed_ms = ? WHERE number = ?", code, message, time.milliseconds, number)
            }
        }
    }

    /// A page of those that wait.
    public func waiting(after number: Int, limit: Int) async throws(StoreError) -> [SpooledWrite] {
        try await queue.perform { (db) throws(StoreError) in
            try SpoolRow.page(of: db.statement("SELECT * FROM writes WHERE number > ? AND code IS NULL ORDER BY number LIMIT ?"), number, limit)
        }
    }

    /// A page of those that were set aside.
    public func failed(after number: Int, limit: Int) async throws(StoreError) -> [SpooledWrite] {
        try await queue.perform { (db) throws(StoreError) in
            try SpoolRow.page(of: db.statement("SELECT * FROM writes WHERE number > ? AND code IS NOT NULL ORDER BY number LIMIT ?"), number, limit)
        }
    }

    /// Lets writes that were set aside wait again.
    public func putBack(_ numbers: [Int]) async throws(StoreError) -> Int {
        try await queue.perform { (db) throws(StoreError) in
            let before = db.changes
            for number in numbers {
                try db.run("UPDATE writes SET code = NULL, message = NULL, failed_ms = NULL WHERE number = ? AND code IS NOT NULL", number)
            }
            return Int(db.changes - before)
        }
    }

    /// How many are set aside.
    public func failedCount() async throws(StoreError) -> Int {
        try await queue.perform { (db) throws(StoreError) in try db.number("SELECT count(*) FROM writes WHERE code IS NOT NULL") }
    }
}
