// How requests are read: strictly, so that a typo never loses data.

extension SessionDraft {
    /// Reads the body of a request to create a session; an empty body asks for the defaults.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public static func parsing(_ bytes: [UInt8]) throws(StoreError) -> (id: String?, draft: SessionDraft) {
        var id: String?
        var draft = SessionDraft()
        try ObjectReader.document(bytes, at: "", emptyAllowed: true) { (field) throws(StoreError) in
            switch field.name {
            case "id": id = try field.string()
            case "title": draft.title = try field.string()
            case "tags": draft.tags = try field.strings() ?? []
            case "metadata": draft.metadata = try field.object() ?? .emptyObject
            case "state": if let state = try field.object() { draft.state = try StateDelta(settingMembersOf: state, in: "state") }
            case "ttl": draft.lifetime = try field.int(in: 1...SessionDraft.maximumTTL).map { .seconds($0) } ?? .unlimited
            case "participants": draft.participants = field.isNull ? .emptyArray : field.raw
            case "leasePolicy": draft.leasePolicy = try field.leasePolicy() ?? .exclusive
            default: throw field.unknown(allowed: "id, title, tags, metadata, state, ttl, participants, leasePolicy")
            }
        }
        return (id, draft)
    }
}

extension SessionPatch {
    /// Reads the body of a request to change a session.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsing bytes: [UInt8]) throws(StoreError) {
        self.init()
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "title": title = .set(try field.string())
            case "tags": tags = .set(try field.strings() ?? [])
            case "metadata": metadata = field.isNull ? .null : try field.object()
            case "status":
                let names = SessionRecord.Status.allCases.map(\.rawValue).joined(separator: ", ")
                guard let value = SessionRecord.Status(rawValue: try field.string() ?? "") else { throw field.wrongType("one of: \(names)") }
                status = .set(value)
            case "ttl": ttl = .set(try field.int(in: 1...SessionDraft.maximumTTL))
            case "activeAgent": activeAgent = .set(try field.string())
            case "participants": participants = .set(field.isNull ? .emptyArray : field.raw)
            case "leasePolicy": leasePolicy = .set(try field.leasePolicy() ?? .exclusive)
            default: throw field.unknown(allowed: "title, tags, metadata, status, ttl, activeAgent, participants, leasePolicy")
            }
        }
    }
}

extension ObjectReader.Field {
    /// How writes without an epoch are treated; `nil` for `null`.
    fileprivate func leasePolicy() throws(StoreError) -> LeasePolicy? {
        guard let text = try string() else { return nil }
        guard let policy = LeasePolicy(rawValue: text) else {
            throw wrongType("one of: \(LeasePolicy.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return policy
    }
}

extension EventPatch {
    /// Reads the body of a request to replace an event's content.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    public init(parsing bytes: [UInt8]) throws(StoreError) {
        var content: JSON?
        var usage: JSON?
        var metadata: JSON?
        try ObjectReader.document(bytes, at: "event") { (field) throws(StoreError) in
            switch field.name {
            case "content": content = field.raw
            case "usage": usage = try field.object()
            case "metadata": metadata = try field.object()
            default: throw field.unknown(allowed: "content, usage, metadata (the rest of an event cannot be changed)")
            }
        }
        guard let content else { throw StoreError(.invalidField, "event.content is missing; it may be any JSON value") }
        self.init(content: content, usage: usage, metadata: metadata)
    }
}

extension StateChange {
    /// Reads the body of a request to change keys: an array of objects with a `key` and one of `set`, `merge` and `remove`.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``,
    ///   ``StoreError/Code/tooLarge``.
    public static func list(parsing bytes: [UInt8]) throws(StoreError) -> [StateChange] {
        guard let elements = try JSON(bytes).elements else { throw StoreError(.invalidField, "the body has to be an array of changes") }
        guard elements.count <= StateDelta.maximumChanges else {
            throw StoreError(.tooLarge, "the body has \(elements.count) changes; one request makes at most \(StateDelta.maximumChanges)")
        }
        var changes: [StateChange] = []
        for (index, element) in elements.enumerated() {
            let place = "changes[\(index)]"
            var key: String?
            var operations: [Operation] = []
            try ObjectReader.document(element.bytes, at: place) { (field) throws(StoreError) in
                switch field.name {
                case "key": key = try field.string()
                case "set": operations.append(.set(field.raw))
                case "merge": operations.append(.merge(field.raw))
                case "remove":
                    guard try field.bool() == true else { throw field.wrongType("true") }
                    operations.append(.remove)
                default: throw field.unknown(allowed: "key, set, merge, remove")
                }
            }
            guard let key, operations.count == 1 else {
                throw StoreError(.invalidField, "\(place) has to have a key and exactly one of set, merge and remove")
            }
            changes.append(StateChange(key, operations[0]))
        }
        return changes
    }
}

extension SessionQuery.Position {
    /// The cursor that clients pass back. It says what the list is ordered by, so that it cannot be used on another list.
    package func cursor(for order: SessionQuery.Order) -> String {
        var writer = JSONWriter()
        writer.array { writer in
            writer.string(order.rawValue)
            writer.int(time.milliseconds)
            writer.string(user)
            writer.string(id)
        }
        return Hex.text(of: writer.bytes)
    }

    /// Reads a cursor of a list in this order.
    /// - Throws: ``StoreError/Code/invalidCursor``.
    package init(cursor: String, order: SessionQuery.Order) throws(StoreError) {
        guard let bytes = Hex.bytes(of: cursor), let elements = (try? JSON(bytes))?.elements, elements.count == 4,
            let time = elements[1].intValue, let user = elements[2].stringValue, let id = elements[3].stringValue
        else { throw StoreError(.invalidCursor, "cursor is not one that a list has given out") }
        guard elements[0].stringValue == order.rawValue else {
            throw StoreError(.invalidCursor, "cursor belongs to a list in another order; pass the same order with every page")
        }
        self.init(time: Timestamp(milliseconds: time), user: user, id: id)
    }
}

extension LeaseRequest {
    /// Reads the body of a request for a lease, and how long it may wait.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``.
    package static func parsing(_ bytes: [UInt8]) throws(StoreError) -> (request: LeaseRequest, wait: Duration) {
        var holder: String?
        var ttl: Duration?
        var wait = Duration.zero
        var steals = false
        var ticket: String?
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "holder": holder = try field.string()
            case "ttl": ttl = try field.seconds()
            case "steal": steals = try field.bool() ?? false
            case "wait": wait = try field.seconds() ?? .zero
            case "ticket": ticket = try field.string()
            default: throw field.unknown(allowed: "holder, ttl, steal, wait, ticket")
            }
        }
        guard let holder, let ttl else { throw StoreError(.invalidField, "holder and ttl are both needed: who wants the lease, and for how long") }
        return (LeaseRequest(holder: holder, ttl: ttl.wholeMilliseconds, steals: steals, ticket: ticket), wait)
    }
}
