/// What a store knows of a session, its events and state apart.
public struct SessionRecord: Hashable, Sendable {
    /// Whether a conversation goes on.
    public enum Status: String, Sendable, CaseIterable {
        /// In use.
        case active
        /// Set aside.
        case paused
        /// Over. Nothing is refused because of it: it says what people mean, not what the store allows.
        case completed
    }

    /// Which session.
    public let key: SessionKey
    /// A title for people.
    public var title: String?
    /// Whether the conversation goes on.
    public var status: Status
    /// Goes up by one with every change.
    public var version: Int
    /// When it was created.
    public var createdAt: Timestamp
    /// When it was last changed.
    public var updatedAt: Timestamp
    /// When it vanishes unless it is written before; `nil` for never.
    public var expiresAt: Timestamp?
    /// How long it lives after a write, in seconds; `nil` for ever.
    public var ttl: Int?
    /// How many events are shown: those appended or taken over, less those trimmed, removed, forgotten or hidden by a rewind.
    public var eventCount: Int
    /// Where the newest event stands, whether it is still there or not; ``Offset/start`` before the first.
    public var tail: Offset
    /// Where the newest event stands of those that were trimmed or forgotten; a reader that stands before it has missed something.
    public var floor: Offset
    /// 16 hexadecimal digits, random at creation: a session deleted and created again is another one.
    public var generation: String
    /// Words to find it by.
    public var tags: [String]
    /// Anything that its owner attached; an object.
    public var metadata: JSON
    /// Who takes part; an array of names or of objects with an `id`.
    public var participants: JSON
    /// The agent whose turn it is.
    public var activeAgent: String?
    /// The lease that is held; `nil` for none.
    public var lease: Lease?
    /// What becomes of writes without an epoch while a lease is held.
    public var leasePolicy: LeasePolicy
    /// Where it was forked; `nil` when it is no fork.
    public var parent: BranchPoint?
    /// About how many tokens all events have that were ever appended, each as it was then; see ``EventDraft/tokens``. It never goes back: edits, removals and
    /// trimming leave it alone. A fork begins with what its parent has.
    public var tokens: Int

    /// The sequence number of the newest event; 0 before the first.
    public var lastSeq: Int { tail.seq }

    /// The place after which everything that is left can be read.
    public var earliest: Offset { floor }

    /// A record with all its fields.
    public init(
        key: SessionKey, title: String?, status: Status, version: Int, createdAt: Timestamp, updatedAt: Timestamp, expiresAt: Timestamp?,
        ttl: Int?, eventCount: Int, tail: Offset, floor: Offset, generation: String, tags: [String], metadata: JSON, participants: JSON,
        activeAgent: String?, lease: Lease? = nil, leasePolicy: LeasePolicy = .exclusive, parent: BranchPoint? = nil, tokens: Int = 0
    ) {
        self.key = key
        self.title = title
        self.status = status
        self.version = version
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.expiresAt = expiresAt
        self.ttl = ttl
        self.eventCount = eventCount
        self.tail = tail
        self.floor = floor
        self.generation = generation
        self.tags = tags
        self.metadata = metadata
        self.participants = participants
        self.activeAgent = activeAgent
        self.lease = lease
        self.leasePolicy = leasePolicy
        self.parent = parent
        self.tokens = tokens
    }

    /// The id that the store gives to an event whose author gave none: it can be found again without an index, and no
    /// other generation or session has it.
    public func madeID(forSeq seq: Int) -> String { SessionRecord.madeID(generation: generation, seq: seq) }

    /// The id that the store gives to an event whose author gave none.
    public static func madeID(generation: String, seq: Int) -> String {
        // There is one for every event that is read, so it is made in one piece.
        var generation = generation
        return generation.withUTF8 { generation in
            String(unsafeUninitializedCapacity: generation.count + 21) { text in
                var end = text.initialize(fromContentsOf: generation)
                func append(_ byte: UInt8) {
                    text.initializeElement(at: end, to: byte)
                    end += 1
                }
                append(UInt8(ascii: "-"))
                if seq < 0 { append(UInt8(ascii: "-")) }
                let first = end
                var rest = seq.magnitude
                repeat {
                    append(UInt8(ascii: "0") + UInt8(rest % 10))
                    rest /= 10
                } while rest > 0
                text[first..<end].reverse()
                return end
            }
        }
    }

    /// The seq inside an id made for `generation`; `nil` when the id is of another make.
    public static func seq(inMadeID id: String, generation: String) -> Int? {
        guard id.hasPrefix(generation), id.dropFirst(generation.count).first == "-" else { return nil }
        let digits = id.dropFirst(generation.count + 1)
        guard let first = digits.utf8.first, (0x31...0x39).contains(first), let seq = Int(digits) else { return nil }
        return seq
    }

    /// From where to where its events can be read.
    public var extent: LogExtent { LogExtent(tail: tail, floor: floor, generation: generation) }

    /// The cause to refuse a cursor, or `nil` when reading may go on after it; see ``LogExtent/refusal(of:millisecondsAtSeq:)``.
    public func refusal(of cursor: Cursor, millisecondsAtSeq milliseconds: Int?) -> StoreError? {
        extent.refusal(of: cursor, millisecondsAtSeq: milliseconds)
    }
}

/// A session with as much of its state and events as was asked for.
public struct SessionSnapshot: Hashable, Sendable {
    /// What the store knows of the session.
    public var record: SessionRecord
    /// The state that it sees.
    public var state: SessionState
    /// Events, oldest first; empty unless asked for.
    public var events: [Event]
    /// Its tracks, by name; `nil` unless asked for.
    public var tracks: [Track]?
    /// Its summaries, by filter; `nil` unless asked for.
    public var summaries: [Summary]?

    /// A snapshot of its parts.
    public init(record: SessionRecord, state: SessionState, events: [Event] = [], tracks: [Track]? = nil, summaries: [Summary]? = nil) {
        self.record = record
        self.state = state
        self.events = events
        self.tracks = tracks
        self.summaries = summaries
    }
}
