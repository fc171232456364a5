internal import BatonCore

extension Writing {
    /// The most events of a track that one append deletes of those it trims; the rest is left to be deleted bit by bit.
    private static var trimStep: Int { 2 * EventDraft.maximumBatch }

    func append(_ batch: TrackBatch, toTrack name: String, of key: SessionKey) throws(StoreError) -> AppendReceipt {
        let reading = reading
        var row = try reading.session(key)
        let existing = try reading.anyTrack(name, of: row.pk)
        let living = existing.flatMap { $0.expiresAt > reading.now ? $0 : nil }
        let now = row.now(reading.now)
        var track = living?.track ?? Track(name: name, generation: Randomness.generation(), tail: .start)
        // Trimmed, and not deleted yet: their ids are free all the same.
        var stale: [Int] = []
        let entries = try track.plan(for: batch.events, at: now) { (id) throws(StoreError) in
            guard let living, let place = try reading.place(ofID: id, of: living) else { return nil }
            if place.seq > track.floor.seq { return place }
            stale.append(place.seq)
            return nil
        } millisecondsAtSeq: { (seq) throws(StoreError) in
            try living.flatMap { (living) throws(StoreError) in try reading.milliseconds(at: seq, of: living) }
        }
        if entries.allSatisfy(\.isDuplicate) { return AppendReceipt(entries: entries, version: row.version, tail: track.tail) }
        try row.fence.pass(batch.epoch, at: reading.now)
        if living == nil {
            guard try reading.tracks(of: row.pk).count < Track.maximumPerSession else { throw StoreError.tooManyTracks }
            if let existing { try discardTrack(existing.pk) }
        }

        let pk = living?.pk ?? nextOwner()
        for seq in stale { try db.run("DELETE FROM track_events WHERE track = ?1 AND seq = ?2", pk, seq) }
        for (draft, entry) in zip(batch.events, entries) where !entry.isDuplicate {
            try db.run(
                "INSERT INTO track_events (track, seq, ms, id, body) VALUES (?1, ?2, ?3, ?4, ?5)", pk, entry.seq, entry.offset.milliseconds, draft.id,
                draft.body)
            track.tail = entry.offset
        }
        if let ttl = batch.ttl { track.ttl = ttl }
        var stored = TrackRow(pk: pk, track: track, expiresAt: SessionRow.expiry(track.ttl, from: now))
        try trim(&stored)
        try save(stored, of: row.pk, isNew: living == nil)
        row.change(at: now)
        try saveProgress(row)
        hint(key)
        return AppendReceipt(entries: entries, version: row.version, tail: track.tail)
    }

    /// Moves the floor over the oldest events that are too many.
    private func trim(_ row: inout TrackRow) throws(StoreError) {
        guard let maximum = policy.maximumEvents, row.track.count > maximum else { return }
        let excess = row.track.count - maximum
        let floor = row.track.floor.seq + excess
        guard let milliseconds = try reading.milliseconds(at: floor, of: row) else {
            throw StoreError(.storeCorrupt, "a track has fewer events than it counts")
        }
        row.track.floor = Offset(milliseconds: milliseconds, seq: floor)
        try db.run(
            "DELETE FROM track_events WHERE pk IN (SELECT pk FROM track_events WHERE track = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)", row.pk, floor,
            Writing.trimStep)
        if excess > Writing.trimStep { try discard(row.pk, through: floor) }
    }

    private func save(_ row: TrackRow, of session: Int, isNew: Bool) throws(StoreError) {
        let track = row.track
        guard isNew else {
            try db.run(
                "UPDATE tracks SET ttl = ?2, expires_ms = ?3, tail_ms = ?4, tail_seq = ?5, floor_ms = ?6, floor_seq = ?7 WHERE pk = ?1", row.pk,
                track.ttl, row.expiresAt, track.tail.milliseconds, track.tail.seq, track.floor.milliseconds, track.floor.seq)
            return
        }
        try db.run(
            """
            INSERT INTO tracks (pk, session, name, generation, ttl, expires_ms, tail_ms, tail_seq, floor_ms, floor_seq)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            """, row.pk, session, track.name, track.generation, track.ttl, row.expiresAt, track.tail.milliseconds, track.tail.seq,
            track.floor.milliseconds, track.floor.seq)
    }

    func deleteTrack(_ name: String, of key: SessionKey, epoch: Int?) throws(StoreError) -> Bool {
        let reading = reading
        var row = try reading.session(key)
        guard let track = try reading.track(name, of: row.pk) else { return false }
        try row.fence.pass(epoch, at: reading.now)
        try discardTrack(track.pk)
        row.change(at: row.now(reading.now))
        try saveProgress(row)
        hint(key)
        return true
    }

    /// Takes a track away from all readers at once; its events are deleted bit by bit.
    func discardTrack(_ pk: Int) throws(StoreError) {
        try db.run("DELETE FROM tracks WHERE pk = ?1", pk)
        try discard(pk)
    }

    /// Takes all tracks of a session away.
    func discardTracks(of session: Int) throws(StoreError) {
        let statement = try db.statement("SELECT pk FROM tracks WHERE session = ?1")
        try statement.bind(session)
        var tracks: [Int] = []
        while try statement.step() { tracks.append(statement.int(0)) }
        statement.reset()
        for pk in tracks { try discardTrack(pk) }
    }
}
