import BatonCore
import BatonTesting
import CBatonSQLite
import Synchronization
import Testing

@testable import BatonSQLite

/// Consumers from end to end: a store on SQLite, real tasks and real time, which is why leases are short and waits generous.
@Suite("Consuming a topic", .timeLimit(.minutes(2)))
struct ConsumingTests {
    private func withGroup(_ settings: GroupSettings = GroupSettings(), _ body: (TopicHandle, GroupHandle) async throws -> Void) async throws {
        let store = SessionStore(on: try await SQLiteStorage(at: .memory))
        do {
            let topic = try store.topic("t")
            let group = try topic.group("g")
            try await group.set(settings, from: .start)
            try await body(topic, group)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func publish(_ count: Int, to topic: TopicHandle, key: String? = nil) async throws {
        try await topic.publish((1...count).map { TopicEventDraft(type: "x", key: key, data: JSON(string: "\($0)")) })
    }

    // MARK: - Waiting

    @Test("who waits gets what is published, and each of many that wait gets its own")
    func waiting() async throws {
        try await withGroup { topic, group in
            let waiters = (0..<50).map { number in
                Task { try await group.receive(max: 1, wait: .seconds(30), as: "c\(number)").deliveries.map { $0.event.data.stringValue ?? "?" } }
            }
            #expect(try await eventually { topic.store.gauges.first { $0.name == "waiting_consumers" }?.value == 50 })
            try await publish(50, to: topic)
            var got: [String] = []
            for waiter in waiters { got += try await waiter.value }
            #expect(Set(got) == Set((1...50).map { "\($0)" }))
            #expect(got.count == 50)
        }
    }

    @Test("the end of a lease and of a delay wakes who waits, without anything being published")
    func waitingForLeases() async throws {
        try await withGroup(GroupSettings(leaseMilliseconds: 300)) { topic, group in
            try await publish(1, to: topic)
            _ = try await group.receive(as: "dies")
            let heir = try await group.receive(wait: .seconds(30), as: "lives").deliveries
            #expect(heir.map(\.attempt) == [2])
            try await group.settle([Settlement(id: heir[0].id, token: heir[0].token, .reject(delay: 200, reason: nil))], as: "lives")
            #expect(try await group.receive(wait: .seconds(30), as: "lives").deliveries.map(\.attempt) == [3])
        }
    }

    @Test("a wait that has got something does not end the one that comes after it")
    func waitingAgain() async throws {
        try await withGroup { topic, group in
            let rounds = 300
            // Half of the events are there before they are asked for, the others come while somebody waits.
            for _ in 0..<rounds {
                try await publish(1, to: topic)
                #expect(try await group.receive(wait: .seconds(30), as: "c").deliveries.count == 1)
                let next = Task { try await group.receive(wait: .seconds(30), as: "c").deliveries.count }
                _ = await eventually(within: .milliseconds(20)) { topic.store.gauges.contains { $0.name == "waiting_consumers" && $0.value == 1 } }
                try await publish(1, to: topic)
                #expect(try await next.value == 1)
            }
        }
    }

    @Test("a wait that is over, or cancelled, gives nothing and takes nothing")
    func waitingInVain() async throws {
        try await withGroup { topic, group in
            #expect(try await group.receive(wait: .milliseconds(20), as: "c").deliveries.isEmpty)
            let cancelled = Task { try await group.receive(wait: .seconds(60), as: "c") }
            #expect(try await eventually { topic.store.gauges.first { $0.name == "waiting_consumers" }?.value == 1 })
            cancelled.cancel()
            #expect(try await cancelled.value.deliveries.isEmpty)
            #expect(try await eventually { topic.store.gauges.first { $0.name == "waiting_consumers" }?.value == 0 })
            try await publish(1, to: topic)
            #expect(try await group.receive(as: "d").deliveries.count == 1)
        }
    }

    @Test("closing the store ends waits with an error")
    func closing() async throws {
        try await withGroup { topic, group in
            let waiting = Task { try await group.receive(wait: .seconds(60), as: "c") }
            let isWaiting = try await eventually { topic.store.gauges.first { $0.name == "waiting_consumers" }?.value == 1 }
            #expect(isWaiting)
            await topic.store.close()
            await #expect { try await waiting.value } throws: { ($0 as? StoreError)?.code == .closed }
        }
    }

    @Test("a loop over deliveries settles each, and releases what it took and did not look at")
    func loop() async throws {
        try await withGroup { topic, group in
            try await publish(10, to: topic)
            var seen: [String] = []
            for try await delivery in group.deliveries(as: "c", batch: 6) {
                seen.append(delivery.event.data.stringValue ?? "?")
                #expect(try await delivery.acknowledge())
                #expect(try await !delivery.acknowledge())
                if seen.count == 4 { break }
            }
            #expect(seen == ["1", "2", "3", "4"])
            // Two were taken and not looked at: they are due at once, with all their attempts.
            #expect(try await eventually { try await group.inspect().consumers.first { $0.name == "c" }?.held == 0 })
            let rest = try await group.receive(max: 100, as: "d").deliveries
            #expect(Set(rest.map { $0.event.data.stringValue }) == Set((5...10).map { "\($0)" }))
            #expect(rest.allSatisfy { $0.attempt == 1 })
        }
    }

    // MARK: - Handlers

    private struct Failure: Error, CustomStringConvertible { var description: String { "no luck" } }
    private struct Unreadable: TerminalFailure, CustomStringConvertible { var description: String { "cannot be read" } }

    @Test("a handler that returns acknowledges, one that throws rejects with its reason, until the event is a dead letter; others go on")
    func outcomes() async throws {
        try await withGroup(GroupSettings(maximumDeliveries: 3, backoffMilliseconds: 10, maximumBackoffMilliseconds: 20)) { topic, group in
            try await publish(20, to: topic)
            let attempts = Mutex<[String: Int]>([:])
            let worker = Task {
                try await group.consume(as: "c", concurrency: 4) { delivery in
                    let text = delivery.event.data.stringValue ?? "?"
                    attempts.withLock { $0[text, default: 0] += 1 }
                    if text == "7" { throw Failure() }
                    if text == "9" { throw Unreadable() }
                }
            }
            #expect(try await eventually { try await group.inspect().oldestUnfinished == nil })
            worker.cancel()
            try await worker.value
            let dead = try await group.deadLetters().elements
            #expect(dead.map(\.reason) == ["no luck", "cannot be read"])
            #expect(dead.map(\.history.count) == [3, 1])
            #expect(attempts.withLock { $0.filter { $0.value != 1 } } == ["7": 3])
            #expect(attempts.withLock { $0.count } == 20)
        }
    }

    private struct Postponed: DelayedFailure {
        var delay: Duration?
    }

    @Test("a failure that knows when another attempt makes sense is waited for so long, not as long as the group's back-off")
    func delays() async throws {
        try await withGroup(GroupSettings(backoffMilliseconds: 3_600_000, maximumBackoffMilliseconds: 3_600_000)) { topic, group in
            try await publish(2, to: topic)
            try await group.consume(as: "c", concurrency: 2, endingAfter: .zero) { delivery in
                throw Postponed(delay: delivery.event.data.stringValue == "1" ? .seconds(1 << 40) : nil)
            }
            let due = try await topic.store.pending(in: "g", of: "t").elements.map(\.dueAt.milliseconds)
            // A delay that no storage keeps is the longest that one does; the other is half by chance.
            #expect(due[0] - due[1] > 10 * 3_600_000)
            try await group.move(to: .start)
            let attempts = Guarded<[Int]>([])
            try await group.consume(as: "c", upTo: 4, endingAfter: .zero) { delivery in
                attempts.withLock { $0.append(delivery.attempt) }
                throw Postponed(delay: .zero)
            }
            #expect(attempts.withLock { $0.sorted() } == [1, 1, 2, 2])
        }
    }

    @Test("it ends by itself after so many hand-outs, and when nothing is left, also of what waited for what it held")
    func endingByItself() async throws {
        try await withGroup(GroupSettings(isOrdered: true)) { topic, group in
            try await publish(10, to: topic, key: "k")
            let seen = Guarded<[String]>([])
            let note = { @Sendable (delivery: Delivery) async throws in
                try await Task.sleep(for: .milliseconds(10))
                seen.withLock { $0.append(delivery.event.data.stringValue ?? "?") }
            }
            try await group.consume(as: "c", concurrency: 4, upTo: 3, note)
            #expect(seen.withLock { $0 } == ["1", "2", "3"])
            #expect(try await group.inspect().pending == 7)
            try await group.consume(as: "c", concurrency: 4, prefetch: 4, endingAfter: .zero, note)
            #expect(seen.withLock { $0 } == (1...10).map { "\($0)" })
            #expect(try await group.inspect().oldestUnfinished == nil)
        }
    }

    @Test("no more handlers run at a time than are allowed")
    func concurrency() async throws {
        try await withGroup { topic, group in
            try await publish(40, to: topic)
            let running = Mutex(0)
            let most = Mutex(0)
            let worker = Task {
                try await group.consume(as: "c", concurrency: 3, prefetch: 5) { _ in
                    let now = running.withLock {
                        $0 += 1; return $0
                    }
                    most.withLock { $0 = max($0, now) }
                    try? await Task.sleep(for: .milliseconds(5))
                    running.withLock { $0 -= 1 }
                }
            }
            #expect(try await eventually { try await group.inspect().oldestUnfinished == nil })
            worker.cancel()
            try await worker.value
            #expect(most.withLock { $0 } == 3)
        }
    }

    @Test("leases are kept while handlers run, and for what waits behind them: nothing comes twice")
    func heartbeats() async throws {
        try await withGroup(GroupSettings(leaseMilliseconds: 600)) { topic, group in
            try await publish(8, to: topic)
            let attempts = Guarded<[Int]>([])
            let workers = (0..<2).map { number in
                Task {
                    try await group.consume(as: "c\(number)", concurrency: 1, prefetch: 7) { delivery in
                        attempts.withLock { $0.append(delivery.attempt) }
                        try? await Task.sleep(for: .milliseconds(360))
                    }
                }
            }
            #expect(try await eventually { try await group.inspect().oldestUnfinished == nil })
            for worker in workers { worker.cancel() }
            for worker in workers { try await worker.value }
            #expect(attempts.withLock { $0 } == Array(repeating: 1, count: 8))
        }
    }

    @Test("a handler whose event somebody else has is cancelled, and what it does is not settled")
    func fenced() async throws {
        try await withGroup(GroupSettings(leaseMilliseconds: 300)) { topic, group in
            try await publish(1, to: topic)
            let isRunning = Mutex(false)
            let wasCancelled = Mutex(false)
            let worker = Task {
                try await group.consume(as: "slow", concurrency: 1) { delivery in
                    guard delivery.attempt == 1 else { return }
                    isRunning.withLock { $0 = true }
                    do { try await Task.sleep(for: .seconds(60)) } catch { wasCancelled.withLock { $0 = true } }
                }
            }
            #expect(try await eventually { isRunning.withLock { $0 } })
            // As if the process had stood still: the group forgets that the event is held, and somebody else gets it.
            try await group.move(to: .start)
            let heir = try await group.receive(wait: .seconds(30), as: "heir").deliveries
            #expect(heir.count == 1)
            #expect(try await eventually { wasCancelled.withLock { $0 } })
            #expect(try await group.settle([Settlement(id: heir[0].id, token: heir[0].token, .acknowledge)], as: "heir") == [.done])
            worker.cancel()
            try await worker.value
            #expect(try await group.inspect().pending == 0)
        }
    }

    @Test("a consumer that is told to end lets its handlers end, and releases the rest at once")
    func draining() async throws {
        try await withGroup { topic, group in
            try await publish(6, to: topic)
            let running = Mutex(0)
            let gate = Mutex(false)
            let worker = Task {
                try await group.consume(as: "c", concurrency: 2, prefetch: 4) { _ in
                    running.withLock { $0 += 1 }
                    _ = try await eventually { gate.withLock { $0 } }
                }
            }
            #expect(try await eventually { running.withLock { $0 } == 2 })
            #expect(try await group.inspect().pending == 6)
            worker.cancel()
            let released = try await group.receive(max: 100, wait: .seconds(30), as: "d").deliveries
            #expect(released.count == 4)
            #expect(released.allSatisfy { $0.attempt == 1 })
            gate.withLock { $0 = true }
            try await worker.value
            #expect(running.withLock { $0 } == 2)
            #expect(try await group.inspect().pending == 4)
            #expect(try await group.inspect().dead == 0)
        }
    }

    @Test("a consumer of a group that is not there, or not any more, ends with the error")
    func noGroup() async throws {
        try await withGroup { topic, group in
            await #expect { try await topic.group("none").consume(as: "c") { _ in } } throws: { ($0 as? StoreError)?.code == .notFound }
            let worker = Task { try await group.consume(as: "c") { _ in } }
            #expect(try await eventually { topic.store.gauges.first { $0.name == "waiting_consumers" }?.value == 1 })
            try await group.delete()
            await #expect { try await worker.value } throws: { ($0 as? StoreError)?.code == .notFound }
        }
    }

    // MARK: - Checkpoints

    @Test("an effect and its note are one transaction: a second hand-out changes nothing, a failed effect leaves nothing")
    func checkpoints() async throws {
        try await withGroup { topic, group in
            try await publish(2, to: topic)
            let deliveries = try await group.receive(max: 2, as: "c").deliveries
            var database: OpaquePointer?
            #expect(sqlite3_open(":memory:", &database) == SQLITE_OK)
            let db = try #require(database)
            defer { sqlite3_close(db) }
            sqlite3_exec(db, "CREATE TABLE effects (text TEXT)", nil, nil, nil)
            func insert(_ text: String) { sqlite3_exec(db, "INSERT INTO effects VALUES ('\(text)')", nil, nil, nil) }
            func count() -> Int {
                var number = 0
                withUnsafeMutablePointer(to: &number) { pointer in
                    _ = sqlite3_exec(
                        db, "SELECT count(*) FROM effects",
                        { context, _, values, _ in
                            context?.assumingMemoryBound(to: Int.self).pointee = values?[0].flatMap { Int(String(cString: $0)) } ?? -1
                            return 0
                        }, pointer, nil)
                }
                return number
            }
            #expect(throws: Failure.self) {
                try Checkpoint.once(deliveries[0], of: group, on: db) {
                    insert("lost")
                    throw Failure()
                }
            }
            #expect(count() == 0)
            #expect(try Checkpoint.once(deliveries[0], of: group, on: db) { insert("1") })
            #expect(try !Checkpoint.once(deliveries[0], of: group, on: db) { insert("twice") })
            #expect(try Checkpoint.once(deliveries[0], of: topic.group("other"), on: db) { insert("another group") })
            #expect(count() == 2)
            // Inside the caller's transaction it is kept when that is.
            sqlite3_exec(db, "BEGIN", nil, nil, nil)
            #expect(try Checkpoint.once(deliveries[1], of: group, on: db) { insert("2") })
            sqlite3_exec(db, "ROLLBACK", nil, nil, nil)
            #expect(count() == 2)
            #expect(try Checkpoint.once(deliveries[1], of: group, on: db) { insert("2") })
            try Checkpoint.forget(before: Timestamp(milliseconds: 4_000_000_000_000), on: db)
            #expect(try Checkpoint.once(deliveries[1], of: group, on: db) { insert("forgotten") })
        }
    }

    // MARK: - What is asked for

    @Test("what no storage could keep is refused before any is asked")
    func refusals() async throws {
        try await withGroup { topic, group in
            func refused(_ code: StoreError.Code, _ body: () async throws -> Void) async {
                await #expect { try await body() } throws: { ($0 as? StoreError)?.code == code }
            }
            let long = String(repeating: "x", count: 257)
            await refused(.tooLarge) { try await topic.publish([]) }
            await refused(.tooLarge) { try await topic.publish(Array(repeating: TopicEventDraft(type: "x", data: .null), count: 1001)) }
            await refused(.tooLarge) {
                try await topic.publish(JSON(string: String(repeating: "x", count: TopicEventDraft.maximumDataBytes)), type: "x")
            }
            await refused(.invalidField) { try await topic.publish(.null, type: "") }
            await refused(.invalidField) { try await topic.publish(.null, type: "x", key: long) }
            await refused(.invalidField) { try await topic.publish(.null, type: "x", id: "") }
            await refused(.invalidName) { _ = try topic.store.topic(long) }
            await refused(.invalidName) { _ = try await group.receive(as: "") }
            await refused(.invalidParameter) { _ = try await group.receive(max: 0, as: "c") }
            await refused(.invalidParameter) { _ = try await group.receive(wait: .seconds(61), as: "c") }
            await refused(.invalidField) { try await group.set(GroupSettings(maximumDeliveries: 0)) }
            await refused(.invalidField) { try await group.set(GroupSettings(leaseMilliseconds: 99)) }
            await refused(.invalidField) { try await group.settle([Settlement(id: "x", token: "1", .extend(99))], as: "c") }
            await refused(.invalidField) {
                try await group.settle([Settlement(id: "x", token: "1", .terminate(reason: String(repeating: "x", count: 1025)))], as: "c")
            }
            await refused(.invalidField) {
                try await topic.retain(TopicRetention(maximumEvents: 0, maximumBytes: nil, maximumAge: nil, policy: .safe))
            }
            await refused(.tooLarge) { try await topic.store.signal(JSON(string: String(repeating: "x", count: 65_536)), on: "c") }
            await refused(.forbidden) { try await topic.store.topic(Topic.sessions).publish(.null, type: "x") }
        }
    }
}
