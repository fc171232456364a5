internal import BatonCore
internal import BatonRedisClient

extension ScriptReply {
    /// What follows the 0 of a script on a topic.
    /// - Throws: what the number says instead of 0.
    init(topic reply: RedisReply) throws(StoreError) {
        try self.init(parts: reply)
        switch try int() {
        case 0: return
        case -2: throw StoreError(.idempotencyMismatch, "the idempotency key was used before with other events")
        case -4:
            throw StoreError(.invalidField, "events[\(try int())].id is one that the store has yet to make")
        case -6:
            throw StoreError(.cancelled, "the connection to Redis broke; whether the call took effect cannot be found out any more")
        case -9: throw StoreError(.tooManyRequests, "the topic is full, and a group has not finished what would have to go")
        case -10: throw StoreError(.tooLarge, "the batch alone is more than the topic keeps")
        case -11:
            let isKnown = try int() == 1
            let facts = try TopicFacts(try next())
            throw StoreError(
                .offsetGone, isKnown ? "the place is not in the topic any more" : "the topic is gone",
                detail: .topicGone(earliest: TopicOffset(facts.floor), tail: TopicOffset(facts.tail), generation: facts.generation))
        case -12: throw StoreError.noGroup
        default: throw StoreError.corrupt("the answer of a script")
        }
    }
}

/// What every script says of a topic with one stream.
struct TopicFacts {
    let generation: String
    let floor: Offset
    let tail: Offset

    init(_ reply: RedisReply) throws(StoreError) {
        var parts = try ScriptReply(parts: reply)
        generation = try parts.text()
        floor = Offset(milliseconds: try parts.int(), seq: try parts.int())
        tail = Offset(milliseconds: try parts.int(), seq: try parts.int())
    }
}

extension TopicCursor {
    /// A cursor of a topic with one stream as scripts take it: a word and two numbers.
    /// - Throws: ``StoreError/Code/invalidCursor``.
    func arguments() throws(StoreError) -> [RedisArgument] {
        switch self {
        case .start: ["start", 0, 0]
        case .now: ["now", 0, 0]
        case .time(let time): ["time", RedisArgument(max(0, time.milliseconds)), 0]
        case .offset(let offset):
            if let place = offset.single {
                ["after", RedisArgument(place.milliseconds), RedisArgument(place.seq)]
            } else {
                throw StoreError.foreignCursor
            }
        }
    }
}

extension StoreError {
    static let foreignCursor = StoreError(.invalidCursor, "the offset is none that this topic gave out")
}

/// The ID of an entry as the place of an event.
func offset(ofEntry bytes: ArraySlice<UInt8>) throws(StoreError) -> Offset {
    guard let id = StreamID(bytes), let milliseconds = Int(exactly: id.milliseconds), let seq = Int(exactly: id.sequence) else {
        throw StoreError.corrupt("a place in a topic")
    }
    return Offset(milliseconds: milliseconds, seq: seq)
}
