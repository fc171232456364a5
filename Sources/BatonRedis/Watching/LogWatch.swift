internal import BatonCore
internal import BatonIO
internal import BatonRedisClient
internal import Synchronization

/// Hints out of the shards' logs, which every change writes to: one waiting read where one server keeps everything, one for each shard on a
/// cluster, and only while somebody observes.
///
/// Each connection reads the logs from where they ended when it was made. When one is made, and when a log no longer reaches back to where it
/// was left, anything may have happened, and that is the hint.
final class LogWatch: Sendable {
    private struct State {
        var observers: [Int: @Sendable (StorageHint) -> Void] = [:]
        var last = 0
        var readers: [Task<Void, Never>] = []
        var isClosed = false
    }

    private let client: RedisClient
    private let layout: KeyLayout
    private let state = Mutex(State())

    init(_ client: RedisClient, _ layout: KeyLayout) {
        self.client = client
        self.layout = layout
    }

    /// How many observe.
    var count: Int { state.withLock { $0.observers.count } }

    func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation {
        let number = state.withLock { state in
            state.last += 1
            state.observers[state.last] = observer
            if state.observers.count == 1, !state.isClosed { state.readers = groups.map { group in Task { await self.read(group) } } }
            return state.last
        }
        return StorageObservation { [weak self] in self?.end(number) }
    }

    private func end(_ number: Int) {
        let finished = state.withLock { state -> [Task<Void, Never>] in
            guard state.observers.removeValue(forKey: number) != nil, state.observers.isEmpty else { return [] }
            defer { state.readers = [] }
            return state.readers
        }
        for reader in finished { reader.cancel() }
    }

    func close() async {
        let readers = state.withLock { state in
            state.isClosed = true
            defer { state.readers = [] }
            return state.readers
        }
        for reader in readers { reader.cancel() }
        for reader in readers { await reader.value }
    }

    /// Logs that one command may wait for: those in one slot, or all where one server keeps everything.
    private var groups: [[RedisKey]] {
        let logs = (0..<layout.shards).map { layout.log($0) }
        return layout.isOneServer ? [logs] : logs.map { [$0] }
    }

    /// Tells everybody who observes.
    func hint(_ hint: StorageHint) {
        for observer in state.withLock({ Array($0.observers.values) }) { observer(hint) }
    }

    private func read(_ logs: [RedisKey]) async {
        // What has failed may be elsewhere by now; the client finds that out, a connection of one's own would not.
        let probe = RawCommand(["EXISTS"] + logs.map { RedisArgument($0) }, keys: logs, isReadOnly: true, retrySafety: .always)
        var failures = 0
        while !Task.isCancelled {
            do {
                if failures > 0 { _ = try await client.send(probe) }
                try await client.withConnection(for: logs.first) { connection in
                    try await self.follow(logs, on: connection, again: failures > 0) { failures = 0 }
                }
            } catch {
                if Task.isCancelled || (error as? RedisError)?.code == .closed { return }
                hint(.everything)
                failures += 1
                try? await Task.sleep(for: .milliseconds(min(1000, 10 << min(failures, 7))))
            }
        }
    }

    /// Reads from one connection for as long as it holds. Whatever answers the next one may be another server, which a failover has made
    /// the primary without the last changes, and a session whose changes are lost never shows up in its logs. So every connection begins
    /// with the hint that anything may have happened.
    private func follow(_ logs: [RedisKey], on connection: RedisConnection, again isAgain: Bool, _ succeeded: () -> Void) async throws {
        var positions = try await ends(of: logs, on: connection)
        hint(.everything)
        succeeded()
        let start = ContinuousClock.now
        var lastRead = start
        // Sessions are read on another connection, which may learn later than this one that another server is the primary.
        var unsettled: [Duration] = isAgain ? [.seconds(1), .seconds(5), .seconds(15)] : []
        while !Task.isCancelled {
            let streams = zip(logs, positions).map { (key: $0, from: StreamPosition.after($1)) }
            // Short enough for a connection that died unnoticed to be found out soon.
            let wait = unsettled.first.map { max(.milliseconds(10), min(LogWatch.wait, $0 - (lastRead - start))) } ?? LogWatch.wait
            let batches = try await connection.send(XREAD(streams, count: LogWatch.page, waiting: wait), deadline: .after(.seconds(2)))
            let now = ContinuousClock.now
            // Logs keep a minute. Whoever slept longer has missed something that nothing shows.
            var isAnything = now - lastRead > .seconds(45)
            lastRead = now
            while let moment = unsettled.first, now - start >= moment {
                unsettled.removeFirst()
                isAnything = true
            }
            if isAnything { hint(.everything) }
            if batches.isEmpty { try await checkRewound(logs, on: connection, &positions) }
            for (key, entries) in batches.streams {
                guard let index = logs.firstIndex(of: key) else { continue }
                take(entries, &positions[index])
            }
        }
    }

    /// How long a read waits: short, so that a connection that died unnoticed is found out within two seconds.
    private static let wait = Duration.seconds(1)
    /// The most entries of each log in one read.
    private static let page = 512

    private func take(_ entries: StreamEntries, _ position: inout StreamID) {
        var keys: Set<SessionKey> = []
        // Entries that were trimmed before they were read leave a gap that cannot be seen; a full page says that reading is behind.
        var isAnything = entries.maximumCount >= LogWatch.page
        for entry in entries {
            position = max(position, entry.id)
            guard let name = entry.fields.flatMap({ $0["k"] }) else { continue }
            if let key = SessionNames.key(inLog: name) { keys.insert(key) } else { isAnything = true }
        }
        for key in keys { hint(.session(key)) }
        if isAnything { hint(.everything) }
    }

    /// Where the logs end now.
    private func ends(of logs: [RedisKey], on connection: RedisConnection) async throws(RedisError) -> [StreamID] {
        let commands = logs.map {
            RawCommand(["XREVRANGE", RedisArgument($0), "+", "-", "COUNT", 1], keys: [$0], isReadOnly: true, retrySafety: .always)
        }
        var positions: [StreamID] = []
        for reply in try await connection.pipeline(commands) {
            var last = StreamID.zero
            for entry in try StreamEntries(try reply.get()) { last = entry.id }
            positions.append(last)
        }
        return positions
    }

    /// After a server lost everything, logs begin anew and may end before the place where they were left: a read that waits there
    /// waits for ever.
    private func checkRewound(_ logs: [RedisKey], on connection: RedisConnection, _ positions: inout [StreamID]) async throws(RedisError) {
        let ends = try await ends(of: logs, on: connection)
        guard zip(ends, positions).contains(where: { $0 < $1 }) else { return }
        positions = ends
        hint(.everything)
    }
}
