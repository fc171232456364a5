internal import BatonCore

extension ReferenceModel {
    /// Everything that the model keeps.
    struct Contents {
        var sessions: [StoredSession] = []
        var shared: [SharedScope: SharedState] = [:]
        var isClosed = false

        // Of the operation that is being done.
        var policy = StorePolicy()
        var clock = Timestamp(milliseconds: 0)
        var hints: [StorageHint] = []
    }

    /// A session with all that belongs to it.
    struct StoredSession {
        var record: SessionRecord
        var fence = Fence()
        /// Who waits for the lease, the longest waiting first.
        var line: [Ticket] = []
        var state: [String: JSON] = [:]
        /// The events that are left, those that a rewind has hidden among them, oldest first.
        var log: [Event] = []
        /// Contents that were kept apart, whether an event still refers to them or not.
        var blobs: [BlobDigest: [UInt8]] = [:]
        /// The milliseconds of every event there ever was; that of seq 1 comes first.
        var milliseconds: [Int] = []
        /// The generation that made each of them.
        var makers: [String] = []
        /// Where each rewind stands, and where it went back to.
        var rewinds: [(seq: Int, target: Int)] = []
        /// The sessions that it descends from, its parent first.
        var ancestors: [BranchPoint] = []
        /// What was answered under an idempotency key, oldest first.
        var answers: [Answer] = []
        /// Tool calls as they were last written, first reserved first.
        var calls: [ToolCall] = []
        /// Approvals as they were last written, first asked first.
        var approvals: [Approval] = []
        /// Tracks, those whose lifetime is over among them.
        var tracks: [StoredTrack] = []
        /// Summaries and the claims of those that are being made.
        var summaries: [StoredSummary] = []
    }

    struct Answer {
        let key: String
        let fingerprint: Int
        let receipt: AppendReceipt
    }

    /// State of a user, an application or the store.
    struct SharedState {
        var values: [String: JSON] = [:]
        var expiresAt: Timestamp?

        /// The values unless they have expired.
        func living(at now: Timestamp) -> [String: JSON] {
            if let expiresAt, expiresAt <= now { return [:] }
            return values
        }
    }

    /// Names a shared scope by bytes: texts that are canonically equivalent are different names.
    struct SharedScope: Hashable {
        let names: [[UInt8]]

        init(_ scope: StateScope) {
            switch scope {
            case .store: names = []
            case .app(let app): names = [Array(app.utf8)]
            case .user(let key): names = [Array(key.app.utf8), Array(key.user.utf8)]
            case .session(let key): names = [Array(key.app.utf8), Array(key.user.utf8), Array(key.id.utf8)]
            }
        }
    }
}

extension ReferenceModel.Contents {
    // MARK: - Finding

    func indexOfLiving(_ key: SessionKey) -> Int? {
        guard let index = sessions.firstIndex(where: { isSame($0.record.key, key) }) else { return nil }
        return isLiving(sessions[index].record) ? index : nil
    }

    func index(of key: SessionKey) throws(StoreError) -> Int {
        guard let index = indexOfLiving(key) else { throw StoreError.noSession }
        return index
    }

    /// The session's index; finding it to read it restarts its life where the policy says so.
    mutating func indexForReading(_ key: SessionKey) throws(StoreError) -> Int {
        let index = try index(of: key)
        if policy.readsExtendLife { restartLife(ofSessionAt: index) }
        return index
    }

    func isSame(_ a: SessionKey, _ b: SessionKey) -> Bool {
        isSame(a.app, b.app) && isSame(a.user, b.user) && isSame(a.id, b.id)
    }

    func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    func isLiving(_ record: SessionRecord) -> Bool {
        guard let expiresAt = record.expiresAt else { return true }
        return expiresAt > clock
    }

    // MARK: - Sessions

    mutating func insert(_ draft: SessionDraft, at key: SessionKey) -> Int {
        sessions = sessions.filter { !isSame($0.record.key, key) }
        let ttl = policy.ttl(for: draft.lifetime)
        let record = SessionRecord(
            key: key, title: draft.title, status: .active, version: 1, createdAt: clock, updatedAt: clock,
            expiresAt: ttl.map { clock.adding(seconds: $0) }, ttl: ttl, eventCount: 0, tail: .start, floor: .start,
            generation: Randomness.generation(), tags: draft.tags, metadata: draft.metadata, participants: draft.participants, activeAgent: nil,
            leasePolicy: draft.leasePolicy)
        sessions.append(ReferenceModel.StoredSession(record: record, fence: Fence(policy: draft.leasePolicy)))
        return sessions.count - 1
    }

    func snapshot(
        _ session: ReferenceModel.StoredSession, last count: Int = 0, _ filter: EventFilter = EventFilter()
    ) -> SessionSnapshot {
        let key = session.record.key
        let state = SessionState(
            session: session.state, user: shared[.init(.user(key.owner))]?.living(at: clock) ?? [:],
            app: shared[.init(.app(key.app))]?.living(at: clock) ?? [:])
        var record = session.record
        record.lease = session.fence.lease(at: clock.milliseconds)
        return SessionSnapshot(record: record, state: state, events: session.events.filter(filter.matches).suffix(count))
    }

    /// Holds a write to the fence.
    mutating func passFence(ofSessionAt index: Int, _ epoch: Int?) throws(StoreError) {
        try sessions[index].fence.pass(epoch, at: clock.milliseconds)
    }

    /// Now, as far as a session is concerned.
    func now(for record: SessionRecord) -> Timestamp {
        max(clock, record.updatedAt, Timestamp(milliseconds: record.tail.milliseconds))
    }

    mutating func recordChange(ofSessionAt index: Int) {
        sessions[index].record.updatedAt = now(for: sessions[index].record)
        sessions[index].record.version += 1
        restartLife(ofSessionAt: index)
        hint(.session(sessions[index].record.key))
    }

    mutating func restartLife(ofSessionAt index: Int) {
        let record = sessions[index].record
        sessions[index].record.expiresAt = record.ttl.map { now(for: record).adding(seconds: $0) }
    }

    mutating func hint(_ hint: StorageHint) { hints.append(hint) }

    func list(_ query: SessionQuery) -> SessionPage {
        func time(_ record: SessionRecord) -> Timestamp { query.order == .updated ? record.updatedAt : record.createdAt }
        func position(_ record: SessionRecord) -> SessionQuery.Position {
            SessionQuery.Position(time: time(record), user: record.key.user, id: record.key.id)
        }
        func isNewer(_ a: SessionQuery.Position, _ b: SessionQuery.Position) -> Bool {
            if a.time != b.time { return a.time > b.time }
            if !isSame(a.user, b.user) { return b.user.utf8.lexicographicallyPrecedes(a.user.utf8) }
            return b.id.utf8.lexicographicallyPrecedes(a.id.utf8)
        }
        func isWanted(_ record: SessionRecord) -> Bool {
            switch query.owner {
            case .app(let app): if !isSame(record.key.app, app) { return false }
            case .user(let user): if !isSame(record.key.app, user.app) || !isSame(record.key.user, user.user) { return false }
            }
            if let status = query.status, record.status != status { return false }
            if !query.tags.isEmpty, !record.tags.contains(where: { tag in query.tags.contains { isSame($0, tag) } }) { return false }
            if let agent = query.activeAgent, !(record.activeAgent.map { isSame($0, agent) } ?? false) { return false }
            if let since = query.createdSince, record.createdAt < since { return false }
            if let until = query.createdUntil, record.createdAt >= until { return false }
            if let after = query.after, !isNewer(after, position(record)) { return false }
            return true
        }
        let found = sessions.filter { isLiving($0.record) && isWanted($0.record) }
            .sorted { isNewer(position($0.record), position($1.record)) }
        let page = found.prefix(query.limit)
        let next = found.count > page.count ? page.last.map { position($0.record) } : nil
        return SessionPage(sessions: page.map { snapshot($0, last: query.events) }, next: next)
    }

    // MARK: - State

    mutating func apply(_ delta: StateDelta, toSessionAt index: Int) throws(StoreError) {
        let key = sessions[index].record.key
        try apply(delta.session, toSessionAt: index)
        // Scopes that do not change do not live longer either.
        if !delta.user.isEmpty { try apply(delta.user, to: .init(.user(key.owner))) }
        if !delta.app.isEmpty { try apply(delta.app, to: .init(.app(key.app))) }
        if !delta.user.isEmpty || !delta.app.isEmpty { hint(.everything) }
    }

    mutating func apply(_ changes: [StateChange], toSessionAt index: Int) throws(StoreError) {
        for change in changes {
            sessions[index].state[change.key] = try change.operation.applied(to: sessions[index].state[change.key])
        }
    }

    mutating func apply(_ changes: [StateChange], to scope: ReferenceModel.SharedScope) throws(StoreError) {
        let ttl = [nil, policy.appStateTTL, policy.userStateTTL][scope.names.count]
        var state = ReferenceModel.SharedState(values: shared[scope]?.living(at: clock) ?? [:])
        for change in changes { state.values[change.key] = try change.operation.applied(to: state.values[change.key]) }
        state.expiresAt = ttl.map { clock.adding(seconds: $0) }
        shared[scope] = state
    }
}
