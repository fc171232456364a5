internal import BatonIO

/// Where commands go.
enum Router: Sendable {
    /// Everything goes to one node, wherever it is found.
    case single(Node)

    /// A node, and where it is when that is known before asking it.
    struct Route: Sendable {
        let node: Node
        let endpoint: RedisEndpoint?
    }

    init(_ configuration: RedisConfiguration, on loops: [EventLoop], counters: ClientCounters) throws(RedisError) {
        switch configuration.topology {
        case .sentinel, .cluster: throw RedisError(.unsupported, "this client speaks to single servers only")
        case .standalone(let endpoints):
            let candidates = Candidates(endpoints)
            var settings = ConnectionSettings(configuration) { (_, _) throws(RedisError) in candidates.next() }
            settings.requiresPrimary = endpoints.count > 1
            self = .single(Node(settings, on: loops, counters: counters, maximumDedicated: configuration.maximumDedicatedConnections))
        }
    }

    /// Every node that there are connections to.
    var nodes: [Node] {
        switch self {
        case .single(let node): [node]
        }
    }

    /// Where a command goes.
    func route(keys: [RedisKey], isReadOnly: Bool, by deadline: Deadline) async throws(RedisError) -> Route {
        switch self {
        case .single(let node): Route(node: node, endpoint: nil)
        }
    }

    /// A node says that another one serves a slot from now on.
    func moved(_ redirection: Redirection) throws(RedisError) -> Route {
        switch self {
        case .single: throw Self.notCluster
        }
    }

    /// A node says that another one serves a key this time.
    func ask(_ redirection: Redirection) throws(RedisError) -> Route {
        switch self {
        case .single: throw Self.notCluster
        }
    }

    private static var notCluster: RedisError {
        RedisError(.unsupported, "the server is a node of a cluster; name it with redis+cluster://")
    }

    /// A node is not what it was; it has to be found anew.
    func relocate(_ route: Route, because error: RedisError) {
        switch self {
        case .single(let node): node.reconnect(because: RedisError(.connectionLost, "the server is not the primary any more"))
        }
    }

    func close(drainingUntil deadline: Deadline, because reason: RedisError) async {
        for node in nodes { await node.close(drainingUntil: deadline, because: reason) }
    }
}
