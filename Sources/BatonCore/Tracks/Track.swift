/// What a store knows of a track: a log beside the events of a session, such as an agent's thoughts or the trace of a run.
///
/// A track is made by its first append. It has a log of its own: `seq` is 1, 2, 3… in each, nothing of it can be edited or removed, and
/// whatever becomes of the session's events does not touch it.
public struct Track: Hashable, Sendable {
    /// The name; any text of 1 to 256 bytes.
    public let name: String
    /// 16 hexadecimal digits, random when it was made: a track that was deleted or has expired and was made again is another one.
    public var generation: String
    /// Where its newest event stands.
    public var tail: Offset
    /// Where the newest event stands of those that were trimmed; ``Offset/start`` before.
    public var floor: Offset
    /// How long it lives after a write of it, in seconds; `nil` for as long as its session. It never outlives its session.
    public var ttl: Int?
    /// When it vanishes unless it is written before; `nil` for with its session.
    public var expiresAt: Timestamp?
    /// Its last events, oldest first; empty unless asked for.
    public var events: [Event]

    /// The most tracks of one session.
    public static let maximumPerSession = 256
    /// The most bytes of events that come with a list of tracks; asking for more is refused, because a part of the last N would pass for all.
    public static let maximumListBytes = 8 << 20

    /// A track of its parts.
    public init(
        name: String, generation: String, tail: Offset, floor: Offset = .start, ttl: Int? = nil, expiresAt: Timestamp? = nil, events: [Event] = []
    ) {
        self.name = name
        self.generation = generation
        self.tail = tail
        self.floor = floor
        self.ttl = ttl
        self.expiresAt = expiresAt
        self.events = events
    }

    /// How many events it has.
    public var count: Int { tail.seq - floor.seq }

    /// What can be read of it.
    public var extent: LogExtent { LogExtent(tail: tail, floor: floor, generation: generation) }

    /// A track that nobody wrote to: a place to read at, and nothing else.
    package static func absent(_ name: String) -> Track { Track(name: name, generation: "", tail: .start) }

    /// What appending `events` to this track comes to, given where the ids stand that it knows, and the milliseconds of its places.
    ///
    /// An event whose id is known, or came earlier in the batch, is a duplicate. An id that the store made for this track is known when its seq has been
    /// given out.
    /// - Throws: ``StoreError/Code/invalidField`` for an id that the store has yet to make.
    package func plan(
        for events: [EventDraft], at milliseconds: Int, place: (String) throws(StoreError) -> Offset?,
        millisecondsAtSeq: (Int) throws(StoreError) -> Int?
    ) throws(StoreError) -> [AppendReceipt.Entry] {
        var entries: [AppendReceipt.Entry] = []
        // Ids are compared as bytes: texts that look the same are different ids.
        var earlier: [[UInt8]: Offset] = [:]
        var seq = tail.seq
        for (index, draft) in events.enumerated() {
            if let id = draft.id {
                var stored = earlier[Array(id.utf8)]
                if let made = SessionRecord.seq(inMadeID: id, generation: generation) {
                    guard made <= tail.seq else {
                        throw StoreError(
                            .invalidField, "events[\(index)].id is one that the store has yet to make; the track is at seq \(tail.seq)")
                    }
                    // Of what was trimmed only the last time is known.
                    let known = made > floor.seq ? try millisecondsAtSeq(made) : nil
                    stored = Offset(milliseconds: known ?? floor.milliseconds, seq: made)
                } else if stored == nil {
                    stored = try place(id)
                }
                if let stored {
                    entries.append(.init(id: id, offset: stored, isDuplicate: true))
                    continue
                }
            }
            seq += 1
            let offset = Offset(milliseconds: milliseconds, seq: seq)
            if let id = draft.id { earlier[Array(id.utf8)] = offset }
            entries.append(.init(id: draft.id ?? SessionRecord.madeID(generation: generation, seq: seq), offset: offset, isDuplicate: false))
        }
        return entries
    }
}

/// The tracks of a session.
public struct TrackList: Hashable, Sendable {
    /// The tracks, by name as UTF-8 bytes.
    public var tracks: [Track]
    /// The generation of their session.
    public var generation: String

    /// A list of its parts; it is put in order.
    public init(_ tracks: [Track], generation: String) {
        self.tracks = tracks.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        self.generation = generation
    }
}

/// Events to append to one track, all or none.
public struct TrackBatch: Hashable, Sendable {
    /// The events, at least one. They change no state.
    public var events: [EventDraft]
    /// How long the track lives after this and later writes, in seconds; `nil` leaves it as it is, which is as long as its session at first.
    public var ttl: Int?
    /// The epoch of the lease that the writer holds.
    public var epoch: Int?

    /// A batch with its conditions.
    public init(_ events: [EventDraft], ttl: Int? = nil, epoch: Int? = nil) {
        self.events = events
        self.ttl = ttl
        self.epoch = epoch
    }
}

/// A page of a track, oldest first.
public struct TrackQuery: Hashable, Sendable {
    /// Only events after this place.
    public var after: Cursor?
    /// The most events of the page, 1 to ``EventQuery/maximumLimit``.
    public var limit: Int
    /// Only events not before this moment.
    public var since: Timestamp?

    /// A query for a page.
    public init(after: Cursor? = nil, limit: Int = 100, since: Timestamp? = nil) {
        self.after = after
        self.limit = limit
        self.since = since
    }
}

extension StoreError {
    /// The session has as many tracks as it may.
    public static let tooManyTracks = StoreError(
        .tooLarge, "the session has \(Track.maximumPerSession) tracks; it may have no more")

    /// The last events of all tracks are over the bound of a list.
    public static let trackListTooLarge = StoreError(
        .tooLarge, "the last events of the tracks hold over \(Track.maximumListBytes) bytes; ask for fewer, or read track by track")
}
