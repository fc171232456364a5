/// A cluster of redis-servers: three primaries, each with a replica.
public final class RedisCluster: Sendable {
    /// The servers; the first three began as primaries.
    public let servers: [RedisServer]

    private init(servers: [RedisServer]) { self.servers = servers }

    /// Starts a cluster for the time of `body`.
    /// - Parameter certificates: clients and nodes talk with TLS alone.
    public static func with<Value>(
        replicas: Int = 1, _ options: [String] = [], certificates: TestCertificates? = nil, _ body: (RedisCluster) async throws -> Value
    ) async throws -> Value {
        let encryption = certificates == nil ? [] : ["--tls-cluster", "yes", "--tls-replication", "yes"]
        var servers: [RedisServer] = []
        do {
            for _ in 0..<3 * (1 + replicas) {
                servers.append(
                    try await RedisServer.start(
                        ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"] + encryption + options,
                        certificates: certificates))
            }
            let cluster = RedisCluster(servers: servers)
            try await cluster.join(replicas: replicas)
            let value = try await body(cluster)
            await cluster.stop()
            return value
        } catch {
            await RedisCluster(servers: servers).stop()
            throw error
        }
    }

    private func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { await server.stop() } }
        }
    }

    private func join(replicas: Int) async throws {
        let places = servers.map { "127.0.0.1:\($0.port)" }
        _ = try await servers[0].cli(["--cluster", "create"] + places + ["--cluster-replicas", "\(replicas)", "--cluster-yes"])
        for server in servers {
            try await eventually("the cluster is whole") {
                let links = try await server.cli("CLUSTER", "NODES")
                let isWhole = try await server.cli("CLUSTER", "INFO").contains("cluster_state:ok")
                // A replica that has not copied its primary yet would never take its place.
                let role = try await server.cli("ROLE")
                let isCopied = !role.hasPrefix("slave") || role.contains("\nconnected")
                return isWhole && isCopied && links.split(separator: "\n").allSatisfy { !$0.contains("disconnected") && !$0.contains("handshake") }
            }
        }
    }

    /// Moves a slot with all its keys from the node that has it to the next of the first three, the way redis-cli does it.
    public func move(_ slot: Int) async throws {
        let nodes = Array(servers.prefix(3))
        var names: [String] = []
        for node in nodes { names.append(try await node.cli("CLUSTER", "MYID")) }
        var owner: Int?
        for (index, node) in nodes.enumerated() {
            let mine = try await node.cli("CLUSTER", "NODES").split(separator: "\n").first { $0.contains("myself") }
            let ranges = mine?.split(separator: " ").dropFirst(8).map { $0.split(separator: "-").compactMap { Int($0) } } ?? []
            if ranges.contains(where: { ($0.first ?? .max) <= slot && slot <= ($0.last ?? -1) }) { owner = index }
        }
        guard let owner else { return }
        let target = (owner + 1) % nodes.count
        _ = try await nodes[target].cli("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", names[owner])
        _ = try await nodes[owner].cli("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", names[target])
        while true {
            let keys = try await nodes[owner].cli("CLUSTER", "GETKEYSINSLOT", "\(slot)", "10").split(separator: "\n").map(String.init)
            if keys.isEmpty { break }
            for key in keys { _ = try await nodes[owner].cli("MIGRATE", "127.0.0.1", "\(nodes[target].port)", key, "0", "5000") }
        }
        // First where it is now, or somebody would be sent to and fro.
        for server in [nodes[target], nodes[owner]] + servers.filter({ $0 !== nodes[target] && $0 !== nodes[owner] }) {
            _ = try? await server.cli("CLUSTER", "SETSLOT", "\(slot)", "NODE", names[target])
        }
    }
}
