/// Reads one field of a hash.
public struct HGET: RedisCommand {
    /// The value; nil when there is none.
    public typealias Response = [UInt8]?
    let key: RedisKey
    let field: RedisArgument

    /// Reads `field` of `key`.
    public init(_ key: RedisKey, _ field: RedisArgument) {
        self.key = key
        self.field = field
    }
    /// The name.
    public var name: StaticString { "HGET" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HGET" as StaticString)
        encoder.append(key)
        encoder.append(field)
    }
}

/// Reads several fields of a hash.
public struct HMGET: RedisCommand {
    /// The values in the order of the fields; nil where there is none.
    public typealias Response = [[UInt8]?]
    let key: RedisKey
    let fields: [RedisArgument]

    /// Reads `fields` of `key`.
    public init(_ key: RedisKey, _ fields: [RedisArgument]) {
        self.key = key
        self.fields = fields
    }
    /// The name.
    public var name: StaticString { "HMGET" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HMGET" as StaticString)
        encoder.append(key)
        encoder.append(fields)
    }
}

/// Reads all fields of a hash.
public struct HGETALL: RedisCommand {
    /// The fields and their values, as views of the reply.
    public typealias Response = RedisFields
    let key: RedisKey

    /// Reads `key`.
    public init(_ key: RedisKey) {
        self.key = key
    }
    /// The name.
    public var name: StaticString { "HGETALL" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HGETALL" as StaticString)
        encoder.append(key)
    }
}

/// Sets fields of a hash.
public struct HSET: RedisCommand {
    /// How many fields are new.
    public typealias Response = Int
    let key: RedisKey
    let fields: [(field: RedisArgument, value: RedisArgument)]

    /// Sets `fields` of `key`.
    public init(_ key: RedisKey, _ fields: [(field: RedisArgument, value: RedisArgument)]) {
        self.key = key
        self.fields = fields
    }
    /// The name.
    public var name: StaticString { "HSET" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HSET" as StaticString)
        encoder.append(key)
        for (field, value) in fields {
            encoder.append(field)
            encoder.append(value)
        }
    }
}

/// Sets a field of a hash when there is none yet.
public struct HSETNX: RedisCommand {
    /// Whether it was set.
    public typealias Response = Bool
    let key: RedisKey
    let field: RedisArgument
    let value: RedisArgument

    /// Sets `field` of `key`.
    public init(_ key: RedisKey, _ field: RedisArgument, _ value: RedisArgument) {
        self.key = key
        self.field = field
        self.value = value
    }
    /// The name.
    public var name: StaticString { "HSETNX" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HSETNX" as StaticString)
        encoder.append(key)
        encoder.append(field)
        encoder.append(value)
    }
}

/// Removes fields of a hash.
public struct HDEL: RedisCommand {
    /// How many there were.
    public typealias Response = Int
    let key: RedisKey
    let fields: [RedisArgument]

    /// Removes `fields` of `key`.
    public init(_ key: RedisKey, _ fields: [RedisArgument]) {
        self.key = key
        self.fields = fields
    }
    /// The name.
    public var name: StaticString { "HDEL" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HDEL" as StaticString)
        encoder.append(key)
        encoder.append(fields)
    }
}

/// Adds to the number a field of a hash holds.
public struct HINCRBY: RedisCommand {
    /// The number after adding.
    public typealias Response = Int
    let key: RedisKey
    let field: RedisArgument
    let amount: Int64

    /// Adds `amount` to `field` of `key`.
    public init(_ key: RedisKey, _ field: RedisArgument, by amount: Int64) {
        self.key = key
        self.field = field
        self.amount = amount
    }
    /// The name.
    public var name: StaticString { "HINCRBY" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HINCRBY" as StaticString)
        encoder.append(key)
        encoder.append(field)
        encoder.append(amount)
    }
}

/// Counts the fields of a hash.
public struct HLEN: RedisCommand {
    /// How many there are.
    public typealias Response = Int
    let key: RedisKey

    /// Counts `key`.
    public init(_ key: RedisKey) {
        self.key = key
    }
    /// The name.
    public var name: StaticString { "HLEN" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HLEN" as StaticString)
        encoder.append(key)
    }
}

/// Asks whether a hash has a field.
public struct HEXISTS: RedisCommand {
    /// Whether there is such a field.
    public typealias Response = Bool
    let key: RedisKey
    let field: RedisArgument

    /// Looks for `field` of `key`.
    public init(_ key: RedisKey, _ field: RedisArgument) {
        self.key = key
        self.field = field
    }
    /// The name.
    public var name: StaticString { "HEXISTS" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("HEXISTS" as StaticString)
        encoder.append(key)
        encoder.append(field)
    }
}
