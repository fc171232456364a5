internal import BatonCore
internal import BatonRedisClient
internal import Synchronization

/// Numbers of the servers, for metrics: what INFO said when it was last asked.
///
/// Whoever looks gets what is there at once; when that is old, it is fetched anew in the background, once at a time. So servers are asked
/// only while somebody looks, and at most every ten seconds however many do.
final class ServerGauges: Sendable {
    private struct State {
        var gauges: [StorageGauge] = []
        var refresh: Task<Void, Never>?
        var refreshedAt: ContinuousClock.Instant?
        var isClosed = false
    }

    private let client: RedisClient
    private let state = Mutex(State())

    private static let interval = Duration.seconds(10)

    init(_ client: RedisClient) { self.client = client }

    /// What was last heard.
    var current: [StorageGauge] {
        state.withLock { state in
            let isOld = state.refreshedAt.map { ContinuousClock.now - $0 > ServerGauges.interval } ?? true
            if isOld, state.refresh == nil, !state.isClosed { state.refresh = Task { [weak self] in await self?.refresh() } }
            return state.gauges
        }
    }

    func close() async {
        let refresh = state.withLock { state in
            state.isClosed = true
            return state.refresh
        }
        refresh?.cancel()
        await refresh?.value
    }

    private func refresh() async {
        let gauges = await fetched()
        state.withLock { state in
            state.gauges = gauges
            state.refreshedAt = .now
            state.refresh = nil
        }
    }

    private func fetched() async -> [StorageGauge] {
        let nodes: [RedisNode]
        do throws(RedisError) { nodes = try await client.primaries() } catch { return [ServerGauges.availability(of: "cluster", false)] }
        let database = client.configuration.database
        return await withTaskGroup(of: [StorageGauge].self) { group in
            for node in nodes {
                group.addTask {
                    let facts = try? await node.send(INFO())
                    let name = node.endpoint?.description ?? "primary"
                    return [ServerGauges.availability(of: name, facts != nil)]
                        + (facts.map { ServerGauges.gauges(ServerFacts($0), of: name, database: database) } ?? [])
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static func availability(of node: String, _ isAvailable: Bool) -> StorageGauge {
        StorageGauge(
            "redis_info_available", help: "Whether the server told its numbers: 0 when INFO is not permitted or it did not answer.",
            labels: ["node": node], value: isAvailable ? 1 : 0)
    }

    static func gauges(_ facts: ServerFacts, of node: String, database: Int) -> [StorageGauge] {
        var gauges: [StorageGauge] = []
        func add(_ name: String, _ help: String, _ value: Int?, isCounter: Bool = false) {
            guard let value else { return }
            gauges.append(StorageGauge("redis_" + name, help: help, labels: ["node": node], isCounter: isCounter, value: Double(value)))
        }
        add("used_memory_bytes", "Memory that the server uses for data.", facts.number("used_memory"))
        add("max_memory_bytes", "Memory that the server may use; 0 is without limit.", facts.number("maxmemory"))
        add("keyspace_hits_total", "Look-ups that found their key.", facts.number("keyspace_hits"), isCounter: true)
        add("keyspace_misses_total", "Look-ups that found no key.", facts.number("keyspace_misses"), isCounter: true)
        add("evicted_keys_total", "Keys thrown away to make room.", facts.number("evicted_keys"), isCounter: true)
        add("expired_keys_total", "Keys whose lifetime ended.", facts.number("expired_keys"), isCounter: true)
        add("connected_clients", "Connections of clients.", facts.number("connected_clients"))
        add("operations_per_second", "Commands a second, lately.", facts.number("instantaneous_ops_per_sec"))
        let (keys, expiring) = facts.keys(inDatabase: database)
        add("keys", "Keys in the database.", keys)
        add("expiring_keys", "Keys in the database that have a lifetime.", expiring)
        let replicas = facts.replicas
        add("replicas", "Replicas that are connected.", replicas.count)
        add("replication_backlog_bytes", "What is kept for replicas that come back.", facts.number("repl_backlog_size"))
        if !replicas.isEmpty {
            add("replication_lag_bytes", "What the slowest replica has yet to take over.", replicas.map { facts.bytesBehind($0) }.max())
            add("replication_lag_seconds", "How long ago the most silent replica was heard of.", replicas.map(\.lag).max())
        }
        return gauges
    }
}
