internal import BatonCore

extension Writing {
    func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) throws(StoreError) -> Event {
        let reading = reading
        var row = try reading.session(key)
        try row.fence.pass(epoch, at: reading.now)
        guard let found = try reading.event(id, of: row) else { throw StoreError.noEvent }
        let now = row.now(reading.now)
        let body = patch.applied(to: found.event.body)
        let pk = found.log == row.log ? found.pk : nextEvent()
        if found.log == row.log {
            try db.run("UPDATE events SET body = ?2, edited_ms = ?3 WHERE pk = ?1", pk, body, now)
        } else {
            // Others show that log too, so this one's version of the event goes into its own.
            try db.run(
                """
                INSERT INTO events (pk, session, seq, ms, edited_ms, id, role, author, type, branch, body)
                SELECT ?1, ?2, seq, ms, ?3, id, role, author, type, branch, ?4 FROM events WHERE pk = ?5
                """, pk, row.log, now, body, found.pk)
            try markOverlays(&row)
        }
        if let blob = patch.blob {
            try keep(blob, of: pk, in: row.log)
        } else if found.event.blob != nil {
            try db.run("UPDATE events SET blob = NULL WHERE pk = ?1", pk)
        }
        try voidSummaries(of: row.pk, at: reading.now) { $0.seq < found.event.seq }
        row.change(at: now)
        try saveProgress(row)
        try record(.edited, of: key, at: now, session: row.pk, seq: found.event.seq)
        hint(key)
        return Event(
            id: found.event.id, seq: found.event.seq, time: found.event.time, editedAt: Timestamp(milliseconds: now), body: body)
    }

    func remove(_ id: String?, in key: SessionKey, epoch: Int?) throws(StoreError) -> Event? {
        let reading = reading
        var row = try reading.session(key)
        try row.fence.pass(epoch, at: reading.now)
        let found: StoredEvent
        if let id {
            guard let event = try reading.event(id, of: row) else { throw StoreError.noEvent }
            found = event
        } else {
            guard let event = try reading.newestEvent(of: row) else { return nil }
            found = event
        }
        let removed = try reading.whole(found.event, of: row)
        if found.log == row.log { try db.run("DELETE FROM events WHERE pk = ?1", found.pk) }
        try db.run(
            "INSERT INTO removed (session, seq, ms) VALUES (?1, ?2, ?3)", row.log, found.event.seq, found.event.time.milliseconds)
        if let segments = row.segments, found.event.seq < segments.firstOwn { try markOverlays(&row) }
        if row.shows(found.event.seq) { row.events -= 1 }
        try voidSummaries(of: row.pk, at: reading.now) { $0.seq < found.event.seq }
        row.change(at: row.now(reading.now))
        try saveProgress(row)
        try record(.removed, of: key, at: row.updatedAt, seq: found.event.seq)
        hint(key)
        return removed
    }

    /// Forgets all events at once: what stands before the floor is read by nobody, and deleted bit by bit.
    func clear(_ key: SessionKey, epoch: Int?) throws(StoreError) {
        let reading = reading
        var row = try reading.session(key)
        try row.fence.pass(epoch, at: reading.now)
        row.floor = row.tail
        row.events = 0
        try voidSummaries(of: row.pk, at: reading.now) { _ in false }
        row.change(at: row.now(reading.now))
        try saveProgress(row)
        try record(.cleared, of: key, at: row.updatedAt)
        if row.tail.seq > 0 { try discard(row.log, through: row.tail.seq) }
        try releaseTrimmed(&row)
        hint(key)
    }
}
