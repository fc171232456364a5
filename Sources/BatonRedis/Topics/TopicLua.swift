internal import BatonCore

/// Pieces of Lua for topics with one stream. KEYS: 1 the stream, 2 the record, 3 ids, 4 idempotency keys, 5 groups, 6 wake, 7 a group or a fence.
///
/// An entry of a topic of the store's own has the ID `<milliseconds>-<number>`: numbers are 1, 2, 3… without holes, and milliseconds never go back.
enum TopicLua {
    /// What a stream of the store's own is: `topic()` reads its record, `describe(t)` answers it.
    static let record = """
        local EVENTS, META, IDS, REQUESTS, GROUPS, WAKE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
        local function numbers(id)
          local ms, seq = string.match(id, '^(%d+)-(%d+)$')
          return tonumber(ms), tonumber(seq)
        end
        local function place(ms, seq) return string.format('%.0f-%.0f', ms, seq) end
        local function field(entry, name)
          local fields = entry[2]
          for i = 1, #fields, 2 do
            if fields[i] == name then return fields[i + 1] end
          end
        end
        local function topic()
          local f = redis.call('HMGET', META, 'generation', 'seq', 'time', 'floor-seq', 'floor-time', 'bytes', 'keep-events', 'keep-bytes',
            'keep-seconds', 'policy', 'oldest', 'after')
          local t = {generation = f[1], seq = tonumber(f[2] or 0), time = tonumber(f[3] or f[12] or 0), floor = tonumber(f[4] or 0),
            floorTime = tonumber(f[5] or 0), bytes = tonumber(f[6] or 0), oldest = tonumber(f[11] or 0)}
          if f[1] then
            t.events, t.maxBytes, t.age, t.policy = tonumber(f[7]), tonumber(f[8]), tonumber(f[9]), f[10]
          else
            t.events, t.age, t.policy = \(TopicRetention.standard.maximumEvents ?? 0), \(TopicRetention.standard.maximumAge ?? 0), 'safe'
          end
          return t
        end
        local function number(value) return value and string.format('%.0f', value) or '' end
        local function save(t)
          redis.call('HSET', META, 'generation', t.generation, 'seq', number(t.seq), 'time', number(t.time), 'floor-seq', number(t.floor),
            'floor-time', number(t.floorTime), 'bytes', number(t.bytes), 'keep-events', number(t.events), 'keep-bytes', number(t.maxBytes),
            'keep-seconds', number(t.age), 'policy', t.policy, 'oldest', number(t.oldest))
          if t.isNew then
            redis.call('HDEL', META, 'after')
            if native then redis.call('PERSIST', META) end
          end
        end
        local function begin(t, generation)
          t.generation, t.isNew = generation, true
        end
        -- What is below this number every group has finished, also those that consumers keep on the stream by themselves.
        local finished
        local function lowest()
          if finished then return finished end
          finished = math.huge
          local names = redis.call('HGETALL', GROUPS)
          for i = 1, #names, 2 do
            local group = GROUPS .. ':' .. names[i]
            local at = redis.call('HGET', group, 'position')
            if at then
              local _, seq = numbers(at)
              finished = math.min(finished, seq + 1)
            end
            local first = redis.call('ZRANGE', group .. ':o', 0, 0, 'WITHSCORES')
            if first[2] then finished = math.min(finished, tonumber(first[2])) end
            first = redis.call('ZRANGE', group .. ':f', 0, 0, 'WITHSCORES')
            if first[2] then finished = math.min(finished, tonumber(first[2])) end
          end
          local native = redis.pcall('XINFO', 'GROUPS', EVENTS)
          for _, group in ipairs(native.err and {} or native) do
            local facts = {}
            for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
            local _, seq = numbers(facts['last-delivered-id'])
            finished = math.min(finished, seq + 1)
            if facts.pending > 0 then
              local first = redis.call('XPENDING', EVENTS, facts.name, '-', '+', 1)[1]
              if first then
                _, seq = numbers(first[1])
                finished = math.min(finished, seq)
              end
            end
          end
          return finished
        end
        -- Removes what is too much or too old, a bounded number at once; answers whether something is left to remove.
        local function trim(t)
          local function goes(seq, ms)
            return t.events and seq <= t.seq - t.events or t.maxBytes and t.bytes > t.maxBytes or t.age and ms < clock - t.age * 1000
          end
          if t.seq == t.floor or not goes(t.floor + 1, t.oldest) then return 0 end
          local limit = t.policy == 'safe' and lowest() - 1 or math.huge
          for _ = 1, 16 do
            local entries, ids, last = redis.call('XRANGE', EVENTS, '-', '+', 'COUNT', 64), {}, false
            local stops = #entries < 64
            for _, entry in ipairs(entries) do
              local ms, seq = numbers(entry[1])
              if seq > limit or not goes(seq, ms) then
                t.oldest, stops = ms, true
                break
              end
              t.bytes = t.bytes - #(field(entry, 'data') or '')
              local id = field(entry, 'id')
              if id then ids[#ids + 1] = id end
              t.floor, t.floorTime, last = seq, ms, true
            end
            if #ids > 0 then redis.call('HDEL', IDS, unpack(ids)) end
            if last then redis.call('XTRIM', EVENTS, 'MINID', place(t.floorTime, t.floor + 1)) end
            if stops then return 0 end
          end
          return 1
        end
        local function wake()
          redis.call('XADD', WAKE, 'MAXLEN', 1, '*', 'w', '')
        end
        """

    /// `resolve(t, kind, ms, seq)`: where a cursor stands, as the ID after which reading goes on; nil when it is gone.
    static let cursor = """
        local function resolve(t, kind, ms, seq)
          local start = place(t.floorTime, t.floor)
          if kind == 'start' or kind == 'after' and ms == 0 and seq == 0 then return start end
          if kind == 'now' then return place(t.seq == 0 and 0 or t.time, t.seq) end
          if kind == 'time' then
            local entry = ms > 0 and redis.call('XREVRANGE', EVENTS, '(' .. place(ms, 0), '-', 'COUNT', 1)[1]
            return entry and entry[1] or start
          end
          if seq > t.seq or seq < t.floor or seq == t.floor and ms ~= t.floorTime then return nil end
          local at = place(ms, seq)
          if seq > t.floor and not redis.call('XRANGE', EVENTS, at, at)[1] then
            -- Somebody deleted just this entry, or it is another topic's by now: then numbers and times do not fit.
            local before = redis.call('XREVRANGE', EVENTS, at, '-', 'COUNT', 1)[1]
            local after = redis.call('XRANGE', EVENTS, at, '+', 'COUNT', 1)[1]
            local _, low = numbers(before and before[1] or start)
            local _, high = numbers(after and after[1] or '0-0')
            if low >= seq or after and high <= seq or not after and ms > t.time then return nil end
          end
          return at
        end
        """

    /// The same for a stream of others, of which only the server knows anything: `topic()` asks it.
    static let foreign = """
        local EVENTS, WAKE, GROUPS = KEYS[1], KEYS[6], KEYS[5]
        local function numbers(id)
          local ms, seq = string.match(id, '^(%d+)-(%d+)$')
          return tonumber(ms), tonumber(seq)
        end
        local function place(ms, seq) return string.format('%.0f-%.0f', ms, seq) end
        local function field(entry, name)
          local fields = entry[2]
          for i = 1, #fields, 2 do
            if fields[i] == name then return fields[i + 1] end
          end
        end
        local function before(id)
          local ms, seq = numbers(id)
          if seq > 0 then return place(ms, seq - 1) end
          return ms > 0 and place(ms - 1, 4294967295) or '0-0'
        end
        local function topic()
          local t = {generation = '', tail = '0-0', start = '0-0', count = 0}
          local info = redis.pcall('XINFO', 'STREAM', EVENTS)
          if info.err then
            if string.find(info.err, 'WRONGTYPE') then t.wrong = info end
            return t
          end
          local facts = {}
          for i = 1, #info, 2 do facts[info[i]] = info[i + 1] end
          t.exists, t.tail, t.count = true, facts['last-generated-id'], facts.length
          local added, first = facts['entries-added'], facts['first-entry']
          if added and added > t.count then t.start = first and before(first[1]) or t.tail end
          return t
        end
        local function wake() redis.call('XADD', WAKE, 'MAXLEN', 1, '*', 'w', '') end
        local function below(a, b)
          local x, y = numbers(a)
          local z, w = numbers(b)
          return x < z or x == z and y < w
        end
        local function resolve(t, kind, ms, seq)
          if kind == 'start' or kind == 'after' and ms == 0 and seq == 0 then return t.start end
          if kind == 'now' then return t.tail end
          if kind == 'time' then
            local entry = ms > 0 and redis.call('XREVRANGE', EVENTS, '(' .. place(ms, 0), '-', 'COUNT', 1)[1]
            return entry and entry[1] or t.start
          end
          local at = place(ms, seq)
          if below(t.tail, at) or below(at, t.start) and not redis.call('XRANGE', EVENTS, at, at)[1] then return nil end
          return at
        end
        """
}
