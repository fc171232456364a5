@testable import BatonRedis
@testable import BatonRedisClient

/// Decodes RESP whole and in pieces, which must come to the same, and reads every reply as everything that it could have been sent for.
enum RESPTarget {
    private static let limits = RESPLimits(maximumReplyBytes: 1 << 16, maximumElements: 1 << 12)

    static func run(_ bytes: [UInt8]) throws(Violation) {
        let pieces = Pieces(bytes)
        let whole = decode([pieces.whole])
        let cut = decode(pieces)
        try Violation.unless(
            whole.replies.map(text) == cut.replies.map(text) && whole.failure == cut.failure,
            "what replies mean does not depend on how they arrive: \(whole.failure ?? "") and \(cut.failure ?? "")")
        for reply in whole.replies { read(reply) }
    }

    static func decode(_ pieces: some Sequence<ArraySlice<UInt8>>) -> (replies: [RedisReply], failure: String?) {
        var decoder = RESPDecoder(limits: limits)
        var replies: [RedisReply] = []
        do throws(RedisError) {
            for piece in pieces {
                decoder.append(piece)
                while let message = try decoder.next() {
                    switch message {
                    case .reply(let reply), .push(let reply): replies.append(reply)
                    }
                }
            }
        } catch {
            return (replies, error.code.rawValue)
        }
        return (replies, nil)
    }

    /// Everything that can be seen of a reply.
    private static func text(_ reply: RedisReply) -> String {
        let inner = reply.elements.map { "[" + $0.map(text).joined(separator: ",") + "]" } ?? ""
        return "\(reply.kind) \(reply.integer.map(String.init) ?? "") \(reply.double?.bitPattern ?? 0) \(reply.string ?? "") \(inner)"
    }

    private static func read(_ reply: RedisReply) {
        _ = reply.error
        _ = try? Int(reply)
        _ = try? Bool(reply)
        _ = try? Double(reply)
        _ = try? String(reply)
        _ = try? [String?](reply)
        _ = try? [UInt8](reply)
        _ = try? RedisFields(reply)
        _ = try? StreamID(reply).next
        if let entries = try? StreamEntries(reply) { for entry in entries { _ = entry.fields } }
        _ = try? StreamBatches(reply)
        _ = try? ClaimedEntries(reply)
        _ = try? [PendingEntry](reply)
        _ = reply.walkEntries(field: { _, _ in }, entry: { _ in true })
        let node = RedisEndpoint.host("node", port: 1)
        _ = try? ClusterListing.slots(reply, answeredBy: node)
        _ = try? ClusterListing.shards(reply, answeredBy: node, encrypted: true)
        _ = try? SentinelReplies.primary(reply)
        _ = try? SentinelReplies.sentinels(reply)
        _ = SentinelReplies.switched(reply.bytes ?? [])
        if let text = reply.string {
            let nodes = ClusterNodes(text)
            _ = nodes.coverage
            for node in nodes.nodes { _ = nodes.replicas(of: node) }
        }
        if let values = try? INFO().decode(reply) {
            let facts = ServerFacts(values)
            for replica in facts.replicas { _ = facts.bytesBehind(replica) }
            _ = facts.keys(inDatabase: 0)
            _ = ServerVersion(facts)?.isSupported
        }
    }
}
