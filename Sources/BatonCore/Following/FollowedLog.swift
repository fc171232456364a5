/// Something whose events can be followed: a session, or a topic.
///
/// What is written once for all of them needs to know how they are read, and how places in them compare.
public protocol FollowedLog: SendableMetatype {
    /// Names one log.
    associatedtype Key: Hashable & Sendable
    /// What it holds.
    associatedtype Element: Sendable
    /// Where a reader stands.
    associatedtype Place: Hashable & Sendable & CustomStringConvertible
    /// Which events a reader wants.
    associatedtype Filter: Sendable

    /// A page of what stands after a place; everything when `filter` is nil.
    static func page(of key: Key, after place: Place, limit: Int, _ filter: Filter?, from storage: any Storage) async throws(StoreError)
        -> FollowedPage<Self>

    /// Why a page cannot go on where pages of `generation` ended; `nil` when it can.
    static func refusal(of page: FollowedPage<Self>, after generation: String) -> StoreError?

    /// Asks the storage for hints at the log.
    static func watch(_ key: Key, in storage: any Storage) -> StorageObservation

    /// What a hint may mean for logs of this kind.
    static func concern(of hint: StorageHint) -> FollowedConcern<Key>

    /// Where the reader of an event stands.
    static func place(of element: Element) -> Place

    /// Whether a reader at `place` has the event behind it.
    static func hasPassed(_ place: Place, _ element: Element) -> Bool

    /// Whether a reader at `place` has everything behind it that one at `other` has.
    static func reaches(_ place: Place, _ other: Place) -> Bool

    /// The place of a reader that has everything behind it that readers at either place have.
    static func union(_ place: Place, _ other: Place) -> Place

    /// Whether a reader with this filter wants the event.
    static func matches(_ element: Element, _ filter: Filter) -> Bool

    /// About how many bytes the event holds.
    static func size(of element: Element) -> Int
}

/// A page of a log that is followed.
public struct FollowedPage<Log: FollowedLog>: Sendable {
    /// The events, oldest first.
    public var events: [Log.Element]
    /// Where the next page begins.
    public var next: Log.Place
    /// Whether nothing is left now.
    public var upToDate: Bool
    /// Which log of this name it was, where the pages say so.
    public var generation: String
    /// Where the log ends.
    public var tail: Log.Place

    /// A page of its parts.
    public init(events: [Log.Element], next: Log.Place, upToDate: Bool, generation: String, tail: Log.Place) {
        self.events = events
        self.next = next
        self.upToDate = upToDate
        self.generation = generation
        self.tail = tail
    }
}

/// Which logs a hint is about.
public enum FollowedConcern<Key: Hashable & Sendable>: Sendable {
    /// None of this kind.
    case none
    /// This one.
    case one(Key)
    /// Those that are followed and match.
    case those(@Sendable (Key) -> Bool)
    /// Any of them.
    case all

    /// Whether a log is among them.
    public func covers(_ key: Key) -> Bool {
        switch self {
        case .none: false
        case .one(let one): one == key
        case .those(let matches): matches(key)
        case .all: true
        }
    }
}

/// The events of a session.
public enum SessionLog: FollowedLog {
    /// A page of the session's events.
    public static func page(
        of key: SessionKey, after place: Offset, limit: Int, _ filter: EventFilter?, from storage: any Storage
    ) async throws(StoreError) -> FollowedPage<SessionLog> {
        FollowedPage(
            try await storage.events(in: key, EventQuery(after: .offset(place), limit: limit, filter: filter ?? EventFilter())), after: place)
    }

    /// A session that was deleted and created again is another one.
    public static func refusal(of page: FollowedPage<SessionLog>, after generation: String) -> StoreError? {
        guard page.generation != generation else { return nil }
        return StoreError(
            .offsetGone, "the session was deleted and created again",
            detail: .gone(earliest: .start, tail: page.tail, generation: page.generation))
    }

    /// Asks for hints at the session.
    public static func watch(_ key: SessionKey, in storage: any Storage) -> StorageObservation { storage.watch(key) }

    /// Which sessions a hint is about.
    public static func concern(of hint: StorageHint) -> FollowedConcern<SessionKey> {
        switch hint {
        case .session(let key): .one(key)
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
    /// Whether the event matches.
    public static func matches(_ event: Event, _ filter: EventFilter) -> Bool { filter.isEmpty || filter.matches(event) }
    /// Of the event's body.
    public static func size(of event: Event) -> Int { event.body.bytes.count }
}

extension FollowedPage<SessionLog> {
    init(_ page: EventPage, after place: Offset) {
        self.init(events: page.events, next: page.next ?? place, upToDate: page.upToDate, generation: page.generation, tail: page.tail)
    }
}

/// The events of a topic.
public enum TopicLog: FollowedLog {
    /// The name of a topic, compared as bytes.
    public struct Key: Hashable, Sendable {
        /// The name.
        public let name: String

        /// The key of a topic's name.
        public init(_ name: String) { self.name = name }

        /// Whether both names have the same bytes.
        public static func == (a: Key, b: Key) -> Bool { Name.isSame(a.name, b.name) }

        /// Mixes in the bytes of the name.
        public func hash(into hasher: inout Hasher) { Name.hash(name, into: &hasher) }
    }

    /// A page of the topic's events.
    public static func page(
        of key: Key, after place: TopicOffset, limit: Int, _ filter: TopicFilter?, from storage: any Storage
    ) async throws(StoreError) -> FollowedPage<TopicLog> {
        let query = TopicQuery(from: .offset(place), limit: limit, filter: filter ?? TopicFilter())
        return FollowedPage(try await storage.events(in: key.name, query))
    }

    /// Offsets say by themselves when they belong to an earlier topic of the name: reading refuses them.
    public static func refusal(of page: FollowedPage<TopicLog>, after generation: String) -> StoreError? { nil }

    /// Asks for hints at the topic.
    public static func watch(_ key: Key, in storage: any Storage) -> StorageObservation { storage.watch(topic: key.name) }

    /// Which topics a hint is about: one at a session is one at the topic of sessions too.
    public static func concern(of hint: StorageHint) -> FollowedConcern<Key> {
        switch hint {
        case .session: .one(Key(Topic.sessions))
        case .topic(let name): .one(Key(name))
        case .everything: .all
        }
    }

    /// The event's offset.
    public static func place(of event: TopicEvent) -> TopicOffset { event.offset }
    /// See ``TopicOffset/hasPassed(_:)``.
    public static func hasPassed(_ place: TopicOffset, _ event: TopicEvent) -> Bool { place.hasPassed(event) }
    /// See ``TopicOffset/reaches(_:)``.
    public static func reaches(_ place: TopicOffset, _ other: TopicOffset) -> Bool { place.reaches(other) }
    /// See ``TopicOffset/union(_:)``.
    public static func union(_ place: TopicOffset, _ other: TopicOffset) -> TopicOffset { place.union(other) }
    /// Whether the event matches.
    public static func matches(_ event: TopicEvent, _ filter: TopicFilter) -> Bool { filter.matches(event) }
    /// Of the event's data.
    public static func size(of event: TopicEvent) -> Int { event.data.bytes.count }
}

extension FollowedPage<TopicLog> {
    init(_ page: TopicPage) {
        self.init(events: page.events, next: page.next, upToDate: page.upToDate, generation: "", tail: page.tail)
    }
}
