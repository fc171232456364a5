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
    /// Results without a call, in a stretch that does not begin where the history does: the call may stand before it.
    let hasOpenRounds: Bool

    /// Sorts out a stretch, oldest first.
    /// - Parameter leading: system messages that stand before the stretch.
    init(_ stretch: [Event], leading: [Event], _ request: ContextRequest, _ cost: EventCost) {
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
        entries = whole.events.map { Entry(event: $0, tokens: costs[$0.seq] ?? 0) }
        hasOpenRounds = whole.orphans.contains { !$0.strayResults.isEmpty }
        cuts = ContextSelection.cuts(in: entries)
    }

    /// Tokens of everything that a model could be shown.
    var tokens: Int { (system + entries).reduce(0) { $0 + $1.tokens } }
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
        if request.beginsWithUser, first < entries.count, !entries[first].event.isUserMessage {
            // As few as are demanded have to be left.
            let last = entries.count - demanded
            if let turn = cuts.first(where: { $0 > first && $0 <= last && entries[$0].event.isUserMessage }) {
                first = turn
            } else {
                (first, anchor) = anchored(from: first, room)
            }
        }
        for entry in entries[..<min(place, first)] where entry.event.seq != anchor?.event.seq { dropped.count(entry.tokens, reason) }
        if first > place {
            for entry in entries[place..<first] where entry.event.seq != anchor?.event.seq {
                dropped.count(entry.tokens, anchor == nil ? .turn : reason)
            }
        }
        let kept = (anchor.map { [$0] } ?? []) + entries[first...]
        if kept.count < demanded { throw refusal(of: demanded) }
        let chosen = system + kept
        return (chosen.map(\.event), chosen.reduce(0) { $0 + $1.tokens }, dropped)
    }

    /// Why not even as many of the newest events as are demanded can be shown.
    private func refusal(of demanded: Int) -> StoreError {
        let first = cuts.last { $0 <= entries.count - demanded } ?? 0
        let needed = (system + entries[first...]).reduce(0) { $0 + $1.tokens }
        if let budget = request.budget, needed > budget {
            return StoreError.overBudget(demanded == 1 ? "the newest turn" : "the newest \(demanded) events", needed, budget)
        }
        return StoreError(
            .budgetExceeded, "the newest events are part of a tool round of \(entries.count - first) events; maxEvents is \(request.eventLimit)",
            detail: .current(needed))
    }

    /// How many tokens are left beside the system messages.
    private func room() throws(StoreError) -> Int {
        guard let budget = request.budget else { return .max }
        let taken = system.reduce(0) { $0 + $1.tokens }
        guard taken <= budget else { throw StoreError.overBudget("the system messages", taken, budget) }
        return budget - taken
    }

    /// The earliest place from which everything fits, and what kept it from being earlier.
    private func cut(_ room: Int) -> (place: Int, reason: SessionContext.Reason) {
        var fits = entries.count
        var tokens = 0
        var reason = SessionContext.Reason.budget
        while fits > 0 {
            if entries.count - fits == request.eventLimit {
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
        guard anchor.tokens <= room, request.eventLimit > 1 else { return (place, nil) }
        for candidate in cuts where candidate >= place {
            let rest = entries[candidate...]
            if rest.count < request.eventLimit, rest.reduce(anchor.tokens, { $0 + $1.tokens }) <= room, !rest.isEmpty { return (candidate, anchor) }
        }
        return (place, nil)
    }

    private static func cuts(in entries: [Entry]) -> [Int] {
        var open: [[UInt8]: Int] = [:]
        var crossing = Array(repeating: 0, count: entries.count + 1)
        for (index, entry) in entries.enumerated() {
            let references = ToolReferences(of: entry.event)
            for id in references.results {
                guard let call = open.removeValue(forKey: Array(id.utf8)) else { continue }
                // Every place behind the call, up to the result, would part the two.
                crossing[call + 1] += 1
                crossing[index + 1] -= 1
            }
            for id in references.calls { open[Array(id.utf8)] = index }
        }
        var depth = 0
        var places: [Int] = []
        for index in 0...entries.count {
            depth += crossing[index]
            if depth == 0 { places.append(index) }
        }
        return places
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
    fileprivate var isNotice: Bool {
        guard role == nil, let type else { return false }
        return [History.rewindType, Handoff.eventType, Approval.askedType, Approval.decidedType].contains(type)
    }
    /// The role, or that of the message which is its content.
    fileprivate var speaker: String? { role ?? content["role"]?.stringValue }
    /// Whether it tells the model how to behave.
    var isSystemMessage: Bool { speaker == "system" || speaker == "developer" }
    /// Whether a user says it; tool results that a framework gives the user's role are not.
    var isUserMessage: Bool { speaker == "user" && ToolReferences(of: self).results.isEmpty }
}
