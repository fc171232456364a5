import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("The keyspace of tracks", .redisServer)
struct TrackKeyspaceTests {
    /// Keys of sessions and of what belongs to them.
    private func keys(_ server: RedisServer, _ prefix: String) async throws -> [String] {
        try await server.keys(prefix).filter { $0.contains("}:s:") }
    }

    /// A session with two tracks, one of them with ids and a lifetime of its own.
    private func grow(_ storage: RedisStorage, _ id: String, _ lifetime: SessionDraft.Lifetime, ttl: Int = 1000) async throws {
        _ = try await storage.create(SessionDraft(lifetime: lifetime), at: try key(id))
        _ = try await storage.append(TrackBatch([try .text("1"), try .text("2")]), toTrack: "plain", of: try key(id))
        _ = try await storage.append(TrackBatch([try .text("1", id: "one")], ttl: ttl), toTrack: "own:*{x}", of: try key(id))
    }

    private func expiry(_ server: RedisServer, _ name: String) async throws -> Int { Int(try await server.cli("PEXPIRETIME", name)) ?? 0 }

    @Test("a deleted session leaves nothing of its tracks, a deleted track nothing of itself")
    func deletion() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            try await grow(storage, "a", .unlimited)
            // The session, its tracks' names, a stream each, and ids.
            #expect(try await keys(server, prefix).count == 2 + 2 + 1)
            #expect(try await storage.deleteTrack("own:*{x}", of: try key("a"), epoch: nil))
            #expect(try await keys(server, prefix).count == 2 + 1)
            #expect(try await storage.delete(try key("a")))
            #expect(try await keys(server, prefix) == [])
        }
    }

    @Test("tracks of an expired session vanish by themselves")
    func expiredSession() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            try await grow(storage, "a", .seconds(3))
            let isGone = try await eventually { try await keys(server, prefix).isEmpty }
            #expect(isGone)
            _ = try await storage.create(SessionDraft(), at: try key("a"))
            #expect(try await storage.tracks(of: try key("a"), last: 1).tracks.isEmpty)
        }
    }

    @Test("a track whose own time is over vanishes while its session goes on")
    func expiredTrack() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            try await grow(storage, "a", .unlimited, ttl: 2)
            let isGone = try await eventually { try await keys(server, prefix).count == 2 + 1 }
            #expect(isGone)
            #expect(try await storage.tracks(of: try key("a"), last: 1).tracks.map(\.name) == ["plain"])
        }
    }

    @Test("tracks are kept at least as long as their session, which anything may prolong")
    func prolonged() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            let key = try key("a")
            try await grow(storage, "a", .seconds(8))
            let names = try await keys(server, prefix)
            let session = try #require(names.min { $0.count < $1.count })
            let index = session + ":s"
            let streams = names.filter { $0.hasPrefix(index + ":") }
            #expect(streams.count == 3)
            func outlive() async throws {
                let ends = try await expiry(server, session)
                #expect(try await expiry(server, index) == ends)
                for name in streams { #expect(try await expiry(server, name) >= ends, "\(name)") }
            }
            try await outlive()
            let first = try await expiry(server, streams[0])
            // One eighth of the lifetime later nothing but the session's events has touched them.
            let isMoved = try await eventually {
                _ = try await storage.append(EventBatch([try .text("x")]), to: key)
                try await outlive()
                return try await expiry(server, streams[0]) > first
            }
            #expect(isMoved)
            _ = try await storage.touch(key)
            try await outlive()

            // For ever, except what has a lifetime of its own; and back again.
            var patch = SessionPatch()
            patch.ttl = .set(nil)
            _ = try await storage.update(key, with: patch, expectedVersion: nil)
            let own = try #require(try await storage.tracks(of: key, last: 0).tracks.first { $0.ttl != nil })
            for name in names {
                let isOwn = name.contains(own.generation)
                #expect(try await expiry(server, name) == (isOwn ? own.expiresAt?.milliseconds ?? 0 : -1), "\(name)")
            }
            patch.ttl = .set(60)
            _ = try await storage.update(key, with: patch, expectedVersion: nil)
            try await outlive()
        }
    }

    @Test("a track whose lifetime is shorter than its session's ends first, a longer one does not outlive it by much")
    func bounds() async throws {
        let prefix = RedisFixture.prefix()
        try await withStorage(prefix: prefix) { storage, server in
            try await grow(storage, "a", .seconds(800), ttl: 100_000)
            _ = try await storage.append(TrackBatch([try .text("1")], ttl: 10), toTrack: "short", of: try key("a"))
            let ends = try #require(try await storage.session(try key("a"), SnapshotQuery()).record.expiresAt).milliseconds
            for track in try await storage.tracks(of: try key("a"), last: 0).tracks {
                let name = try #require(try await keys(server, prefix).first { $0.hasSuffix(track.generation) })
                let expiry = try await expiry(server, name)
                if track.ttl == 10 {
                    #expect(expiry == track.expiresAt?.milliseconds)
                } else {
                    #expect((ends...ends + 101_000).contains(expiry))
                }
            }
        }
    }

    @Test("an append to a track whose reply was lost is stored once, and its receipt says that this call stored it")
    func lostReply() async throws {
        let server = try #require(SharedServer.current)
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.close() }
        try await withStorage(port: proxy.port) { storage, _ in
            let key = try key()
            _ = try await storage.create(SessionDraft(), at: key)
            _ = try await storage.append(TrackBatch([try .text("0", id: "zero")]), toTrack: "t", of: key)
            proxy.cut()
            let receipt = try await storage.append(
                TrackBatch([try .text("0", id: "zero"), try .text("1", id: "one"), try .text("1", id: "one"), try .text("2")]), toTrack: "t", of: key)
            #expect(receipt.entries.map(\.seq) == [1, 2, 2, 3])
            #expect(receipt.entries.map(\.isDuplicate) == [true, false, true, false])
            #expect(receipt.version == 3 && receipt.tail == receipt.entries[3].offset)
            proxy.cut()
            let made = try await storage.append(TrackBatch([try .text("a")]), toTrack: "new", of: key)
            let page = try await storage.events(ofTrack: "new", of: key, TrackQuery())
            #expect(page.events.map(\.id) == made.entries.map(\.id) && !made.isDuplicate)
            #expect(try await storage.events(ofTrack: "t", of: key, TrackQuery()).events.texts == ["0", "1", "2"])
            proxy.cut()
            #expect(try await storage.deleteTrack("new", of: key, epoch: nil))
            #expect(proxy.isDone)
        }
    }
}
