/// Where a session branches off, and what it has of its own from the start. Everything that is not given is as its parent has it.
public struct ForkDraft: Hashable, Sendable {
    /// The last place of the parent's log that the fork takes over; `nil` for its end. An event that a rewind has hidden is a place too: the
    /// fork then shows what the parent showed when that event was its newest.
    public var at: Cursor?
    /// The title; `nil` for none.
    public var title: FieldChange<String?> = .keep
    /// The tags, all of them.
    public var tags: FieldChange<[String]> = .keep
    /// The metadata, all of it; an object of at most 64 KiB.
    public var metadata: FieldChange<JSON> = .keep
    /// Who takes part, all of them.
    public var participants: FieldChange<JSON> = .keep
    /// The agent whose turn it is; `nil` for nobody.
    public var activeAgent: FieldChange<String?> = .keep
    /// How long it lives after each write, in seconds; `nil` for ever.
    public var ttl: FieldChange<Int?> = .keep
    /// Keys of the session's own state to set over the parent's as it is now; `null` takes a key away.
    public var state: [String: JSON] = [:]

    /// Whether it is done though somebody else holds the parent's lease.
    public var force = false

    /// A fork of everything up to a place.
    public init(at: Cursor? = nil) { self.at = at }

    /// What the fork's record is made from: the parent's fields with what the draft says of them.
    public func fields(over parent: SessionRecord) -> SessionRecord {
        var record = parent
        record.title = title.applied(to: parent.title)
        record.tags = tags.applied(to: parent.tags)
        record.metadata = metadata.applied(to: parent.metadata)
        record.participants = participants.applied(to: parent.participants)
        record.activeAgent = activeAgent.applied(to: parent.activeAgent)
        record.ttl = ttl.applied(to: parent.ttl)
        return record
    }

    /// This draft when it may be stored.
    func checked() throws(StoreError) -> ForkDraft {
        if case .set(let title) = title { try Check.title(title) }
        if case .set(let tags) = tags { try Check.tags(tags) }
        if case .set(let metadata) = metadata { try Check.object(metadata, "metadata") }
        if case .set(let participants) = participants { try Check.participants(participants) }
        if case .set(let seconds?) = ttl { try Check.ttl(seconds) }
        if case .set(let agent?) = activeAgent { _ = try Name.checked(agent, "activeAgent") }
        guard state.count <= StateDelta.maximumChanges else {
            throw StoreError(.tooLarge, "state has \(state.count) keys; one request changes at most \(StateDelta.maximumChanges)")
        }
        for (key, value) in state {
            guard case (.session, _) = StateDelta.split(key) else {
                throw StoreError(.invalidField, "state has a key of another scope; a fork begins with changes of its own state only")
            }
            _ = try Name.checked(key, "a state key")
            guard value.bytes.count <= StateDelta.maximumValueBytes else {
                throw StoreError(.tooLarge, "state has a value of \(value.bytes.count) bytes; it may have at most \(StateDelta.maximumValueBytes)")
            }
        }
        return self
    }
}
