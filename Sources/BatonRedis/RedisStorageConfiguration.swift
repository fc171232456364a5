public import BatonCore
package import BatonIO
public import BatonTelemetry

/// What a ``RedisStorage`` is opened with.
public struct RedisStorageConfiguration: Sendable {
    /// What all keys begin with: 1 to 64 bytes of printable ASCII without spaces, braces and the signs of patterns. Stores with different
    /// prefixes share nothing but the server.
    public var prefix: String
    /// How many slots the sessions are spread over, 1 to 1,024. Fixed when a prefix is first used; `nil` takes what is there, and 16 when
    /// nothing is.
    public var shards: Int?
    /// How the store treats what it keeps.
    public var policy: StorePolicy
    /// What an acknowledged write survives: ``BatonCore/Durability/memory`` or ``BatonCore/Durability/wait(replicas:within:)``.
    public var durability: Durability

    /// The loops that the connections of a client live on that the storage makes for itself; empty gives it one of its own. Who serves from a
    /// loop shares it, so that a command and its reply change no thread.
    package var loops: [EventLoop] = []

    /// Streams that others write and that are topics here too: the topic's name and the stream's key. Nothing else outside the prefix is touched.
    public var streams: [String: String]

    /// Where a client that the storage makes for itself shows what it does.
    public var metrics: Metrics?

    /// The time, when it is not the server's. Then keys are not expired by the server, which knows nothing of it.
    package var clock: (@Sendable () -> Timestamp)?

    /// How many shards a prefix gets that is first used.
    public static let defaultShards = 16

    /// A configuration with a prefix.
    public init(
        prefix: String = "baton", shards: Int? = nil, policy: StorePolicy = StorePolicy(), durability: Durability = .memory,
        streams: [String: String] = [:]
    ) {
        self.streams = streams
        self.durability = durability
        self.prefix = prefix
        self.shards = shards
        self.policy = policy
    }

    /// Refuses a durability that Redis cannot promise.
    /// - Throws: ``BatonCore/StoreError/Code/invalidParameter``.
    public static func check(_ durability: Durability) throws(StoreError) { _ = try Confirmation(durability) }

    func validate() throws(StoreError) {
        _ = try Confirmation(durability)
        let refused: Set<UInt8> = Set("{}*?[]\\^\"'".utf8)
        guard (1...64).contains(prefix.utf8.count), prefix.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !refused.contains($0) }) else {
            throw StoreError(
                .invalidParameter,
                "the key prefix has to be 1 to 64 bytes of printable ASCII without spaces, quotes, backslashes, braces, brackets, *, ? and ^")
        }
        if let shards, !(1...1024).contains(shards) {
            throw StoreError(.invalidParameter, "the number of shards has to be from 1 to 1024, not \(shards)")
        }
        for (topic, key) in streams {
            guard (1...256).contains(topic.utf8.count), !Name.isSame(topic, Topic.sessions) else {
                throw StoreError(.invalidParameter, "streams: a topic's name has 1 to 256 bytes, and is not \(Topic.sessions)")
            }
            // The brace would end the part of our keys' names that puts them into the stream's slot.
            let tag = TopicKeys.tag(of: key)
            guard (1...512).contains(key.utf8.count), !tag.isEmpty, !tag.contains("}"), !tag.hasPrefix("{"), !key.hasPrefix(prefix + ":") else {
                throw StoreError(
                    .invalidParameter, "streams: a key has 1 to 512 bytes, does not begin with the key prefix, and has braces only around a hash tag")
            }
        }
    }
}
