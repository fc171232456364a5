internal import BatonRedisClient

extension Scripts {
    /// Changes the state of a user, an application or the store.
    ///
    /// KEYS: the state, the fences of requests, and the log where it is in reach. ARGV: 1 the moment or nothing, 2 token, 3 attempt and age, 4 lifetime in seconds or 0,
    /// guards, changes. Answers 0, the clock and the state afterwards.
    static let changeShared = Lua.script(
        Lua.clock, Lua.logEntry, Lua.log,
        """
        local key, at = KEYS[1], 5
        if logKey then redis.call('XLEN', logKey) end
        local done = before()
        if done == false then return {-6} end
        if done then return {0, clock, redis.call('HGETALL', key)} end
        local expires = redis.call('HGET', key, '')
        local stale = expires and tonumber(expires) <= clock
        for i = 1, tonumber(ARGV[at]) do
          local value = not stale and redis.call('HGET', key, ARGV[at + 1])
          if ARGV[at + 2] == 'r' and value or ARGV[at + 2] == 's' and value ~= ARGV[at + 3] then return {-5} end
          at = at + 3
        end
        at = at + 1
        if stale then redis.call('DEL', key) end
        for i = 1, tonumber(ARGV[at]) do
          if ARGV[at + 2] == 's' then redis.call('HSET', key, ARGV[at + 1], ARGV[at + 3]) else redis.call('HDEL', key, ARGV[at + 1]) end
          at = at + 3
        end
        local ttl = lives(tonumber(ARGV[4]), clock)
        if ttl ~= 0 then
          redis.call('HSET', key, '', string.format('%.0f', ttl))
          if native then redis.call('PEXPIREAT', key, ttl) end
        elseif redis.call('HDEL', key, '') == 1 and native then
          redis.call('PERSIST', key)
        end
        if logKey then note('*', '', '', 1) end
        return {0, clock, redis.call('HGETALL', key)}
        """)

    /// Tells everybody who watches that something changed that a shard's log is the first to hear of. KEYS: the log. ARGV: the moment or nothing.
    static let tellEverybody = Lua.script(
        Lua.clock, Lua.logEntry,
        """
        logKey = KEYS[1]
        add('*', '', '', '', 1)
        return {0}
        """)
}
