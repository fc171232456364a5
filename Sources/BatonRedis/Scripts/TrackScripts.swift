internal import BatonRedisClient

extension Scripts {
    /// Appends to a track.
    ///
    /// ARGV from 9 on: the track, its generation if it has to be made, its lifetime or nothing, the most events to keep or 0, how many tracks a session may have,
    /// the count of events, for each its id or nothing and its body; the epoch or nothing. Answers 0, the session's version, seq and milliseconds of the track's tail, its
    /// generation, then for each event its seq (negative for a duplicate) and milliseconds.
    static let appendTrack = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Scripts.livingTrack,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        local name, count = ARGV[9], tonumber(ARGV[14])
        local ids, bodies = {}, {}
        for i = 1, count do ids[i], bodies[i] = ARGV[13 + 2 * i], ARGV[14 + 2 * i] end
        local t = living(h, name)

        -- Where ids stand that are known: seq and milliseconds.
        local places = {}
        for from = 1, count, 500 do
          local asked, at = {}, {}
          for i = from, math.min(from + 499, count) do
            local made = t and ids[i] ~= '' and madeSeq(ids[i], t.generation)
            if made then
              if made > t.seq then return {-4, i - 1, t.seq} end
              places[i] = {made, momentOf(t, made)}
            elseif ids[i] ~= '' then
              asked[#asked + 1], at[#at + 1] = ids[i], i
            end
          end
          if t and t.flags == 1 and #asked > 0 then
            for j, value in ipairs(redis.call('HMGET', t.key .. ':i', unpack(asked))) do
              if value then
                local seq, ms = string.match(value, '^(%d+) (%d+)$')
                places[at[j]] = {tonumber(seq), tonumber(ms)}
              end
            end
          end
        end

        if done then
          -- What this request stored got the seqs from the first to the last in the order of the batch.
          local version, first, last, ms, generation = string.match(done, '^(%d+) (%d+) (%d+) (%d+) (%w+)$')
          local reply, next = {0, tonumber(version), tonumber(last), tonumber(ms), generation}, tonumber(first)
          for i = 1, count do
            local place = t and t.generation == generation and places[i]
            if next <= tonumber(last) and (not place or place[1] == next) then
              reply[#reply + 1], reply[#reply + 2] = next, tonumber(ms)
              next = next + 1
            else
              reply[#reply + 1], reply[#reply + 2] = -(place and place[1] or tonumber(first)), place and place[2] or tonumber(ms)
            end
          end
          return reply
        end

        local seqs, times, earlier, fresh = {}, {}, {}, 0
        local tail = t and t.seq or 0
        for i = 1, count do
          local id = ids[i]
          if places[i] then
            seqs[i], times[i] = -places[i][1], places[i][2]
          elseif id ~= '' and earlier[id] then
            seqs[i], times[i] = -earlier[id], h.now
          else
            fresh = fresh + 1
            seqs[i], times[i] = tail + fresh, h.now
            if id ~= '' then earlier[id] = seqs[i] end
          end
        end
        local function answer()
          local reply = {0, h.version, t.seq, t.ms, t.generation}
          for i = 1, count do reply[#reply + 1], reply[#reply + 2] = seqs[i], times[i] end
          return reply
        end
        if fresh == 0 then return answer() end
        local fenced = fence(h)
        if fenced then return fenced end
        local dead = {}
        if not t then
          local others = 0
          for _, other in ipairs(has(h, TRACKED) and tracks(h) or {}) do
            if isOver(other) then dead[#dead + 1] = other else others = others + 1 end
          end
          if others >= tonumber(ARGV[13]) then return {-41} end
          t = {name = name, generation = ARGV[10], key = h.key .. ':s:' .. ARGV[10], flags = 0, ttl = 0, seq = 0, ms = 0, floor = 0, floorms = 0}
          t.isFresh = true
        end
        check(h)
        if not has(h, TRACKED) then redis.call('HLEN', h.key .. ':s') end

        local index = {}
        for i = 1, count do
          if seqs[i] > 0 then
            local entry = string.format('%.0f-%.0f', seqs[i], h.now)
            if ids[i] == '' then
              redis.call('XADD', t.key, entry, 'b', bodies[i])
            else
              redis.call('XADD', t.key, entry, 'i', ids[i], 'b', bodies[i])
              index[#index + 1], index[#index + 2] = ids[i], string.format('%.0f %.0f', seqs[i], h.now)
            end
          end
        end
        for from = 1, #index, 1000 do redis.call('HSET', t.key .. ':i', unpack(index, from, math.min(from + 999, #index))) end
        if #index > 0 and t.flags == 0 then t.flags, t.isFresh = 1, true end
        for _, other in ipairs(dead) do dropTrack(h, other) end
        t.seq, t.ms = tail + fresh, h.now
        local maximum = tonumber(ARGV[12])
        -- Where the limit became much lower, later appends go on.
        if maximum > 0 and t.seq - t.floor > maximum then trimTrack(t, math.min(t.seq - t.floor - maximum, 2000)) end
        if ARGV[11] ~= '' then t.ttl = tonumber(ARGV[11]) end
        t.expires = lives(t.ttl, h.now)
        redis.call('HSET', h.key .. ':s', name, packTrack(t))
        mark(h, TRACKED)
        h.track = t
        commit(h, string.format('%.0f %.0f %.0f %.0f %s', h.version + 1, tail + 1, t.seq, h.now, t.generation), nil, '', 1)
        return answer()
        """)

    /// Reads a page of a track.
    ///
    /// ARGV from 9 on: the track, the seq and the milliseconds (or nothing) of the cursor, how many events and how many bytes, the moment that they have to reach or nothing, 1
    /// to restart the lifetime. Answers 0, seq and milliseconds of the tail and of the floor, the generation, entries, and whether they end before they had to.
    static let trackPage = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Scripts.livingTrack,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local t = living(h, ARGV[9]) or {seq = 0, ms = 0, floor = 0, floorms = 0, generation = ''}
        local after = tonumber(ARGV[10])
        if after > 0 and (after < t.floor or after > t.seq or ARGV[11] ~= '' and tonumber(ARGV[11]) ~= momentOf(t, after)) then
          return {-21, t.floor, t.floorms, t.seq, t.ms, t.generation}
        end
        if ARGV[15] == '1' then extend(h) end
        local first = math.max(after, t.floor) + 1
        if ARGV[14] ~= '' then
          -- Times never go back and seqs have no holes, so the place is found by halving.
          local low, high, since = t.floor, t.seq, tonumber(ARGV[14])
          while low < high do
            local middle = low + math.ceil((high - low) / 2)
            if momentOf(t, middle) < since then low = middle else high = middle - 1 end
          end
          first = math.max(first, low + 1)
        end
        local entries, more = {}, 0
        if first <= t.seq then entries, more = entriesOf(t, 'XRANGE', string.format('%.0f', first), '+', tonumber(ARGV[12]), tonumber(ARGV[13])) end
        return {0, t.seq, t.ms, t.floor, t.floorms, t.generation, entries, more}
        """)

    /// Lists tracks.
    ///
    /// ARGV from 9 on: how many events of each, how many bytes of all, 1 to restart the lifetime. Answers 0, the session's generation, then for each track its name, lifetime,
    /// expiry, seq and milliseconds of the tail and of the floor, generation, and entries, the newest first.
    static let trackList = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Scripts.livingTrack,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local count, budget = tonumber(ARGV[9]), tonumber(ARGV[10])
        local reply = {0, h.generation}
        for _, t in ipairs(has(h, TRACKED) and tracks(h) or {}) do
          if not isOver(t) then
            local entries, more = {}, 0
            if count > 0 then
              local bytes
              entries, more, bytes = entriesOf(t, 'XREVRANGE', '+', '-', count, budget + 1)
              budget = budget - bytes
              if budget < 0 then return {-42} end
            end
            for _, value in ipairs({t.name, t.ttl, t.expires, t.seq, t.ms, t.floor, t.floorms, t.generation, entries}) do
              reply[#reply + 1] = value
            end
          end
        end
        if ARGV[11] == '1' then extend(h) end
        return reply
        """)

    /// Deletes a track. ARGV from 9 on: the track; the epoch or nothing. Answers 0, and 1 when it was there.
    static let deleteTrack = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Scripts.livingTrack,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        if done then return {0, 1} end
        local t = living(h, ARGV[9])
        if not t then return {0, 0} end
        local fenced = fence(h)
        if fenced then return fenced end
        check(h)
        dropTrack(h, t)
        commit(h, '', nil, '', 1)
        return {0, 1}
        """)

    /// One track, and its events.
    private static let livingTrack = """
        local function isOver(t) return t.expires ~= 0 and t.expires <= clock end
        -- The session's track of this name, nil when it is not there or its lifetime is over.
        local function living(h, name)
          local bytes = has(h, TRACKED) and redis.call('HGET', h.key .. ':s', name)
          local t = bytes and readTrack(h, name, bytes)
          return t and not isOver(t) and t or nil
        end
        -- The milliseconds of a place from the floor on; before it the floor's, because of what was trimmed only the last time is known.
        local function momentOf(t, seq)
          if seq <= t.floor then return t.floorms end
          if seq == t.seq then return t.ms end
          local name = string.format('%.0f', seq)
          local entry = redis.call('XRANGE', t.key, name, name, 'COUNT', 1)[1]
          return entry and tonumber(string.match(entry[1], '%d+$')) or t.ms
        end
        -- Entries from one end on, whether they end because of their bytes, and how many bytes. It grows by steps that follow from the size of what came.
        local function entriesOf(t, command, from, to, count, budget)
          local entries, more, bytes, step = {}, 0, 0, 50
          while #entries < count do
            local size = math.min(step, count - #entries)
            local got = redis.call(command, t.key, from, to, 'COUNT', size)
            for _, entry in ipairs(got) do
              bytes = bytes + #entry[2][#entry[2]]
              entries[#entries + 1] = entry
              if bytes >= budget and #entries < count then
                more = 1
                break
              end
            end
            if more == 1 or #got < size then break end
            from = '(' .. got[#got][1]
            step = math.max(1, math.min(200, math.floor((budget - bytes) / (bytes / #entries + 1))))
          end
          return entries, more, bytes
        end
        -- Removes the oldest events with their ids, and moves the floor.
        local function trimTrack(t, excess)
          while excess > 0 do
            local entries = redis.call('XRANGE', t.key, '-', '+', 'COUNT', math.min(excess, 64))
            if #entries == 0 then return end
            local ids = {}
            for _, entry in ipairs(entries) do
              if entry[2][1] == 'i' then ids[#ids + 1] = entry[2][2] end
            end
            if #ids > 0 then redis.call('HDEL', t.key .. ':i', unpack(ids)) end
            local seq, ms = string.match(entries[#entries][1], '^(%d+)-(%d+)$')
            t.floor, t.floorms = tonumber(seq), tonumber(ms)
            redis.call('XTRIM', t.key, 'MINID', string.format('%.0f', t.floor + 1))
            excess = excess - #entries
          end
        end
        """
}
