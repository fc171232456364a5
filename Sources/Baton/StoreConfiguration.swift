public import BatonCore
internal import BatonRedis
public import BatonSQLite

/// How a store is opened.
public struct StoreConfiguration: Hashable, Sendable {
    /// How it treats what it keeps: limits and lifetimes.
    public var policy: StorePolicy
    /// What an acknowledged write survives; `nil` for the store's default: `full` for an SQLite file, `memory` for Redis, a daemon's own.
    public var durability: Durability?
    /// How an SQLite file is used.
    public var sqlite: SQLiteConfiguration
    /// What all keys in Redis begin with; stores with different prefixes share nothing but the server.
    public var keyPrefix: String
    /// How many slots of Redis the sessions are spread over, fixed when a prefix is first used; `nil` takes what is there, or 16.
    public var shards: Int?
    /// Streams in Redis that others write and that are topics here too: the topic's name and the stream's key.
    public var streams: [String: String]
    /// How events may be accepted before they are stored; `nil` when they may not. See ``BatonCore/SessionStore/enqueue(_:to:)``.
    public var writeBehind: WriteBehindConfiguration?
    /// The bearer token for a daemon; never printed.
    public var token: String?
    /// PEM file of the authorities to trust instead of the system's, for a daemon that speaks TLS.
    public var authorities: String?

    /// A configuration; by default everything is kept for ever, and every write to a file survives power loss.
    public init(
        policy: StorePolicy = StorePolicy(), durability: Durability? = nil, sqlite: SQLiteConfiguration = SQLiteConfiguration(),
        keyPrefix: String = "baton", shards: Int? = nil, streams: [String: String] = [:],
        writeBehind: WriteBehindConfiguration? = nil, token: String? = nil, authorities: String? = nil
    ) {
        self.policy = policy
        self.durability = durability
        self.sqlite = sqlite
        self.keyPrefix = keyPrefix
        self.shards = shards
        self.streams = streams
        self.writeBehind = writeBehind
        self.token = token
        self.authorities = authorities
    }
}

extension StoreConfiguration {
    /// Refuses what a store of this kind cannot promise, without opening it.
    /// - Throws: ``BatonCore/StoreError/Code/invalidParameter``.
    public func check(for address: StoreAddress) throws(StoreError) {
        guard let durability else { return }
        switch address {
        case .sqlite, .memory: _ = try SQLiteConfiguration.Durability(durability)
        case .redis: try RedisStorageConfiguration.check(durability)
        case .daemon: break
        }
    }
}
