/// One end of a range of scores.
public enum ScoreBound: Sendable, Hashable {
    /// This score and beyond.
    case including(Double)
    /// Beyond this score.
    case excluding(Double)
    /// Below every score.
    case lowest
    /// Above every score.
    case highest

    func encode(into encoder: inout RESPEncoder) {
        switch self {
        case .including(let score): encoder.append(score)
        case .excluding(let score): encoder.append("(\(score)")
        case .lowest: encoder.append("-inf" as StaticString)
        case .highest: encoder.append("+inf" as StaticString)
        }
    }
}

/// A member of a sorted set with its score.
public struct ScoredMember: Sendable, Hashable {
    /// The member, as a slice of the reply.
    public let member: ArraySlice<UInt8>
    /// Its score.
    public let score: Double
}

/// Adds members to a sorted set or changes their scores.
public struct ZADD: RedisCommand {
    /// How many are new.
    public typealias Response = Int
    let key: RedisKey
    let members: [(score: Double, member: RedisArgument)]

    /// Adds `members` to `key`.
    public init(_ key: RedisKey, _ members: [(score: Double, member: RedisArgument)]) {
        self.key = key
        self.members = members
    }
    /// The name.
    public var name: StaticString { "ZADD" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("ZADD" as StaticString)
        encoder.append(key)
        for (score, member) in members {
            encoder.append(score)
            encoder.append(member)
        }
    }
}

/// Removes members of a sorted set.
public struct ZREM: RedisCommand {
    /// How many there were.
    public typealias Response = Int
    let key: RedisKey
    let members: [RedisArgument]

    /// Removes `members` from `key`.
    public init(_ key: RedisKey, _ members: [RedisArgument]) {
        self.key = key
        self.members = members
    }
    /// The name.
    public var name: StaticString { "ZREM" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("ZREM" as StaticString)
        encoder.append(key)
        encoder.append(members)
    }
}

/// Reads a part of a sorted set by position.
public struct ZRANGE: RedisCommand {
    /// The members with their scores, in order.
    public typealias Response = [ScoredMember]
    let key: RedisKey
    let first: Int64
    let last: Int64
    let descending: Bool

    /// Reads from position `first` to `last`; negative positions count from the end.
    public init(_ key: RedisKey, from first: Int64, through last: Int64, descending: Bool = false) {
        self.key = key
        self.first = first
        self.last = last
        self.descending = descending
    }
    /// The name.
    public var name: StaticString { "ZRANGE" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("ZRANGE" as StaticString)
        encoder.append(key)
        encoder.append(first)
        encoder.append(last)
        if descending { encoder.append("REV" as StaticString) }
        encoder.append("WITHSCORES" as StaticString)
    }
    /// Reads the members.
    public func decode(_ reply: RedisReply) throws(RedisError) -> [ScoredMember] { try ScoredMember.list(reply) }
}

/// Reads a part of a sorted set by score.
public struct ZRANGEBYSCORE: RedisCommand {
    /// The members with their scores, in order.
    public typealias Response = [ScoredMember]
    let key: RedisKey
    let low: ScoreBound
    let high: ScoreBound
    let descending: Bool
    let limit: Int?

    /// Reads from `low` to `high`, at most `limit` members.
    public init(_ key: RedisKey, from low: ScoreBound, to high: ScoreBound, descending: Bool = false, limit: Int? = nil) {
        self.key = key
        self.low = low
        self.high = high
        self.descending = descending
        self.limit = limit
    }
    /// The name.
    public var name: StaticString { "ZRANGE" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("ZRANGE" as StaticString)
        encoder.append(key)
        (descending ? high : low).encode(into: &encoder)
        (descending ? low : high).encode(into: &encoder)
        encoder.append("BYSCORE" as StaticString)
        if descending { encoder.append("REV" as StaticString) }
        if let limit {
            encoder.append("LIMIT" as StaticString)
            encoder.append(0)
            encoder.append(limit)
        }
        encoder.append("WITHSCORES" as StaticString)
    }
    /// Reads the members.
    public func decode(_ reply: RedisReply) throws(RedisError) -> [ScoredMember] { try ScoredMember.list(reply) }
}

/// Reads the score of a member of a sorted set.
public struct ZSCORE: RedisCommand {
    /// The score; nil when there is no such member.
    public typealias Response = Double?
    let key: RedisKey
    let member: RedisArgument

    /// Reads the score of `member` in `key`.
    public init(_ key: RedisKey, _ member: RedisArgument) {
        self.key = key
        self.member = member
    }
    /// The name.
    public var name: StaticString { "ZSCORE" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("ZSCORE" as StaticString)
        encoder.append(key)
        encoder.append(member)
    }
}

/// Counts the members of a sorted set.
public struct ZCARD: RedisCommand {
    /// How many there are.
    public typealias Response = Int
    let key: RedisKey

    /// Counts `key`.
    public init(_ key: RedisKey) { self.key = key }
    /// The name.
    public var name: StaticString { "ZCARD" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("ZCARD" as StaticString)
        encoder.append(key)
    }
}

extension ScoredMember {
    /// RESP3 sends a pair for each member, RESP2 one flat list.
    static func list(_ reply: RedisReply) throws(RedisError) -> [ScoredMember] {
        if reply.isNull { return [] }
        guard let elements = reply.elements else { throw reply.unexpected("members with scores") }
        var list: [ScoredMember] = []
        list.reserveCapacity(elements.count)
        var rest = elements.makeIterator()
        while let next = rest.next() {
            if let pair = next.elements {
                var parts = pair.makeIterator()
                guard let member = parts.next()?.bytes, let score = parts.next()?.double else { throw reply.unexpected("members with scores") }
                list.append(ScoredMember(member: member, score: score))
            } else {
                guard let member = next.bytes, let score = rest.next()?.double else { throw reply.unexpected("members with scores") }
                list.append(ScoredMember(member: member, score: score))
            }
        }
        return list
    }
}
