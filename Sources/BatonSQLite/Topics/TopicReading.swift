internal import BatonCore
internal import BatonTelemetry

/// An event of a topic with the number of its place and when it was accepted.
struct TopicEntry {
    let place: Int
    let milliseconds: Int
    let event: TopicEvent
}

extension Reading {
    // MARK: - Pages

    func page(of topic: TopicRow, _ query: TopicQuery) throws(StoreError) -> TopicPage {
        let start = try place(of: query.cursor, in: topic)
        var events: [TopicEvent] = []
        var bytes = 0
        let reached = try scan(topic, after: start, atMost: Reading.scanBound, query.filter) { (entry) throws(StoreError) in
            guard events.count < query.limit, bytes < Reading.pageBytes else { return false }
            bytes += entry.event.data.bytes.count
            events.append(entry.event)
            return true
        }
        return TopicPage(events: events, next: TopicOffset(reached), tail: TopicOffset(topic.tail), upToDate: reached == topic.tail)
    }

    // MARK: - Cursors

    /// The place after which a cursor reads, never before the floor.
    func place(of cursor: TopicCursor, in topic: TopicRow) throws(StoreError) -> Offset {
        switch cursor {
        case .start: return topic.floor
        case .now: return topic.tail
        case .time(let time): return try place(before: time.milliseconds, in: topic)
        case .offset(.start): return topic.floor
        case .offset(let offset):
            guard let place = offset.single else {
                throw StoreError(.invalidCursor, "a cursor of a topic is one of its offsets: 16 digits, _, 16 digits")
            }
            guard place.seq >= topic.floor.seq, place.seq <= topic.tail.seq else { throw topic.gone }
            let known: Int? =
                switch place.seq {
                case topic.floor.seq: topic.floor.milliseconds
                case topic.tail.seq: topic.tail.milliseconds
                default: topic.isSessions ? 0 : try milliseconds(at: place.seq, in: topic)
                }
            guard known == place.milliseconds else { throw topic.gone }
            return place
        }
    }

    private func milliseconds(at seq: Int, in topic: TopicRow) throws(StoreError) -> Int? {
        let statement = try db.statement("SELECT ms FROM topic_events WHERE topic = ?1 AND seq = ?2")
        defer { statement.reset() }
        try statement.bind(topic.pk, seq)
        return try statement.step() ? statement.int(0) : nil
    }

    /// The place before the first event that was accepted at or after `milliseconds`. O(log n): times never go back inside a topic, and hardly
    /// ever among all sessions.
    private func place(before milliseconds: Int, in topic: TopicRow) throws(StoreError) -> Offset {
        var low = topic.floor.seq + 1
        var high = topic.tail.seq + 1
        var last = topic.floor
        while low < high {
            let middle = low + (high - low) / 2
            if let (place, time) = try firstPlace(from: middle, of: topic), place < high, time < milliseconds {
                last = topic.offset(place, at: time)
                low = place + 1
            } else {
                high = middle
            }
        }
        return last
    }

    /// The first entry at or after a place, and when it was accepted.
    private func firstPlace(from place: Int, of topic: TopicRow) throws(StoreError) -> (place: Int, milliseconds: Int)? {
        guard !topic.isSessions else { return try firstChange(from: place) }
        let statement = try db.statement("SELECT seq, ms FROM topic_events WHERE topic = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1")
        defer { statement.reset() }
        try statement.bind(topic.pk, place)
        return try statement.step() ? (statement.int(0), statement.int(1)) : nil
    }

    // MARK: - Entries

    /// Gives the entries after a place that match to `body`, oldest first, until it refuses one. At most `bound` entries are looked at.
    /// - Returns: The place up to which there is nothing left to look at.
    func scan(
        _ topic: TopicRow, after start: Offset, atMost bound: Int, _ filter: TopicFilter = TopicFilter(),
        _ body: (TopicEntry) throws(StoreError) -> Bool
    ) throws(StoreError) -> Offset {
        if topic.isSessions { return try scanSessions(topic, after: start, atMost: bound, filter, body) }
        let chosen = TextFilter(filter)
        let statement = try db.statement(
            """
            SELECT seq, ms, time_ms, id, type, key, data, trace FROM topic_events INDEXED BY topic_events_by_place
            WHERE topic = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4
            """)
        defer { statement.reset() }
        try statement.bind(topic.pk, start.seq, topic.tail.seq, bound)
        var reached = start
        var count = 0
        while try statement.step() {
            let (place, time) = (statement.int(0), statement.int(1))
            count += 1
            if chosen.matches(type: statement.text(4), key: statement.optionalText(5)) {
                guard try body(TopicEntry(place: place, milliseconds: time, event: statement.topicEvent(of: topic))) else { return reached }
            }
            reached = Offset(milliseconds: time, seq: place)
        }
        return count < bound ? topic.tail : reached
    }

    /// The entry at a place, if it is still there; of ``Topic/sessions`` also when it is not kept for readers any more.
    func entry(at place: Int, in topic: TopicRow) throws(StoreError) -> TopicEntry? {
        if topic.isSessions { return try change(at: place, in: topic) }
        guard place > topic.floor.seq else { return nil }
        let statement = try db.statement("SELECT seq, ms, time_ms, id, type, key, data, trace FROM topic_events WHERE topic = ?1 AND seq = ?2")
        defer { statement.reset() }
        try statement.bind(topic.pk, place)
        guard try statement.step() else { return nil }
        return TopicEntry(place: place, milliseconds: statement.int(1), event: statement.topicEvent(of: topic))
    }
}

/// Types and keys as they are compared: byte by byte.
struct TextFilter {
    private let types: Set<[UInt8]>
    private let keys: Set<[UInt8]>

    init(_ filter: TopicFilter) {
        types = Set(filter.types.map { Array($0.utf8) })
        keys = Set(filter.keys.map { Array($0.utf8) })
    }

    func matches(type: String) -> Bool { types.isEmpty || types.contains(Array(type.utf8)) }

    func matches(type: String, key: @autoclosure () -> String?) -> Bool {
        guard matches(type: type) else { return false }
        return keys.isEmpty || key().map { keys.contains(Array($0.utf8)) } ?? false
    }
}

extension Statement {
    /// The columns seq, ms, time_ms, id, type, key, data, trace.
    fileprivate func topicEvent(of topic: TopicRow) -> TopicEvent {
        let (seq, accepted) = (int(0), int(1))
        return TopicEvent(
            id: optionalText(3) ?? SessionRecord.madeID(generation: topic.generation, seq: seq), seq: seq,
            offset: TopicOffset(Offset(milliseconds: accepted, seq: seq)), time: Timestamp(milliseconds: optionalInt(2) ?? accepted), type: text(4),
            key: optionalText(5), data: json(6), trace: optionalText(7).flatMap(TraceContext.init(stored:)))
    }
}
