internal import BatonRedisClient

extension Scripts {
    /// Reads the summaries of a session.
    ///
    /// ARGV[9]: 1 to restart the lifetime. Answers 0, seq and milliseconds of the tail and of the floor, the tokens that were ever appended, the generation, then for
    /// each summary its filter, seq and milliseconds of its boundary, when it was stored, its body.
    static let summaries = Lua.script(
        Lua.clock, Lua.head, Lua.lifetime, Lua.logEntry, Lua.lists, Lua.log, Lua.renewal, Scripts.summarySlots,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local reply = {0, h.seq, h.ms, h.floor, h.floorms, tonumber(redis.call('HGET', KEYS[1], 'N') or 0), h.generation}
        for _, slot in ipairs(slots(h)) do
          local body = slot[2] > 0 and redis.call('HGET', SUMMARIES, 'y' .. slot[1])
          if body then
            local at = #reply
            for i = 1, 4 do reply[at + i] = slot[i] end
            reply[at + 5] = body
          end
        end
        if ARGV[9] == '1' then extend(h) end
        return reply
        """)

    /// Claims the summary of a filter.
    ///
    /// ARGV from 9 on: the filter, the holder, for how many milliseconds, 1 to take it from whoever has it, how many filters a session may have. Answers 0 and the
    /// epoch.
    static let claimSummary = Lua.script(
        Lua.clock, Lua.head, Scripts.summarySlots,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local all, slot = slots(h), nil
        for _, candidate in ipairs(all) do
          if candidate[1] == ARGV[9] then slot = candidate end
        end
        if slot and slot[6] > clock and slot[7] ~= ARGV[10] and ARGV[12] ~= '1' then return {-43} end
        if not slot then
          local maximum = tonumber(ARGV[13])
          if #all >= maximum then
            local left = {}
            for _, candidate in ipairs(all) do
              if candidate[2] > 0 or candidate[6] > clock then left[#left + 1] = candidate end
            end
            if #left >= maximum then return {-44} end
            all = left
          end
          slot = {ARGV[9], 0, 0, 0, 0, 0, ''}
          all[#all + 1] = slot
        end
        if slot[6] <= clock or slot[7] ~= ARGV[10] then slot[5] = math.max(slot[5] + 1, clock) end
        slot[6], slot[7] = clock + tonumber(ARGV[11]), ARGV[10]
        keepSlots(h, all)
        return {0, slot[5]}
        """)

    /// Stores a summary. ARGV from 9 on: the filter, the claim's epoch, seq and milliseconds of the boundary, the body. Answers 0 and when it was stored.
    static let putSummary = Lua.script(
        Lua.clock, Lua.head, Scripts.summarySlots,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local all, slot, seq = slots(h), nil, tonumber(ARGV[11])
        for _, candidate in ipairs(all) do
          if candidate[1] == ARGV[9] then slot = candidate end
        end
        if not slot or slot[5] ~= tonumber(ARGV[10]) then return {-45, slot and slot[5] or 0} end
        if seq > h.seq then return {-47, h.seq, h.ms} end
        if seq < slot[2] then return {-46, slot[2], slot[3]} end
        slot[2], slot[3], slot[4], slot[6] = seq, tonumber(ARGV[12]), h.now, 0
        keepSlots(h, all, slot, ARGV[13])
        return {0, h.now}
        """)

    /// Ends a claim. ARGV from 9 on: the filter, the epoch. Answers 0.
    static let releaseSummary = Lua.script(
        Lua.clock, Lua.head, Scripts.summarySlots,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local all = slots(h)
        for _, slot in ipairs(all) do
          if slot[1] == ARGV[9] and slot[5] == tonumber(ARGV[10]) and slot[6] ~= 0 then
            slot[6] = 0
            keepSlots(h, all)
          end
        end
        return {0}
        """)

    /// The summaries of a session, in the hash of its ledger: the field `Y` lists for each filter {filter, seq and milliseconds of the boundary (0 without a summary), when it was
    /// stored, epoch of the last claim, until when that is held, its holder}; `yFILTER` is the body.
    static let summarySlots = """
        local SUMMARIES = KEYS[1] .. ':t'
        local function slots(h)
          if not has(h, LEDGERED) then return {} end
          local bytes = redis.call('HGET', SUMMARIES, 'Y')
          return bytes and cmsgpack.unpack(bytes) or {}
        end
        -- No change of the session: only what its keys are and how long they live has to be right.
        local function keepSlots(h, all, slot, body)
          redis.call('HSET', SUMMARIES, 'Y', cmsgpack.pack(all))
          if body then redis.call('HSET', SUMMARIES, 'y' .. slot[1], body) end
          if not has(h, LEDGERED) then
            mark(h, LEDGERED)
            redis.call('HSET', KEYS[1], 'h', pack(h))
          end
          if native and h.expires ~= 0 then redis.call('PEXPIREAT', SUMMARIES, h.expires) end
        end
        -- Voids all claims, and takes away the summaries up to places that are not kept.
        local function voidSummaries(h, keeps)
          local all = slots(h)
          if #all == 0 then return end
          for _, slot in ipairs(all) do
            slot[5], slot[6] = math.max(slot[5] + 1, clock), 0
            if slot[2] > 0 and not keeps(slot[2]) then
              slot[2], slot[3] = 0, 0
              redis.call('HDEL', SUMMARIES, 'y' .. slot[1])
            end
          end
          redis.call('HSET', SUMMARIES, 'Y', cmsgpack.pack(all))
        end
        """
}
