internal import BatonRedisClient

extension Scripts {
    /// Reads a part of a list of sessions, newest first, and takes out what has expired.
    ///
    /// KEYS: the list, the list in the other order, and for a user's list the application's two. The records are found by the names
    /// in the list; all of them are in the slot of the list.
    ///
    /// ARGV: 1 the moment or nothing, 2 base of the slot's keys, 3 APP escaped, 4 the user for a user's list, nothing for an
    /// application's, 5 how many, 6 the most entries to look at, 7 the most bytes, 8 the score after which it begins or nothing, 9
    /// the member there, 10 the status or nothing, 11 the active agent or nothing, 12 how many events of each, 13 and 14 the moments between which
    /// sessions were created or nothing, from 15 on the tags of which a session needs one.
    ///
    /// Answers 0, the clock, whether the list ends here, score and member of the last entry that was looked at, then what was found:
    /// member, hash, entries newest first, edits, number of the user; then for each user its name and its state.
    static let list = Lua.script(
        Lua.clock, Lua.names, Lua.head, Lua.logs, Lua.logEntry, Lua.listWalk, Scripts.reading,
        """
        local base, app, owner, limit, status = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[10])
        local bound, budget, events = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[12])
        local size = redis.call('ZCARD', KEYS[1])
        local rank = start(size)
        local since, til = tonumber(ARGV[13]) or 0, tonumber(ARGV[14]) or math.huge
        local users, numbers, found = {}, {}, {}
        local bytes, seen, score, last = 0, 0, '', ''
        local dead = {}
        while #found < limit and seen < bound and bytes < budget and rank < size do
          local step = math.min(limit - #found, bound - seen, 100)
          local got = redis.call('ZREVRANGE', KEYS[1], rank, rank + step - 1, 'WITHSCORES')
          if #got == 0 then
            rank = size
            break
          end
          for i = 1, #got, 2 do
            if bytes >= budget then break end
            local member = got[i]
            last, score = member, got[i + 1]
            rank = rank + 1
            seen = seen + 1
            local user, id = owner, member
            if owner == '' then user, id = parts(member) end
            local hash, h
            if user then
              local path = app .. ':' .. escape(user)
              local key = base .. 's:' .. path .. ':' .. escape(id)
              local head = redis.call('HMGET', key, 'h', 'g', 'G', 'A')
              if head[1] then
                h = parse(head[1], head[2])
                if not h then return {-7} end
                if gone(h) then h = nil end
              end
              if h and (not status or h.status == status) and (ARGV[11] == '' or head[4] == ARGV[11]) and h.created >= since and h.created < til
                and wanted(head[3]) then
                hash = redis.call('HGETALL', key)
                for j = 2, #hash, 2 do bytes = bytes + #hash[j] end
                local entries, edits = {}, {}
                if events > 0 and has(h, BRANCHED) then
                  h.key = key
                  entries, edits = page(h, 'XREVRANGE', h.seq, h.floor + 1, events, 1e15)
                  for j, entry in ipairs(entries) do bytes = bytes + #entry[2][#entry[2]] end
                elseif events > 0 and h.count > 0 then
                  entries = redis.call('XREVRANGE', key .. ':e', '+', '-', 'COUNT', events)
                  for j, entry in ipairs(entries) do
                    bytes = bytes + #entry[2][#entry[2]]
                    if has(h, EDITS) then edits[j] = redis.call('HGET', key .. ':x', string.match(entry[1], '^%d+')) or '' end
                  end
                end
                if not numbers[user] then
                  local state = redis.call('HGETALL', base .. 'u:' .. path)
                  for j = 2, #state, 2 do bytes = bytes + #state[j] end
                  users[#users + 1] = {user, state}
                  numbers[user] = #users
                end
                found[#found + 1] = {member, hash, entries, edits, numbers[user]}
              end
            end
            if not h then dead[#dead + 1] = {member, user, id} end
          end
        end
        -- Writing comes last: until here the list stands still, and places in it are places.
        logKey = base .. 'log'
        for _, entry in ipairs(dead) do
          local member, user, id = entry[1], entry[2], entry[3]
          local known = redis.call('ZREM', KEYS[1], member) == 1
          redis.call('ZREM', KEYS[2], member)
          if known and user then add(app .. ':' .. escape(user) .. ':' .. escape(id), '', '', 'e', 1) end
          if owner ~= '' then
            local other = string.gsub(user, '%z', '\\0\\255') .. '\\0' .. id
            redis.call('ZREM', KEYS[3], other)
            redis.call('ZREM', KEYS[4], other)
          elseif user then
            redis.call('ZREM', base .. 'l:' .. app .. ':' .. escape(user), id)
            redis.call('ZREM', base .. 'c:' .. app .. ':' .. escape(user), id)
          end
        end
        return {0, clock, rank >= size and 1 or 0, score, last, found, users}
        """)
}

extension Lua {
    /// Finds a place in a list without walking to it, and looks for a tag.
    static let listWalk = """
        -- Compares bytes. The operator would compare by the server's locale.
        local function below(a, b)
          local size = math.min(#a, #b)
          for i = 1, size do
            local x, y = string.byte(a, i), string.byte(b, i)
            if x ~= y then return x < y end
          end
          return #a < #b
        end
        -- The rank, counted from the newest, of the first entry after the position. Entries of one score stand side by side, ordered
        -- by their bytes, so the place is found by halving.
        local function start(size)
          if ARGV[8] == '' then return 0 end
          local low = redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[8], '+inf')
          local high = redis.call('ZCOUNT', KEYS[1], ARGV[8], '+inf')
          while low < high do
            local middle = math.floor((low + high) / 2)
            if below(redis.call('ZREVRANGE', KEYS[1], middle, middle)[1], ARGV[9]) then high = middle else low = middle + 1 end
          end
          return low
        end
        -- Tags are stored one after another, each as its length, a colon and its text.
        local asked
        for i = 15, #ARGV do
          asked = asked or {}
          asked[ARGV[i]] = true
        end
        local function wanted(tags)
          if not asked then return true end
          local at = 1
          while tags and at <= #tags do
            local length, from = string.match(tags, '^(%d+):()', at)
            if not length then return false end
            if asked[string.sub(tags, from, from + length - 1)] then return true end
            at = from + length
          end
          return false
        end
        """
}
