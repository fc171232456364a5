/// One event of a session's log: what somebody said or did, and where it stands.
///
/// The store numbers and times an event; everything else is its author's and is kept as the bytes that were given. The
/// fields of the author are read out of these bytes when they are asked for, so that passing events on costs nothing.
public struct Event: Hashable, Sendable {
    /// The author's id, or one made by the store. Unique in the session.
    public let id: String
    /// Where it stands: 1, 2, 3… without holes.
    public let seq: Int
    /// When the store accepted it; never earlier than the event before it.
    public let time: Timestamp
    /// When its content was last replaced; `nil` when it never was.
    public let editedAt: Timestamp?
    /// The author's fields as one JSON object.
    public let body: JSON

    /// An event as a storage read it.
    public init(id: String, seq: Int, time: Timestamp, editedAt: Timestamp? = nil, body: JSON) {
        self.id = id
        self.seq = seq
        self.time = time
        self.editedAt = editedAt
        self.body = body
    }

    /// Where it stands, as readers write it.
    public var offset: Offset { Offset(milliseconds: time.milliseconds, seq: seq) }
    /// Who made it: an agent's name, a user's id.
    public var author: String? { body["author"]?.stringValue }
    /// `user`, `assistant`, `tool`, `system`, or a role of the framework's own.
    public var role: String? { body["role"]?.stringValue }
    /// What kind of event it is, in the words of the framework.
    public var type: String? { body["type"]?.stringValue }
    /// The branch of a conversation among several agents.
    public var branch: String? { body["branch"]?.stringValue }
    /// The run that it belongs to.
    public var invocation: String? { body["invocation"]?.stringValue }
    /// Whether it is a piece of something that is still being made.
    public var isPartial: Bool { body["partial"]?.bytes == Array("true".utf8) }
    /// What was said or done.
    public var content: JSON { body["content"] ?? .null }
    /// The state changes that were committed with it, as they were written; temporary keys left out.
    public var stateDelta: JSON? { body["stateDelta"] }
    /// Tokens and costs, in the words of the framework.
    public var usage: JSON? { body["usage"] }
    /// Anything else that the author attached.
    public var metadata: JSON? { body["metadata"] }
}

/// An event that is still to be appended.
public struct NewEvent: Hashable, Sendable {
    /// The author's own id, 1 to 128 bytes; appending it a second time stores nothing. `nil` lets the store make one.
    public var id: String?
    /// Who made it.
    public var author: String?
    /// `user`, `assistant`, `tool`, `system`, or a role of the framework's own.
    public var role: String?
    /// What kind of event it is, in the words of the framework.
    public var type: String?
    /// The branch of a conversation among several agents.
    public var branch: String?
    /// The run that it belongs to.
    public var invocation: String?
    /// Whether it is a piece of something that is still being made.
    public var isPartial: Bool
    /// What was said or done; stored byte for byte.
    public var content: JSON
    /// State changes that are committed with it: a value sets its key, `null` removes it. Keys may be prefixed with
    /// `app:`, `user:` or `temp:`; temporary ones are never stored.
    public var stateDelta: [String: JSON]
    /// Tokens and costs, in the words of the framework; an object.
    public var usage: JSON?
    /// Anything else to attach; an object.
    public var metadata: JSON?

    /// An event with this content.
    public init(
        _ content: JSON, id: String? = nil, author: String? = nil, role: String? = nil, type: String? = nil, branch: String? = nil,
        invocation: String? = nil, isPartial: Bool = false, stateDelta: [String: JSON] = [:], usage: JSON? = nil, metadata: JSON? = nil
    ) {
        self.id = id
        self.author = author
        self.role = role
        self.type = type
        self.branch = branch
        self.invocation = invocation
        self.isPartial = isPartial
        self.content = content
        self.stateDelta = stateDelta
        self.usage = usage
        self.metadata = metadata
    }

    /// A message of plain text.
    public static func message(_ text: String, role: String, author: String? = nil, id: String? = nil) -> NewEvent {
        NewEvent(JSON(string: text), id: id, author: author, role: role)
    }
}
