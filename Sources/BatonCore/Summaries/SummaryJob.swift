/// Makes the summary of one filter of one session: claims it, reads what came since the last one, asks the summarizer, stores the answer.
///
/// What is stored was made of events that had not changed meanwhile, or the claim would be void.
struct SummaryJob: Sendable {
    let key: SessionKey
    let scope: SummaryScope
    let isForced: Bool
    let configuration: SummaryConfiguration
    let storage: any Storage
    var account = SummaryAccount()
    /// What was just made of another filter, to be used again where it is the same.
    var precedent: Made?

    /// What was made, and of what.
    struct Made: Sendable {
        let summary: Summary
        fileprivate let previous: String?
        fileprivate let from: Int
        fileprivate let isWhole: Bool
    }

    /// How it ended.
    struct Outcome: Sendable {
        /// The summary that is stored now; `nil` when there is none.
        var summary: Summary?
        /// What was made last; `nil` when nothing was.
        var made: Made?
        /// What is known of the session now.
        var watermark: SummaryWatermark?
    }

    /// The most steps of one job: a history of over ``SummaryConfiguration/maximumInputTokens`` is taken bit by bit.
    private static let mostSteps = 64
    /// The most events and bytes that one step reads.
    private static let mostEvents = 10_000
    private static let mostBytes = 32 << 20
    /// A claim outlives its job by this much, which is what clocks and late answers may take.
    private static let margin = Duration.seconds(5)

    /// Makes it, in as many steps as it takes.
    /// - Throws: ``StoreError/Code/busy`` while somebody else makes it; what the summarizer and the hooks throw.
    func run() async throws -> Outcome {
        var outcome = Outcome()
        for step in 1...SummaryJob.mostSteps {
            let (next, isCut) = try await self.step(isFirst: step == 1)
            outcome.summary = next.summary
            outcome.made = next.made ?? outcome.made
            outcome.watermark = next.watermark
            guard isCut, next.made != nil else { break }
        }
        return outcome
    }

    private func step(isFirst: Bool) async throws -> (Outcome, isCut: Bool) {
        if isFirst, !isForced {
            let list = try await storage.summaries(of: key)
            let bound = SummaryJob.bound(list, list[scope.filter], at: SystemClock.now())
            guard let trigger = configuration.trigger, trigger.fires(bound) else {
                return (Outcome(summary: list[scope.filter], watermark: SummaryWatermark(at: list.tail, bound)), false)
            }
        }
        let ttl = (configuration.timeout + SummaryJob.margin).wholeMilliseconds
        let claim = try await storage.claim(SummaryClaim(filter: scope.filter, holder: Randomness.generation(), ttlMilliseconds: ttl), of: key)
        do {
            return try await step(claim, isFirst: isFirst)
        } catch {
            // The job may be cancelled, and others should not wait for the end of its claim.
            await Task { [storage, key, scope] in try? await storage.release(claim, ofSummary: scope.filter, of: key) }.value
            throw error
        }
    }

    private func step(_ claim: Int, isFirst: Bool) async throws -> (Outcome, isCut: Bool) {
        // Read behind the claim: from here on nobody else replaces what is stored.
        let list = try await storage.summaries(of: key)
        let stored = list[scope.filter]
        let (stretch, isComplete) = try await events(after: stored?.boundary, list)
        let delta = SummaryDelta(
            stretch, isComplete: isComplete, scope: scope, kept: configuration.keptEvents, ceiling: configuration.maximumInputTokens,
            cost: .standard, since: stored?.createdAt, at: SystemClock.now())
        var progress = delta.progress
        progress.summaryTokens = SummaryJob.tokens(of: stored)
        var outcome = Outcome(summary: stored, watermark: isComplete ? SummaryWatermark(at: list.tail, progress) : nil)
        let isDue = isForced || !isFirst || (configuration.trigger?.fires(progress) ?? false)
        if isDue, isFirst, delta.boundary != nil {
            account.note { numbers in
                numbers.isDue = true
                numbers.exceeded = configuration.trigger?.exceeded(by: progress) ?? []
            }
        }
        guard isDue, let boundary = delta.boundary else {
            try await storage.release(claim, ofSummary: scope.filter, of: key)
            return (outcome, false)
        }
        let from = stored?.boundary.seq ?? 0
        let (text, model): (String, String?)
        if delta.taken.isEmpty, let stored {
            (text, model) = (stored.text, stored.model)
        } else if let precedent, precedent.isWhole, precedent.from == from, precedent.previous == stored?.text, precedent.summary.boundary == boundary
        {
            (text, model) = (precedent.summary.text, precedent.summary.model)
        } else {
            (text, model) = try await words(of: delta, stored)
        }
        try Task.checkCancellation()
        guard text.utf8.contains(where: { $0 > 0x20 }) else {
            try await storage.release(claim, ofSummary: scope.filter, of: key)
            return (outcome, false)
        }
        let draft = SummaryDraft(
            filter: scope.filter, text: text, boundary: boundary, events: (stored?.events ?? 0) + delta.taken.count,
            mark: isComplete ? max(0, list.tokens - delta.tokensBehind) : (stored?.mark ?? 0) + delta.tokensCovered,
            model: model)
        let summary = try await storage.put(try draft.checked(), of: key, claim: claim)
        outcome.summary = summary
        outcome.made = Made(summary: summary, previous: stored?.text, from: from, isWhole: delta.isWhole)
        if isComplete {
            let left = SummaryTrigger.Progress(
                events: list.tail.seq - boundary.seq, tokens: delta.tokensBehind, idle: .zero, summaryTokens: SummaryJob.tokens(of: summary))
            outcome.watermark = SummaryWatermark(at: list.tail, left)
        }
        return (outcome, delta.isCut)
    }

    /// The words of who is chosen for the session, and their model; none when that is nobody.
    private func words(of delta: SummaryDelta, _ stored: Summary?) async throws -> (String, model: String?) {
        guard let summarizer = try await configuration.summarizer.choice(for: key, filter: scope.filter) else { return ("", nil) }
        var input = SummaryInput(
            session: key, filter: scope.filter, previous: stored?.text, events: delta.taken, maximumWords: configuration.maximumWords)
        try await configuration.willSummarize?(&input)
        try Task.checkCancellation()
        account.note { numbers in
            numbers.calls += 1
            numbers.events += input.events.count
            numbers.tokens += input.events.reduce(0) { $0 + EventCost.standard.tokens(of: $1) }
        }
        var text = try await summarizer.summarize(input)
        try Task.checkCancellation()
        try await configuration.didSummarize?(input, &text)
        return (text, summarizer.model)
    }

    /// What came after a summary, up to the newest event of the list; a beginning of it when that is much.
    private func events(after boundary: Offset?, _ list: SummaryList) async throws(StoreError) -> (stretch: [Event], isComplete: Bool) {
        var stretch: [Event] = []
        var bytes = 0
        // What was trimmed is not there to be summarised.
        var query = EventQuery(after: .offset(max(boundary ?? .start, list.floor)), limit: EventQuery.maximumLimit)
        while true {
            let page = try await storage.events(in: key, query)
            for event in page.events where event.seq <= list.tail.seq {
                stretch.append(event)
                bytes += event.body.bytes.count
            }
            guard let next = page.next, !page.upToDate, next.seq < list.tail.seq else { return (stretch, true) }
            guard stretch.count < SummaryJob.mostEvents, bytes < SummaryJob.mostBytes else { return (stretch, false) }
            query.after = .offset(next)
        }
    }

    /// At most this much came since a summary, as the store's numbers say.
    private static func bound(_ list: SummaryList, _ stored: Summary?, at now: Timestamp) -> SummaryTrigger.Progress {
        let from = max(stored?.boundary ?? .start, list.floor)
        let idle = from.seq == list.tail.seq ? 0 : now.milliseconds - (stored?.createdAt.milliseconds ?? from.milliseconds)
        return SummaryTrigger.Progress(
            events: list.tail.seq - from.seq, tokens: max(0, list.tokens - (stored?.mark ?? 0)), idle: .milliseconds(max(0, idle)),
            summaryTokens: tokens(of: stored))
    }

    private static func tokens(of summary: Summary?) -> Int { summary.map { TokenEstimate().tokens(in: $0.text) + EventCost.perMessage } ?? 0 }
}
