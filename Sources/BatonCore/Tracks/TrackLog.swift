/// The events of a track, as something to follow.
public enum TrackLog: FollowedLog {
    /// Names one track of one session, compared as bytes.
    public struct Key: Hashable, Sendable {
        /// The session.
        public let session: SessionKey
        /// The name of the track.
        public let track: String

        /// The key of a session and a name.
        public init(_ session: SessionKey, track: String) {
            self.session = session
            self.track = track
        }

        /// Whether all names have the same bytes.
        public static func == (a: Key, b: Key) -> Bool { a.session == b.session && Name.isSame(a.track, b.track) }

        /// Mixes in the bytes of all names.
        public func hash(into hasher: inout Hasher) {
            hasher.combine(session)
            Name.hash(track, into: &hasher)
        }
    }

    /// Whoever follows a track wants all of its events.
    public struct Everything: Sendable {}

    /// A page of the track's events.
    public static func page(
        of key: Key, after place: Offset, limit: Int, _ filter: Everything?, from storage: any Storage
    ) async throws(StoreError) -> FollowedPage<TrackLog> {
        FollowedPage(try await storage.events(ofTrack: key.track, of: key.session, TrackQuery(after: .offset(place), limit: limit)), after: place)
    }

    /// A track may be made while it is followed. One that was made again is noticed by its offsets: reading refuses those of the earlier one.
    public static func refusal(of page: FollowedPage<TrackLog>, after generation: String) -> StoreError? { nil }

    /// Asks for hints at the track.
    public static func watch(_ key: Key, in storage: any Storage) -> StorageObservation { storage.watch(track: key.track, of: key.session) }

    /// Which tracks a hint is about: one at a session is one at each of its tracks.
    public static func concern(of hint: StorageHint) -> FollowedConcern<Key> {
        switch hint {
        case .session(let key): .those { $0.session == key }
        case .topic: .none
        case .everything: .all
        }
    }

    /// The event's offset.
    public static func place(of event: Event) -> Offset { event.offset }
    /// By sequence number.
    public static func hasPassed(_ place: Offset, _ event: Event) -> Bool { event.seq <= place.seq }
    /// By sequence number.
    public static func reaches(_ place: Offset, _ other: Offset) -> Bool { place.seq >= other.seq }
    /// The later one.
    public static func union(_ place: Offset, _ other: Offset) -> Offset { place.seq >= other.seq ? place : other }
    /// Every event.
    public static func matches(_ event: Event, _ filter: Everything) -> Bool { true }
    /// Of the event's body.
    public static func size(of event: Event) -> Int { event.body.bytes.count }
}

extension FollowedPage<TrackLog> {
    init(_ page: EventPage, after place: Offset) {
        self.init(events: page.events, next: page.next ?? place, upToDate: page.upToDate, generation: "", tail: page.tail)
    }
}

extension SessionStore {
    /// A follower of a track, not started yet. The track may be made later; the session has to be there.
    /// - Throws: ``StoreError/Code/notFound``, ``StoreError/Code/offsetGone``, or why the storage could not be read.
    public func follower(
        ofTrack track: String, of key: SessionKey, after cursor: Cursor = .seq(0)
    ) async throws(StoreError) -> Follower<TrackLog> {
        try await trackFeeds.follower(of: TrackLog.Key(key, track: track), TrackLog.Everything()) { () throws(StoreError) in
            FollowedPage(
                try await self.events(ofTrack: track, of: key, TrackQuery(after: cursor, limit: EventFeed<TrackLog>.pageSize)), after: .start)
        }
    }
}
