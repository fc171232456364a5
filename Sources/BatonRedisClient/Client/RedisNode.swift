public import BatonIO

/// One server of a client's, for what is asked of a server and not of keys: facts about it, its latency, its part of the keyspace.
public struct RedisNode: Sendable {
    private let node: Node
    private let client: RedisClient
    private let known: RedisEndpoint?
    private let resolver: SentinelResolver?

    init(_ node: Node, at endpoint: RedisEndpoint?, _ resolver: SentinelResolver? = nil, of client: RedisClient) {
        self.node = node
        self.client = client
        known = endpoint
        self.resolver = resolver
    }

    /// Where the server is; nil while that is not known, and where several addresses were given for one server.
    public var endpoint: RedisEndpoint? { known ?? resolver?.primary }

    /// Sends a command to this server and reads its reply. It is neither repeated nor redirected.
    /// - Throws: ``RedisError``.
    public func send<Command: RedisCommand>(_ command: Command, deadline: Deadline? = nil) async throws(RedisError) -> Command.Response {
        let outcome = await node.connection.send(expecting: 1, deadline: deadline ?? client.deadline(for: command.blocks)) { $0.write(command) }
        switch outcome {
        case .failure(let error): throw error
        case .reply(let reply):
            if let error = reply.error { throw error }
            return try command.decode(reply)
        case .replies: throw RedisError(.protocolViolation, "several replies to one command")
        }
    }
}

extension RedisClient {
    /// The servers that take writes: the one, or all of a cluster that serve slots, in the order of their addresses.
    /// - Throws: ``RedisError`` with the code `clusterUnavailable` when no node of the cluster told its slots, or `closed`.
    public func primaries(deadline: Deadline? = nil) async throws(RedisError) -> [RedisNode] {
        switch router {
        case .single(let node, let resolver):
            var endpoint: RedisEndpoint?
            if case .standalone(let endpoints) = configuration.topology, endpoints.count == 1 { endpoint = endpoints[0] }
            return [RedisNode(node, at: endpoint, resolver, of: self)]
        case .cluster(let cluster):
            let nodes = try await cluster.allPrimaries(by: deadline ?? self.deadline(for: nil))
            return nodes.map { RedisNode($0.node, at: $0.endpoint, of: self) }
        }
    }
}
