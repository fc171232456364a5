public import BatonCore
internal import BatonRedisClient

/// Which events of a log a script is asked for.
struct PageRequest {
    var order: EventQuery.Order
    /// The lowest seq.
    var lowest = 1
    /// The highest seq; 0 for the end of the log.
    var highest = 0
    /// The most events.
    var count: Int
    var since: Timestamp?
    var until: Timestamp?
    /// Whether the lifetime is restarted, where a cursor is right.
    var extendsLife = false
    /// Whether what rewinds have hidden is read too.
    var view = EventQuery.View.history
    /// The cursor.
    var cursor: Cursor?
    /// Seqs whose milliseconds are wanted, that of the cursor first.
    var places: [Int] = []
}

/// What a script found.
struct RawPage {
    let head: SessionHead
    let generation: String
    /// The lowest and the highest seq that were asked for, after moments and the ends of the log have been applied.
    let lowest: Int
    let highest: Int
    let events: [Event]
    /// Whether nothing is left between the bounds.
    let isWhole: Bool
    /// For each place that was asked for: its milliseconds, when they are known.
    let places: [Int?]
}

extension RedisStorage {
    func page(_ names: SessionNames, _ request: PageRequest) async throws(StoreError) -> RawPage {
        var arguments = self.arguments(names)
        arguments += [
            request.order == .asc ? "XRANGE" : "XREVRANGE", RedisArgument(request.lowest), RedisArgument(request.highest),
            RedisArgument(request.count), RedisArgument(RedisStorage.replyBytes),
            request.since.map { RedisArgument($0.milliseconds) } ?? "", request.until.map { RedisArgument($0.milliseconds) } ?? "",
            request.extendsLife ? 1 : 0, request.cursor.map { RedisArgument(min($0.seq, RedisStorage.maximumSeq)) } ?? "",
        ]
        if case .offset(let offset) = request.cursor { arguments.append(RedisArgument(offset.milliseconds)) } else { arguments.append("") }
        arguments.append(request.view == .log ? 1 : 0)
        arguments += request.places.map { RedisArgument($0) }
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.page, keys: names.keys, arguments: arguments, retrySafety: .always)))
        let head = try SessionHead(try reply.bytes())
        time.served(head.tail.milliseconds)
        let origin = try EventOrigin(try reply.bytes())
        let (lowest, highest) = (try reply.int(), try reply.int())
        let events = try EventEntries.events(try reply.next(), edits: try reply.next(), origin: origin)
        let isCut = try reply.int() == 1
        var times = try ScriptReply(parts: try reply.next())
        var places: [Int?] = []
        for _ in request.places {
            let milliseconds = try times.int()
            places.append(milliseconds < 0 ? nil : milliseconds)
        }
        return RawPage(
            head: head, generation: origin.generation, lowest: lowest, highest: highest, events: events,
            isWhole: !isCut && events.count < request.count, places: places)
    }

    /// A page of events.
    public func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        let names = layout.names(of: key)
        let isAscending = query.order == .asc
        let after = query.after?.seq ?? 0
        // One more than is wanted shows whether anything is left. With a filter nobody knows how many match, so more is looked at.
        let count = query.filter.isEmpty ? query.limit + 1 : max(query.limit + 1, RedisStorage.scanStep)
        var request = PageRequest(
            order: query.order, lowest: after < Int.max ? after + 1 : after, count: count, since: query.filter.since, until: query.filter.until)
        if let before = query.before?.seq {
            // There is nothing before the first event; 0 would be the end of the log.
            if before <= 1 { request.count = 0 } else { request.highest = min(before - 1, RedisStorage.maximumSeq) }
            if before > 1 { request.places.append(min(before - 1, RedisStorage.maximumSeq)) }
        }
        request.lowest = min(request.lowest, RedisStorage.maximumSeq)
        request.extendsLife = policy.readsExtendLife
        request.view = query.view
        request.cursor = isAscending ? query.after : nil
        if isAscending { request.places.insert(min(after, RedisStorage.maximumSeq), at: 0) }
        let raw = try await page(names, request)
        let (tail, floor) = (raw.head.tail, raw.head.floor)
        if isAscending, let cursor = query.after {
            let extent = LogExtent(tail: tail, floor: floor, generation: raw.generation)
            if let refusal = extent.refusal(of: cursor, millisecondsAtSeq: raw.places[0]) { throw refusal }
        }
        var page = EventPage(events: [], next: nil, tail: tail, upToDate: true, generation: raw.generation)
        for event in raw.events where query.filter.matches(event) {
            guard page.events.count < query.limit else {
                page.upToDate = false
                page.next = page.events.last?.offset
                return page
            }
            page.events.append(event)
        }
        if !raw.isWhole, request.count > 0, let last = raw.events.last {
            // A bound was met before the page was full: what was looked at need not be looked at again.
            page.upToDate = isAscending ? last.seq >= raw.highest : last.seq <= raw.lowest
            page.next = isAscending || !page.upToDate ? last.offset : nil
            if !page.upToDate { return page }
        }
        guard isAscending else { return page }
        // Everything up to `before` has been looked at.
        let seen = max(floor.seq, after, min(tail.seq, (query.before?.seq ?? Int.max) - 1))
        switch seen {
        case 0: page.next = .start
        case tail.seq: page.next = tail
        case floor.seq: page.next = floor
        case after: page.next = raw.places[0].map { Offset(milliseconds: $0, seq: after) }
        default: page.next = raw.places.last.flatMap { $0 }.map { Offset(milliseconds: $0, seq: seen) }
        }
        return page
    }

    /// How many events are looked at at least in search of matches.
    static let scanStep = 256
    /// The largest seq that a head can hold.
    static let maximumSeq = (1 << 48) - 1
}
