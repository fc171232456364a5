internal import BatonRedisClient

extension Scripts {
    /// Makes a session that goes on from a place of another.
    ///
    /// The keys are those of the parent, and last the fork's; ARGV from 4 to 6 and the token speak of the fork. ARGV from 9 on: the place's
    /// seq or nothing for the end, its milliseconds or nothing, 1 to pass by the fence, the token of the log that the parent's may become,
    /// the fork's generation, its lifetime or nothing for the parent's, the parent's id, base of the slot's keys, APP escaped, a count, and
    /// for each field of the fork that is not its parent's the field, `s` or `r`, and a value; the epoch or nothing. Answers 0 and the snapshot.
    static let fork = Lua.script(
        Lua.clock, Lua.names, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.creation, Scripts.places,
        """
        local key = KEYS[#KEYS]
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        local function snapshot()
          local app = {}
          if #KEYS == 14 then app = redis.call('HGETALL', KEYS[13]) end
          return {clock, redis.call('HGETALL', key), redis.call('HGETALL', KEYS[11]), app}
        end
        if done then
          if redis.call('HGET', key, 'g') ~= done then return {-6} end
          return {0, snapshot()}
        end
        if not h then return {refusal} end
        local fenced = ARGV[11] ~= '1' and fence(h)
        if fenced then return fenced end
        local at, ms, gone = place(h, ARGV[9], ARGV[10])
        if gone then return gone end
        local stale
        local there = redis.call('HMGET', key, 'h', 'g')
        if there[1] then
          stale = parse(there[1], there[2])
          if not stale then return {-7} end
          if stale.expires == 0 or stale.expires > clock then return {-22} end
          stale.key = key
        elseif redis.call('EXISTS', key) == 1 then
          return {-7}
        end

        -- What was read before anything changes: the parent's own log, and whether its events need be known to others.
        lookForHoles(h)
        local history = h.history or {kept = 0, first = 1, base = 0, parts = {}, rewinds = {}}
        local isEmpty = at <= h.floor
        local freezes = not isEmpty and (at >= history.first or has(h, EDITS))
        if freezes and #history.parts + 2 > 64 then return {-23} end
        local taken, own = {}, nil
        if freezes then
          own = {token = ARGV[12], generation = h.generation, first = history.first, last = h.seq, flags = h.flags % 4}
          own.key = base(KEYS[1]) .. 'h:' .. own.token
        end
        for i = 1, #history.parts + (own and 1 or 0) do
          local part = history.parts[i] or own
          if not isEmpty and part.last > h.floor and (part.first <= at or says(part, EDITS)) then
            taken[#taken + 1] = {token = part.token, key = part.key, generation = part.generation, first = part.first,
              last = math.min(part.last, at), flags = part.flags}
          end
        end
        if #taken + 1 > 64 then return {-23} end
        local rewinds = {}
        for _, r in ipairs(history.rewinds) do
          if r[1] <= at then rewinds[#rewinds + 1] = r end
        end
        check()
        redis.call('HLEN', KEYS[11])
        local moved = {':e'}
        if has(h, IDS) then moved[#moved + 1] = ':i' end
        if has(h, EDITS) then moved[#moved + 1] = ':x' end
        if has(h, LEDGERED) then moved[#moved + 1] = ':b' end

        -- The fork.
        if stale then drop(stale, ARGV[5]) end
        local now = math.max(clock, earliest, ms)
        local ttl = ARGV[14] == '' and h.ttl or tonumber(ARGV[14])
        local f = {status = 0, flags = BRANCHED, version = 1, seq = at, ms = ms, floor = h.floor, floorms = h.floorms, count = 0,
          created = now, updated = now, ttl = ttl, expires = lives(ttl, now), generation = ARGV[13], key = key, isWhole = h.isWhole}
        if at == 0 then f.floor, f.floorms = 0, 0 end
        f.history = {kept = 0, first = at + 1, base = at, parts = taken, rewinds = rewinds}
        redis.call('HSET', key, 'h', pack(f), 'g', f.generation)
        local fields, values = redis.call('HGETALL', KEYS[1]), {}
        for i = 1, #fields, 2 do
          local name = fields[i]
          if string.byte(name) == 46 or string.find('TGMPAN', name, 1, true) then
            values[#values + 1], values[#values + 2] = name, fields[i + 1]
          end
        end
        for from = 1, #values, 1000 do redis.call('HSET', key, unpack(values, from, math.min(from + 999, #values))) end
        for i = 1, tonumber(ARGV[18]) do
          local j = 16 + 3 * i
          if ARGV[j + 1] == 's' then redis.call('HSET', key, ARGV[j], ARGV[j + 2]) else redis.call('HDEL', key, ARGV[j]) end
        end
        if has(h, LEASED) and lease(h).policy ~= 0 then
          mark(f, LEASED)
          redis.call('HSET', key, 'L', struct.pack(LEASE, lease(h).policy, 0, 0))
        end

        -- The parent's log becomes one that several show, under another name.
        local parentsKept = #history.parts > 0 and history.kept or ahead(h)
        if freezes then
          for _, kind in ipairs(moved) do
            if redis.call('EXISTS', h.key .. kind) == 1 then redis.call('RENAME', h.key .. kind, own.key .. kind) end
          end
          history.parts[#history.parts + 1] = own
          history.first, history.kept = h.seq + 1, parentsKept
          unmark(h, IDS)
          unmark(h, EDITS)
          hold(own, h.generation, parentsKept)
        end
        h.history, h.logs, h.historyChanged = history, nil, true
        mark(h, BRANCHED)
        redis.call('HSET', KEYS[1], 'h', pack(h))
        redis.call('ZADD', h.key .. ':f', string.format('%.0f', now), forkNote(f, at, ms, ARGV[5]))
        keepLogs(h)
        persist(h.key .. ':f', h.expires)

        if not isEmpty then f.count = countFrom(f, f.floor + 1) end
        redis.call('HSET', key, 'h', pack(f))
        f.history.kept = ahead(f)
        for _, log in ipairs(taken) do hold(log, f.generation, f.history.kept) end
        redis.call('HSET', key, 'B', writeHistory(f.history), 'F',
          struct.pack('>I2', #ARGV[15]) .. ARGV[15] .. h.generation .. struct.pack('>I6I6', ms, at) .. ancestors(h, at, ms))
        persist(key, f.expires)
        endless = ttl == 0
        list(f, true)
        sweep(ARGV[16], ARGV[17])
        sweepForks(h)
        note(ARGV[6], f.generation, 'c')
        return {0, snapshot()}
        """)

    /// Goes back to a place. ARGV from 9 on: the seq that is expected or nothing, the place's seq, its milliseconds or nothing, 1 to pass by
    /// the fence, the body of the event, the most events to keep or 0; the epoch or nothing. Answers 0, version, seq and milliseconds of the
    /// event, generation, and whether more has to be trimmed.
    static let rewind = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Lua.blobs, Scripts.reading, Scripts.trimming,
        Scripts.places, Scripts.summarySlots,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        if done then
          local version, seq, ms, generation = string.match(done, '^(%d+) (%d+) (%d+) (%w+)$')
          return {0, tonumber(version), tonumber(seq), tonumber(ms), generation, 0}
        end
        local fenced = ARGV[12] ~= '1' and fence(h)
        if fenced then return fenced end
        if ARGV[9] ~= '' and tonumber(ARGV[9]) ~= h.seq then return {-3, h.seq} end
        local target, _, gone = place(h, ARGV[10], ARGV[11])
        if gone then return gone end
        lookForHoles(h)
        local history = h.history or {kept = 0, first = 1, base = 0, parts = {}, rewinds = {}}
        if #history.rewinds >= 1000 then
          local left = {}
          for _, r in ipairs(history.rewinds) do
            if r[1] > h.floor then left[#left + 1] = r end
          end
          if #left >= 1000 then return {-24} end
          history.rewinds = left
        end
        check(h)
        local wasShown = target <= h.floor or isShown(h, target)
        slots(h)

        local seq, maximum = h.seq + 1, tonumber(ARGV[14])
        redis.call('XADD', KEYS[2], string.format('%.0f-%.0f', seq, h.now), 'b', ARGV[13])
        history.rewinds[#history.rewinds + 1] = {seq, target}
        h.seq, h.ms = seq, h.now
        mark(h, BRANCHED)
        h.history, h.logs, h.historyChanged = history, nil, true
        h.count = countFrom(h, h.floor + 1)
        voidSummaries(h, function(place)
          if place <= h.floor then return wasShown end
          return isShown(h, place)
        end)
        if maximum > 0 and h.count > maximum then trim(h, math.min(h.count - maximum, 1000)) end
        commit(h, string.format('%.0f %.0f %.0f %s', h.version + 1, seq, h.now, h.generation), nil,
          string.format('b%.0f %s', seq, h.generation))
        return {0, h.version, seq, h.now, h.generation, maximum > 0 and h.count > maximum and 1 or 0}
        """)

    /// What has to be known of a session beside others. ARGV from 9 on: the most forks to name, a seq after which events are counted.
    /// Answers 0, the head, the generation with the history, the ancestors, the milliseconds of the seq (-1 when unknown), how many events
    /// are shown after it, and the forks, the newest first: id, seq and milliseconds of the place, milliseconds of the creation.
    static let outline = Lua.script(
        Lua.clock, Lua.head, Lua.logs, Scripts.reading, Scripts.places,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        lookForHoles(h)
        local seq, ms = tonumber(ARGV[10]), -1
        if seq == h.floor then ms = h.floorms elseif seq > h.floor and seq <= h.seq then ms = moment(h, seq) or -1 end
        local forks, dead, from, limit = {}, {}, 0, tonumber(ARGV[9])
        while has(h, BRANCHED) and #forks < limit do
          local notes = redis.call('ZREVRANGE', h.key .. ':f', from, from + 499, 'WITHSCORES')
          for i = 1, #notes, 2 do
            local id, at, ms = fork(h, notes[i])
            if not id then
              dead[#dead + 1] = notes[i]
            elseif #forks < limit then
              forks[#forks + 1] = {id, at, ms, tonumber(notes[i + 1])}
            end
          end
          if #notes < 1000 then break end
          from = from + 500
        end
        for i = 1, #dead, 500 do redis.call('ZREM', h.key .. ':f', unpack(dead, i, math.min(i + 499, #dead))) end
        return {0, pack(h), origin(h), redis.call('HGET', h.key, 'F') or '', ms, countFrom(h, seq + 1), forks}
        """)

    /// Places of a log, and what a parent knows of its forks.
    private static let places = """
        -- A place of the log: its seq and milliseconds, or a refusal. Without a seq it is the end.
        local function place(h, seq, wanted)
          if seq == '' then return h.seq, h.ms end
          seq = tonumber(seq)
          if seq == 0 then return 0, 0 end
          local ms
          if seq == h.floor then ms = h.floorms elseif seq > h.floor and seq <= h.seq then ms = moment(h, seq) end
          if not ms or wanted ~= '' and tonumber(wanted) ~= ms then
            return nil, nil, {-21, h.floor, h.floorms, h.seq, h.ms, h.generation}
          end
          return seq, ms
        end
        -- The ancestors of a session, none with a later place than the one it is forked at: id, generation, milliseconds and seq of the
        -- place, the parent first.
        local function ancestors(h, at, ms)
          local bytes, from, result = redis.call('HGET', h.key, 'F') or '', 1, {}
          while from <= #bytes do
            local size, id, generation, pointms, point
            size = struct.unpack('>I2', bytes, from)
            size, id, generation, pointms, point, from = struct.unpack('>I2c' .. size .. 'c16I6I6', bytes, from)
            if point > at then point, pointms = at, ms end
            result[#result + 1] = struct.pack('>I2', #id) .. id .. generation .. struct.pack('>I6I6', pointms, point)
          end
          return table.concat(result)
        end
        -- A fork by the parent's note of it, when it is there.
        local function fork(h, note)
          local generation, ms, at, id = string.match(note, '^(%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x)(%d+)-(%d+):(.*)$')
          if not id then return nil end
          local there = redis.call('HMGET', sibling(h, id), 'h', 'g')
          local f = there[1] and there[2] == generation and parse(there[1], there[2])
          if not f or gone(f) then return nil end
          return id, tonumber(at), tonumber(ms)
        end
        -- Forks that have expired leave their notes; every fork looks at the two oldest.
        local function sweepForks(h)
          for _, note in ipairs(redis.call('ZRANGE', h.key .. ':f', 0, 1)) do
            if not fork(h, note) then redis.call('ZREM', h.key .. ':f', note) end
          end
        end
        """
}
