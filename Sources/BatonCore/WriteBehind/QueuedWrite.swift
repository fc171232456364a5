public import BatonTelemetry

/// Events that were accepted and are still to be stored: what stands in a queue, and in a spool.
public struct QueuedWrite: Hashable, Sendable {
    /// The session that they are for.
    public let key: SessionKey
    /// The track of the session; `nil` for its events.
    public let track: String?
    /// The events. Each has an id unless the write has an idempotency key, so that storing it again changes nothing.
    public let events: [EventDraft]
    /// Whether an absent session is created first.
    public let createsSession: Bool
    /// The epoch of the lease that the writer held.
    public let epoch: Int?
    /// The track's lifetime in seconds; see ``TrackBatch/ttl``.
    public let ttl: Int?
    /// A name for this write; it is then stored by itself.
    public let idempotencyKey: String?
    /// The trace that the write was accepted in, which goes with its events. It is not kept in a spool.
    public private(set) var trace: TraceContext?

    /// A write of its parts.
    public init(
        to key: SessionKey, track: String? = nil, _ events: [EventDraft], createsSession: Bool = false, epoch: Int? = nil, ttl: Int? = nil,
        idempotencyKey: String? = nil
    ) {
        self.key = key
        self.track = track
        self.events = events
        self.createsSession = createsSession
        self.epoch = epoch
        self.ttl = ttl
        self.idempotencyKey = idempotencyKey
    }

    /// About as many bytes as it takes in memory.
    var bytes: Int { events.reduce(128) { $0 + $1.body.bytes.count + 160 } }

    /// The same write, accepted in the trace that the current task works for.
    func carryingTrace() -> QueuedWrite {
        guard track == nil, let context = TraceContext.current, context.isSampled else { return self }
        var write = self
        write.trace = context
        return write
    }

    /// Whether both can be stored in one step with the same effect as one after the other.
    func joins(_ other: QueuedWrite) -> Bool {
        guard idempotencyKey == nil, other.idempotencyKey == nil, epoch == other.epoch, createsSession == other.createsSession, ttl == other.ttl,
            trace == other.trace
        else { return false }
        return switch (track, other.track) {
        case (nil, nil): true
        case (let track?, let other?): Name.isSame(track, other)
        default: false
        }
    }

    /// The events of writes that join, as one write.
    init?(joining writes: some Collection<QueuedWrite>) {
        guard let first = writes.first else { return nil }
        self.init(
            to: first.key, track: first.track, writes.count == 1 ? first.events : writes.flatMap(\.events), createsSession: first.createsSession,
            epoch: first.epoch, ttl: first.ttl, idempotencyKey: first.idempotencyKey)
        trace = first.trace
    }

    /// Stores it. Returns what was appended to the session and where; `nil` for a track's.
    func store(in storage: any Storage) async throws(StoreError) -> (batch: EventBatch, receipt: AppendReceipt)? {
        if let track {
            _ = try await storage.append(TrackBatch(events, ttl: ttl, epoch: epoch), toTrack: track, of: key)
            return nil
        }
        var batch = EventBatch(events, idempotencyKey: idempotencyKey, createsSession: createsSession, epoch: epoch)
        batch.trace = trace
        return (batch, try await storage.append(batch, to: key))
    }
}
