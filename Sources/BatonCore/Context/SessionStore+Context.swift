extension SessionStore {
    /// What a model is shown of a session: whole tool rounds of the newest events, inside a budget of tokens.
    ///
    /// The history is read backwards, in pages as large as the budget lets expect, and no further than needed; how much it was stands in the answer.
    /// - Throws: ``StoreError/Code/notFound``; ``StoreError/Code/budgetExceeded`` when what has to be shown does not fit, the needed tokens in its detail;
    ///   ``StoreError/Code/tooLarge`` when it is over ``ContextRequest/mostBytes``; ``StoreError/Code/invalidParameter``.
    public func context(
        of key: SessionKey, _ request: ContextRequest = ContextRequest(), counters: TokenCounters = .standard
    ) async throws(StoreError) -> SessionContext {
        let request = try request.checked()
        let cost = EventCost(counters.counter(for: request.model), imageTokens: request.imageTokens)
        return try await perform(.readContext, on: key) { () throws(StoreError) in
            while true {
                var reading = try ContextReading(key: key, request: request, cost: cost, storage: self.storage)
                if try await reading.run() { return try reading.context() }
                // Deleted and created again meanwhile, or the summary is no longer true: what was read does not belong together.
            }
        }
    }
}

extension Session {
    /// What a model is shown of it; see ``SessionStore/context(of:_:counters:)``.
    public func context(_ request: ContextRequest = ContextRequest(), counters: TokenCounters = .standard) async throws(StoreError) -> SessionContext
    {
        try await store.context(of: key, request, counters: counters)
    }
}

/// Reads as much of a history as a context needs.
private struct ContextReading {
    let key: SessionKey
    let request: ContextRequest
    let cost: EventCost
    let storage: any Storage
    /// The end of the history, newest first.
    private var stretch: [Event] = []
    /// System messages before the stretch, oldest first.
    private var leading: [Event] = []
    private var readEvents = 0
    private var readBytes = 0
    private var isWhole = false
    private var tail = Offset.start
    private var generation: String?
    /// What stands for the events before the stretch, and which events are part of it.
    private var summary: Summary?
    private let scope: SummaryScope

    /// How many events beyond what there is room for are read to find the other half of a tool round, or what a user said last.
    private static let reach = 256
    /// Pages are not smaller than this.
    private static let smallestPage = 16
    /// Where nothing is known of the events' size yet.
    private static let firstPage = 32
    /// How many events of the beginning are looked at, at a time, for system messages.
    private static let leadingPage = 8

    init(key: SessionKey, request: ContextRequest, cost: EventCost, storage: any Storage) throws(StoreError) {
        scope = try SummaryScope(checking: request.filter)
        self.key = key
        self.request = request
        self.cost = cost
        self.storage = storage
    }

    /// Reads; false when the session became another one on the way.
    mutating func run() async throws(StoreError) -> Bool {
        if request.strategy.usesSummary, request.overflow != .truncate { try await findSummary() }
        var query = EventQuery(
            limit: request.budget == nil ? min(request.eventLimit + 1, EventQuery.maximumLimit) : ContextReading.firstPage, order: .desc)
        if request.strategy == .summarize, let summary { query.after = .seq(summary.boundary.seq) }
        /// How many events had been read when the budget was first exceeded.
        var full: Int?
        repeat {
            let page = try await storage.events(in: key, query)
            guard try take(page) else { return false }
            stretch += scope.isWhole ? page.events : page.events.filter { scope.contains(branch: $0.branch) }
            isWhole = page.next.map { query.after != nil && $0.seq <= (summary?.boundary.seq ?? 0) + 1 } ?? true
            query.before = page.next.map { .offset($0) }
            let selection = selection
            let isFull = selection.count > selection.limit || request.budget.map { selection.tokens > $0 } ?? false
            if isFull {
                let start = full ?? stretch.count
                full = start
                let seeks = selection.hasOpenRounds || request.beginsWithUser && !selection.hasUserTurn
                let left = ContextReading.reach - (stretch.count - start)
                guard seeks, left > 0 else { break }
                query.limit = left
            } else {
                query.limit = nextPage(selection)
            }
        } while !isWhole
        let hasAll = isWhole && query.after == nil
        isWhole = hasAll
        if !hasAll, request.systemMessages != .none {
            guard try await readSystemMessages() else { return false }
        }
        return try await isCurrent()
    }

    /// The newest summary of the scope, if it has room at all.
    private mutating func findSummary() async throws(StoreError) {
        let list = try await storage.summaries(of: key)
        guard let found = list[scope.filter], request.budget.map({ cost.tokens(of: found) <= $0 }) ?? true else { return }
        summary = found
        generation = list.generation
        tail = list.tail
    }

    /// Whether the summary still says what the events before the stretch came to: they may have been edited or hidden while the rest was read.
    private func isCurrent() async throws(StoreError) -> Bool {
        guard let summary else { return true }
        let list = try await storage.summaries(of: key)
        // One that was made meanwhile covers more than this one: both are true.
        return list.generation == generation && list[scope.filter].map { $0.boundary.seq >= summary.boundary.seq } ?? false
    }

    /// What is chosen of what was read.
    func context() throws(StoreError) -> SessionContext {
        if let summary {
            do throws(StoreError) { return try context(with: summary) } catch {
                // Better the newest turn without a summary than none; when it does not fit either, that error says by how much.
                guard error.code == .budgetExceeded, request.overflow != .error else { throw error }
            }
        }
        return try context(with: nil)
    }

    private func context(with summary: Summary?) throws(StoreError) -> SessionContext {
        let selection = ContextSelection(stretch.reversed(), leading: leading, summary: summary, request, cost)
        let (events, tokens, dropped) = try selection.choose()
        let strategy = summary == nil ? request.strategy.withoutSummary : request.strategy
        let isCut = summary != nil || !isWhole || [.budget, .maxEvents, .turn].contains { dropped[$0] != nil }
        return SessionContext(
            events: events, summary: summary, tokens: tokens, budget: request.budget, dropped: dropped,
            applied: isCut ? (request.overflow == .truncate ? .truncate : strategy) : nil, readEvents: readEvents, readBytes: readBytes,
            isWhole: isWhole, tail: tail)
    }

    private var selection: ContextSelection { ContextSelection(stretch.reversed(), leading: leading, summary: summary, request, cost) }

    /// How many events the rest of the budget may hold, by those that were read.
    private func nextPage(_ selection: ContextSelection) -> Int {
        var wanted = selection.limit + 1 - selection.count
        if let budget = request.budget, selection.tokens > 0, !stretch.isEmpty {
            let average = max(1, selection.tokens / stretch.count)
            wanted = min(wanted, (budget - selection.tokens) / average + ContextReading.smallestPage / 2)
        }
        return min(max(wanted, ContextReading.smallestPage), EventQuery.maximumLimit)
    }

    /// Notes a page; false when it is another session's.
    private mutating func take(_ page: EventPage) throws(StoreError) -> Bool {
        if let generation, generation != page.generation { return false }
        if generation == nil || readEvents == 0 { (generation, tail) = (page.generation, page.tail) }
        readEvents += page.events.count
        for event in page.events { readBytes += event.body.bytes.count }
        guard readBytes <= ContextRequest.mostBytes else {
            throw StoreError(.tooLarge, "the events of the context hold over \(ContextRequest.mostBytes) bytes; ask for fewer, or give a budget")
        }
        return true
    }

    /// Reads the system messages before the stretch: the run that the history begins with, or all.
    private mutating func readSystemMessages() async throws(StoreError) -> Bool {
        let first = stretch.last?.seq ?? tail.seq + 1
        guard first > 1 else { return true }
        var query = EventQuery(before: .seq(first), limit: ContextReading.leadingPage)
        if request.systemMessages == .all {
            query.filter.roles = ["system", "developer"]
            query.limit = EventQuery.maximumLimit
        }
        while true {
            let page = try await storage.events(in: key, query)
            guard try take(page) else { return false }
            for event in page.events {
                guard event.isSystemMessage else { return true }
                if !event.isPartial { leading.append(event) }
            }
            guard !page.upToDate, let next = page.next, next.seq < first - 1 else { return true }
            query.after = .offset(next)
        }
    }
}
