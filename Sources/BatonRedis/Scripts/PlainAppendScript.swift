internal import BatonRedisClient

extension Scripts {
    /// Appends a batch to a session that is there, in the fewest steps: what most appends are.
    ///
    /// It leaves the same behind as ``append``, and does only what can be done without further looks. Whatever else it meets it leaves
    /// alone: it writes nothing and answers ``Refusal/unsuited``, and the other script is sent. A bit in the head that it does not know is
    /// such a thing, and so is an earlier attempt of any append, which leaves the bit `RETRIED`.
    ///
    /// KEYS: 1 session, 2 events, 3 and 4 the user's and the application's list by change, 5 log; 6 ids, 7 edits, 8 requests, 9 and 10 the
    /// lists by creation, which may be left out and are asked for when they are needed.
    ///
    /// ARGV: 1 token, 2 member in the user's list, 3 member in the application's, 4 the seq that is expected or nothing, 5 the most
    /// events to keep or 0, 6 the moment, nothing or a floor, 7 the id of the only event or nothing, 8 the count of events, 9 the epoch or nothing, 10 the tokens of the
    /// events, then the bodies, then the session's state: fields and values, nothing to remove one.
    ///
    /// Answers what the log gets, see ``Lua/receipt``; or what ``append`` answers: a refusal, or the place of a duplicate.
    ///
    /// Types are not looked at beforehand. The keys that may be another program's are written first, so a write that fails is either
    /// the first or comes after writes that are taken back.
    static let plainAppend = Lua.script(
        Lua.logTrimming,
        """
        local HEAD, call = '>BBBI6I6I6I6I6I6I6I6I6I6', redis.call
        local fields = call('HMGET', KEYS[1], 'h', 'g', 'N')
        local head, generation = fields[1], fields[2]
        if not head or not generation or #head ~= 63 then return {-20} end
        local format, status, flags, version, seq, ms, floor, floorms, count, created, updated, ttl, expires = struct.unpack(HEAD, head)
        -- Up to here '%d' is exact everywhere, also where the server's words are of 32 bits.
        -- A ledger, contents that are kept apart, and tracks only have to be kept alive, where sessions expire.
        local known = flags % 32 < 16 and flags < 128 and (flags < 32 or ttl == 0)
        if format ~= 1 or not known or seq > 2000000000 then return {-20} end
        -- The moment is given, or is the server's and may have to reach what is given; see `clock`.
        local moment = ARGV[6]
        local native, clock, now = moment == '' or string.byte(moment) == 62
        if native then
          local time = call('TIME')
          local micros = time[2] + 0
          clock = time[1] * 1000 + (micros - micros % 1000) / 1000
          now = clock
          if moment ~= '' then
            local earliest = tonumber(string.sub(moment, 2)) or 0
            if earliest > clock and earliest - clock <= 60000 then now = earliest end
          end
        else
          clock = tonumber(moment)
          now = clock
        end
        if expires ~= 0 and expires <= clock then return {-20} end
        if now < updated then now = updated end
        if now < ms then now = ms end
        local stamp = string.format('%d', now)
        if #stamp ~= 13 then return {-20} end

        local id, n = ARGV[7], tonumber(ARGV[8])
        local hasIDs = flags % 2 == 1
        if id ~= '' and hasIDs then
          local known = call('HGET', KEYS[6], id)
          if known then
            known = tonumber(known)
            if known <= floor then return {0, version, seq, ms, generation, 0, -known, floorms} end
            local entry = call('XRANGE', KEYS[2], known, known, 'COUNT', 1)[1]
            if not entry then return {-20} end
            return {0, version, seq, ms, generation, 0, -known, tonumber(string.match(entry[1], '%d+$'))}
          end
        end
        -- The fence; see `Lua.fence`.
        local epoch = ARGV[9]
        if flags % 16 >= 8 then
          local lease = call('HGET', KEYS[1], 'L')
          if not lease or #lease < 13 then return {-20} end
          local policy, current, over = struct.unpack('>BI6I6', lease)
          if over > clock then
            if epoch == '' then
              if policy == 0 then return {-10, current, over, string.sub(lease, 14)} end
            elseif tonumber(epoch) ~= current then
              return {-9, current}
            end
          elseif epoch ~= '' then
            return {-9, current}
          elseif over ~= 0 then
            -- To be marked as over for good.
            return {-20}
          end
        elseif epoch ~= '' then
          return {-9, 0}
        end
        if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= seq then return {-3, seq} end
        local ends, grain = 0, 0
        if ttl ~= 0 then
          ends, grain = now + ttl * 1000, ttl * 62.5
          if ends > 253402300799999 then ends = 253402300799999 end
          if native and not KEYS[10] then return {-20, 1} end
        end
        local oldest
        local maximum = tonumber(ARGV[5])
        if maximum ~= 0 and count + n > maximum then
          local excess = count + n - maximum
          if excess > 64 or flags % 4 >= 2 then return {-20} end
          if hasIDs and not KEYS[6] then return {-20, 1} end
          oldest = call('XRANGE', KEYS[2], '-', '+', 'COUNT', excess)
          if #oldest ~= excess then return {-20} end
          -- A content that is kept apart goes with its event: `{"blob":`, which no other member of a body begins like.
          if flags >= 32 then
            for _, entry in ipairs(oldest) do
              if string.sub(entry[2][#entry[2]], 3, 4) == 'bl' then return {-20} end
            end
          end
        end

        version = version + 1
        local first, tail = string.format('%d', seq + 1), seq + n
        local result = struct.pack('>I6I6I6I2', version, tail, now, n) .. generation
        -- The name in the log is the end of the session's key, which begins as long as the log's key is.
        local name = string.sub(KEYS[1], #KEYS[5])
        local user, noted, named, stored = call('ZADD', KEYS[3], stamp, ARGV[2]), false, false, false
        local app, number = redis.pcall('ZADD', KEYS[4], stamp, ARGV[3]), nil
        if app == 0 or app == 1 then
          number = redis.pcall('INCRBY', KEYS[5] .. ':n', n)
          noted = number
          if type(number) == 'number' then
            noted = redis.pcall('XADD', KEYS[5], string.format('%.0f-%.0f', number, clock), 'k', name, 't', ARGV[1], 'r', result, 'y', 'a')
          end
        end
        if type(noted) == 'string' then
          if id == '' then
            stored = redis.pcall('XADD', KEYS[2], first .. '-' .. stamp, 'b', ARGV[11])
          else
            named = redis.pcall('HSET', KEYS[6], id, first)
            if named == 1 then stored = redis.pcall('XADD', KEYS[2], first .. '-' .. stamp, 'i', id, 'b', ARGV[11]) end
          end
        end
        if type(stored) ~= 'string' then
          if named == 1 then call('HDEL', KEYS[6], id) end
          if type(noted) == 'string' then call('XDEL', KEYS[5], noted) end
          if number == n then call('DEL', KEYS[5] .. ':n') elseif type(number) == 'number' then call('INCRBY', KEYS[5] .. ':n', -n) end
          stamp = string.format('%d', updated)
          if app == 1 then call('ZREM', KEYS[4], ARGV[3]) elseif app == 0 then call('ZADD', KEYS[4], stamp, ARGV[3]) end
          if user == 1 then call('ZREM', KEYS[3], ARGV[2]) else call('ZADD', KEYS[3], stamp, ARGV[2]) end
          return stored or named or noted or app
        end

        for i = 2, n do call('XADD', KEYS[2], string.format('%d-%s', seq + i, stamp), 'b', ARGV[10 + i]) end
        for i = 11 + n, #ARGV, 2 do
          if ARGV[i + 1] == '' then call('HDEL', KEYS[1], ARGV[i]) else call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
        end
        if id ~= '' and not hasIDs then
          hasIDs, flags = true, flags + 1
        end
        count = count + n
        if oldest then
          local ids = {}
          for _, entry in ipairs(oldest) do
            if entry[2][1] == 'i' then ids[#ids + 1] = entry[2][2] end
          end
          if #ids > 0 then call('HDEL', KEYS[6], unpack(ids)) end
          local last, time = string.match(oldest[#oldest][1], '^(%d+)-(%d+)$')
          floor, floorms, count = tonumber(last), tonumber(time), maximum
          call('XTRIM', KEYS[2], 'MINID', string.format('%d', floor + 1))
        end
        call('HSET', KEYS[1], 'h', struct.pack(HEAD, 1, status, flags, version, tail, now, floor, floorms, count, created, now, ttl, ends), 'N',
          string.format('%.0f', (fields[3] or 0) + ARGV[10]))
        if native and ends ~= 0 then
          local stop = string.format('%.0f', ends)
          call('PEXPIREAT', KEYS[1], stop)
          call('PEXPIREAT', KEYS[2], stop)
          if hasIDs then call('PEXPIREAT', KEYS[6], stop) end
          if flags % 4 >= 2 then call('PEXPIREAT', KEYS[7], stop) end
          if flags % 8 >= 4 then call('PEXPIREAT', KEYS[8], stop) end
          local last = math.ceil(ends / grain)
          if user == 1 or app == 1 or last ~= math.ceil(expires / grain) then
            last = math.ceil(last * grain)
            for _, i in ipairs({3, 4, 9, 10}) do
              local left = call('PTTL', KEYS[i])
              local isNew = left == -1 and (i == 3 and user == 1 or i == 4 and app == 1) and call('ZCARD', KEYS[i]) == 1
              if isNew or (left >= 0 and clock + left < last) then call('PEXPIREAT', KEYS[i], string.format('%.0f', last)) end
            end
          end
        end
        if number % 64 < n then trimLog(KEYS[5], number, clock) end
        return result
        """)
}
