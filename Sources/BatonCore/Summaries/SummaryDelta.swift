/// Chooses which events the next summary takes in: values in, values out.
///
/// It takes an unbroken stretch after the last summary and leaves the newest events to be shown as they are. The boundary is a place that no tool round crosses, and a turn
/// of a user begins behind it wherever there is one.
struct SummaryDelta {
    /// The events to be summarised, oldest first.
    let taken: [Event]
    /// Everything that came since the last summary and is part of the scope, as triggers count it.
    let progress: SummaryTrigger.Progress
    /// The boundary of the next summary; `nil` when nothing can be taken.
    let boundary: Offset?
    /// The tokens of what the stretch holds up to the boundary, in the scope or not.
    let tokensCovered: Int
    /// The tokens of what it holds behind.
    let tokensBehind: Int
    /// Whether the ceiling has left out what could be taken otherwise.
    let isCut: Bool
    /// Whether every event of the stretch is part of the scope.
    let isWhole: Bool

    /// A call that nobody has answered for this many events will not be answered any more.
    private static let patience = 256

    /// - Parameters:
    ///   - stretch: all events after the last summary up to the newest, oldest first; or a beginning of them.
    ///   - isComplete: whether the stretch reaches to the newest event.
    ///   - kept: how many of the newest events are left.
    ///   - ceiling: the most tokens to take; at least one round is taken whatever it has.
    ///   - since: when the last summary was made. Idle is what has been going on since: a pause that led to a summary does not lead to the next.
    init(
        _ stretch: [Event], isComplete: Bool, scope: SummaryScope, kept: Int, ceiling: Int, cost: EventCost, since: Timestamp?, at now: Timestamp
    ) {
        var conversation: [(place: Int, event: Event, tokens: Int)] = []
        var idle = Duration.zero
        var last: Timestamp?
        var isWhole = true
        var costs: [Int] = []
        costs.reserveCapacity(stretch.count)
        for (place, event) in stretch.enumerated() {
            let tokens = cost.tokens(of: event)
            costs.append(tokens)
            guard !event.isNotice, !event.isPartial else { continue }
            guard scope.contains(branch: event.branch) else {
                isWhole = false
                continue
            }
            if since.map({ event.time > $0 }) ?? true {
                if let last { idle = max(idle, .milliseconds(event.time.milliseconds - last.milliseconds)) }
                last = event.time
            }
            conversation.append((place, event, tokens))
        }
        if let last { idle = max(idle, .milliseconds(max(0, now.milliseconds - last.milliseconds))) }
        progress = SummaryTrigger.Progress(events: conversation.count, tokens: conversation.reduce(0) { $0 + $1.tokens }, idle: idle)
        self.isWhole = isWhole
        let events = conversation.map(\.event)
        let most = isComplete ? max(0, events.count - kept) : events.count
        var cuts = ToolRounds.cuts(in: events, patience: SummaryDelta.patience).filter { $0 > 0 && $0 <= most }
        var isCut = !isComplete
        if let first = cuts.first {
            var tokens = 0
            var room = events.count
            for (index, entry) in conversation.enumerated() {
                tokens += entry.tokens
                if tokens > ceiling {
                    room = index
                    break
                }
            }
            let fitting = cuts.filter { $0 <= max(room, first) }
            isCut = isCut || fitting.count < cuts.count
            cuts = fitting
        }
        self.isCut = isCut && !cuts.isEmpty
        // Before a user's turn, if that is not too far back: what is shown behind the summary then begins as models want it.
        var cut = cuts.last
        if let newest = cut, kept > 0, !self.isCut, let turn = cuts.last(where: { $0 < events.count && events[$0].isUserMessage }),
            newest - turn <= max(kept, newest / 2)
        {
            cut = turn
        }
        guard let cut else {
            taken = []
            boundary = nil
            tokensCovered = 0
            tokensBehind = costs.reduce(0, +)
            return
        }
        taken = Array(events[..<cut])
        // What is no part of the scope and stands right behind is covered as well: there is nothing to say about it.
        let next = cut < conversation.count ? conversation[cut].place : (isComplete ? stretch.count : conversation[cut - 1].place + 1)
        boundary = stretch[next - 1].offset
        tokensCovered = costs[..<next].reduce(0, +)
        tokensBehind = costs[next...].reduce(0, +)
    }
}

extension ToolRounds {
    /// The places in a conversation that no tool round crosses, ascending; the end is one, unless a call is open. A call that was not answered by the end of the next `patience`
    /// events counts as none; `nil` for all that were not answered.
    static func cuts(in events: [Event], patience: Int?) -> [Int] {
        var open: [[UInt8]: Int] = [:]
        var crossing = Array(repeating: 0, count: events.count + 2)
        for (index, event) in events.enumerated() {
            let references = ToolReferences(of: event)
            for id in references.results {
                guard let call = open.removeValue(forKey: Array(id.utf8)) else { continue }
                // Every place behind the call, up to the result, would part the two.
                crossing[call + 1] += 1
                crossing[index + 1] -= 1
            }
            for id in references.calls { open[Array(id.utf8)] = index }
        }
        if let patience {
            for call in open.values where events.count - call <= patience { crossing[call + 1] += 1 }
        }
        var depth = 0
        var places: [Int] = []
        for index in 0...events.count {
            depth += crossing[index]
            if depth == 0 { places.append(index) }
        }
        return places
    }
}
