internal import BatonIO
internal import Synchronization

/// The nodes of a cluster and which slots they serve, as far as it is known; finds out when it is not, and again when nodes disagree.
final class ClusterTopology: Sendable {
    private struct State {
        var map = SlotMap()
        var primaries: [RedisEndpoint: Node] = [:]
        var replicas: [RedisEndpoint: Node] = [:]
        /// Those that no slot leads to any more, while the last replies are waited for.
        var leaving: [ObjectIdentifier: Node] = [:]
        var refresh: Task<RedisError?, Never>?
        var refreshedAt = Deadline(nanoseconds: 0)
        var nextReplica = 0
        var isClosed = false
    }

    private let seeds: [RedisEndpoint]
    private let configuration: RedisConfiguration
    private let trust: TrustStore?
    private let loops: [EventLoop]
    private let counters: ClientCounters
    private let state = Mutex(State())

    /// How long a look-up is good for when nobody complains.
    private static let freshness = Duration.seconds(60)
    /// How often the slots are asked for at most, however often nodes disagree.
    private static let pause = Duration.milliseconds(100)
    /// How long one node may take to tell its slots.
    private static let patience = Duration.seconds(2)
    /// How many nodes are asked at once.
    private static let asked = 5

    init(_ seeds: [RedisEndpoint], _ configuration: RedisConfiguration, on loops: [EventLoop], counters: ClientCounters) {
        self.seeds = seeds
        self.configuration = configuration
        self.loops = loops
        self.counters = counters
        trust = configuration.tls.map(TrustStore.init)
    }

    /// Every node there are connections to.
    var nodes: [Node] { state.withLock { Array($0.primaries.values) + Array($0.replicas.values) } }

    /// Who serves the slot that all keys belong to; any primary when there are no keys.
    /// - Throws: ``RedisError`` with the code `crossSlot`, `clusterUnavailable` or `closed`.
    func route(keys: [RedisKey], isReadOnly: Bool, by deadline: Deadline) async throws(RedisError) -> Router.Route {
        let slot = try HashSlot.common(keys)
        if let route = try find(slot, isReadOnly) { return route }
        if let failure = await refresh(by: deadline), state.withLock({ $0.map.isEmpty }) { throw failure }
        guard let route = try find(slot, isReadOnly) else {
            throw RedisError(.clusterUnavailable, "no node of the cluster is known to serve slot \(slot ?? 0)")
        }
        return route
    }

    /// Every primary that serves slots, in the order of their addresses.
    /// - Throws: ``RedisError`` with the code `clusterUnavailable` or `closed`.
    func allPrimaries(by deadline: Deadline) async throws(RedisError) -> [(endpoint: RedisEndpoint, node: Node)] {
        _ = try await route(keys: [], isReadOnly: false, by: deadline)
        let primaries: [(RedisEndpoint, Node)]? = state.withLock { state in
            if state.isClosed { return nil }
            return state.map.nodes.sorted { $0.description < $1.description }.map { ($0, node(at: $0, isReplica: false, in: &state)) }
        }
        guard let primaries else { throw RedisError(.closed, "the client was closed") }
        return primaries
    }

    private func find(_ slot: Int?, _ isReadOnly: Bool) throws(RedisError) -> Router.Route? {
        var isStale = false
        let outcome: Result<Router.Route?, RedisError> = state.withLock { state in
            isStale = Deadline.now > state.refreshedAt.advanced(by: Self.freshness)
            if state.isClosed { return .failure(RedisError(.closed, "the client was closed")) }
            guard let endpoint = slot.map({ state.map.primary(of: $0) }) ?? state.map.nodes.randomElement() else { return .success(nil) }
            if isReadOnly, configuration.reads == .replica, let slot {
                let replicas = state.map.replicas(of: slot)
                if replicas.isEmpty {
                    // They may have been away, or still copying, when the slots were looked up.
                    isStale = Deadline.now > state.refreshedAt.advanced(by: .seconds(1))
                } else {
                    state.nextReplica &+= 1
                    let replica = replicas[Int(UInt(bitPattern: state.nextReplica) % UInt(replicas.count))]
                    return .success(Router.Route(node: node(at: replica, isReplica: true, in: &state), endpoint: replica))
                }
            }
            return .success(Router.Route(node: node(at: endpoint, isReplica: false, in: &state), endpoint: endpoint))
        }
        if isStale { lookAgain() }
        return try outcome.get()
    }

    private func node(at endpoint: RedisEndpoint, isReplica: Bool, in state: inout State) -> Node {
        if let node = isReplica ? state.replicas[endpoint] : state.primaries[endpoint] { return node }
        var settings = ConnectionSettings(configuration) { (_, _) throws(RedisError) in endpoint }
        settings.tls = trust
        settings.failsFast = true
        settings.readsFromReplica = isReplica
        let node = Node(settings, on: loops, counters: counters, maximumDedicated: configuration.maximumDedicatedConnections)
        if isReplica { state.replicas[endpoint] = node } else { state.primaries[endpoint] = node }
        return node
    }

    /// The node at an endpoint, for a command that was sent there by another node.
    /// - Throws: ``RedisError`` with the code `closed`.
    func node(at endpoint: RedisEndpoint) throws(RedisError) -> Node {
        try change { node(at: endpoint, isReplica: false, in: &$0) }
    }

    /// A redirection may arrive while the client closes; a node made for it then would never be closed.
    private func change(_ body: (inout State) -> Node) throws(RedisError) -> Node {
        guard let node = state.withLock({ $0.isClosed ? nil : body(&$0) }) else { throw RedisError(.closed, "the client was closed") }
        return node
    }

    /// MOVED: follows at once, and has all slots looked up, because one that moved is seldom alone.
    /// - Throws: ``RedisError`` with the code `closed`.
    func moved(_ redirection: Redirection) throws(RedisError) -> Node {
        let node = try change { state in
            state.map.patch(redirection.slot, to: redirection.endpoint)
            return self.node(at: redirection.endpoint, isReplica: false, in: &state)
        }
        counters.topologyChanged()
        lookAgain()
        return node
    }

    /// Something was not as it was thought to be: looks the slots up soon.
    func lookAgain() { _ = startRefresh() }

    // MARK: Looking slots up

    private func refresh(by deadline: Deadline) async -> RedisError? {
        guard let task = startRefresh() else { return RedisError(.closed, "the client was closed") }
        // The look-up serves everybody who waits; this caller only as long as it can.
        let loop = loops[0]
        return await withTaskGroup(of: RedisError?.self) { group in
            group.addTask { await task.value }
            group.addTask {
                try? await loop.sleep(until: deadline)
                return RedisError(.clusterUnavailable, "no node of the cluster told its slots in time")
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    /// One look-up at a time; whoever comes meanwhile waits for the same.
    private func startRefresh() -> Task<RedisError?, Never>? {
        state.withLock { state in
            if state.isClosed { return nil }
            if let refresh = state.refresh { return refresh }
            let earliest = state.refreshedAt.advanced(by: Self.pause)
            let loop = loops[0]
            let task = Task(executorPreference: loop) { [weak self] () -> RedisError? in
                try? await loop.sleep(until: earliest)
                return await self?.lookUp(on: loop)
            }
            state.refresh = task
            return task
        }
    }

    private func lookUp(on loop: EventLoop) async -> RedisError? {
        let (asked, moment) = state.withLock { state in
            // Known nodes in any order, so that one that is wrong is not believed for ever; then the seeds.
            let known = state.map.nodes.shuffled()
            return (Array((known + seeds.filter { !known.contains($0) }).prefix(Self.asked)), state.map.moment())
        }
        var failure = RedisError(.clusterUnavailable, "none of \(asked.count) nodes of the cluster told its slots")
        let shards = await withTaskGroup(of: Result<[SlotMap.Shard], RedisError>.self) { group -> [SlotMap.Shard]? in
            for endpoint in asked { group.addTask { await self.ask(endpoint, on: loop) } }
            var best: [SlotMap.Shard]?
            for await answer in group {
                switch answer {
                case .failure(let error): if !failure.isPermanent { failure = Self.unavailable(error) }
                case .success(let shards):
                    // A node that knows of all slots is believed at once; one that was cut off knows of fewer.
                    if shards.coverage == HashSlot.count {
                        group.cancelAll()
                        return shards
                    }
                    if shards.coverage > best?.coverage ?? 0 { best = shards }
                }
            }
            return best
        }
        let gone = state.withLock { state -> [Node] in
            state.refresh = nil
            state.refreshedAt = .now
            guard let shards, !state.isClosed else { return [] }
            let before = state.map.nodes
            state.map.adopt(shards, askedAt: moment)
            if !before.isEmpty, Set(before) != Set(state.map.nodes) { counters.topologyChanged() }
            let gone = dropUnknown(in: &state)
            for node in gone { state.leaving[ObjectIdentifier(node)] = node }
            return gone
        }
        for node in gone {
            Task {
                await node.close(
                    drainingUntil: .after(configuration.commandTimeout), because: RedisError(.connectionLost, "the node left the cluster"))
                _ = state.withLock { $0.leaving.removeValue(forKey: ObjectIdentifier(node)) }
            }
        }
        return shards == nil ? failure : nil
    }

    private static func unavailable(_ error: RedisError) -> RedisError {
        if error.server?.text.contains("cluster support disabled") == true {
            return RedisError(.unsupported, "the server is not a node of a cluster; name it with redis://")
        }
        // A wrong password stays what it is; all else may be better in a while.
        return error.isPermanent
            ? error : RedisError(.clusterUnavailable, "no node of the cluster told its slots: \(error.message)", underlying: error)
    }

    /// Takes out the nodes that no slot leads to any more.
    private func dropUnknown(in state: inout State) -> [Node] {
        let primaries = Set(state.map.nodes)
        let replicas = Set(state.map.allReplicas)
        let gone =
            state.primaries.filter { !primaries.contains($0.key) }.map(\.value) + state.replicas.filter { !replicas.contains($0.key) }.map(\.value)
        state.primaries = state.primaries.filter { primaries.contains($0.key) }
        state.replicas = state.replicas.filter { replicas.contains($0.key) }
        return gone
    }

    /// Asks one node for all slots, on a connection of its own: one that hangs must not be waited for behind other commands.
    private func ask(_ endpoint: RedisEndpoint, on loop: EventLoop) async -> Result<[SlotMap.Shard], RedisError> {
        var settings = ConnectionSettings(configuration) { (_, _) throws(RedisError) in endpoint }
        settings.tls = trust
        settings.isDedicated = true
        settings.connectTimeout = min(settings.connectTimeout, Self.patience)
        let connection = Connection(settings, on: loop, counters: counters)
        defer { connection.discard() }
        // CLUSTER SHARDS is 7.0 and later, and some managed services know only the older one.
        let outcome = await connection.send(expecting: 2, deadline: .after(Self.patience)) { encoder in
            encoder.write(RawCommand(["CLUSTER", "SHARDS"]))
            encoder.write(RawCommand(["CLUSTER", "SLOTS"]))
        }
        do throws(RedisError) {
            switch outcome {
            case .failure(let error): throw error
            case .reply(let reply): throw reply.unexpected("two replies")
            case .replies(let replies):
                guard let first = replies.first, let second = replies.last else { throw RedisError(.protocolViolation, "no reply") }
                if let shards = try? ClusterListing.shards(first, answeredBy: endpoint, encrypted: configuration.tls != nil), !shards.isEmpty {
                    return .success(shards)
                }
                return .success(try ClusterListing.slots(second, answeredBy: endpoint))
            }
        } catch {
            return .failure(error)
        }
    }

    func close(drainingUntil deadline: Deadline, because reason: RedisError) async {
        let (nodes, refresh) = state.withLock { state -> ([Node], Task<RedisError?, Never>?) in
            state.isClosed = true
            return (Array(state.primaries.values) + Array(state.replicas.values) + Array(state.leaving.values), state.refresh)
        }
        refresh?.cancel()
        await withTaskGroup(of: Void.self) { group in
            for node in nodes { group.addTask { await node.close(drainingUntil: deadline, because: reason) } }
        }
        _ = await refresh?.value
    }
}

extension [SlotMap.Shard] {
    /// How many slots they serve together.
    fileprivate var coverage: Int { reduce(0) { $0 + $1.slots.reduce(0) { $0 + $1.count } } }
}
