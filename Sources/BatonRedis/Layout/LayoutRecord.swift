internal import BatonCore
internal import BatonRedisClient

/// What is written down when a prefix is first used: the version of the layout and the number of shards.
enum LayoutRecord {
    /// The number of shards that the prefix has: `shards` when it had none yet.
    static func claim(_ prefix: String, shards: Int, on client: RedisClient) async throws(StoreError) -> Int {
        let reply: RedisReply
        do throws(RedisError) {
            reply = try await client.send(
                EVALSHA(
                    Scripts.claim, keys: [KeyLayout.record(prefix)], arguments: [RedisArgument(KeyLayout.version), RedisArgument(shards)],
                    retrySafety: .always))
        } catch { throw StoreError(error) }
        var parts = try ScriptReply(reply)
        guard try parts.int() == KeyLayout.version else { throw otherVersion }
        let known = try parts.int()
        guard (1...1024).contains(known) else { throw StoreError.corrupt("the layout record") }
        return known
    }

    static let otherVersion = StoreError(
        .storeIncompatible, "the key prefix has another version of the layout than \(KeyLayout.version); nothing was changed")
}

extension Scripts {
    /// Writes down the layout unless it is there. ARGV: version, shards. Answers 0, version, shards.
    static let claim = RedisScript(
        """
        local known = redis.call('HMGET', KEYS[1], 'version', 'shards')
        if not known[1] then
          if redis.call('EXISTS', KEYS[1]) == 1 then return {-7} end
          redis.call('HSET', KEYS[1], 'version', ARGV[1], 'shards', ARGV[2])
          known = ARGV
        end
        return {0, tonumber(known[1]), tonumber(known[2])}
        """)

    /// Writes what is there, which is all it takes to know that writing works. ARGV: the version. Answers 0 and the version that is there; it is written down anew
    /// after the server lost everything.
    static let health = RedisScript(
        """
        local version = redis.call('HGET', KEYS[1], 'version')
        if not version then return {0, tonumber(ARGV[1])} end
        redis.call('HSET', KEYS[1], 'version', version)
        return {0, tonumber(version)}
        """)
}
