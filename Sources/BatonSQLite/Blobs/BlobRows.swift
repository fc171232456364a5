internal import BatonCore

// A content that is kept apart belongs to a log, as events do. Triggers take it away with the last event of the log that refers to it, whoever deletes or
// replaces that: an operation, or the collection of garbage.

extension Reading {
    /// The content of an event that was found, from the logs of a session.
    func blob(_ digest: BlobDigest, of row: SessionRow) throws(StoreError) -> [UInt8]? {
        let statement = try db.statement("SELECT bytes FROM blobs WHERE log = ?1 AND digest = ?2")
        for log in row.segments?.all.reversed().map(\.log) ?? [row.log] {
            defer { statement.reset() }
            try statement.bind(log, digest.description)
            if try statement.step() { return statement.bytes(0) }
        }
        return nil
    }

    /// Those of the contents that a session has.
    func blobs(_ digests: [BlobDigest], of row: SessionRow) throws(StoreError) -> [BlobDigest: [UInt8]] {
        var found: [BlobDigest: [UInt8]] = [:]
        for digest in digests { found[digest] = try blob(digest, of: row) }
        return found
    }

    /// An event with its content.
    func whole(_ event: Event, of row: SessionRow) throws(StoreError) -> Event {
        guard let reference = event.blob, let content = try blob(reference.digest, of: row) else { return event }
        return event.joined(with: content)
    }
}

extension Writing {
    /// Keeps the content that an event of a log refers to, unless it is there.
    func keep(_ blob: Blob, of event: Int, in log: Int) throws(StoreError) {
        try db.run("INSERT OR IGNORE INTO blobs (log, digest, bytes) VALUES (?1, ?2, ?3)", log, blob.digest.description, blob.bytes)
        try db.run("UPDATE events SET blob = ?2 WHERE pk = ?1", event, blob.digest.description)
    }
}
