/// What a stretch of a conversation came to, in words, from its beginning to a boundary.
public struct Summary: Hashable, Sendable {
    /// Which events it is about; see ``SummaryScope``. Empty for all.
    public var filter: String
    /// The words.
    public var text: String
    /// The newest event that it covers. What comes after it is not in the words.
    public var boundary: Offset
    /// How many events it was made of, those of the summaries before it included.
    public var events: Int
    /// What ``SessionRecord/tokens`` of the session was when the boundary was its newest event, so that what came since is a difference.
    public var mark: Int
    /// Which model wrote it, if one did.
    public var model: String?
    /// When it was stored, by the storage's clock.
    public var createdAt: Timestamp

    /// The longest text, in bytes.
    public static let maximumBytes = 256 << 10
    /// The most filters of a session that have a summary.
    public static let maximumPerSession = 64

    /// A summary of its parts.
    public init(
        filter: String = "", text: String, boundary: Offset, events: Int = 0, mark: Int = 0, model: String? = nil, createdAt: Timestamp
    ) {
        self.filter = filter
        self.text = text
        self.boundary = boundary
        self.events = events
        self.mark = mark
        self.model = model
        self.createdAt = createdAt
    }
}

/// A summary that is still to be stored.
public struct SummaryDraft: Hashable, Sendable {
    /// Which events it is about; empty for all.
    public var filter: String
    /// The words, 1 byte to ``Summary/maximumBytes``.
    public var text: String
    /// The newest event that it covers.
    public var boundary: Offset
    /// How many events it was made of.
    public var events: Int
    /// What ``SessionRecord/tokens`` was at the boundary.
    public var mark: Int
    /// Which model wrote it.
    public var model: String?

    /// A draft of its parts.
    public init(filter: String = "", text: String, boundary: Offset, events: Int = 0, mark: Int = 0, model: String? = nil) {
        self.filter = filter
        self.text = text
        self.boundary = boundary
        self.events = events
        self.mark = mark
        self.model = model
    }

    /// This draft when it may be stored.
    /// - Throws: ``StoreError/Code/invalidField``, ``StoreError/Code/tooLarge``.
    func checked() throws(StoreError) -> SummaryDraft {
        _ = try SummaryScope(checking: filter)
        guard text.utf8.contains(where: { $0 > 0x20 }) else { throw StoreError(.invalidField, "the text of a summary is empty") }
        guard text.utf8.count <= Summary.maximumBytes else {
            throw StoreError(.tooLarge, "the text of a summary has \(text.utf8.count) bytes; it may have at most \(Summary.maximumBytes)")
        }
        guard boundary.seq > 0, boundary.milliseconds >= 0, events >= 0, mark >= 0 else {
            throw StoreError(.invalidField, "a summary covers at least one event, and its numbers are not negative")
        }
        if let model { _ = try Name.checked(model, "the model") }
        return self
    }

    /// The summary, stored at a moment.
    package func stored(at now: Timestamp) -> Summary {
        Summary(filter: filter, text: text, boundary: boundary, events: events, mark: mark, model: model, createdAt: now)
    }
}

/// The summaries of a session, and what of it they are compared with, read in one step.
public struct SummaryList: Hashable, Sendable {
    /// By filter, compared as bytes; that of the whole session first.
    public var summaries: [Summary]
    /// Where the newest event stands.
    public var tail: Offset
    /// Where the newest event stands of those that were trimmed or forgotten.
    public var floor: Offset
    /// See ``SessionRecord/tokens``.
    public var tokens: Int
    /// The generation of the session.
    public var generation: String

    /// A list of its parts.
    public init(summaries: [Summary], tail: Offset, floor: Offset, tokens: Int, generation: String) {
        self.summaries = summaries.sorted { $0.filter.utf8.lexicographicallyPrecedes($1.filter.utf8) }
        self.tail = tail
        self.floor = floor
        self.tokens = tokens
        self.generation = generation
    }

    /// The summary with this filter.
    public subscript(filter: String) -> Summary? { summaries.first { Name.isSame($0.filter, filter) } }
}

/// Somebody's wish to make the summary of one filter, alone.
public struct SummaryClaim: Hashable, Sendable {
    /// Which events the summary will be about.
    public var filter: String
    /// Who asks; asking again by the same name gives the same claim.
    public var holder: String
    /// For how long nobody else may, in milliseconds.
    public var ttlMilliseconds: Int
    /// Whether it is taken from whoever has it.
    public var steals: Bool

    /// The longest claim.
    public static let maximumTTL = 3_600_000

    /// A claim of its parts.
    public init(filter: String = "", holder: String, ttlMilliseconds: Int, steals: Bool = false) {
        self.filter = filter
        self.holder = holder
        self.ttlMilliseconds = ttlMilliseconds
        self.steals = steals
    }
}

/// What somebody else says who was asked for a summary.
public struct SummaryPromise: Hashable, Sendable {
    /// Whether it waits for a worker.
    public var isQueued: Bool
    /// The summary that is stored now, if it was waited for; `nil` also when there was nothing to summarise.
    public var summary: Summary?

    /// A promise of its parts.
    public init(isQueued: Bool, summary: Summary? = nil) {
        self.isQueued = isQueued
        self.summary = summary
    }
}

extension StoreError {
    /// The session has no summary with that filter.
    public static let noSummary = StoreError(.notFound, "there is no such summary of the session")
    /// Somebody else makes this summary.
    public static let summaryClaimed = StoreError(.busy, "somebody else makes this summary at the moment")
    /// A summary that reaches further is stored.
    public static func summaryIsOlder(than boundary: Offset) -> StoreError {
        StoreError(.conflict, "a summary up to seq \(boundary.seq) is stored; an older one never replaces it", detail: .current(boundary.seq))
    }
    /// The claim was lost.
    public static func summaryFenced(current epoch: Int) -> StoreError {
        StoreError(
            .fenced, "the claim is not the current one: somebody took it over, or the events that the summary covers were changed",
            detail: .epoch(epoch))
    }
    /// A session has as many filters with summaries as it may.
    public static let tooManySummaries = StoreError(
        .tooLarge, "the session has summaries for \(Summary.maximumPerSession) filters; it may have no more")
    /// The boundary lies behind the newest event.
    public static func summaryBeyond(_ tail: Offset) -> StoreError {
        StoreError(.invalidField, "the summary covers events that are not there; the session is at seq \(tail.seq)")
    }
}
