extension Lua {
    /// The logs that a session's history is put together from, for sessions whose head has the bit.
    ///
    /// The field `B` holds until when the session is noted as a user of its logs (0: for ever), the first seq of its own log, the seq at which
    /// it was forked, the logs that it took over, the oldest first, and its rewinds: each its seq and its target. A log that was taken over
    /// is known by a token; its keys are those of a session under `h:TOKEN`, and `h:TOKEN:r` names the generations that show it, with the
    /// moment until which each does. The seq of an edit or a removal may stand in an older log: the newest log that says something counts.
    static let logs = tracks + "\n" + histories

    private static let histories = """
        local function readHistory(bytes)
          local b, parts, rewinds, at, _ = {parts = {}, rewinds = {}}
          _, b.kept, b.first, b.base, parts, rewinds, at = struct.unpack('>BI6I6I6BI2', bytes)
          for i = 1, parts do
            local p = {}
            p.token, p.generation, p.first, p.last, p.flags, at = struct.unpack('>c16c16I6I6B', bytes, at)
            b.parts[i] = p
          end
          for i = 1, rewinds do
            local seq, target
            seq, target, at = struct.unpack('>I6I6', bytes, at)
            b.rewinds[i] = {seq, target}
          end
          return b
        end
        local function writeHistory(b)
          local pieces = {struct.pack('>BI6I6I6BI2', 1, b.kept, b.first, b.base, #b.parts, #b.rewinds)}
          for _, p in ipairs(b.parts) do
            pieces[#pieces + 1] = struct.pack('>c16c16I6I6B', p.token, p.generation, p.first, p.last, p.flags)
          end
          for _, r in ipairs(b.rewinds) do pieces[#pieces + 1] = struct.pack('>I6I6', r[1], r[2]) end
          return table.concat(pieces)
        end
        -- What the names of all keys of a session's slot begin with.
        local function base(key) return string.match(key, '^[^{]*{%d+}:') end
        -- All logs, the oldest first; the one that goes on is the last, and what it has is known by the head.
        local function logs(h)
          if h.logs then return h.logs end
          local all, first = {}, 1
          if has(h, BRANCHED) then
            if not h.history then h.history = readHistory(redis.call('HGET', h.key, 'B')) end
            first = h.history.first
            for i, p in ipairs(h.history.parts) do
              p.key = base(h.key) .. 'h:' .. p.token
              all[i] = p
            end
          end
          all[#all + 1] = {key = h.key, generation = h.generation, first = first, last = 1e15, head = h}
          h.logs = all
          return all
        end
        local function says(log, bit) return math.floor((log.head or log).flags / bit) % 2 == 1 end
        -- What is shown from a seq on, as ranges that descend: from the last rewind on, and what was shown at its target.
        local function shown(h, low)
          logs(h)
          local ranges, last = {}, h.seq
          local rewinds = h.history and h.history.rewinds or {}
          for i = #rewinds, 1, -1 do
            if last < low then break end
            local seq, target = rewinds[i][1], rewinds[i][2]
            if seq <= last then
              ranges[#ranges + 1] = {math.max(low, seq), last}
              last = target
            end
          end
          if last >= low then ranges[#ranges + 1] = {low, last} end
          return ranges
        end
        -- The same, or all of the log, as pieces of one log each, ascending: its number, first and last seq.
        local function pieces(h, low, high, all)
          local ranges, result = all and {{low, high}} or shown(h, low), {}
          for i = #ranges, 1, -1 do
            local from, to = ranges[i][1], math.min(ranges[i][2], high)
            for number, log in ipairs(logs(h)) do
              local first, last = math.max(from, log.first), math.min(to, log.last)
              if first <= last then result[#result + 1] = {number, first, last} end
            end
          end
          return result
        end
        -- What is said of events of a log: for each an edit or a removal, or nothing. At most 500 seqs.
        local function said(h, number, seqs)
          local all, found = logs(h), {}
          for i = #all, number, -1 do
            if says(all[i], EDITS) then
              for j, value in ipairs(redis.call('HMGET', all[i].key .. ':x', unpack(seqs))) do
                if value and not found[j] then found[j] = value end
              end
            end
          end
          return found
        end
        -- The event at a place unless it was removed: its entry, the number of its log, its edit.
        local function standing(h, seq)
          local name = string.format('%.0f', seq)
          for number, log in ipairs(logs(h)) do
            if log.first <= seq and seq <= log.last then
              local entry = redis.call('XRANGE', log.key .. ':e', name, name, 'COUNT', 1)[1]
              if not entry then return nil end
              local edit = said(h, number, {name})[1]
              if edit and string.byte(edit) == 84 then return nil end
              return entry, number, edit or ''
            end
          end
        end
        -- The milliseconds of a place after the floor, whether its event is still there or not.
        local function moment(h, seq)
          if seq == h.seq then return h.ms end
          local name = string.format('%.0f', seq)
          for _, log in ipairs(logs(h)) do
            if log.first <= seq and seq <= log.last then
              local entry = redis.call('XRANGE', log.key .. ':e', name, name, 'COUNT', 1)[1]
              if entry then return tonumber(string.match(entry[1], '%d+$')) end
              local removed = says(log, EDITS) and redis.call('HGET', log.key .. ':x', name)
              return removed and tonumber(string.match(removed, '^T(%d+)'))
            end
          end
        end
        -- The seq inside an id that was made for a generation.
        local function madeSeq(id, generation)
          if string.sub(id, 1, #generation + 1) ~= generation .. '-' then return nil end
          local digits = string.match(id, '^[1-9]%d*$', #generation + 2)
          return digits and tonumber(digits)
        end
        -- The event of an id among those that are left, shown or not: its entry, the number of its log, its edit.
        local function locate(h, id)
          local all = logs(h)
          for _, log in ipairs(all) do
            local seq = madeSeq(id, log.generation)
            if seq and seq > h.floor and seq >= log.first and seq <= math.min(log.last, h.seq) then
              local entry, number, edit = standing(h, seq)
              if entry and entry[2][1] ~= 'i' then return entry, number, edit end
              break
            end
          end
          if madeSeq(id, h.generation) then return nil end
          for number = #all, 1, -1 do
            local log = all[number]
            local seq = says(log, IDS) and redis.call('HGET', log.key .. ':i', id)
            if seq and tonumber(seq) > h.floor and tonumber(seq) <= log.last then
              local entry, own, edit = standing(h, tonumber(seq))
              if entry then return entry, own, edit end
            end
          end
        end
        local function isShown(h, seq)
          for _, range in ipairs(shown(h, h.floor + 1)) do
            if range[1] <= seq and seq <= range[2] then return true end
          end
          return false
        end
        -- How many events are shown from a seq on. Removed ones are only looked for where there can be any.
        local function countFrom(h, low)
          local ranges, count, seen = shown(h, math.max(low, h.floor + 1)), 0, {}
          for _, range in ipairs(ranges) do count = count + range[2] - range[1] + 1 end
          if h.isWhole then return count end
          for _, log in ipairs(logs(h)) do
            for _, name in ipairs(says(log, EDITS) and redis.call('HKEYS', log.key .. ':x') or {}) do
              local seq = tonumber(name)
              for _, range in ipairs(ranges) do
                if range[1] <= seq and seq <= range[2] and not seen[seq] and seq <= log.last then
                  if string.byte(redis.call('HGET', log.key .. ':x', name)) == 84 then
                    seen[seq] = true
                    count = count - 1
                  end
                end
              end
            end
          end
          return count
        end
        -- Whether nothing that can be read was removed, as far as the head can tell.
        local function lookForHoles(h)
          logs(h)
          h.isWhole = (not h.history or #h.history.rewinds == 0) and h.count == h.seq - h.floor
        end

        -- The keys of a log live as long as the longest of the sessions that show it; the last takes it with it.
        local function settle(key)
          redis.call('ZREMRANGEBYSCORE', key .. ':r', '-inf', clock)
          local longest = redis.call('ZREVRANGE', key .. ':r', 0, 0, 'WITHSCORES')[2]
          if not longest then
            redis.call('UNLINK', key .. ':e', key .. ':i', key .. ':x', key .. ':b', key .. ':r')
          elseif native then
            for _, kind in ipairs({':e', ':i', ':x', ':b', ':r'}) do
              if longest == 'inf' then redis.call('PERSIST', key .. kind) else redis.call('PEXPIREAT', key .. kind, longest) end
            end
          end
        end
        local function hold(log, generation, kept)
          redis.call('ZADD', log.key .. ':r', kept == 0 and '+inf' or string.format('%.0f', kept), generation)
          settle(log.key)
        end
        local function release(log, generation)
          redis.call('ZREM', log.key .. ':r', generation)
          settle(log.key)
        end
        -- A session says for how long it shows its logs a little ahead, so that most writes need not say it again.
        local function ahead(h) return h.expires == 0 and 0 or h.expires + math.floor(h.ttl * 125) end
        local function keepLogs(h)
          logs(h)
          local b = h.history
          if #b.parts > 0 and ((b.kept == 0) ~= (h.expires == 0) or h.expires > b.kept or b.kept > h.expires + 2 * h.ttl * 125) then
            b.kept = ahead(h)
            for _, log in ipairs(b.parts) do hold(log, h.generation, b.kept) end
            h.historyChanged = true
          end
          if h.historyChanged then
            redis.call('HSET', h.key, 'B', writeHistory(b))
            h.historyChanged = false
          end
        end
        -- Lets go of the logs that stand before the floor.
        local function releaseTrimmed(h)
          local left = {}
          for _, log in ipairs(h.history.parts) do
            if log.last <= h.floor then release(log, h.generation) else left[#left + 1] = log end
          end
          if #left < #h.history.parts then
            h.history.parts, h.logs, h.historyChanged = left, nil, true
          end
        end

        -- The session of an id beside this one, of the same user.
        local function sibling(h, id)
          local name = string.gsub(id, '[^A-Za-z0-9._~-]', function(c) return string.format('%%%02X', string.byte(c)) end)
          return string.match(h.key, '^(.*:)[^:]*$') .. name
        end
        -- What a parent notes of a fork.
        local function forkNote(h, at, ms, id) return string.format('%s%.0f-%.0f:', h.generation, ms, at) .. id end
        -- Takes away everything of a session, and its logs where nobody else shows them.
        local function drop(h, id)
          local lineage = has(h, BRANCHED) and redis.call('HGET', h.key, 'F')
          local all = logs(h)
          redis.call('UNLINK', h.key, h.key .. ':e', h.key .. ':i', h.key .. ':x', h.key .. ':k', h.key .. ':f',
            h.key .. ':t', h.key .. ':o', h.key .. ':b')
          if has(h, TRACKED) then dropTracks(h) end
          for i = 1, #all - 1 do release(all[i], h.generation) end
          if lineage then
            local size = struct.unpack('>I2', lineage)
            local _, parent, _, ms, at = struct.unpack('>I2c' .. size .. 'c16I6I6', lineage)
            redis.call('ZREM', sibling(h, parent) .. ':f', forkNote(h, at, ms, id))
          end
        end
        """
}
