internal import BatonCore
internal import BatonRedisClient

/// Pieces of Lua that scripts are put together from.
///
/// A script runs alone on the server, so all of it is one step. The rules that all of them keep: every check stands before the
/// first write, because Redis undoes nothing; the first write is one that a full server refuses; nothing is unpacked that is not
/// bounded; bodies and values pass through as bytes.
///
/// Scripts answer an array whose first element is 0, or a number of ``Refusal``.
enum Lua {
    /// A script made of pieces.
    static func script(_ pieces: String..., isReadOnly: Bool = false) -> RedisScript {
        RedisScript(pieces.joined(separator: "\n"), isReadOnly: isReadOnly)
    }

    /// The moment that the script runs at, in milliseconds: the server's, unless ARGV[1] gives one; and what the times of new events have to
    /// reach, which ARGV[1] gives behind `>` when another server may have given out later ones, see ``ServedTime``.
    ///
    /// A floor more than a minute away comes from a clock that was wrong, and must not spread. `TIME` stands still while a script runs. A moment
    /// that is given comes from a test, which also stands for the passing of time: then the server must not expire keys by its own clock.
    static let clock = """
        local native, earliest, clock = ARGV[1] == '' or string.byte(ARGV[1]) == 62, 0
        if native then
          local time = redis.call('TIME')
          clock = time[1] * 1000 + math.floor(time[2] / 1000)
          earliest = tonumber(string.sub(ARGV[1], 2)) or 0
          if earliest - clock > 60000 then earliest = 0 end
        else
          clock = tonumber(ARGV[1])
        end
        local function lives(ttl, from)
          if ttl == 0 then return 0 end
          return math.min(from + ttl * 1000, 253402300799999)
        end
        """

    /// Names of one slot, as ``KeyLayout`` writes them.
    static let names = """
        local function escape(name)
          return (string.gsub(name, '[^A-Za-z0-9._~-]', function(c) return string.format('%%%02X', string.byte(c)) end))
        end
        -- The user and the id in a member of an application's list: NUL ends the user, NUL 255 stands for a NUL inside.
        local function parts(member)
          local from = 1
          while true do
            local stop = string.find(member, '\\0', from, true)
            if not stop then return nil end
            if string.byte(member, stop + 1) ~= 255 then
              return (string.gsub(string.sub(member, 1, stop - 1), '%z\\255', '\\0')), string.sub(member, stop + 1)
            end
            from = stop + 2
          end
        end
        """

    /// Reads the head of a session: the numbers that every operation needs, packed into 63 bytes, so that the hash stays in the
    /// server's compact form (`hash-max-listpack-value` 64).
    ///
    /// `load` gives nil and a refusal when there is no session, and with it the head of one that has expired and is still in its place.
    static let head = """
        local HEAD = '>BBBI6I6I6I6I6I6I6I6I6I6'
        local function parse(bytes, generation)
          if #bytes ~= 63 or string.byte(bytes) ~= 1 or not generation then return nil end
          local h = {generation = generation}
          local _
          _, h.status, h.flags, h.version, h.seq, h.ms, h.floor, h.floorms, h.count, h.created, h.updated, h.ttl, h.expires =
            struct.unpack(HEAD, bytes)
          return h
        end
        local function pack(h)
          return struct.pack(HEAD, 1, h.status, h.flags, h.version, h.seq, h.ms, h.floor, h.floorms, h.count, h.created, h.updated,
            h.ttl, h.expires)
        end
        local function gone(h) return h.expires ~= 0 and h.expires <= clock end
        local function load()
          local f = redis.call('HMGET', KEYS[1], 'h', 'g')
          if not f[1] then
            if redis.call('EXISTS', KEYS[1]) == 1 then return nil, -7 end
            return nil, -1
          end
          local h = parse(f[1], f[2])
          if not h then return nil, -7 end
          h.key = KEYS[1]
          if gone(h) then return nil, -1, h end
          h.now = math.max(clock, earliest, h.updated, h.ms)
          return h
        end
        -- What else belongs to a session is known by a bit, so that a key which cannot be there is not looked for. RETRIED: there may be
        -- fences, which plain appends do not look for. LEDGERED: a ledger, or contents that are kept apart.
        local IDS, EDITS, REQUESTS, LEASED, BRANCHED, LEDGERED, TRACKED, RETRIED = 1, 2, 4, 8, 16, 32, 64, 128
        local function has(h, bit) return math.floor(h.flags / bit) % 2 == 1 end
        local function mark(h, bit) if not has(h, bit) then h.flags = h.flags + bit end end
        local function unmark(h, bit) if has(h, bit) then h.flags = h.flags - bit end end
        """

    /// What is known of a session's leases: the field `L`, which is there when the head has the bit.
    ///
    /// `fence` gives a refusal for a write that shows the epoch in the last of ARGV, or nothing there; see ``BatonCore/Fence/pass(_:at:)``. It
    /// writes nothing: that a lease is over for good is kept by `commit`.
    static let fence = """
        local LEASE = '>BI6I6'
        local function lease(h)
          if h.lease then return h.lease end
          local l = {policy = 0, epoch = 0, expires = 0, holder = ''}
          if has(h, LEASED) then
            local bytes = redis.call('HGET', KEYS[1], 'L')
            if not bytes or #bytes < 13 then return nil end
            l.policy, l.epoch, l.expires = struct.unpack(LEASE, bytes)
            l.holder = string.sub(bytes, 14)
          end
          h.lease = l
          return l
        end
        local function keepLease(h)
          local l = h.lease
          mark(h, LEASED)
          redis.call('HSET', KEYS[1], 'L', struct.pack(LEASE, l.policy, l.epoch, l.expires) .. l.holder)
        end
        local function fence(h)
          local epoch = ARGV[#ARGV]
          if not has(h, LEASED) then
            if epoch ~= '' then return {-9, 0} end
            return nil
          end
          local l = lease(h)
          if not l then return {-7} end
          local held = l.expires > clock
          if epoch ~= '' then
            if not held or tonumber(epoch) ~= l.epoch then return {-9, l.epoch} end
          elseif held then
            if l.policy == 0 then return {-10, l.epoch, l.expires, l.holder} end
          elseif l.expires ~= 0 then
            l.expires = 0
            h.leaseIsOver = true
          end
        end
        """

    /// What an append leaves in the log: version, seq and milliseconds of the tail, how many events it stored, and the generation.
    static let receipt = """
        local function receipt(version, tail, ms, stored, generation)
          return struct.pack('>I6I6I6I2', version, tail, ms, stored) .. generation
        end
        local function readReceipt(bytes)
          local version, tail, ms, stored = struct.unpack('>I6I6I6I2', bytes)
          return version, tail - stored + 1, stored, ms, string.sub(bytes, 21)
        end
        """

    /// Restarts the life of all keys of a session: one absolute moment for all of them.
    static let lifetime =
        logs + "\n" + trackLives + """

            local function persist(key, expires)
              if not native then return end
              if expires == 0 then redis.call('PERSIST', key) else redis.call('PEXPIREAT', key, expires) end
            end
            local function live(h)
              if has(h, BRANCHED) then
                keepLogs(h)
                if native and h.expires ~= 0 then redis.call('PEXPIREAT', h.key .. ':f', h.expires) end
              end
              if has(h, TRACKED) then keepTracks(h) end
              if not native or h.expires == 0 then return end
              redis.call('PEXPIREAT', KEYS[1], h.expires)
              if h.seq > 0 then redis.call('PEXPIREAT', KEYS[2], h.expires) end
              if has(h, IDS) then redis.call('PEXPIREAT', KEYS[3], h.expires) end
              if has(h, EDITS) then redis.call('PEXPIREAT', KEYS[4], h.expires) end
              if has(h, REQUESTS) then redis.call('PEXPIREAT', KEYS[5], h.expires) end
              if has(h, LEDGERED) then
                redis.call('PEXPIREAT', h.key .. ':t', h.expires)
                redis.call('PEXPIREAT', h.key .. ':o', h.expires)
                redis.call('PEXPIREAT', h.key .. ':b', h.expires)
              end
              if has(h, TRACKED) then redis.call('PEXPIREAT', h.key .. ':s', h.expires) end
            end
            """

    /// Takes out of a log what is too much or too old, up to the number that was given out last.
    static let logTrimming = """
        local function trimLog(logKey, number, clock)
          local kept = redis.call('HMGET', logKey .. ':m', 'events', 'age')
          local events = tonumber(kept[1] or \(LogKind.retention.maximumEvents ?? 0))
          local age = tonumber(kept[2] or \(LogKind.retention.maximumAge ?? 0))
          local trimmed = 0
          if events > 0 and number > events then
            trimmed = redis.call('XTRIM', logKey, 'MINID', string.format('%.0f', number - events + 1))
          end
          for step = 1, age > 0 and 20 or 0 do
            -- Mostly nothing is too old, which the first entry says.
            local entries = redis.call('XRANGE', logKey, '-', '+', 'COUNT', step == 1 and 1 or 100)
            local last = 0
            for _, entry in ipairs(entries) do
              local own, ms = string.match(entry[1], '^(%d+)-(%d+)$')
              if tonumber(ms) >= clock - age * 1000 or tonumber(own) >= number then break end
              last = tonumber(own)
            end
            if last == 0 then break end
            trimmed = trimmed + redis.call('XTRIM', logKey, 'MINID', string.format('%.0f', last + 1))
          end
          if trimmed > 0 then redis.call('HSET', logKey .. ':m', 'trimmed', string.format('%.0f', clock)) end
        end
        """

    /// Writes to a shard's log and keeps it short.
    ///
    /// An entry's ID is `<number>-<milliseconds>`. Numbers come from a counter and are given out like this: each change that the topic of all
    /// sessions shows has one of its own, and an entry has that of its last change; an entry that shows none there has one too. So a place
    /// in the log is a number, and what was trimmed, or stands after a place, is known without counting. Nothing else may be added to a log.
    ///
    /// What an entry shows is its kind `y`: letters of ``LogKind``, with what they need behind them. A log is trimmed every 64 numbers, and
    /// its newest entry stays.
    static let logEntry =
        logTrimming + """

            local logKey
            local function add(name, token, result, kind, count)
              local number = redis.call('INCRBY', logKey .. ':n', count)
              redis.call('XADD', logKey, string.format('%.0f-%.0f', number, clock), 'k', name, 't', token, 'r', result, 'y', kind)
              if number % 64 < count then trimLog(logKey, number, clock) end
            end
            """

    /// Lists of sessions. `check` is called before the first write, `list` after it.
    ///
    /// A list lives as long as the session in it that lives longest, or a sixteenth of its lifetime longer, so that nothing is left when
    /// all have expired.
    static let lists = """
        local new, endless = {}, false
        local function check(h)
          -- The order of creation stays, so its lists are only looked at when the session is new or when their lives may have to grow.
          for i = 6, 9, h and h.ttl == 0 and 2 or 1 do new[i] = redis.call('ZCARD', KEYS[i]) == 0 end
          redis.call('XLEN', KEYS[10])
        end
        -- Lists end on a grid of sixteenths of a lifetime, so that most changes of a session leave them alone.
        local function ending(h)
          if h.expires == 0 then return 0 end
          local grain = h.ttl * 62.5
          return math.ceil(math.ceil(h.expires / grain) * grain)
        end
        -- A list with a session that never expires has no end either, from the moment that `endless` says so; only then is it looked at.
        local function keep(i, expires)
          if not native then return end
          if expires == 0 then
            if endless then redis.call('PERSIST', KEYS[i]) end
          else
            local left = redis.call('PTTL', KEYS[i])
            if new[i] or (left >= 0 and clock + left < expires) then redis.call('PEXPIREAT', KEYS[i], expires) end
          end
        end
        -- Gives whether the session was listed before; for a new one that is another's that expired and was not missed yet.
        local function list(h, first)
          local known = redis.call('ZADD', KEYS[6], h.updated, ARGV[5]) == 0
          redis.call('ZADD', KEYS[8], h.updated, ARGV[4])
          if first then
            redis.call('ZADD', KEYS[7], h.created, ARGV[5])
            redis.call('ZADD', KEYS[9], h.created, ARGV[4])
          end
          local last = ending(h)
          for i = 6, 9 do keep(i, last) end
          return known
        end
        local function unlist()
          local known = redis.call('ZREM', KEYS[6], ARGV[5]) == 1
          redis.call('ZREM', KEYS[7], ARGV[5])
          redis.call('ZREM', KEYS[8], ARGV[4])
          redis.call('ZREM', KEYS[9], ARGV[4])
          return known
        end
        """

    /// Tells who watches, who reads the topic of all sessions, and who asks again after a lost reply.
    ///
    /// `before` has to be called before anything is written. It looks for what this very request did already: in the log, no further back
    /// than the request is old. It gives the result that was noted, nil when the request did nothing, or false when that cannot be
    /// known, or when a later attempt of the same request has come first: bytes of a connection that broke may still be on
    /// their way, so a later attempt leaves a fence that earlier ones run into.
    static let log = """
        local fenceKey = KEYS[12] or KEYS[2]
        logKey = KEYS[10] or KEYS[3]
        local function note(name, result, kind, count) add(name, ARGV[2], result, kind or '', count or 1) end
        local function noteEverything() add('*', '', '', '', 1) end
        local function before()
          local fence = redis.call('HGET', fenceKey, ARGV[2])
          if ARGV[3] == '' then
            if fence then return false end
            return nil
          end
          local attempt, age = string.match(ARGV[3], '^(%d+) (%d+)$')
          if fence and tonumber(fence) > tonumber(attempt) then return false end
          local time = redis.call('TIME')
          local moment = time[1] * 1000 + math.floor(time[2] / 1000)
          redis.call('HSET', fenceKey, ARGV[2], attempt)
          redis.call('PEXPIREAT', fenceKey, moment + 60000)
          if not logKey then return nil end
          local since, start = clock - tonumber(age), '+'
          while true do
            local entries = redis.call('XREVRANGE', logKey, start, '-', 'COUNT', 200)
            for _, entry in ipairs(entries) do
              start = '(' .. entry[1]
              if tonumber(string.match(entry[1], '%d+$')) < since then return nil end
              if entry[2][4] == ARGV[2] then return entry[2][6] end
            end
            if #entries < 200 then
              -- The log ends before the request is old: nothing more was written, or it has been trimmed.
              if redis.call('HGET', logKey .. ':m', 'trimmed') then return false end
              return nil
            end
          end
        end
        """

    /// Changes of state. `readChanges` reads ARGV from `at` on: a count, then for each change a scope (`s`, `u`, `a`), a key, an
    /// operation (`s` set, `r` remove) and a value. `readGuards` reads what has to be stored for the changes to hold: a count, then
    /// for each a scope, a key, `s` or `r`, and a value. Both give the index behind.
    static let state = """
        local function readState(at)
          local items, count = {}, tonumber(ARGV[at])
          at = at + 1
          for i = 1, count do
            items[i] = {ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]}
            at = at + 4
          end
          return items, at
        end
        local SCOPE = {s = 1, u = 11, a = 13}
        local function field(item) if item[1] == 's' then return '.' .. item[2] end return item[2] end
        -- State of users and applications notes in a field without name when it expires, as session heads do.
        local function stale(key)
          local expires = redis.call('HGET', key, '')
          return expires and tonumber(expires) <= clock
        end
        local function holds(guards)
          for _, guard in ipairs(guards) do
            local key = KEYS[SCOPE[guard[1]]]
            local value = redis.call('HGET', key, field(guard))
            if guard[1] ~= 's' and value and stale(key) then value = false end
            if guard[3] == 'r' then
              if value then return false end
            elseif value ~= guard[4] then
              return false
            end
          end
          return true
        end
        local function checkState(items)
          local seen = {}
          for _, item in ipairs(items) do
            if item[1] ~= 's' and not seen[item[1]] then
              seen[item[1]] = true
              if KEYS[SCOPE[item[1]]] then redis.call('HLEN', KEYS[SCOPE[item[1]]]) end
            end
          end
        end
        local function renew(key, ttl)
          local expires = lives(ttl, clock)
          if expires ~= 0 then
            redis.call('HSET', key, '', string.format('%.0f', expires))
            persist(key, expires)
          elseif redis.call('HDEL', key, '') == 1 then
            persist(key, 0)
          end
        end
        -- Gives whether others than the session see a change. What a cluster keeps elsewhere has no key here and is left out.
        local function change(items)
          local touched = {}
          for _, item in ipairs(items) do
            local scope = item[1]
            local key = KEYS[SCOPE[scope]]
            if key then
              if scope ~= 's' and not touched[scope] then
                touched[scope] = true
                if stale(key) then redis.call('DEL', key) end
              end
              if item[3] == 's' then redis.call('HSET', key, field(item), item[4]) else redis.call('HDEL', key, field(item)) end
            end
          end
          if touched.u then renew(KEYS[11], tonumber(ARGV[7])) end
          if touched.a then renew(KEYS[13], tonumber(ARGV[8])) end
          return touched.u or touched.a
        end
        """

    /// What a session is, with all the state it sees.
    static let snapshot = """
        local function snapshot()
          local app = {}
          if KEYS[13] then app = redis.call('HGETALL', KEYS[13]) end
          return {clock, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[11]), app}
        end
        """

    /// Makes a session. ARGV from `at` on: generation, lifetime in seconds (0 without end), a count of fields, then each field and its value.
    static let creation = """
        local function create(at, stale)
          if stale then drop(stale, ARGV[5]) end
          local ttl = tonumber(ARGV[at + 1])
          local h = {status = 0, flags = 0, version = 1, seq = 0, ms = 0, floor = 0, floorms = 0, count = 0, created = clock,
            updated = clock, ttl = ttl, expires = lives(ttl, clock), generation = ARGV[at], now = math.max(clock, earliest), key = KEYS[1],
            isNew = true}
          for i = 1, tonumber(ARGV[at + 2]) do
            if ARGV[at + 1 + 2 * i] == 'L' then mark(h, LEASED) end
          end
          if redis.call('EXISTS', KEYS[12]) == 1 then mark(h, RETRIED) end
          redis.call('HSET', KEYS[1], 'h', pack(h), 'g', h.generation)
          for i = 1, tonumber(ARGV[at + 2]) do redis.call('HSET', KEYS[1], ARGV[at + 1 + 2 * i], ARGV[at + 2 + 2 * i]) end
          endless = ttl == 0
          return h
        end
        -- Sessions that expired leave entries in lists that others keep alive. Every creation looks at the two oldest entries and at
        -- one by chance, so that lists do not grow without end although nobody reads them.
        local function sweep(base, app)
          local seen = redis.call('ZRANGE', KEYS[8], 0, 1)
          seen[#seen + 1] = redis.call('ZRANDMEMBER', KEYS[8])
          for _, member in ipairs(seen) do
            local user, id = parts(member)
            if not user then
              redis.call('ZREM', KEYS[8], member)
            else
              local owner = app .. ':' .. escape(user)
              if redis.call('EXISTS', base .. 's:' .. owner .. ':' .. escape(id)) == 0 then
                redis.call('ZREM', KEYS[8], member)
                redis.call('ZREM', KEYS[9], member)
                redis.call('ZREM', base .. 'l:' .. owner, id)
                redis.call('ZREM', base .. 'c:' .. owner, id)
                add(owner .. ':' .. escape(id), '', '', 'e', 1)
              end
            end
          end
        end
        """

    /// Restarts a lifetime, and tells who watches when it has moved or when it is asked to.
    static let renewal = """
        local function extend(h, tells, result)
          local expires = lives(h.ttl, h.now)
          if not tells and expires == h.expires then return end
          check(h)
          h.expires = expires
          redis.call('HSET', KEYS[1], 'h', pack(h))
          live(h)
          local last = ending(h)
          for i = 6, 9 do keep(i, last) end
          note(ARGV[6], result or '')
        end
        """

    /// Counts a change of a session and writes its head, its lists and the log, where `kind` and `count` say what it is to the topic.
    static let commit = """
        local function commit(h, result, everything, kind, count)
          h.updated = h.now
          h.version = h.version + 1
          h.expires = lives(h.ttl, h.now)
          if h.leaseIsOver then keepLease(h) end
          if has(h, RETRIED) and redis.call('EXISTS', KEYS[12]) == 0 then unmark(h, RETRIED) end
          redis.call('HSET', KEYS[1], 'h', pack(h))
          live(h)
          local expired = list(h, h.isNew) and h.isNew
          note(ARGV[6], result, (expired and 'e' or '') .. (kind or 'u'), (count or 1) + (expired and 1 or 0))
          if everything then noteEverything() end
        end
        """
}
