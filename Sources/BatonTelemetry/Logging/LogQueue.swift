#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The bounded queue between callers and the writer's thread.
///
/// `@unchecked Sendable`: every stored variable is read and written under `lock` only, except `lock` and `changed` themselves, which
/// are made in `init`, never change, and live at fixed addresses until `deinit`. A condition variable rather than a polled `Mutex`:
/// the thread sleeps while there is nothing to write.
final class LogQueue: @unchecked Sendable {
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let capacity: Int
    private let maximumCost: Int

    private var records: [LogRecord] = []
    private var cost = 0
    private var droppedCount = 0
    private var unreportedDrops = 0
    private var takenCount = 0
    private var writtenCount = 0
    private var timers: [Timer] = []
    private var isClosed = false
    private var writerWaits = false

    struct Timer {
        var dueAt: Int64
        var body: @Sendable () -> Void
    }

    /// What the writer has to do now.
    struct Work {
        var records: [LogRecord] = []
        /// Drops nobody was told of yet; they happened after `records` were queued.
        var drops = 0
        var due: [Timer] = []
    }

    init(capacity: Int, maximumCost: Int) {
        self.capacity = capacity
        self.maximumCost = maximumCost
        pthread_mutex_init(lock, nil)
        #if canImport(Glibc)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
        #else
        pthread_cond_init(changed, nil)
        #endif
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return body()
    }

    var dropped: Int { locked { droppedCount } }
    var taken: Int { locked { takenCount } }
    var written: Int { locked { writtenCount } }

    func offer(_ record: LogRecord) {
        let size = record.cost
        locked {
            guard !isClosed else { return }
            // One record always fits, however large: `LogFormat` cuts it.
            guard records.isEmpty || (records.count < capacity && cost + size <= maximumCost) else {
                droppedCount += 1
                unreportedDrops += 1
                return
            }
            records.append(record)
            cost += size
            takenCount += 1
            if writerWaits { pthread_cond_signal(changed) }
        }
    }

    func schedule(at dueAt: Int64, _ body: @escaping @Sendable () -> Void) {
        locked {
            guard !isClosed, timers.count < RateLimiter.maximumSites else { return }
            timers.append(Timer(dueAt: dueAt, body: body))
            pthread_cond_signal(changed)
        }
    }

    func close() {
        locked {
            isClosed = true
            pthread_cond_signal(changed)
        }
    }

    func didWrite(_ count: Int) { locked { writtenCount += count } }

    /// Blocks the writer's thread until there is something to do; nil when the queue is closed and empty.
    func next() -> Work? {
        locked {
            while true {
                let now = MonotonicClock.milliseconds
                if !records.isEmpty || unreportedDrops > 0 || timers.contains(where: { $0.dueAt <= now }) {
                    var work = Work(records: records, drops: unreportedDrops)
                    work.due = timers.filter { $0.dueAt <= now }
                    timers.removeAll { $0.dueAt <= now }
                    records = []
                    cost = 0
                    unreportedDrops = 0
                    return work
                }
                if isClosed { return nil }
                writerWaits = true
                wait(until: timers.map(\.dueAt).min(), now: now)
                writerWaits = false
            }
        }
    }

    private func wait(until dueAt: Int64?, now: Int64) {
        guard let dueAt else {
            pthread_cond_wait(changed, lock)
            return
        }
        #if canImport(Glibc)
        var deadline = timespec(tv_sec: Int(dueAt / 1000), tv_nsec: Int(dueAt % 1000) * 1_000_000)
        pthread_cond_timedwait(changed, lock, &deadline)
        #else
        var rest = timespec(tv_sec: Int((dueAt - now) / 1000), tv_nsec: Int((dueAt - now) % 1000) * 1_000_000)
        pthread_cond_timedwait_relative_np(changed, lock, &rest)
        #endif
    }
}
