/// Reads the value of a key; nil when there is none.
public struct GET: RedisCommand {
    /// The value.
    public typealias Response = [UInt8]?
    let key: RedisKey

    /// Reads `key`.
    public init(_ key: RedisKey) { self.key = key }
    /// The name.
    public var name: StaticString { "GET" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("GET" as StaticString)
        encoder.append(key)
    }
}

/// Reads the values of several keys; nil where there is none.
public struct MGET: RedisCommand {
    /// The values in the order of the keys.
    public typealias Response = [[UInt8]?]
    /// The keys.
    public let keys: [RedisKey]

    /// Reads `keys`.
    public init(_ keys: [RedisKey]) { self.keys = keys }
    /// The name.
    public var name: StaticString { "MGET" }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("MGET" as StaticString)
        encoder.append(keys)
    }
}

/// When a key ends.
public enum RedisExpiry: Sendable, Hashable {
    /// After this time, to the millisecond.
    case after(Duration)
    /// At this time, in milliseconds since 1970.
    case at(milliseconds: Int64)
    /// As it was.
    case kept

    func encode(into encoder: inout RESPEncoder) {
        switch self {
        case .after(let duration):
            encoder.append("PX" as StaticString)
            encoder.append(duration.milliseconds)
        case .at(let milliseconds):
            encoder.append("PXAT" as StaticString)
            encoder.append(milliseconds)
        case .kept: encoder.append("KEEPTTL" as StaticString)
        }
    }
}

/// Sets the value of a key.
public struct SET: RedisCommand {
    /// Whether it was set; false when the condition did not hold.
    public typealias Response = Bool

    /// What must hold for the key to be set.
    public enum Condition: Sendable, Hashable {
        /// Nothing.
        case always
        /// There is no such key.
        case absent
        /// There is such a key.
        case present
    }

    let key: RedisKey
    let value: RedisArgument
    let expiry: RedisExpiry?
    let condition: Condition

    /// Sets `key` to `value`.
    public init(_ key: RedisKey, _ value: RedisArgument, expires expiry: RedisExpiry? = nil, if condition: Condition = .always) {
        self.key = key
        self.value = value
        self.expiry = expiry
        self.condition = condition
    }
    /// The name.
    public var name: StaticString { "SET" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Without a condition a second run changes nothing.
    public var retrySafety: RetrySafety { condition == .always ? .always : .ifNotSent }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("SET" as StaticString)
        encoder.append(key)
        encoder.append(value)
        switch condition {
        case .always: break
        case .absent: encoder.append("NX" as StaticString)
        case .present: encoder.append("XX" as StaticString)
        }
        expiry?.encode(into: &encoder)
    }
    /// Null means that the condition did not hold.
    public func decode(_ reply: RedisReply) throws(RedisError) -> Bool { !reply.isNull }
}

/// Adds to the number a key holds.
public struct INCRBY: RedisCommand {
    /// The number after adding.
    public typealias Response = Int
    let key: RedisKey
    let amount: Int64

    /// Adds `amount` to `key`.
    public init(_ key: RedisKey, _ amount: Int64 = 1) {
        self.key = key
        self.amount = amount
    }
    /// The name.
    public var name: StaticString { "INCRBY" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("INCRBY" as StaticString)
        encoder.append(key)
        encoder.append(amount)
    }
}

/// Appends to the list a key holds.
public struct RPUSH: RedisCommand {
    /// The length after appending.
    public typealias Response = Int
    let key: RedisKey
    let values: [RedisArgument]

    /// Appends `values` to `key`.
    public init(_ key: RedisKey, _ values: [RedisArgument]) {
        self.key = key
        self.values = values
    }
    /// The name.
    public var name: StaticString { "RPUSH" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("RPUSH" as StaticString)
        encoder.append(key)
        encoder.append(values)
    }
}

/// Reads a part of the list a key holds.
public struct LRANGE: RedisCommand {
    /// The values, as slices of the reply.
    public typealias Response = [ArraySlice<UInt8>]
    let key: RedisKey
    let first: Int64
    let last: Int64

    /// Reads from position `first` to `last`; negative positions count from the end.
    public init(_ key: RedisKey, from first: Int64, through last: Int64) {
        self.key = key
        self.first = first
        self.last = last
    }
    /// The name.
    public var name: StaticString { "LRANGE" }
    /// The key.
    public var keys: [RedisKey] { [key] }
    /// A read.
    public var isReadOnly: Bool { true }
    /// Writes the command.
    public func encode(into encoder: inout RESPEncoder) {
        encoder.append("LRANGE" as StaticString)
        encoder.append(key)
        encoder.append(first)
        encoder.append(last)
    }
}
