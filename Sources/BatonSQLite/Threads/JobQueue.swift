internal import BatonCore

/// A bounded queue of jobs from any task to threads of our own.
///
/// `@unchecked Sendable`: all mutable state is touched inside the monitor's lock only.
final class JobQueue<Context>: @unchecked Sendable {
    private let monitor = Monitor()
    private let limit: Int
    private var jobs: [Job<Context>] = []
    private var isClosed = false
    private var isPoked = false

    init(limit: Int) { self.limit = max(1, limit) }

    /// Runs `body` on one of the queue's threads.
    /// - Throws: what `body` throws; ``StoreError/storeClosed``; ``StoreError/Code/tooManyRequests`` when the queue is full;
    ///   ``StoreError/Code/cancelled``.
    func perform<Value: Sendable>(_ body: @escaping @Sendable (Context) throws(StoreError) -> Value) async throws(StoreError) -> Value {
        let call = Call(body)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard call.wait(continuation) else { return }
                if let refusal = add(call) { call.finish(refusal) }
            }
        } onCancel: {
            call.cancel()
        }
        return try result.get()
    }

    /// Adds a job; returns why not.
    private func add(_ job: Job<Context>) -> StoreError? {
        let refusal = monitor.withLock { () -> StoreError? in
            if isClosed { return .storeClosed }
            if jobs.count >= limit {
                // Callers that have gone do not keep others out.
                jobs.removeAll { $0.isCancelled }
                if jobs.count >= limit {
                    return StoreError(.tooManyRequests, "\(limit) calls wait for the store already; try again later")
                }
            }
            jobs.append(job)
            return nil
        }
        if refusal == nil { monitor.signal() }
        return refusal
    }

    /// What a thread finds when it asks for work.
    enum Turn {
        /// Jobs, at least one.
        case jobs([Job<Context>])
        /// The deadline passed, or somebody poked.
        case idle
        /// Nothing is left and nothing more will come.
        case closed
    }

    /// Waits for jobs and takes up to `count` of them, the oldest first.
    func next(upTo count: Int, until deadline: Instant?) -> Turn {
        monitor.withLock {
            while true {
                if !jobs.isEmpty {
                    let taken = Array(jobs.prefix(count))
                    jobs.removeFirst(taken.count)
                    return .jobs(taken)
                }
                if isClosed { return .closed }
                if isPoked {
                    isPoked = false
                    return .idle
                }
                if let deadline, deadline <= .now { return .idle }
                monitor.wait(until: deadline)
            }
        }
    }

    /// Lets a waiting thread look around although there is no job.
    func poke() {
        monitor.withLock { isPoked = true }
        monitor.signal()
    }

    /// Takes no more jobs; those that wait are still done.
    func close() {
        monitor.withLock { isClosed = true }
        monitor.broadcast()
    }

    /// How many jobs wait.
    var depth: Int { monitor.withLock { jobs.count } }
}
