internal import BatonRedisClient

// Scripts on the lease of a session. KEYS: as for all scripts on a session, but 13 is the line: who waits for the lease.
extension Scripts {
    /// Gives the lease, or a place in the line.
    ///
    /// ARGV from 9 on: the holder, how long in milliseconds, 1 to steal, the ticket or nothing, how long a ticket lives in milliseconds, how
    /// many there may be. Answers 0, epoch and expiry.
    static let acquireLease = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Scripts.line,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        if done then
          local epoch, expires = string.match(done, '^(%d+) (%d+)$')
          return {0, tonumber(epoch), tonumber(expires)}
        end
        local holder, ttl, steals, ticket = ARGV[9], tonumber(ARGV[10]), ARGV[11] == '1', ARGV[12]
        local life, longest = tonumber(ARGV[13]), tonumber(ARGV[14])
        local l = lease(h)
        if not l then return {-7} end
        local held = l.expires > clock
        local w = openLine(h, life)
        if ticket ~= '' then w.expire(ticket) end
        if not steals and not (held and l.holder == holder) then
          local head = not held and w.head()
          if held or (head and head ~= ticket) then
            local ahead = w.size()
            if ticket ~= '' then
              ahead = w.show(ticket, longest)
              if not ahead then return {-11} end
            end
            return {-10, held and l.epoch or 0, held and l.expires or 0, held and l.holder or '', ahead}
          end
        end
        l.epoch, l.expires, l.holder = math.max(l.epoch + 1, clock), clock + ttl, holder
        mark(h, LEASED)
        extend(h, true, string.format('%.0f %.0f', l.epoch, l.expires))
        keepLease(h)
        if ticket ~= '' then w.leave(ticket) end
        return {0, l.epoch, l.expires}
        """)

    /// Lets the lease of an epoch last longer, or ends it. ARGV from 9 on: how long in milliseconds, 0 to end it; the epoch. Answers 0, epoch,
    /// expiry and holder.
    static let renewLease = Lua.script(
        Lua.clock, Lua.head, Lua.fence, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal,
        """
        local h, refusal = load()
        local done = before()
        if done == false then return {-6} end
        if not h then return {refusal} end
        local l = lease(h)
        if not l then return {-7} end
        local epoch, ttl = tonumber(ARGV[10]), tonumber(ARGV[9])
        if done then return {0, epoch, tonumber(done), l.holder} end
        local held = l.expires > clock
        if l.epoch ~= epoch or epoch == 0 or (ttl > 0 and not held) then return {-9, l.epoch} end
        if ttl > 0 or l.expires ~= 0 then
          l.expires = ttl > 0 and clock + ttl or 0
          extend(h, true, string.format('%.0f', l.expires))
          keepLease(h)
        end
        return {0, epoch, l.expires, l.holder}
        """)

    /// Takes a ticket out of the line. ARGV[9]: the ticket.
    static let leaveLine = Lua.script(
        Lua.clock, Lua.head, Lua.logEntry, Lua.lists, Lua.log, Scripts.line,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        check(h)
        if openLine(h, 0).leave(ARGV[9]) then note(ARGV[6], '') end
        return {0}
        """)

    /// The line of those who wait for a lease: a hash with the generation it belongs to in `g`, the lowest and highest number that may be in
    /// use in `f` and `l`, `n<number>` → ticket and `t<ticket>` → number and when it was last shown.
    ///
    /// It lives a little longer than its tickets. Dead ones are taken out when they stand in somebody's way.
    private static let line = """
        local function openLine(h, life)
          local key, w = KEYS[13], {}
          local f = redis.call('HMGET', key, 'g', 'f', 'l')
          if f[1] and f[1] ~= h.generation then
            redis.call('DEL', key)
            f = {}
          end
          local first, last = tonumber(f[2] or 1), tonumber(f[3] or 0)
          local function take(ticket, number)
            redis.call('HDEL', key, 't' .. ticket, 'n' .. number)
            if redis.call('HLEN', key) <= 3 then redis.call('DEL', key) end
          end
          local function find(ticket)
            local entry = first <= last and redis.call('HGET', key, 't' .. ticket)
            if not entry then return nil end
            local number, asked = string.match(entry, '^(%d+) (%d+)$')
            return number, tonumber(asked) + life > clock
          end
          -- A ticket that was not shown for too long has no place.
          function w.expire(ticket)
            local number, lives = find(ticket)
            if number and not lives then take(ticket, number) end
          end
          -- The first ticket that lives; those before it are taken out.
          function w.head()
            local moved = false
            while first <= last do
              local ticket = redis.call('HGET', key, 'n' .. first)
              if ticket then
                local number, lives = find(ticket)
                if lives then break end
                take(ticket, number)
              end
              first, moved = first + 1, true
            end
            if first > last then return nil end
            if moved then redis.call('HSET', key, 'f', first) end
            return redis.call('HGET', key, 'n' .. first)
          end
          function w.size() return math.max(0, math.floor((redis.call('HLEN', key) - 3) / 2)) end
          -- Gives a ticket its place, or keeps it; nil when the line is full, otherwise how many stand before it.
          function w.show(ticket, longest)
            local number = find(ticket)
            if not number then
              if w.size() >= longest then
                for n = first, last do
                  local other = redis.call('HGET', key, 'n' .. n)
                  if other then w.expire(other) end
                end
                if w.size() >= longest then return nil end
              end
              if redis.call('EXISTS', key) == 0 then first, last = 1, 0 end
              last = last + 1
              number = string.format('%.0f', last)
              redis.call('HSET', key, 'g', h.generation, 'f', first, 'l', last, 'n' .. number, ticket)
            end
            redis.call('HSET', key, 't' .. ticket, string.format('%s %.0f', number, clock))
            if native then redis.call('PEXPIREAT', key, clock + 2 * life) end
            return math.min(tonumber(number) - first, w.size() - 1)
          end
          function w.leave(ticket)
            local number = find(ticket)
            if number then take(ticket, number) end
            return number ~= nil
          end
          return w
        end
        """
}
