import BatonIO
import Synchronization

/// Runs tasks on a loop, or holds them back for as long as a test says: their callers hear late of what has happened.
final class HeldExecutor: TaskExecutor {
    private let loop: EventLoop
    /// The jobs held back; nil while none are.
    private let held = Mutex<[UnownedJob]?>(nil)

    init(on loop: EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isHeld = held.withLock { held in
            held?.append(job)
            return held != nil
        }
        if !isHeld { run(job) }
    }

    /// How many jobs wait.
    var count: Int { held.withLock { $0?.count ?? 0 } }

    /// Holds back what comes from now on.
    func hold() { held.withLock { $0 = $0 ?? [] } }

    /// Lets everything go on.
    func release() {
        let jobs = held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for job in jobs { run(job) }
    }

    private func run(_ job: UnownedJob) {
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
