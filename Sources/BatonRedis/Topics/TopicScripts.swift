internal import BatonCore
internal import BatonRedisClient

extension Scripts {
    /// Publishes batches of several callers, each on its own.
    ///
    /// ARGV: 1 the moment or nothing, 2 token, 3 nothing or attempt and age, 4 a generation for a new topic, 5 how many batches, 6 how many single events
    /// stand before them: batches of one event without an id, a time, a trace or an idempotency key. For each of these its type, key or nothing, and data. For
    /// each batch its idempotency key or nothing, its fingerprint, `traceparent` and `tracestate` or nothing, how many events, and for each event its
    /// id, type, key, time (nothing where there is none) and data.
    ///
    /// Answers 0, the generation, 1 when the topic was made, 1 when more has to be trimmed, number and milliseconds of the first single event when all
    /// follow it, else for each what is answered for a batch; then for each batch an array: 0 and for each event its number (negative for a duplicate)
    /// and milliseconds, or a refusal. Entries carry the token and which batch they are of, 0 for single events that follow each other.
    static let publish = Lua.script(
        Lua.clock, TopicLua.record,
        """
        local t, token = topic(), string.format('%02x%02x%02x%02x%02x%02x%02x%02x', string.byte(ARGV[2], 1, 8))
        -- What an earlier attempt of this very request stored, by batch. Entries carry the token.
        local stored = {}
        local fence = redis.call('HGET', KEYS[7], ARGV[2])
        if ARGV[3] == '' then
          if fence then return {-6} end
        else
          local attempt, age = string.match(ARGV[3], '^(%d+) (%d+)$')
          if fence and tonumber(fence) > tonumber(attempt) then return {-6} end
          redis.call('HSET', KEYS[7], ARGV[2], attempt)
          if native then redis.call('PEXPIREAT', KEYS[7], clock + 60000) end
          local since, from, isOver = clock - tonumber(age), '+', false
          for _ = 1, 500 do
            local entries = redis.call('XREVRANGE', EVENTS, from, '-', 'COUNT', 200)
            for _, entry in ipairs(entries) do
              from = '(' .. entry[1]
              local ms, seq = numbers(entry[1])
              if ms < since then
                isOver = true
                break
              end
              local request = field(entry, 'request') or ''
              if string.sub(request, 1, #token + 1) == token .. '-' then
                local batch = tonumber(string.sub(request, #token + 2))
                local s = stored[batch] or {last = seq, ms = ms}
                s.first = seq
                stored[batch] = s
              end
            end
            if #entries < 200 then
              isOver = t.floor == 0 or t.floorTime < since
              break
            end
            if isOver then break end
          end
          if not isOver then return {-6} end
        end

        local function known(ids)
          local found = {}
          for from = 1, #ids, 500 do
            local values = redis.call('HMGET', IDS, unpack(ids, from, math.min(from + 499, #ids)))
            for i, value in ipairs(values) do
              if value then found[ids[from + i - 1]] = value end
            end
          end
          return found
        end
        -- The number inside an id that was made for this generation.
        local function made(id)
          if not t.generation or string.sub(id, 1, #t.generation + 1) ~= t.generation .. '-' then return nil end
          local digits = string.match(id, '^[1-9]%d*$', #t.generation + 2)
          return digits and tonumber(digits)
        end
        local function timeOf(seq)
          if seq <= t.floor then return t.floorTime end
          -- Numbers are in the order of times: halving finds the time of a number.
          local low, high = t.oldest, t.time
          while low < high do
            local middle = math.floor((low + high) / 2)
            local entry = redis.call('XREVRANGE', EVENTS, place(middle, 4294967295 * 1024), '-', 'COUNT', 1)[1]
            local _, last = numbers(entry and entry[1] or '0-0')
            if last >= seq then high = middle else low = middle + 1 end
          end
          return low
        end
        local function batch(args, index, request, print, at, count)
          local done, ids = stored[index], {}
          for i = 0, count - 1 do
            if args[at + 5 * i] ~= '' then ids[#ids + 1] = args[at + 5 * i] end
          end
          local found = #ids > 0 and known(ids) or {}
          if not done and request ~= '' then
            local answer = redis.call('HGET', REQUESTS, 'k' .. request)
            if answer then
              local first, entries = string.match(answer, '^(%-?%d+) (.*)$')
              if first ~= print then return {-2} end
              local reply = {0}
              for seq, ms in string.gmatch(entries, '(%d+) (%d+);') do reply[#reply + 1], reply[#reply + 2] = -tonumber(seq), tonumber(ms) end
              return reply
            end
          end
          local reply, fresh, size, own, next = {0}, {}, 0, {}, done and done.first
          for i = 0, count - 1 do
            local id = args[at + 5 * i]
            local seq, ms
            if id ~= '' then
              if own[id] then
                seq, ms = own[id], 0
              elseif found[id] then
                ms, seq = numbers(found[id])
              else
                seq = made(id)
                if seq and seq > t.seq then return {-4, i} end
                if seq then ms = timeOf(seq) end
              end
            end
            if done and next <= done.last and (not seq or seq == next) then
              reply[#reply + 1], reply[#reply + 2] = next, done.ms
              if id ~= '' then own[id] = next end
              next = next + 1
            elseif seq then
              reply[#reply + 1], reply[#reply + 2] = -seq, ms
            else
              fresh[#fresh + 1] = i
              size = size + #args[at + 5 * i + 4]
              seq = t.seq + #fresh
              if id ~= '' then own[id] = seq end
              reply[#reply + 1], reply[#reply + 2] = seq, 0
            end
          end
          if done then return reply end
          if #fresh > 0 then
            if t.events and #fresh > t.events or t.maxBytes and size > t.maxBytes then return {-10} end
            if t.policy == 'safe' then
              local last = t.events and t.seq + #fresh - t.events or 0
              if last > t.floor and lowest() <= last then return {-9} end
              if t.maxBytes and t.bytes + size > t.maxBytes then
                -- What would have to go, oldest first.
                local over, from = t.bytes + size - t.maxBytes, '-'
                while over > 0 do
                  local entries = redis.call('XRANGE', EVENTS, from, '+', 'COUNT', 100)
                  for _, entry in ipairs(entries) do
                    local _, seq = numbers(entry[1])
                    if over > 0 and seq >= lowest() then return {-9} end
                    over = over - #(field(entry, 'data') or '')
                    from = '(' .. entry[1]
                  end
                  if #entries < 100 then break end
                end
              end
            end
            if not t.generation then begin(t, ARGV[4]) end
            local named, mark = {}, token .. '-' .. index
            local trace, state = args[at - 3], args[at - 2]
            t.time = math.max(t.time, clock, earliest)
            local stamp = string.format('%.0f-', t.time)
            if t.seq == t.floor then t.oldest = t.time end
            for n, i in ipairs(fresh) do
              local from = at + 5 * i
              local entry = stamp .. string.format('%.0f', t.seq + n)
              local id, type, key, time, data = args[from], args[from + 1], args[from + 2], args[from + 3], args[from + 4]
              if id == '' and time == '' and trace == '' then
                if key == '' then
                  redis.call('XADD', EVENTS, entry, 'type', type, 'data', data, 'request', mark)
                else
                  redis.call('XADD', EVENTS, entry, 'type', type, 'key', key, 'data', data, 'request', mark)
                end
              else
                local fields = {'type', type}
                if key ~= '' then fields[3], fields[4] = 'key', key end
                fields[#fields + 1], fields[#fields + 2] = 'data', data
                if id ~= '' then
                  fields[#fields + 1], fields[#fields + 2] = 'id', id
                  named[#named + 1], named[#named + 2] = id, entry
                end
                if time ~= '' then fields[#fields + 1], fields[#fields + 2] = 'time', time end
                if trace ~= '' then fields[#fields + 1], fields[#fields + 2] = 'traceparent', trace end
                if state ~= '' then fields[#fields + 1], fields[#fields + 2] = 'tracestate', state end
                fields[#fields + 1], fields[#fields + 2] = 'request', mark
                redis.call('XADD', EVENTS, entry, unpack(fields))
              end
            end
            for from = 1, #named, 1000 do redis.call('HSET', IDS, unpack(named, from, math.min(from + 999, #named))) end
            t.seq, t.bytes, t.isChanged = t.seq + #fresh, t.bytes + size, true
            for i = 2, #reply, 2 do
              if reply[i + 1] == 0 then reply[i + 1] = t.time end
            end
          end
          if request ~= '' then
            local entries = {}
            for i = 2, #reply, 2 do entries[#entries + 1] = string.format('%.0f %.0f;', math.abs(reply[i]), reply[i + 1]) end
            local slot = 'r' .. redis.call('HINCRBY', REQUESTS, 'c', 1) % \(TopicBatch.rememberedKeys)
            local old = redis.call('HGET', REQUESTS, slot)
            if old then redis.call('HDEL', REQUESTS, 'k' .. old) end
            redis.call('HSET', REQUESTS, slot, request, 'k' .. request, print .. ' ' .. table.concat(entries))
          end
          return reply
        end

        local reply, singles = {0, '', 0, 0, {}}, tonumber(ARGV[6])
        if stored[0] then
          reply[5] = {stored[0].first, stored[0].ms}
        elseif singles > 0 and ARGV[3] == '' and t.generation and not t.maxBytes and (not t.events or singles <= t.events)
          and (not t.events or t.seq + singles - t.events <= t.floor) then
          -- They need no room, so none of them is refused.
          t.time = math.max(t.time, clock, earliest)
          if t.seq == t.floor then t.oldest = t.time end
          local stamp, mark, first, size = string.format('%.0f-', t.time), token .. '-0', t.seq + 1, 0
          for i = 0, singles - 1 do
            local type, key, data = ARGV[7 + 3 * i], ARGV[8 + 3 * i], ARGV[9 + 3 * i]
            if key == '' then
              redis.call('XADD', EVENTS, stamp .. string.format('%d', first + i), 'type', type, 'data', data, 'request', mark)
            else
              redis.call('XADD', EVENTS, stamp .. string.format('%d', first + i), 'type', type, 'key', key, 'data', data, 'request', mark)
            end
            size = size + #data
          end
          t.seq, t.bytes, t.isChanged = t.seq + singles, t.bytes + size, true
          reply[5] = {first, t.time}
        else
          for i = 1, singles do
            local at = 4 + 3 * i
            reply[5][i] = batch({'', ARGV[at], ARGV[at + 1], '', ARGV[at + 2], [-2] = '', [-1] = ''}, i, '', '', 1, 1)
          end
        end
        local at = 7 + 3 * singles
        for index = 1, tonumber(ARGV[5]) do
          local count = tonumber(ARGV[at + 4])
          reply[5 + index] = batch(ARGV, singles + index, ARGV[at], ARGV[at + 1], at + 5, count)
          at = at + 5 + 5 * count
        end
        if t.isChanged then
          reply[4] = trim(t)
          if t.isNew or t.floor > 0 then
            save(t)
          else
            redis.call('HSET', META, 'seq', number(t.seq), 'time', number(t.time), 'bytes', number(t.bytes), 'oldest', number(t.oldest))
          end
        end
        reply[2], reply[3] = t.generation or '', t.isNew and 1 or 0
        return reply
        """)
}
