internal import BatonCore
internal import Testing

extension StorageContract {
    static let retention: [StorageContract] = [
        StorageContract("a topic keeps the newest events up to its count, and a cursor before them is gone") { subject in
            let storage = subject.storage
            let topic = try await storage.retain(.count(10, .strict), in: "t")
            #expect(topic.retention == .count(10, .strict))
            #expect(topic.count == 0)
            let entries = try await subject.publish(1...8) + subject.publish(9...14)
            #expect(try await subject.texts() == (5...14).map { "\($0)" })
            let trimmed = try await storage.topic("t")
            #expect(trimmed.count == 10)
            #expect(trimmed.earliest == entries[3].offset)
            #expect(trimmed.tail == entries[13].offset)
            #expect(try await subject.texts(from: .offset(entries[3].offset)) == (5...14).map { "\($0)" })
            try await subject.gone { _ = try await storage.events(in: "t", TopicQuery(from: .offset(entries[2].offset))) }
            #expect(try await subject.texts(from: .offset(.start)) == (5...14).map { "\($0)" })
            #expect(try await subject.texts(from: .time(entries[0].time)) == (5...14).map { "\($0)" })
        },

        StorageContract("an id that was trimmed is free again") { subject in
            let storage = subject.storage
            _ = try await storage.retain(.count(2, .strict), in: "t")
            let draft = TopicEventDraft(type: "x", data: JSON(string: "1"), id: "a")
            _ = try await storage.publish(TopicBatch([draft]), to: "t")
            try await subject.publish(2...3)
            #expect(try await storage.publish(TopicBatch([draft]), to: "t").entries.map(\.seq) == [4])
            #expect(try await subject.texts() == ["3", "1"])
        },

        StorageContract("a topic keeps the newest events up to its bytes") { subject in
            let storage = subject.storage
            _ = try await storage.retain(TopicRetention(maximumEvents: nil, maximumBytes: 100, maximumAge: nil, policy: .strict), in: "t")
            // Each text has 18 characters and two quotation marks.
            for number in 10...20 { try await subject.publish(String(repeating: "x", count: 16) + "\(number)") }
            #expect(try await subject.texts().map { $0.suffix(2) } == ["16", "17", "18", "19", "20"])
            try await subject.publish(String(repeating: "y", count: 98))
            #expect(try await subject.texts().map { $0.suffix(2) } == ["yy"])
        },

        StorageContract("a topic lets go of what is too old with the next event") { subject in
            let storage = subject.storage
            _ = try await storage.retain(TopicRetention(maximumEvents: nil, maximumBytes: nil, maximumAge: 60, policy: .strict), in: "t")
            try await subject.publish("old")
            subject.clock.advance(seconds: 40)
            try await subject.publish("middle")
            subject.clock.advance(seconds: 30)
            try await subject.publish("new")
            #expect(try await subject.texts() == ["middle", "new"])
            subject.clock.advance(seconds: 120)
            try await subject.publish("last")
            #expect(try await subject.texts() == ["last"])
        },

        StorageContract("another retention takes effect at once, and what it lets go stays gone") { subject in
            let storage = subject.storage
            try await subject.publish(1...20)
            _ = try await storage.retain(.count(5, .strict), in: "t")
            #expect(try await subject.texts() == (16...20).map { "\($0)" })
            let wide = try await storage.retain(.count(50, .safe), in: "t")
            #expect(wide.count == 5)
            try await subject.publish("21")
            #expect(try await subject.texts() == (16...21).map { "\($0)" })
        },

        StorageContract("a batch that can never fit is too large") { subject in
            let storage = subject.storage
            for policy in TopicRetention.Policy.allCases {
                _ = try await storage.retain(.count(3, policy), in: "t")
                await refused(.tooLarge) { try await subject.publish(1...4) }
                _ = try await storage.retain(TopicRetention(maximumEvents: nil, maximumBytes: 10, maximumAge: nil, policy: policy), in: "t")
                await refused(.tooLarge) { try await subject.publish(["123456789"]) }
            }
            #expect(try await subject.texts() == [])
        },

        StorageContract("under safe nothing goes that a group has not finished: publishing is refused until it has") { subject in
            let storage = subject.storage
            _ = try await storage.retain(.count(5, .safe), in: "t")
            try await subject.grouped()
            try await subject.publish(1...5)
            await refused(.tooManyRequests) { try await subject.publish("6") }
            let held = try await subject.receive(2)
            await refused(.tooManyRequests) { try await subject.publish("6") }
            // The second one is done, the first is not: it stands in the way.
            try await subject.settle([held[1]])
            await refused(.tooManyRequests) { try await subject.publish("6") }
            try await subject.settle([held[0]], .reject(delay: 1000, reason: nil))
            await refused(.tooManyRequests) { try await subject.publish("6") }
            subject.clock.advance(milliseconds: 1000)
            try await subject.settle(try await subject.receive(1))
            try await subject.publish("6")
            try await subject.publish("7")
            await refused(.tooManyRequests) { try await subject.publish("8") }
            #expect(try await subject.texts() == ["3", "4", "5", "6", "7"])
            #expect(try await subject.receive().texts == ["3", "4", "5", "6", "7"])
            #expect(try await subject.group().lost == 0)
        },

        StorageContract("under safe the slowest of all groups counts, and bytes do as the count does") { subject in
            let storage = subject.storage
            _ = try await storage.retain(TopicRetention(maximumEvents: nil, maximumBytes: 12, maximumAge: nil, policy: .safe), in: "t")
            try await subject.grouped(name: "fast")
            try await subject.grouped(name: "slow")
            // Each event has three bytes.
            for number in 1...4 { try await subject.publish("\(number)") }
            try await subject.settle(try await subject.receive(in: "fast"), in: "fast")
            await refused(.tooManyRequests) { try await subject.publish("5") }
            try await subject.settle(try await subject.receive(1, in: "slow"), in: "slow")
            try await subject.publish("5")
            await refused(.tooManyRequests) { try await subject.publish("6") }
            #expect(try await storage.deleteGroup("slow", of: "t"))
            try await subject.publish("6")
            #expect(try await subject.texts() == ["3", "4", "5", "6"])
        },

        StorageContract("under safe age lets go only of what is finished, and refuses nothing") { subject in
            let storage = subject.storage
            _ = try await storage.retain(TopicRetention(maximumEvents: nil, maximumBytes: nil, maximumAge: 10, policy: .safe), in: "t")
            try await subject.grouped()
            try await subject.publish(1...3)
            try await subject.settle(try await subject.receive(1))
            subject.clock.advance(seconds: 60)
            try await subject.publish("4")
            #expect(try await subject.texts() == ["2", "3", "4"])
            #expect(try await subject.receive().texts == ["2", "3", "4"])
        },

        StorageContract("a dead letter does not keep its event from being trimmed, and keeps it itself") { subject in
            let storage = subject.storage
            _ = try await storage.retain(.count(2, .safe), in: "t")
            try await subject.grouped()
            try await subject.publish(1...2)
            let held = try await subject.receive()
            try await subject.settle([held[0]], .terminate(reason: "bad"))
            try await subject.settle([held[1]])
            try await subject.publish(3...4)
            #expect(try await subject.texts() == ["3", "4"])
            #expect(try await subject.dead().map { $0.event?.data.stringValue } == ["1"])
            #expect(try await storage.redrive(.oldest(1), in: "g", of: "t") == 1)
            let again = try await subject.receive()
            #expect(again.texts == ["1", "3", "4"])
            #expect(again[0].id == held[0].id)
            #expect(again[0].event == held[0].event)
        },

        StorageContract("under strict what a group has not finished goes, and it is told how many it lost") { subject in
            let storage = subject.storage
            _ = try await storage.retain(.count(10, .strict), in: "t")
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000))
            try await subject.publish(1...6)
            let held = try await subject.receive(3)
            for number in 7...15 { try await subject.publish("\(number)") }
            // 1 to 5 are trimmed. The group has never been given 4 and 5, and holds 1 to 3.
            try await subject.settle([held[2]])
            let received = try await storage.receive(3, from: "t", as: "c", in: "g")
            #expect(received.deliveries.texts == ["6", "7", "8"])
            #expect(received.lost == 2)
            #expect(try await subject.group().lost == 2)
            subject.clock.advance(milliseconds: 1000)
            // What was trimmed while it was held is lost when its turn comes again.
            let later = try await storage.receive(100, from: "t", as: "c", in: "g")
            #expect(later.deliveries.texts == ["6", "7", "8"] + (9...15).map { "\($0)" })
            #expect(later.lost == 2)
            let group = try await subject.group()
            #expect(group.lost == 4)
            #expect(group.pending == 10)
            #expect(try await storage.receive(100, from: "t", as: "c", in: "g").lost == 0)
        },
    ]
}
