internal import BatonCore

/// A track with its number.
struct TrackRow {
    let pk: Int
    var track: Track
    /// `Int.max` for as long as its session.
    var expiresAt: Int
}

extension Reading {
    /// The session's track of this name, also when its lifetime is over.
    func anyTrack(_ name: String, of session: Int) throws(StoreError) -> TrackRow? {
        let statement = try db.statement(
            """
            SELECT pk, name, generation, ttl, expires_ms, tail_ms, tail_seq, floor_ms, floor_seq FROM tracks
            WHERE session = ?1 AND name = ?2
            """)
        defer { statement.reset() }
        try statement.bind(session, name)
        return try statement.step() ? statement.track() : nil
    }

    /// The session's track of this name.
    func track(_ name: String, of session: Int) throws(StoreError) -> TrackRow? {
        try anyTrack(name, of: session).flatMap { $0.expiresAt > now ? $0 : nil }
    }

    /// All tracks of a session, as many as it may have.
    func tracks(of session: Int) throws(StoreError) -> [TrackRow] {
        let statement = try db.statement(
            """
            SELECT pk, name, generation, ttl, expires_ms, tail_ms, tail_seq, floor_ms, floor_seq FROM tracks
            WHERE session = ?1 AND expires_ms > ?2
            """)
        defer { statement.reset() }
        try statement.bind(session, now)
        var rows: [TrackRow] = []
        while try statement.step() { rows.append(statement.track()) }
        return rows
    }

    func tracks(of row: SessionRow, last count: Int) throws(StoreError) -> TrackList {
        var tracks: [Track] = []
        var bytes = 0
        for found in try self.tracks(of: row.pk) {
            var track = found.track
            if count > 0 {
                try scan(found, after: max(track.floor.seq, track.tail.seq - count), limit: count) { event in
                    bytes += event.body.bytes.count
                    track.events.append(event)
                    return bytes <= Track.maximumListBytes
                }
                guard bytes <= Track.maximumListBytes else { throw StoreError.trackListTooLarge }
            }
            tracks.append(track)
        }
        return TrackList(tracks, generation: row.generation)
    }

    func page(ofTrack name: String, of row: SessionRow, _ query: TrackQuery) throws(StoreError) -> EventPage {
        guard let found = try track(name, of: row.pk) else {
            let extent = Track.absent(name).extent
            if let cursor = query.after, let refusal = extent.refusal(of: cursor, millisecondsAtSeq: nil) { throw refusal }
            return EventPage(events: [], next: .start, tail: .start, upToDate: true, generation: extent.generation)
        }
        let track = found.track
        if let cursor = query.after {
            let known = cursor.seq > track.floor.seq && cursor.seq < track.tail.seq ? try milliseconds(at: cursor.seq, of: found) : nil
            if let refusal = track.extent.refusal(of: cursor, millisecondsAtSeq: known) { throw refusal }
        }
        var place = max(track.floor.seq, query.after?.seq ?? 0)
        if let since = query.since { place = try max(place, lastPlace(before: since.milliseconds, of: found)) }
        var page = EventPage(events: [], next: track.tail, tail: track.tail, upToDate: true, generation: track.generation)
        var bytes = 0
        // One more than is wanted is looked for, to know whether anything is left.
        try scan(found, after: place, limit: query.limit + 1) { event in
            guard page.events.count < query.limit, bytes < Reading.pageBytes else {
                page.upToDate = false
                page.next = page.events.last?.offset
                return false
            }
            bytes += event.body.bytes.count
            page.events.append(event)
            return true
        }
        return page
    }

    /// The last seq whose event is older than a moment, or the floor's. Times never go back and seqs have no holes, so the place is found by halving.
    private func lastPlace(before moment: Int, of row: TrackRow) throws(StoreError) -> Int {
        var (low, high) = (row.track.floor.seq, row.track.tail.seq)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if try milliseconds(at: middle, of: row) ?? Int.max < moment { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// When the event at a place after the floor was accepted.
    func milliseconds(at seq: Int, of row: TrackRow) throws(StoreError) -> Int? {
        let statement = try db.statement("SELECT ms FROM track_events WHERE track = ?1 AND seq = ?2")
        defer { statement.reset() }
        try statement.bind(row.pk, seq)
        return try statement.step() ? statement.int(0) : nil
    }

    /// Where an id stands that an author gave, also before the floor.
    func place(ofID id: String, of row: TrackRow) throws(StoreError) -> Offset? {
        let statement = try db.statement("SELECT ms, seq FROM track_events WHERE track = ?1 AND id = ?2 AND id IS NOT NULL")
        defer { statement.reset() }
        try statement.bind(row.pk, id)
        return try statement.step() ? Offset(milliseconds: statement.int(0), seq: statement.int(1)) : nil
    }

    private func scan(_ row: TrackRow, after seq: Int, limit: Int, _ visit: (Event) -> Bool) throws(StoreError) {
        let statement = try db.statement("SELECT seq, ms, id, body FROM track_events WHERE track = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")
        defer { statement.reset() }
        try statement.bind(row.pk, seq, limit)
        while try statement.step() {
            let seq = statement.int(0)
            let event = Event(
                id: statement.optionalText(2) ?? SessionRecord.madeID(generation: row.track.generation, seq: seq), seq: seq,
                time: Timestamp(milliseconds: statement.int(1)), body: statement.json(3))
            guard visit(event) else { return }
        }
    }
}

extension Statement {
    /// The columns of a track, from 0 on.
    fileprivate func track() -> TrackRow {
        let expiresAt = int(4)
        return TrackRow(
            pk: int(0),
            track: Track(
                name: text(1), generation: text(2), tail: Offset(milliseconds: int(5), seq: int(6)),
                floor: Offset(milliseconds: int(7), seq: int(8)), ttl: optionalInt(3),
                expiresAt: expiresAt == SessionRow.never ? nil : Timestamp(milliseconds: expiresAt)), expiresAt: expiresAt)
    }
}
