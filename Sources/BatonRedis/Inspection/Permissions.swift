internal import BatonCore
internal import BatonRedisClient

/// What a store's user has to be allowed, and nothing more. docs/KEYS.md says the same.
package struct Permissions: Sendable {
    /// What the keys begin with.
    package let prefix: String
    package let topology: Topology
    /// Whether writes wait for replicas.
    package let waits: Bool

    package init(prefix: String, _ topology: Topology, waits: Bool = false) {
        self.prefix = prefix
        self.topology = topology
        self.waits = waits
    }

    /// How servers are found, as far as it takes permissions.
    package enum Topology: Sendable, CaseIterable { case standalone, sentinel, cluster }

    /// A command that a store sends, and a way to ask for the permission without doing anything: words that are well formed.
    struct Command {
        /// As ACL rules write it: `get`, `cluster|slots`.
        let rule: String
        let words: [RedisArgument]

        /// - Parameter text: the command with `K` for a key under the prefix.
        init(_ text: String, _ key: RedisKey, rule: String? = nil) {
            let parts = text.split(separator: " ")
            self.rule = rule ?? parts[0].lowercased()
            words = parts.map { $0 == "K" ? RedisArgument(key) : .string(String($0)) }
        }
    }

    /// What everybody needs to get in; whoever has a connection has had them.
    private static let greeting = ["hello", "auth"]

    func commands(key: RedisKey) -> [Command] {
        let digest = String(repeating: "0", count: 40)
        var commands = [
            Command("PING", key), Command("CLIENT SETNAME baton", key, rule: "client|setname"), Command("CLIENT ID", key, rule: "client|id"),
            Command("SELECT 0", key),
            Command("EVALSHA \(digest) 1 K", key), Command("EVAL return 1 K", key), Command("MULTI", key), Command("EXEC", key),
            Command("TIME", key),
        ]
        commands += [
            "GET K", "SET K v", "INCRBY K 1", "HGET K f", "HSET K f v", "HDEL K f", "HMGET K f", "HGETALL K", "HLEN K", "HEXISTS K f",
            "HINCRBY K f 1", "EXISTS K", "DEL K", "UNLINK K", "PERSIST K", "PEXPIREAT K 1", "PTTL K", "XADD K * f v", "XLEN K", "XRANGE K - +",
            "XREVRANGE K + -", "XREAD COUNT 1 STREAMS K 0", "XDEL K 0-1", "XTRIM K MAXLEN 1", "XPENDING K g", "ZADD K 1 m", "ZREM K m", "ZCARD K",
            "ZCOUNT K 0 1", "ZRANGE K 0 1", "ZREVRANGE K 0 1", "ZRANDMEMBER K", "ZRANGEBYSCORE K 0 1", "ZREVRANGEBYSCORE K 1 0", "ZSCORE K m",
            "ZRANGEBYLEX K - +",
            "ZREMRANGEBYSCORE K 0 1", "HKEYS K", "RENAME K K",
        ].map { Command($0, key) }
        commands += ["STREAM", "GROUPS"].map { Command("XINFO \($0) K", key, rule: "xinfo|\($0.lowercased())") }
        commands += [Command("PUBLISH K m", key), Command("SUBSCRIBE K", key)]
        if waits { commands.append(Command("WAIT 0 1", key)) }
        switch topology {
        case .standalone: break
        case .sentinel: commands.append(Command("ROLE", key))
        case .cluster:
            commands += ["slots", "shards", "nodes"].map { Command("CLUSTER \($0.uppercased())", key, rule: "cluster|\($0)") }
            commands += [Command("ASKING", key), Command("READONLY", key), Command("SPUBLISH K m", key), Command("SSUBSCRIBE K", key)]
        }
        return commands
    }

    /// The rules of the least user, without its password: `~baton:* resetchannels -@all +hello …`.
    package var rules: String {
        let commands = Permissions.greeting + commands(key: "").map(\.rule)
        return (["~\(prefix):*", "resetchannels", "&\(prefix):*", "-@all"] + commands.map { "+\($0)" }).joined(separator: " ")
    }

    /// The line that makes the least user, or gives an existing one what it lacks.
    package func line(user: String?) -> String { "ACL SETUSER \(user ?? "baton") on >PASSWORD \(rules)" }

    /// What a user lacks.
    package struct Missing: Sendable, Equatable {
        /// Rules of the commands that it may not call.
        package var commands: [String] = []
        /// Whether it may not touch keys under the prefix.
        package var keys = false

        package var isEmpty: Bool { commands.isEmpty && !keys }
    }

    /// Finds out what the client's user lacks for a prefix, without doing anything: permissions are checked when a command is queued in a
    /// transaction, and the transaction is spoilt by a malformed command before that, so that it can never run.
    func missing(_ client: RedisClient) async throws -> Missing {
        let key = RedisKey("\(prefix):{0}:doctor")
        return try await client.withConnection(for: key) { connection in
            var missing = Missing()
            func isPermitted(_ words: [RedisArgument]) async throws(RedisError) -> Bool {
                do throws(RedisError) {
                    _ = try await connection.send(RawCommand(words))
                    return true
                } catch {
                    guard error.code == .server, let refusal = error.server else { throw error }
                    guard refusal.kind == .noPermission else { return true }
                    // "… has no permissions to access one of the keys …", in the words of all versions.
                    guard refusal.text.contains(" to access ") else { return false }
                    missing.keys = true
                    return true
                }
            }
            guard try await isPermitted(["MULTI"]) else { return Missing(commands: ["multi"]) }
            // Wrong in its number of words, which is refused before permissions are looked at. From here on EXEC can only give up.
            do throws(RedisError) {
                _ = try await connection.send(RawCommand(["GET"]))
                throw RedisError(.unexpectedReply, "the server took a command without its key, so permissions cannot be tried")
            } catch {
                guard error.code == .server, error.server?.kind != .noPermission else { throw error }
            }
            for command in commands(key: key) where command.rule != "multi" && command.rule != "exec" {
                if try await !isPermitted(command.words) { missing.commands.append(command.rule) }
            }
            // Given up, as it was spoilt; without the permission the connection is closed instead, which ends the transaction too.
            if try await !isPermitted(["EXEC"]) { missing.commands.append("exec") }
            return missing
        }
    }
}
