package import BatonCore
internal import BatonIO
package import BatonRedisClient

/// Looks at the servers behind an address, for people who run them. Everything it does is bounded, changes nothing that lasts, and says
/// what it was not allowed to see.
package struct Inspection: Sendable {
    package let client: RedisClient
    package let permissions: Permissions
    package var prefix: String { permissions.prefix }
    package var topology: Permissions.Topology { permissions.topology }

    /// Makes a client of its own.
    /// - Parameter durability: what the store's writes will wait for.
    package init(_ address: String, prefix: String, durability: Durability? = nil) throws(StoreError) {
        do throws(RedisError) { client = try RedisClient(address) } catch { throw StoreError(error) }
        let topology: Permissions.Topology =
            switch client.configuration.topology {
            case .standalone: .standalone
            case .sentinel: .sentinel
            case .cluster: .cluster
            }
        let waits = if case .wait? = durability { true } else { false }
        permissions = Permissions(prefix: prefix, topology, waits: waits)
    }

    package func close() async { await client.close() }

    /// The user that the servers know, when the configuration says it; `default` without a login.
    package var user: String? {
        switch client.configuration.credentials {
        case .none: "default"
        case .login(let login): login.user ?? "default"
        case .file, .provider: nil
        }
    }

    // MARK: - Servers

    /// What one server says of itself.
    package struct Server: Sendable {
        package let address: String
        package let isLocal: Bool
        /// What it says to everybody who may talk to it.
        package let version: ServerVersion?
        /// Whether it is a node of a cluster.
        package let isClusterNode: Bool
        package let facts: Result<ServerFacts, RedisError>
        /// What CONFIG GET said; empty when it was refused.
        package let settings: [String: String]
        /// How long each sign of life took, shortest first; empty when the user may not ask for one.
        package let pings: [Duration]

        package init(
            address: String, isLocal: Bool, version: ServerVersion?, isClusterNode: Bool = false, facts: Result<ServerFacts, RedisError>,
            settings: [String: String],
            pings: [Duration]
        ) {
            self.address = address
            self.isLocal = isLocal
            self.version = version
            self.isClusterNode = isClusterNode
            self.facts = facts
            self.settings = settings
            self.pings = pings
        }
    }

    /// Settings that matter and that INFO does not tell.
    private static let settings = ["appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy", "maxclients"]

    package func look(at node: RedisNode) async throws(RedisError) -> Server {
        // Any answer is a sign of life, a refusal too.
        let isSilent = try await refused { () throws(RedisError) in try await node.send(PING()) }
        let greeting = try? await node.send(RawCommand(["HELLO"]))
        let facts: Result<ServerFacts, RedisError>
        do throws(RedisError) { facts = .success(ServerFacts(try await node.send(INFO()))) } catch {
            guard error.code == .server else { throw error }
            facts = .failure(error)
        }
        var settings: [String: String] = [:]
        for name in Inspection.settings {
            guard let reply = try? await node.send(RawCommand(["CONFIG", "GET", .string(name)])), let pairs = reply.pairs else { break }
            for (name, value) in pairs { if let name = name.string, let value = value.string { settings[name] = value } }
        }
        var version = (try? facts.get()).flatMap { ServerVersion($0) }
        if version == nil, let said = greeting?.pairs?["version"]?.string {
            version = ServerVersion(product: greeting?.pairs?["server"]?.string == "valkey" ? "Valkey" : "Redis", text: said, compatible: said)
        }
        return Server(
            address: node.endpoint?.description ?? "the primary", isLocal: node.endpoint?.isLocal ?? false, version: version,
            isClusterNode: greeting?.pairs?["mode"]?.string == "cluster", facts: facts,
            settings: settings, pings: isSilent ? [] : try await pings(node))
    }

    /// Whether the user may not do something.
    private func refused(_ body: () async throws(RedisError) -> Void) async throws(RedisError) -> Bool {
        do throws(RedisError) {
            try await body()
            return false
        } catch {
            guard error.server?.kind == .noPermission else { throw error }
            return true
        }
    }

    /// A hundred signs of life one after the other, or as many as a second has room for.
    private func pings(_ node: RedisNode) async throws(RedisError) -> [Duration] {
        let end = ContinuousClock.now + .seconds(1)
        var times: [Duration] = []
        repeat {
            let start = ContinuousClock.now
            _ = try await node.send(PING())
            times.append(ContinuousClock.now - start)
        } while times.count < 100 && ContinuousClock.now < end
        return times.sorted()
    }

    // MARK: - Deployment

    /// The cluster as one of its nodes sees it; nil when the user may not ask.
    package func clusterNodes() async -> ClusterNodes? {
        for node in (try? await client.primaries()) ?? [] {
            if let reply = try? await node.send(RawCommand(["CLUSTER", "NODES"]), deadline: .after(.seconds(2))) {
                return reply.string.map { ClusterNodes($0) }
            }
        }
        return nil
    }

    /// What the Sentinels of the configuration say; nil when there are none.
    package func sentinels() async -> Sentinels? {
        guard case .sentinel(let name, let endpoints) = client.configuration.topology else { return nil }
        return await Sentinels(asking: endpoints, of: name, client.configuration)
    }

    /// What the client's user lacks for the prefix.
    package func missingPermissions() async throws(RedisError) -> Permissions.Missing {
        do { return try await permissions.missing(client) } catch let error as RedisError { throw error } catch {
            throw RedisError(.unexpectedReply, "permissions could not be tried")
        }
    }

    // MARK: - Contents

    /// How a prefix was laid out; nil when it has not been used yet.
    package func layout() async throws(StoreError) -> (version: Int, shards: Int)? {
        let key = KeyLayout.record(prefix)
        let reply: RedisReply
        do throws(RedisError) {
            reply = try await client.send(
                RawCommand(["HMGET", RedisArgument(key), "version", "shards"], keys: [key], isReadOnly: true, retrySafety: .always))
        } catch { throw StoreError(error) }
        guard let parts = reply.elements.map(Array.init), parts.count == 2 else { throw StoreError.corrupt("the layout record") }
        guard let version = parts[0].integer, let shards = parts[1].integer else { return nil }
        return (Int(version), Int(shards))
    }

    /// Writes a key under the prefix that is gone a second later: a replica, a full server and one that cannot save refuse.
    package func write() async throws(StoreError) {
        let key = RedisKey("\(prefix):{doctor}:\(Randomness.generation())")
        do throws(RedisError) {
            _ = try await client.send(RawCommand(["SET", RedisArgument(key), "", "PX", "1000"], keys: [key], retrySafety: .always))
        } catch { throw StoreError(error) }
    }

    /// Sessions that were met by chance.
    package struct Sample: Sendable, Equatable {
        /// How many keys were looked at, whosever they are.
        package var keys = 0
        package var sessions = 0
        /// Those that live for ever.
        package var withoutLifetime = 0
    }

    /// The most steps of a look through each server's keys, and how many keys a step is about.
    private static let sampling = (steps: 20, keys: 500)

    /// Looks through a bounded part of the servers' keys for sessions of the prefix; nil when the user may not.
    package func sample() async throws(RedisError) -> Sample? {
        var sample = Sample()
        for node in try await client.primaries() {
            var cursor = "0"
            var found: [RedisKey] = []
            for _ in 0..<Inspection.sampling.steps {
                let words: [RedisArgument] = [
                    "SCAN", .string(cursor), "MATCH", .string("\(prefix):{*}:s:*"), "COUNT", RedisArgument(Inspection.sampling.keys),
                ]
                let reply: RedisReply
                do throws(RedisError) { reply = try await node.send(RawCommand(words)) } catch {
                    if error.server?.kind == .noPermission { return nil }
                    throw error
                }
                guard let parts = reply.elements.map(Array.init), parts.count == 2, let next = parts[0].string, let keys = parts[1].elements else {
                    throw reply.unexpected("a cursor and keys")
                }
                sample.keys += Inspection.sampling.keys
                for key in keys { if let bytes = key.bytes, isSession(bytes) { found.append(RedisKey(Array(bytes))) } }
                cursor = next
                if cursor == "0" || found.count >= Inspection.sampling.keys { break }
            }
            for left in await lifetimes(of: found.prefix(Inspection.sampling.keys), on: node) {
                sample.sessions += 1
                if left == -1 { sample.withoutLifetime += 1 }
            }
        }
        return sample
    }

    /// How many milliseconds keys have left, -1 for those that live for ever. Keys that are gone meanwhile are left out.
    private func lifetimes(of keys: ArraySlice<RedisKey>, on node: RedisNode) async -> [Int64] {
        await withTaskGroup(of: Int64?.self) { group in
            for key in keys { group.addTask { try? await node.send(RawCommand(["PTTL", RedisArgument(key)])).integer } }
            return await group.reduce(into: []) { times, left in if let left, left != -2 { times.append(left) } }
        }
    }

    /// `P:{n}:s:APP:USER:ID`; what else belongs to a session has more parts. Names are escaped, so they have no colons.
    private func isSession(_ key: ArraySlice<UInt8>) -> Bool {
        key.dropFirst(prefix.utf8.count).count { $0 == UInt8(ascii: ":") } == 5
    }
}
