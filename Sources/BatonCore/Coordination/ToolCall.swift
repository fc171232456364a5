/// A tool call of a session: its effect happens at most once, however many workers try and however often they die.
public struct ToolCall: Hashable, Sendable {
    /// How far it is.
    public enum Status: String, Hashable, Sendable, CaseIterable {
        /// A worker has begun it and holds it.
        case reserved
        /// It is done; the result is kept.
        case completed
        /// It failed, and its worker knows that; the next one may try again.
        case failed
        /// Its worker was lost after it began: whether the effect happened is not known. Somebody has to say.
        case ambiguous
    }

    /// The name of the effect within the session, 1 to 256 bytes: the same key is the same effect.
    public var key: String
    /// The tool, 1 to 256 bytes.
    public var name: String
    /// What the tool was called with.
    public var arguments: JSON
    /// How far it is.
    public var status: Status
    /// 1 the first time that it is reserved, one more each time after; also what its holder proves itself with.
    public var attempt: Int
    /// Who began it last.
    public var holder: String?
    /// Until when it is held, while it is ``Status/reserved``.
    public var heldUntil: Timestamp?
    /// What it gave, once it is ``Status/completed``.
    public var result: JSON?
    /// Why it failed, once it is ``Status/failed``.
    public var error: JSON?
    /// When it was first reserved.
    public var createdAt: Timestamp
    /// When it last changed.
    public var updatedAt: Timestamp

    /// The largest arguments, result or error, in bytes.
    public static let maximumValueBytes = 1 << 20
    /// The most calls that a session remembers: the oldest that is completed or failed makes room for a new one.
    public static let maximumPerSession = 10_000

    /// A tool call of its parts.
    public init(
        key: String, name: String, arguments: JSON, status: Status, attempt: Int, holder: String?, heldUntil: Timestamp?, result: JSON?, error: JSON?,
        createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.key = key
        self.name = name
        self.arguments = arguments
        self.status = status
        self.attempt = attempt
        self.holder = holder
        self.heldUntil = heldUntil
        self.result = result
        self.error = error
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

/// A worker's wish to run a tool.
public struct ToolReservation: Hashable, Sendable {
    /// What to do with a call whose worker was lost.
    public enum AmbiguityPolicy: String, Hashable, Sendable, CaseIterable {
        /// Leave it to somebody who knows: the answer is the ambiguous call.
        case report
        /// Run it again: right for tools that may run twice.
        case retry
        /// Count it as failed, so that this worker runs it again as the next attempt only when it asks once more.
        case fail
    }

    /// The name of the effect.
    public var key: String
    /// The tool.
    public var name: String
    /// What it is called with; a later reservation with other arguments under the same key is refused.
    public var arguments: JSON
    /// Who will run it; for people.
    public var holder: String?
    /// How long it is held without being extended, in milliseconds: 1 s to 24 h.
    public var ttlMilliseconds: Int
    /// What to do when an earlier worker was lost.
    public var onAmbiguous: AmbiguityPolicy

    /// A reservation of its parts.
    public init(
        key: String, name: String, arguments: JSON = .null, holder: String? = nil, ttlMilliseconds: Int = 60_000,
        onAmbiguous: AmbiguityPolicy = .report
    ) {
        self.key = key
        self.name = name
        self.arguments = arguments
        self.holder = holder
        self.ttlMilliseconds = ttlMilliseconds
        self.onAmbiguous = onAmbiguous
    }
}

/// What becomes of a reserved or an ambiguous tool call.
public enum ToolOutcome: Hashable, Sendable {
    /// It is done and gave this.
    case completed(JSON)
    /// It failed because of this.
    case failed(JSON)
    /// It goes on: held for this many milliseconds from now.
    case extended(Int)
}

/// Which tool calls are wanted.
public struct ToolCallQuery: Hashable, Sendable {
    /// Only those that are this far.
    public var status: ToolCall.Status?
    /// The key that the last page ended with.
    public var after: String?
    /// The most of a page, 1 to 1,000.
    public var limit: Int

    /// A query for a page, in the order in which they were first reserved.
    public init(status: ToolCall.Status? = nil, after: String? = nil, limit: Int = 100) {
        self.status = status
        self.after = after
        self.limit = limit
    }
}

/// A page of tool calls. It ends early when they hold many bytes; `next` goes on.
public struct ToolCallPage: Hashable, Sendable {
    /// A page that holds this many bytes of arguments and results ends.
    public static let maximumBytes = 8 << 20

    /// The calls, first reserved first.
    public var calls: [ToolCall]
    /// What to pass as `after` for the next page; `nil` at the end.
    public var next: String?

    /// A page of its parts.
    public init(calls: [ToolCall], next: String?) {
        self.calls = calls
        self.next = next
    }
}
