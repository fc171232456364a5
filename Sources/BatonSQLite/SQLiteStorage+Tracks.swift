public import BatonCore

extension SQLiteStorage {
    /// Appends to a track.
    public func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try await write { (writing) throws(StoreError) in try writing.append(batch, toTrack: track, of: key) }
    }

    /// All tracks of a session.
    public func tracks(of key: SessionKey, last events: Int) async throws(StoreError) -> TrackList {
        try await read(key) { (reading, row) throws(StoreError) in try reading.tracks(of: row, last: events) }
    }

    /// A page of a track.
    public func events(ofTrack track: String, of key: SessionKey, _ query: TrackQuery) async throws(StoreError) -> EventPage {
        try await read(key) { (reading, row) throws(StoreError) in try reading.page(ofTrack: track, of: row, query) }
    }

    /// Deletes a track.
    public func deleteTrack(_ track: String, of key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        try await write { (writing) throws(StoreError) in try writing.deleteTrack(track, of: key, epoch: epoch) }
    }
}
