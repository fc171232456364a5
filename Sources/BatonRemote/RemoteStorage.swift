public import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonTelemetry
internal import Synchronization

/// A storage that a daemon keeps: every primitive of the seam is one HTTP request.
///
/// Requests that may safely arrive twice are repeated when a connection breaks; others fail with
/// ``BatonCore/StoreError/Code/storeUnavailable``, because nobody can say whether they took effect. An append never arrives twice:
/// it carries an idempotency key when its events have no ids of their own.
///
/// Limits and lifetimes are the daemon's. Its access tokens are not reachable over HTTP.
public final class RemoteStorage: Storage {
    let daemon: DaemonClient
    let watches: WatchList
    private let durability: Durability?
    /// Another daemon.
    public var kind: StorageKind { .remote }

    /// A storage at the address of a daemon. Nothing is sent yet.
    /// - Parameters:
    ///   - url: `http://host:port`, `https://host:port`, with a path when a proxy puts the daemon under one, or `http+unix:/path`.
    ///   - token: the bearer token to show; never printed.
    ///   - authorities: PEM file of the authorities to trust instead of the system's.
    ///   - durability: what writes ask of the daemon; `nil` for what it was started with.
    /// - Throws: ``BatonCore/StoreError/Code/invalidParameter`` when the address or the file cannot be used.
    public init(url: String, token: String? = nil, authorities: String? = nil, durability: Durability? = nil) throws(StoreError) {
        try durability?.checkRange()
        self.durability = durability
        daemon = try DaemonClient(url: url, token: token.map { Secret($0) }, authorities: authorities)
        watches = WatchList(daemon)
    }

    private init(_ other: RemoteStorage, _ durability: Durability) {
        daemon = other.daemon
        watches = other.watches
        self.durability = durability
    }

    /// The same storage, whose writes ask the daemon for this durability. Whether its store has it is only known then.
    public func with(durability: Durability) throws(StoreError) -> any Storage { RemoteStorage(self, durability) }

    func send(_ request: Request, repeatable: Bool? = nil) async throws(StoreError) -> HTTPClient.Reply {
        var request = request
        if let durability, request.method != .get { request.headers.add("Baton-Durability", durability.description) }
        return try await daemon.send(request, repeatable: repeatable)
    }

    // MARK: - Sessions

    /// `PUT S`, which leaves an existing session as it is.
    public func create(_ draft: SessionDraft, at key: SessionKey) async throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        let reply = try await send(Request(.put, key.path, body: draft.wireForm()))
        return (try SessionSnapshot(decoding: reply.body, of: key), reply.status == 201)
    }

    /// `GET S`.
    public func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot {
        var parameters = Parameters()
        if query.events > 0 {
            parameters.add("events", query.events)
            try parameters.add(query.filter)
            parameters.add(query.blobs)
        }
        return try SessionSnapshot(decoding: try await send(Request(.get, key.path, query: parameters.text)).body, of: key)
    }

    /// `PATCH S`, with `If-Match` when a version is expected.
    public func update(
        _ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?
    ) async throws(StoreError) -> SessionSnapshot {
        var request = Request(.patch, key.path, body: patch.wireForm).showing(epoch)
        if let expectedVersion { request.headers.add("If-Match", "\"\(expectedVersion)\"") }
        return try SessionSnapshot(decoding: try await send(request).body, of: key)
    }

    /// `POST S/touch`.
    public func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot {
        try SessionSnapshot(decoding: try await send(Request(.post, key.path + "/touch"), repeatable: true).body, of: key)
    }

    /// `DELETE S`, asking for an answer that says whether it was there.
    public func delete(_ key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        // RFC 7240 §4.2: the answer shall say what was deleted, not only that it is gone.
        let request = Request(.delete, key.path, headers: ["Prefer": "return=representation"]).showing(epoch)
        return try await send(request, repeatable: true).status != 204
    }

    /// `GET …/sessions`, one page.
    public func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        var parameters = Parameters()
        parameters.add("limit", query.limit)
        parameters.add("order", query.order.rawValue)
        if let after = query.after { parameters.add("cursor", after.cursor(for: query.order)) }
        if let status = query.status { parameters.add("status", status.rawValue) }
        for tag in query.tags { parameters.add("tag", tag) }
        if let agent = query.activeAgent { parameters.add("activeAgent", agent) }
        if let since = query.createdSince { parameters.add("createdSince", since.milliseconds) }
        if let until = query.createdUntil { parameters.add("createdUntil", until.milliseconds) }
        if query.events > 0 { parameters.add("events", query.events) }
        parameters.add(query.blobs)
        let reply = try await send(Request(.get, query.owner.path + "/sessions", query: parameters.text))
        return try SessionPage(decoding: reply.body, order: query.order)
    }

    // MARK: - Events

    /// `POST S/events`, repeated under the same idempotency key when the answer was lost.
    public func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        var parameters = Parameters()
        if batch.createsSession { parameters.add("create", "true") }
        if let agent = batch.agent {
            parameters.add("activeAgent", agent.to)
            if let previous = agent.from { parameters.add("previousAgent", previous) }
        }
        var request = Request(.post, key.path + "/events", query: parameters.text, body: batch.wireForm).showing(batch.epoch)
        if let trace = batch.trace { request.headers.add(trace) }
        if let seq = batch.expectedSeq { request.headers.add("If-Match", "\"\(seq)\"") }
        let needsKey = batch.idempotencyKey == nil && batch.events.contains { $0.id == nil }
        let name = batch.idempotencyKey ?? (needsKey ? Randomness.uuid7(at: SystemClock.now()) : nil)
        if let name { request.headers.add("Idempotency-Key", name) }
        let reply: HTTPClient.Reply
        do throws(StoreError) { reply = try await send(request, repeatable: true) } catch {
            guard needsKey, case .unconfirmed(let replicas, let receipt, nil) = error.detail else { throw error }
            // The key is this call's own; whoever sends the append again has to know it.
            throw StoreError(
                error.code, error.message, detail: .unconfirmed(replicas: replicas, receipt: receipt, idempotencyKey: name), underlying: error)
        }
        var receipt = try AppendReceipt(decoding: reply.body)
        guard receipt.entries.count == batch.events.count else { throw WireError.incompatible("a receipt for other events") }
        if needsKey {
            // Nobody else knows the key: what is called a duplicate was stored by an attempt whose answer was lost.
            for (index, event) in batch.events.enumerated() where event.id == nil { receipt.entries[index].isDuplicate = false }
        }
        return receipt
    }

    /// `GET S/events`, one page.
    public func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        var parameters = Parameters()
        if let after = query.after { parameters.add("after", after.wireForm) }
        if let before = query.before { parameters.add("before", before.wireForm) }
        parameters.add("limit", query.limit)
        if query.order == .desc { parameters.add("order", query.order.rawValue) }
        if query.view != .history { parameters.add("view", query.view.rawValue) }
        parameters.add(query.blobs)
        try parameters.add(query.filter)
        return try EventPage(decoding: try await send(Request(.get, key.path + "/events", query: parameters.text)).body)
    }

    /// `GET S/events/{id}`.
    public func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        try Event(decoding: try await send(Request(.get, key.path(ofEvent: id))).body)
    }

    /// `GET S/events/{id}/window`.
    public func window(around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]) async throws(StoreError) -> EventWindow {
        var parameters = Parameters()
        parameters.add("before", before)
        parameters.add("after", after)
        try parameters.add("roles", roles)
        return try EventWindow(decoding: try await send(Request(.get, key.path(ofEvent: id) + "/window", query: parameters.text)).body)
    }

    /// `GET S/blobs/{digest}`, one after the other: who asks through a daemon mostly asks for one.
    public func blobs(_ digests: [BlobDigest], in key: SessionKey) async throws(StoreError) -> [BlobDigest: [UInt8]] {
        var found: [BlobDigest: [UInt8]] = [:]
        for digest in digests {
            let bytes: [UInt8]
            do throws(StoreError) { bytes = try await send(Request(.get, key.path(ofBlob: digest))).body } catch {
                guard error.code == .notFound else { throw error }
                continue
            }
            guard BlobDigest(of: bytes) == digest else { throw WireError.incompatible("a content that has another digest") }
            found[digest] = bytes
        }
        return found
    }

    /// `PUT S/events/{id}`.
    public func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event {
        try Event(decoding: try await send(Request(.put, key.path(ofEvent: id), body: patch.wireForm).showing(epoch)).body)
    }

    /// `DELETE S/events/{id}`, or `POST S/events/pop` without an id.
    public func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event? {
        let request =
            if let id {
                Request(.delete, key.path(ofEvent: id), headers: ["Prefer": "return=representation"])
            } else {
                Request(.post, key.path + "/events/pop")
            }
        let reply = try await send(request.showing(epoch))
        return reply.status == 204 ? nil : try Event(decoding: reply.body)
    }

    /// `DELETE S/events`.
    public func clear(_ key: SessionKey, epoch: Int?) async throws(StoreError) {
        _ = try await send(Request(.delete, key.path + "/events").showing(epoch))
    }

    // MARK: - Leases

    /// `POST S/lease`. Who shows a ticket may wait at the daemon, where word of a lease that became free comes first.
    public func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease {
        // Whoever asks again by the same name gets it anew, so a second request does no harm, unless it took what a third has stolen since.
        let reply = try await send(Request(.post, key.path + "/lease", body: request.wireForm), repeatable: !request.steals)
        return try Lease(answer: reply.body)
    }

    /// `PUT S/lease`.
    public func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("epoch")
            writer.int(epoch)
            writer.name("ttl")
            writer.seconds(ofMilliseconds: ttl)
        }
        return try Lease(answer: try await send(Request(.put, key.path + "/lease", body: writer.bytes), repeatable: true).body)
    }

    /// `DELETE S/lease`.
    public func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError) {
        _ = try await send(Request(.delete, key.path + "/lease", query: "epoch=\(epoch)"), repeatable: true)
    }

    /// `DELETE S/lease?ticket=…`.
    public func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError) {
        var parameters = Parameters()
        parameters.add("ticket", ticket)
        _ = try await send(Request(.delete, key.path + "/lease", query: parameters.text), repeatable: true)
    }

    // MARK: - State

    /// `GET …/state`.
    public func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] {
        try StateObject.decode(try await send(Request(.get, try path(of: scope), query: scope.query)).body)
    }

    /// `POST …/state`, which changes keys in one step.
    public func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON] {
        var request = Request(.post, try path(of: scope), query: scope.query, body: StateChange.wireForm(of: changes.map { ($0.key, $0) }))
        if case .session = scope { request = request.showing(epoch) }
        return try StateObject.decode(try await send(request).body)
    }

    /// `POST S/state`, keys with the prefix of their scope.
    public func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) async throws(StoreError) -> SessionState {
        let changes =
            delta.session.map { ($0.key, $0) } + delta.user.map { ("user:" + $0.key, $0) } + delta.app.map { ("app:" + $0.key, $0) }
        let request = Request(.post, key.path + "/state", body: StateChange.wireForm(of: changes)).showing(epoch)
        return SessionState(merged: try StateObject.decode(try await send(request).body))
    }

    private func path(of scope: StateScope) throws(StoreError) -> String {
        if watches.isClosed { throw StoreError.storeClosed }
        return try scope.path()
    }

    // MARK: - Following

    /// Hints come from event streams of the sessions that are watched.
    public func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation { watches.observe(observer) }

    /// Holds an event stream of the session open, so that changes of others are noticed.
    public func watch(_ key: SessionKey) -> StorageObservation { watches.watch(key) }

    // MARK: - Operations

    /// `GET /readyz`.
    public func checkHealth() async throws(StoreError) { _ = try await send(Request(.get, "/readyz")) }

    /// None: the daemon shows its numbers at `/metrics`.
    public var gauges: [StorageGauge] { [] }

    /// Ends the streams and closes the connections.
    public func close() async {
        watches.close()
        await daemon.close()
    }
}
