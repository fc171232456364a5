internal import BatonCore
internal import BatonRedisClient

/// Where readers of the topic of all sessions stand: a number in each shard, and the epoch of the shard's log.
struct ChangePlaces {
    /// What is known of one log.
    struct Log {
        let epoch: Int
        let floor: Int
        let last: Int

        init(_ reply: RedisReply) throws(StoreError) {
            var parts = try ScriptReply(parts: reply)
            func number() throws(StoreError) -> Int {
                guard let value = Int(try parts.text()) else { throw StoreError.corrupt("a place in a log") }
                return value
            }
            epoch = try number()
            floor = try number()
            last = try number()
        }
    }

    /// The logs of an answer.
    static func logs(_ reply: RedisReply) throws(StoreError) -> [Log] {
        guard let list = reply.elements else { throw StoreError.corrupt("the places in logs") }
        var logs: [Log] = []
        for one in list { logs.append(try Log(one)) }
        return logs
    }

    /// The place in each shard.
    var numbers: [Int]
    private let logs: [Log]

    /// - Parameter numbers: the place in each shard.
    init(_ logs: [Log], _ numbers: [Int]) {
        self.logs = logs
        self.numbers = numbers
    }

    /// The offset.
    /// - Throws: ``StoreError/Code/storeIncompatible`` when there are more shards than an offset has room for.
    func offset() throws(StoreError) -> TopicOffset {
        let offset = TopicOffset(zip(logs, numbers).enumerated().map { TopicPlace(shard: $0, milliseconds: $1.1 == 0 ? 0 : $1.0.epoch, seq: $1.1) })
        guard offset.text.utf8.count <= 2048 else {
            throw StoreError(.storeIncompatible, "the store has too many shards for places in the topic \(Topic.sessions); about 110 are possible")
        }
        return offset
    }
}

extension TopicCursor {
    /// The cursor as scripts take it for each of `shards` logs: a word and two numbers.
    /// - Throws: ``StoreError/Code/invalidCursor``.
    func arguments(shards: Int) throws(StoreError) -> [[RedisArgument]] {
        let each: [RedisArgument]
        switch self {
        case .start: each = ["start", 0, 0]
        case .now: each = ["now", 0, 0]
        case .time(let time): each = ["time", RedisArgument(max(0, time.milliseconds)), 0]
        case .offset(let offset):
            if offset.single == .start {
                each = ["start", 0, 0]
            } else {
                guard offset.single == nil, let places = offset.places, places.allSatisfy({ $0.shard < shards }) else {
                    throw StoreError.foreignCursor
                }
                return (0..<shards).map { shard in
                    let place = places.first { $0.shard == shard }
                    return ["after", RedisArgument(place?.milliseconds ?? 0), RedisArgument(place?.seq ?? 0)]
                }
            }
        }
        return Array(repeating: each, count: shards)
    }
}
