internal import BatonRedisClient

extension Scripts {
    /// Reads contents that are kept apart. ARGV from 9 on: digests, at most 500. Answers 0, then for each its bytes or nothing.
    static let blobs = Lua.script(
        Lua.clock, Lua.head, Lua.logs, Lua.blobs,
        """
        local h, refusal = load()
        if not h then return {refusal} end
        local digests = {}
        for i = 9, #ARGV do digests[i - 8] = ARGV[i] end
        local reply = {0}
        for i, bytes in ipairs(readBlobs(h, digests)) do reply[i + 1] = bytes end
        return reply
        """)
}

extension Lua {
    /// Contents that are kept apart from their events: a hash beside each log. `bDIGEST` is a content, `cDIGEST` how many events of the log refer to it,
    /// `sSEQ` the digest that the event of this seq refers to, as it stands in the log or as its last edit there. The head of a session that may have them has the
    /// bit of the ledger.
    static let blobs = """
        local function readBlobs(h, digests)
          local found, left = {}, {}
          for i, digest in ipairs(digests) do found[i], left[i] = '', i end
          local all = logs(h)
          for n = #all, 1, -1 do
            if #left == 0 then break end
            local fields, missing = {}, {}
            for j, i in ipairs(left) do fields[j] = 'b' .. digests[i] end
            for j, bytes in ipairs(redis.call('HMGET', all[n].key .. ':b', unpack(fields))) do
              if bytes then found[left[j]] = bytes else missing[#missing + 1] = left[j] end
            end
            left = missing
          end
          return found
        end
        -- What the event of a seq refers to now.
        local function keepBlob(h, seq, digest, bytes)
          local key = h.key .. ':b'
          if redis.call('HINCRBY', key, 'c' .. digest, 1) == 1 then redis.call('HSET', key, 'b' .. digest, bytes) end
          redis.call('HSET', key, 's' .. seq, digest)
          mark(h, LEDGERED)
        end
        -- Events of these seqs, at most 500, are no more, or are going to refer to others.
        local function dropBlobs(h, seqs)
          if #seqs == 0 or not has(h, LEDGERED) then return end
          local key, fields = h.key .. ':b', {}
          for i, seq in ipairs(seqs) do fields[i] = 's' .. seq end
          for i, digest in ipairs(redis.call('HMGET', key, unpack(fields))) do
            if digest then
              redis.call('HDEL', key, fields[i])
              if redis.call('HINCRBY', key, 'c' .. digest, -1) <= 0 then redis.call('HDEL', key, 'c' .. digest, 'b' .. digest) end
            end
          end
        end
        """
}
