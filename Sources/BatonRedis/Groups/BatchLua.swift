extension GroupLua {
    /// What was handed out together for the first time, in a topic whose events are numbered, is one record as long as its events are only finished:
    /// that costs no more for many events than for one. Whatever else happens to one of them (it is given back, extended, its lease ends)
    /// gives those that are left records of their own first.
    ///
    /// `G:f` has the records by the number of the first event that is left: when they are due, the token of that event, milliseconds at or before its own,
    /// how many events, the consumer, and unless all of them are left, `1` or `0` for each. Batches never share a number, because a group's position
    /// only goes on while it holds something. In `G:d` a batch is `b` and its first number.
    static let batches = """
        local BATCH = '>I6I6I6I2I2'
        local function batchName(b) return string.format('b%.0f', b.seq) end
        local function isLeft(b, seq) return string.byte(b.left, seq - b.seq + 1) == 49 end
        local function readBatch(q, seq, bytes)
          if q.batches[seq] then return q.batches[seq] end
          local due, token, ms, count, c, at = struct.unpack(BATCH, bytes)
          local left = string.sub(bytes, at + c)
          local b = {bytes = bytes, due = due, token = token, ms = ms, seq = seq, consumer = string.sub(bytes, at, at + c - 1),
            left = left == '' and string.rep('1', count) or left}
          q.batches[seq] = b
          return b
        end
        -- The batch that has or had an event of this number.
        local function batchAt(q, seq)
          local b = q.recent
          if not b or seq < b.seq or seq >= b.seq + #b.left then
            local found = redis.call('ZREVRANGEBYSCORE', q.g .. ':f', string.format('%.0f', seq), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
            if not found[1] then return nil end
            b = readBatch(q, tonumber(found[2]), found[1])
            q.recent = b
          end
          return seq < b.seq + #b.left and b or nil
        end
        local function firstBatch(q)
          local found = q.batched > 0 and redis.call('ZRANGE', q.g .. ':f', 0, 0, 'WITHSCORES') or {}
          return found[1] and readBatch(q, tonumber(found[2]), found[1])
        end
        local function namedBatch(q, id) return string.byte(id) == 98 and batchAt(q, tonumber(string.sub(id, 2))) or nil end
        -- Writes a batch as it is now: without the events at its ends that are finished, or not at all when all are.
        local function keep(q, b)
          local first = string.find(b.left, '1', 1, true)
          if b.bytes then redis.call('ZREM', q.g .. ':f', b.bytes) end
          if b.bytes and first ~= 1 then redis.call('ZREM', q.g .. ':d', batchName(b)) end
          q.batches[b.seq], q.recent = nil, nil
          if not first then return end
          if first > 1 or not b.bytes then
            b.token, b.seq = b.token + first - 1, b.seq + first - 1
            redis.call('ZADD', q.g .. ':d', string.format('%.0f', score(b.due, b.seq)), batchName(b))
          end
          b.left = string.match(b.left, '1.*1', first) or '1'
          b.bytes = struct.pack(BATCH, b.due, b.token, b.ms, #b.left, #b.consumer) .. b.consumer
          if string.find(b.left, '0', 1, true) then b.bytes = b.bytes .. b.left end
          redis.call('ZADD', q.g .. ':f', string.format('%.0f', b.seq), b.bytes)
        end
        keepBatches = function(q)
          local changed = {}
          for _, b in pairs(q.batches) do
            if b.isChanged then changed[#changed + 1] = b end
          end
          for _, b in ipairs(changed) do keep(q, b) end
        end
        -- Whether new events follow each other without a hole from the one behind which they were taken: then their numbers say which they are.
        local function isRow(from, fresh)
          if not NUMBERED then return false end
          local _, before = numbers(from)
          local _, last = numbers(fresh[#fresh][1])
          return last - before == #fresh
        end
        -- Begins a batch of so many events after a place.
        local function hold(q, from, count, due)
          local ms, seq = numbers(from)
          keep(q, {due = due, token = q.token + 1, ms = ms, seq = seq + 1, left = string.rep('1', count), consumer = q.name})
          q.token, q.batched = q.token + count, q.batched + count
        end
        -- Takes events out of a batch.
        local function clear(q, b, seq, count)
          local at = seq - b.seq
          b.left, b.isChanged = string.sub(b.left, 1, at) .. string.rep('0', count) .. string.sub(b.left, at + count + 1), true
          q.batched = q.batched - count
        end
        local function finish(q, b, seq, count)
          clear(q, b, seq, count)
          credit(q, b.consumer, -count)
        end
        -- The batch in which a settlement finds all that it is about, unchanged, and the number where that begins.
        local function batchOf(q, s)
          if q.batched == 0 then return nil end
          local count = s.count or 1
          local seq = tonumber(string.match(s.id, count > 1 and '^%d+%-(%d+) ' or '^%d+%-(%d+)$'))
          local b = seq and batchAt(q, seq)
          if not b or b.consumer ~= q.name or struct.unpack('>I6', s.token) ~= b.token + seq - b.seq then return nil end
          local at = seq - b.seq + 1
          if string.sub(b.left, at, at + count - 1) ~= string.rep('1', count) then return nil end
          return b, seq
        end
        -- Calls `visit` with number and entry of what the topic still has of a batch, until it says stop.
        local function entriesOf(b, visit)
          local from, last = string.format('(%.0f-%.0f', b.ms, b.seq - 1), b.seq + #b.left - 1
          while true do
            local entries = redis.call('XRANGE', EVENTS, from, '+', 'COUNT', 16)
            for _, entry in ipairs(entries) do
              local _, seq = numbers(entry[1])
              if seq > last or seq >= b.seq and not visit(seq, entry) then return end
              from = '(' .. entry[1]
            end
            if #entries < 16 then return end
          end
        end
        -- The ids of events of a batch. One that is gone has the number of its own and an earlier time.
        local function idsOf(b, first, count)
          local known, ids = {}, {}
          entriesOf(b, function(seq, entry)
            known[seq] = entry[1]
            return seq < first + count - 1
          end)
          for seq = first, first + count - 1 do ids[#ids + 1] = known[seq] or string.format('%.0f-%.0f', b.ms, seq) end
          return ids
        end
        -- Gives what is left of a batch records of its own; their ids come back. What the topic does not have any more, except an event whose id is known,
        -- stays in the batch: it is lost when the lease is over.
        local function split(q, b, isOver, known)
          local ids, flags, others = {}, {string.byte(b.left, 1, -1)}, 0
          local function own(seq, id)
            local at = seq - b.seq + 1
            if flags[at] == 49 then
              flags[at], ids[#ids + 1] = 48, id
              store(q, id, {token = b.token + at - 1, due = b.due, attempt = 1, flags = 0, consumer = b.consumer, key = '', history = ''})
              q.oadd[#q.oadd + 1], q.oadd[#q.oadd + 2] = seq, id
            end
            return true
          end
          entriesOf(b, function(seq, entry) return own(seq, entry[1]) end)
          if known then own(orderOf(known), known) end
          for at, flag in ipairs(flags) do
            if flag == 49 and isOver then flags[at], others = 48, others + 1 end
          end
          if others > 0 then
            q.lost, q.found = q.lost + others, q.found + others
            credit(q, b.consumer, -others)
          end
          q.batched, b.left = q.batched - #ids - others, string.char(unpack(flags))
          keep(q, b)
          flush(q)
          return ids
        end
        -- What of the group's due things has a record, after batches among them were split; some more than `most` may come.
        local function overdue(q, due, most)
          local ids = {}
          for _, id in ipairs(due) do
            if #ids >= most then break end
            local b = namedBatch(q, id)
            if b then
              for _, own in ipairs(split(q, b, true)) do ids[#ids + 1] = own end
            else
              ids[#ids + 1] = id
            end
          end
          return ids
        end
        -- Rows of a page for what batches hold after a number.
        local function batchedAfter(q, after, limit)
          local rows = {}
          if q.batched == 0 then return rows end
          local first = batchAt(q, after + 1)
          local from = first and first.seq or after + 1
          local found = redis.call('ZRANGEBYSCORE', q.g .. ':f', string.format('%.0f', from), '+inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
          for i = 1, #found, 2 do
            if #rows >= limit then break end
            local b = readBatch(q, tonumber(found[i + 1]), found[i])
            local start = math.max(b.seq, after + 1)
            for at, id in ipairs(idsOf(b, start, b.seq + #b.left - start)) do
              local seq = start + at - 1
              if isLeft(b, seq) and #rows < limit then rows[#rows + 1] = {seq, {id, b.consumer, 1, b.due, ''}} end
            end
          end
          return rows
        end
        """
}
