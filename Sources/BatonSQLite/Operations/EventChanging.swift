internal import BatonCore

extension Writing {
    func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) throws(StoreError) -> Event {
        let reading = reading
        var row = try reading.session(key)
        try row.fence.pass(epoch, at: reading.now)
        guard let found = try reading.event(id, of: row) else { throw StoreError.noEvent }
        let now = row.now(reading.now)
        let body = patch.applied(to: found.event.body)
        try db.run("UPDATE events SET body = ?2, edited_ms = ?3 WHERE pk = ?1", found.pk, body, now)
        row.change(at: now)
        try saveProgress(row)
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
        try db.run("DELETE FROM events WHERE pk = ?1", found.pk)
        try db.run(
            "INSERT INTO removed (session, seq, ms) VALUES (?1, ?2, ?3)", row.pk, found.event.seq, found.event.time.milliseconds)
        row.events -= 1
        row.change(at: row.now(reading.now))
        try saveProgress(row)
        hint(key)
        return found.event
    }

    /// Forgets all events at once: what stands before the floor is read by nobody, and deleted bit by bit.
    func clear(_ key: SessionKey, epoch: Int?) throws(StoreError) {
        let reading = reading
        var row = try reading.session(key)
        try row.fence.pass(epoch, at: reading.now)
        row.floor = row.tail
        row.events = 0
        row.change(at: row.now(reading.now))
        try saveProgress(row)
        if row.tail.seq > 0 { try discard(row.pk, through: row.tail.seq) }
        hint(key)
    }
}
