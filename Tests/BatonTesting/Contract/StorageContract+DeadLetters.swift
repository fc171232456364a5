internal import BatonCore
internal import Testing

extension StorageContract {
    static let deadLetters: [StorageContract] = [
        StorageContract("an event that fails too often is a dead letter, with everything that is known of it") { subject in
            try await subject.grouped(GroupSettings(maximumDeliveries: 3))
            try await subject.publish(1...2)
            let times = try await (1...3).asyncMap { attempt in
                subject.clock.advance(milliseconds: 10)
                let held = try await subject.receive(1, as: "c\(attempt)")
                #expect(held.texts == ["1"])
                #expect(held.attempts == [attempt])
                #expect(try await subject.settle(held, .reject(delay: 0, reason: "failure \(attempt)"), as: "c\(attempt)") == [.done])
                return subject.clock.now()
            }
            let next = try await subject.receive()
            #expect(next.texts == ["2"])
            let dead = try await subject.dead()
            #expect(dead.count == 1)
            #expect(dead[0].reason == "failure 3")
            #expect(dead[0].time == times[2])
            #expect(
                dead[0].history
                    == (1...3).map { DeliveryFailure(attempt: $0, consumer: "c\($0)", time: times[$0 - 1], reason: "failure \($0)") })
            #expect(dead[0].event?.data.stringValue == "1")
            #expect(dead[0].event?.id == (try await subject.events()).first?.id)
            let group = try await subject.group()
            #expect(group.dead == 1)
            #expect(group.pending == 1)
        },

        StorageContract("a consumer that dies has used up an attempt: nobody has to say so") { subject in
            try await subject.grouped(GroupSettings(maximumDeliveries: 2, leaseMilliseconds: 1000))
            try await subject.publish(1...2)
            for attempt in 1...2 {
                let held = try await subject.receive(1, as: "dies")
                #expect(held.texts == ["1"])
                #expect(held.attempts == [attempt])
                subject.clock.advance(milliseconds: 1000)
            }
            let due = subject.clock.now()
            subject.clock.advance(milliseconds: 500)
            #expect(try await subject.receive(1, as: "lives").texts == ["2"])
            let dead = try await subject.dead()
            #expect(dead.map(\.reason) == [DeliveryFailure.leaseEnded])
            #expect(dead.first?.history.map(\.reason) == [DeliveryFailure.leaseEnded, DeliveryFailure.leaseEnded])
            #expect(dead.first?.history.last == DeliveryFailure(attempt: 2, consumer: "dies", time: due, reason: DeliveryFailure.leaseEnded))
            #expect(dead.first?.history.map(\.attempt) == [1, 2])
        },

        StorageContract("terminating makes a dead letter at once") { subject in
            try await subject.grouped()
            try await subject.publish(1...2)
            let held = try await subject.receive()
            #expect(try await subject.settle([held[0]], .terminate(reason: "cannot be read")) == [.done])
            #expect(try await subject.settle([held[1]], .terminate(reason: nil)) == [.done])
            #expect(try await subject.settle(held) == [.fenced, .fenced])
            #expect(try await subject.dead().map(\.reason) == ["cannot be read", DeliveryFailure.terminated])
            #expect(try await subject.dead().map(\.history.count) == [1, 1])
            #expect(try await subject.group().pending == 0)
            #expect(try await subject.receive().isEmpty)
        },

        StorageContract("dead letters are put back one, some or all, with their ids, their history and all attempts before them") { subject in
            let storage = subject.storage
            try await subject.grouped(GroupSettings(maximumDeliveries: 1))
            try await subject.publish(1...5)
            let held = try await subject.receive()
            try await subject.settle(held, .reject(delay: 0, reason: "no"))
            #expect(try await subject.group().dead == 5)
            #expect(try await storage.redrive(.ids([held[2].id, "nothing"]), in: "g", of: "t") == 1)
            let one = try await subject.receive()
            #expect(one.ids == [held[2].id])
            #expect(one.attempts == [1])
            #expect(one[0].event == held[2].event)
            #expect(one[0].token != held[2].token)
            #expect(try await subject.settle([held[2]]) == [.fenced])
            try await subject.settle(one, .reject(delay: 0, reason: "again"))
            let dead = try await subject.dead()
            #expect(dead.map(\.id) == held.ids)
            #expect(dead[2].history.map(\.reason) == ["no", "again"])
            #expect(try await storage.redrive(.oldest(2), in: "g", of: "t") == 2)
            #expect(try await subject.dead().map(\.id) == [held[2].id, held[3].id, held[4].id])
            #expect(try await storage.redrive(.oldest(1000), in: "g", of: "t") == 3)
            #expect(try await storage.redrive(.oldest(1000), in: "g", of: "t") == 0)
            let all = try await subject.receive()
            #expect(Set(all.ids) == Set(held.ids))
            try await subject.settle(all)
            #expect(try await subject.group().dead == 0)
            #expect(try await subject.group().pending == 0)
        },

        StorageContract("dead letters are listed in pages and discarded for good") { subject in
            let storage = subject.storage
            try await subject.grouped()
            try await subject.publish(1...7)
            let held = try await subject.receive()
            try await subject.settle(held.reversed(), .terminate(reason: nil))
            var listed: [String] = []
            var after: String?
            repeat {
                let page = try await storage.deadLetters(in: "g", of: "t", after: after, limit: 3)
                #expect(page.elements.count <= 3)
                listed += page.elements.map(\.id)
                after = page.next
            } while after != nil
            #expect(listed == held.ids)
            #expect(try await storage.discard(.ids([held[1].id, held[1].id, "nothing"]), in: "g", of: "t") == 1)
            #expect(try await storage.discard(.oldest(2), in: "g", of: "t") == 2)
            #expect(try await subject.dead().map(\.id) == held[3...].map(\.id))
            #expect(try await subject.group().dead == 4)
            #expect(try await storage.redrive(.ids([held[0].id]), in: "g", of: "t") == 0)
        },

        StorageContract("a dead letter that is pending again, because the group was moved, is only removed by a redrive") { subject in
            let storage = subject.storage
            try await subject.grouped()
            try await subject.publish("1")
            try await subject.settle(try await subject.receive(), .terminate(reason: nil))
            _ = try await storage.move("g", of: "t", to: .start)
            let held = try await subject.receive()
            #expect(held.texts == ["1"])
            #expect(try await storage.redrive(.oldest(10), in: "g", of: "t") == 0)
            #expect(try await subject.dead().isEmpty)
            #expect(try await subject.group().pending == 1)
            #expect(try await subject.settle(held) == [.done])
            #expect(try await subject.receive().isEmpty)
        },

        StorageContract("an event that was redriven before the group came to it is handed out once") { subject in
            let storage = subject.storage
            try await subject.grouped()
            try await subject.publish(1...2)
            try await subject.settle(try await subject.receive(), .terminate(reason: nil))
            _ = try await storage.move("g", of: "t", to: .start)
            #expect(try await storage.redrive(.oldest(10), in: "g", of: "t") == 2)
            let held = try await subject.receive()
            #expect(held.texts == ["1", "2"])
            #expect(try await subject.settle(held) == [.done, .done])
            #expect(try await subject.group().lag == 0)
        },

        StorageContract("a group keeps a bounded number of dead letters: the oldest makes room and is lost") { subject in
            let bound = ConsumerGroup.deadLetterBound
            try await subject.grouped()
            var first: Delivery?
            for start in stride(from: 0, to: bound, by: 1000) {
                try await subject.publish(start...start + 999)
                let held = try await subject.receive(1000)
                first = first ?? held.first
                try await subject.settle(held, .terminate(reason: nil))
            }
            #expect(try await subject.group().dead == bound)
            #expect(try await subject.group().lost == 0)
            try await subject.publish("last")
            try await subject.settle(try await subject.receive(), .terminate(reason: nil))
            let group = try await subject.group()
            #expect(group.dead == bound)
            #expect(group.lost == 1)
            #expect(try await subject.dead().first?.id != first?.id)
        },
    ]
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
