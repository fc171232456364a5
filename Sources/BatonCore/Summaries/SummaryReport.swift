internal import Synchronization

/// What became of one attempt to make a summary that was due or failed: for accounts of what models cost, and for finding out why there is no summary.
public struct SummaryReport: Sendable {
    /// Why it was made.
    public enum Cause: Hashable, Sendable {
        /// Somebody asked for it, whatever the trigger says.
        case demand
        /// These bounds of the trigger were exceeded; none when it failed before that was known.
        case trigger([SummaryTrigger])
    }

    /// The session.
    public var session: SessionKey
    /// The filter, empty for the whole session.
    public var filter: String
    /// Why it was made.
    public var cause: Cause
    /// How often the summarizer was asked; 0 when the words were there already, as where a branch is all of its session.
    public var calls: Int
    /// How many events it was given.
    public var events: Int
    /// About how many tokens they have.
    public var tokens: Int
    /// How long all of it took.
    public var duration: Duration
    /// The summary that is stored; `nil` when the summarizer had nothing to say. Or why there is none.
    public var result: Result<Summary?, StoreError>

    /// Told of every such attempt, on any thread; returns at once.
    public typealias Handler = @Sendable (SummaryReport) -> Void
}

/// What a job has done so far, kept outside of it so that one that fails is accounted for too.
final class SummaryAccount: Sendable {
    struct Numbers {
        var isDue = false
        /// Which bounds of the trigger are exceeded.
        var exceeded: [SummaryTrigger] = []
        var calls = 0
        var events = 0
        var tokens = 0
    }

    private let numbers = Mutex(Numbers())

    func note(_ change: (inout Numbers) -> Void) { numbers.withLock { change(&$0) } }

    /// The report of a job that has ended; `nil` when it had nothing to do.
    func report(of job: SummaryJob, after duration: Duration, _ result: Result<Summary?, StoreError>) -> SummaryReport? {
        let numbers = numbers.withLock { $0 }
        if case .success = result, !numbers.isDue { return nil }
        return SummaryReport(
            session: job.key, filter: job.scope.filter, cause: job.isForced ? .demand : .trigger(numbers.exceeded), calls: numbers.calls,
            events: numbers.events, tokens: numbers.tokens, duration: duration, result: result)
    }
}
