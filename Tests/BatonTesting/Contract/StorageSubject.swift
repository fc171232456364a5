internal import BatonCore
internal import Testing

/// The storage that a contract looks at, with short words for what contracts do all the time.
struct StorageSubject: Sendable {
    let opened: OpenedStorage
    let clock: ManualClock

    var storage: any Storage { opened.storage }

    /// A key; all sessions belong to the same user unless another is named.
    func key(_ id: String = "session", user: String = "user", app: String = "app") throws -> SessionKey {
        try SessionKey(app: app, user: user, id: id)
    }

    /// A session that was just created.
    @discardableResult
    func created(_ id: String = "session", user: String = "user", app: String = "app", _ draft: SessionDraft = SessionDraft()) async throws
        -> SessionKey
    {
        let key = try key(id, user: user, app: app)
        let (_, created) = try await storage.create(draft, at: key)
        #expect(created, "the session was there before")
        return key
    }

    /// A fork of a session, by a caller without a lease.
    @discardableResult
    func fork(_ key: SessionKey, at place: Cursor? = nil, to fork: SessionKey) async throws -> SessionSnapshot {
        try await storage.fork(key, ForkDraft(at: place), to: fork, epoch: nil)
    }

    /// The session's record.
    func record(_ key: SessionKey) async throws -> SessionRecord {
        try await storage.session(key, SnapshotQuery()).record
    }

    /// Appends events in one batch; returns their places.
    @discardableResult
    func append(_ events: EventDraft..., to key: SessionKey) async throws -> [Offset] {
        try await storage.append(EventBatch(events), to: key).entries.map(\.offset)
    }

    /// Appends `count` events, one batch each, with the texts 1, 2, 3… (or from `first` on), a millisecond apart.
    @discardableResult
    func append(_ count: Int, to key: SessionKey, from first: Int = 1) async throws -> [Offset] {
        var offsets: [Offset] = []
        for number in first..<first + count {
            clock.advance(milliseconds: 1)
            offsets += try await append(.text("\(number)"), to: key)
        }
        return offsets
    }

    /// All events that can be read, oldest first.
    func events(_ key: SessionKey) async throws -> [Event] {
        var query = EventQuery(limit: EventQuery.maximumLimit)
        var events: [Event] = []
        while true {
            let page = try await storage.events(in: key, query)
            events += page.events
            guard let next = page.next, !page.upToDate else { return events }
            query.after = .offset(next)
        }
    }

    /// The texts of all events that can be read, oldest first.
    func texts(_ key: SessionKey) async throws -> [String] { try await events(key).texts }
}

/// Checks that `body` throws a ``BatonCore/StoreError`` with this code, and returns it.
@discardableResult
func refused(
    _ code: StoreError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> StoreError? {
    do {
        try await body()
        Issue.record("nothing was thrown instead of \(code)", sourceLocation: sourceLocation)
    } catch let error as StoreError {
        #expect(error.code == code, sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("\(error) was thrown instead of a StoreError", sourceLocation: sourceLocation)
    }
    return nil
}

/// Checks that a cursor is refused as gone, and that the error tells where to go on.
func gone(
    _ record: SessionRecord, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
    let error = await refused(.offsetGone, sourceLocation: sourceLocation, body)
    #expect(
        error?.detail == .gone(earliest: record.earliest, tail: record.tail, generation: record.generation), sourceLocation: sourceLocation)
}

extension EventDraft {
    /// An event whose content is a text. State is given as JSON texts by prefixed key; `null` removes.
    static func text(
        _ text: String, id: String? = nil, role: String? = nil, author: String? = nil, type: String? = nil, branch: String? = nil,
        state: [String: String] = [:]
    ) throws -> EventDraft {
        let delta = try state.mapValues { try JSON(parsing: $0) }
        return try EventDraft(
            NewEvent(JSON(string: text), id: id, author: author, role: role, type: type, branch: branch, stateDelta: delta))
    }
}

extension [Event] {
    var texts: [String] { map { $0.content.stringValue ?? "?" } }
    var seqs: [Int] { map(\.seq) }
}

extension StateDelta {
    /// Changes given as JSON texts by prefixed key; `nil` removes.
    static func setting(_ changes: [(String, String?)]) throws -> StateDelta {
        var delta = StateDelta()
        for (key, text) in changes {
            try delta.add(key, text.map { text throws(StoreError) in .set(try JSON(parsing: text)) } ?? .remove)
        }
        return delta
    }
}

extension JSON {
    /// A value whose text is known to be right.
    static func of(_ text: String) throws -> JSON { try JSON(parsing: text) }
}
