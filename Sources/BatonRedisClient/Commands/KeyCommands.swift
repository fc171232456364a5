/// Removes keys.
public struct DEL: RedisCommand {
    /// How many there were.
    public typealias Response = Int
    /// The keys.
    public let keys: [RedisKey]

    /// Removes `keys`.
    public init(_ keys: [RedisKey]) {
        self.keys = keys
    }
    /// The name.
    public var name: StaticString { "DEL" }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("DEL" as StaticString)
        encoder.append(keys)
    }
}

/// Removes keys and frees their memory in the background.
public struct UNLINK: RedisCommand {
    /// How many there were.
    public typealias Response = Int
    /// The keys.
    public let keys: [RedisKey]

    /// Removes `keys`.
    public init(_ keys: [RedisKey]) {
        self.keys = keys
    }
    /// The name.
    public var name: StaticString { "UNLINK" }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("UNLINK" as StaticString)
        encoder.append(keys)
    }
}

/// Counts which of the keys there are.
public struct EXISTS: RedisCommand {
    /// How many there are.
    public typealias Response = Int
    /// The keys.
    public let keys: [RedisKey]

    /// Looks for `keys`.
    public init(_ keys: [RedisKey]) {
        self.keys = keys
    }
    /// The name.
    public var name: StaticString { "EXISTS" }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("EXISTS" as StaticString)
        encoder.append(keys)
    }
}

/// Reads what kind of value a key holds.
public struct TYPE: RedisCommand {
    /// `string`, `hash`, `stream` and so on; `none` when there is no such key.
    public typealias Response = String
    let key: RedisKey

    /// Asks for `key`.
    public init(_ key: RedisKey) {
        self.key = key
    }
    /// The name.
    public var name: StaticString { "TYPE" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("TYPE" as StaticString)
        encoder.append(key)
    }
}

/// Lets a key end after a time.
public struct PEXPIRE: RedisCommand {
    /// Whether there is such a key.
    public typealias Response = Bool
    let key: RedisKey
    let duration: Duration

    /// Lets `key` end after `duration`.
    public init(_ key: RedisKey, after duration: Duration) {
        self.key = key
        self.duration = duration
    }
    /// The name.
    public var name: StaticString { "PEXPIRE" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("PEXPIRE" as StaticString)
        encoder.append(key)
        encoder.append(duration.milliseconds)
    }
}

/// Lets a key end at a time.
public struct PEXPIREAT: RedisCommand {
    /// Whether there is such a key.
    public typealias Response = Bool
    let key: RedisKey
    let milliseconds: Int64

    /// Lets `key` end at `milliseconds` since 1970.
    public init(_ key: RedisKey, at milliseconds: Int64) {
        self.key = key
        self.milliseconds = milliseconds
    }
    /// The name.
    public var name: StaticString { "PEXPIREAT" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("PEXPIREAT" as StaticString)
        encoder.append(key)
        encoder.append(milliseconds)
    }
}

/// Lets a key stay for ever.
public struct PERSIST: RedisCommand {
    /// Whether it had an end before.
    public typealias Response = Bool
    let key: RedisKey

    /// Removes the end of `key`.
    public init(_ key: RedisKey) {
        self.key = key
    }
    /// The name.
    public var name: StaticString { "PERSIST" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A second run changes nothing more.
    public var retrySafety: RetrySafety { .always }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("PERSIST" as StaticString)
        encoder.append(key)
    }
}

/// Reads how long a key still lives.
public struct PTTL: RedisCommand {
    /// Milliseconds; -1 when it lives for ever, -2 when there is no such key.
    public typealias Response = Int
    let key: RedisKey

    /// Asks for `key`.
    public init(_ key: RedisKey) {
        self.key = key
    }
    /// The name.
    public var name: StaticString { "PTTL" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("PTTL" as StaticString)
        encoder.append(key)
    }
}
