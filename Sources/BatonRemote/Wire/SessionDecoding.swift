internal import BatonCore

extension SessionPage {
    init(decoding bytes: [UInt8], order: SessionQuery.Order) throws(StoreError) {
        var sessions: [SessionSnapshot]?
        var next: String?
        try WireScanner.document(bytes) { (scanner, bytes, name) throws(StoreError) in
            switch name {
            case "sessions":
                sessions = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try SessionFields(&scanner, bytes).snapshot() }
            case "next": next = try scanner.string(bytes)
            default: try scanner.skip(bytes)
            }
        }
        guard let sessions else { throw WireError.incompatible("a page without sessions") }
        let position: SessionQuery.Position? = if let next { try SessionQuery.Position(cursor: next, order: order) } else { nil }
        self.init(sessions: sessions, next: position)
    }
}

extension SessionSnapshot {
    init(decoding bytes: [UInt8], of key: SessionKey) throws(StoreError) {
        var scanner = WireScanner()
        self = try SessionFields(&scanner, bytes.span).snapshot()
        guard record.key == key else { throw WireError.incompatible("another session than the one that was asked for") }
    }
}

/// The members of a session object, as far as they were there.
private struct SessionFields {
    private var app: String?
    private var user: String?
    private var id: String?
    private var title: String?
    private var status: SessionRecord.Status?
    private var version: Int?
    private var createdAt: Timestamp?
    private var updatedAt: Timestamp?
    private var expiresAt: Timestamp?
    private var ttl: Int?
    private var eventCount: Int?
    private var tokens = 0
    private var tail: Offset?
    private var earliest: Offset?
    private var generation: String?
    private var tags: [String] = []
    private var metadata = JSON.emptyObject
    private var participants = JSON.emptyArray
    private var activeAgent: String?
    private var lease: Lease?
    private var leasePolicy = LeasePolicy.exclusive
    private var parent: BranchPoint?
    private var state = SessionState()
    private var events: [Event] = []

    init(_ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        var fields = SessionFields()
        try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in try fields.read(name, &scanner, bytes) }
        self = fields
    }

    private init() {}

    private mutating func read(_ name: String, _ scanner: inout WireScanner, _ bytes: Span<UInt8>) throws(StoreError) {
        switch name {
        case "app": app = try scanner.string(bytes)
        case "user": user = try scanner.string(bytes)
        case "id": id = try scanner.string(bytes)
        case "title": title = try scanner.string(bytes)
        case "status": status = try scanner.string(bytes).flatMap { SessionRecord.Status(rawValue: $0) }
        case "version": version = try scanner.int(bytes)
        case "createdAt": createdAt = try scanner.time(bytes)
        case "updatedAt": updatedAt = try scanner.time(bytes)
        case "expiresAt": expiresAt = try scanner.time(bytes)
        case "ttl": ttl = try scanner.int(bytes)
        case "eventCount": eventCount = try scanner.int(bytes)
        case "tokens": tokens = try scanner.int(bytes) ?? 0
        case "tail": tail = try scanner.offset(bytes)
        case "earliest": earliest = try scanner.offset(bytes)
        case "generation": generation = try scanner.string(bytes)
        case "tags": tags = try scanner.json(bytes).elements?.compactMap(\.stringValue) ?? []
        case "metadata": metadata = try scanner.json(bytes)
        case "participants": participants = try scanner.json(bytes)
        case "activeAgent": activeAgent = try scanner.string(bytes)
        case "lease": lease = try Lease(decoding: scanner.json(bytes))
        case "leasePolicy": leasePolicy = try scanner.string(bytes).flatMap { LeasePolicy(rawValue: $0) } ?? .exclusive
        case "parent":
            let value = try scanner.json(bytes)
            var inner = WireScanner()
            if !value.isNull { parent = try BranchPoint(&inner, value.bytes.span) }
        case "state":
            var merged: [String: JSON] = [:]
            try scanner.object(bytes) { (scanner, bytes, name) throws(StoreError) in merged[name] = try scanner.json(bytes) }
            state = SessionState(merged: merged)
        case "events": events = try scanner.array(bytes) { (scanner, bytes) throws(StoreError) in try Event(&scanner, bytes) }
        default: try scanner.skip(bytes)
        }
    }

    func snapshot() throws(StoreError) -> SessionSnapshot {
        guard let app, let user, let id, let status, let version, let createdAt, let updatedAt, let eventCount, let tail, let earliest,
            let generation
        else { throw WireError.incompatible("a session without all its fields") }
        let record = SessionRecord(
            key: try SessionKey(app: app, user: user, id: id), title: title, status: status, version: version, createdAt: createdAt,
            updatedAt: updatedAt, expiresAt: expiresAt, ttl: ttl, eventCount: eventCount, tail: tail, floor: earliest, generation: generation,
            tags: tags, metadata: metadata, participants: participants, activeAgent: activeAgent, lease: lease,
            leasePolicy: leasePolicy, parent: parent, tokens: tokens)
        return SessionSnapshot(record: record, state: state, events: events)
    }
}

extension Lease {
    /// The lease that was asked for.
    init(answer bytes: [UInt8]) throws(StoreError) {
        var scanner = WireScanner()
        guard let lease = try Lease(decoding: scanner.json(bytes.span)) else { throw WireError.incompatible("no lease") }
        self = lease
    }

    /// A lease object; `nil` for `null`.
    init?(decoding value: JSON) throws(StoreError) {
        if value.isNull { return nil }
        guard let holder = value["holder"]?.stringValue, let epoch = value["epoch"]?.intValue,
            let expiresAt = value["expiresAt"]?.stringValue.flatMap({ Timestamp($0) })
        else { throw WireError.incompatible("a lease without holder, epoch or expiresAt") }
        self.init(holder: holder, epoch: epoch, expiresAt: expiresAt)
    }
}
