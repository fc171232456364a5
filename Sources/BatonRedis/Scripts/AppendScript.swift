internal import BatonRedisClient

extension Scripts {
    /// Appends a batch.
    ///
    /// ARGV from 9 on: base of the slot's keys, APP escaped, the seq that is expected or nothing, the idempotency key or nothing,
    /// the fingerprint, the most events to keep or 0, whether an absent session is made (1 or 0), its generation, its lifetime, 0
    /// fields, then the count of events; for each its id or nothing, its body, and its state changes; the count of contents that are kept apart; for each the number of
    /// its event, its digest and its bytes; the
    /// tokens of each event, divided by spaces; the agent that becomes the active one or nothing, the one that has to be it or nothing for nobody, the epoch or nothing.
    ///
    /// Answers 0, version, seq and milliseconds of the tail, generation, whether more has to be trimmed, then for each event its seq
    /// (negative for a duplicate) and milliseconds.
    static let append = Lua.script(
        Lua.clock, Lua.names, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.state, Lua.creation, Lua.commit, Lua.receipt,
        Lua.blobs,
        Scripts.reading,
        Scripts.trimming,
        """
        local base, app, expected, request, fingerprint = ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13]
        local maximum = tonumber(ARGV[14])
        local count = tonumber(ARGV[19])
        local at = 20
        local ids, bodies, deltas, hasIDs = {}, {}, {}, false
        for i = 1, count do
          ids[i], bodies[i] = ARGV[at], ARGV[at + 1]
          if ids[i] ~= '' then hasIDs = true end
          deltas[i], at = readState(at + 2)
        end
        local blobs = tonumber(ARGV[at])

        local h, refusal, stale = load()
        if refusal == -7 then return {-7} end

        -- Where a known id stands: its seq, or nil. What it is in the batch comes from the caller.
        local function known(from, to)
          local asked, at, found = {}, {}, {}
          if h and has(h, BRANCHED) then
            for i = from, to do
              local entry = ids[i] ~= '' and locate(h, ids[i])
              if entry then found[i] = tonumber(string.match(entry[1], '^%d+')) end
            end
            return found
          end
          for i = from, to do
            if ids[i] ~= '' then
              asked[#asked + 1] = ids[i]
              at[#at + 1] = i
            end
          end
          if #asked == 0 or not has(h, IDS) then return found end
          local values = redis.call('HMGET', KEYS[3], unpack(asked))
          for j, value in ipairs(values) do
            if value then found[at[j]] = tonumber(value) end
          end
          return found
        end
        local function place(seq)
          if seq <= h.floor then return h.floorms end
          return moment(h, seq) or h.ms
        end
        -- The seq inside an id that was made for this generation, and the first that it can be.
        local function made(id)
          local seq = madeSeq(id, h.generation)
          if not seq then return nil end
          logs(h)
          return seq, h.history and h.history.base + 1 or 1
        end

        local done = before()
        if h and ARGV[3] ~= '' and not has(h, RETRIED) then
          -- The earlier attempt may have been a plain append, which has to look at the fence should it arrive now.
          mark(h, RETRIED)
          redis.call('HSET', KEYS[1], 'h', pack(h))
        end
        if done == false then return {-6} end
        if done then
          local version, first, stored, ms, generation = readReceipt(done)
          local reply = {0, version, first + stored - 1, ms, generation, 0}
          local found = {}
          if h and h.generation == generation then
            for from = 1, count, 500 do
              for i, seq in pairs(known(from, math.min(from + 499, count))) do found[i] = seq end
            end
          end
          local next = first
          for i = 1, count do
            local seq = h and ids[i] ~= '' and made(ids[i]) or found[i]
            if next < first + stored and (not seq or seq == next) then
              reply[#reply + 1], reply[#reply + 2] = next, ms
              next = next + 1
            else
              seq = seq or first
              reply[#reply + 1], reply[#reply + 2] = -seq, h and place(seq) or ms
            end
          end
          return reply
        end

        if not h and ARGV[15] ~= '1' then return {-1} end

        if h and request ~= '' and has(h, REQUESTS) then
          local answer = redis.call('HGET', KEYS[5], 'k' .. request)
          if answer then
            local print, version, seq, ms, entries = string.match(answer, '^(%-?%d+) (%d+) (%d+) (%d+) (.*)$')
            if print ~= fingerprint then return {-2} end
            local reply = {0, tonumber(version), tonumber(seq), tonumber(ms), h.generation, 0}
            for first, time, run in string.gmatch(entries, '(%d+) (%d+) (%d+);') do
              for offset = 0, run - 1 do
                reply[#reply + 1], reply[#reply + 2] = -(first + offset), tonumber(time)
              end
            end
            return reply
          end
        end

        -- What is there already, and what comes twice in the batch.
        local seqs, times, fresh = {}, {}, 0
        local tail = h and h.seq or 0
        do
          local first = {}
          for from = 1, count, 500 do
            local to = math.min(from + 499, count)
            local found = h and known(from, to) or {}
            for i = from, to do
              local id, seq = ids[i], found[i]
              if id ~= '' and h and not seq then
                local first
                seq, first = made(id)
                if seq and (seq > h.seq or seq < first) then return {-4, i - 1, h.seq} end
              end
              if seq then
                seqs[i], times[i] = -seq, place(seq)
              elseif id ~= '' and first[id] then
                seqs[i] = -first[id]
              else
                fresh = fresh + 1
                seqs[i] = tail + fresh
                if id ~= '' then first[id] = seqs[i] end
              end
            end
          end
        end
        if h and fresh == 0 then
          local reply = {0, h.version, h.seq, h.ms, h.generation, 0}
          for i = 1, count do reply[#reply + 1], reply[#reply + 2] = seqs[i], times[i] end
          return reply
        end
        if h then
          local fenced = fence(h)
          if fenced then return fenced end
        elseif ARGV[#ARGV] ~= '' then
          return {-9, 0}
        end
        if expected ~= '' and tonumber(expected) ~= tail then return {-3, tail} end
        local agent = ARGV[#ARGV - 2]
        if agent ~= '' then
          local active = h and redis.call('HGET', KEYS[1], 'A') or ''
          if active ~= ARGV[#ARGV - 1] then return {-12, active} end
        end
        check(h)
        for i = 1, count do checkState(deltas[i]) end
        if not h then redis.call('XLEN', KEYS[2]) end
        if hasIDs then redis.call('HLEN', KEYS[3]) end
        if request ~= '' then redis.call('HLEN', KEYS[5]) end
        if blobs > 0 then redis.call('HLEN', KEYS[1] .. ':b') end

        local isNew = not h
        if isNew then h = create(16, stale) end
        if agent ~= '' then redis.call('HSET', KEYS[1], 'A', agent) end
        local now, everything = h.now, false
        local index, size = {}, 0
        for i = 1, count do
          local seq = seqs[i]
          if seq > 0 then
            local entry = string.format('%.0f-%.0f', seq, now)
            if ids[i] == '' then
              redis.call('XADD', KEYS[2], entry, 'b', bodies[i])
            else
              redis.call('XADD', KEYS[2], entry, 'i', ids[i], 'b', bodies[i])
              index[size + 1], index[size + 2] = ids[i], string.format('%.0f', seq)
              size = size + 2
              if size == 1000 then
                redis.call('HSET', KEYS[3], unpack(index, 1, size))
                mark(h, IDS)
                size = 0
              end
            end
            if #deltas[i] > 0 and change(deltas[i]) then everything = true end
          end
          if not times[i] then times[i] = now end
        end
        for i = 1, blobs do
          local seq = seqs[tonumber(ARGV[at + 3 * i - 2])]
          if seq > 0 then keepBlob(h, string.format('%.0f', seq), ARGV[at + 3 * i - 1], ARGV[at + 3 * i]) end
        end
        local tokens, place = 0, 0
        for number in string.gmatch(ARGV[#ARGV - 3], '%d+') do
          place = place + 1
          if seqs[place] and seqs[place] > 0 then tokens = tokens + tonumber(number) end
        end
        if tokens > 0 then redis.call('HINCRBY', KEYS[1], 'N', string.format('%.0f', tokens)) end
        if size > 0 then
          redis.call('HSET', KEYS[3], unpack(index, 1, size))
          mark(h, IDS)
        end
        h.seq, h.ms, h.count = tail + fresh, now, h.count + fresh
        if maximum > 0 and h.count > maximum then trim(h, math.min(h.count - maximum, 1000)) end

        if request ~= '' then
          local entries, i = {}, 1
          while i <= count do
            local seq, run = math.abs(seqs[i]), 1
            while i + run <= count and math.abs(seqs[i + run]) == seq + run and times[i + run] == times[i] do run = run + 1 end
            entries[#entries + 1] = string.format('%.0f %.0f %d;', seq, times[i], run)
            i = i + run
          end
          local number = redis.call('HINCRBY', KEYS[5], 'c', 1)
          local slot = 'r' .. number % 1024
          local old = redis.call('HGET', KEYS[5], slot)
          if old then redis.call('HDEL', KEYS[5], 'k' .. old) end
          redis.call('HSET', KEYS[5], slot, request, 'k' .. request,
            string.format('%s %.0f %.0f %.0f %s', fingerprint, h.version + 1, h.seq, h.ms, table.concat(entries)))
          mark(h, REQUESTS)
        end
        local letters = (isNew and 'c' or '') .. 'a' .. (agent ~= '' and 'h' or '')
        commit(h, receipt(h.version + 1, h.seq, now, fresh, h.generation), everything, letters, fresh + #letters - 1)
        if isNew then sweep(base, app) end
        local reply = {0, h.version, h.seq, h.ms, h.generation, maximum > 0 and h.count > maximum and 1 or 0}
        for i = 1, count do reply[#reply + 1], reply[#reply + 2] = seqs[i], times[i] end
        return reply
        """)

    /// Goes on trimming where an append has left more than one script should remove. ARGV[9]: the most events to keep.
    /// Answers 0 and whether more has to be trimmed.
    static let trim = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.blobs, Scripts.reading, Scripts.trimming,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local maximum = tonumber(ARGV[9])
        if h.count > maximum then
          trim(h, math.min(h.count - maximum, 1000))
          redis.call('HSET', KEYS[1], 'h', pack(h))
          live(h)
        end
        return {0, h.count > maximum and 1 or 0}
        """)

    /// Removes the `excess` oldest events with their ids, edits and contents, and moves the floor.
    static let trimming = """
        -- The same where the history has several logs: the floor passes what is shown, and what it has passed of the session's own log goes.
        local function trimLogs(h, excess)
          local before = h.floor
          while excess > 0 do
            local entries = page(h, 'XRANGE', h.floor + 1, h.seq, math.min(excess, 64), 1e15)
            if #entries == 0 then break end
            local seq, ms = string.match(entries[#entries][1], '^(%d+)-(%d+)$')
            h.floor, h.floorms, h.count = tonumber(seq), tonumber(ms), h.count - #entries
            excess = excess - #entries
          end
          if h.floor >= h.history.first then
            -- What was hidden may be much; ids and edits of the rest stay behind without meaning anything.
            local from, left = '-', has(h, IDS) and 4096 or 0
            while left > 0 do
              local entries, ids = redis.call('XRANGE', KEYS[2], from, string.format('%.0f', h.floor), 'COUNT', 64), {}
              for _, entry in ipairs(entries) do
                from = '(' .. entry[1]
                if entry[2][1] == 'i' then ids[#ids + 1] = entry[2][2] end
              end
              if #ids > 0 then redis.call('HDEL', KEYS[3], unpack(ids)) end
              left = #entries == 64 and left - 64 or 0
            end
            redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f', h.floor + 1))
          end
          if has(h, EDITS) then
            for from = before + 1, math.min(h.floor, before + 4096), 500 do
              local fields = {}
              for s = from, math.min(from + 499, h.floor) do fields[#fields + 1] = string.format('%.0f', s) end
              redis.call('HDEL', KEYS[4], unpack(fields))
            end
          end
          if has(h, LEDGERED) then
            for from = before + 1, math.min(h.floor, before + 4096), 500 do
              local seqs = {}
              for s = from, math.min(from + 499, h.floor) do seqs[#seqs + 1] = string.format('%.0f', s) end
              dropBlobs(h, seqs)
            end
          end
          releaseTrimmed(h)
        end
        local function trim(h, excess)
          if has(h, BRANCHED) then
            logs(h)
            return trimLogs(h, excess)
          end
          while excess > 0 do
            local entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', math.min(excess, 64))
            if #entries == 0 then return end
            local ids, seqs, last = {}, {}, nil
            for i, entry in ipairs(entries) do
              last = entry[1]
              seqs[i] = string.match(last, '^%d+')
              if entry[2][1] == 'i' then ids[#ids + 1] = entry[2][2] end
            end
            local seq, ms = string.match(last, '^(%d+)-(%d+)$')
            seq, ms = tonumber(seq), tonumber(ms)
            if #ids > 0 then redis.call('HDEL', KEYS[3], unpack(ids)) end
            dropBlobs(h, seqs)
            if has(h, EDITS) then
              for from = h.floor + 1, seq, 500 do
                local fields = {}
                for s = from, math.min(from + 499, seq) do fields[#fields + 1] = string.format('%.0f', s) end
                redis.call('HDEL', KEYS[4], unpack(fields))
              end
            end
            redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f', seq + 1))
            h.floor, h.floorms, h.count = seq, ms, h.count - #entries
            excess = excess - #entries
          end
        end
        """
}
