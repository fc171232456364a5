public import BatonCore

/// A storage made for a test that leaves tracks and summaries to the one behind it.
public protocol TrackForwarding: TrackStorage, SummaryStorage {
    associatedtype Tracks: TrackStorage, SummaryStorage
    /// The storage behind it.
    var tracks: Tracks { get }
}

extension TrackForwarding {
    /// As the storage behind it does.
    public func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try await tracks.append(batch, toTrack: track, of: key)
    }

    /// As the storage behind it does.
    public func tracks(of key: SessionKey, last events: Int) async throws(StoreError) -> TrackList {
        try await tracks.tracks(of: key, last: events)
    }

    /// As the storage behind it does.
    public func events(ofTrack track: String, of key: SessionKey, _ query: TrackQuery) async throws(StoreError) -> EventPage {
        try await tracks.events(ofTrack: track, of: key, query)
    }

    /// As the storage behind it does.
    public func deleteTrack(_ track: String, of key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        try await tracks.deleteTrack(track, of: key, epoch: epoch)
    }

    /// As the storage behind it does.
    public func summaries(of key: SessionKey) async throws(StoreError) -> SummaryList { try await tracks.summaries(of: key) }

    /// As the storage behind it does.
    public func claim(_ claim: SummaryClaim, of key: SessionKey) async throws(StoreError) -> Int { try await tracks.claim(claim, of: key) }

    /// As the storage behind it does.
    public func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) async throws(StoreError) -> Summary {
        try await tracks.put(draft, of: key, claim: epoch)
    }

    /// As the storage behind it does.
    public func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) async throws(StoreError) {
        try await tracks.release(epoch, ofSummary: filter, of: key)
    }
}
