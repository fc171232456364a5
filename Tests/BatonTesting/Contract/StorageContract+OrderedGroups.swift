internal import BatonCore
internal import Testing

extension StorageContract {
    static let orderedGroups: [StorageContract] = [
        StorageContract("an ordered group hands out one event of a key at a time, and the others meanwhile") { subject in
            try await subject.grouped(GroupSettings(isOrdered: true))
            for number in 1...3 {
                try await subject.publish("a\(number)", key: "a")
                try await subject.publish("b\(number)", key: "b")
                try await subject.publish("\(number)")
            }
            let first = try await subject.receive(as: "x")
            #expect(first.texts == ["a1", "b1", "1", "2", "3"], "events without a key have no order")
            #expect(try await subject.receive(as: "y").isEmpty)
            let group = try await subject.group()
            #expect(group.pending == 9)
            #expect(group.lag == 0)
            #expect(try await subject.pending().filter { $0.attempt == 0 }.count == 4)
            try await subject.settle([first[1]], as: "x")
            let second = try await subject.receive(as: "y")
            #expect(second.texts == ["b2"])
            try await subject.settle([first[0]], as: "x")
            try await subject.settle(second, as: "y")
            #expect(try await subject.receive(as: "x").texts.sorted() == ["a2", "b3"])
        },

        StorageContract("in an ordered group nothing overtakes an event that is retried") { subject in
            try await subject.grouped(GroupSettings(maximumDeliveries: 3, leaseMilliseconds: 1000, isOrdered: true))
            for number in 1...3 { try await subject.publish("\(number)", key: "k") }
            try await subject.settle(try await subject.receive(), .reject(delay: 500, reason: nil))
            #expect(try await subject.receive().isEmpty)
            subject.clock.advance(milliseconds: 500)
            #expect(try await subject.receive().texts == ["1"])
            // Its consumer dies.
            subject.clock.advance(milliseconds: 1000)
            let third = try await subject.receive()
            #expect(third.texts == ["1"])
            #expect(third.attempts == [3])
            try await subject.publish("4", key: "k")
            try await subject.settle(third)
            for text in ["2", "3", "4"] {
                let next = try await subject.receive()
                #expect(next.texts == [text])
                #expect(next.attempts == [1])
                try await subject.settle(next)
            }
            #expect(try await subject.group().pending == 0)
        },

        StorageContract("in an ordered group a dead letter lets the next of its key go on") { subject in
            let storage = subject.storage
            try await subject.grouped(GroupSettings(maximumDeliveries: 1, leaseMilliseconds: 1000, isOrdered: true))
            for number in 1...4 { try await subject.publish("\(number)", key: "k") }
            let first = try await subject.receive()
            #expect(first.texts == ["1"])
            try await subject.settle(first, .reject(delay: 0, reason: nil))
            #expect(try await subject.receive().texts == ["2"])
            subject.clock.advance(milliseconds: 1000)
            // Its only attempt is over; what stands behind it is due in the same moment.
            let third = try await subject.receive()
            #expect(third.texts == ["3"])
            // Put back, it stands before what has not been handed out, and behind what has.
            #expect(try await storage.redrive(.ids([first[0].id]), in: "g", of: "t") == 1)
            #expect(try await subject.receive().isEmpty)
            try await subject.settle(third)
            let again = try await subject.receive()
            #expect(again.texts == ["1"])
            try await subject.settle(again)
            #expect(try await subject.receive().texts == ["4"])
        },

        StorageContract("an ordered group on the sessions' topic gives a session to one consumer at a time") { subject in
            try await subject.grouped(GroupSettings(isOrdered: true), of: Topic.sessions, from: .now)
            let keys = [try await subject.created("1"), try await subject.created("2")]
            for key in keys { try await subject.append(3, to: key) }
            var seen: [String: [String]] = [:]
            for round in 0..<4 {
                let held = try await subject.receive(as: "c\(round)", of: Topic.sessions)
                #expect(held.count == 2)
                #expect(Set(held.map(\.event.key)).count == 2)
                for delivery in held {
                    seen[delivery.event.key ?? "", default: []].append(delivery.event.data["event"]?["content"]?.stringValue ?? delivery.event.type)
                }
                try await subject.settle(held, as: "c\(round)", of: Topic.sessions)
            }
            #expect(seen == [keys[0].path: ["session.created", "1", "2", "3"], keys[1].path: ["session.created", "1", "2", "3"]])
            #expect(try await subject.receive(of: Topic.sessions).isEmpty)
        },

        StorageContract("an ordered group stops taking events at its bound, and goes on when the key in the way is finished") { subject in
            let bound = ConsumerGroup.pendingBound
            try await subject.grouped(GroupSettings(isOrdered: true))
            for start in stride(from: 0, to: bound, by: 1000) { try await subject.publish((start..<start + 1000).map { "\($0)" }, key: "k") }
            try await subject.publish("other", key: "o")
            var held: [Delivery] = []
            while true {
                let received = try await subject.storage.receive(10, from: "t", as: "c", in: "g")
                held += received.deliveries
                if received.deliveries.isEmpty, received.nextDue.map({ $0 > subject.clock.now() }) ?? true { break }
            }
            #expect(held.texts == ["0"])
            #expect(try await subject.group().pending == bound)
            #expect(try await subject.group().lag == 1)
            try await subject.settle(held)
            #expect(try await subject.receive(10).texts == ["1", "other"])
        },

        StorageContract("many consumers of an ordered group: the order of each key is kept through failures") { subject in
            let storage = subject.storage
            try await subject.grouped(GroupSettings(maximumDeliveries: 100, isOrdered: true))
            for number in 1...15 { for key in ["a", "b", "c", "d"] { try await subject.publish("\(number)", key: key) } }
            let seen = Guarded<[String: [String]]>([:])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        var random = SplitMix64(seed: UInt64(number))
                        while try await storage.group("g", of: "t").oldestUnfinished != nil {
                            for delivery in try await storage.receive(3, from: "t", as: "c\(number)", in: "g").deliveries {
                                let isDone = Int.random(in: 0..<3, using: &random) > 0
                                // Noted while it is held: nobody else has an event of the key now.
                                if isDone { seen.withLock { $0[delivery.event.key ?? "", default: []] += [delivery].texts } }
                                let settlement = Settlement(
                                    id: delivery.id, token: delivery.token, isDone ? .acknowledge : .reject(delay: 0, reason: nil))
                                #expect(try await storage.settle([settlement], of: "t", as: "c\(number)", in: "g") == [.done])
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let expected = (1...15).map { "\($0)" }
            #expect(seen.withLock { $0 } == ["a": expected, "b": expected, "c": expected, "d": expected])
        },
    ]
}
