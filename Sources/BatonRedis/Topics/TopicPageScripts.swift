internal import BatonCore
internal import BatonRedisClient

/// A script in two makes: for topics of the store's own, and for streams that others write.
struct TopicScript {
    let own: RedisScript
    let foreign: RedisScript

    /// - Parameter quick: what one of the store's own does before all else.
    init(_ pieces: String..., quick: String = "") {
        let body = pieces.joined(separator: "\n")
        own = Lua.script(Lua.clock, quick, TopicLua.record, TopicLua.cursor, TopicLua.ownItems, body)
        foreign = Lua.script(Lua.clock, TopicLua.foreign, TopicLua.foreignItems, body)
    }

    func of(_ kind: TopicKeys.Kind) -> RedisScript {
        switch kind {
        case .own: own
        case .foreign: foreign
        }
    }
}

extension TopicLua {
    /// What groups need to know of items: see ``GroupLua``. `facts(t)` is what a reader has to know of the topic.
    static let ownItems = """
        local KEEPS, NUMBERED, clearHeld = true, true, nil
        local function orderOf(id) return tonumber(string.match(id, '%d+$')) end
        local function keyOf(item) return field(item, 'key') end
        local function typeOf(item) return field(item, 'type') end
        local function facts(t) return {t.generation or '', t.floorTime, t.floor, t.seq == 0 and 0 or t.time, t.seq} end
        local function tailOf(t) return place(t.seq == 0 and 0 or t.time, t.seq) end
        local function mayBeLarge(t) return t.bytes > \(RedisStorage.replyBytes) end
        local function isThere(t) return t.generation end
        local function ensure(t, generation)
          if t.generation then return end
          t.generation, t.isNew = generation, true
          save(t)
        end
        -- Brings a group's position up to date: behind what was trimmed, and to the start when its topic is another by now.
        local function catchUp(q, t)
          if q.generation ~= t.generation then
            clearHeld(q)
            q.generation, q.position = t.generation or '', place(t.floorTime, t.floor)
            return
          end
          local at = orderOf(q.position)
          if at < t.floor then
            q.lost, q.found, q.position = q.lost + t.floor - at, q.found + t.floor - at, place(t.floorTime, t.floor)
          end
        end
        local function lag(q, t) return math.max(0, t.seq - math.max(orderOf(q.position), t.floor)) end
        """

    static let foreignItems = """
        local KEEPS, NUMBERED, clearHeld = true, false, nil
        local function orderOf(id)
          local ms, seq = numbers(id)
          return ms * 1024 + math.min(seq, 1023)
        end
        local function keyOf(item) return field(item, 'key') or field(item, 'sessionId') end
        local function typeOf(item) return field(item, 'type') or '' end
        local function facts(t)
          local a, b = numbers(t.start)
          local c, d = numbers(t.tail)
          return {'', a, b, c, d}
        end
        local function tailOf(t) return t.tail end
        local function mayBeLarge(t) return true end
        local function isThere(t) return t.exists end
        local function ensure(t, generation) end
        local function catchUp(q, t)
          -- The stream was deleted, or its server lost it: what is there now begins anew.
          if t.exists and below(t.tail, q.position) then
            clearHeld(q)
            q.position = '0-0'
          end
        end
        local function lag(q, t)
          local count, from = 0, q.position
          while count < \(ConsumerGroup.countBound) do
            local entries = redis.call('XRANGE', EVENTS, '(' .. from, '+', 'COUNT', 100)
            count = count + #entries
            if #entries < 100 then break end
            from = entries[#entries][1]
          end
          return count
        end
        """

    /// `read(from, limit, budget, visit)`: entries after an ID, in steps that follow from their size. `visit` takes an entry and says whether to
    /// go on.
    static let walk = """
        local function size(entry)
          local fields, bytes = entry[2], 0
          for i = 2, #fields, 2 do bytes = bytes + #fields[i] end
          return bytes
        end
        local function walk(t, from, most, budget, visit)
          local bytes, seen, step = 0, 0, mayBeLarge(t) and 16 or 200
          while seen < most do
            local count = math.min(step, most - seen)
            local entries = redis.call('XRANGE', EVENTS, '(' .. from, '+', 'COUNT', count)
            for _, entry in ipairs(entries) do
              if not visit(entry) then return from, false end
              from, seen, bytes = entry[1], seen + 1, bytes + size(entry)
              if bytes >= budget then return from, false end
            end
            if #entries < count then return from, true end
            step = math.max(1, math.min(200, math.floor((budget - bytes) / (bytes / seen + 1))))
          end
          return from, false
        end
        local function take(q, count)
          local t, items = q.topic, {}
          if not mayBeLarge(t) then
            items = redis.call('XRANGE', EVENTS, '(' .. q.position, '+', 'COUNT', count)
          else
            walk(t, q.position, count, \(RedisStorage.replyBytes), function(entry)
              items[#items + 1] = entry
              return true
            end)
          end
          if #items > 0 then q.position = items[#items][1] end
          return items, #items > 0 and #items < count and mayBeLarge(t)
        end
        local function fetch(q, id, r)
          local entry = redis.call('XRANGE', EVENTS, id, id)[1]
          if not entry and r.flags % 2 == 1 then
            local bytes = redis.call('HGET', q.g .. ':b', id)
            if bytes then entry = {id, cmsgpack.unpack(bytes)} end
          end
          return entry, true
        end
        """
}

extension Scripts {
    /// A page of a topic. ARGV: 1 the moment, 2 to 4 a cursor, 5 how many, 6 the most bytes, 7 how many types, then types, how many keys, then keys.
    /// Answers 0 or -11 for a cursor that is gone, and 1 when it is there; what is known (generation, floor, tail), the ID where the next page
    /// begins, whether nothing is left, entries.
    static let topicPage = TopicScript(
        TopicLua.walk,
        """
        local t = topic()
        if t.wrong then return t.wrong end
        local known = isThere(t) and 1 or 0
        local from = resolve(t, ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
        if not from then return {-11, known, facts(t)} end
        local at, sets = 7, {false, false}
        for i = 1, 2 do
          local count = tonumber(ARGV[at])
          if count > 0 then
            sets[i] = {}
            for j = at + 1, at + count do sets[i][ARGV[j]] = true end
          end
          at = at + 1 + count
        end
        local limit, entries, types, keys = tonumber(ARGV[5]), {}, sets[1], sets[2]
        local next, isWhole = walk(t, from, math.max(limit, (types or keys) and 5000 or 0), tonumber(ARGV[6]), function(entry)
          if #entries == limit then return false end
          if (not types or types[typeOf(entry)]) and (not keys or keys[keyOf(entry) or false]) then entries[#entries + 1] = entry end
          return true
        end)
        return {0, known, facts(t), next, (isWhole or next == tailOf(t)) and 1 or 0, entries}
        """)

    /// What is known of a topic. Answers 0, whether it is there, facts, then for one of the store's own its retention, else the number of entries.
    static let topicFacts = TopicScript(
        """
        local t = topic()
        if t.wrong then return t.wrong end
        return {0, isThere(t) and 1 or 0, facts(t), t.count or t.seq - t.floor, t.events or 0, t.maxBytes or 0, t.age or 0, t.policy or ''}
        """)

    /// Sets a retention. ARGV: 1 the moment, 2 a generation for a new topic, 3 to 5 the most events, bytes and seconds (0 for no limit), 6 the policy.
    /// Answers what ``topicFacts`` does, and whether more has to be trimmed.
    static let retain = Lua.script(
        Lua.clock, TopicLua.record, TopicLua.ownItems,
        """
        local t = topic()
        local isNew = not t.generation
        if isNew then begin(t, ARGV[2]) end
        local function limit(value) if value ~= '0' then return tonumber(value) end end
        t.events, t.maxBytes, t.age, t.policy = limit(ARGV[3]), limit(ARGV[4]), limit(ARGV[5]), ARGV[6]
        local isMore = trim(t)
        save(t)
        return {0, 1, facts(t), t.seq - t.floor, t.events or 0, t.maxBytes or 0, t.age or 0, t.policy, isMore}
        """)

    /// Deletes a topic with its groups. What comes later under its name has later times, so that no offset of before is a place of its.
    /// Answers 0 and whether it was there.
    static let deleteTopic = Lua.script(
        Lua.clock, TopicLua.record,
        """
        local t = topic()
        local names = redis.call('HGETALL', GROUPS)
        for i = 1, #names, 2 do
          local g = GROUPS .. ':' .. names[i]
          redis.call('UNLINK', g, g .. ':h', g .. ':f', g .. ':d', g .. ':o', g .. ':k', g .. ':p', g .. ':b', g .. ':x', g .. ':y')
        end
        redis.call('UNLINK', EVENTS, META, IDS, REQUESTS, GROUPS, WAKE)
        if not t.generation then return {0, 0} end
        local last = math.max(t.time, clock) + 1
        redis.call('HSET', META, 'after', number(last))
        if native then redis.call('PEXPIREAT', META, last + 3600000) end
        return {0, 1}
        """)

    /// Adds an event to a stream that others write, by plain field names. ARGV: 1 the moment, 2 `traceparent` and 3 `tracestate`
    /// or nothing, 4 how many; for each its id, type, key, time, data. Answers 0, then the ID of each.
    static let publishForeign = Lua.script(
        Lua.clock, TopicLua.foreign,
        """
        local reply = {0}
        for i = 0, tonumber(ARGV[4]) - 1 do
          local at = 5 + 5 * i
          local fields = {'type', ARGV[at + 1], 'data', ARGV[at + 4]}
          if ARGV[2] ~= '' then fields[5], fields[6] = 'traceparent', ARGV[2] end
          if ARGV[3] ~= '' then fields[7], fields[8] = 'tracestate', ARGV[3] end
          for j, name in ipairs({'id', '', 'key', 'time'}) do
            if name ~= '' and ARGV[at + j - 1] ~= '' then fields[#fields + 1], fields[#fields + 2] = name, ARGV[at + j - 1] end
          end
          reply[#reply + 1] = redis.call('XADD', EVENTS, '*', unpack(fields))
        end
        return reply
        """)
}
