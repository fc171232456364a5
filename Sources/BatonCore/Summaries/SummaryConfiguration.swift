/// How a store makes summaries.
public struct SummaryConfiguration: Sendable {
    /// Of which branches summaries are made by themselves, beside those of whole sessions.
    public enum Branches: Hashable, Sendable {
        /// Of each that events are appended in.
        case all
        /// Of these, of those above and of those below them.
        case only([String])
    }

    /// Makes the words; a ``SummarizerChoice`` makes those of each session by another one.
    public var summarizer: any Summarizer
    /// When summaries are made by themselves; `nil` for only when they are asked for.
    public var trigger: SummaryTrigger?
    /// Of which branches.
    public var branches: Branches
    /// Whether a branch's summary is followed by that of the whole session, as far as the trigger says so.
    public var cascades: Bool
    /// How many of the newest events are left out, to be shown as they are.
    public var keptEvents: Int
    /// How long a summary may be, in words; `nil` for any length.
    public var maximumWords: Int?
    /// The most tokens of events that the summarizer is given at once; one round goes whatever it has. What is longer is taken in several steps.
    public var maximumInputTokens: Int
    /// How long one job may take before it is cancelled. While it runs, nobody else makes the same summary.
    public var timeout: Duration
    /// How many summaries are made at once. Those of one session are made one after the other.
    public var workers: Int
    /// How many sessions may wait; further ones are not queued, and are looked at again when they go on.
    public var queueLimit: Int
    /// How long a session is left alone after a summary of it has failed.
    public var pauseAfterFailure: Duration
    /// Called before the summarizer; may change what it gets. An error ends the job.
    public var willSummarize: (@Sendable (inout SummaryInput) async throws -> Void)?
    /// Called with what was summarised and the words, which it may change, before they are stored. An error ends the job.
    public var didSummarize: (@Sendable (SummaryInput, inout String) async throws -> Void)?
    /// Told how every attempt has ended that had something to do.
    public var onReport: SummaryReport.Handler?

    /// Summaries by `summarizer` when `trigger` says so: by default after more than 50 events or 8,000 tokens.
    public init(_ summarizer: any Summarizer, trigger: SummaryTrigger? = .any([.events(50), .tokens(8_000)])) {
        self.summarizer = summarizer
        self.trigger = trigger
        branches = .all
        cascades = true
        keptEvents = 10
        maximumInputTokens = 32_000
        timeout = .seconds(60)
        workers = 3
        queueLimit = 100
        pauseAfterFailure = .seconds(30)
    }

    /// This configuration when it can be used.
    /// - Throws: ``StoreError/Code/invalidParameter``, ``StoreError/Code/invalidName``.
    func checked() throws(StoreError) -> SummaryConfiguration {
        if let trigger { _ = try trigger.checked() }
        if case .only(let names) = branches { for name in names { _ = try SummaryScope(checking: name) } }
        if let model = summarizer.model { _ = try Name.checked(model, "the summarizer's model") }
        try Check.range(keptEvents, 0...1_000, "the kept events of summaries")
        if let maximumWords { try Check.range(maximumWords, 1...100_000, "the words of summaries") }
        try Check.range(maximumInputTokens, 100...10_000_000, "the input tokens of summaries")
        try Check.range(timeout.wholeMilliseconds, 1...3_000_000, "the timeout of summaries, in milliseconds,")
        try Check.range(workers, 1...256, "the workers of summaries")
        try Check.range(queueLimit, 1...100_000, "the queue of summaries")
        return self
    }

    /// The filters whose summaries may be due after events in a branch: that branch, if it is one of those wanted, then the whole session.
    func filters(forEventIn branch: String?) -> [String] {
        guard let branch, !branch.isEmpty, let scope = try? SummaryScope(checking: branch) else { return [""] }
        let isWanted =
            switch branches {
            case .all: true
            case .only(let names):
                names.contains { SummaryScope.isSameOrBelow(branch, $0) || SummaryScope.isSameOrBelow($0, branch) }
            }
        return (isWanted ? [scope.filter] : []) + (cascades ? [""] : [])
    }
}
