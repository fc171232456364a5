public import BatonCore

/// Sessions in one SQLite file, or in memory.
///
/// One thread writes and commits everything that waits as one transaction; a few threads read, each seeing one moment of the
/// store; one more copies the write-ahead log back and watches for other processes. Several processes may open one file.
public final class SQLiteStorage: Storage {
    /// Where a store is kept.
    public enum Location: Hashable, Sendable {
        /// In the file at this path, made if it is not there.
        case file(String)
        /// In memory, until it is closed.
        case memory
    }

    /// The system's clock.
    public static let systemClock: @Sendable () -> Timestamp = { SystemClock.now() }

    private let writer: Writer
    /// `nil` for a database in memory: it has one connection, so that its writer reads too.
    private let readers: Readers?
    private let attendant: Attendant?
    private let observers = Observers()
    let listeners = Listeners()
    private let statistics = Statistics()
    /// How the storage treats what it keeps.
    public let policy: StorePolicy
    /// SQLite.
    public var kind: StorageKind { .sqlite }
    private let durability: SQLiteConfiguration.Durability
    private let ending = Ending()

    /// Opens a store.
    ///
    /// - Throws: ``BatonCore/StoreError/Code/storeIncompatible`` for the file of another program or a newer version,
    ///   ``BatonCore/StoreError/Code/storeCorrupt`` for a damaged one, ``BatonCore/StoreError/Code/storeUnavailable`` when it
    ///   cannot be opened. The file is then as it was.
    public init(
        at location: Location, configuration: SQLiteConfiguration = SQLiteConfiguration(), policy: StorePolicy = StorePolicy(),
        clock: @escaping @Sendable () -> Timestamp = SQLiteStorage.systemClock
    ) async throws(StoreError) {
        let readerCount = max(1, configuration.readers)
        var connections = try await SQLiteStorage.open(location, configuration, count: readerCount + 2)
        let writing = connections.removeFirst()
        let attendant = connections.popLast().map { [observers, listeners, statistics] in
            Attendant($0, observers: observers, listeners: listeners, statistics: statistics)
        }
        let readers = connections.isEmpty ? nil : Readers(configuration: configuration, clock: clock)
        let writer = Writer(
            writing, configuration: configuration, policy: policy, clock: clock, statistics: statistics, observers: observers,
            listeners: listeners, attendant: attendant)
        self.policy = policy
        durability = configuration.durability
        self.attendant = attendant
        self.readers = readers
        self.writer = writer
        try SQLiteStorage.start(writer, readers, connections, attendant, ending)
    }

    deinit { letGo() }

    /// The same storage, when its file promises as much: all writes share its commits.
    public func with(durability: Durability) throws(StoreError) -> any Storage {
        guard try SQLiteConfiguration.Durability(durability) == .normal || self.durability == .full else {
            throw StoreError(.invalidParameter, "durability: the file was opened with normal, so no write of it can be full")
        }
        return self
    }

    /// Opens the connections on a thread of its own: the writer's, the readers', the attendant's; or only the one of a
    /// database in memory.
    private static func open(
        _ location: Location, _ configuration: SQLiteConfiguration, count: Int
    ) async throws(StoreError) -> [Connection] {
        let result: Result<[Connection], StoreError> = await withCheckedContinuation { continuation in
            do throws(StoreError) {
                try WorkerThread(named: "baton-open") {
                    do throws(StoreError) {
                        switch location {
                        case .memory: continuation.resume(returning: .success([try DatabaseFile.inMemory()]))
                        case .file(let path):
                            continuation.resume(returning: .success(try DatabaseFile(path, configuration).open(connections: count)))
                        }
                    } catch { continuation.resume(returning: .failure(error)) }
                }.detach()
            } catch { continuation.resume(returning: .failure(error)) }
        }
        return try result.get()
    }

    /// Starts the threads. The writer's ends last: it waits for the others before it lets go of the file.
    private static func start(
        _ writer: Writer, _ readers: Readers?, _ connections: [Connection], _ attendant: Attendant?, _ ending: Ending
    ) throws(StoreError) {
        var others: [WorkerThread] = []
        do throws(StoreError) {
            if let readers {
                for connection in connections { others.append(try WorkerThread(named: "baton-reader") { readers.run(connection) }) }
            }
            if let attendant { others.append(try WorkerThread(named: "baton-log") { attendant.run() }) }
            let joined = others
            try WorkerThread(named: "baton-writer") {
                writer.run {
                    for thread in joined { thread.join() }
                }
                ending.reach()
            }.detach()
        } catch {
            readers?.queue.close()
            attendant?.close()
            for thread in others { thread.detach() }
            throw error
        }
    }

    private func letGo() {
        writer.queue.close()
        readers?.queue.close()
        attendant?.close()
    }

    /// Finishes what waits, empties the log, and closes the file.
    public func close() async {
        letGo()
        await ending.wait()
    }

    // MARK: - Threads

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Writing) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await writer.queue.perform(body)
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Reading) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        guard let readers else { return try await write { (writing) throws(StoreError) in try body(writing.reading) } }
        return try await readers.queue.perform(body)
    }

    /// Reads a session; where reading keeps it alive, that is written too.
    func read<Value: Sendable>(
        _ key: SessionKey, _ body: @escaping @Sendable (Reading, SessionRow) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        guard policy.readsExtendLife else {
            return try await read { (reading) throws(StoreError) in try body(reading, reading.session(key)) }
        }
        return try await write { (writing) throws(StoreError) in
            let reading = writing.reading
            // What is refused is no reading, and must not have changed anything.
            _ = try body(reading, reading.session(key))
            return try body(reading, writing.extendLife(of: key, reading))
        }
    }
}

// MARK: - Storage

extension SQLiteStorage {
    /// Creates the session unless it is there.
    public func create(_ draft: SessionDraft, at key: SessionKey) async throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        let creation = try await write { (writing) throws(StoreError) in
            let (session, created) = try writing.create(draft, at: key)
            return Creation(session: session, created: created)
        }
        return (creation.session, creation.created)
    }

    /// The session with its last events and the state it sees.
    public func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot {
        try await read(key) { (reading, row) throws(StoreError) in try reading.snapshot(row, query) }
    }

    /// Changes the session's own fields.
    public func update(
        _ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?
    ) async throws(StoreError) -> SessionSnapshot {
        try await write { (writing) throws(StoreError) in
            try writing.update(key, with: patch, expectedVersion: expectedVersion, epoch: epoch)
        }
    }

    /// Restarts the session's lifetime.
    public func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot {
        try await write { (writing) throws(StoreError) in try writing.touch(key) }
    }

    /// Deletes the session.
    public func delete(_ key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        try await write { (writing) throws(StoreError) in try writing.delete(key, epoch: epoch) }
    }

    /// A page of sessions.
    public func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        try await read { (reading) throws(StoreError) in try reading.sessions(query) }
    }

    /// Appends a batch of events.
    public func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try await write { (writing) throws(StoreError) in try writing.append(batch, to: key) }
    }

    /// A page of events.
    public func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        try await read(key) { (reading, row) throws(StoreError) in try reading.page(of: row, query) }
    }

    /// The event with this id.
    public func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        try await read(key) { (reading, row) throws(StoreError) in
            guard let found = try reading.event(id, of: row) else { throw StoreError.noEvent }
            return found.event
        }
    }

    /// The event with its neighbours.
    public func window(around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]) async throws(StoreError) -> EventWindow {
        try await read(key) { (reading, row) throws(StoreError) in
            guard let found = try reading.event(id, of: row) else { throw StoreError.noEvent }
            return try reading.window(around: found.event, of: row, before: before, after: after, roles: roles)
        }
    }

    /// Contents that are kept apart.
    public func blobs(_ digests: [BlobDigest], in key: SessionKey) async throws(StoreError) -> [BlobDigest: [UInt8]] {
        try await read { (reading) throws(StoreError) in try reading.blobs(digests, of: reading.session(key)) }
    }

    /// Replaces parts of an event.
    public func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event {
        try await write { (writing) throws(StoreError) in try writing.replace(id, in: key, with: patch, epoch: epoch) }
    }

    /// Removes an event.
    public func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event? {
        try await write { (writing) throws(StoreError) in try writing.remove(id, in: key, epoch: epoch) }
    }

    /// Forgets all events.
    public func clear(_ key: SessionKey, epoch: Int?) async throws(StoreError) {
        try await write { (writing) throws(StoreError) in try writing.clear(key, epoch: epoch) }
    }

    /// The state of one scope.
    public func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] {
        if case .session(let key) = scope {
            return try await read(key) { (reading, row) throws(StoreError) in try reading.values(of: row.pk) }
        }
        return try await read { (reading) throws(StoreError) in try reading.values(of: reading.scope(scope)) }
    }

    /// Changes the state of one scope.
    public func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON] {
        try await write { (writing) throws(StoreError) in try writing.change(scope, changes, epoch: epoch) }
    }

    /// Changes the state of all three scopes that a session sees.
    public func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) async throws(StoreError) -> SessionState {
        try await write { (writing) throws(StoreError) in try writing.change(key, delta, epoch: epoch) }
    }

    /// Makes a session that goes on from a place of another.
    public func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        try await write { (writing) throws(StoreError) in try writing.fork(key, draft, to: fork, epoch: epoch) }
    }

    /// Goes back to a place.
    public func rewind(_ key: SessionKey, _ draft: RewindDraft) async throws(StoreError) -> AppendReceipt {
        try await write { (writing) throws(StoreError) in try writing.rewind(key, draft) }
    }

    /// Where a session comes from, and its forks.
    public func lineage(of key: SessionKey) async throws(StoreError) -> Lineage {
        try await read { (reading) throws(StoreError) in try reading.lineage(of: key) }
    }

    /// How far two sessions go together.
    public func compare(_ key: SessionKey, with other: SessionKey) async throws(StoreError) -> BranchComparison {
        try await read { (reading) throws(StoreError) in try reading.compare(key, with: other) }
    }

    /// Calls `observer` after commits of this process, and within 50 ms after those of others.
    public func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation {
        defer { watchOthers() }
        return observers.add(observer)
    }

    /// Whether other processes may have the store open too.
    var isShared: Bool { attendant != nil }

    /// Somebody wants to know what other processes do from now on.
    func watchOthers() { attendant?.wake() }

    /// Writes what changes nothing.
    public func checkHealth() async throws(StoreError) {
        try await write { (writing) throws(StoreError) in try writing.probe() }
    }

    /// Queues, commits, log and checkpoints.
    public var gauges: [StorageGauge] {
        statistics.gauges(writerQueue: writer.queue.depth, readerQueue: readers?.queue.depth ?? 0)
    }
}

// MARK: - Leases

extension SQLiteStorage {
    /// Gives the lease, or a place in the line.
    public func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease {
        switch try await write({ (writing) throws(StoreError) in try writing.acquireLease(request, on: key) }) {
        case .granted(let lease): return lease
        case .busy(let lease, let ahead): throw StoreError.busy(lease, ahead: ahead)
        }
    }

    /// Lets a lease last longer.
    public func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease {
        try await write { (writing) throws(StoreError) in try writing.renewLease(epoch, for: ttl, on: key) }
    }

    /// Ends a lease.
    public func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError) {
        try await write { (writing) throws(StoreError) in try writing.releaseLease(epoch, on: key) }
    }

    /// Takes a ticket out of the line.
    public func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError) {
        try await write { (writing) throws(StoreError) in try writing.leaveLine(ticket, on: key) }
    }
}

private struct Creation: Sendable {
    let session: SessionSnapshot
    let created: Bool
}
