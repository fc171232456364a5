import Baton
import BatonCore
import BatonTesting
import Testing

/// Followers and publishers of one topic, on either store.
@Suite("Following a topic while things happen", .timeLimit(.minutes(3)))
struct FollowingFaultTests {
    private func withTopic(_ subject: FaultSubject, _ body: (TopicHandle) async throws -> Void) async throws {
        try await subject.with { place in
            let store = try await SessionStore.open(place.address.store)
            do { try await body(try store.topic("t")) } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
    }

    private func seqs(_ topic: TopicHandle, from cursor: TopicCursor, until last: Int) async throws -> [Int] {
        var seqs: [Int] = []
        for try await event in topic.follow(from: cursor) {
            seqs.append(event.seq ?? 0)
            if event.seq == last { break }
        }
        return seqs
    }

    @Test(
        "who begins before the topic is there, before an event is dispatched, while it is and after it is misses nothing",
        arguments: [FaultSubject.sqlite, .redis])
    func moments(_ subject: FaultSubject) async throws {
        try await withTopic(subject) { topic in
            async let before = seqs(topic, from: .start, until: 40)
            let publisher = Task {
                for number in 1...40 { try await topic.publish(JSON(string: "\(number)"), type: "x") }
            }
            var cursors: [(cursor: TopicCursor, seq: Int)] = [(.start, 0)]
            while true {
                // A cursor that was taken now, and is used when more has happened.
                guard let facts = try? await topic.inspect() else { continue }
                let seq = facts.tail.single?.seq ?? 0
                if seq > cursors[cursors.count - 1].seq { cursors.append((.offset(facts.tail), seq)) }
                if seq >= 30 { break }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (cursor, seq) in cursors {
                    group.addTask {
                        let seen = try await seqs(topic, from: cursor, until: 40)
                        #expect(seen == Array(seq + 1...40))
                    }
                }
                try await group.waitForAll()
            }
            try await publisher.value
            #expect(try await before == Array(1...40))
            #expect(try await seqs(topic, from: .start, until: 40) == Array(1...40))
        }
    }

    @Test("an event of ten megabytes is refused with what is allowed, and nothing is stored", arguments: [FaultSubject.sqlite, .redis])
    func large(_ subject: FaultSubject) async throws {
        try await withTopic(subject) { topic in
            let data = JSON(string: String(repeating: "x", count: 10 << 20))
            let error = await #expect(throws: StoreError.self) { try await topic.publish(data, type: "x") }
            #expect(error?.code == .tooLarge && error?.message.contains("\(TopicEventDraft.maximumDataBytes)") == true, "\(error as Any)")
            #expect(try await topic.events().events.isEmpty)
            // The largest that is allowed goes through, and comes to a consumer whole.
            let most = JSON(string: String(repeating: "x", count: TopicEventDraft.maximumDataBytes - 2))
            let group = try topic.group("g")
            try await group.set(from: .start)
            try await topic.publish(most, type: "x")
            #expect(try await group.receive(as: "c").deliveries.map(\.event.data) == [most])
        }
    }

    @Test("a follower is told when a failover lost what it saw, and what was acknowledged without a replica had said so")
    func failover() async throws {
        try await RedisReplication.with { servers in
            let store = try await SessionStore.open(servers.address)
            let careful = try store.with(durability: .wait(replicas: 1, within: .milliseconds(200)))
            let topic = try store.topic("t")
            func batch(_ name: String) -> TopicBatch { TopicBatch([TopicEventDraft(type: "x", data: JSON(string: name), id: name)]) }
            for name in ["1", "2", "3"] { _ = try await topic.store.publish(batch(name), to: "t") }
            try await servers.cutOff()
            for name in ["4", "5", "6"] {
                let error = await #expect(throws: StoreError.self) { _ = try await careful.publish(batch(name), to: "t") }
                #expect(error?.code == .unconfirmed)
            }
            let seen = Guarded<[Int]>([])
            let ending = Guarded<StoreError.Code?>(nil)
            let follower = Task {
                do throws(StoreError) {
                    for try await event in topic.follow() { seen.withLock { $0.append(event.seq ?? 0) } }
                } catch { ending.withLock { $0 = error.code } }
            }
            try await eventually("the follower has seen what will be lost") { seen.withLock { $0 } == Array(1...6) }
            try await servers.failOver()
            try await eventually("the follower is told") { ending.withLock { $0 } != nil }
            #expect(ending.withLock { $0 } == .offsetGone)
            await follower.value
            // Sent again, they are stored once, and what survived is known again.
            var entries: [PublishReceipt.Entry] = []
            for name in ["2", "3", "4", "5", "6"] { entries += try await store.publish(batch(name), to: "t").entries }
            #expect(entries.map(\.isDuplicate) == [true, true, false, false, false])
            #expect(try await topic.events().events.map(\.ownName) == ["1", "2", "3", "4", "5", "6"])
            await store.close()
        }
    }
}
