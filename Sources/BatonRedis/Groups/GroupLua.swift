internal import BatonCore

/// Pieces of Lua for groups of consumers. What a group reads from is said by what stands before them: `orderOf(id)`, `keyOf(item)`, `take(q, count)`
/// with the next items after the group's position, and `fetch(q, id, r)` with an item that was handed out before, or nil and whether it is lost.
///
/// Of a group at the key `G` there are: `G` a hash (settings, position, the last token, how many are lost, and what each consumer holds), `G:h` what is
/// not finished (id → record), `G:o` its order, `G:f` what was handed out together and is still as it was then, see ``batches``, `G:d` when each of
/// both is due; for ordered groups `G:k` keys that are busy and `G:p` what is parked behind them; `G:x` dead letters in order and `G:y` their contents,
/// `G:b` events that were redriven.
enum GroupLua {
    /// The length of a group's name is bounded, so names of consumers and groups stand in keys and fields as they are.
    static let core = """
        local RECORD = '>I6I6I2I2I2I2'
        local function readRecord(bytes)
          local token, due, attempt, flags, c, k, at = struct.unpack(RECORD, bytes)
          return {token = token, due = due, attempt = attempt, flags = flags, consumer = string.sub(bytes, at, at + c - 1),
            key = string.sub(bytes, at + c, at + c + k - 1), history = string.sub(bytes, at + c + k)}
        end
        local function writeRecord(r)
          return struct.pack(RECORD, r.token, r.due, r.attempt, r.flags, #r.consumer, #r.key) .. r.consumer .. r.key .. r.history
        end
        -- Due times; of one millisecond in the order of the topic, as far as the digits go.
        local function score(due, order) return due * 1024 + order % 1024 end
        local function load(g, consumer)
          local f = redis.call('HMGET', g, 'settings', 'position', 'token', 'lost', 'generation', 'ahead', 'c:' .. consumer, 'batched')
          if not f[1] then return nil end
          local max, lease, backoff, longest, ordered = string.match(f[1], '^(%d+) (%d+) (%d+) (%d+) (%d)$')
          return {g = g, settings = f[1], max = tonumber(max), lease = tonumber(lease), backoff = tonumber(backoff), longest = tonumber(longest),
            ordered = ordered == '1', position = f[2], token = tonumber(f[3]), lost = tonumber(f[4]), found = 0, generation = f[5],
            ahead = tonumber(f[6] or 0), name = consumer, consumer = f[7], batched = tonumber(f[8] or 0), batches = {}, was = f, credits = {},
            hset = {}, hdel = {}, dadd = {}, drem = {}, oadd = {}, orem = {}}
        end
        local function write(command, key, list)
          local count = #list
          if count == 0 then return list end
          if count <= 4000 then
            redis.call(command, key, unpack(list))
          else
            for from = 1, count, 4000 do redis.call(command, key, unpack(list, from, math.min(from + 3999, count))) end
          end
          return {}
        end
        local function flush(q)
          q.hset, q.hdel = write('HSET', q.g .. ':h', q.hset), write('HDEL', q.g .. ':h', q.hdel)
          q.dadd, q.drem = write('ZADD', q.g .. ':d', q.dadd), write('ZREM', q.g .. ':d', q.drem)
          q.oadd, q.orem = write('ZADD', q.g .. ':o', q.oadd), write('ZREM', q.g .. ':o', q.orem)
        end
        local function credit(q, consumer, count) q.credits[consumer] = (q.credits[consumer] or 0) + count end
        -- Consumers that hold nothing are forgotten after an hour.
        local function forget(q)
          local fields, old = redis.call('HGETALL', q.g), {}
          for i = 1, #fields, 2 do
            if string.sub(fields[i], 1, 2) == 'c:' then
              local held, seen = string.match(fields[i + 1], '^(%-?%d+) (%d+)$')
              if tonumber(held) <= 0 and tonumber(seen) * 1000 <= clock - 3600000 then
                local name = string.sub(fields[i], 3)
                old[#old + 1], old[#old + 2], old[#old + 3] = fields[i], 'r:' .. name, 's:' .. name
              end
            end
          end
          write('HDEL', q.g, old)
        end
        local keepBatches
        local function save(q, isSeen)
          keepBatches(q)
          flush(q)
          local f, changes = q.was, {}
          if f[2] ~= q.position then changes[1], changes[2] = 'position', q.position end
          if tonumber(f[3]) ~= q.token then changes[#changes + 1], changes[#changes + 2] = 'token', string.format('%.0f', q.token) end
          if tonumber(f[4]) ~= q.lost then changes[#changes + 1], changes[#changes + 2] = 'lost', string.format('%.0f', q.lost) end
          if f[5] ~= q.generation then changes[#changes + 1], changes[#changes + 2] = 'generation', q.generation end
          if tonumber(f[6] or 0) ~= q.ahead then changes[#changes + 1], changes[#changes + 2] = 'ahead', string.format('%.0f', q.ahead) end
          if tonumber(f[8] or 0) ~= q.batched then changes[#changes + 1], changes[#changes + 2] = 'batched', string.format('%d', q.batched) end
          if isSeen then credit(q, q.name, 0) end
          if q.note then changes[#changes + 1], changes[#changes + 2] = q.note[1], q.note[2] end
          for name, count in pairs(q.credits) do
            local value = q.consumer
            if name ~= q.name then value = redis.call('HGET', q.g, 'c:' .. name) end
            local held, seen = string.match(value or '0 0', '^(%-?%d+) (%d+)$')
            if isSeen and name == q.name then seen = math.floor(clock / 1000) end
            local new = string.format('%d %d', math.max(0, held + count), seen)
            if new ~= value then changes[#changes + 1], changes[#changes + 2] = 'c:' .. name, new end
          end
          if #changes > 0 then redis.call('HSET', q.g, unpack(changes)) end
          if isSeen and not q.consumer and redis.call('HLEN', q.g) > 100 then forget(q) end
        end
        local FAILURE = '>I2I6I2I2'
        local function fail(r, consumer, time, reason)
          r.history = r.history .. struct.pack(FAILURE, r.attempt, time, #consumer, #reason) .. consumer .. reason
          local count, at, second = 0, 1, 1
          while at <= #r.history do
            local _, _, c, s, next = struct.unpack(FAILURE, r.history, at)
            at, count = next + c + s, count + 1
            if count == 1 then second = at end
          end
          if count > \(ConsumerGroup.historyBound) then r.history = string.sub(r.history, second) end
          r.reason = reason
        end
        local function lastReason(r)
          local at, reason = 1, ''
          while at <= #r.history do
            local _, _, c, s, next = struct.unpack(FAILURE, r.history, at)
            reason, at = string.sub(r.history, next + c, next + c + s - 1), next + c + s
          end
          return reason
        end
        -- Members of `G:p` sort by key, then by order. The length comes first, so that no key is the beginning of another.
        local function lane(key) return string.format('%03d', #key) .. key .. '\\0' end
        local function park(q, id, r)
          r.due, r.consumer, r.flags = clock, '', r.flags % 2 + 2
          redis.call('HSET', q.g .. ':h', id, writeRecord(r))
          redis.call('ZADD', q.g .. ':o', orderOf(id), id)
          redis.call('ZADD', q.g .. ':p', 0, lane(r.key) .. string.format('%020.0f', orderOf(id)) .. ':' .. id)
        end
        -- A key is free: what was parked behind it is due.
        local function release(q, key)
          local from = lane(key)
          local member = redis.call('ZRANGEBYLEX', q.g .. ':p', '[' .. from, '(' .. string.sub(from, 1, -2) .. '\\1', 'LIMIT', 0, 1)[1]
          if not member then
            redis.call('HDEL', q.g .. ':k', key)
            return
          end
          local id = string.match(member, ':([^:]*)$')
          redis.call('ZREM', q.g .. ':p', member)
          local bytes = redis.call('HGET', q.g .. ':h', id)
          if not bytes then return release(q, key) end
          local r = readRecord(bytes)
          r.flags, r.due = r.flags % 2, clock
          redis.call('HSET', q.g .. ':h', id, writeRecord(r))
          redis.call('ZADD', q.g .. ':d', score(clock, orderOf(id)), id)
          redis.call('HSET', q.g .. ':k', key, id)
          q.isReleased = true
        end
        local function drop(q, id, r)
          q.hdel[#q.hdel + 1], q.drem[#q.drem + 1], q.orem[#q.orem + 1] = id, id, id
          if r.flags % 2 == 1 then redis.call('HDEL', q.g .. ':b', id) end
          if r.key ~= '' then release(q, r.key) end
        end
        local function bury(q, id, r, reason)
          local item, isLost = fetch(q, id, r)
          if not item then
            if isLost then q.lost, q.found = q.lost + 1, q.found + 1 end
            return drop(q, id, r)
          end
          redis.call('HSET', q.g .. ':y', id, cmsgpack.pack({clock, reason, r.history, KEEPS and item[2] or 0}))
          redis.call('ZADD', q.g .. ':x', orderOf(id), id)
          if redis.call('ZCARD', q.g .. ':x') > \(ConsumerGroup.deadLetterBound) then
            local oldest = redis.call('ZRANGE', q.g .. ':x', 0, 0)[1]
            redis.call('ZREM', q.g .. ':x', oldest)
            redis.call('HDEL', q.g .. ':y', oldest)
            q.lost = q.lost + 1
          end
          drop(q, id, r)
        end
        local function store(q, id, r)
          local n = #q.hset
          q.hset[n + 1], q.hset[n + 2] = id, writeRecord(r)
          n = #q.dadd
          q.dadd[n + 1], q.dadd[n + 2] = score(r.due, orderOf(id)), id
        end
        -- How many more events may be unfinished.
        local function roomOf(q) return \(ConsumerGroup.pendingBound) - q.batched - redis.call('HLEN', q.g .. ':h') end

        """ + batches

    /// `receive(q, limit)`: what comes back is due items with attempt and token, the token of the first new item, the new items, which have
    /// consecutive tokens, and when to look again.
    static let receiving = """
        -- What an earlier attempt of this very request has handed out already; nil when it did nothing.
        local function received(q, request)
          local noted = redis.call('HGET', q.g, 'r:' .. q.name)
          if not noted or string.sub(noted, 1, #request) ~= request then return nil end
          local due, first, last = struct.unpack('>I6I6I6', noted, #request + 1)
          local ids = redis.call('ZRANGEBYSCORE', q.g .. ':d', score(due, 0), score(due, 1023))
          local again = {}
          for _, id in ipairs(ids) do
            local b = namedBatch(q, id)
            if b and b.consumer == q.name and b.token >= first and b.token <= last then
              entriesOf(b, function(seq, entry)
                if isLeft(b, seq) then again[#again + 1] = {entry, 1, b.token + seq - b.seq} end
                return true
              end)
            end
            local bytes = redis.call('HGET', q.g .. ':h', id)
            local r = bytes and readRecord(bytes)
            if r and r.consumer == q.name and r.token >= first and r.token <= last then
              local item = fetch(q, id, r)
              if item then again[#again + 1] = {item, r.attempt, r.token} end
            end
          end
          return {again, 0, {}, clock, 0, due, q.position}
        end
        local function receive(q, limit, request)
          local consumer, due = q.name, clock + q.lease
          local again, fresh, isCut, rounds = {}, {}, false, 0
          while #again < limit do
            local ids = redis.call('ZRANGEBYSCORE', q.g .. ':d', '-inf', clock * 1024 + 1023, 'LIMIT', 0, limit - #again)
            if #ids == 0 then break end
            rounds = rounds + 1
            if rounds > 20 then
              isCut = true
              break
            end
            ids = overdue(q, ids, limit - #again)
            local records = #ids > 0 and redis.call('HMGET', q.g .. ':h', unpack(ids))
            for i, id in ipairs(ids) do
              if #again == limit then break end
              if not records[i] then
                q.drem[#q.drem + 1] = id
              else
                local r = readRecord(records[i])
                if r.consumer ~= '' then
                  credit(q, r.consumer, -1)
                  fail(r, r.consumer, r.due, '\(DeliveryFailure.leaseEnded)')
                end
                local item, isLost = fetch(q, id, r)
                if not item then
                  if isLost then q.lost, q.found = q.lost + 1, q.found + 1 end
                  drop(q, id, r)
                elseif r.attempt >= q.max then
                  bury(q, id, r, lastReason(r))
                else
                  q.token = q.token + 1
                  r.token, r.due, r.attempt, r.consumer = q.token, due, r.attempt + 1, consumer
                  store(q, id, r)
                  again[#again + 1] = {item, r.attempt, r.token}
                end
              end
            end
            flush(q)
          end
          local first = q.token + 1
          local room = math.min(limit - #again, roomOf(q))
          local from = q.position
          if room > 0 and not q.ordered and q.ahead == 0 then fresh, isCut = take(q, room) end
          if #fresh > 0 and isRow(from, fresh) then
            hold(q, from, #fresh, due)
          elseif #fresh > 0 then
            local rest = struct.pack('>I6I2I2I2I2', due, 1, 0, #consumer, 0) .. consumer
            local hset, dadd, oadd = {}, {}, {}
            for i, item in ipairs(fresh) do
              local token, id = q.token + i, item[1]
              hset[2 * i - 1], hset[2 * i] = id, struct.pack('>I6', token) .. rest
              dadd[2 * i - 1], dadd[2 * i] = score(due, orderOf(id)), id
              oadd[2 * i - 1], oadd[2 * i] = orderOf(id), id
            end
            q.token, q.hset, q.dadd, q.oadd = q.token + #fresh, hset, dadd, oadd
          elseif room > 0 and (q.ordered or q.ahead > 0) then
            local scanned, isOver = 0, false
            while not isOver and #fresh < room do
              if scanned >= 1000 then
                isCut = true
                break
              end
              local start = q.position
              local items, cut = take(q, math.min(200, \(ConsumerGroup.pendingBound)))
              isOver, isCut = #items == 0 and not cut, cut
              if #items == 0 then break end
              local ids, keys, busy = {}, {}, {}
              for i, item in ipairs(items) do ids[i], keys[i] = item[1], keyOf(item) or '' end
              local known = redis.call('HMGET', q.g .. ':h', unpack(ids))
              if q.ordered then busy = redis.call('HMGET', q.g .. ':k', unpack(keys)) end
              local claimed, last = {}, 0
              for i, item in ipairs(items) do
                if #fresh >= room then break end
                last = i
                local id, key = item[1], q.ordered and keys[i] or ''
                if known[i] then
                  -- It was redriven before the group came here.
                elseif key ~= '' and (busy[i] or claimed[key]) then
                  park(q, id, {token = 0, attempt = 0, flags = 0, key = key, history = ''})
                  room = math.min(room, roomOf(q))
                else
                  if key ~= '' then
                    claimed[key] = true
                    redis.call('HSET', q.g .. ':k', key, id)
                  end
                  q.token = q.token + 1
                  store(q, id, {token = q.token, due = due, attempt = 1, flags = 0, consumer = consumer, key = key, history = ''})
                  local n = #q.oadd
                  q.oadd[n + 1], q.oadd[n + 2] = orderOf(id), id
                  fresh[#fresh + 1] = item
                end
              end
              scanned = scanned + last
              if last < #items then
                q.position, isOver = last > 0 and items[last][1] or start, true
              end
              if q.ahead > 0 and orderOf(q.position) >= q.ahead then q.ahead = 0 end
              if isOver then isCut = false end
            end
          end
          credit(q, consumer, #again + #fresh)
          if #again + #fresh > 0 then
            q.note = {'r:' .. consumer, request .. struct.pack('>I6I6I6', due, tonumber(q.was[3]) + 1, q.token)}
          end
          save(q, true)
          local nextDue = clock
          if not isCut then
            local head = redis.call('ZRANGE', q.g .. ':d', 0, 0, 'WITHSCORES')
            nextDue = head[2] and math.floor(tonumber(head[2]) / 1024) or -1
          end
          return {again, first, fresh, nextDue, q.found, due, q.position}
        end
        """

    /// `settle(q, from, count, chance)`: settlements stand in ARGV from `from` on, each an action, six bytes of a token, and for `a` how many that follow each
    /// other in the topic and by their tokens, and their ids with spaces between; else the id and, for `e`, milliseconds, for `r` a delay or nothing and
    /// a reason, for `t` a reason; `g` is to give back. Answers a text with a letter for each id: `d` done, `f` fenced.
    static let settling = """
        local function settled(q, request)
          local noted = redis.call('HGET', q.g, 's:' .. q.name)
          return noted and string.sub(noted, 1, #request) == request and string.sub(noted, #request + 1) or nil
        end
        -- Settles what has a record. `bytes` is the record; `i` tells settlements of one call apart.
        local function settleRecord(q, s, bytes, i, chance)
          local r = bytes and string.sub(bytes, 1, 6) == s.token and readRecord(bytes)
          if not r or r.consumer ~= q.name or r.consumer == '' then return 'f' end
          local id, action = s.id, s.action
          if action == 'e' then
            r.due = clock + tonumber(s.more)
            store(q, id, r)
            return 'd'
          end
          credit(q, r.consumer, -1)
          if action == 'a' then
            drop(q, id, r)
          elseif action == 'g' then
            r.due, r.consumer, r.attempt, q.isReleased = clock, '', r.attempt - 1, true
            store(q, id, r)
          else
            fail(r, r.consumer, clock, s.reason)
            if action == 't' or r.attempt >= q.max then
              bury(q, id, r, s.reason)
            else
              local delay = tonumber(s.more)
              if not delay then
                local longest = math.min(q.backoff * 2 ^ math.min(r.attempt - 1, 32), q.longest)
                local part = (chance + i * 0.6180339887) % 1
                delay = math.floor(longest / 2) + math.floor((longest - math.floor(longest / 2)) * part)
              end
              if delay == 0 then q.isReleased = true end
              r.due, r.consumer = clock + delay, ''
              store(q, id, r)
            end
          end
          return 'd'
        end
        local function settle(q, from, count, chance, request)
          local list, ids, outcomes, records, seen = {}, {}, {}, {}, {}
          for i = 1, count do
            local s = {action = ARGV[from], token = ARGV[from + 1], id = ARGV[from + 2]}
            from = from + 3
            if s.action == 'a' then
              s.id, s.count, from = ARGV[from], tonumber(s.id), from + 1
            elseif s.action == 'e' then
              s.more, from = ARGV[from], from + 1
            elseif s.action == 't' then
              s.reason, from = ARGV[from], from + 1
            elseif s.action == 'r' then
              s.more, s.reason, from = ARGV[from], ARGV[from + 1], from + 2
            end
            if (s.count or 1) == 1 or batchOf(q, s) then
              list[#list + 1] = s
            else
              local token = struct.unpack('>I6', s.token)
              for id in string.gmatch(s.id, '[^ ]+') do
                list[#list + 1] = {action = 'a', token = struct.pack('>I6', token), id = id, count = 1}
                token = token + 1
              end
            end
          end
          for _, s in ipairs(list) do
            if not batchOf(q, s) then ids[#ids + 1] = s.id end
          end
          for i, bytes in ipairs(#ids > 0 and redis.call('HMGET', q.g .. ':h', unpack(ids)) or {}) do records[ids[i]] = bytes end
          local function one(s)
            local b, seq = batchOf(q, s)
            if b and s.action == 'a' then
              finish(q, b, seq, 1)
              return 'd'
            end
            if b then split(q, b, false, s.id) end
            local bytes = records[s.id]
            if b or seen[s.id] or bytes == nil then
              flush(q)
              bytes = redis.call('HGET', q.g .. ':h', s.id)
            end
            seen[s.id] = true
            return settleRecord(q, s, bytes, #outcomes + 1, chance)
          end
          for _, s in ipairs(list) do
            local b, seq = batchOf(q, s)
            if b and s.action == 'a' then
              finish(q, b, seq, s.count)
              outcomes[#outcomes + 1] = string.rep('d', s.count)
            elseif s.count and s.count > 1 then
              -- What stood before it in this call has settled some of it.
              local token = struct.unpack('>I6', s.token)
              for id in string.gmatch(s.id, '[^ ]+') do
                outcomes[#outcomes + 1] = one({action = 'a', token = struct.pack('>I6', token), id = id, count = 1})
                token = token + 1
              end
            else
              outcomes[#outcomes + 1] = one(s)
            end
          end
          local answer = table.concat(outcomes)
          q.note = {'s:' .. q.name, request .. answer}
          save(q)
          return answer
        end
        """

    /// The rest: what is known of a group, pages of what it has, putting back, moving.
    static let administration = """
        local function inspect(q)
          forget(q)
          local first, b = redis.call('ZRANGE', q.g .. ':o', 0, 0)[1], firstBatch(q)
          if b and (not first or b.seq < orderOf(first)) then first = idsOf(b, b.seq, 1)[1] end
          local fields, consumers = redis.call('HGETALL', q.g), {}
          for i = 1, #fields, 2 do
            if string.sub(fields[i], 1, 2) == 'c:' then
              consumers[#consumers + 1], consumers[#consumers + 2] = string.sub(fields[i], 3), fields[i + 1]
            end
          end
          return {q.settings, q.position, q.lost, redis.call('HLEN', q.g .. ':h') + q.batched, redis.call('ZCARD', q.g .. ':x'), first or '', consumers}
        end
        clearHeld = function(q)
          redis.call('UNLINK', q.g .. ':h', q.g .. ':f', q.g .. ':d', q.g .. ':o', q.g .. ':k', q.g .. ':p', q.g .. ':b')
          local fields = redis.call('HGETALL', q.g)
          for i = 1, #fields, 2 do
            if string.sub(fields[i], 1, 2) == 'c:' then
              redis.call('HSET', q.g, fields[i], '0 ' .. string.match(fields[i + 1], '%d+$'))
            end
          end
          q.ahead, q.batched, q.batches, q.recent = 0, 0, {}, nil
        end
        local function removeGroup(g)
          return redis.call('UNLINK', g, g .. ':h', g .. ':f', g .. ':d', g .. ':o', g .. ':k', g .. ':p', g .. ':b', g .. ':x', g .. ':y')
        end
        local function make(g, settings, position, generation)
          redis.call('HSET', g, 'settings', settings, 'position', position, 'token', '0', 'lost', '0', 'generation', generation)
        end
        local function after(set, id, limit)
          local from = id == '' and '-inf' or '(' .. string.format('%.0f', orderOf(id))
          return redis.call('ZRANGEBYSCORE', set, from, '+inf', 'LIMIT', 0, limit)
        end
        local function pendingPage(q, id, limit)
          local ids, rows, found = after(q.g .. ':o', id, limit), {}, {}
          for i, bytes in ipairs(#ids > 0 and redis.call('HMGET', q.g .. ':h', unpack(ids)) or {}) do
            if bytes then
              local r = readRecord(bytes)
              rows[#rows + 1] = {orderOf(ids[i]), {ids[i], r.consumer, r.flags >= 2 and 0 or r.attempt, r.due, r.history}}
            end
          end
          for _, row in ipairs(batchedAfter(q, id == '' and 0 or orderOf(id), limit)) do rows[#rows + 1] = row end
          table.sort(rows, function(a, b) return a[1] < b[1] end)
          for i = 1, math.min(limit, #rows) do found[i] = rows[i][2] end
          return found
        end
        local function deadPage(q, id, limit)
          local found, bytes = {}, 0
          for _, id in ipairs(after(q.g .. ':x', id, limit)) do
            local packed = redis.call('HGET', q.g .. ':y', id)
            if packed then
              local time, reason, history, body = unpack(cmsgpack.unpack(packed))
              bytes = bytes + #packed
              local item = KEEPS and {id, body} or fetch(q, id, {flags = 0}) or {}
              found[#found + 1] = {id, time, reason, history, item}
              if bytes > \(RedisStorage.replyBytes) then break end
            end
          end
          return found
        end
        local function chosen(q, count, from)
          if count ~= '' then return redis.call('ZRANGE', q.g .. ':x', 0, tonumber(count) - 1) end
          local ids, known = {}, {}
          for i = from, #ARGV do
            local id = ARGV[i]
            if not known[id] and redis.call('HEXISTS', q.g .. ':y', id) == 1 then ids[#ids + 1] = id end
            known[id] = true
          end
          return ids
        end
        local function discard(q, ids)
          for _, id in ipairs(ids) do
            redis.call('ZREM', q.g .. ':x', id)
            redis.call('HDEL', q.g .. ':y', id)
          end
        end
        local function redrive(q, ids)
          local count, room = 0, roomOf(q)
          for _, id in ipairs(ids) do
            local b = q.batched > 0 and batchAt(q, orderOf(id))
            if redis.call('HEXISTS', q.g .. ':h', id) == 1 or b and isLeft(b, orderOf(id)) then
              discard(q, {id})
            elseif room > 0 then
              local time, reason, history, body = unpack(cmsgpack.unpack(redis.call('HGET', q.g .. ':y', id)))
              local item = KEEPS and {id, body} or fetch(q, id, {flags = 0})
              discard(q, {id})
              if item then
                local r = {token = 0, due = clock, attempt = 0, flags = KEEPS and 1 or 0, consumer = '', history = history,
                  key = q.ordered and keyOf(item) or ''}
                if KEEPS then redis.call('HSET', q.g .. ':b', id, cmsgpack.pack(body)) end
                if r.key ~= '' and redis.call('HEXISTS', q.g .. ':k', r.key) == 1 then
                  park(q, id, r)
                else
                  if r.key ~= '' then redis.call('HSET', q.g .. ':k', r.key, id) end
                  redis.call('HSET', q.g .. ':h', id, writeRecord(r))
                  redis.call('ZADD', q.g .. ':d', score(clock, orderOf(id)), id)
                  redis.call('ZADD', q.g .. ':o', orderOf(id), id)
                end
                if orderOf(id) > orderOf(q.position) then q.ahead = math.max(q.ahead, orderOf(id)) end
                count, room, q.isReleased = count + 1, room - 1, true
              end
            end
          end
          save(q)
          return count
        end
        """
}
