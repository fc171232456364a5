/// Chooses the events of a context out of a stretch of a history: values in, values out.
///
/// What is kept is one contiguous end of the conversation that no tool round crosses, so every call keeps its result. System messages come before it. The same
/// stretch and request always give the same choice.
struct ContextSelection {
    /// A conversation's event with its cost.
    private struct Entry {
        let event: Event
        let tokens: Int
    }

    private let request: ContextRequest
    private let system: [Entry]
    private let entries: [Entry]
    /// The places that no tool round crosses, ascending; the end is one.
    private let cuts: [Int]
    private var dropped: [SessionContext.Reason: SessionContext.Dropped]
    /// What the summary takes, which is shown in any case.
    private let summaryTokens: Int
    /// The seq up to which the summary says everything; 0 without one.
    private let covered: Int
    /// The most events beside system messages.
    let limit: Int
    /// Results without a call, in a stretch that does not begin where the history does: the call may stand before it.
    let hasOpenRounds: Bool

    /// Sorts out a stretch, oldest first.
    /// - Parameters:
    ///   - leading: system messages that stand before the stretch.
    ///   - summary: the summary to be shown.
    init(_ stretch: [Event], leading: [Event], summary: Summary? = nil, _ request: ContextRequest, _ cost: EventCost) {
        var system = leading.map { Entry(event: $0, tokens: cost.tokens(of: $0)) }
        var conversation: [Event] = []
        var costs: [Int: Int] = [:]
        var dropped: [SessionContext.Reason: SessionContext.Dropped] = [:]
        for event in stretch {
            let tokens = cost.tokens(of: event)
            if event.isNotice {
                dropped.count(tokens, .notice)
            } else if event.isPartial {
                dropped.count(tokens, .partial)
            } else if request.systemMessages != .none, event.isSystemMessage {
                system.append(Entry(event: event, tokens: tokens))
            } else {
                conversation.append(event)
                costs[event.seq] = tokens
            }
        }
        let whole = WholeTranscript(conversation)
        for orphan in whole.orphans { dropped.count(costs[orphan.seq] ?? 0, .orphan) }
        self.request = request
        self.system = system
        self.dropped = dropped
        summaryTokens = summary.map { cost.tokens(of: $0) } ?? 0
        covered = summary?.boundary.seq ?? 0
        entries = whole.events.map { Entry(event: $0, tokens: costs[$0.seq] ?? 0) }
        hasOpenRounds = whole.orphans.contains { !$0.strayResults.isEmpty }
        // A window never parts the summary from what comes after it.
        let uncovered = summary.map { summary in whole.events.count { $0.seq > summary.boundary.seq } } ?? 0
        limit = request.maximumEvents == nil ? max(request.eventLimit, uncovered) : request.eventLimit
        cuts = ToolRounds.cuts(in: whole.events, patience: nil)
    }

    /// Tokens of everything that a model could be shown.
    var tokens: Int { (system + entries).reduce(summaryTokens) { $0 + $1.tokens } }
    /// How many events there are beside system messages.
    var count: Int { entries.count }
    /// Whether a user has spoken among the newest events that limits leave room for.
    var hasUserTurn: Bool {
        guard let room = try? room() else { return true }
        return entries[cut(room).place...].contains { $0.event.isUserMessage }
    }

    /// The choice.
    /// - Throws: ``StoreError/Code/budgetExceeded`` when what has to be shown does not fit.
    consuming func choose() throws(StoreError) -> (events: [Event], tokens: Int, dropped: [SessionContext.Reason: SessionContext.Dropped]) {
        let room = try room()
        if request.overflow == .error, let budget = request.budget, tokens > budget {
            throw StoreError.overBudget("the history", tokens, budget)
        }
        let demanded = min(request.minimumEvents, entries.count)
        let (place, reason) = cut(room)
        var first = place
        var anchor: Entry?
        // Nothing is to be lost between the summary and what comes after it.
        let follows = covered > 0 && (first == 0 || entries[first - 1].event.seq <= covered)
        if request.beginsWithUser, !follows, first < entries.count, !entries[first].event.isUserMessage {
            // As few as are demanded have to be left.
            let last = entries.count - demanded
            if let turn = cuts.first(where: { $0 > first && $0 <= last && entries[$0].event.isUserMessage }) {
                first = turn
            } else {
                (first, anchor) = anchored(from: first, room)
            }
        }
        func drop(_ entries: ArraySlice<Entry>, _ reason: SessionContext.Reason) {
            for entry in entries where entry.event.seq != anchor?.event.seq {
                dropped.count(entry.tokens, entry.event.seq <= covered ? .summarized : reason)
            }
        }
        drop(entries[..<min(place, first)], reason)
        if first > place { drop(entries[place..<first], anchor == nil ? .turn : reason) }
        let kept = (anchor.map { [$0] } ?? []) + entries[first...]
        if kept.count < demanded { throw refusal(of: demanded) }
        let chosen = system + kept
        return (chosen.map(\.event), chosen.reduce(summaryTokens) { $0 + $1.tokens }, dropped)
    }

    /// Why not even as many of the newest events as are demanded can be shown.
    private func refusal(of demanded: Int) -> StoreError {
        let first = cuts.last { $0 <= entries.count - demanded } ?? 0
        let needed = (system + entries[first...]).reduce(summaryTokens) { $0 + $1.tokens }
        if let budget = request.budget, needed > budget {
            return StoreError.overBudget(demanded == 1 ? "the newest turn" : "the newest \(demanded) events", needed, budget)
        }
        return StoreError(
            .budgetExceeded, "the newest events are part of a tool round of \(entries.count - first) events; maxEvents is \(limit)",
            detail: .current(needed))
    }

    /// How many tokens are left beside the system messages.
    private func room() throws(StoreError) -> Int {
        guard let budget = request.budget else { return .max }
        let taken = system.reduce(summaryTokens) { $0 + $1.tokens }
        guard taken <= budget else {
            throw StoreError.overBudget(summaryTokens > 0 ? "the system messages and the summary" : "the system messages", taken, budget)
        }
        return budget - taken
    }

    /// The earliest place from which everything fits, and what kept it from being earlier.
    private func cut(_ room: Int) -> (place: Int, reason: SessionContext.Reason) {
        var fits = entries.count
        var tokens = 0
        var reason = SessionContext.Reason.budget
        while fits > 0 {
            if entries.count - fits == limit {
                reason = .maxEvents
                break
            }
            tokens += entries[fits - 1].tokens
            if tokens > room { break }
            fits -= 1
        }
        return (cuts.first { $0 >= fits } ?? entries.count, fits == 0 ? .budget : reason)
    }

    /// The last turn of a user before what fits, and the earliest place from which everything fits together with it. A model that has to hear a user first
    /// hears what its work is about; what lies between is left out. Without any such turn the choice stays as it is.
    private func anchored(from place: Int, _ room: Int) -> (place: Int, anchor: Entry?) {
        guard let index = entries[..<place].lastIndex(where: { $0.event.isUserMessage }) else { return (place, nil) }
        let anchor = entries[index]
        guard anchor.tokens <= room, limit > 1 else { return (place, nil) }
        for candidate in cuts where candidate >= place {
            let rest = entries[candidate...]
            if rest.count < limit, rest.reduce(anchor.tokens, { $0 + $1.tokens }) <= room, !rest.isEmpty { return (candidate, anchor) }
        }
        return (place, nil)
    }
}

extension [SessionContext.Reason: SessionContext.Dropped] {
    /// Counts one event more.
    fileprivate mutating func count(_ tokens: Int, _ reason: SessionContext.Reason) {
        self[reason, default: SessionContext.Dropped()].events += 1
        self[reason, default: SessionContext.Dropped()].tokens += tokens
    }
}

extension Event {
    /// Whether it is the store's own and no part of the conversation.
    var isNotice: Bool {
        guard role == nil, let type else { return false }
        return [History.rewindType, Handoff.eventType, Approval.askedType, Approval.decidedType].contains(type)
    }
    /// The role, or that of the message which is its content.
    var speaker: String? { role ?? content["role"]?.stringValue }
    /// Whether it tells the model how to behave.
    var isSystemMessage: Bool { speaker == "system" || speaker == "developer" }
    /// Whether a user says it; tool results that a framework gives the user's role are not.
    var isUserMessage: Bool { speaker == "user" && ToolReferences(of: self).results.isEmpty }
}
