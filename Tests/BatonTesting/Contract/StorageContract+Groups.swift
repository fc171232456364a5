internal import BatonCore
internal import Testing

extension StorageContract {
    static let groups: [StorageContract] = [
        StorageContract("a group hands out each event once, in order, among all its consumers") { subject in
            try await subject.grouped()
            let entries = try await subject.publish(1...10)
            let first = try await subject.receive(4, as: "a")
            let second = try await subject.receive(100, as: "b")
            #expect(first.texts == ["1", "2", "3", "4"])
            #expect(second.texts == ["5", "6", "7", "8", "9", "10"])
            #expect((first + second).map(\.event.offset) == entries.map(\.offset))
            #expect((first + second).attempts == Array(repeating: 1, count: 10))
            #expect(Set((first + second).map(\.token)).count == 10)
            #expect(Set((first + second).ids).count == 10)
            #expect(first[0].leaseEndsAt == Timestamp(milliseconds: subject.clock.now().milliseconds + 30_000))
            #expect(try await subject.receive(as: "a").isEmpty)
            // Another group is not concerned.
            try await subject.grouped(name: "other")
            #expect(try await subject.receive(in: "other").count == 10)
        },

        StorageContract("a group begins at the start, after an offset, now, or at a moment") { subject in
            let storage = subject.storage
            let entries = [try await subject.publish("1"), try await subject.publish("2"), try await subject.publish("3")]
            let cursors: [(String, TopicCursor, [String])] = [
                ("start", .start, ["1", "2", "3", "4"]), ("zero", .offset(.start), ["1", "2", "3", "4"]), ("now", .now, ["4"]),
                ("after", .offset(entries[0].offset), ["2", "3", "4"]), ("since", .time(entries[2].time), ["3", "4"]),
            ]
            for (name, cursor, _) in cursors { try await subject.grouped(name: name, from: cursor) }
            try await subject.publish("4")
            for (name, _, texts) in cursors { #expect(try await subject.receive(in: name).texts == texts, "\(name)") }
            let ahead = TopicOffset(Offset(milliseconds: subject.clock.now().milliseconds, seq: 9))
            await refused(.offsetGone) { try await subject.grouped(name: "ahead", from: .offset(ahead)) }
            await refused(.invalidCursor) { try await subject.grouped(name: "wrong", from: .offset(TopicOffset("x"))) }
            #expect(try await storage.groups(of: "t").map(\.name) == ["after", "now", "since", "start", "zero"])
        },

        StorageContract("a group may be there before its topic is published to") { subject in
            try await subject.grouped(name: "start", from: .start)
            try await subject.grouped(name: "now", from: .now)
            #expect(try await subject.receive(in: "now").isEmpty)
            #expect(try await subject.storage.topic("t").tail == .start)
            try await subject.publish("1")
            #expect(try await subject.receive(in: "start").texts == ["1"])
            #expect(try await subject.receive(in: "now").texts == ["1"])
        },

        StorageContract("other settings take effect, and leave the group's place and what it holds") { subject in
            let storage = subject.storage
            try await subject.publish(1...3)
            let (made, created) = try await storage.setGroup("g", of: "t", GroupSettings(), from: .start)
            #expect(created)
            #expect(made.settings == GroupSettings())
            let held = try await subject.receive(1)
            let settings = GroupSettings(maximumDeliveries: 2, leaseMilliseconds: 500, backoffMilliseconds: 0, maximumBackoffMilliseconds: 0)
            let (changed, createdAgain) = try await storage.setGroup("g", of: "t", settings, from: .now)
            #expect(!createdAgain)
            #expect(changed.settings == settings)
            #expect(changed.position == held[0].event.offset)
            #expect(changed.pending == 1)
            let next = try await subject.receive()
            #expect(next.texts == ["2", "3"])
            #expect(next[0].leaseEndsAt.milliseconds == subject.clock.now().milliseconds + 500)
            #expect(try await subject.settle(held) == [.done])
            // Order is decided when a group is made.
            let ordered = GroupSettings(isOrdered: true)
            #expect(try await !storage.setGroup("g", of: "t", ordered, from: .now).group.settings.isOrdered)
        },

        StorageContract("a group that is not there is not found, and deleting one takes everything of it away") { subject in
            let storage = subject.storage
            try await subject.publish(1...3)
            await refused(.notFound) { _ = try await subject.receive() }
            await refused(.notFound) { _ = try await subject.group() }
            await refused(.notFound) { _ = try await storage.settle([], of: "t", as: "c", in: "g") }
            await refused(.notFound) { _ = try await subject.pending() }
            await refused(.notFound) { _ = try await subject.dead() }
            await refused(.notFound) { _ = try await storage.redrive(.oldest(1), in: "g", of: "t") }
            await refused(.notFound) { _ = try await storage.discard(.oldest(1), in: "g", of: "t") }
            await refused(.notFound) { _ = try await storage.move("g", of: "t", to: .start) }
            #expect(try await !storage.deleteGroup("g", of: "t"))
            try await subject.grouped()
            let held = try await subject.receive()
            try await subject.settle([held[0]], .terminate(reason: nil))
            #expect(try await storage.deleteGroup("g", of: "t"))
            await refused(.notFound) { _ = try await subject.receive() }
            try await subject.grouped(from: .now)
            #expect(try await subject.dead().isEmpty)
            #expect(try await subject.pending().isEmpty)
            #expect(try await subject.settle(held) == [.fenced, .fenced, .fenced])
            #expect(try await subject.texts() == ["1", "2", "3"])
        },

        StorageContract("an acknowledged event never comes back") { subject in
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000))
            try await subject.publish(1...3)
            let held = try await subject.receive()
            #expect(try await subject.settle([held[2], held[0]]) == [.done, .done])
            subject.clock.advance(seconds: 10)
            #expect(try await subject.receive().texts == ["2"])
            #expect(try await subject.settle([held[0]]) == [.fenced])
            #expect(try await subject.group().pending == 1)
        },

        StorageContract("a lease that ends gives the event to somebody else, and fences the one who had it") { subject in
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000))
            try await subject.publish(1...2)
            let zombie = try await subject.receive(as: "zombie")
            subject.clock.advance(milliseconds: 999)
            #expect(try await subject.receive(as: "heir").isEmpty)
            subject.clock.advance(milliseconds: 1)
            let heir = try await subject.receive(as: "heir")
            #expect(heir.ids == zombie.ids)
            #expect(heir.attempts == [2, 2])
            #expect(heir[0].event == zombie[0].event)
            #expect(Set(heir.map(\.token)).isDisjoint(with: zombie.map(\.token)))
            for action in [Settlement.Action.acknowledge, .extend(60_000), .reject(delay: 0, reason: nil), .terminate(reason: nil)] {
                #expect(try await subject.settle(zombie, action, as: "zombie") == [.fenced, .fenced], "\(action)")
            }
            #expect(try await subject.pending().map(\.consumer) == ["heir", "heir"])
            #expect(
                try await subject.pending().map(\.history)
                    == zombie.map { delivery in
                        [DeliveryFailure(attempt: 1, consumer: "zombie", time: delivery.leaseEndsAt, reason: DeliveryFailure.leaseEnded)]
                    })
            #expect(try await subject.settle(heir, as: "heir") == [.done, .done])
        },

        StorageContract("a token is its consumer's own, and good until somebody else has the event") { subject in
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000))
            try await subject.publish(1...2)
            let held = try await subject.receive(as: "a")
            #expect(try await subject.settle(held, as: "b") == [.fenced, .fenced])
            var swapped = held
            swapped[0].token = held[1].token
            swapped[1].token = "x"
            #expect(try await subject.settle(swapped, as: "a") == [.fenced, .fenced])
            #expect(try await subject.storage.settle([Settlement(id: "nothing", token: "1", .acknowledge)], of: "t", as: "a", in: "g") == [.fenced])
            // Late, but nobody has it meanwhile.
            subject.clock.advance(seconds: 5)
            #expect(try await subject.settle(held, as: "a") == [.done, .done])
        },

        StorageContract("settlements stand each on their own, in their order") { subject in
            try await subject.grouped()
            try await subject.publish(1...4)
            let held = try await subject.receive()
            var settlements = held.map { Settlement(id: $0.id, token: $0.token, .acknowledge) }
            settlements[1].token = "0"
            settlements[2].action = .reject(delay: 0, reason: "later")
            settlements.append(settlements[0])
            let outcomes = try await subject.storage.settle(settlements, of: "t", as: "c", in: "g")
            #expect(outcomes == [.done, .fenced, .done, .done, .fenced])
            #expect(try await subject.receive().texts == ["3"])
            #expect(try await subject.pending().map(\.id) == [held[1].id, held[2].id])
        },

        StorageContract("what is rejected waits for its delay, and is then handed out before what is new") { subject in
            try await subject.grouped()
            try await subject.publish(1...3)
            let held = try await subject.receive(2)
            #expect(try await subject.settle([held[0]], .reject(delay: 5000, reason: "later")) == [.done])
            #expect(try await subject.settle([held[1]], .reject(delay: 0, reason: nil)) == [.done])
            #expect(try await subject.settle([held[0]]) == [.fenced])
            let pending = try await subject.pending()
            #expect(pending.map(\.consumer) == [nil, nil])
            #expect(pending.map(\.attempt) == [1, 1])
            #expect(pending[0].dueAt.milliseconds == subject.clock.now().milliseconds + 5000)
            #expect(pending.map { $0.history.map(\.reason) } == [["later"], [DeliveryFailure.rejected]])
            #expect(pending[0].history.map(\.consumer) == ["c"])
            #expect(pending[0].history.map(\.time) == [subject.clock.now()])
            let next = try await subject.receive()
            #expect(next.texts == ["2", "3"])
            #expect(next.attempts == [2, 1])
            subject.clock.advance(milliseconds: 4999)
            #expect(try await subject.receive().isEmpty)
            subject.clock.advance(milliseconds: 1)
            try await subject.publish("4")
            let last = try await subject.receive()
            #expect(last.texts == ["1", "4"])
            #expect(last.attempts == [2, 1])
        },

        StorageContract("without a delay the group's back-off counts, and grows with each attempt") { subject in
            let settings = GroupSettings(maximumDeliveries: 10, backoffMilliseconds: 1000, maximumBackoffMilliseconds: 3000)
            try await subject.grouped(settings)
            try await subject.publish("1")
            for attempt in 1...4 {
                let held = try await subject.receive()
                #expect(held.attempts == [attempt])
                try await subject.settle(held, .reject(delay: nil, reason: nil))
                let delay = try #require(try await subject.pending().first?.dueAt.milliseconds) - subject.clock.now().milliseconds
                #expect(settings.backoff(afterAttempt: attempt).contains(delay), "attempt \(attempt): \(delay)")
                subject.clock.advance(milliseconds: delay)
            }
            #expect(settings.backoff(afterAttempt: 1) == 500...1000)
            #expect(settings.backoff(afterAttempt: 3) == 1500...3000)
        },

        StorageContract("what is released is due at once and has used up no attempt") { subject in
            try await subject.grouped(GroupSettings(maximumDeliveries: 1))
            try await subject.publish(1...2)
            let held = try await subject.receive(as: "a")
            #expect(try await subject.settle([held[0]], .release, as: "b") == [.fenced])
            #expect(try await subject.settle([held[0]], .release, as: "a") == [.done])
            #expect(try await subject.settle([held[0]], as: "a") == [.fenced])
            let pending = try await subject.pending()
            #expect(pending.map(\.consumer) == [nil, "a"])
            #expect(pending.map(\.attempt) == [0, 1])
            #expect(pending.map(\.history) == [[], []])
            let again = try await subject.receive(as: "b")
            #expect(again.texts == ["1"])
            #expect(again.attempts == [1])
            #expect(again[0].token != held[0].token)
            try await subject.settle(again, .reject(delay: 0, reason: nil), as: "b")
            #expect(try await subject.dead().map(\.id) == [held[0].id])
        },

        StorageContract("extending moves the end of the lease") { subject in
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000))
            try await subject.publish("1")
            let held = try await subject.receive(as: "a")
            subject.clock.advance(milliseconds: 900)
            #expect(try await subject.settle(held, .extend(2000), as: "a") == [.done])
            subject.clock.advance(milliseconds: 1999)
            #expect(try await subject.receive(as: "b").isEmpty)
            // Shorter than it was is allowed: whoever extends knows best.
            #expect(try await subject.settle(held, .extend(100), as: "a") == [.done])
            subject.clock.advance(milliseconds: 100)
            #expect(try await subject.receive(as: "b").attempts == [2])
        },

        StorageContract("receiving says when there may be more without anything being published") { subject in
            let storage = subject.storage
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000))
            func nextDue() async throws -> Int? {
                let received = try await storage.receive(10, from: "t", as: "c", in: "g")
                return received.nextDue.map { $0.milliseconds - subject.clock.now().milliseconds }
            }
            #expect(try await nextDue() == nil)
            try await subject.publish("1")
            let held = try await storage.receive(10, from: "t", as: "c", in: "g")
            #expect(held.nextDue == held.deliveries.first?.leaseEndsAt)
            subject.clock.advance(milliseconds: 400)
            #expect(try await nextDue() == 600)
            try await subject.settle(held.deliveries, .reject(delay: 50, reason: nil))
            #expect(try await nextDue() == 50)
            subject.clock.advance(milliseconds: 50)
            let again = try await subject.receive()
            #expect(again.count == 1)
            try await subject.settle(again)
            #expect(try await nextDue() == nil)
        },

        StorageContract("what changes for waiting consumers is hinted") { subject in
            let storage = subject.storage
            let hints = Guarded(0)
            let observation = storage.observe { hint in
                if hint == .topic("t") || hint == .everything { hints.withLock { $0 += 1 } }
            }
            let watch = storage.watch(topic: "t")
            try await subject.grouped(GroupSettings(isOrdered: true))
            try await subject.publish(["1", "2"], key: "k")
            let held = Guarded(try await subject.receive())
            let changes: [(String, @Sendable () async throws -> Void)] = [
                ("rejecting", { try await subject.settle(held.withLock { $0 }, .reject(delay: 0, reason: nil)) }),
                (
                    "finishing the one before",
                    {
                        let again = try await subject.receive()
                        held.withLock { $0 = again }
                        try await subject.settle(again)
                    }
                ),
                (
                    "redriving",
                    {
                        try await subject.settle(try await subject.receive(), .terminate(reason: nil))
                        _ = try await storage.redrive(.oldest(1), in: "g", of: "t")
                    }
                ),
                ("moving", { _ = try await storage.move("g", of: "t", to: .start) }),
            ]
            for (name, change) in changes {
                let before = hints.withLock { $0 }
                try await change()
                #expect(await eventually { hints.withLock { $0 } > before }, "\(name) was not hinted")
            }
            watch.cancel()
            observation.cancel()
        },

        StorageContract("a group knows its lag, what it holds, how old it is, and its consumers") { subject in
            let storage = subject.storage
            try await subject.grouped(GroupSettings(leaseMilliseconds: 10_000))
            let entries = [try await subject.publish("1"), try await subject.publish("2"), try await subject.publish("3")]
            var group = try await subject.group()
            #expect(group.lag == 3)
            #expect(group.position == .start)
            #expect(group.oldestUnfinished == entries[0].time)
            #expect(group.consumers.isEmpty)
            let first = try await subject.receive(1, as: "a")
            let second = try await subject.receive(1, as: "b")
            subject.clock.advance(seconds: 2)
            try await subject.settle(first, as: "a")
            group = try await subject.group()
            #expect(group.lag == 1)
            #expect(group.pending == 1)
            #expect(group.dead == 0)
            #expect(group.position == entries[1].offset)
            #expect(group.oldestUnfinished == entries[1].time)
            #expect(group.consumers.map(\.name).sorted() == ["a", "b"])
            #expect(group.consumers.first { $0.name == "a" }?.held == 0)
            #expect(group.consumers.first { $0.name == "b" }?.held == 1)
            #expect(try await storage.groups(of: "t") == [group])
            try await subject.settle(second, as: "b")
            #expect(try await subject.group().oldestUnfinished == entries[2].time)
            try await subject.settle(try await subject.receive(as: "b"), as: "b")
            #expect(try await subject.group().oldestUnfinished == nil)
            #expect(try await subject.group().lag == 0)
        },

        StorageContract("consumers that hold nothing are forgotten after an hour, others with what they hold are not") { subject in
            try await subject.grouped(GroupSettings(leaseMilliseconds: 12 * 3_600_000))
            try await subject.publish("1")
            _ = try await subject.receive(as: "holder")
            for number in 1...3 { _ = try await subject.receive(as: "idle-\(number)") }
            subject.clock.advance(seconds: 3599)
            _ = try await subject.receive(as: "idle-3")
            #expect(try await subject.group().consumers.count == 4)
            subject.clock.advance(seconds: 2)
            _ = try await subject.receive(as: "new")
            let consumers = try await subject.group().consumers
            #expect(Set(consumers.map(\.name)) == ["holder", "idle-3", "new"])
            #expect(consumers.first { $0.name == "holder" }?.held == 1)
        },

        StorageContract("what a group holds is listed in pages, in the order of the topic") { subject in
            let storage = subject.storage
            try await subject.grouped()
            try await subject.publish(1...7)
            let held = try await subject.receive()
            var listed: [PendingDelivery] = []
            var after: String?
            repeat {
                let page = try await storage.pending(in: "g", of: "t", after: after, limit: 3)
                #expect(page.elements.count <= 3)
                listed += page.elements
                after = page.next
            } while after != nil
            #expect(listed.map(\.id) == held.ids)
            #expect(listed.map(\.dueAt) == held.map(\.leaseEndsAt))
            #expect(listed.map(\.attempt) == held.attempts)
        },

        StorageContract("a group moves back and forward, and what it held is fenced") { subject in
            let storage = subject.storage
            try await subject.grouped()
            let entries = [try await subject.publish("1"), try await subject.publish("2"), try await subject.publish("3")]
            let held = try await subject.receive(2)
            try await subject.settle([held[0]], .terminate(reason: "kept"))
            let moved = try await storage.move("g", of: "t", to: .start)
            #expect(moved.pending == 0)
            #expect(moved.lag == 3)
            #expect(moved.position == .start)
            #expect(moved.dead == 1)
            #expect(try await subject.settle([held[1]]) == [.fenced])
            let again = try await subject.receive()
            #expect(again.texts == ["1", "2", "3"])
            #expect(again.attempts == [1, 1, 1])
            #expect(again[1].id == held[1].id)
            #expect(again[1].token != held[1].token)
            _ = try await storage.move("g", of: "t", to: .offset(entries[1].offset))
            #expect(try await subject.receive().texts == ["3"])
            _ = try await storage.move("g", of: "t", to: .now)
            #expect(try await subject.receive().isEmpty)
            _ = try await storage.move("g", of: "t", to: .time(entries[1].time))
            #expect(try await subject.receive().texts == ["2", "3"])
            await refused(.offsetGone) {
                _ = try await storage.move("g", of: "t", to: .offset(TopicOffset(Offset(milliseconds: 1, seq: 99))))
            }
            #expect(try await subject.group().pending == 2)
        },

        StorageContract("a group takes no more than its bound, and goes on when something is finished") { subject in
            let bound = ConsumerGroup.pendingBound
            try await subject.grouped()
            for start in stride(from: 0, to: bound + 1000, by: 1000) { try await subject.publish(start...start + 999) }
            var held: [Delivery] = []
            for _ in 0..<bound / 1000 { held += try await subject.receive(1000) }
            #expect(held.count == bound)
            #expect(try await subject.receive(1000).isEmpty)
            #expect(try await subject.group().pending == bound)
            #expect(try await subject.group().lag == 1000)
            try await subject.settle(Array(held[..<3]))
            #expect(try await subject.receive(1000).count == 3)
        },

        StorageContract("many consumers at once: every event is finished once, whoever had it") { subject in
            let storage = subject.storage
            try await subject.grouped(GroupSettings(maximumDeliveries: 100))
            try await subject.publish(1...200)
            let done = try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<6 {
                    group.addTask {
                        var random = SplitMix64(seed: UInt64(number))
                        var done: [String] = []
                        while try await storage.group("g", of: "t").oldestUnfinished != nil {
                            let received = try await storage.receive(7, from: "t", as: "c\(number)", in: "g")
                            let settlements = received.deliveries.map { delivery in
                                let isDone = Int.random(in: 0..<3, using: &random) > 0
                                return Settlement(
                                    id: delivery.id, token: delivery.token, isDone ? .acknowledge : .reject(delay: 0, reason: nil))
                            }
                            let outcomes = try await storage.settle(settlements, of: "t", as: "c\(number)", in: "g")
                            for (settlement, outcome) in zip(settlements, outcomes) {
                                #expect(outcome == .done)
                                if settlement.action == .acknowledge { done.append(settlement.id) }
                            }
                        }
                        return done
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(done.count == 200)
            #expect(Set(done).count == 200)
        },
    ]
}
