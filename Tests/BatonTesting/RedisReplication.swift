/// A primary and a replica that takes over what it writes.
public struct RedisReplication: Sendable {
    /// The server that takes writes.
    public let primary: RedisServer
    /// The server that follows it.
    public let replica: RedisServer

    /// Starts both for the time of `body`, which begins when the replica has caught up.
    public static func with<Value>(_ options: [String] = [], _ body: (RedisReplication) async throws -> Value) async throws -> Value {
        try await RedisServer.with(["--repl-diskless-sync-delay", "0"] + options) { primary in
            try await RedisServer.with(["--replicaof", "127.0.0.1 \(primary.port)"] + options) { replica in
                let pair = RedisReplication(primary: primary, replica: replica)
                try await pair.catchesUp()
                return try await body(pair)
            }
        }
    }

    /// Waits until the replica has all that the primary has written.
    public func catchesUp() async throws {
        try await primary.isCopied(to: [replica])
    }

    /// Where a client finds the one that is the primary: the first of both that says so.
    public var address: String { "redis://127.0.0.1:\(primary.port),127.0.0.1:\(replica.port)?timeout=20000" }

    /// Keeps what is written from now on from the replica, which goes on as if its primary were away for a moment.
    public func cutOff() async throws {
        try await catchesUp()
        try await primary.refuseReplicas()
    }

    /// Ends the primary as a crash would, and makes the replica the primary.
    public func failOver() async throws {
        await primary.kill()
        try await replica.cli("REPLICAOF", "NO", "ONE")
    }
}

extension RedisServer {
    /// Waits until the replicas have all that this server has written.
    public func isCopied(to replicas: [RedisServer]) async throws {
        try await eventually("the replicas have caught up") {
            let written = try await replicationFact("master_repl_offset")
            for replica in replicas {
                guard try await replica.replicationFact("master_link_status") == "up",
                    try await replica.replicationFact("slave_repl_offset") == written
                else { return false }
            }
            return written != nil
        }
    }

    private func replicationFact(_ name: String) async throws -> String? {
        let lines = try await cli("INFO", "replication").split(whereSeparator: \.isNewline)
        return lines.first { $0.hasPrefix(name + ":") }.map { String($0.dropFirst(name.count + 1)) }
    }

    /// Lets go of the replicas and takes none any more; everything else goes on.
    public func refuseReplicas() async throws {
        try await cli("ACL", "SETUSER", "default", "-psync", "-sync")
        try await cli("CLIENT", "KILL", "TYPE", "replica")
    }
}
