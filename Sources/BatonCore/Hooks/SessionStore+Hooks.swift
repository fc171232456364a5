extension SessionStore {
    /// The same store with hooks around its appends and reads, behind those that it has. The storage is shared: closing either closes both.
    ///
    /// A hook that has to look at the store holds the one without itself.
    public func with(hooks: Hooks) -> SessionStore {
        SessionStore(self, on: storage, hooks: self.hooks?.followed(by: hooks) ?? hooks, tracer: tracer, summarizing: summarizing)
    }
}

extension EventBatch {
    /// Gives every event to `change`, for hooks, and checks what became of it.
    /// - Throws: what `change` throws, or a ``StoreError`` for an event that is not allowed.
    public mutating func changeEvents(_ change: (inout NewEvent) throws -> Void) throws {
        for index in events.indices {
            var event = NewEvent(events[index])
            try change(&event)
            events[index] = try EventDraft(event)
        }
    }
}

extension NewEvent {
    /// The event that a draft was made of; its temporary state is gone.
    public init(_ draft: EventDraft) {
        var fields: [String: JSON] = [:]
        for (name, value) in draft.body.members ?? [] { fields[name] = value }
        self.init(
            fields["content"] ?? .null, id: draft.id, author: draft.author, role: draft.role, type: draft.type, branch: draft.branch,
            invocation: fields["invocation"]?.stringValue, isPartial: fields["partial"] != nil,
            stateDelta: Dictionary(fields["stateDelta"]?.members ?? []) { $1 }, usage: fields["usage"], metadata: fields["metadata"])
    }
}
