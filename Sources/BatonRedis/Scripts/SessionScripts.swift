internal import BatonRedisClient

extension Scripts {
    /// Makes a session unless it is there.
    ///
    /// ARGV from 9 on: base of the slot's keys, APP escaped, guards, changes, then what `create` reads. Answers 0, 1 when it was made,
    /// and the snapshot.
    static let create = Lua.script(
        Lua.clock, Lua.names, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.state, Lua.creation, Lua.snapshot,
        """
        local h, refusal, stale = load()
        if refusal == -7 then return {-7} end
        local done = before()
        -- Made by this request, and deleted by another since.
        if done == false or (done and not h) then return {-6} end
        if h then return {0, done == h.generation and 1 or 0, snapshot()} end
        local guards, at = readState(11)
        local changes
        changes, at = readState(at)
        if not holds(guards) then return {-5} end
        check()
        checkState(changes)
        redis.call('HLEN', KEYS[11])
        h = create(at, stale)
        local everything = change(changes)
        live(h)
        local expired = list(h, true)
        sweep(ARGV[9], ARGV[10])
        note(ARGV[6], h.generation, expired and 'ec' or 'c', expired and 2 or 1)
        if everything then noteEverything() end
        return {0, 1, snapshot()}
        """)

    /// Reads a session with its last events, and restarts its lifetime where that is asked for.
    ///
    /// ARGV from 9 on: how many events, the most bytes, 1 to restart the lifetime, 1 to tell who watches. Answers 0, the snapshot,
    /// entries newest first, edits, and whether the entries end before they had to.
    static let read = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Lua.snapshot, Scripts.reading,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        if ARGV[11] == '1' then extend(h, ARGV[12] == '1') end
        local entries, edits, more = page(h, 'XREVRANGE', h.seq, h.floor + 1, tonumber(ARGV[9]), tonumber(ARGV[10]))
        return {0, snapshot(), entries, edits, more}
        """)

    /// Changes a session's own fields.
    ///
    /// ARGV from 9 on: the version that is expected or nothing, the status or nothing, the lifetime or nothing, a field that must be
    /// as it was read or nothing, `s` or `r`, its value; then a count, and for each change a field, `s` or `r`, and a
    /// value (of `L` the number of the policy); the epoch or nothing.
    static let update = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Lua.snapshot,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        if done then return {0, snapshot()} end
        local fenced = fence(h)
        if fenced then return fenced end
        if ARGV[9] ~= '' and tonumber(ARGV[9]) ~= h.version then return {-3, h.version} end
        if ARGV[12] ~= '' then
          local value = redis.call('HGET', KEYS[1], ARGV[12])
          if ARGV[13] == 'r' and value or ARGV[13] == 's' and value ~= ARGV[14] then return {-5} end
        end
        check(h)
        redis.call('HLEN', KEYS[11])
        if ARGV[10] ~= '' then h.status = tonumber(ARGV[10]) end
        local handoff = false
        for i = 1, tonumber(ARGV[15]) do
          local at = 13 + 3 * i
          if ARGV[at] == 'A' and ARGV[at + 1] == 's' and redis.call('HGET', KEYS[1], 'A') ~= ARGV[at + 2] then handoff = true end
          if ARGV[at] == 'L' then
            lease(h).policy = tonumber(ARGV[at + 2])
            keepLease(h)
          elseif ARGV[at + 1] == 's' then
            redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
          else
            redis.call('HDEL', KEYS[1], ARGV[at])
          end
        end
        if ARGV[11] ~= '' then
          h.ttl = tonumber(ARGV[11])
          endless = h.ttl == 0
          if endless then
            for i = 1, 5 do persist(KEYS[i], 0) end
            persist(h.key .. ':f', 0)
            persist(h.key .. ':t', 0)
            persist(h.key .. ':o', 0)
            persist(h.key .. ':b', 0)
            persist(h.key .. ':s', 0)
          end
        end
        commit(h, '', nil, handoff and 'h' or 'u')
        return {0, snapshot()}
        """)

    /// Deletes a session with all that belongs to it. ARGV[9]: the epoch or nothing. Answers 0 and 1 when it was there.
    static let delete = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.logs, Lua.logEntry, Lua.lists, Lua.log,
        """
        local h, refusal, stale = load()
        if refusal == -7 then return {-7} end
        local done = before()
        if done == false then return {-6} end
        -- What is there now was made after this request had deleted what was there then.
        if done or not h and not stale then return {0, done and 1 or 0} end
        local fenced = h and fence(h)
        if fenced then return fenced end
        check()
        drop(h or stale, ARGV[5])
        local known = unlist()
        note(ARGV[6], '', h and 'd' or known and 'e' or '', 1)
        return {0, h and 1 or 0}
        """)

    /// Changes the state that a session sees. ARGV from 9 on: guards, changes, the epoch or nothing. Answers 0 and the
    /// snapshot.
    static let changeSession = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.state, Lua.commit, Lua.snapshot,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        if done then return {0, snapshot()} end
        local fenced = fence(h)
        if fenced then return fenced end
        local guards, at = readState(9)
        if not holds(guards) then return {-5} end
        local changes = readState(at)
        check(h)
        checkState(changes)
        redis.call('HLEN', KEYS[11])
        local everything = change(changes)
        commit(h, '', everything, 's')
        return {0, snapshot()}
        """)

    /// Reads a page of events between two bounds, `first` being the end that it begins at.
    static let reading = """
        -- Entries, the edits of those that have one, and whether the page ends because of its bytes. The page grows by steps that
        -- follow from the size of what came, so that large events never fill the server's memory at once.
        local function pageOfLogs(h, command, first, last, count, budget, all)
          local entries, edits, more, bytes, step = {}, {}, 0, 0, 50
          local descends = command == 'XREVRANGE'
          local list = descends and pieces(h, last, first, all) or pieces(h, first, last, all)
          local isEdited = false
          for n = 1, #list do
            local number, from, to = unpack(list[descends and #list + 1 - n or n])
            if descends then from, to = to, from end
            from, to = string.format('%.0f', from), string.format('%.0f', to)
            local key, hasEdits = logs(h)[number].key .. ':e', false
            for i = number, #logs(h) do hasEdits = hasEdits or says(logs(h)[i], EDITS) end
            while #entries < count and more == 0 do
              local size = math.min(step, count - #entries)
              local got = redis.call(command, key, from, to, 'COUNT', size)
              local found = {}
              if hasEdits and #got > 0 then
                local seqs = {}
                for i, entry in ipairs(got) do seqs[i] = string.match(entry[1], '^%d+') end
                found = said(h, number, seqs)
              end
              for i, entry in ipairs(got) do
                local edit = found[i]
                if not edit or string.byte(edit) ~= 84 then
                  local fields = entry[2]
                  bytes = bytes + #fields[#fields]
                  entries[#entries + 1] = entry
                  edits[#entries] = edit or ''
                  if edit then isEdited = true end
                  if bytes >= budget and #entries < count then
                    more = 1
                    break
                  end
                end
              end
              if #got < size then break end
              from = '(' .. got[#got][1]
              if #entries > 0 then step = math.max(1, math.min(200, math.floor((budget - bytes) / (bytes / #entries + 1)))) end
            end
            if more == 1 or #entries >= count then break end
          end
          return entries, isEdited and edits or {}, more
        end
        local function page(h, command, first, last, count, budget, all)
          local entries, edits, more = {}, {}, 0
          if count == 0 or (command == 'XRANGE' and first > last) or (command == 'XREVRANGE' and first < last) then
            return entries, edits, more
          end
          if has(h, BRANCHED) then return pageOfLogs(h, command, first, last, count, budget, all) end
          local from, bytes, step = string.format('%.0f', first), 0, 50
          local to = string.format('%.0f', last)
          while #entries < count do
            local got = redis.call(command, KEYS[2], from, to, 'COUNT', math.min(step, count - #entries))
            for _, entry in ipairs(got) do
              local fields = entry[2]
              bytes = bytes + #fields[#fields]
              entries[#entries + 1] = entry
              if bytes >= budget and #entries < count then
                more = 1
                break
              end
            end
            if more == 1 or #got < step then break end
            from = '(' .. got[#got][1]
            step = math.max(1, math.min(200, math.floor((budget - bytes) / (bytes / #entries + 1))))
          end
          if has(h, EDITS) and #entries > 0 then
            for from = 1, #entries, 500 do
              local fields = {}
              for i = from, math.min(from + 499, #entries) do fields[#fields + 1] = string.match(entries[i][1], '^%d+') end
              for j, value in ipairs(redis.call('HMGET', KEYS[4], unpack(fields))) do edits[from + j - 1] = value or '' end
            end
          end
          return entries, edits, more
        end
        -- The generation, and behind it what tells who made which event where that was not always this session.
        local function origin(h)
          return has(h, BRANCHED) and h.generation .. redis.call('HGET', h.key, 'B') or h.generation
        end
        """
}
