public import BatonCore
internal import BatonHTTP

extension RemoteStorage {
    /// `POST S/tracks/{track}`; repeated only when all events have ids, because the daemon knows them by nothing else.
    public func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt {
        var parameters = Parameters()
        if let ttl = batch.ttl { parameters.add("ttl", ttl) }
        let request = Request(.post, key.path(ofTrack: track), query: parameters.text, body: batch.events.wireForm).showing(batch.epoch)
        let receipt = try AppendReceipt(decoding: try await send(request, repeatable: batch.events.allSatisfy { $0.id != nil }).body)
        guard receipt.entries.count == batch.events.count else { throw WireError.incompatible("a receipt for other events") }
        return receipt
    }

    /// `GET S/tracks`.
    public func tracks(of key: SessionKey, last events: Int) async throws(StoreError) -> TrackList {
        var parameters = Parameters()
        parameters.add("events", events)
        return try TrackList(decoding: try await send(Request(.get, key.path + "/tracks", query: parameters.text)).body)
    }

    /// `GET S/tracks/{track}`, one page.
    public func events(ofTrack track: String, of key: SessionKey, _ query: TrackQuery) async throws(StoreError) -> EventPage {
        var parameters = Parameters()
        if let after = query.after { parameters.add("after", after.wireForm) }
        parameters.add("limit", query.limit)
        if let since = query.since { parameters.add("since", since.description) }
        return try EventPage(decoding: try await send(Request(.get, key.path(ofTrack: track), query: parameters.text)).body)
    }

    /// `DELETE S/tracks/{track}`, asking for an answer that says whether it was there.
    public func deleteTrack(_ track: String, of key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        let request = Request(.delete, key.path(ofTrack: track), headers: ["Prefer": "return=representation"]).showing(epoch)
        return try await send(request, repeatable: true).status != 204
    }

    /// Holds an event stream of the track open, so that what others write is noticed.
    public func watch(track: String, of key: SessionKey) -> StorageObservation { watches.watch(track: track, of: key) }
}
