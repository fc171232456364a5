internal import BatonRedisClient

/// Scripts on a group of a topic with one stream; KEYS[7] is the group. ARGV: 1 the moment, 2 the consumer or nothing.
extension Scripts {
    private static func group(_ pieces: String...) -> TopicScript {
        TopicScript(
            TopicLua.walk, GroupLua.core, GroupLua.receiving, GroupLua.settling, GroupLua.administration, GroupLua.opened,
            pieces.joined(separator: "\n"))
    }

    /// ARGV: 3 the request, 4 nothing when it is sent for the first time, 5 how many, then nothing or what ``GroupLua/Quick/receive`` takes. Answers 0, the
    /// generation and what ``GroupLua/receiving`` says; where that has new events, the number of those that the caller has read ahead.
    static let receive = TopicScript(
        TopicLua.walk, GroupLua.core, GroupLua.receiving, GroupLua.administration, GroupLua.opened,
        """
        local q = open()
        if not q then return {-12} end
        local reply = ARGV[4] ~= '' and received(q, ARGV[3]) or receive(q, tonumber(ARGV[5]), ARGV[3])
        if q.isReleased then wake() end
        return {0, q.topic.generation or '', reply}
        """, quick: GroupLua.Quick.receive)

    /// ARGV: 3 and 4 as of ``receive``, 5 how many lines, 6 a number from 0 to 1 by chance, then settlements. Answers 0 and the outcomes.
    static let settle = TopicScript(
        TopicLua.walk, GroupLua.core, GroupLua.settling, GroupLua.administration,
        """
        local q = load(KEYS[7], ARGV[2])
        if not q then return {-12} end
        local outcomes = ARGV[4] ~= '' and settled(q, ARGV[3]) or settle(q, 7, tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[3])
        if q.isReleased then wake() end
        return {0, outcomes}
        """, quick: GroupLua.Quick.settle)

    /// Makes or changes a group. ARGV: 3 to 5 a cursor, 6 settings, 7 whether it is ordered, 8 a generation for a new topic, 9 the name. Answers 0 or -11
    /// with facts, 1 when it was made, and the group.
    static let setGroup = group(
        """
        local t = topic()
        if t.wrong then return t.wrong end
        local q = load(KEYS[7], '')
        if q then
          redis.call('HSET', KEYS[7], 'settings', ARGV[6] .. (q.ordered and ' 1' or ' 0'))
        else
          local at = resolve(t, ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
          if not at then return {-11, isThere(t) and 1 or 0, facts(t)} end
          if redis.call('HLEN', GROUPS) >= 1000 then return {-9} end
          ensure(t, ARGV[8])
          make(KEYS[7], ARGV[6] .. ' ' .. ARGV[7], at, t.generation or '')
          redis.call('HSET', GROUPS, ARGV[9], '')
        end
        return {0, q and 0 or 1, describe(KEYS[7], t), t.isNew and 1 or 0}
        """)

    /// Answers 0 and the group.
    static let groupFacts = group(
        """
        local found = describe(KEYS[7], topic())
        if not found then return {-12} end
        return {0, found}
        """)

    /// Answers 0 and the escaped names of all groups.
    static let groupNames = group("return {0, redis.call('HGETALL', GROUPS)}")

    /// ARGV[3]: the name. Answers 0 and whether it was there.
    static let deleteGroup = group(
        """
        local known = redis.call('HDEL', GROUPS, ARGV[3])
        removeGroup(KEYS[7])
        return {0, known}
        """)

    /// ARGV: 3 the id after which the page begins, or nothing, 4 how many. Answers 0 and the page.
    static let pending = group(
        """
        local q = load(KEYS[7], '')
        if not q then return {-12} end
        return {0, pendingPage(q, ARGV[3], tonumber(ARGV[4]))}
        """)

    /// As ``pending``, of dead letters, with the topic's generation.
    static let dead = group(
        """
        local q = load(KEYS[7], '')
        if not q then return {-12} end
        return {0, topic().generation or '', deadPage(q, ARGV[3], tonumber(ARGV[4]))}
        """)

    /// ARGV: 3 `redrive` or `discard`, 4 how many of the oldest or nothing, then ids. Answers 0 and how many.
    static let chooseDead = group(
        """
        local q = load(KEYS[7], '')
        if not q then return {-12} end
        q.topic = topic()
        local ids = chosen(q, ARGV[4], 5)
        if ARGV[3] == 'discard' then
          discard(q, ids)
          return {0, #ids}
        end
        local count = redrive(q, ids)
        if q.isReleased then wake() end
        return {0, count}
        """)

    /// ARGV: 3 to 5 a cursor. Answers 0 or -11 with facts, and the group.
    static let moveGroup = group(
        """
        local q = load(KEYS[7], '')
        if not q then return {-12} end
        local t = topic()
        local at = resolve(t, ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
        if not at then return {-11, isThere(t) and 1 or 0, facts(t)} end
        clearHeld(q)
        q.position, q.generation = at, t.generation or ''
        save(q)
        wake()
        return {0, describe(KEYS[7], t)}
        """)
}

extension GroupLua {
    /// `open()`: the group of KEYS[7], brought up to date. `describe(g, t)`: what is known of it.
    static let opened = """
        local function open()
          local q = load(KEYS[7], ARGV[2])
          if not q then return nil end
          q.topic = topic()
          catchUp(q, q.topic)
          return q
        end
        local function describe(g, t)
          local q = load(g, '')
          if not q then return nil end
          local found = inspect(q)
          local entry = redis.call('XRANGE', EVENTS, '(' .. q.position, '+', 'COUNT', 1)[1]
          found[8], found[9] = lag(q, t), entry and entry[1] or ''
          return found
        end
        """
}
