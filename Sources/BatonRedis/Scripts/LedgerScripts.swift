internal import BatonRedisClient

extension Scripts {
    /// Reserves a tool call.
    ///
    /// ARGV from 9 on: the key, the name, the arguments, the holder or nothing, how long it is held, what to do with an ambiguous call (`report`, `retry`,
    /// `fail`), how many calls a session may have, what stands for a lost worker, the epoch or nothing. Answers 0, whether it was granted (1 or 0), and the call.
    static let reserve = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Scripts.toolCalls, Scripts.ledger,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        local key = ARGV[9]
        local call = stored(h, 'k', key)
        if done then
          local granted, attempt = string.match(done, '^(%d) (%d+)$')
          if not call or call[3] ~= tonumber(attempt) then return {-6} end
          return answer({0, tonumber(granted)}, key, call)
        end
        local policy, granted = ARGV[14], 1
        if call then
          local status = statusOf(call)
          if call[7] ~= ARGV[10] or call[8] ~= ARGV[11] then return answer({-32, 0}, key, call) end
          if status == COMPLETED or status == AMBIGUOUS and policy == 'report' then return answer({0, 0}, key, call) end
          if status == RESERVED then return answer({-31, 0}, key, call) end
          if status == AMBIGUOUS and policy == 'fail' then granted = 0 end
        end
        local fenced = fence(h)
        if fenced then return fenced end
        check(h)
        if not call then
          if not makeRoom(h, 'k', tonumber(ARGV[15])) then return {-35} end
          call = {0, 0, 0, 0, h.now, 0, ARGV[10], ARGV[11], '', ''}
        end
        call[6] = h.now
        if granted == 1 then
          call[2], call[3], call[4], call[9], call[10] = 0, call[3] + 1, clock + tonumber(ARGV[13]), ARGV[12], ''
        else
          call[2], call[4], call[9], call[10] = FAILED, 0, '', ARGV[16]
        end
        store(h, 'k', key, call)
        commit(h, granted .. ' ' .. call[3], nil, '')
        return answer({0, granted}, key, call)
        """)

    /// Completes, fails or extends a tool call.
    ///
    /// ARGV from 9 on: the key, `c`, `f` or `x`, the result, the error or how long it is held, the attempt or nothing, the epoch or nothing. Answers 0, 0, and
    /// the call.
    static let finish = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Scripts.toolCalls, Scripts.ledger,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        local key, outcome, value, attempt = ARGV[9], ARGV[10], ARGV[11], ARGV[12]
        local call = stored(h, 'k', key)
        if not call then return {-34} end
        if done then return answer({0, 0}, key, call) end
        if attempt ~= '' and tonumber(attempt) ~= call[3] then return answer({-33, 0}, key, call) end
        local status = statusOf(call)
        if status == COMPLETED or status == FAILED then
          local same = outcome == (status == COMPLETED and 'c' or 'f') and call[10] == value
          return answer({same and 0 or -32, 0}, key, call)
        end
        if attempt == '' and (status == RESERVED or outcome == 'x') then return answer({-32, 0}, key, call) end
        if ARGV[#ARGV] ~= '' then
          local fenced = fence(h)
          if fenced then return fenced end
        end
        check(h)
        if outcome == 'x' then
          call[4] = clock + tonumber(value)
        else
          call[2], call[4], call[10] = outcome == 'c' and COMPLETED or FAILED, 0, value
        end
        call[6] = h.now
        store(h, 'k', key, call)
        commit(h, '', nil, '')
        return answer({0, 0}, key, call)
        """)

    /// Reads tool calls.
    ///
    /// ARGV from 9 on: `one` and a key, or `page`, the key that the page begins after or nothing, the status (0 to 3) or nothing, how many and how many bytes; last 1 to
    /// restart the lifetime. Answers 0, 1 when there are more, and the calls.
    static let calls = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Scripts.toolCalls, Scripts.ledger,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local reply = read(h, 'k')
        if reply[1] == 0 and ARGV[#ARGV] == '1' then extend(h) end
        return reply
        """)

    /// Asks people, and appends the event of it.
    ///
    /// ARGV from 9 on: the key, the prompt, the deciders as JSON, the deadline or 0, the event, the most events to keep or 0, how many approvals a session may have, the
    /// epoch or nothing. Answers 0, whether it was asked now (1 or 0), and the approval.
    static let ask = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Lua.blobs, Scripts.reading, Scripts.trimming,
        Scripts.approvals,
        Scripts.ledger,
        Scripts.saying,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        local key, deadline = ARGV[9], tonumber(ARGV[12])
        local approval = stored(h, 'a', key)
        if done then
          if not approval then return {-6} end
          return answer({0, 1}, key, approval)
        end
        if approval then
          local same = approval[5] == ARGV[10] and approval[6] == ARGV[11] and approval[4] == deadline
          return answer({same and 0 or -32, 0}, key, approval)
        end
        if deadline ~= 0 and deadline <= h.now then return {-37} end
        local fenced = fence(h)
        if fenced then return fenced end
        check(h)
        local maximum = tonumber(ARGV[15])
        if not makeRoom(h, 'a', maximum) then return {-38} end
        approval = {0, h.now, 0, deadline, ARGV[10], ARGV[11], '', '', ''}
        local said = say(h, ARGV[13], tonumber(ARGV[14]))
        store(h, 'a', key, approval)
        commit(h, said, nil, string.format('b%.0f %s', h.seq, h.generation))
        return answer({0, 1}, key, approval)
        """)

    /// Decides, and appends the event of it.
    ///
    /// ARGV from 9 on: the key, the decision, who decides, the comment or nothing, the event, the most events to keep or 0. Answers 0, 0, and the
    /// approval.
    static let decide = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.commit, Lua.blobs, Scripts.reading, Scripts.trimming,
        Scripts.approvals,
        Scripts.ledger,
        Scripts.saying,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        local key = ARGV[9]
        local approval = stored(h, 'a', key)
        if not approval then return {-40} end
        if done then return answer({0, 0}, key, approval) end
        local deciders, may = cjson.decode(approval[6]), false
        for _, name in ipairs(deciders) do may = may or name == ARGV[11] end
        if #deciders > 0 and not may then return {-39} end
        local status = statusOf(approval)
        if status ~= PENDING then
          local same = status == DECIDED and approval[7] == ARGV[10] and approval[8] == ARGV[11] and approval[9] == ARGV[12]
          return answer({same and 0 or -32, 0}, key, approval)
        end
        check(h)
        approval[3], approval[7], approval[8], approval[9] = h.now, ARGV[10], ARGV[11], ARGV[12]
        local said = say(h, ARGV[13], tonumber(ARGV[14]))
        store(h, 'a', key, approval)
        commit(h, said, nil, string.format('b%.0f %s', h.seq, h.generation))
        return answer({0, 0}, key, approval)
        """)

    /// Reads approvals: as ``calls``, with the statuses 0 pending, 1 decided, 2 expired.
    static let approvalsPage = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Scripts.approvals, Scripts.ledger,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local reply = read(h, 'a')
        if reply[1] == 0 and ARGV[#ARGV] == '1' then extend(h) end
        return reply
        """)

    /// The ledger of a session, in its slot: a hash of records packed by cmsgpack, `kKEY` for tool calls and `aKEY` for approvals, and a sorted set of the same
    /// names in the order of the first asking, approvals behind all tool calls.
    private static let ledger = """
        local LEDGER, ORDER = KEYS[1] .. ':t', KEYS[1] .. ':o'
        local LOW, HIGH = {k = 1, a = 1000000000000}, {k = 999999999999, a = 2000000000000}
        local function stored(h, kind, key)
          if not has(h, LEDGERED) then return nil end
          local bytes = redis.call('HGET', LEDGER, kind .. key)
          return bytes and cmsgpack.unpack(bytes) or nil
        end
        -- Writes a record; a new one comes last.
        local function store(h, kind, key, record)
          local name = kind .. key
          local isNew = redis.call('HSET', LEDGER, name, cmsgpack.pack(record)) == 1
          mark(h, LEDGERED)
          if isNew then
            local last = redis.call('ZREVRANGEBYSCORE', ORDER, HIGH[kind], LOW[kind], 'WITHSCORES', 'LIMIT', 0, 1)
            redis.call('ZADD', ORDER, last[2] and last[2] + 1 or LOW[kind], name)
          end
        end
        -- Names of one kind from a score on, in steps; `visit` ends it by giving true.
        local function walk(kind, score, visit)
          local from, offset = score, 0
          while true do
            local names = redis.call('ZRANGEBYSCORE', ORDER, from, HIGH[kind], 'LIMIT', offset, 64)
            if #names == 0 then return end
            for i, bytes in ipairs(redis.call('HMGET', LEDGER, unpack(names))) do
              if bytes and visit(names[i], cmsgpack.unpack(bytes), #bytes) then return end
            end
            offset = offset + #names
          end
        end
        -- Takes out the oldest finished record when there are as many as there may be.
        local function makeRoom(h, kind, maximum)
          if not has(h, LEDGERED) or redis.call('ZCOUNT', ORDER, LOW[kind], HIGH[kind]) < maximum then return true end
          local found
          walk(kind, LOW[kind], function(name, record)
            if not isFinished(record) then return false end
            found = name
            return true
          end)
          if not found then return false end
          redis.call('HDEL', LEDGER, found)
          redis.call('ZREM', ORDER, found)
          return true
        end
        -- A page behind the name `after`: nil when that is not there, otherwise what was found, and 1 when there is more.
        local function records(h, kind, after, wanted, limit, maximumBytes)
          local found, more, bytes = {}, 0, 0
          if not has(h, LEDGERED) then
            if after ~= '' then return nil end
            return found, more
          end
          local score = LOW[kind]
          if after ~= '' then
            score = redis.call('ZSCORE', ORDER, kind .. after)
            if not score then return nil end
            score = '(' .. score
          end
          walk(kind, score, function(name, record, size)
            if wanted and statusOf(record) ~= wanted then return false end
            if #found == limit or bytes > maximumBytes then
              more = 1
              return true
            end
            found[#found + 1] = {string.sub(name, 2), record}
            bytes = bytes + size
            return false
          end)
          return found, more
        end
        local function read(h, kind)
          if ARGV[9] == 'one' then
            local record = stored(h, kind, ARGV[10])
            if not record then return {kind == 'k' and -34 or -40} end
            return answer({0, 0}, ARGV[10], record)
          end
          local found, more = records(h, kind, ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]))
          if not found then return {-36} end
          local reply = {0, more}
          for _, entry in ipairs(found) do answer(reply, entry[1], entry[2]) end
          return reply
        end
        """

    /// A tool call is {0, status, attempt, held until, created, updated, name, arguments, holder, result or error}.
    private static let toolCalls = """
        local RESERVED, COMPLETED, FAILED, AMBIGUOUS = 0, 1, 2, 3
        local function statusOf(call)
          if call[2] == RESERVED and call[4] <= clock then return AMBIGUOUS end
          return call[2]
        end
        local function isFinished(call) return call[2] ~= RESERVED end
        local function answer(reply, key, call)
          local at = #reply
          reply[at + 1], reply[at + 2] = key, statusOf(call)
          for i = 3, 10 do reply[at + i] = call[i] end
          return reply
        end
        """

    /// An approval is {0, created, decided, deadline, prompt, deciders, decision, decider, comment}.
    private static let approvals = """
        local PENDING, DECIDED, EXPIRED = 0, 1, 2
        local function statusOf(approval)
          if approval[3] ~= 0 then return DECIDED end
          if approval[4] ~= 0 and approval[4] <= clock then return EXPIRED end
          return PENDING
        end
        local function isFinished(approval) return statusOf(approval) ~= PENDING end
        local function answer(reply, key, approval)
          local at = #reply
          reply[at + 1], reply[at + 2] = key, statusOf(approval)
          for i = 2, 9 do reply[at + 1 + i] = approval[i] end
          return reply
        end
        """

    /// Appends the event of a step, and gives what the log notes of an append.
    private static let saying = """
        local function say(h, body, maximum)
          redis.call('XADD', KEYS[2], string.format('%.0f-%.0f', h.seq + 1, h.now), 'b', body)
          h.seq, h.ms, h.count = h.seq + 1, h.now, h.count + 1
          if maximum > 0 and h.count > maximum then trim(h, math.min(h.count - maximum, 1000)) end
          return string.format('%.0f %.0f 1 %.0f %s', h.version + 1, h.seq, h.now, h.generation)
        end
        """
}
