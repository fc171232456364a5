import Baton
import BatonCore
import BatonTesting
import Synchronization
import Testing

@Suite("The event bus of a daemon that is killed", .timeLimit(.minutes(4)))
struct BusCrashTests {
    /// What publishers and consumers were told.
    private final class Told: Sendable {
        private struct State {
            var published: [String: Int] = [:]
            var seen: Set<String> = []
            var finished: Set<String> = []
            var cameAgain: [String] = []
        }

        private let state = Mutex(State())

        var published: [String: Int] { state.withLock { $0.published } }
        var seen: Set<String> { state.withLock { $0.seen } }
        var finished: Set<String> { state.withLock { $0.finished } }
        /// What was handed out by a request that began after its acknowledgement was confirmed.
        var cameAgain: [String] { state.withLock { $0.cameAgain } }

        func note(_ entries: [PublishReceipt.Entry]) { state.withLock { for entry in entries { $0.published[entry.id] = entry.seq } } }

        func note(_ deliveries: [Delivery], askedAfter finished: Set<String>) {
            state.withLock {
                for delivery in deliveries {
                    $0.seen.insert(delivery.event.id)
                    if finished.contains(delivery.event.id) { $0.cameAgain.append(delivery.event.id) }
                }
            }
        }

        func finish(_ id: String) { state.withLock { _ = $0.finished.insert(id) } }
    }

    private let publishers = 4
    private let perPublisher = 60
    private var total: Int { publishers * perPublisher }

    @Test("on SQLite nothing that was acknowledged is lost, doubled, or handed out again")
    func sqlite() async throws {
        try await withTemporaryDirectory { directory in try await killed(on: "sqlite:\(directory)/a.db") }
    }

    @Test("on Redis nothing that was acknowledged is lost, doubled, or handed out again")
    func redis() async throws {
        try await RedisServer.with { server in try await killed(on: "redis://127.0.0.1:\(server.port)") }
    }

    private func killed(on address: String) async throws {
        try await withDaemon(store: address) { daemon in
            let url = daemon.url
            let told = Told()
            let setup = try await SessionStore.open(url)
            let group = try setup.topic("t").group("g")
            // Short leases: what an answer carried that was lost with its daemon comes again soon.
            try await group.set(GroupSettings(maximumDeliveries: 100, leaseMilliseconds: 1500, backoffMilliseconds: 0), from: .start)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for publisher in 0..<publishers {
                    tasks.addTask {
                        let store = try await SessionStore.open(url)
                        for number in 0..<perPublisher { try await Self.publish("p\(publisher)-\(number)", to: try store.topic("t"), told) }
                        await store.close()
                    }
                }
                for consumer in 0..<3 {
                    tasks.addTask {
                        let store = try await SessionStore.open(url)
                        try await Self.consume(as: "c\(consumer)", in: try store.topic("t").group("g"), until: total, told)
                        await store.close()
                    }
                }
                for quarter in 1...3 {
                    try await eventually("events are acknowledged", within: .seconds(60), every: .milliseconds(2)) {
                        told.finished.count >= quarter * total / 4 || told.seen.count == total
                    }
                    await daemon.kill()
                    try await daemon.restart()
                }
                try await tasks.waitForAll()
            }
            let stored = try await setup.topic("t").events(TopicQuery(limit: 1000)).events
            #expect(stored.compactMap(\.seq) == Array(1...total))
            #expect(told.published == Dictionary(uniqueKeysWithValues: stored.map { ($0.id, $0.seq ?? 0) }))
            for publisher in 0..<publishers {
                #expect(stored.map(\.id).filter { $0.hasPrefix("p\(publisher)-") } == (0..<perPublisher).map { "p\(publisher)-\($0)" })
            }
            #expect(told.seen == Set(stored.map(\.id)))
            #expect(told.cameAgain == [])
            let left = try await group.inspect()
            #expect((left.lag, left.pending, left.dead, left.lost) == (0, 0, 0, 0))
            await setup.close()
        }
    }

    /// Publishes until it is acknowledged, as any client would that has ids of its own.
    private static func publish(_ id: String, to topic: TopicHandle, _ told: Told) async throws {
        try await persistently { told.note(try await topic.publish(JSON(string: id), type: "x", id: id).entries) }
    }

    /// Receives and acknowledges until everything was seen and nothing is left.
    private static func consume(as consumer: String, in group: GroupHandle, until total: Int, _ told: Told) async throws {
        while true {
            let finished = told.finished
            var received = Received(deliveries: [], nextDue: nil, lost: 0)
            try await persistently { received = try await group.receive(max: 4, wait: .milliseconds(300), as: consumer) }
            told.note(received.deliveries, askedAfter: finished)
            for delivery in received.deliveries {
                // An acknowledgement whose answer is lost may have counted: asked again it is fenced, and the event does not come back.
                var outcome: [SettlementOutcome] = []
                try await persistently {
                    outcome = try await group.settle([Settlement(id: delivery.id, token: delivery.token, .acknowledge)], as: consumer)
                }
                if outcome == [.done] { told.finish(delivery.event.id) }
            }
            guard received.deliveries.isEmpty, told.seen.count == total else { continue }
            var isOver = false
            try await persistently {
                let group = try await group.inspect()
                isOver = group.lag == 0 && group.pending == 0
            }
            if isOver { return }
        }
    }

    private static func persistently(_ body: () async throws -> Void) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do { return try await body() } catch {
                guard (error as? StoreError)?.isRetryable == true, ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
