import BatonTesting
import Testing

@testable import BatonCore

@Suite("A store that writes behind", .timeLimit(.minutes(2)))
struct WriteBehindTests {
    private let storage = UnreliableStorage(ReferenceModel { SystemClock.now() })
    private let spool = MemorySpool()
    private let failures = Guarded<[WriteFailure]>([])
    private let quick = WriteBehindConfiguration(firstBackoff: .milliseconds(1), longestBackoff: .milliseconds(2), drain: .seconds(60))
    private let away = StoreError(.storeUnavailable, "away")

    private func open(_ configuration: WriteBehindConfiguration? = nil, spooling: Bool = false) async throws -> SessionStore {
        let failures = failures
        return SessionStore(
            on: try await WriteBehind(on: storage, configuration ?? quick, spool: spooling ? spool : nil) { failure in
                failures.withLock { $0.append(failure) }
            })
    }

    private func session(_ store: SessionStore, _ id: String = "s") throws -> Session { try store.session(id, user: "u", app: "a") }

    private func event(_ number: Int) -> NewEvent { NewEvent(JSON(string: "\(number)")) }

    private func texts(_ session: Session) async throws -> [String] {
        try await session.events(last: 1000).map { $0.content.stringValue ?? "?" }
    }

    @Test("answers while nothing is stored yet, and stores what came meanwhile in one append")
    func accepts() async throws {
        let store = try await open()
        let session = try session(store)
        _ = try await store.create(session.key)
        storage.stall()
        for number in 1...20 { try await session.enqueue(event(number)) }
        #expect(await eventually { storage.stalledCount == 1 })
        #expect(try await storage.session(session.key, SnapshotQuery()).record.eventCount == 0)
        storage.release()
        #expect(try await texts(session) == (1...20).map { "\($0)" })
        #expect(storage.batches(of: session.key).count <= 3)
        await store.close()
    }

    @Test("tries again after failures that may pass, and stores once what was stored although the answer was lost")
    func retries() async throws {
        let store = try await open()
        let session = try session(store)
        storage.meet([.refuse(away), .loseReply, .refuse(StoreError(.busy, "held")), .loseReply, .none])
        try await session.enqueue(event(1), creating: true)
        try await session.enqueue(event(2), creating: true)
        #expect(await eventually { (try? await storage.session(session.key, SnapshotQuery()))?.record.eventCount == 2 })
        try await eventuallyFlushed(session)
        #expect(try await texts(session) == ["1", "2"])
        #expect(failures.withLock { $0.isEmpty })
        await store.close()
    }

    private func eventuallyFlushed(_ session: Session) async throws {
        #expect(
            await eventually {
                do {
                    try await session.flush()
                    return true
                } catch { return false }
            })
    }

    @Test("tells a reader what is wrong with the storage instead of hiding what was accepted, and goes on trying")
    func readerIsTold() async throws {
        let store = try await open(WriteBehindConfiguration(firstBackoff: .seconds(3600), longestBackoff: .seconds(3600)))
        let session = try session(store)
        _ = try await store.create(session.key)
        storage.decide { _ in .refuse(self.away) }
        try await session.enqueue(event(1))
        // Each is an attempt of its own, however long the rest would be.
        for _ in 0..<3 {
            await #expect(performing: { try await session.snapshot() }, throws: { ($0 as? StoreError)?.code == .storeUnavailable })
        }
        storage.decide { _ in .none }
        #expect(try await session.snapshot().record.eventCount == 1)
        await store.close()
    }

    @Test("reports what fails for good, with what it was, stores the rest, and keeps the failed in the spool")
    func reports() async throws {
        let store = try await open(spooling: true)
        let session = try session(store)
        _ = try await store.create(session.key)
        storage.stall()
        for number in 1...5 { try await session.enqueue(event(number)) }
        #expect(await eventually { storage.stalledCount == 1 })
        storage.decide { batch in
            batch.events.contains { $0.body["content"]?.stringValue == "3" } ? .refuse(StoreError(.invalidField, "no threes")) : .none
        }
        storage.release()
        try await session.flush()
        #expect(try await texts(session) == ["1", "2", "4", "5"])
        let failure = try #require(failures.withLock { $0.count == 1 ? $0.first : nil })
        #expect(failure.error.code == .invalidField && failure.write.events.map { $0.body["content"]?.stringValue } == ["3"])
        #expect(await eventually { spool.contents.count == 1 })
        #expect(spool.contents.first?.number == failure.number && spool.contents.first?.failure?.message == "no threes")
        let gauges = Dictionary(grouping: store.gauges, by: \.name).compactMapValues { $0.first?.value }
        #expect(gauges["write_behind_failures_total"] == 1 && gauges["write_behind_spool_failed"] == 1)
        #expect(gauges["write_behind_stored_total"] == 4 && gauges["write_behind_events"] == 0)
        await store.close()
        // It waits for somebody to look at it, not for another chance to fail.
        storage.decide { _ in .none }
        let again = try await open(spooling: true)
        try await again.flush()
        #expect(try await texts(try self.session(again)) == ["1", "2", "4", "5"])
        await again.close()
        #expect(try await spool.putBack([try #require(failure.number)]) == 1)
        let third = try await open(spooling: true)
        #expect(try await texts(try self.session(third)) == ["1", "2", "4", "5", "3"])
        await third.close()
    }

    @Test("gives up what may not be tried any longer")
    func patience() async throws {
        let store = try await open(
            WriteBehindConfiguration(firstBackoff: .milliseconds(1), longestBackoff: .milliseconds(1), patience: .milliseconds(20)))
        let session = try session(store)
        storage.decide { _ in .refuse(self.away) }
        try await session.enqueue(event(1), creating: true)
        #expect(await eventually { failures.withLock { $0.map(\.error.code) } == [.storeUnavailable] })
        await store.close()
    }

    @Test("lets callers wait in line for room, and those who are cancelled leave nothing behind")
    func waitsForRoom() async throws {
        let store = try await open(WriteBehindConfiguration(maximumEvents: 2, drain: .seconds(60)))
        let session = try session(store)
        _ = try await store.create(session.key)
        storage.stall()
        try await session.enqueue([event(1), event(2)])
        let cancelled = Task { try await session.enqueue(self.event(99)) }
        #expect(await eventually { store.gauges.first { $0.name == "write_behind_callers_waiting" }?.value == 1 })
        let waiting = Task { try await session.enqueue(self.event(3)) }
        #expect(await eventually { store.gauges.first { $0.name == "write_behind_callers_waiting" }?.value == 2 })
        cancelled.cancel()
        await #expect(performing: { try await cancelled.value }, throws: { ($0 as? StoreError)?.code == .cancelled })
        storage.release()
        _ = try await waiting.value
        #expect(try await texts(session) == ["1", "2", "3"])
        await store.close()
    }

    @Test("refuses what has no room where callers shall not wait")
    func refuses() async throws {
        let store = try await open(WriteBehindConfiguration(maximumEvents: 2, whenFull: .refuse, drain: .seconds(60)))
        let session = try session(store)
        _ = try await store.create(session.key)
        storage.stall()
        try await session.enqueue([event(1), event(2)])
        await #expect(performing: { try await session.enqueue(event(3)) }, throws: { ($0 as? StoreError)?.code == .tooManyRequests })
        storage.release()
        try await session.flush()
        try await session.enqueue(event(3))
        #expect(try await texts(session) == ["1", "2", "3"])
        await store.close()
    }

    @Test("stores what waits when it is closed, twice is fine, and says afterwards that it is closed")
    func closes() async throws {
        let store = try await open()
        let session = try session(store)
        _ = try await store.create(session.key)
        storage.stall()
        for number in 1...10 { try await session.enqueue(event(number)) }
        let closing = Task { await store.close() }
        // Only what is stored after closing has begun shows that closing waits for it.
        let other = try store.session("other", user: "ann", app: "demo")
        #expect(
            await eventually {
                do throws(StoreError) { try await other.enqueue(event(0), creating: true) } catch { return error.code == .closed }
                return false
            })
        storage.release()
        await closing.value
        await store.close()
        #expect(try await storage.base.session(session.key, SnapshotQuery()).record.eventCount == 10)
        await #expect(performing: { try await session.enqueue(event(11)) }, throws: { ($0 as? StoreError)?.code == .closed })
        #expect(failures.withLock { $0.isEmpty })
    }

    @Test("reports what could not be stored before it was closed; with a spool it stays there for the next one")
    func closesTooSoon() async throws {
        let brief = WriteBehindConfiguration(drain: .milliseconds(1))
        storage.decide { _ in .refuse(self.away) }
        let store = try await open(brief)
        try await session(store).enqueue(event(1), creating: true)
        await store.close()
        #expect(failures.withLock { $0.map(\.error.code) } == [.closed])
        let spooling = try await open(brief, spooling: true)
        let ids = try await session(spooling).enqueue(event(2), creating: true).ids
        await spooling.close()
        #expect(failures.withLock { $0.count } == 1)
        storage.decide { _ in .none }
        let heir = try await open(spooling: true)
        let events = try await session(heir).events(last: 10)
        #expect(events.map(\.id) == ids.compactMap { $0 })
        await heir.close()
    }

    @Test("accepts nothing that the spool does not take")
    func spoolRefuses() async throws {
        let store = try await open(spooling: true)
        let session = try session(store)
        _ = try await store.create(session.key)
        spool.refuse(StoreError(.storeUnavailable, "the disk is full"))
        await #expect(performing: { try await session.enqueue(event(1)) }, throws: { ($0 as? StoreError)?.code == .storeUnavailable })
        #expect(try await texts(session) == [])
        // What was removed has to be forgotten first, and cannot be.
        spool.refuse(nil)
        try await session.enqueue(event(2))
        try await session.flush()
        #expect(await eventually { spool.contents.isEmpty })
        await store.close()
    }

    @Test("stores nothing twice when the spool kept what was stored already")
    func replaysOnce() async throws {
        spool.keepEverything()
        let store = try await open(spooling: true)
        let session = try session(store)
        for number in 1...30 { try await session.enqueue(event(number), creating: true) }
        await store.close()
        #expect(spool.contents.count == 30)
        let heir = try await open(spooling: true)
        try await heir.flush()
        #expect(try await texts(try self.session(heir)) == (1...30).map { "\($0)" })
        await heir.close()
    }

    @Test("deletes only when the spool has forgotten what was stored, so that no later process brings the session back")
    func deletes() async throws {
        let store = try await open(spooling: true)
        let session = try session(store)
        for number in 1...5 { try await session.enqueue(event(number), creating: true) }
        try await session.delete()
        #expect(spool.contents.isEmpty)
        await store.close()
    }

    @Test("makes summaries due when events are stored, not when they are accepted", arguments: [false, true])
    func summaries(spooling: Bool) async throws {
        let script = ScriptedSummarizer()
        var summaries = SummaryConfiguration(script, trigger: .events(3))
        summaries.keptEvents = 0
        let store = try await open(spooling: spooling).with(summaries: summaries)
        let session = try session(store)
        _ = try await store.create(session.key)
        storage.stall()
        for number in 1...4 { try await session.enqueue(event(number)) }
        // A track's events are no conversation.
        try await store.enqueue(TrackBatch([EventDraft(event(9))]), toTrack: "t", of: session.key)
        #expect(await eventually { storage.stalledCount == 1 })
        #expect(store.gauges.first { $0.name == "summaries_waiting" }?.value == 0 && script.inputs.isEmpty)
        storage.release()
        #expect(try await eventually { try await session.summary()?.boundary.seq == 4 })
        #expect(script.inputs.map { $0.events.map(\.seq) } == [[1, 2, 3, 4]])
        await store.close()
    }

    @Test("refuses a write behind that depends on what it will find, one that hooks would not see, and any where it does not write behind")
    func refusesConditions() async throws {
        let store = try await open()
        let key = try session(store).key
        let drafts = [try EventDraft(event(1))]
        for batch in [EventBatch(drafts, expectedSeq: 3), EventBatch(drafts, agent: AgentChange(from: nil, to: "x"))] {
            await #expect(performing: { try await store.enqueue(batch, to: key) }, throws: { ($0 as? StoreError)?.code == .invalidParameter })
        }
        var hooks = Hooks()
        hooks.onAppend { call, next in try await next(call) }
        let hooked = store.with(hooks: hooks)
        #expect(store.writesBehind && !hooked.writesBehind)
        await #expect(
            performing: { try await hooked.enqueue(EventBatch(drafts), to: key) }, throws: { ($0 as? StoreError)?.code == .invalidParameter })
        await store.close()
        let plain = SessionStore(on: ReferenceModel { SystemClock.now() })
        await #expect(
            performing: { try await plain.enqueue(EventBatch(drafts), to: key) }, throws: { ($0 as? StoreError)?.code == .invalidParameter })
    }
}
