/// Reads the two listings of a cluster's slots.
enum ClusterListing {
    /// Reads CLUSTER SHARDS (7.0 and later).
    /// - Parameters:
    ///   - node: the node that answered; an endpoint without a host is on the same one.
    ///   - encrypted: whether the TLS ports are wanted.
    static func shards(_ reply: RedisReply, answeredBy node: RedisEndpoint, encrypted: Bool) throws(RedisError) -> [SlotMap.Shard] {
        guard let list = reply.elements else { throw reply.unexpected("shards of a cluster") }
        var shards: [SlotMap.Shard] = []
        for entry in list {
            guard let pairs = entry.pairs, let slots = pairs["slots"]?.elements, let nodes = pairs["nodes"]?.elements else {
                throw entry.unexpected("a shard of a cluster")
            }
            var numbers: [Int] = []
            for slot in slots { numbers.append(try Int(slot)) }
            let ranges = try self.ranges(numbers, in: entry)
            var primary: RedisEndpoint?
            var replicas: [RedisEndpoint] = []
            for member in nodes {
                guard let facts = member.pairs else { throw member.unexpected("a node of a cluster") }
                guard let endpoint = try endpoint(facts, answeredBy: node, encrypted: encrypted) else { continue }
                if facts["role"]?.string == "master" {
                    // While a failover goes on a shard may list the failed primary beside the new one.
                    if primary == nil || facts["health"]?.string == "online" { primary = endpoint }
                } else if facts["health"]?.string == "online" {
                    replicas.append(endpoint)
                }
            }
            if let primary, !ranges.isEmpty { shards.append(SlotMap.Shard(primary: primary, replicas: replicas, slots: ranges)) }
        }
        return shards
    }

    /// Reads CLUSTER SLOTS.
    static func slots(_ reply: RedisReply, answeredBy node: RedisEndpoint) throws(RedisError) -> [SlotMap.Shard] {
        guard let list = reply.elements else { throw reply.unexpected("slots of a cluster") }
        var shards: [SlotMap.Shard] = []
        for entry in list {
            guard let parts = entry.elements.map(Array.init), parts.count >= 3 else { throw entry.unexpected("slots of a cluster") }
            let range = try ranges([try Int(parts[0]), try Int(parts[1])], in: entry)
            var endpoints: [RedisEndpoint] = []
            for part in parts.dropFirst(2) {
                guard let facts = part.elements.map(Array.init), facts.count >= 2, let port = UInt16(exactly: try Int(facts[1])), port > 0
                else { throw part.unexpected("a node of a cluster") }
                let host = facts[0].isNull ? "" : try String(facts[0])
                guard let endpoint = known(host, port: port, answeredBy: node) else { continue }
                endpoints.append(endpoint)
            }
            guard let primary = endpoints.first else { continue }
            if let same = shards.firstIndex(where: { $0.primary == primary }) {
                shards[same].slots += range
            } else {
                shards.append(SlotMap.Shard(primary: primary, replicas: Array(endpoints.dropFirst()), slots: range))
            }
        }
        return shards
    }

    private static func ranges(_ numbers: [Int], in reply: RedisReply) throws(RedisError) -> [ClosedRange<Int>] {
        guard numbers.count.isMultiple(of: 2) else { throw reply.unexpected("pairs of slots") }
        var ranges: [ClosedRange<Int>] = []
        for index in stride(from: 0, to: numbers.count, by: 2) {
            guard numbers[index] >= 0, numbers[index] <= numbers[index + 1], numbers[index + 1] < HashSlot.count else {
                throw reply.unexpected("slots from 0 to 16383")
            }
            ranges.append(numbers[index]...numbers[index + 1])
        }
        return ranges
    }

    private static func endpoint(
        _ facts: RedisReply.Pairs, answeredBy node: RedisEndpoint, encrypted: Bool
    ) throws(RedisError) -> RedisEndpoint? {
        guard let reply = facts[encrypted ? "tls-port" : "port"] ?? facts["port"], let port = UInt16(exactly: try Int(reply)), port > 0 else {
            return nil
        }
        let host = facts["endpoint"] ?? facts["ip"]
        return known(host.flatMap { $0.isNull ? nil : $0.string } ?? "", port: port, answeredBy: node)
    }

    /// An unknown host ("?" or nothing) is the host of the node that answered.
    private static func known(_ host: String, port: UInt16, answeredBy node: RedisEndpoint) -> RedisEndpoint? {
        if !host.isEmpty, host != "?" { return .host(host, port: port) }
        return node.hostName.map { .host($0, port: port) }
    }
}
