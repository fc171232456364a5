/// Which events are wanted. Every part that is given has to match; an empty list matches everything.
public struct EventFilter: Hashable, Sendable {
    /// Any of these roles.
    public var roles: [String] = []
    /// Any of these authors.
    public var authors: [String] = []
    /// Any of these types.
    public var types: [String] = []
    /// Exactly this branch.
    public var branch: String?
    /// Not before this moment.
    public var since: Timestamp?
    /// Before this moment.
    public var until: Timestamp?

    /// Everything.
    public init() {}

    /// Whether everything matches.
    public var isEmpty: Bool { self == EventFilter() }

    /// Whether an event matches. Storages that compare columns have to agree with it.
    public func matches(_ event: Event) -> Bool {
        if let since, event.time < since { return false }
        if let until, event.time >= until { return false }
        if roles.isEmpty, authors.isEmpty, types.isEmpty, branch == nil { return true }
        let members = event.body.members ?? []
        func text(_ name: String) -> String? { members.first { $0.name == name }?.value.stringValue }
        func isAny(of wanted: [String], _ name: String) -> Bool {
            guard !wanted.isEmpty else { return true }
            guard let value = text(name) else { return false }
            return wanted.contains { Name.isSame($0, value) }
        }
        return isAny(of: roles, "role") && isAny(of: authors, "author") && isAny(of: types, "type")
            && isAny(of: branch.map { [$0] } ?? [], "branch")
    }
}

/// A page of a session's events.
public struct EventQuery: Hashable, Sendable {
    /// Which end a page begins at.
    public enum Order: String, Hashable, Sendable, CaseIterable {
        /// Oldest first.
        case asc
        /// Newest first.
        case desc
    }

    /// Which events of a session's log.
    public enum View: String, Hashable, Sendable, CaseIterable {
        /// Those that the session shows.
        case history
        /// Those that a rewind has hidden too.
        case log
    }

    /// Only events after this place.
    public var after: Cursor?
    /// Only events before this place.
    public var before: Cursor?
    /// The most events of the page, 1 to ``maximumLimit``.
    public var limit: Int
    /// Which end the page begins at.
    public var order: Order
    /// Which events; applied before the limit.
    public var filter: EventFilter
    /// Whether what a rewind has hidden is read too.
    public var view: View
    /// How contents that are kept apart are shown.
    public var blobs: BlobView

    /// The most events of one page.
    public static let maximumLimit = 1000
    /// The most bytes of one page; the event that exceeds it is the last.
    public static let maximumBytes = 16 << 20

    /// A query for a page.
    public init(
        after: Cursor? = nil, before: Cursor? = nil, limit: Int = 100, order: Order = .asc, filter: EventFilter = EventFilter(),
        view: View = .history, blobs: BlobView = .whole
    ) {
        self.after = after
        self.before = before
        self.limit = limit
        self.order = order
        self.filter = filter
        self.view = view
        self.blobs = blobs
    }
}

/// A page of events, and where to go on.
public struct EventPage: Hashable, Sendable {
    /// The events, in the order that was asked for.
    public var events: [Event]
    /// Where the next page begins: what to pass as `after` (oldest first) or `before` (newest first). It moves past events that a
    /// filter leaves out. Oldest first it is always there, so that polling can go on; newest first it is `nil` at the start of the log.
    public var next: Offset?
    /// Where the newest event of the session stands.
    public var tail: Offset
    /// Whether nothing is left in this direction.
    public var upToDate: Bool
    /// The generation of the session that was read.
    public var generation: String

    /// A page of its parts.
    public init(events: [Event], next: Offset?, tail: Offset, upToDate: Bool, generation: String) {
        self.events = events
        self.next = next
        self.tail = tail
        self.upToDate = upToDate
        self.generation = generation
    }
}

/// An event with its neighbours.
public struct EventWindow: Hashable, Sendable {
    /// Neighbours before it, the event, neighbours after it; oldest first.
    public var events: [Event]
    /// The id of the event in the middle.
    public var anchor: String

    /// A window of its parts.
    public init(events: [Event], anchor: String) {
        self.events = events
        self.anchor = anchor
    }
}

/// How much of a session to read with its record.
public struct SnapshotQuery: Hashable, Sendable {
    /// The most bytes of events that come with one session; asking for more is refused, because a part of the last N would pass for all.
    public static let maximumBytes = 64 << 20

    /// The refusal of a query whose events are over ``maximumBytes``.
    public static let tooLarge = StoreError(.tooLarge, "the last events hold over \(maximumBytes) bytes; ask for fewer, or read them in pages")

    /// The last this many events that match, 0 to ``EventQuery/maximumLimit``.
    public var events: Int
    /// Which events; applied before the limit.
    public var filter: EventFilter
    /// How contents that are kept apart are shown.
    public var blobs: BlobView

    /// A query for a session and its last events.
    public init(events: Int = 0, filter: EventFilter = EventFilter(), blobs: BlobView = .whole) {
        self.events = events
        self.filter = filter
        self.blobs = blobs
    }
}

/// A page of a list of sessions, newest first.
public struct SessionQuery: Hashable, Sendable {
    /// Whose sessions.
    public enum Owner: Hashable, Sendable {
        /// One user's.
        case user(UserKey)
        /// Those of all users of an application.
        case app(String)
    }

    /// What newest means.
    public enum Order: String, Hashable, Sendable, CaseIterable {
        /// Last changed first.
        case updated
        /// Last created first.
        case created
    }

    /// Where a page ended.
    public struct Position: Hashable, Sendable {
        /// The time that the list is ordered by.
        public var time: Timestamp
        /// The user of the last session.
        public var user: String
        /// The id of the last session.
        public var id: String

        /// The position of a session in a list.
        public init(time: Timestamp, user: String, id: String) {
            self.time = time
            self.user = user
            self.id = id
        }
    }

    /// Whose sessions.
    public var owner: Owner
    /// The most sessions of the page, 1 to ``maximumLimit``.
    public var limit: Int
    /// Only sessions after this position.
    public var after: Position?
    /// Only sessions with this status.
    public var status: SessionRecord.Status?
    /// Only sessions with one of these tags, at most ``maximumTags``; any when empty.
    public var tags: [String]
    /// Only sessions in which it is this agent's turn.
    public var activeAgent: String?
    /// Only sessions that were not created before this moment.
    public var createdSince: Timestamp?
    /// Only sessions that were created before this moment.
    public var createdUntil: Timestamp?
    /// What newest means. Ties are broken by user and id, descending, compared as UTF-8 bytes.
    public var order: Order
    /// The last this many events of each session, 0 to 100.
    public var events: Int
    /// How contents of these events that are kept apart are shown.
    public var blobs: BlobView

    /// The most sessions of one page.
    public static let maximumLimit = 1000
    /// The most tags to ask for at once.
    public static let maximumTags = 64

    /// A query for a page.
    public init(
        of owner: Owner, limit: Int = 50, after: Position? = nil, status: SessionRecord.Status? = nil, tags: [String] = [],
        activeAgent: String? = nil, createdSince: Timestamp? = nil, createdUntil: Timestamp? = nil, order: Order = .updated, events: Int = 0,
        blobs: BlobView = .whole
    ) {
        self.owner = owner
        self.limit = limit
        self.after = after
        self.status = status
        self.tags = tags
        self.activeAgent = activeAgent
        self.createdSince = createdSince
        self.createdUntil = createdUntil
        self.order = order
        self.events = events
        self.blobs = blobs
    }
}

/// A page of a list of sessions.
public struct SessionPage: Hashable, Sendable {
    /// The sessions, newest first.
    public var sessions: [SessionSnapshot]
    /// What to pass as `after` for the next page; `nil` at the end.
    public var next: SessionQuery.Position?

    /// A page of its parts.
    public init(sessions: [SessionSnapshot], next: SessionQuery.Position?) {
        self.sessions = sessions
        self.next = next
    }
}
