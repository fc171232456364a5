internal import BatonCore

extension Reading {
    // MARK: - What it is put together from

    func segments(of session: Int) throws(StoreError) -> Segments {
        let rows = try db.statement(
            "SELECT log, generation, first_seq, last_seq, overlays FROM segments WHERE session = ?1 ORDER BY position")
        defer { rows.reset() }
        try rows.bind(session)
        var all: [Segments.Segment] = []
        while try rows.step() {
            all.append(
                Segments.Segment(
                    log: rows.int(0), generation: rows.text(1), first: rows.int(2), last: rows.int(3), hasOverlays: rows.int(4) != 0))
        }
        guard !all.isEmpty else { throw StoreError(.storeCorrupt, "a session has lost what its history is put together from") }
        return Segments(all, rewinds: try rewinds(of: session), ancestors: try ancestors(of: session))
    }

    private func rewinds(of session: Int) throws(StoreError) -> Rewinds {
        let rows = try db.statement("SELECT seq, target FROM rewinds WHERE session = ?1 ORDER BY seq")
        defer { rows.reset() }
        try rows.bind(session)
        var rewinds = Rewinds()
        while try rows.step() { rewinds.append(Rewinds.Rewind(seq: rows.int(0), target: rows.int(1))) }
        return rewinds
    }

    private func ancestors(of session: Int) throws(StoreError) -> [BranchPoint] {
        let rows = try db.statement("SELECT id, generation, at_ms, at_seq FROM ancestors WHERE session = ?1 ORDER BY position")
        defer { rows.reset() }
        try rows.bind(session)
        var ancestors: [BranchPoint] = []
        while try rows.step() {
            ancestors.append(
                BranchPoint(session: rows.text(0), generation: rows.text(1), at: Offset(milliseconds: rows.int(2), seq: rows.int(3))))
        }
        return ancestors
    }

    // MARK: - Events

    /// What a newer log says of an event of the segment at `index`: another version of it, or that it was removed.
    enum Overlay {
        case replaced(StoredEvent)
        case removed
    }

    func overlay(at seq: Int, after index: Int, _ segments: Segments) throws(StoreError) -> Overlay? {
        for newer in segments.overlays(after: index) {
            if let event = try event(at: seq, in: newer.log, generation: segments.all[index].generation) { return .replaced(event) }
            if try isRemoved(seq, in: newer.log) { return .removed }
        }
        return nil
    }

    private func isRemoved(_ seq: Int, in log: Int) throws(StoreError) -> Bool {
        let statement = try db.statement("SELECT 1 FROM removed WHERE session = ?1 AND seq = ?2")
        defer { statement.reset() }
        try statement.bind(log, seq)
        return try statement.step()
    }

    /// The event at a place, as this history has it.
    func event(at seq: Int, _ segments: Segments) throws(StoreError) -> StoredEvent? {
        guard let index = segments.index(of: seq) else { return nil }
        switch try overlay(at: seq, after: index, segments) {
        case .removed: return nil
        case .replaced(let event): return event
        case nil: return try event(at: seq, in: segments.all[index].log, generation: segments.all[index].generation)
        }
    }

    /// The event with an id that the store or an author made, hidden or not.
    func event(_ id: String, of row: SessionRow, _ segments: Segments) throws(StoreError) -> StoredEvent? {
        if let made = try madeEvent(id, of: row, segments) { return made }
        if SessionRecord.seq(inMadeID: id, generation: row.generation) != nil { return nil }
        for (index, segment) in segments.all.enumerated().reversed() {
            guard let found = try event(withID: id, in: segment.log, generation: segment.generation), found.event.seq > row.floor.seq,
                found.event.seq <= segment.last
            else { continue }
            if case nil = try overlay(at: found.event.seq, after: index, segments) { return found }
        }
        return nil
    }

    /// The event whose id one of the history's generations made.
    private func madeEvent(_ id: String, of row: SessionRow, _ segments: Segments) throws(StoreError) -> StoredEvent? {
        for segment in segments.all {
            guard let seq = SessionRecord.seq(inMadeID: id, generation: segment.generation), seq > row.floor.seq, seq >= segment.first,
                seq <= min(segment.last, row.tail.seq)
            else { continue }
            guard let found = try event(at: seq, segments), found.event.id.utf8.elementsEqual(id.utf8) else { return nil }
            return found
        }
        return nil
    }

    /// Where an id stands, or in the log that goes on the row of a forgotten event that still holds it.
    func place(ofID id: String, of row: SessionRow, _ segments: Segments) throws(StoreError) -> (pk: Int, offset: Offset)? {
        if let found = try event(id, of: row, segments) { return (found.pk, found.event.offset) }
        guard let stale = try event(withID: id, in: row.log, generation: row.generation), stale.event.seq <= row.floor.seq else { return nil }
        return (stale.pk, stale.event.offset)
    }

    /// Gives the events of a range that match to `body`, until it returns false or `limit` is met.
    func scan(
        _ segments: Segments, tail: Int, _ range: ClosedRange<Int>, _ order: EventQuery.Order, _ view: EventQuery.View,
        _ columns: ColumnFilter, limit: Int, _ body: (StoredEvent) -> Bool
    ) throws(StoreError) {
        var left = limit
        let pieces = segments.pieces(of: range, tail: tail, view)
        for piece in order == .asc ? pieces : pieces.reversed() {
            guard left > 0 else { return }
            let segment = segments.all[piece.index]
            let hasOverlays = !segments.overlays(after: piece.index).isEmpty
            var isDone = false
            // What was removed by an overlay is still found, so the limit is only known in the end.
            try scan(segment.log, segment.generation, piece.range, order, columns, limit: hasOverlays ? .max : left) { (found) throws(StoreError) in
                var event = found
                if hasOverlays {
                    switch try overlay(at: found.event.seq, after: piece.index, segments) {
                    case .removed: return true
                    case .replaced(let newer): event = newer
                    case nil: break
                    }
                }
                left -= 1
                isDone = !body(event)
                return !isDone && left > 0
            }
            if isDone { return }
        }
    }

    // MARK: - Places

    func milliseconds(at seq: Int, _ segments: Segments) throws(StoreError) -> Int? {
        guard let index = segments.index(of: seq) else { return nil }
        return try milliseconds(at: seq, in: segments.all[index].log)
    }

    /// The first event at or after a place that a log has, hidden and removed ones among them.
    func firstPlace(from seq: Int, _ segments: Segments) throws(StoreError) -> Offset? {
        for segment in segments.all where segment.last >= seq && segment.first <= segment.last {
            if let place = try firstPlace(from: max(seq, segment.first), through: segment.last, in: segment.log) { return place }
        }
        return nil
    }

    /// How many events of a range are shown. O(pieces + removed).
    func count(_ range: ClosedRange<Int>, of row: SessionRow, _ segments: Segments) throws(StoreError) -> Int {
        var count = 0
        for piece in segments.pieces(of: range, tail: row.tail.seq, .history) { count += try self.count(piece, segments) }
        return count
    }

    /// The place of the shown event that has `count` before it, from a place on.
    func place(after count: Int, from seq: Int, of row: SessionRow, _ segments: Segments) throws(StoreError) -> Offset? {
        guard seq <= row.tail.seq else { return nil }
        var left = count
        for piece in segments.pieces(of: seq...row.tail.seq, tail: row.tail.seq, .history) {
            let size = try self.count(piece, segments)
            if size <= left {
                left -= size
                continue
            }
            if size == piece.range.count {
                let seq = piece.range.lowerBound + left
                return try milliseconds(at: seq, segments).map { Offset(milliseconds: $0, seq: seq) }
            }
            var found: Offset?
            try scan(segments, tail: row.tail.seq, piece.range, .asc, .history, ColumnFilter(EventFilter()), limit: left + 1) { event in
                found = event.event.offset
                return true
            }
            return found
        }
        return nil
    }

    private func count(_ piece: Segments.Piece, _ segments: Segments) throws(StoreError) -> Int {
        let statement = try db.statement("SELECT count(*) FROM removed WHERE session = ?1 AND seq >= ?2 AND seq <= ?3")
        var count = piece.range.count
        for segment in [segments.all[piece.index]] + segments.overlays(after: piece.index) {
            defer { statement.reset() }
            try statement.bind(segment.log, piece.range.lowerBound, piece.range.upperBound)
            if try statement.step() { count -= statement.int(0) }
        }
        return count
    }

    // MARK: - Lineage

    func lineage(of key: SessionKey) throws(StoreError) -> Lineage {
        let row = try session(key)
        let statement = try db.statement(
            """
            SELECT s.id, a.at_ms, a.at_seq, s.created_ms FROM ancestors a CROSS JOIN sessions s ON s.pk = a.session
            WHERE a.generation = ?1 AND a.position = 0 AND s.expires_ms > ?2 ORDER BY s.created_ms DESC, s.id DESC LIMIT ?3
            """)
        defer { statement.reset() }
        try statement.bind(row.generation, now, Lineage.maximumForks)
        var forks: [Lineage.Fork] = []
        while try statement.step() {
            forks.append(
                Lineage.Fork(
                    session: statement.text(0), at: Offset(milliseconds: statement.int(1), seq: statement.int(2)),
                    createdAt: Timestamp(milliseconds: statement.int(3))))
        }
        return Lineage(ancestors: row.segments?.ancestors ?? [], forks: forks)
    }

    func compare(_ key: SessionKey, with other: SessionKey) throws(StoreError) -> BranchComparison {
        let (a, b) = (try session(key), try session(other))
        let seq = a.outline.lastCommonSeq(with: b.outline)
        func countAfter(_ row: SessionRow) throws(StoreError) -> Int {
            let first = max(seq, row.floor.seq) + 1
            return first <= row.tail.seq ? try count(first...row.tail.seq, of: row, row.segments ?? Segments(ofPlain: row)) : 0
        }
        var common = Cursor.seq(seq)
        if seq == 0 { common = .offset(.start) }
        for row in [a, b] where seq > 0 && seq >= row.floor.seq { common = .offset(try place(atOrBefore: seq, of: row)) }
        return BranchComparison(common: common, ahead: try countAfter(a), behind: try countAfter(b))
    }
}

extension SessionRow {
    var outline: BranchOutline {
        BranchOutline(
            generation: generation, ancestors: segments?.ancestors ?? [], tail: tail.seq, rewinds: segments?.rewinds ?? Rewinds())
    }

    /// Whether readers see the event at a place.
    func shows(_ seq: Int) -> Bool {
        guard let segments, !segments.rewinds.isEmpty else { return true }
        return segments.rewinds.shown(from: floor.seq + 1, through: tail.seq).contains { $0.contains(seq) }
    }
}
