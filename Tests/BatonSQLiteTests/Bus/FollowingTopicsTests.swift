import BatonCore
import Synchronization
import Testing

@testable import BatonSQLite

/// Topics from end to end: a store on SQLite, real tasks, real races.
@Suite("Following a topic", .timeLimit(.minutes(2)))
struct FollowingTopicsTests {
    private func withBus(_ body: (SessionStore) async throws -> Void) async throws {
        let store = SessionStore(on: try await SQLiteStorage(at: .memory))
        do { try await body(store) } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func publish(_ count: Int, as name: String = "p", to topic: TopicHandle) async throws {
        for number in 1...count { try await topic.publish(JSON(string: "\(name)-\(number)"), type: "x", key: name) }
    }

    @Test("what is there and what comes is seen once each, in order, while others publish; one reader serves all followers")
    func catchUpThenLive() async throws {
        try await withBus { store in
            let topic = try store.topic("t")
            try await publish(50, to: topic)
            let seqs = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var seqs: [Int] = []
                        for try await event in topic.follow() {
                            seqs.append(event.seq ?? 0)
                            if seqs.count == 250 { break }
                        }
                        return seqs
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { publishers in
                    for number in 0..<4 { publishers.addTask { try await publish(50, as: "\(number)", to: topic) } }
                    try await publishers.waitForAll()
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(seqs.allSatisfy { $0 == Array(1...250) })
        }
    }

    @Test("many followers share one feed")
    func sharedFeed() async throws {
        try await withBus { store in
            let topic = try store.topic("t")
            let sinks = (0..<200).map { _ in Sink() }
            var followers: [Follower<TopicLog>] = []
            for sink in sinks {
                let follower = try await store.follower(of: "t", from: .now)
                await follower.start(into: sink)
                followers.append(follower)
            }
            #expect(store.gauges.first { $0.name == "topic_followers" }?.value == 200)
            #expect(store.gauges.first { $0.name == "topic_feeds" }?.value == 1)
            try await publish(20, to: topic)
            #expect(try await eventually { sinks.allSatisfy { $0.seqs == Array(1...20) } })
            for follower in followers { follower.cancel() }
            #expect(store.gauges.first { $0.name == "topic_feeds" }?.value == 0)
        }
    }

    @Test("who begins before, during and after publishing misses nothing, from any cursor that was taken before")
    func beforeDuringAfter() async throws {
        try await withBus { store in
            let topic = try store.topic("t")
            // Nothing was ever published: this is a cursor all the same.
            let cursor = try await topic.events(TopicQuery(from: .now)).next
            let before = Task { try await first(30, of: topic.follow(from: .offset(cursor))) }
            async let published: Void = publish(30, to: topic)
            let during = Task { try await first(30, of: topic.follow(from: .start)) }
            try await published
            let after = Task { try await first(30, of: topic.follow(from: .offset(cursor))) }
            for task in [before, during, after] { #expect(try await task.value == Array(1...30)) }
            let now = Task { try await first(1, of: topic.follow(from: .now)) }
            #expect(try await eventually { store.gauges.first { $0.name == "topic_followers" }?.value == 1 })
            try await publish(1, to: topic)
            #expect(try await now.value == [31])
        }
    }

    @Test("a filter leaves out events and not the place: a follower that falls behind goes on where it was")
    func filtered() async throws {
        try await withBus { store in
            let topic = try store.topic("t")
            var filter = TopicFilter()
            filter.keys = ["b"]
            let sequence = topic.follow(from: .now, filter: filter)
            let seen = Task { () -> [String] in
                var texts: [String] = []
                for try await event in sequence {
                    texts.append(event.data.stringValue ?? "?")
                    // Slower than the publisher, so that the buffer overflows.
                    if texts.count == 1 { try await Task.sleep(for: .milliseconds(200)) }
                    if texts.count == 2048 { break }
                }
                return texts
            }
            #expect(try await eventually { store.gauges.first { $0.name == "topic_followers" }?.value == 1 })
            for number in 1...2048 {
                try await topic.publish([
                    TopicEventDraft(type: "x", key: "a", data: .null), TopicEventDraft(type: "x", key: "b", data: JSON(string: "\(number)")),
                ])
            }
            #expect(try await seen.value == (1...2048).map { "\($0)" })
        }
    }

    @Test("the sessions' topic is followed live: each session in its order")
    func sessions() async throws {
        try await withBus { store in
            let topic = try store.topic(Topic.sessions)
            var filter = TopicFilter()
            filter.types = ["session.event"]
            filter.app = "a"
            let (wanted, sequence) = (filter, topic.follow(filter: filter))
            let seen = Task { () -> [String: [Int]] in
                var seen: [String: [Int]] = [:]
                for try await event in sequence {
                    #expect(wanted.matches(event))
                    seen[event.key ?? "", default: []].append(event.data["event"]?["seq"]?.intValue ?? 0)
                    if seen.values.reduce(0, { $0 + $1.count }) == 90 { break }
                }
                return seen
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<3 {
                    group.addTask {
                        let session = try store.session("\(number)", user: "u", app: "a")
                        let other = try store.session("\(number)", user: "u", app: "b")
                        for _ in 0..<30 {
                            try await session.append(.message("x", role: "user"), creating: true)
                            try await other.append(.message("x", role: "user"), creating: true)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let all = try await seen.value
            #expect(all.count == 3)
            #expect(all.values.allSatisfy { $0 == Array(1...30) })
        }
    }

    @Test("a follower whose place was trimmed, or whose topic was deleted, is told")
    func gone() async throws {
        try await withBus { store in
            let topic = try store.topic("t")
            try await topic.retain(TopicRetention(maximumEvents: 5, maximumBytes: nil, maximumAge: nil, policy: .strict))
            try await publish(20, to: topic)
            let page = try await topic.events()
            try await publish(20, to: topic)
            await #expect { try await first(1, of: topic.follow(from: .offset(page.events[0].offset))) } throws: {
                ($0 as? StoreError)?.code == .offsetGone
            }
            let live = Task { try await first(2, of: topic.follow(from: .now)) }
            #expect(try await eventually { store.gauges.first { $0.name == "topic_followers" }?.value == 1 })
            try await topic.delete()
            try await publish(1, to: topic)
            await #expect { try await live.value } throws: { ($0 as? StoreError)?.code == .offsetGone }
        }
    }

    @Test("two stores on one file: what one publishes the other's followers see, and its signals are heard")
    func acrossProcesses() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { one in
            try await withStore(at: .file(scratch.file())) { other in
                let (near, far) = (SessionStore(on: one), SessionStore(on: other))
                let seen = Task { try await first(20, of: far.topic("t").follow()) }
                let heard = Mutex<[String]>([])
                let observation = try await far.listen(to: "c") { payload in heard.withLock { $0.append(payload.stringValue ?? "?") } }
                #expect(try await eventually { far.gauges.first { $0.name == "topic_followers" }?.value == 1 })
                try await publish(20, to: near.topic("t"))
                for number in 1...5 { try await near.signal(JSON(string: "\(number)"), on: "c") }
                try await far.signal(JSON(string: "own"), on: "c")
                #expect(try await seen.value == Array(1...20))
                #expect(try await eventually { heard.withLock { $0.count } == 6 })
                #expect(heard.withLock { $0.filter { $0 != "own" } } == (1...5).map { "\($0)" })
                observation.cancel()
            }
        }
    }

    private func first(_ count: Int, of sequence: EventSequence<TopicLog>) async throws -> [Int] {
        var seqs: [Int] = []
        for try await event in sequence {
            seqs.append(event.seq ?? 0)
            if seqs.count == count { break }
        }
        return seqs
    }

    /// Takes everything and remembers the order.
    private final class Sink: EventSink {
        private let events = Mutex<[Int]>([])

        var seqs: [Int] { events.withLock { $0 } }

        func write(_ delivery: EventDelivery<TopicEvent>) async throws { _ = push(delivery) }

        func push(_ delivery: EventDelivery<TopicEvent>) -> Bool {
            events.withLock { $0 += delivery.events.map { $0.seq ?? 0 } }
            return true
        }

        func end(_ ending: FollowEnding) {}
    }
}
