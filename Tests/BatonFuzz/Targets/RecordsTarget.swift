import BatonCore
import BatonRedisClient

@testable import BatonRedis

/// Reads replies as the answers of scripts, and their strings as records, which somebody else may have written.
enum RecordsTarget {
    private static let key: SessionKey? = try? SessionKey(app: "a", user: "u", id: "s")

    static func run(_ bytes: [UInt8]) throws(Violation) {
        record(bytes[...])
        for reply in RESPTarget.decode([bytes[...]]).replies { read(reply) }
    }

    private static func read(_ reply: RedisReply) {
        _ = try? ScriptReply(reply)
        _ = try? ScriptReply(topic: reply)
        _ = try? TopicFacts(reply)
        _ = try? HandedOut(reply)
        _ = try? GroupParts(reply)
        _ = try? ConsumerGroup("g", of: "t", reply)
        _ = try? Change(reply)
        _ = try? ChangePlaces.logs(reply)
        _ = try? sharedState(reply, at: 1)
        if var ledger = try? LedgerReply(reply) { _ = try? ledger.toolCall() }
        if var ledger = try? LedgerReply(reply) { _ = try? ledger.approval() }
        _ = try? PendingDelivery.list(reply) { (id) throws(StoreError) in id }
        let origin = (try? EventOrigin(hash: reply)) ?? EventOrigin("0123456789abcdef")
        _ = try? EventEntries.events(reply, origin: origin)
        _ = try? EventEntries.events(reply, edits: reply, origin: origin)
        _ = try? TopicEntries.event(reply, .own, generation: origin.generation)
        _ = try? TopicEntries.event(reply, .foreign, generation: origin.generation)
        if let key { _ = try? SessionSnapshot(key, reply) }
        for element in reply.elements.map(Array.init) ?? [] { read(element) }
        if let bytes = reply.bytes { record(bytes) }
    }

    private static func record(_ bytes: ArraySlice<UInt8>) {
        _ = try? SessionHead(bytes)
        _ = try? Tags.decoded(bytes)
        _ = try? Fence(stored: bytes)
        _ = try? EventEntries.Edit(bytes)
        _ = try? DeliveryFailure.list(bytes)
        if let origin = try? EventOrigin(bytes) {
            _ = origin.madeID(forSeq: 1)
            _ = origin.rewinds.shown(from: 1, through: 1 << 40)
        }
        for point in (try? BranchPoint.list(bytes)) ?? [] { _ = point.at.description }
        _ = Escaping.name(bytes)
        _ = ListMember.parse(bytes)
        _ = try? GroupSettings(record: String(decoding: bytes, as: UTF8.self))
    }
}
