internal import BatonCore

extension GroupLua {
    /// What consumers of a backlog do all the time, before the rest of their scripts: defining the rest costs more than doing this. Where anything is not as it
    /// is here, nothing has been written and the rest does the work.
    enum Quick {
        /// ARGV of ``Scripts/receive`` from 6 on: the place behind which the caller has read events ahead, the last of them, how many, and the topic's
        /// generation. When the group stands at that place, it takes exactly these, and no event has to become a value of Lua.
        ///
        /// That the last one is in the stream, and none is missing from it, says that what was read is still what the group would get: numbers have no
        /// holes, and an event at the same place never changes.
        static let receive = """
            if ARGV[4] == '' and ARGV[6] then
              local g, events, from, last, count = KEYS[7], KEYS[1], ARGV[6], ARGV[7], tonumber(ARGV[8])
              local seen = 'c:' .. ARGV[2]
              local f = redis.call('HMGET', g, 'settings', 'position', 'token', 'generation', 'ahead', seen, 'batched')
              local m = redis.call('HMGET', KEYS[2], 'generation', 'seq', 'floor-seq')
              if f[1] and f[2] == from and f[4] == ARGV[9] and m[1] == ARGV[9] and (f[5] or '0') == '0' and f[6] and string.byte(f[1], -1) == 48 then
                local ms, seq = string.match(from, '^(%d+)-(%d+)$')
                local floor, batched = tonumber(m[3] or 0) or 0, tonumber(f[7] or 0)
                seq = tonumber(seq)
                local head = redis.call('ZRANGE', g .. ':d', 0, 0, 'WITHSCORES')[2]
                if tonumber(string.match(last, '%d+$')) - seq == count and seq >= floor and not (head and tonumber(head) <= clock * 1024 + 1023)
                  and redis.call('XLEN', events) == tonumber(m[2]) - floor
                  and count <= \(ConsumerGroup.pendingBound) - batched - redis.call('HLEN', g .. ':h')
                  and redis.call('XRANGE', events, last, last)[1] then
                  local due, token = clock + tonumber(string.match(f[1], '^%d+ (%d+)')), tonumber(f[3])
                  redis.call('ZADD', g .. ':f', string.format('%.0f', seq + 1),
                    struct.pack('>I6I6I6I2I2', due, token + 1, tonumber(ms), count, #ARGV[2]) .. ARGV[2])
                  redis.call('ZADD', g .. ':d', string.format('%.0f', due * 1024 + (seq + 1) % 1024), string.format('b%.0f', seq + 1))
                  redis.call('HSET', g, 'position', last, 'token', string.format('%.0f', token + count), 'batched', batched + count,
                    seen, string.format('%d %d', string.match(f[6], '^%d+') + count, math.floor(clock / 1000)),
                    'r:' .. ARGV[2], ARGV[3] .. struct.pack('>I6I6I6', due, token + 1, token + count))
                  return {0, m[1], {{}, token + 1, count, head and math.min(due, math.floor(tonumber(head) / 1024)) or due, 0, due, last}}
                end
              end
            end
            """

        /// One line of acknowledgements that is a whole batch.
        static let settle = """
            if ARGV[4] == '' and ARGV[5] == '1' and ARGV[7] == 'a' then
              local g, seen, count = KEYS[7], 'c:' .. ARGV[2], tonumber(ARGV[9])
              local seq = string.match(ARGV[10], count > 1 and '^%d+%-(%d+) ' or '^%d+%-(%d+)$')
              local f = redis.call('HMGET', g, 'batched', seen)
              local found = seq and f[1] and f[2] and redis.call('ZREVRANGEBYSCORE', g .. ':f', seq, seq, 'LIMIT', 0, 1)[1]
              if found then
                local due, token, ms, size, c, at = struct.unpack('>I6I6I6I2I2', found)
                if size == count and token == struct.unpack('>I6', ARGV[8]) and string.sub(found, at) == ARGV[2] then
                  local outcomes, held, time = string.rep('d', count), string.match(f[2], '^(%-?%d+) (%d+)$')
                  redis.call('ZREM', g .. ':f', found)
                  redis.call('ZREM', g .. ':d', 'b' .. seq)
                  redis.call('HSET', g, 'batched', tonumber(f[1]) - count, seen, string.format('%d %d', math.max(0, held - count), time),
                    's:' .. ARGV[2], ARGV[3] .. outcomes)
                  return {0, outcomes}
                end
              end
            end
            """
    }
}
