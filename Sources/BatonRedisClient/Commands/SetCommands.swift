/// Adds members to a set.
public struct SADD: RedisCommand {
    /// How many are new.
    public typealias Response = Int
    let key: RedisKey
    let members: [RedisArgument]

    /// Adds `members` to `key`.
    public init(_ key: RedisKey, _ members: [RedisArgument]) {
        self.key = key
        self.members = members
    }
    /// The name.
    public var name: StaticString { "SADD" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("SADD" as StaticString)
        encoder.append(key)
        encoder.append(members)
    }
}

/// Removes members of a set.
public struct SREM: RedisCommand {
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
    public var name: StaticString { "SREM" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("SREM" as StaticString)
        encoder.append(key)
        encoder.append(members)
    }
}

/// Reads all members of a set.
public struct SMEMBERS: RedisCommand {
    /// The members, as slices of the reply.
    public typealias Response = [ArraySlice<UInt8>]
    let key: RedisKey

    /// Reads `key`.
    public init(_ key: RedisKey) {
        self.key = key
    }
    /// The name.
    public var name: StaticString { "SMEMBERS" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("SMEMBERS" as StaticString)
        encoder.append(key)
    }
}

/// Asks whether a set has a member.
public struct SISMEMBER: RedisCommand {
    /// Whether it has.
    public typealias Response = Bool
    let key: RedisKey
    let member: RedisArgument

    /// Looks for `member` in `key`.
    public init(_ key: RedisKey, _ member: RedisArgument) {
        self.key = key
        self.member = member
    }
    /// The name.
    public var name: StaticString { "SISMEMBER" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("SISMEMBER" as StaticString)
        encoder.append(key)
        encoder.append(member)
    }
}

/// Counts the members of a set.
public struct SCARD: RedisCommand {
    /// How many there are.
    public typealias Response = Int
    let key: RedisKey

    /// Counts `key`.
    public init(_ key: RedisKey) {
        self.key = key
    }
    /// The name.
    public var name: StaticString { "SCARD" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("SCARD" as StaticString)
        encoder.append(key)
    }
}
