/// What a session is created with.
public struct SessionDraft: Hashable, Sendable {
    /// How long a session lives after each write.
    public enum Lifetime: Hashable, Sendable {
        /// As the store is configured.
        case storeDefault
        /// For ever.
        case unlimited
        /// This many seconds, at least 1.
        case seconds(Int)
    }

    /// A title for people; at most 1,024 bytes.
    public var title: String?
    /// Words to find it by; at most 64, each a name.
    public var tags: [String]
    /// Anything to attach; an object of at most 64 KiB.
    public var metadata: JSON
    /// State to begin with; keys may be prefixed with `app:` and `user:`.
    public var state: StateDelta
    /// How long it lives after each write.
    public var lifetime: Lifetime
    /// Who takes part; an array of names or of objects with an `id`, at most 64 KiB.
    public var participants: JSON
    /// What becomes of writes without an epoch while somebody holds the lease.
    public var leasePolicy: LeasePolicy

    /// The longest lifetime in seconds: a hundred years.
    public static let maximumTTL = 3_155_760_000
    /// The largest metadata and the largest list of participants, in bytes.
    public static let maximumMetadataBytes = 64 << 10

    /// A draft with what is given.
    public init(
        title: String? = nil, tags: [String] = [], metadata: JSON = .emptyObject, state: StateDelta = StateDelta(),
        lifetime: Lifetime = .storeDefault, participants: JSON = .emptyArray, leasePolicy: LeasePolicy = .exclusive
    ) {
        self.title = title
        self.tags = tags
        self.metadata = metadata
        self.state = state
        self.lifetime = lifetime
        self.participants = participants
        self.leasePolicy = leasePolicy
    }
}

/// What becomes of one field of a session.
public enum FieldChange<Value: Hashable & Sendable>: Hashable, Sendable {
    /// It stays as it is.
    case keep
    /// It takes this value.
    case set(Value)

    /// The value to take, or `current`.
    public func applied(to current: Value) -> Value {
        switch self {
        case .keep: current
        case .set(let value): value
        }
    }
}

/// Changes of a session's own fields.
public struct SessionPatch: Hashable, Sendable {
    /// The title; `nil` takes it away.
    public var title: FieldChange<String?> = .keep
    /// The tags, all of them.
    public var tags: FieldChange<[String]> = .keep
    /// A merge patch (RFC 7396) of the metadata; `null` empties it.
    public var metadata: JSON?
    /// Whether the conversation goes on.
    public var status: FieldChange<SessionRecord.Status> = .keep
    /// How long it lives after each write, counted from this change; `nil` for ever.
    public var ttl: FieldChange<Int?> = .keep
    /// The agent whose turn it is; `nil` for nobody.
    public var activeAgent: FieldChange<String?> = .keep
    /// Who takes part, all of them.
    public var participants: FieldChange<JSON> = .keep
    /// What becomes of writes without an epoch while somebody holds the lease.
    public var leasePolicy: FieldChange<LeasePolicy> = .keep

    /// No change.
    public init() {}

    /// The record after these changes. Version and times are the storage's to move.
    /// - Throws: ``StoreError/Code/tooLarge`` when the metadata would grow over its limit.
    public func applied(to record: SessionRecord) throws(StoreError) -> SessionRecord {
        var record = record
        record.title = title.applied(to: record.title)
        record.tags = tags.applied(to: record.tags)
        if let metadata { record.metadata = metadata.isNull ? .emptyObject : record.metadata.merging(metadata) }
        try Check.object(record.metadata, "metadata")
        record.status = status.applied(to: record.status)
        record.ttl = ttl.applied(to: record.ttl)
        record.activeAgent = activeAgent.applied(to: record.activeAgent)
        record.participants = participants.applied(to: record.participants)
        record.leasePolicy = leasePolicy.applied(to: record.leasePolicy)
        return record
    }
}

/// Changes of one stored event: its content, and what its author attached. Who, what kind and where stay as they are.
public struct EventPatch: Hashable, Sendable {
    /// The new content.
    public var content: JSON
    /// New usage; `nil` keeps what is there.
    public var usage: JSON?
    /// New metadata; `nil` keeps what is there.
    public var metadata: JSON?
    /// The new content when it is kept apart; ``content`` is `null` then.
    package private(set) var blob: Blob?

    /// A patch that replaces the content.
    public init(content: JSON, usage: JSON? = nil, metadata: JSON? = nil) {
        self.content = content
        self.usage = usage
        self.metadata = metadata
    }

    /// The same patch with its content beside it.
    func apart() -> EventPatch {
        var patch = self
        patch.blob = Blob(content.bytes)
        patch.content = .null
        return patch
    }

    /// The body of an event after these changes; it refers to its content when that is kept apart.
    public func applied(to body: JSON) -> JSON {
        let body = BlobReference(inBody: body) == nil ? body : body.joined(with: JSON.null.bytes)
        let changed = replaced(in: body)
        return blob.map { changed.referring(to: $0.reference) } ?? changed
    }

    private func replaced(in body: JSON) -> JSON {
        var writer = JSONWriter(reserving: body.bytes.count + content.bytes.count)
        writer.object { writer in
            var usage = usage
            var metadata = metadata
            // The trace of its making stays the last.
            var trace: [(name: String, value: JSON)] = []
            for (name, value) in body.members ?? [] {
                switch name {
                case "content": writer.member(name, content)
                case "usage":
                    writer.member(name, usage ?? value)
                    usage = nil
                case "metadata":
                    writer.member(name, metadata ?? value)
                    metadata = nil
                case "tracestate", "traceparent": trace.append((name, value))
                default: writer.member(name, value)
                }
            }
            if let usage { writer.member("usage", usage) }
            if let metadata { writer.member("metadata", metadata) }
            for (name, value) in trace { writer.member(name, value) }
        }
        return JSON(checked: writer.bytes)
    }
}

extension JSON {
    /// `{}`.
    public static let emptyObject = JSON(checked: [UInt8(ascii: "{"), UInt8(ascii: "}")])
    /// `[]`.
    public static let emptyArray = JSON(checked: [UInt8(ascii: "["), UInt8(ascii: "]")])
}
