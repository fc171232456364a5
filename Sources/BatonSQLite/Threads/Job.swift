internal import BatonCore
internal import Synchronization

/// Work that waits for a thread, and somebody who waits for the work.
///
/// The thread calls `begin`, then `run` any number of times, then `finish`. Cancelling is possible at every moment: before
/// `begin` the work is never done; afterwards the caller is let go at once, and the work ends as it may.
class Job<Context>: @unchecked Sendable {
    /// Whether the work is to be done; false when its caller has gone.
    func begin() -> Bool { false }
    /// Does the work and keeps its outcome; returns whether it succeeded.
    func run(_ context: Context) -> Bool { false }
    /// Gives the outcome to the caller, or `failure` in its stead.
    func finish(_ failure: StoreError?) {}
    /// Whether the caller has gone.
    var isCancelled: Bool { false }
}

/// A job with its body and its caller.
///
/// `@unchecked Sendable`: `outcome` is touched only by the thread that runs the job, between `begin` and `finish`;
/// everything else is immutable or behind the mutex.
final class Call<Context, Value: Sendable>: Job<Context>, @unchecked Sendable {
    typealias Outcome = Result<Value, StoreError>

    private enum Caller {
        case expected
        case waiting(CheckedContinuation<Outcome, Never>)
        case cancelled
        case answered
    }

    private let body: @Sendable (Context) throws(StoreError) -> Value
    private let caller = Mutex(Caller.expected)
    private var outcome: Outcome?

    init(_ body: @escaping @Sendable (Context) throws(StoreError) -> Value) { self.body = body }

    /// Takes the continuation; false when the call was cancelled before and has been answered now.
    func wait(_ continuation: CheckedContinuation<Outcome, Never>) -> Bool {
        let isWaiting = caller.withLock { caller in
            guard case .expected = caller else { return false }
            caller = .waiting(continuation)
            return true
        }
        if !isWaiting { continuation.resume(returning: .failure(Self.cancellation)) }
        return isWaiting
    }

    func cancel() { answer(.failure(Self.cancellation), leaving: .cancelled) }

    override func begin() -> Bool { !isCancelled }

    override var isCancelled: Bool {
        caller.withLock { if case .cancelled = $0 { true } else { false } }
    }

    override func run(_ context: Context) -> Bool {
        do throws(StoreError) {
            outcome = .success(try body(context))
            return true
        } catch {
            outcome = .failure(error)
            return false
        }
    }

    override func finish(_ failure: StoreError?) {
        let result = failure.map { .failure($0) } ?? outcome ?? .failure(Self.cancellation)
        outcome = nil
        answer(result, leaving: .answered)
    }

    private func answer(_ outcome: Outcome, leaving end: Caller) {
        let continuation = caller.withLock { caller -> CheckedContinuation<Outcome, Never>? in
            switch caller {
            case .expected:
                caller = end
                return nil
            case .waiting(let continuation):
                caller = end
                return continuation
            case .cancelled, .answered: return nil
            }
        }
        continuation?.resume(returning: outcome)
    }

    private static var cancellation: StoreError { StoreError(.cancelled, "the call was cancelled; whether it took effect is not known") }
}
