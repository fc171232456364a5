internal import BatonRedisClient

extension Scripts {
    /// Reads a page of events.
    ///
    /// ARGV from 9 on: `XRANGE` or `XREVRANGE`, the lowest seq, the highest seq (0 for the end), how many, the most bytes, since,
    /// until (milliseconds or nothing), 1 to restart the lifetime, seq and milliseconds of a cursor that has to be right for that or
    /// nothing, 1 to read what rewinds have hidden too, then seqs whose milliseconds are wanted, that of the cursor first. Answers 0, the head, the
    /// generation with the history, the lowest and highest seq that were looked at, entries, edits, whether the page was cut, and the milliseconds (-1
    /// when unknown).
    static let page = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Scripts.reading,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local low = math.max(tonumber(ARGV[10]), h.floor + 1)
        local high = tonumber(ARGV[11])
        if high == 0 or high > h.seq then high = h.seq end
        -- The first entry at or after a place, shown or not.
        local function following(h, seq)
          for _, log in ipairs(logs(h)) do
            if log.last >= seq and log.first <= log.last then
              local entry = redis.call('XRANGE', log.key .. ':e', string.format('%.0f', math.max(seq, log.first)),
                string.format('%.0f', log.last), 'COUNT', 1)[1]
              if entry then return entry end
            end
          end
        end
        -- Times never go back inside a session, so a moment is a bound of seq.
        local function notBefore(moment)
          local from, to = h.floor + 1, h.seq + 1
          while from < to do
            local middle = math.floor((from + to) / 2)
            local entry = following(h, middle)
            local seq, ms
            if entry then seq, ms = string.match(entry[1], '^(%d+)-(%d+)$') end
            if seq and tonumber(seq) < to and tonumber(ms) < moment then from = seq + 1 else to = middle end
          end
          return from
        end
        if ARGV[14] ~= '' then low = math.max(low, notBefore(tonumber(ARGV[14]))) end
        if ARGV[15] ~= '' then high = math.min(high, notBefore(tonumber(ARGV[15])) - 1) end
        local entries, edits, more
        if ARGV[9] == 'XRANGE' then
          entries, edits, more = page(h, 'XRANGE', low, high, tonumber(ARGV[12]), tonumber(ARGV[13]), ARGV[19] == '1')
        else
          entries, edits, more = page(h, 'XREVRANGE', high, low, tonumber(ARGV[12]), tonumber(ARGV[13]), ARGV[19] == '1')
        end
        local times = {}
        for i = 20, #ARGV do
          local seq, ms = tonumber(ARGV[i]), -1
          if seq == h.seq then
            ms = h.ms
          elseif seq == h.floor then
            ms = h.floorms
          elseif seq > h.floor and seq < h.seq then
            ms = moment(h, seq) or -1
          end
          times[#times + 1] = ms
        end
        -- A cursor that will be refused does not restart anything.
        local seq = tonumber(ARGV[17]) or 0
        if ARGV[16] == '1' and (seq == 0 or seq >= h.floor and seq <= h.seq and (ARGV[18] == '' or tonumber(ARGV[18]) == times[1])) then
          extend(h)
        end
        return {0, pack(h), origin(h), low, high, entries, edits, more, times}
        """)

    /// Finds an event by its id, with neighbours. ARGV from 9 on: the id, how many before, how many after, the most bytes of each, 1 to restart
    /// the lifetime.
    /// Answers 0, the head, the generation, the entry, its edit, entries before (newest first), edits, cut, entries after, edits, cut.
    static let find = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Scripts.reading,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local entry, _, edit = locate(h, ARGV[9])
        if not entry then return {-8} end
        local seq = tonumber(string.match(entry[1], '^%d+'))
        local before, editsBefore, cutBefore = page(h, 'XREVRANGE', seq - 1, h.floor + 1, tonumber(ARGV[10]), tonumber(ARGV[12]))
        local after, editsAfter, cutAfter = page(h, 'XRANGE', seq + 1, h.seq, tonumber(ARGV[11]), tonumber(ARGV[12]))
        if ARGV[13] == '1' then extend(h) end
        return {0, pack(h), origin(h), entry, edit, before, editsBefore, cutBefore, after, editsAfter, cutAfter}
        """)

    /// Replaces an event. ARGV from 9 on: the id, the number of the edit that was read (0 for none, -1 when no
    /// event was found), the new body, the digest and the bytes of its content when that is kept apart or nothing, the epoch or nothing. Answers 0 and the
    /// milliseconds of the edit.
    static let replace = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Lua.blobs, Scripts.summarySlots,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        if done then return {0, tonumber(done)} end
        local fenced = fence(h)
        if fenced then return fenced end
        local entry, _, edit = locate(h, ARGV[9])
        if not entry then return {-8} end
        local field, number = string.match(entry[1], '^%d+'), 0
        if edit ~= '' then number = tonumber(string.match(edit, '^E(%d+) ')) end
        if number ~= tonumber(ARGV[10]) then return {-5} end
        check(h)
        voidSummaries(h, function(seq) return seq < tonumber(field) end)
        redis.call('HSET', KEYS[4], field, string.format('E%d %.0f ', number + 1, h.now) .. ARGV[11])
        mark(h, EDITS)
        dropBlobs(h, {field})
        if ARGV[12] ~= '' then keepBlob(h, field, ARGV[12], ARGV[13]) end
        commit(h, string.format('%.0f', h.now), nil, 'm' .. field .. ' ' .. h.generation)
        return {0, h.now}
        """)

    /// Removes an event. ARGV[9]: the id, or nothing for the newest; then the epoch or nothing. Answers 0, the generation, the entry or an empty one, its edit, and
    /// its content when that is kept apart, or nothing.
    static let remove = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Lua.blobs, Scripts.reading,
        Scripts.summarySlots,
        """
        local h, refusal = load()
        -- What was removed cannot be answered a second time.
        if before() ~= nil then return {-6} end
        if not h then return {refusal} end
        local fenced = fence(h)
        if fenced then return fenced end
        local entry, number, edit
        if ARGV[9] == '' then
          local newest = page(h, 'XREVRANGE', h.seq, h.floor + 1, 1, 1e15)[1]
          if not newest then return {0, h.generation, {}, ''} end
          entry, number, edit = standing(h, tonumber(string.match(newest[1], '^%d+')))
        else
          entry, number, edit = locate(h, ARGV[9])
          if not entry then return {-8} end
        end
        local seq, ms = string.match(entry[1], '^(%d+)-(%d+)$')
        local counts = isShown(h, tonumber(seq))
        local digest = string.match(edit == '' and entry[2][#entry[2]] or string.match(edit, '^E%d+ %d+ (.*)$'), '^{"blob":{"sha256":"(%x+)"')
        local content = digest and readBlobs(h, {digest})[1] or ''
        if has(h, IDS) then redis.call('HLEN', KEYS[3]) end
        check(h)
        voidSummaries(h, function(place) return place < tonumber(seq) end)
        redis.call('HSET', KEYS[4], seq, 'T' .. ms)
        mark(h, EDITS)
        -- What others show too stays where it is: that it was removed here is all that is noted.
        if number == #logs(h) then
          redis.call('XDEL', KEYS[2], entry[1])
          if entry[2][1] == 'i' then redis.call('HDEL', KEYS[3], entry[2][2]) end
        end
        dropBlobs(h, {seq})
        if counts then h.count = h.count - 1 end
        commit(h, '', nil, 'r' .. seq)
        return {0, origin(h), entry, edit, content}
        """)

    /// Forgets all events. ARGV[9]: the epoch or nothing.
    static let clear = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Scripts.summarySlots,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        if done then return {0} end
        local fenced = fence(h)
        if fenced then return fenced end
        check(h)
        voidSummaries(h, function() return false end)
        redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], h.key .. ':b')
        unmark(h, IDS)
        unmark(h, EDITS)
        h.floor, h.floorms, h.count = h.seq, h.ms, 0
        if has(h, BRANCHED) then
          logs(h)
          releaseTrimmed(h)
        end
        commit(h, '', nil, 'x')
        return {0}
        """)
}
