/// A question to people that is decided once, by somebody who may, before its deadline; otherwise the answer is no.
public struct Approval: Hashable, Sendable {
    /// How far it is.
    public enum Status: String, Hashable, Sendable, CaseIterable {
        /// Nobody has decided yet.
        case pending
        /// Somebody has.
        case decided
        /// Nobody did before the deadline: it counts as refused, and nobody can decide any more.
        case expired
    }

    /// Its name within the session, 1 to 256 bytes.
    public var key: String
    /// What is asked; any JSON value.
    public var prompt: JSON
    /// Who may decide; anybody when empty.
    public var deciders: [String]
    /// Until when; `nil` for as long as the session lives.
    public var expiresAt: Timestamp?
    /// How far it is.
    public var status: Status
    /// What was decided, 1 to 64 bytes; ``approved`` is the only one that counts as yes.
    public var decision: String?
    /// Who decided.
    public var decidedBy: String?
    /// What the decider added.
    public var comment: JSON?
    /// When it was asked.
    public var createdAt: Timestamp
    /// When it was decided.
    public var decidedAt: Timestamp?

    /// The decision that says yes.
    public static let approved = "approved"
    /// The most approvals that a session remembers: the oldest that is not pending makes room.
    public static let maximumPerSession = 1_000
    /// The most approvals of one page.
    public static let maximumPage = 100
    /// The largest prompt or comment, in bytes.
    public static let maximumValueBytes = 64 << 10
    /// The most names of who may decide.
    public static let maximumDeciders = 64

    /// Whether somebody who may has said yes in time. Everything else is no.
    public var isApproved: Bool { status == .decided && decision == Approval.approved }

    /// An approval of its parts.
    public init(
        key: String, prompt: JSON, deciders: [String], expiresAt: Timestamp?, status: Status, decision: String?, decidedBy: String?, comment: JSON?,
        createdAt: Timestamp, decidedAt: Timestamp?
    ) {
        self.key = key
        self.prompt = prompt
        self.deciders = deciders
        self.expiresAt = expiresAt
        self.status = status
        self.decision = decision
        self.decidedBy = decidedBy
        self.comment = comment
        self.createdAt = createdAt
        self.decidedAt = decidedAt
    }
}

/// A question to ask.
public struct ApprovalRequest: Hashable, Sendable {
    /// Its name within the session.
    public var key: String
    /// What is asked.
    public var prompt: JSON
    /// Who may decide; anybody when empty.
    public var deciders: [String]
    /// Until when.
    public var expiresAt: Timestamp?

    /// A question of its parts.
    public init(key: String, prompt: JSON, deciders: [String] = [], expiresAt: Timestamp? = nil) {
        self.key = key
        self.prompt = prompt
        self.deciders = deciders
        self.expiresAt = expiresAt
    }
}

/// Somebody's answer.
public struct ApprovalDecision: Hashable, Sendable {
    /// The answer, 1 to 64 bytes.
    public var decision: String
    /// Who answers, 1 to 256 bytes.
    public var by: String
    /// What they add.
    public var comment: JSON?

    /// An answer of its parts.
    public init(_ decision: String, by: String, comment: JSON? = nil) {
        self.decision = decision
        self.by = by
        self.comment = comment
    }
}
