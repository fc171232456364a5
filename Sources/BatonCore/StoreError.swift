/// Why a store refused or failed.
///
/// Absent, refused, unreachable and corrupt are different codes on purpose: a caller that retries must be able to tell
/// "there is no such session" from "nobody could be asked". The message is safe to show: it names fields, limits and
/// positions, never contents or secrets.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is. Open: later versions may add codes.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The code as it stands in problem documents, such as `not_found`.
        public let rawValue: String

        /// A code by its text.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The code's text.
        public var description: String { rawValue }

        /// The bytes are no JSON (RFC 8259), not UTF-8, or nested too deeply.
        public static let invalidJSON = Code(rawValue: "invalid_json")
        /// An app, user, session, topic or key name is empty, too long or not UTF-8.
        public static let invalidName = Code(rawValue: "invalid_name")
        /// A field has a value of the wrong type or outside its limits.
        public static let invalidField = Code(rawValue: "invalid_field")
        /// A query parameter or option has a value that is not allowed.
        public static let invalidParameter = Code(rawValue: "invalid_parameter")
        /// A cursor or offset that no store has given out.
        public static let invalidCursor = Code(rawValue: "invalid_cursor")
        /// A field that is not part of the object; refused so that a typo never loses data.
        public static let unknownField = Code(rawValue: "unknown_field")
        /// No credentials, or credentials that are not valid.
        public static let unauthenticated = Code(rawValue: "unauthenticated")
        /// The credentials do not allow it.
        public static let forbidden = Code(rawValue: "forbidden")
        /// There is no such session, event, key, topic or group.
        public static let notFound = Code(rawValue: "not_found")
        /// A session with this id is already there.
        public static let exists = Code(rawValue: "exists")
        /// The change contradicts what is stored.
        public static let conflict = Code(rawValue: "conflict")
        /// Somebody else holds what is needed; trying again later may succeed.
        public static let busy = Code(rawValue: "busy")
        /// The write shows the epoch of a lease that is over; the current one is in the detail.
        public static let fenced = Code(rawValue: "fenced")
        /// The store was closed.
        public static let closed = Code(rawValue: "closed")
        /// The cursor points into a part that was trimmed away, or into another generation of the session or topic.
        public static let offsetGone = Code(rawValue: "offset_gone")
        /// `If-Match` did not match; `current` is in the detail.
        public static let preconditionFailed = Code(rawValue: "precondition_failed")
        /// A value or a batch over its limit.
        public static let tooLarge = Code(rawValue: "too_large")
        /// What a model has to be shown takes more tokens than the budget has; how many is in the detail.
        public static let budgetExceeded = Code(rawValue: "budget_exceeded")
        /// A hook of the program refused it; why is underneath.
        public static let refused = Code(rawValue: "refused")
        /// What makes summaries could not be reached, refused, or answered nonsense.
        public static let summaryFailed = Code(rawValue: "summary_failed")
        /// An idempotency key that was used before with another request.
        public static let idempotencyMismatch = Code(rawValue: "idempotency_mismatch")
        /// Too many requests at once; a bound was met.
        public static let tooManyRequests = Code(rawValue: "too_many_requests")
        /// The store could not be reached, or refused to work (disk full, read only, loading).
        public static let storeUnavailable = Code(rawValue: "store_unavailable")
        /// What the store holds cannot be understood; nothing was changed.
        public static let storeCorrupt = Code(rawValue: "store_corrupt")
        /// The file or keyspace belongs to another layout, version or program; nothing was changed.
        public static let storeIncompatible = Code(rawValue: "store_incompatible")
        /// The write is stored, but not on as many replicas as were asked for; a failover may still lose it.
        public static let unconfirmed = Code(rawValue: "unconfirmed")
        /// The caller's deadline passed, or the call was cancelled; whether it took effect is not known.
        public static let cancelled = Code(rawValue: "cancelled")
    }

    /// What a caller needs to act on a failure.
    public enum Detail: Sendable, Equatable {
        /// Nothing more to say.
        case none
        /// The number that a precondition was compared with: a seq or a version.
        case current(Int)
        /// Where reading can go on after a cursor is gone.
        case gone(earliest: Offset, tail: Offset, generation: String)
        /// How many replicas have the write, which is stored. For an append its receipt, and the idempotency key that the store gave it
        /// because its events had no ids and it had no key: the same append with this key is a duplicate that waits again.
        case unconfirmed(replicas: Int, receipt: AppendReceipt?, idempotencyKey: String?)
        /// The epoch of the session's last lease; 0 when there was none.
        case epoch(Int)
        /// The lease that somebody else holds, `nil` when it is free and others wait for it; and how many wait before the caller.
        case busy(Lease?, ahead: Int)
        /// The agent whose turn it is; `nil` for nobody.
        case activeAgent(String?)
        /// Where reading a topic can go on after a cursor is gone.
        case topicGone(earliest: TopicOffset, tail: TopicOffset, generation: String)
        /// The tool call as it is.
        case toolCall(ToolCall)
        /// The approval as it is.
        case approval(Approval)
    }

    /// What kind of failure it is.
    public let code: Code
    /// One terse sentence: what was wrong, where, and what is allowed.
    public let message: String
    /// What a caller needs to act on it.
    public let detail: Detail
    /// What lies beneath, for logs.
    public let underlying: (any Error)?

    /// An error with a code and a sentence.
    public init(_ code: Code, _ message: String, detail: Detail = .none, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.detail = detail
        self.underlying = underlying
    }

    /// Whether the same call may succeed later without being changed.
    public var isRetryable: Bool {
        switch code {
        case .busy, .storeUnavailable, .tooManyRequests: return true
        case .unconfirmed:
            // An append that names itself is a duplicate when it comes again; anything else would be done twice.
            if case .unconfirmed(_, .some, nil) = detail { return true }
            return false
        default: return false
        }
    }

    /// The code and the message; safe to show.
    public var description: String { "\(code): \(message)" }
}

extension StoreError {
    /// There is no session at `key`. The key is not repeated: it may be nobody's business.
    public static let noSession = StoreError(.notFound, "there is no such session")

    /// There is no event with that id in the session.
    public static let noEvent = StoreError(.notFound, "there is no such event in the session")

    /// Nothing was ever published to that topic.
    public static let noTopic = StoreError(.notFound, "there is no such topic")

    /// The topic has no group of that name.
    public static let noGroup = StoreError(.notFound, "there is no such group of consumers")

    /// The store was closed before the call.
    public static let storeClosed = StoreError(.closed, "the store is closed")
}
