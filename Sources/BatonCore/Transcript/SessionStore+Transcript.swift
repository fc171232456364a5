extension SessionStore {
    /// The most events that a page of whole rounds reads beyond its limit to find the other half of one.
    private static let reach = 256

    /// A page of events without half tool rounds, and which events were left out.
    ///
    /// A page does not end inside a round: it goes on, over its limit if need be, until the results (newest first: the calls) that it needs are there,
    /// ``EventQuery/maximumLimit`` + 256 events at most. A round that is longer, or never ends, counts as torn.
    /// - Parameter keepingOrphans: whether halves of rounds stay among the events; they are named in the page either way.
    /// - Throws: ``StoreError/Code/invalidParameter`` with a filter: it would tear rounds apart.
    public func wholeRounds(
        in key: SessionKey, _ query: EventQuery = EventQuery(), keepingOrphans: Bool = false
    ) async throws(StoreError) -> TranscriptPage {
        guard query.filter.isEmpty else {
            throw StoreError(.invalidParameter, "the view of whole tool rounds cannot be filtered: a filter would tear rounds apart")
        }
        var page = try await events(in: key, query)
        var wanted = page.events
        if !page.upToDate, let next = page.next, !SessionStore.isClosed(wanted, query.order) {
            var further = query
            further.limit = SessionStore.reach
            if query.order == .asc { further.after = .offset(next) } else { further.before = .offset(next) }
            let beyond = try await events(in: key, further)
            // As far as the rounds of the page reach, and not further.
            for (index, event) in beyond.events.enumerated() {
                wanted.append(event)
                guard SessionStore.isClosed(wanted, query.order) else { continue }
                page.next = event.offset
                page.upToDate = beyond.upToDate && index == beyond.events.count - 1
                page.events = wanted
                break
            }
        }
        let whole = WholeTranscript(query.order == .asc ? page.events : page.events.reversed())
        if !keepingOrphans { page.events = query.order == .asc ? whole.events : whole.events.reversed() }
        return TranscriptPage(page: page, orphans: whole.orphans)
    }

    /// Looks through all events of a session for half tool rounds. Cost: the whole session, page by page.
    ///
    /// - Parameter progress: told how many events were looked at.
    public func orphans(
        in key: SessionKey, progress: @Sendable (Int) -> Void = { _ in }
    ) async throws(StoreError) -> [WholeTranscript.Orphan] {
        var rounds = ToolRounds()
        var ids: [Int: String] = [:]
        var query = EventQuery(limit: EventQuery.maximumLimit)
        var seen = 0
        while true {
            let page = try await events(in: key, query)
            for event in page.events {
                let references = ToolReferences(of: event)
                guard !references.isEmpty else { continue }
                ids[event.seq] = event.id
                rounds.take(references, at: event.seq)
            }
            seen += page.events.count
            progress(seen)
            guard !page.upToDate, let next = page.next else { break }
            query.after = .offset(next)
        }
        var found: [Int: WholeTranscript.Orphan] = [:]
        for (seq, id) in rounds.strays {
            found[seq, default: .init(id: ids[seq] ?? "", seq: seq, unansweredCalls: [], strayResults: [])].strayResults.append(id)
        }
        for (seq, id) in rounds.unanswered {
            found[seq, default: .init(id: ids[seq] ?? "", seq: seq, unansweredCalls: [], strayResults: [])].unansweredCalls.append(id)
        }
        return found.values.sorted { $0.seq < $1.seq }
    }

    /// Whether no round has one half among `events` and the other beyond them.
    private static func isClosed(_ events: [Event], _ order: EventQuery.Order) -> Bool {
        var rounds = ToolRounds()
        for (index, event) in (order == .asc ? events : events.reversed()).enumerated() { rounds.take(ToolReferences(of: event), at: index) }
        return order == .asc ? rounds.isClosed : rounds.strays.isEmpty
    }
}

/// A page of events without half tool rounds.
public struct TranscriptPage: Hashable, Sendable {
    /// The events that are whole, and where to go on.
    public var page: EventPage
    /// Those that were left out.
    public var orphans: [WholeTranscript.Orphan]

    /// A page of its parts.
    public init(page: EventPage, orphans: [WholeTranscript.Orphan]) {
        self.page = page
        self.orphans = orphans
    }
}
