internal import BatonCore

/// An event as it is stored, with the number of its row.
struct StoredEvent {
    let pk: Int
    /// The number that the row carries.
    let log: Int
    let event: Event
}

/// The columns that a filter compares, as a condition with parameters.
///
/// Moments are no part of it: times never go back inside a session, so they become bounds of seq.
struct ColumnFilter {
    private var lists: [(column: StaticString, values: [String])] = []

    init(_ filter: EventFilter) {
        if !filter.roles.isEmpty { lists.append(("role", filter.roles)) }
        if !filter.authors.isEmpty { lists.append(("author", filter.authors)) }
        if !filter.types.isEmpty { lists.append(("type", filter.types)) }
        if let branch = filter.branch { lists.append(("branch", [branch])) }
    }

    var isEmpty: Bool { lists.isEmpty }

    /// The condition, beginning with AND. Its parameters are numbered from `first` on.
    func condition(from first: Int) -> String {
        var number = first
        var text = ""
        for (column, values) in lists {
            let parameters = (0..<ColumnFilter.padded(values.count)).map { "?\(number + $0)" }.joined(separator: ",")
            text += " AND \(column) IN (\(parameters))"
            number += ColumnFilter.padded(values.count)
        }
        return text
    }

    /// Binds the parameters of the condition.
    func bind(to statement: Statement, from first: Int) throws(StoreError) {
        var number = first
        for (_, values) in lists {
            for index in 0..<ColumnFilter.padded(values.count) {
                try statement.bind(values[min(index, values.count - 1)], at: number)
                number += 1
            }
        }
    }

    /// Lists are filled up to a power of two by repeating, so that few different statements are prepared.
    private static func padded(_ count: Int) -> Int {
        var size = 1
        while size < count { size *= 2 }
        return size
    }
}

extension Reading {
    /// How many places one page looks at in search of matches.
    static var scanBound: Int { 20_000 }
    /// How many bytes of events one page holds; the event that exceeds it is the last.
    static var pageBytes: Int { EventQuery.maximumBytes }

    // MARK: - One event

    /// The event with this id among those that can be read.
    func event(_ id: String, of row: SessionRow) throws(StoreError) -> StoredEvent? {
        if let segments = row.segments { return try event(id, of: row, segments) }
        if let seq = SessionRecord.seq(inMadeID: id, generation: row.generation) {
            guard seq > row.floor.seq, let found = try event(at: seq, in: row.log, generation: row.generation),
                found.event.id.utf8.elementsEqual(id.utf8)
            else { return nil }
            return found
        }
        let found = try event(withID: id, in: row.log, generation: row.generation)
        return found.flatMap { $0.event.seq > row.floor.seq ? $0 : nil }
    }

    /// The event of a log that has an author's id, also before the floor.
    func event(withID id: String, in log: Int, generation: String) throws(StoreError) -> StoredEvent? {
        let statement = try db.statement("SELECT pk, seq, ms, edited_ms, id, body FROM events WHERE session = ?1 AND id = ?2 AND id IS NOT NULL")
        defer { statement.reset() }
        try statement.bind(log, id)
        return try statement.step() ? statement.event(in: log, generation: generation) : nil
    }

    /// The row that a log has for a seq.
    func event(at seq: Int, in log: Int, generation: String) throws(StoreError) -> StoredEvent? {
        let statement = try db.statement("SELECT pk, seq, ms, edited_ms, id, body FROM events WHERE session = ?1 AND seq = ?2")
        defer { statement.reset() }
        try statement.bind(log, seq)
        return try statement.step() ? statement.event(in: log, generation: generation) : nil
    }

    /// Where an id stands that an author gave, without the event's body.
    func place(ofID id: String, of row: SessionRow) throws(StoreError) -> (pk: Int, offset: Offset)? {
        if let segments = row.segments { return try place(ofID: id, of: row, segments) }
        let statement = try db.statement("SELECT pk, ms, seq FROM events WHERE session = ?1 AND id = ?2 AND id IS NOT NULL")
        defer { statement.reset() }
        try statement.bind(row.pk, id)
        guard try statement.step() else { return nil }
        return (statement.int(0), Offset(milliseconds: statement.int(1), seq: statement.int(2)))
    }

    /// The time of the event that stands, or stood, at a place after the floor.
    func milliseconds(at seq: Int, of row: SessionRow) throws(StoreError) -> Int? {
        if let segments = row.segments { return try milliseconds(at: seq, segments) }
        return try milliseconds(at: seq, in: row.log)
    }

    func milliseconds(at seq: Int, in log: Int) throws(StoreError) -> Int? {
        let statement = try db.statement(
            "SELECT ms FROM events WHERE session = ?1 AND seq = ?2 UNION ALL SELECT ms FROM removed WHERE session = ?1 AND seq = ?2")
        defer { statement.reset() }
        try statement.bind(log, seq)
        return try statement.step() ? statement.int(0) : nil
    }

    // MARK: - The end of the log

    /// The last events that match, oldest first.
    func lastEvents(_ count: Int, of row: SessionRow, _ filter: EventFilter) throws(StoreError) -> [Event] {
        guard let bounds = try bounds(of: row, filter) else { return [] }
        var events: [Event] = []
        var bytes = 0
        try scan(row, bounds, .desc, .history, ColumnFilter(filter), limit: count) { found in
            events.append(found.event)
            bytes += found.event.body.bytes.count
            return bytes <= SnapshotQuery.maximumBytes
        }
        guard bytes <= SnapshotQuery.maximumBytes else { throw SnapshotQuery.tooLarge }
        return events.reversed()
    }

    /// The newest event that is left.
    func newestEvent(of row: SessionRow) throws(StoreError) -> StoredEvent? {
        guard row.events > 0 else { return nil }
        var newest: StoredEvent?
        try scan(row, row.floor.seq + 1...row.tail.seq, .desc, .history, ColumnFilter(EventFilter()), limit: 1) { found in
            newest = found
            return false
        }
        return newest
    }

    // MARK: - Pages

    /// Refuses a cursor that does not stand in the session's log.
    func check(_ cursor: Cursor, of row: SessionRow) throws(StoreError) {
        let known = cursor.seq > row.floor.seq && cursor.seq < row.tail.seq ? try milliseconds(at: cursor.seq, of: row) : nil
        if let refusal = row.record(SessionProfile(), at: now).refusal(of: cursor, millisecondsAtSeq: known) { throw refusal }
    }

    func page(of row: SessionRow, _ query: EventQuery) throws(StoreError) -> EventPage {
        if query.order == .asc, let after = query.after { try check(after, of: row) }
        // Everything that is left between the cursors, then what the filter's moments leave of it.
        let lower = max(row.floor.seq, min(query.after?.seq ?? 0, row.tail.seq))
        let upper = min(row.tail.seq, max((query.before?.seq ?? Int.max) - 1, 0))
        let wanted = try bounds(of: row, query.filter).flatMap { bounds -> ClosedRange<Int>? in
            let (first, last) = (max(bounds.lowerBound, lower + 1), min(bounds.upperBound, upper))
            return first <= last ? first...last : nil
        }
        let columns = ColumnFilter(query.filter)
        var page = EventPage(events: [], next: nil, tail: row.tail, upToDate: true, generation: row.generation)
        guard let wanted else {
            if query.order == .asc { page.next = try place(atOrBefore: max(upper, lower), of: row) }
            return page
        }
        var scanned = wanted
        if !columns.isEmpty, wanted.count > Reading.scanBound {
            scanned =
                query.order == .asc
                ? wanted.lowerBound...wanted.lowerBound + Reading.scanBound - 1
                : wanted.upperBound - Reading.scanBound + 1...wanted.upperBound
        }
        // One more than is wanted is looked for, to know whether anything is left.
        var bytes = 0
        var isCut = false
        try scan(row, scanned, query.order, query.view, columns, limit: query.limit + 1) { found in
            guard page.events.count < query.limit, bytes < Reading.pageBytes else {
                isCut = true
                return false
            }
            bytes += found.event.body.bytes.count
            page.events.append(found.event)
            return true
        }
        if isCut {
            page.upToDate = false
            page.next = page.events.last?.offset
        } else if scanned != wanted {
            page.upToDate = false
            page.next =
                query.order == .asc
                ? try place(atOrBefore: scanned.upperBound, of: row)
                : Offset(milliseconds: try place(atOrBefore: scanned.lowerBound, of: row).milliseconds, seq: scanned.lowerBound)
        } else if query.order == .asc {
            page.next = try place(atOrBefore: upper, of: row)
        }
        return page
    }

    /// The neighbours of an event.
    func window(around anchor: Event, of row: SessionRow, before: Int, after: Int, roles: [String]) throws(StoreError) -> EventWindow {
        var filter = EventFilter()
        filter.roles = roles
        let columns = ColumnFilter(filter)
        var events: [Event] = []
        if before > 0, row.floor.seq + 1 < anchor.seq {
            try scan(row, row.floor.seq + 1...anchor.seq - 1, .desc, .history, columns, limit: before) { found in
                events.append(found.event)
                return true
            }
            events.reverse()
        }
        events.append(anchor)
        if after > 0, anchor.seq < row.tail.seq {
            try scan(row, anchor.seq + 1...row.tail.seq, .asc, .history, columns, limit: after) { found in
                events.append(found.event)
                return true
            }
        }
        return EventWindow(events: events, anchor: anchor.id)
    }

    // MARK: - Places

    /// Gives the events of a range that match to `body`, until it returns false or `limit` is met.
    private func scan(
        _ row: SessionRow, _ range: ClosedRange<Int>, _ order: EventQuery.Order, _ view: EventQuery.View, _ columns: ColumnFilter, limit: Int,
        _ body: (StoredEvent) -> Bool
    ) throws(StoreError) {
        if let segments = row.segments {
            return try scan(segments, tail: row.tail.seq, range, order, view, columns, limit: limit, body)
        }
        try scan(row.log, row.generation, range, order, columns, limit: limit, body)
    }

    /// Gives the rows of a log that match to `body`, until it returns false or `limit` is met.
    func scan(
        _ log: Int, _ generation: String, _ range: ClosedRange<Int>, _ order: EventQuery.Order, _ columns: ColumnFilter, limit: Int,
        _ body: (StoredEvent) throws(StoreError) -> Bool
    ) throws(StoreError) {
        let statement: Statement
        if columns.isEmpty {
            statement = try order == .asc ? db.statement(EventSQL.ascending) : db.statement(EventSQL.descending)
        } else {
            statement = try db.statement(composed: EventSQL.filtered(order, columns.condition(from: 5)))
        }
        defer { statement.reset() }
        try statement.bind(log, range.lowerBound, range.upperBound, limit)
        try columns.bind(to: statement, from: 5)
        while try statement.step() {
            guard try body(statement.event(in: log, generation: generation)) else { return }
        }
    }

    /// The places that can match a filter's moments; `nil` when none can. O(log n): times never go back inside a session.
    private func bounds(of row: SessionRow, _ filter: EventFilter) throws(StoreError) -> ClosedRange<Int>? {
        guard row.events > 0 else { return nil }
        var first = row.floor.seq + 1
        var last = row.tail.seq
        if let since = filter.since { first = try firstSeq(notBefore: since.milliseconds, of: row) }
        if let until = filter.until { last = try firstSeq(notBefore: until.milliseconds, of: row) - 1 }
        return first <= last ? first...last : nil
    }

    /// The lowest seq so that no event from there on is older than `milliseconds`.
    private func firstSeq(notBefore milliseconds: Int, of row: SessionRow) throws(StoreError) -> Int {
        var low = row.floor.seq + 1
        var high = row.tail.seq + 1
        while low < high {
            let middle = low + (high - low) / 2
            let place =
                if let segments = row.segments { try firstPlace(from: middle, segments) } else {
                    try firstPlace(from: middle, through: .max, in: row.log)
                }
            if let place, place.seq < high, place.milliseconds < milliseconds {
                low = place.seq + 1
            } else {
                high = middle
            }
        }
        return low
    }

    /// The first event of a log in a range of places.
    func firstPlace(from first: Int, through last: Int, in log: Int) throws(StoreError) -> Offset? {
        let statement = try db.statement("SELECT ms, seq FROM events WHERE session = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq LIMIT 1")
        defer { statement.reset() }
        try statement.bind(log, first, last)
        return try statement.step() ? Offset(milliseconds: statement.int(0), seq: statement.int(1)) : nil
    }

    /// The offset of the newest event at or before `seq`, whether it is still there or not, and never before the floor.
    func place(atOrBefore seq: Int, of row: SessionRow) throws(StoreError) -> Offset {
        if seq >= row.tail.seq { return row.tail }
        if seq <= row.floor.seq { return row.floor }
        if let segments = row.segments {
            // Of every seq after the floor the time is known, whether its event is still there or not.
            return try milliseconds(at: seq, segments).map { Offset(milliseconds: $0, seq: seq) } ?? row.floor
        }
        let statement = try db.statement(
            """
            SELECT ms, seq FROM (
                SELECT * FROM (SELECT ms, seq FROM events WHERE session = ?1 AND seq <= ?2 AND seq > ?3 ORDER BY seq DESC LIMIT 1)
                UNION ALL
                SELECT * FROM (SELECT ms, seq FROM removed WHERE session = ?1 AND seq <= ?2 AND seq > ?3 ORDER BY seq DESC LIMIT 1)
            ) ORDER BY seq DESC LIMIT 1
            """)
        defer { statement.reset() }
        try statement.bind(row.pk, seq, row.floor.seq)
        return try statement.step() ? Offset(milliseconds: statement.int(0), seq: statement.int(1)) : row.floor
    }
}

/// The statements that read a range of a session's log, all of them along the index of places.
enum EventSQL {
    static let ascending: StaticString = """
        SELECT pk, seq, ms, edited_ms, id, body FROM events INDEXED BY events_by_place
        WHERE session = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4
        """
    static let descending: StaticString = """
        SELECT pk, seq, ms, edited_ms, id, body FROM events INDEXED BY events_by_place
        WHERE session = ?1 AND seq >= ?2 AND seq <= ?3 ORDER BY seq DESC LIMIT ?4
        """

    static func filtered(_ order: EventQuery.Order, _ condition: String) -> String {
        """
        SELECT pk, seq, ms, edited_ms, id, body FROM events INDEXED BY events_by_place
        WHERE session = ?1 AND seq >= ?2 AND seq <= ?3\(condition) ORDER BY seq \(order == .asc ? "ASC" : "DESC") LIMIT ?4
        """
    }
}

extension Statement {
    /// The columns pk, seq, ms, edited_ms, id, body.
    fileprivate func event(in log: Int, generation: String) -> StoredEvent {
        let seq = int(1)
        return StoredEvent(
            pk: int(0), log: log,
            event: Event(
                id: optionalText(4) ?? SessionRecord.madeID(generation: generation, seq: seq), seq: seq,
                time: Timestamp(milliseconds: int(2)), editedAt: optionalInt(3).map(Timestamp.init(milliseconds:)), body: json(5)))
    }
}
