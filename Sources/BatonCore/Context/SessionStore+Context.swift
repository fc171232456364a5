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
                var reading = ContextReading(key: key, request: request, cost: cost, storage: self.storage)
                if try await reading.run() { return try reading.context() }
                // Deleted and created again meanwhile: what was read belongs to another session.
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

    /// How many events beyond what there is room for are read to find the other half of a tool round, or what a user said last.
    private static let reach = 256
    /// Pages are not smaller than this.
    private static let smallestPage = 16
    /// Where nothing is known of the events' size yet.
    private static let firstPage = 32
    /// How many events of the beginning are looked at, at a time, for system messages.
    private static let leadingPage = 8

    init(key: SessionKey, request: ContextRequest, cost: EventCost, storage: any Storage) {
        self.key = key
        self.request = request
        self.cost = cost
        self.storage = storage
    }

    /// Reads; false when the session became another one on the way.
    mutating func run() async throws(StoreError) -> Bool {
        var query = EventQuery(
            limit: request.budget == nil ? min(request.eventLimit + 1, EventQuery.maximumLimit) : ContextReading.firstPage, order: .desc)
        /// How many events had been read when the budget was first exceeded.
        var full: Int?
        repeat {
            let page = try await storage.events(in: key, query)
            guard try take(page) else { return false }
            stretch += page.events
            isWhole = page.next == nil
            query.before = page.next.map { .offset($0) }
            let selection = selection
            let isFull = selection.count > request.eventLimit || request.budget.map { selection.tokens > $0 } ?? false
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
        return isWhole || request.systemMessages == .none ? true : try await readSystemMessages()
    }

    /// What is chosen of what was read.
    func context() throws(StoreError) -> SessionContext {
        let (events, tokens, dropped) = try selection.choose()
        let isCut = !isWhole || [.budget, .maxEvents, .turn].contains { dropped[$0] != nil }
        return SessionContext(
            events: events, tokens: tokens, budget: request.budget, dropped: dropped,
            applied: isCut ? (request.overflow == .truncate ? .truncate : request.strategy) : nil, readEvents: readEvents, readBytes: readBytes,
            isWhole: isWhole, tail: tail)
    }

    private var selection: ContextSelection { ContextSelection(stretch.reversed(), leading: leading, request, cost) }

    /// How many events the rest of the budget may hold, by those that were read.
    private func nextPage(_ selection: ContextSelection) -> Int {
        var wanted = request.eventLimit + 1 - selection.count
        if let budget = request.budget, selection.tokens > 0, !stretch.isEmpty {
            let average = max(1, selection.tokens / stretch.count)
            wanted = min(wanted, (budget - selection.tokens) / average + ContextReading.smallestPage / 2)
        }
        return min(max(wanted, ContextReading.smallestPage), EventQuery.maximumLimit)
    }

    /// Notes a page; false when it is another session's.
    private mutating func take(_ page: EventPage) throws(StoreError) -> Bool {
        if let generation, generation != page.generation { return false }
        if generation == nil { (generation, tail) = (page.generation, page.tail) }
        readEvents += page.events.count
        for event in page.events { readBytes += event.body.bytes.count }
        guard readBytes <= ContextRequest.mostBytes else {
            throw StoreError(.tooLarge, "the events of the context hold over \(ContextRequest.mostBytes) bytes; ask for fewer, or give a budget")
        }
        return true
    }

    /// Reads the system messages before the stretch: the run that the history begins with, or all.
    private mutating func readSystemMessages() async throws(StoreError) -> Bool {
        guard let first = stretch.last?.seq, first > 1 else { return true }
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
