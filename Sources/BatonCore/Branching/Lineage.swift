/// A place in another session at which a session branched off.
public struct BranchPoint: Hashable, Sendable {
    /// The id of that session, of the same app and user; it may be gone by now, or be another one with the same id.
    public let session: String
    /// The generation that it had.
    public let generation: String
    /// The last place that was taken over.
    public let at: Offset

    /// A point of its parts.
    public init(session: String, generation: String, at: Offset) {
        self.session = session
        self.generation = generation
        self.at = at
    }
}

/// Where a session comes from, and what was forked from it.
public struct Lineage: Hashable, Sendable {
    /// A session that was forked from another, and is there.
    public struct Fork: Hashable, Sendable {
        /// The fork's id.
        public let session: String
        /// The last place that it took over.
        public let at: Offset
        /// When it was forked.
        public let createdAt: Timestamp

        /// A fork of its parts.
        public init(session: String, at: Offset, createdAt: Timestamp) {
            self.session = session
            self.at = at
            self.createdAt = createdAt
        }
    }

    /// The sessions that it descends from, its parent first, whether they are still there or not. Each has the last place that the session
    /// has taken over from it.
    public var ancestors: [BranchPoint]
    /// The latest forks that are there, the newest first; those of one moment by id, descending.
    public var forks: [Fork]

    /// The most forks that one lineage names.
    public static let maximumForks = 1000

    /// A lineage of its parts; `forks` in any order.
    public init(ancestors: [BranchPoint], forks: [Fork]) {
        self.ancestors = ancestors
        self.forks = forks.sorted { a, b in
            a.createdAt != b.createdAt ? a.createdAt > b.createdAt : b.session.utf8.lexicographicallyPrecedes(a.session.utf8)
        }
    }

    /// Where the session was forked; `nil` when it is no fork.
    public var parent: BranchPoint? { ancestors.first }
}

/// How far two sessions go together.
public struct BranchComparison: Hashable, Sendable {
    /// The last event that both show, with everything before it; ``Offset/start`` when they have nothing in common. A bare seq when both have
    /// trimmed it, so that its time is not known any more.
    public let common: Cursor
    /// How many events the first shows after it.
    public let ahead: Int
    /// How many events the other shows after it.
    public let behind: Int

    /// A comparison of its parts.
    public init(common: Cursor, ahead: Int, behind: Int) {
        self.common = common
        self.ahead = ahead
        self.behind = behind
    }
}
