internal import BatonCore
internal import Testing

extension StorageContract {
    /// What was handed out together, and what becomes of it in parts.
    static let batches: [StorageContract] = [
        StorageContract("what was handed out together is finished in parts, in any order, by any number of calls") { subject in
            try await subject.grouped()
            try await subject.publish(1...12)
            let held = try await subject.receive()
            func left() async throws -> [String] {
                let ids = try await subject.pending().map(\.id)
                return held.filter { ids.contains($0.id) }.texts
            }
            #expect(try await subject.settle(Array(held[4...6])) == [.done, .done, .done])
            #expect(try await left() == ["1", "2", "3", "4", "8", "9", "10", "11", "12"])
            #expect(try await subject.settle(Array(held[3...7])) == [.done, .fenced, .fenced, .fenced, .done])
            #expect(try await subject.settle([held[0], held[11], held[0]]) == [.done, .done, .fenced])
            #expect(try await left() == ["2", "3", "9", "10", "11"])
            // A page that begins in the midst of them.
            let page = try await subject.storage.pending(in: "g", of: "t", after: held[2].id, limit: 2)
            #expect(page.elements.map(\.id) == [held[8].id, held[9].id])
            #expect(page.elements.map(\.attempt) == [1, 1])
            #expect(page.elements.map(\.dueAt) == [held[8].leaseEndsAt, held[9].leaseEndsAt])
            #expect(try await subject.settle(held).filter { $0 == .done }.count == 5)
            #expect(try await subject.pending().isEmpty)
            #expect(try await subject.group().pending == 0)
        },

        StorageContract("one that is rejected, given back, extended or ended leaves the others of its batch as they were") { subject in
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000))
            try await subject.publish(1...6)
            let held = try await subject.receive(as: "a")
            #expect(try await subject.settle([held[1]], .reject(delay: 5000, reason: nil), as: "a") == [.done])
            #expect(try await subject.settle([held[2]], .release, as: "a") == [.done])
            #expect(try await subject.settle([held[3]], .extend(60_000), as: "a") == [.done])
            #expect(try await subject.settle([held[4]], .terminate(reason: "ended"), as: "a") == [.done])
            let pending = try await subject.pending()
            let kept = held.filter { $0.id != held[4].id }
            #expect(pending.map(\.id) == kept.ids)
            #expect(pending.map(\.consumer) == ["a", nil, nil, "a", "a"])
            #expect(pending.map(\.attempt) == [1, 1, 0, 1, 1])
            #expect(try await subject.dead().map(\.id) == [held[4].id])
            #expect(try await subject.group().consumers.map(\.held) == [3])
            // Tokens of before are good for those, and only for those, that nothing happened to.
            #expect(try await subject.settle(held, as: "a") == [.done, .fenced, .fenced, .done, .fenced, .done])
            #expect(try await subject.receive(as: "b").texts == ["3"])
        },

        StorageContract("a batch whose lease ends in part gives what is left of it to another, each with its own count") { subject in
            try await subject.grouped(GroupSettings(maximumDeliveries: 3, leaseMilliseconds: 1000))
            try await subject.publish(1...8)
            let zombie = try await subject.receive(as: "zombie")
            try await subject.settle(Array(zombie[2...3]), as: "zombie")
            subject.clock.advance(milliseconds: 1000)
            // Some now, some later.
            let heir = try await subject.receive(3, as: "heir")
            #expect(heir.texts == ["1", "2", "5"])
            #expect(heir.attempts == [2, 2, 2])
            #expect(try await subject.settle(Array(zombie[0...1]), as: "zombie") == [.fenced, .fenced])
            // Late, but nobody has it meanwhile, and nobody has looked.
            let rest = try await subject.receive(as: "heir")
            #expect(rest.texts == ["6", "7", "8"])
            #expect(rest.attempts == [2, 2, 2])
            try await subject.settle([heir[1]], .reject(delay: 0, reason: "no"), as: "heir")
            let third = try await subject.receive(as: "c")
            #expect(third.attempts == [3])
            let history = try await subject.pending().first { $0.id == third[0].id }?.history ?? []
            #expect(history.map(\.reason) == [DeliveryFailure.leaseEnded, "no"])
            #expect(history.map(\.consumer) == ["zombie", "heir"])
            #expect(history.map(\.attempt) == [1, 2])
            var tokens = Set(zombie.map(\.token))
            tokens.formUnion(heir.map(\.token))
            tokens.formUnion(rest.map(\.token))
            tokens.formUnion(third.map(\.token))
            #expect(tokens.count == 15)
        },

        StorageContract("numbers of a group are right while batches are held by several consumers") { subject in
            try await subject.grouped()
            let entries = try await subject.publish(1...10)
            let a = try await subject.receive(4, as: "a")
            let b = try await subject.receive(4, as: "b")
            var group = try await subject.group()
            #expect(group.pending == 8)
            #expect(group.lag == 2)
            #expect(group.position == entries[7].offset)
            #expect(group.consumers.map(\.held) == [4, 4])
            try await subject.settle(Array(a[...1]), as: "a")
            group = try await subject.group()
            #expect(group.consumers.map(\.held) == [2, 4])
            #expect(group.pending == 6)
            #expect(group.oldestUnfinished == entries[2].time)
            try await subject.settle(Array(a[2...]), as: "a")
            try await subject.settle(Array(b[1...]), as: "b")
            #expect(try await subject.pending().map(\.id) == [b[0].id])
            #expect(try await subject.group().consumers.map(\.held) == [0, 1])
            // Moving and deleting drop what is held.
            let more = try await subject.receive(as: "a")
            _ = try await subject.storage.move("g", of: "t", to: .start)
            group = try await subject.group()
            #expect(group.pending == 0)
            #expect(group.consumers.map(\.held) == [0, 0])
            #expect(try await subject.settle(more, as: "a") == [.fenced, .fenced])
            let again = try await subject.receive(as: "b")
            #expect(again.count == 10)
            _ = try await subject.storage.deleteGroup("g", of: "t")
            try await subject.grouped()
            #expect(try await subject.settle(again, as: "b").allSatisfy { $0 == .fenced })
            #expect(try await subject.pending().isEmpty)
            #expect(try await subject.receive(as: "b").attempts == Array(repeating: 1, count: 10))
        },

        StorageContract("under safe a batch keeps what is left of it, and no more") { subject in
            _ = try await subject.storage.retain(.count(10, .safe), in: "t")
            try await subject.grouped()
            try await subject.publish(1...10)
            let held = try await subject.receive()
            await refused(.tooManyRequests) { try await subject.publish("11") }
            try await subject.settle(Array(held[1...4]))
            await refused(.tooManyRequests) { try await subject.publish("11") }
            try await subject.settle([held[0]])
            try await subject.publish(11...15)
            await refused(.tooManyRequests) { try await subject.publish("16") }
            #expect(try await subject.texts() == numbers(6...15))
            #expect(try await subject.settle(Array(held[5...])).allSatisfy { $0 == .done })
            #expect(try await subject.receive().texts == numbers(11...15))
        },

        StorageContract("what is trimmed out of a batch under strict is settled as ever, and lost when its lease ends") { subject in
            let storage = subject.storage
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000))
            try await subject.publish(1...10)
            let held = try await subject.receive()
            _ = try await storage.retain(.count(3, .strict), in: "t")
            #expect(try await subject.group().pending == 10)
            #expect(try await subject.pending().count == 10)
            #expect(try await subject.settle([held[0], held[1]]) == [.done, .done])
            #expect(try await subject.settle([held[2]], .extend(60_000)) == [.done])
            #expect(try await subject.settle([held[3], held[8]], .reject(delay: 0, reason: nil)) == [.done, .done])
            #expect(try await subject.settle([held[4]]) == [.done])
            #expect(try await subject.group().pending == 7)
            let again = try await storage.receive(100, from: "t", as: "c", in: "g")
            #expect(again.deliveries.texts == ["9"])
            #expect(again.lost == 1)
            subject.clock.advance(milliseconds: 1000)
            let later = try await storage.receive(100, from: "t", as: "c", in: "g")
            #expect(Set(later.deliveries.texts) == ["8", "9", "10"])
            #expect(later.lost == 2)
            try await subject.settle(later.deliveries)
            subject.clock.advance(milliseconds: 60_000)
            #expect(try await storage.receive(100, from: "t", as: "c", in: "g").lost == 1)
            #expect(try await subject.group().pending == 0)
            #expect(try await subject.group().consumers.map(\.held) == [0])
        },

        StorageContract("a backlog is worked off in batches, whatever happens in between") { subject in
            let storage = subject.storage
            try await subject.grouped()
            try await subject.publish(1...400)
            var seen: [String] = []
            func finish(_ limit: Int = 20, as consumer: String = "a") async throws -> [Delivery] {
                let held = try await subject.receive(limit, as: consumer)
                #expect(try await subject.settle(held, as: consumer).allSatisfy { $0 == .done })
                seen += held.texts
                return held
            }
            for _ in 1...4 { _ = try await finish() }
            #expect(seen == numbers(1...80))
            // What comes back goes first.
            let rejected = try await subject.receive(20, as: "a")
            try await subject.settle([rejected[3]], .reject(delay: 0, reason: nil), as: "a")
            try await subject.settle(rejected, as: "a")
            #expect(try await finish().texts == ["84"] + numbers(101...119))
            // Others, and other sizes.
            for _ in 1...3 { _ = try await finish() }
            #expect(try await finish(5, as: "b").texts == numbers(180...184))
            #expect(try await finish().texts == numbers(185...204))
            #expect(try await finish().texts == numbers(205...224))
            #expect(try await finish().texts == numbers(225...244))
            // Another place.
            let place = try await subject.group().position
            _ = try await storage.move("g", of: "t", to: .start)
            #expect(try await finish().texts == numbers(1...20))
            for _ in 1...2 { _ = try await finish() }
            _ = try await storage.move("g", of: "t", to: .offset(place))
            #expect(try await finish().texts == numbers(245...264))
            for _ in 1...2 { _ = try await finish() }
            // What was trimmed is lost, also when it would have been next.
            _ = try await storage.retain(.count(50, .strict), in: "t")
            let after = try await storage.receive(20, from: "t", as: "a", in: "g")
            #expect(after.deliveries.texts == numbers(351...370))
            #expect(after.lost == 46)
            // A group and a topic of the same names are others.
            _ = try await storage.deleteTopic("t")
            try await subject.publish(1...100)
            await refused(.notFound) { _ = try await subject.receive(20, as: "a") }
            try await subject.grouped()
            #expect(try await finish().texts == numbers(1...20))
            #expect(try await subject.group().lag == 80)
        },

        StorageContract("a backlog is shared by consumers of one process, each event once and each one's in order") { subject in
            try await subject.grouped()
            for start in stride(from: 1, to: 1000, by: 250) { try await subject.publish(start...start + 249) }
            let shares = try await withThrowingTaskGroup(of: [Int].self) { group in
                for number in 1...5 {
                    group.addTask {
                        var mine: [Int] = []
                        while true {
                            let held = try await subject.receive(number == 5 ? 7 : 16, as: "c\(number)")
                            if held.isEmpty { return mine }
                            #expect(try await subject.settle(held, as: "c\(number)").allSatisfy { $0 == .done })
                            mine += held.texts.compactMap { Int($0) }
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for share in shares { #expect(share == share.sorted()) }
            #expect(shares.joined().sorted() == Array(1...1000))
            #expect(try await subject.group().pending == 0)
        },
    ]
}

/// The texts that publishing a range of numbers gives.
private func numbers(_ range: ClosedRange<Int>) -> [String] { range.map { String($0) } }
