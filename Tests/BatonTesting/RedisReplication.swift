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
        try await eventually("the replica has caught up") { try await primary.cli("WAIT", "1", "1000") == "1" }
    }

    /// Keeps what is written from now on from the replica, which stays as it is and thinks itself connected to a primary elsewhere.
    public func cutOff() async throws {
        try await catchesUp()
        // Nothing listens at port 1.
        try await replica.cli("REPLICAOF", "127.0.0.1", "1")
    }
}
