/// What a storage owes to tracks: logs beside the events of a session. Every operation is one atomic step.
///
/// A track is there from its first append on, until it is deleted, its own lifetime is over, or its session is gone. Trimming, clearing, removing and
/// rewinding events leave tracks alone, and a fork begins without any. Writing to a track counts as a change of the session (version, times,
/// lifetime). Names are compared as bytes.
public protocol TrackStorage: Sendable {
    /// Appends to a track, and makes it when it is not there. The order of the checks: does the session exist; are all events duplicates by id
    /// (then their places are returned and nothing changes); the fence; may the session have one more track.
    ///
    /// Which events are duplicates is said by `Track.plan`; ids belong to one track. Afterwards the oldest events over the policy's
    /// limit of events are trimmed, the track's floor moves, and their ids are free again. The time of an event is never before the session's last change. A lifetime counts from
    /// the event's time.
    /// - Returns: the places, the session's version, and the tail of the track.
    /// - Throws: ``StoreError/noSession``; as ``Fence/pass(_:at:)`` does; ``StoreError/tooManyTracks``.
    func append(_ batch: TrackBatch, toTrack track: String, of key: SessionKey) async throws(StoreError) -> AppendReceipt

    /// All tracks of a session with the last `events` events of each.
    /// - Throws: ``StoreError/trackListTooLarge``.
    func tracks(of key: SessionKey, last events: Int) async throws(StoreError) -> TrackList

    /// A page of a track. One that is not there reads as one that nobody wrote to: it is empty, and its generation too. A page ends early over a bound of bytes
    /// that is the storage's own. `next` is always there.
    /// - Throws: ``StoreError/Code/offsetGone`` as ``LogExtent/refusal(of:millisecondsAtSeq:)`` says.
    func events(ofTrack track: String, of key: SessionKey, _ query: TrackQuery) async throws(StoreError) -> EventPage

    /// Deletes a track; returns whether it was there. One that was not there changes nothing.
    /// - Throws: ``StoreError/noSession``; as ``Fence/pass(_:at:)`` does, when the track is there.
    func deleteTrack(_ track: String, of key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool

    /// Says that somebody follows this track, until the observation is cancelled: what ``Storage/watch(_:)`` is for sessions. Changes of a track are
    /// hinted as changes of its session.
    func watch(track: String, of key: SessionKey) -> StorageObservation
}

extension Storage {
    /// Whoever hears of all changes of the session hears of those of its tracks.
    public func watch(track: String, of key: SessionKey) -> StorageObservation { watch(key) }
}
