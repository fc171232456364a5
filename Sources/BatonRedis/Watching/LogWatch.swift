internal import BatonCore
internal import BatonRedisClient
internal import Synchronization

/// Hints out of the shards' logs, which every change writes to: one waiting read where one server keeps everything, one for each shard on a
/// cluster, and only while somebody observes.
///
/// A log is read from where it was last left, so nothing is missed while a connection is made anew. When a read starts, and when the
/// log no longer reaches back to where it was left, anything may have happened, and that is the hint.
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

    private func hint(_ hint: StorageHint) {
        for observer in state.withLock({ Array($0.observers.values) }) { observer(hint) }
    }

    private func read(_ logs: [RedisKey]) async {
        var positions: [StreamID] = []
        var failures = 0
        var lastRead = ContinuousClock.now
        while !Task.isCancelled {
            do throws(RedisError) {
                if positions.isEmpty {
                    positions = try await ends(of: logs)
                    hint(.everything)
                }
                let streams = zip(logs, positions).map { (key: $0, from: StreamPosition.after($1)) }
                // Short enough for a connection that died unnoticed to be found out soon.
                let batches = try await client.send(XREAD(streams, count: LogWatch.page, waiting: .seconds(5)))
                // Logs keep a minute. Whoever slept longer has missed something that nothing shows.
                let now = ContinuousClock.now
                if now - lastRead > .seconds(45) { hint(.everything) }
                lastRead = now
                if batches.isEmpty { try await checkRewound(logs, &positions) }
                for (key, entries) in batches.streams {
                    guard let index = logs.firstIndex(of: key) else { continue }
                    take(entries, &positions[index])
                }
                failures = 0
            } catch {
                if Task.isCancelled || error.code == .closed { return }
                // Where it was left is kept, unless it may be gone: what came meanwhile is read then. All the same the session's
                // feed may wait for something that a failover has lost.
                hint(.everything)
                failures += 1
                try? await Task.sleep(for: .milliseconds(min(1000, 10 << min(failures, 7))))
            }
        }
    }

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
    private func ends(of logs: [RedisKey]) async throws(RedisError) -> [StreamID] {
        let commands = logs.map {
            RawCommand(["XREVRANGE", RedisArgument($0), "+", "-", "COUNT", 1], keys: [$0], isReadOnly: true, retrySafety: .always)
        }
        var positions: [StreamID] = []
        for reply in try await client.pipeline(commands) {
            var last = StreamID.zero
            for entry in try StreamEntries(try reply.get()) { last = entry.id }
            positions.append(last)
        }
        return positions
    }

    /// After a server lost everything, logs begin anew and may end before the place where they were left: a read that waits there
    /// waits for ever.
    private func checkRewound(_ logs: [RedisKey], _ positions: inout [StreamID]) async throws(RedisError) {
        let ends = try await ends(of: logs)
        guard zip(ends, positions).contains(where: { $0 < $1 }) else { return }
        positions = ends
        hint(.everything)
    }
}
