extension EventLoop {
    /// Takes a job of a task that prefers this loop.
    public func enqueue(_ job: consuming ExecutorJob) {
        submit(.job(UnownedJob(job)))
    }

    /// Suspends the task until `deadline`.
    ///
    /// - Throws: `cancelled`, or `shutdown` when the loop ends first.
    public func sleep(until deadline: Deadline) async throws(IOError) {
        let sleep = Sleep()
        let outcome: Result<Void, IOError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                execute { sleep.start(continuation, until: deadline, on: self) }
            }
        } onCancel: {
            execute { sleep.end(with: .failure(IOError(.cancelled, "the task was cancelled"))) }
        }
        try outcome.get()
    }

    /// Suspends the task for `duration`.
    ///
    /// - Throws: `cancelled`, or `shutdown` when the loop ends first.
    public func sleep(for duration: Duration) async throws(IOError) {
        try await sleep(until: .after(duration))
    }
}

/// One sleeping task. Sendable: touched on the loop's thread only.
private final class Sleep: @unchecked Sendable {
    private var continuation: CheckedContinuation<Result<Void, IOError>, Never>?
    private var early: Result<Void, IOError>?
    private var timer: Timer?

    func start(_ continuation: CheckedContinuation<Result<Void, IOError>, Never>, until deadline: Deadline, on loop: EventLoop) {
        if let early {
            continuation.resume(returning: early)
            return
        }
        if loop.isShutDown {
            continuation.resume(returning: .failure(IOError(.shutdown, "the event loop was shut down")))
            return
        }
        self.continuation = continuation
        timer = loop.schedule(at: deadline) {
            self.end(with: .success(()))
        } dropped: {
            self.end(with: .failure(IOError(.shutdown, "the event loop was shut down")))
        }
    }

    func end(with outcome: Result<Void, IOError>) {
        if let continuation {
            self.continuation = nil
            timer?.cancel()
            timer = nil
            continuation.resume(returning: outcome)
        } else {
            // Cancelled before it began.
            early = outcome
        }
    }
}

/// The loop as the executor of actors. It stands apart from the loop as an executor of tasks, because jobs of the two kinds run
/// differently: a task's job may enter any default actor without leaving the thread's turn, an actor's job is isolated to the loop.
/// Sendable: `loop` is set once, before the loop is shared.
final class LoopIsolation: SerialExecutor, @unchecked Sendable {
    // The loop owns this object, and whoever enqueues holds the loop.
    unowned(unsafe) var loop: EventLoop?

    func enqueue(_ job: consuming ExecutorJob) {
        loop?.submit(.isolatedJob(UnownedJob(job)))
    }

    func isIsolatingCurrentContext() -> Bool? {
        loop?.isCurrent
    }

    func checkIsolated() {
        precondition(loop?.isCurrent == true, "not on the thread of the event loop")
    }
}

extension EventLoop {
    /// The executor of an actor that lives on this loop's thread. The actor has to hold the loop.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        isolation.asUnownedSerialExecutor()
    }
}
