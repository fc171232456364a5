import BatonTesting
import Synchronization
import Testing

@testable import BatonCore

/// Following from end to end: a store on the reference model, real tasks, real races.
@Suite("Following a session", .timeLimit(.minutes(2)))
struct FollowingTests {
    private let storage = ReferenceModel(policy: StorePolicy(maximumEvents: 5000), clock: { Timestamp(milliseconds: 1_700_000_000_000) })
    private let key: SessionKey

    init() throws { key = try SessionKey(app: "a", user: "u", id: "s") }

    private func append(_ count: Int, to store: SessionStore) async throws {
        let session = store.session(key)
        for _ in 0..<count { try await session.append(NewEvent(JSON(string: "x"), role: "user"), creating: true) }
    }

    @Test("events that are there and events that come are seen once each, in order, while others write")
    func catchUpThenLive() async throws {
        let store = SessionStore(on: storage)
        try await append(50, to: store)
        let seqs = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var seqs: [Int] = []
                    for try await event in store.session(key).follow() {
                        seqs.append(event.seq)
                        if seqs.count == 450 { break }
                    }
                    return seqs
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { writers in
                for _ in 0..<8 { writers.addTask { try await append(50, to: store) } }
                try await writers.waitForAll()
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(seqs.count == 8)
        #expect(seqs.allSatisfy { $0 == Array(1...450) })
        await store.close()
    }

    @Test("a reader slower than the writers loses nothing: it reads the rest from the storage")
    func slowReader() async throws {
        let store = SessionStore(on: storage)
        try await append(1, to: store)
        var iterator = store.session(key).follow().makeAsyncIterator()
        #expect(try await iterator.next()?.seq == 1)
        try await append(EventBuffer<Event>.limit * 3, to: store)
        for seq in 2...(EventBuffer<Event>.limit * 3 + 1) { #expect(try await iterator.next()?.seq == seq) }
        try await append(1, to: store)
        #expect(try await iterator.next()?.seq == EventBuffer<Event>.limit * 3 + 2)
        await store.close()
    }

    @Test("ten thousand followers get every event, and the session is read once for all of them")
    func manyFollowers() async throws {
        let counting = CountingStorage(storage)
        let store = SessionStore(on: counting)
        try await append(1, to: store)
        let sinks = (0..<10_000).map { _ in CountingSink() }
        var followers: [Follower<SessionLog>] = []
        for sink in sinks {
            let follower = try await store.follower(of: key)
            await follower.start(into: sink)
            followers.append(follower)
        }
        let before = counting.reads
        try await append(20, to: store)
        #expect(await eventually { sinks.allSatisfy { $0.seen == Array(1...21) } })
        #expect(counting.reads - before <= 41, "one read after each append, and at most one more to see that nothing is left")
        #expect(store.gauges.first { $0.name == "followers" }?.value == 10_000)
        for follower in followers { follower.cancel() }
        #expect(store.gauges.first { $0.name == "followers" }?.value == 0)
        #expect(store.gauges.first { $0.name == "feeds" }?.value == 0)
        await store.close()
    }

    @Test("a deleted session ends its followers; a recreated one does not pass for it")
    func deleted() async throws {
        let store = SessionStore(on: storage)
        try await append(2, to: store)
        var iterator = store.session(key).follow().makeAsyncIterator()
        #expect(try await iterator.next()?.seq == 1)
        #expect(try await iterator.next()?.seq == 2)
        try await store.delete(key)
        #expect(try await iterator.next() == nil)

        try await append(2, to: store)
        var second = store.session(key).follow().makeAsyncIterator()
        for seq in 1...2 { #expect(try await second.next()?.seq == seq) }
        try await store.delete(key)
        try await append(3, to: store)
        // The clock stood still, so the new session's offsets are those of the old one; the generation is not.
        do {
            #expect(try await second.next() == nil)
        } catch {
            #expect(error.code == .offsetGone)
        }
        await store.close()
    }

    @Test("closing the store ends followers with an error, cancelling a task ends its own quietly")
    func endings() async throws {
        let store = SessionStore(on: storage)
        try await append(1, to: store)
        let cancelled = Task { () -> Int in
            var count = 0
            for try await _ in store.session(key).follow() { count += 1 }
            return count
        }
        let closed = Task { for try await _ in store.session(key).follow() {} }
        #expect(await eventually { store.gauges.first { $0.name == "followers" }?.value == 2 })
        cancelled.cancel()
        #expect(try await cancelled.value <= 1)
        await store.close()
        await #expect { try await closed.value } throws: { ($0 as? StoreError)?.code == .closed }
    }

    @Test("while the storage is away followers wait, and go on where they were")
    func outage() async throws {
        let flaky = CountingStorage(storage)
        let store = SessionStore(on: flaky)
        try await append(1, to: store)
        var iterator = store.session(key).follow().makeAsyncIterator()
        #expect(try await iterator.next()?.seq == 1)
        #expect(await eventually { store.gauges.first { $0.name == "followers" }?.value == 1 })
        flaky.isAway = true
        // Appended by another process: this one's storage cannot read it yet.
        _ = try await storage.append(EventBatch([try EventDraft(NewEvent(.null))]), to: key)
        #expect(await eventually { flaky.refusals > 2 })
        flaky.isAway = false
        #expect(try await iterator.next()?.seq == 2)
        await store.close()
    }
}

/// Takes everything and remembers the order.
private final class CountingSink: EventSink {
    private let events = Mutex<[Int]>([])

    var seen: [Int] { events.withLock { $0 } }

    func write(_ delivery: EventDelivery<Event>) async throws { _ = push(delivery) }

    func push(_ delivery: EventDelivery<Event>) -> Bool {
        events.withLock { $0 += delivery.events.map(\.seq) }
        return true
    }

    func end(_ ending: FollowEnding) {}
}

/// Counts the reads of pages, and can be made to fail them.
final class CountingStorage: TestLayer {
    private struct State {
        var reads = 0
        var refusals = 0
        var isAway = false
    }

    let base: any Storage
    private let state = Mutex(State())

    init(_ base: any Storage) { self.base = base }

    var reads: Int { state.withLock { $0.reads } }
    var refusals: Int { state.withLock { $0.refusals } }
    var isAway: Bool {
        get { state.withLock { $0.isAway } }
        set { state.withLock { $0.isAway = newValue } }
    }

    func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        let isAway = state.withLock { state in
            state.reads += 1
            if state.isAway { state.refusals += 1 }
            return state.isAway
        }
        if isAway { throw StoreError(.storeUnavailable, "away") }
        return try await base.events(in: key, query)
    }
}
