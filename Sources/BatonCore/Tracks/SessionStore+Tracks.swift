extension SessionStore {
    /// Appends to a track, all or none; see ``TrackStorage/append(_:toTrack:of:)``.
    /// - Throws: ``StoreError/Code/notFound`` when the session is absent, ``StoreError/Code/invalidField`` for an event that changes state,
    ///   ``StoreError/Code/tooLarge``.
    public func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try check(batch, track)
        return try await perform(.appendTrack, on: key) { () throws(StoreError) in
            try await self.storage.append(batch, toTrack: track, of: key)
        }
    }

    /// What has to hold of every batch for a track, whenever it is stored.
    func check(_ batch: TrackBatch, _ track: String) throws(StoreError) {
        _ = try Name.checked(track, "the track")
        guard (1...EventDraft.maximumBatch).contains(batch.events.count) else {
            throw StoreError(.tooLarge, "a batch has 1 to \(EventDraft.maximumBatch) events, not \(batch.events.count)")
        }
        for (index, event) in batch.events.enumerated() where !event.delta.isEmpty {
            throw StoreError(.invalidField, "events[\(index)].stateDelta: a track changes no state; append the event to the session")
        }
        if let ttl = batch.ttl { try Check.ttl(ttl) }
    }

    /// The tracks of a session with the last `events` events of each.
    public func tracks(of key: SessionKey, last events: Int = 0) async throws(StoreError) -> [Track] {
        try await trackList(of: key, last: events).tracks
    }

    /// The session with its state, the last events that match, and its tracks with the last `tracks` events of each.
    /// - Throws: ``StoreError/Code/notFound`` when it is absent.
    public func get(_ key: SessionKey, _ query: SnapshotQuery = SnapshotQuery(), tracks: Int) async throws(StoreError) -> SessionSnapshot {
        while true {
            var session = try await get(key, query)
            // A hook may have led to another session.
            let list = try await trackList(of: session.record.key, last: tracks)
            // Deleted and created again in between: these are another session's.
            guard list.generation == session.record.generation else { continue }
            session.tracks = list.tracks
            return session
        }
    }

    /// A page of a track; empty when nobody wrote to it.
    /// - Throws: ``StoreError/Code/offsetGone`` when `after` stands in a part that was trimmed, or in an earlier track of the name.
    public func events(ofTrack track: String, of key: SessionKey, _ query: TrackQuery = TrackQuery()) async throws(StoreError) -> EventPage {
        _ = try Name.checked(track, "the track")
        try Check.range(query.limit, 1...EventQuery.maximumLimit, "limit")
        return try await perform(.readTracks, on: key) { () throws(StoreError) in
            try await self.storage.events(ofTrack: track, of: key, query)
        }
    }

    /// Deletes a track; returns whether it was there.
    @discardableResult
    public func deleteTrack(_ track: String, of key: SessionKey, epoch: Int? = nil) async throws(StoreError) -> Bool {
        _ = try Name.checked(track, "the track")
        return try await perform(.deleteTrack, on: key) { () throws(StoreError) in
            try await self.storage.deleteTrack(track, of: key, epoch: epoch)
        }
    }

    /// The same with the generation of their session.
    public func trackList(of key: SessionKey, last events: Int) async throws(StoreError) -> TrackList {
        try Check.range(events, 0...EventQuery.maximumLimit, "the number of events of a track")
        return try await perform(.readTracks, on: key) { () throws(StoreError) in try await self.storage.tracks(of: key, last: events) }
    }
}
