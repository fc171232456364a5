internal import BatonIO

/// Where commands go.
enum Router: Sendable {
    /// Everything goes to one node, wherever it is found.
    case single(Node, SentinelResolver?)
    /// A command goes to the node that serves the slot of its keys.
    case cluster(ClusterTopology)

    /// A node, and where it is when that is known before asking it.
    struct Route: Sendable {
        let node: Node
        let endpoint: RedisEndpoint?
    }

    init(_ configuration: RedisConfiguration, on loops: [EventLoop], counters: ClientCounters) {
        switch configuration.topology {
        case .standalone(let endpoints):
            let candidates = Candidates(endpoints)
            var settings = ConnectionSettings(configuration) { (_, _) throws(RedisError) in candidates.next() }
            settings.requiresPrimary = endpoints.count > 1
            self = .single(Node(settings, on: loops, counters: counters, maximumDedicated: configuration.maximumDedicatedConnections), nil)
        case .sentinel(let primary, let endpoints):
            let resolver = SentinelResolver(name: primary, seeds: endpoints, configuration, counters: counters)
            var settings = ConnectionSettings(configuration) { (loop, deadline) throws(RedisError) in
                try await resolver.resolve(on: loop, by: deadline)
            }
            settings.requiresPrimary = true
            settings.judged = { endpoint, isRight in
                if isRight { resolver.trust(endpoint) } else { resolver.distrust(endpoint) }
            }
            let node = Node(settings, on: loops, counters: counters, maximumDedicated: configuration.maximumDedicatedConnections)
            resolver.whenMoved { [weak node] in node?.reconnect(because: RedisError(.connectionLost, "another server is the primary now")) }
            self = .single(node, resolver)
        case .cluster(let endpoints):
            self = .cluster(ClusterTopology(endpoints, configuration, on: loops, counters: counters))
        }
    }

    /// Every node that there are connections to.
    var nodes: [Node] {
        switch self {
        case .single(let node, _): [node]
        case .cluster(let cluster): cluster.nodes
        }
    }

    /// Where a command goes.
    func route(keys: [RedisKey], isReadOnly: Bool, by deadline: Deadline) async throws(RedisError) -> Route {
        switch self {
        case .single(let node, _): Route(node: node, endpoint: nil)
        case .cluster(let cluster): try await cluster.route(keys: keys, isReadOnly: isReadOnly, by: deadline)
        }
    }

    /// A node says that another one serves a slot from now on.
    func moved(_ redirection: Redirection) throws(RedisError) -> Route {
        switch self {
        case .single: throw Self.notCluster
        case .cluster(let cluster): Route(node: try cluster.moved(redirection), endpoint: redirection.endpoint)
        }
    }

    /// A node says that another one serves a key this time.
    func ask(_ redirection: Redirection) throws(RedisError) -> Route {
        switch self {
        case .single: throw Self.notCluster
        case .cluster(let cluster): Route(node: try cluster.node(at: redirection.endpoint), endpoint: redirection.endpoint)
        }
    }

    private static var notCluster: RedisError {
        RedisError(.unsupported, "the server is a node of a cluster; name it with redis+cluster://")
    }

    /// A node was not what it had been when a command was sent at `moment`; it has to be found anew.
    func relocate(_ route: Route, asOf moment: Deadline) {
        switch self {
        case .single(let node, _):
            node.reconnect(because: RedisError(.connectionLost, "the server is not the primary any more"), olderThan: moment)
        case .cluster(let cluster): cluster.lookAgain()
        }
    }

    /// A node did not answer; somebody else may have taken over.
    func suspect(_ route: Route) {
        if case .cluster(let cluster) = self { cluster.lookAgain() }
    }

    func close(drainingUntil deadline: Deadline, because reason: RedisError) async {
        switch self {
        case .single(let node, let resolver):
            await node.close(drainingUntil: deadline, because: reason)
            resolver?.close()
        case .cluster(let cluster): await cluster.close(drainingUntil: deadline, because: reason)
        }
    }
}
