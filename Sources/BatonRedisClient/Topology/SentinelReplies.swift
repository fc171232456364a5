/// Reads what Sentinels say.
enum SentinelReplies {
    /// Reads the answer to SENTINEL GET-MASTER-ADDR-BY-NAME; nil when the Sentinel does not know the name.
    static func primary(_ reply: RedisReply) throws(RedisError) -> RedisEndpoint? {
        if reply.isNull { return nil }
        guard let parts = reply.elements.map(Array.init), parts.count == 2, let port = UInt16(try String(parts[1])), port > 0 else {
            throw reply.unexpected("the address of a primary")
        }
        return .host(try String(parts[0]), port: port)
    }

    /// Reads the answer to SENTINEL SENTINELS: the other Sentinels, without those that are down.
    static func sentinels(_ reply: RedisReply) throws(RedisError) -> [RedisEndpoint] {
        guard let list = reply.elements else { throw reply.unexpected("a list of Sentinels") }
        var sentinels: [RedisEndpoint] = []
        for entry in list {
            guard let facts = entry.pairs, let host = facts["ip"]?.string, let port = facts["port"]?.integer.flatMap(UInt16.init(exactly:)) else {
                throw entry.unexpected("a Sentinel")
            }
            let flags = facts["flags"]?.string ?? ""
            if port > 0, !flags.contains("s_down"), !flags.contains("o_down"), !flags.contains("disconnected") {
                sentinels.append(.host(host, port: port))
            }
        }
        return sentinels
    }

    /// Reads a message on `+switch-master`: `name oldhost oldport newhost newport`.
    static func switched(_ message: some Collection<UInt8>) -> (primary: String, endpoint: RedisEndpoint)? {
        let words = String(decoding: message, as: UTF8.self).split(separator: " ")
        guard words.count == 5, let port = UInt16(words[4]), port > 0 else { return nil }
        return (String(words[0]), .host(String(words[3]), port: port))
    }
}
