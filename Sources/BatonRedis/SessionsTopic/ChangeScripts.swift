internal import BatonCore
internal import BatonRedisClient

extension Scripts {
    /// Reading the topic of all sessions out of shards' logs. KEYS: logs. What belongs to a log at `L`, which is `B` and `log`: `L:n` and `L:m` beside it,
    /// sessions at `B` and `s:…`, groups of the topic at `B` and `b:NAME`, and their names in `B` and `b`.
    ///
    /// A place in a shard is a number, see ``Lua/logEntry``; the shard's epoch tells it from that of a log which was lost since.
    enum ChangeLua {
        static let log = """
            local KEEPS, NUMBERED, clearHeld = false, false, nil
            local function orderOf(id) return tonumber(id) end
            local function keyOf(item) return item[3] end
            local function text(number) return string.format('%.0f', number) end
            local function numbers(id)
              local number, ms = string.match(id, '^(%d+)-(%d+)$')
              return tonumber(number), tonumber(ms)
            end
            -- How many changes an entry shows, and how many numbers it has.
            local function count(fields)
              local letters = string.match(fields[8] or '', '^%a*')
              if not string.find(letters, 'a', 1, true) then return letters, math.max(1, #letters) end
              local first, stored, generation = appended(fields[6])
              return letters, #letters - 1 + stored, first, generation
            end
            local function shard(log)
              local s = {log = log, base = string.sub(log, 1, -4), last = tonumber(redis.call('GET', log .. ':n') or 0), heads = {}}
              local m = redis.call('HMGET', log .. ':m', 'events', 'age', 'epoch')
              s.events, s.age = tonumber(m[1] or \(LogKind.retention.maximumEvents ?? 0)), tonumber(m[2] or \(LogKind.retention.maximumAge ?? 0))
              s.epoch = tonumber(m[3] or 0)
              if s.last > 0 and s.epoch == 0 then
                s.epoch = clock
                redis.call('HSET', log .. ':m', 'epoch', text(clock))
              end
              local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
              s.floor = s.last
              if first then
                local _, size = count(first[2])
                s.floor = numbers(first[1]) - size
              end
              if s.events > 0 then s.floor = math.max(s.floor, s.last - s.events) end
              return s
            end
            -- A change as readers get it: number, letter, name, milliseconds, and for one with an event its entry, its edit and the generation. Nil when
            -- the event is gone.
            local function present(s, name, letter, number, ms, seq, generation)
              if letter == 'r' then return {text(number), letter, name, ms, seq} end
              if letter ~= 'a' and letter ~= 'b' and letter ~= 'm' then return {text(number), letter, name, ms} end
              local key = s.base .. 's:' .. name
              local h = s.heads[name]
              if h == nil then
                local f = redis.call('HMGET', key, 'h', 'g')
                h = f[1] and parse(f[1], f[2]) or false
                if h and gone(h) then h = false end
                s.heads[name] = h
              end
              if not h or h.generation ~= generation or seq <= h.floor then return nil end
              -- It may stand in a log that forks show too.
              h.key = key
              local entry, log, edit = standing(h, seq)
              if not entry then return nil end
              return {text(number), letter, name, ms, entry, edit, logs(h)[log].generation}
            end
            -- Calls `visit` with each change of an entry that stands after a number, until it says stop; gives whether it did.
            local function changes(entry, after, visit)
              local fields = entry[2]
              local name = fields[2]
              local last, ms = numbers(entry[1])
              local letters, size, first, generation = count(fields)
              local number, seq = last - size, first
              for i = 1, #letters do
                local letter, times = string.sub(letters, i, i), 1
                if letter == 'a' then
                  times = size - #letters + 1
                elseif letter == 'm' or letter == 'b' then
                  local at
                  at, generation = string.match(fields[8], '^%a(%d+) (%w+)$')
                  seq = tonumber(at)
                elseif letter == 'r' then
                  seq = tonumber(string.match(fields[8], '%d+'))
                end
                for _ = 1, times do
                  number = number + 1
                  if number > after and visit(name, letter, number, ms, seq, generation) then return true end
                  if letter == 'a' then seq = seq + 1 end
                end
              end
              return false
            end
            local function weight(item)
              local fields = item[5] and type(item[5]) == 'table' and item[5][2]
              return 100 + (fields and #fields[#fields] or 0) + (item[6] and #item[6] or 0)
            end
            -- The first number of an entry that is not before a moment; times go back only when clocks do.
            local function since(s, ms)
              local low, high = s.floor, s.last
              while low < high do
                local middle = math.floor((low + high) / 2)
                local entry = redis.call('XRANGE', s.log, text(middle + 1), '+', 'COUNT', 1)[1]
                local number, time = numbers(entry and entry[1] or '0-0')
                if entry and time < ms then low = math.min(number, high) else high = middle end
              end
              return low
            end
            -- Where a cursor stands in a shard; nil when it is gone.
            local function resolve(s, kind, epoch, number)
              if kind == 'start' then return s.floor end
              if kind == 'now' then return s.last end
              if kind == 'time' then return since(s, epoch) end
              if number == 0 and s.floor == 0 then return 0 end
              if number < s.floor or number > s.last or number > 0 and epoch ~= s.epoch then return nil end
              return number
            end
            """

        /// What an append noted: the first seq, how many, the generation.
        static let appended = """
            local function appended(result)
              local _, tail, _, stored = struct.unpack('>I6I6I6I2', result)
              return tail - stored + 1, stored, string.sub(result, 21)
            end
            """

        static let items = """
            local function take(q, most)
              local s, items, at, bytes, seen = q.shard, {}, tonumber(q.position), 0, 0
              local isCut = false
              while #items < most and not isCut do
                local entries = redis.call('XRANGE', s.log, text(at + 1), '+', 'COUNT', math.min(100, most - #items))
                if #entries == 0 then break end
                for _, entry in ipairs(entries) do
                  seen = seen + 1
                  local isOver = changes(entry, at, function(name, letter, number, ms, seq, generation)
                    local item = present(s, name, letter, number, ms, seq, generation)
                    at = number
                    if item then
                      items[#items + 1] = item
                      bytes = bytes + weight(item)
                    end
                    return #items >= most or bytes >= \(RedisStorage.replyBytes)
                  end)
                  if isOver then
                    isCut = at < s.last
                    break
                  end
                  at = math.max(at, (numbers(entry[1])))
                end
                if seen >= 1000 and at < s.last then isCut = true end
              end
              q.position = text(at)
              return items, isCut
            end
            local function fetch(q, id, r)
              local s, wanted = q.shard, tonumber(id)
              if wanted <= s.floor then return nil, true end
              local entry = redis.call('XRANGE', s.log, id, '+', 'COUNT', 1)[1]
              local item
              if entry then
                changes(entry, wanted - 1, function(name, letter, number, ms, seq, generation)
                  if number == wanted then item = present(s, name, letter, number, ms, seq, generation) end
                  return true
                end)
              end
              return item, false
            end
            """

        /// Groups: `open(log, group)` gives the group's part in a shard, brought up to date.
        static let group = """
            local function part(s, group)
              local q = load(s.base .. 'b:' .. group, ARGV[2])
              if not q then return nil end
              q.shard = s
              return q
            end
            local function open(log, group)
              local s = shard(log)
              local q = part(s, group)
              if not q then return nil end
              local epoch = s.epoch > 0 and text(s.epoch) or ''
              if q.generation ~= epoch then
                if q.generation ~= '' then
                  clearHeld(q)
                  q.position = text(s.floor)
                end
                q.generation = epoch
              end
              local at = tonumber(q.position)
              if at < s.floor then
                q.lost, q.found, q.position = q.lost + s.floor - at, q.found + s.floor - at, text(s.floor)
              end
              return q
            end
            -- Consumers that wait watch the log.
            local function tell(log)
              logKey = log
              add('*', '', '', '', 1)
            end
            local function place(s) return {text(s.epoch), text(s.floor), text(s.last)} end
            local function describe(q)
              local found, s = inspect(q), q.shard
              local oldest = -1
              for _, number in ipairs({tonumber(found[6]) or -1, tonumber(q.position) < s.last and math.max(tonumber(q.position), s.floor) + 1 or -1}) do
                if number > 0 then
                  local entry = redis.call('XRANGE', s.log, text(number), '+', 'COUNT', 1)[1]
                  if entry then
                    local _, ms = numbers(entry[1])
                    if oldest < 0 or ms < oldest then oldest = ms end
                  end
                end
              end
              found[8], found[9], found[10] = s.last - math.max(tonumber(q.position), s.floor), oldest, place(s)
              return found
            end
            """
    }

    private static func changes(_ pieces: String...) -> RedisScript {
        Lua.script(
            Lua.clock, Lua.head, Lua.logs, Lua.logEntry, ChangeLua.appended, ChangeLua.log, ChangeLua.items, GroupLua.core, GroupLua.administration,
            ChangeLua.group,
            pieces.joined(separator: "\n"))
    }

    /// A page. ARGV: 1 the moment, 2 how many, 3 the most bytes, 4 what names begin with or nothing, 5 how many letters, then letters, how many names, then
    /// names of sessions, then for each log a cursor: a word and two numbers.
    ///
    /// Answers 0 or -11, for each log its epoch, floor and last number, then for 0 where the page ends in each, whether nothing is left, and changes, each
    /// with the index of its log.
    static let changePage = Lua.script(
        Lua.clock, Lua.head, Lua.logs, ChangeLua.appended, ChangeLua.log,
        """
        local limit, budget, start = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
        local at, sets = 5, {false, false}
        for i = 1, 2 do
          local size = tonumber(ARGV[at])
          if size > 0 then
            sets[i] = {}
            for j = at + 1, at + size do sets[i][ARGV[j]] = true end
          end
          at = at + 1 + size
        end
        local shards, places, isGone = {}, {}, false
        for i = 1, #KEYS do
          local s = shard(KEYS[i])
          s.at = resolve(s, ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]))
          at = at + 3
          isGone = isGone or not s.at
          shards[i], places[i] = s, {text(s.epoch), text(s.floor), text(s.last)}
        end
        if isGone then return {-11, places} end
        local found, bytes, seen, step = {}, 0, 0, math.max(8, math.min(200, math.floor(limit / #KEYS) + 1))
        local function head(s)
          if s.at >= s.last then return nil end
          if not s.entries or s.index > #s.entries then
            s.entries, s.index = redis.call('XRANGE', s.log, text(s.at + 1), '+', 'COUNT', step), 1
            if #s.entries == 0 then
              s.at = s.last
              return nil
            end
          end
          return s.entries[s.index]
        end
        while #found < limit and bytes < budget and seen < 2000 + limit do
          local best, entry, time
          for i, s in ipairs(shards) do
            local candidate = head(s)
            if candidate then
              local _, ms = numbers(candidate[1])
              if not best or ms < time then best, entry, time = i, candidate, ms end
            end
          end
          if not best then break end
          local s = shards[best]
          local name = entry[2][2]
          local isWanted = (start == '' or string.sub(name, 1, #start) == start) and (not sets[2] or sets[2][name])
          local isOver = false
          if isWanted then
            isOver = changes(entry, s.at, function(name, letter, number, ms, seq, generation)
              seen, s.at = seen + 1, number
              if sets[1] and not sets[1][letter] then return false end
              local item = present(s, name, letter, number, ms, seq, generation)
              if item then
                found[#found + 1] = {best, item}
                bytes = bytes + weight(item)
              end
              return #found >= limit or bytes >= budget
            end)
          end
          if not isOver then
            s.at, s.index, seen = math.max(s.at, (numbers(entry[1]))), s.index + 1, seen + 1
          end
        end
        local ends, isWhole = {}, 1
        for i, s in ipairs(shards) do
          ends[i] = text(s.at)
          if s.at < s.last then isWhole = 0 end
        end
        return {0, places, ends, isWhole, found}
        """)

    /// What is known of the logs. Answers 0, a generation, the retention, and for each log its epoch, floor and last number. ARGV: 1 the moment, 2 a
    /// generation for the first, 3 and 4 the most changes and seconds to keep from now on, or nothing.
    static let changeFacts = Lua.script(
        Lua.clock, Lua.head, Lua.logs, ChangeLua.appended, ChangeLua.log,
        """
        local places, kept, generation = {}, nil, nil
        for i = 1, #KEYS do
          if ARGV[3] ~= '' then redis.call('HSET', KEYS[i] .. ':m', 'events', ARGV[3], 'age', ARGV[4]) end
          local s = shard(KEYS[i])
          if i == 1 then
            kept, generation = {s.events, s.age}, redis.call('HGET', KEYS[i] .. ':m', 'generation')
            if not generation then
              generation = ARGV[2]
              redis.call('HSET', KEYS[i] .. ':m', 'generation', generation)
            end
          end
          places[i] = {text(s.epoch), text(s.floor), text(s.last)}
        end
        return {0, generation, kept, places}
        """)

    /// ARGV: 1 the moment, 2 the consumer, 3 the request, 4 nothing when it is sent for the first time, 5 how many, 6 the group, 7 the log to begin with.
    /// Answers 0, and for each log an array: what ``GroupLua/receiving`` says, and its epoch; nothing for logs that were not come to.
    static let receiveChanges = changes(
        GroupLua.receiving,
        """
        local left, replies, places = tonumber(ARGV[5]), {}, {}
        for i = 1, #KEYS do
          local index = (i + tonumber(ARGV[7]) - 2) % #KEYS + 1
          local q = open(KEYS[index], ARGV[6])
          if not q then return {-12} end
          local reply = ARGV[4] ~= '' and received(q, ARGV[3]) or receive(q, left, ARGV[3])
          left = left - #reply[1] - #reply[3]
          replies[index], places[index] = reply, text(q.shard.epoch)
        end
        return {0, replies, places}
        """)

    /// On one log. ARGV: 1 the moment, 2 the consumer, 3 the request, 4 nothing when it is sent for the first time, 5 how many, 6 a number from 0 to 1 by
    /// chance, 7 the group, then settlements. Answers 0, the outcomes, whether others have to be told.
    static let settleChanges = changes(
        GroupLua.settling,
        """
        local q = open(KEYS[1], ARGV[7])
        if not q then return {-12} end
        local outcomes = ARGV[4] ~= '' and settled(q, ARGV[3]) or settle(q, 8, tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[3])
        if q.isReleased then tell(KEYS[1]) end
        return {0, outcomes}
        """)

    /// ARGV: 1 the moment, 2 nothing, 3 the group escaped, 4 settings, 5 whether it is ordered, then for each log a cursor. Answers 0 or -11 and places, 1 when
    /// it was made, and for each log the group.
    static let setChangesGroup = changes(
        """
        local positions, places, shards, isGone, isNew = {}, {}, {}, false, 0
        for i = 1, #KEYS do
          local s = shard(KEYS[i])
          shards[i], places[i] = s, place(s)
          positions[i] = resolve(s, ARGV[3 + 3 * i], tonumber(ARGV[4 + 3 * i]), tonumber(ARGV[5 + 3 * i]))
          isGone = isGone or not positions[i] and not part(s, ARGV[3])
        end
        if isGone then return {-11, places} end
        local groups = {}
        for i, s in ipairs(shards) do
          local q = part(s, ARGV[3])
          if q then
            redis.call('HSET', q.g, 'settings', ARGV[4] .. (q.ordered and ' 1' or ' 0'))
          else
            make(s.base .. 'b:' .. ARGV[3], ARGV[4] .. ' ' .. ARGV[5], text(positions[i]), s.epoch > 0 and text(s.epoch) or '')
            isNew = 1
          end
          redis.call('HSET', s.base .. 'b', ARGV[3], '')
          groups[i] = describe(part(s, ARGV[3]))
        end
        return {0, isNew, groups}
        """)

    /// ARGV[3]: the group. Answers 0 and for each log the group.
    static let changesGroupFacts = changes(
        """
        local groups = {}
        for i = 1, #KEYS do
          local q = part(shard(KEYS[i]), ARGV[3])
          if not q then return {-12} end
          groups[i] = describe(q)
        end
        return {0, groups}
        """)

    /// Answers 0 and the escaped names of the groups that the first log knows.
    static let changesGroupNames = changes("return {0, redis.call('HGETALL', string.sub(KEYS[1], 1, -4) .. 'b')}")

    /// ARGV[3]: the group. Answers 0 and whether it was there.
    static let deleteChangesGroup = changes(
        """
        local known = 0
        for i = 1, #KEYS do
          local base = string.sub(KEYS[i], 1, -4)
          known = math.max(known, redis.call('HDEL', base .. 'b', ARGV[3]))
          removeGroup(base .. 'b:' .. ARGV[3])
        end
        return {0, known}
        """)

    /// ARGV: 3 the group, then for each log a cursor. Answers 0 or -11 and places, and for each log the group.
    static let moveChangesGroup = changes(
        """
        local positions, places, parts, isGone = {}, {}, {}, false
        for i = 1, #KEYS do
          local s = shard(KEYS[i])
          parts[i], places[i] = part(s, ARGV[3]), place(s)
          if not parts[i] then return {-12} end
          positions[i] = resolve(s, ARGV[1 + 3 * i], tonumber(ARGV[2 + 3 * i]), tonumber(ARGV[3 + 3 * i]))
          isGone = isGone or not positions[i]
        end
        if isGone then return {-11, places} end
        local groups = {}
        for i, q in ipairs(parts) do
          clearHeld(q)
          q.position, q.generation = text(positions[i]), q.shard.epoch > 0 and text(q.shard.epoch) or ''
          save(q)
          groups[i] = describe(part(q.shard, ARGV[3]))
        end
        tell(KEYS[1])
        return {0, groups}
        """)

    /// On one log. ARGV: 3 the group, 4 the number after which the page begins, or nothing, 5 how many. Answers 0, the epoch and the page.
    static let pendingChanges = changes(
        """
        local q = part(shard(KEYS[1]), ARGV[3])
        if not q then return {-12} end
        return {0, text(q.shard.epoch), pendingPage(q, ARGV[4], tonumber(ARGV[5]))}
        """)

    /// As ``pendingChanges``, of dead letters.
    static let deadChanges = changes(
        """
        local q = part(shard(KEYS[1]), ARGV[3])
        if not q then return {-12} end
        return {0, text(q.shard.epoch), deadPage(q, ARGV[4], tonumber(ARGV[5]))}
        """)

    /// On one log. ARGV: 3 the group, 4 `redrive` or `discard`, 5 how many of the oldest or nothing, then numbers. Answers 0, how many, and how many dead
    /// letters were taken away.
    static let chooseDeadChanges = changes(
        """
        local q = open(KEYS[1], ARGV[3])
        if not q then return {-12} end
        local ids = chosen(q, ARGV[5], 6)
        if ARGV[4] == 'discard' then
          discard(q, ids)
          return {0, #ids, #ids}
        end
        local count = redrive(q, ids)
        if q.isReleased then tell(KEYS[1]) end
        return {0, count, #ids}
        """)
}
