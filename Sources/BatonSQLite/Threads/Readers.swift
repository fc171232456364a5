internal import BatonCore
internal import CBatonSQLite

/// The threads that read, each with a connection of its own; what one job reads is of one moment.
final class Readers: Sendable {
    let queue: JobQueue<Reading>
    private let clock: @Sendable () -> Timestamp

    init(configuration: SQLiteConfiguration, clock: @escaping @Sendable () -> Timestamp) {
        self.queue = JobQueue(limit: configuration.queueLimit)
        self.clock = clock
    }

    /// Works on one connection until the queue is closed and empty.
    func run(_ db: Connection) {
        let interruption = Interruption()
        withExtendedLifetime(interruption) {
            interruption.watch(db)
            loop: while true {
                switch queue.next(upTo: 1, until: nil) {
                case .closed: break loop
                case .idle: continue
                case .jobs(let jobs):
                    for job in jobs where job.begin() {
                        interruption.job = job
                        perform(job, db)
                        interruption.job = nil
                    }
                }
            }
            db.close()
        }
    }

    private func perform(_ job: Job<Reading>, _ db: Connection) {
        do throws(StoreError) {
            try db.run("BEGIN")
            _ = job.run(Reading(db: db, now: clock().milliseconds))
            try db.run("COMMIT")
            job.finish(nil)
        } catch {
            db.rollBack()
            job.finish(error)
        }
    }
}

/// Ends a reading whose caller has gone. SQLite asks on the reading thread itself, so that no late interruption can meet the next
/// reading, as `sqlite3_interrupt` from elsewhere could.
///
/// Used by the thread of its connection only.
private final class Interruption {
    var job: Job<Reading>?

    func watch(_ db: Connection) {
        sqlite3_progress_handler(
            db.handle, 1000,
            { context in
                guard let context else { return 0 }
                return Unmanaged<Interruption>.fromOpaque(context).takeUnretainedValue().job?.isCancelled == true ? 1 : 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }
}
