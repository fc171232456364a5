extension Lua {
    /// The tracks of a session, known by a bit in its head.
    ///
    /// The hash behind `:s` names them: format, bits (1 has ids), lifetime and expiry, seq and milliseconds of tail and floor, generation. The events of
    /// each stand in a stream `:s:GENERATION`, its ids behind that. So a stream that outlives its session, or an earlier track of the name, is never found again.
    static let tracks = """
        local function readTrack(h, name, bytes)
          local t, _ = {name = name}
          _, t.flags, t.ttl, t.expires, t.seq, t.ms, t.floor, t.floorms, t.generation = struct.unpack('>BBI6I6I6I6I6I6c16', bytes)
          t.key = h.key .. ':s:' .. t.generation
          return t
        end
        local function packTrack(t)
          return struct.pack('>BBI6I6I6I6I6I6c16', 1, t.flags, t.ttl, t.expires, t.seq, t.ms, t.floor, t.floorms, t.generation)
        end
        -- All of them, those whose lifetime is over too.
        local function tracks(h)
          local fields, found = redis.call('HGETALL', h.key .. ':s'), {}
          for i = 1, #fields, 2 do
            if fields[i] ~= '' then found[#found + 1] = readTrack(h, fields[i], fields[i + 1]) end
          end
          return found
        end
        local function dropTrack(h, t)
          redis.call('UNLINK', t.key, t.key .. ':i')
          redis.call('HDEL', h.key .. ':s', t.name)
        end
        local function dropTracks(h)
          for _, t in ipairs(tracks(h)) do redis.call('UNLINK', t.key, t.key .. ':i') end
          redis.call('UNLINK', h.key .. ':s')
        end
        """

    /// Restarts the lives of tracks. A session may have many, so they are kept for one eighth of its lifetime longer than it lives, and most writes need
    /// not touch them; until when stands in the field without name.
    static let trackLives = """
        local function keepTrack(t, kept)
          if not native then return end
          local stop = kept
          if t.expires ~= 0 and (kept == 0 or t.expires < kept) then stop = t.expires end
          for _, key in ipairs({t.key, t.flags == 1 and t.key .. ':i' or nil}) do
            if stop ~= 0 then redis.call('PEXPIREAT', key, string.format('%.0f', stop)) elseif not t.isFresh then redis.call('PERSIST', key) end
          end
        end
        local function keepTracks(h)
          local kept, t = tonumber(redis.call('HGET', h.key .. ':s', '') or 0), h.track
          if (kept == 0) ~= (h.expires == 0) or h.expires > kept or kept > h.expires + 2 * h.ttl * 125 then
            kept = ahead(h)
            redis.call('HSET', h.key .. ':s', '', string.format('%.0f', kept))
            for _, track in ipairs(tracks(h)) do keepTrack(track, kept) end
          elseif t and (t.isFresh or t.ttl ~= 0) then
            keepTrack(t, kept)
          end
        end
        """
}
