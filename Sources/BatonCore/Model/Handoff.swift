/// One agent hands a conversation to another.
public struct Handoff: Hashable, Sendable {
    /// The agent whose turn ends; `nil` for whoever it is.
    public var from: String?
    /// The agent whose turn begins.
    public var to: String
    /// Why, for people; at most 4,096 bytes.
    public var reason: String?
    /// What the next agent has to know; any JSON value.
    public var context: JSON?

    /// The type of the events that handoffs leave.
    public static let eventType = "session.handoff"

    /// A handoff of its parts.
    public init(to: String, from: String? = nil, reason: String? = nil, context: JSON? = nil) {
        self.from = from
        self.to = to
        self.reason = reason
        self.context = context
    }

    /// Reads the body of a request to hand a session off.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsing bytes: [UInt8]) throws(StoreError) {
        var to: String?
        var from: String?
        var reason: String?
        var context: JSON?
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "to": to = try field.string()
            case "from": from = try field.string()
            case "reason": reason = try field.string()
            case "context": context = field.raw
            default: throw field.unknown(allowed: "to, from, reason, context")
            }
        }
        guard let to else { throw StoreError(.invalidField, "to is missing: the agent whose turn begins") }
        self.init(to: to, from: from, reason: reason, context: context)
    }

    func checked() throws(StoreError) -> Handoff {
        _ = try Name.checked(to, "to")
        if let from { _ = try Name.checked(from, "from") }
        guard reason?.utf8.count ?? 0 <= 4096 else { throw StoreError(.invalidField, "reason may have at most 4096 bytes") }
        return self
    }

    /// The event of a handoff from the agent that is active.
    func event(from active: String?) throws(StoreError) -> EventDraft {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("from")
            writer.string(active)
            writer.name("to")
            writer.string(to)
            writer.name("reason")
            writer.string(reason)
            writer.member("context", context ?? .null)
        }
        // Read once more: a context as deep as may be is one level too deep inside an object.
        return try EventDraft(NewEvent(try JSON(writer.bytes), type: Handoff.eventType))
    }
}

extension SessionStore {
    /// Hands a session to another agent: the active agent changes, and an event of the type ``Handoff/eventType`` says so, in one step.
    /// - Throws: ``StoreError/Code/conflict`` when the agent is the active one already, or when `from` is given and is not.
    @discardableResult
    public func handOff(
        _ handoff: Handoff, in key: SessionKey, idempotencyKey: String? = nil, epoch: Int? = nil
    ) async throws(StoreError) -> AppendReceipt {
        let handoff = try handoff.checked()
        var attempts = 0
        while true {
            let active: String?
            if let from = handoff.from { active = from } else { active = try await load(key, SnapshotQuery()).record.activeAgent }
            guard active.map({ !$0.utf8.elementsEqual(handoff.to.utf8) }) ?? true else {
                throw StoreError(.conflict, "this agent has the turn already", detail: .activeAgent(active))
            }
            let batch = EventBatch(
                [try handoff.event(from: active)], idempotencyKey: idempotencyKey, epoch: epoch, agent: AgentChange(from: active, to: handoff.to))
            do throws(StoreError) { return try await append(batch, to: key) } catch {
                // Somebody else handed off between the look and the append.
                attempts += 1
                guard handoff.from == nil, case .activeAgent = error.detail, attempts < 8 else { throw error }
            }
        }
    }
}

extension Session {
    /// Hands the session to another agent, with what it has to know.
    /// - Throws: ``StoreError/Code/conflict`` when the agent is the active one already, or when `from` is given and is not.
    @discardableResult
    public func handOff(
        to agent: String, from: String? = nil, reason: String? = nil, context: JSON? = nil, idempotencyKey: String? = nil, epoch: Int? = nil
    ) async throws(StoreError) -> AppendReceipt {
        try await store.handOff(
            Handoff(to: agent, from: from, reason: reason, context: context), in: key, idempotencyKey: idempotencyKey, epoch: epoch)
    }

    /// A page of the session's handoffs, oldest first.
    public func handoffs(after cursor: Cursor? = nil, limit: Int = 100) async throws(StoreError) -> EventPage {
        var filter = EventFilter()
        filter.types = [Handoff.eventType]
        return try await store.events(in: key, EventQuery(after: cursor, limit: limit, filter: filter))
    }

    // MARK: - Leases

    /// Acquires the right to write the session; see ``SessionStore/acquireLease(on:for:ttl:waiting:stealing:)``.
    public func acquireLease(
        for holder: String, ttl: Duration = .seconds(30), waiting wait: Duration = .zero, stealing: Bool = false
    ) async throws(StoreError) -> Lease {
        try await store.acquireLease(on: key, for: holder, ttl: ttl, waiting: wait, stealing: stealing)
    }
}
