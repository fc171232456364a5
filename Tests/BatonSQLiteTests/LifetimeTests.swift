import BatonCore
import Testing

@testable import BatonSQLite

@Suite struct LifetimeTests {
    private let quick = SQLiteConfiguration(durability: .normal, sweepInterval: .milliseconds(10))

    private func rows(_ storage: SQLiteStorage, in table: String) async throws -> Int {
        try await storage.read { (reading) throws(StoreError) in try reading.db.number("SELECT count(*) FROM \(table)") ?? -1 }
    }

    @Test func whatHasExpiredIsSweptFromTheFile() async throws {
        let clock = TestClock()
        let policy = StorePolicy(sessionTTL: 60, userStateTTL: 60)
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), quick, policy: policy, clock: { clock.now }) { storage in
            for number in 0..<200 {
                var draft = SessionDraft(tags: ["t"])
                try draft.state.add("k", .set(.null))
                try draft.state.add("user:k", .set(.null))
                _ = try await storage.create(draft, at: key("s\(number)", user: "u\(number)"))
            }
            try await storage.fill(key("s7", user: "u7"), with: 50)
            _ = try await storage.change(.store, [StateChange("token", .set(.null))])
            let kept = try await storage.create(SessionDraft(lifetime: .unlimited), at: key("kept")).session.record
            clock.advance(seconds: 60)
            // Absent at once, for whoever asks.
            await #expect { _ = try await storage.session(key("s7", user: "u7"), SnapshotQuery()) } throws: { ($0 as? StoreError)?.code == .notFound }
            #expect(try await storage.state(.user(key("s7", user: "u7").owner)).isEmpty)
            #expect(try await storage.sessions(SessionQuery(of: .app("a"))).sessions.map(\.record) == [kept])
            // Gone from the file in a while.
            for table in ["events", "tags", "garbage"] { #expect(try await eventually { try await rows(storage, in: table) == 0 }, "\(table)") }
            #expect(try await rows(storage, in: "sessions") == 1)
            #expect(try await rows(storage, in: "profiles") == 1)
            #expect(try await rows(storage, in: "scopes") == 1)
            #expect(try await rows(storage, in: "state") == 1)
            #expect(try await storage.state(.store).keys.sorted() == ["token"])
        }
    }

    @Test func tracksLeaveNothingInTheFileWhicheverWayTheyEnd() async throws {
        let clock = TestClock()
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file()), quick, clock: { clock.now }) { storage in
            for id in ["deleted", "expired", "kept"] {
                _ = try await storage.create(SessionDraft(lifetime: id == "expired" ? .seconds(60) : .unlimited), at: key(id))
                for number in 0..<5 {
                    let batch = TrackBatch([try draft("a", id: "1"), try draft("b")], ttl: number == 0 ? 30 : nil)
                    _ = try await storage.append(batch, toTrack: "track-\(number)", of: key(id))
                }
            }
            #expect(try await rows(storage, in: "tracks") == 15)
            #expect(try await rows(storage, in: "track_events") == 30)
            _ = try await storage.delete(key("deleted"), epoch: nil)
            _ = try await storage.deleteTrack("track-1", of: key("kept"), epoch: nil)
            clock.advance(seconds: 60)
            #expect(try await eventually { try await rows(storage, in: "tracks") == 3 })
            #expect(try await eventually { try await rows(storage, in: "track_events") == 6 })
            #expect(try await storage.tracks(of: key("kept"), last: 1).tracks.map(\.name) == ["track-2", "track-3", "track-4"])
        }
    }

    @Test func timeNeverGoesBackInsideASession() async throws {
        let clock = TestClock()
        try await withStore(at: .memory, clock: { clock.now }) { storage in
            let created = try await storage.create(SessionDraft(lifetime: .seconds(100)), at: key()).session.record
            let first = try await storage.append(batch(1), to: key())
            clock.advance(seconds: -3600)
            let second = try await storage.append(batch(1), to: key())
            #expect(second.tail.milliseconds == first.tail.milliseconds)
            let record = try await storage.update(key(), with: SessionPatch(), expectedVersion: 3).record
            #expect(record.updatedAt == created.updatedAt && record.expiresAt == created.expiresAt)
            #expect(try await storage.touch(key()).record.expiresAt == created.expiresAt)
        }
    }

    @Test func momentsAreFoundWithoutLookingAtEveryEvent() async throws {
        let clock = TestClock()
        try await withStore(at: .memory, clock: { clock.now }) { storage in
            let start = clock.now
            for _ in 0..<100 {
                try await storage.fill(key(), with: 3)
                clock.advance(seconds: 1)
            }
            for seq in [1, 2, 3, 30, 31, 150, 300] {
                _ = try await storage.remove(storage.session(key(), SnapshotQuery()).record.madeID(forSeq: seq), in: key())
            }
            for since in [-5, 0, 1, 9, 10, 50, 99, 100, 500] {
                for length in [0, 1, 7, 1000] {
                    var filter = EventFilter()
                    filter.since = start.adding(seconds: since)
                    filter.until = start.adding(seconds: since + length)
                    let all = try await storage.events(in: key(), EventQuery(limit: 1000)).events
                    let found = try await storage.events(in: key(), EventQuery(limit: 1000, filter: filter)).events
                    #expect(found == all.filter(filter.matches), "\(since) \(length)")
                    #expect(try await storage.session(key(), SnapshotQuery(events: 5, filter: filter)).events == found.suffix(5))
                }
            }
        }
    }

    @Test func readingExtendsALifeButTellsNobody() async throws {
        let clock = TestClock()
        let policy = StorePolicy(sessionTTL: 60, readsExtendLife: true)
        try await withStore(at: .memory, policy: policy, clock: { clock.now }) { storage in
            let record = try await storage.create(SessionDraft(), at: key()).session.record
            let hints = Counter()
            let observation = storage.observe { _ in hints.increment() }
            clock.advance(seconds: 40)
            _ = try await storage.events(in: key(), EventQuery())
            clock.advance(seconds: 40)
            let read = try await storage.session(key(), SnapshotQuery()).record
            #expect(read.expiresAt == clock.now.adding(seconds: 60) && read.version == record.version && read.updatedAt == record.updatedAt)
            // A reader woken by its own reading would never rest.
            #expect(hints.count == 0)
            observation.cancel()
        }
    }
}
