public import BatonTelemetry

/// Events to append to one session, all or none, and what has to hold for it.
public struct EventBatch: Hashable, Sendable {
    /// The events, at least one.
    public var events: [EventDraft]
    /// The last seq that the writer knows; the append is refused when it is another by now.
    public var expectedSeq: Int?
    /// A name for this request: appending with it again stores nothing and gives the first receipt; 1 to 256 bytes.
    public var idempotencyKey: String?
    /// Whether an absent session is created first, with the store's defaults.
    public var createsSession: Bool
    /// The epoch of the lease that the writer holds.
    public var epoch: Int?
    /// What becomes of the session's active agent in the same step.
    public var agent: AgentChange?
    /// The span that appends it, kept with the events; no part of the request, so a retry may have another.
    public var trace: TraceContext?
    /// The events as they were given, when contents of them are kept apart.
    private var given: [EventDraft]?

    /// How many idempotency keys a session remembers; older ones are forgotten first.
    public static let rememberedKeys = 1024

    /// A batch with its conditions.
    public init(
        _ events: [EventDraft], expectedSeq: Int? = nil, idempotencyKey: String? = nil, createsSession: Bool = false, epoch: Int? = nil,
        agent: AgentChange? = nil, trace: TraceContext? = nil
    ) {
        self.events = events
        self.expectedSeq = expectedSeq
        self.idempotencyKey = idempotencyKey
        self.createsSession = createsSession
        self.epoch = epoch
        self.agent = agent
        self.trace = trace
    }

    /// The same batch with contents of more than `limit` bytes beside their events. It stays the same request.
    func apart(over limit: Int) -> EventBatch {
        guard events.contains(where: { $0.contentBytes > limit }) else { return self }
        var batch = self
        batch.given = given ?? events
        batch.events = events.map { $0.contentBytes > limit ? $0.apart() : $0 }
        return batch
    }

    /// A number that tells requests with the same idempotency key apart when they are not the same request (FNV-1a over ids and bodies).
    public var fingerprint: Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for event in given ?? events {
            for byte in (event.id ?? "").utf8 { mix(byte) }
            mix(0xFF)
            for byte in event.body.bytes { mix(byte) }
            mix(0xFF)
        }
        if let agent {
            for byte in agent.to.utf8 { mix(byte) }
            mix(0xFF)
            for byte in (agent.from ?? "").utf8 { mix(byte) }
        }
        return Int(truncatingIfNeeded: hash)
    }
}

/// The turn of an agent that ends with a batch, and of another that begins.
public struct AgentChange: Hashable, Sendable {
    /// The agent that has to be the active one; `nil` for nobody.
    public var from: String?
    /// The agent that becomes the active one.
    public var to: String

    /// A change from an agent to another.
    public init(from: String?, to: String) {
        self.from = from
        self.to = to
    }

    /// Checks that the active agent is the one whose turn ends.
    /// - Throws: ``StoreError/Code/conflict`` with the active agent.
    public func check(active: String?) throws(StoreError) {
        let isSame =
            switch (from, active) {
            case (nil, nil): true
            case (let from?, let active?): from.utf8.elementsEqual(active.utf8)
            default: false
            }
        guard isSame else { throw StoreError.otherAgent(active: active) }
    }
}

extension StoreError {
    /// Another agent is the active one than the one whose turn was to end.
    public static func otherAgent(active: String?) -> StoreError {
        StoreError(.conflict, "the turn is another agent's than the one that was named", detail: .activeAgent(active))
    }
}

/// What became of an append.
public struct AppendReceipt: Hashable, Sendable {
    /// Where one event was stored.
    public struct Entry: Hashable, Sendable {
        /// The event's id.
        public var id: String
        /// Where it stands.
        public var offset: Offset
        /// Whether it had been stored before, so that this call stored nothing.
        public var isDuplicate: Bool

        /// An entry of its parts.
        public init(id: String, offset: Offset, isDuplicate: Bool) {
            self.id = id
            self.offset = offset
            self.isDuplicate = isDuplicate
        }

        /// The sequence number of the event.
        public var seq: Int { offset.seq }
        /// When the store accepted it.
        public var time: Timestamp { Timestamp(milliseconds: offset.milliseconds) }
    }

    /// One entry for each event of the batch, in its order.
    public var entries: [Entry]
    /// The session's version afterwards.
    public var version: Int
    /// Where the session's newest event stands afterwards.
    public var tail: Offset
    /// How many replicas have it; `nil` when that was not asked for.
    public var confirmedReplicas: Int?

    /// A receipt of its parts.
    public init(entries: [Entry], version: Int, tail: Offset, confirmedReplicas: Int? = nil) {
        self.entries = entries
        self.version = version
        self.tail = tail
        self.confirmedReplicas = confirmedReplicas
    }

    /// Whether nothing was stored.
    public var isDuplicate: Bool { entries.allSatisfy(\.isDuplicate) }
}
