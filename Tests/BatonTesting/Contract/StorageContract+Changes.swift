internal import BatonCore
internal import Testing

extension StorageContract {
    static let changes: [StorageContract] = [
        StorageContract("a replaced event keeps its place and everything but its content") { subject in
            let key = try await subject.created()
            let draft = try EventDraft(
                NewEvent(
                    .of("1"), id: "e", author: "a", role: "r", type: "t", branch: "b", invocation: "i", isPartial: true,
                    stateDelta: ["k": .of("1")], usage: .of(#"{"u":1}"#)))
            try await subject.append(.text("0"), draft, .text("2"), to: key)
            let before = try await subject.storage.event("e", in: key)
            #expect(before.editedAt == nil)
            let version = try await subject.record(key).version
            subject.clock.advance(seconds: 9)
            let patch = EventPatch(content: try .of(#"{ "new" : 1.0 }"#), metadata: try .of(#"{"m":1}"#))
            let event = try await subject.storage.replace("e", in: key, with: patch)
            #expect(event == Event(id: "e", seq: 2, time: before.time, editedAt: subject.clock.now(), body: patch.applied(to: before.body)))
            #expect(event.content.description == #"{ "new" : 1.0 }"#)
            #expect(event.usage == before.usage)
            #expect(event.author == "a" && event.isPartial && event.stateDelta == before.stateDelta)
            #expect(try await subject.storage.event("e", in: key) == event)
            #expect(try await subject.events(key)[1] == event)
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 2)).events[0] == event)
            let record = try await subject.record(key)
            #expect(record.version == version + 1)
            #expect(record.updatedAt == subject.clock.now())
            #expect(record.lastSeq == 3)
            #expect(record.eventCount == 3)
            // Its state was committed when it was appended; replacing it changes no state.
            #expect(try await subject.storage.state(.session(key)) == ["k": .of("1")])
            await refused(.notFound) { _ = try await subject.storage.replace("nobody", in: key, with: patch) }
            #expect(try await subject.record(key) == record)
        },

        StorageContract("an event with a made id can be replaced and removed, and filters still find it") { subject in
            let key = try await subject.created()
            let id = try await subject.storage.append(EventBatch([.text("a", role: "user"), .text("b")]), to: key).entries[0].id
            _ = try await subject.storage.replace(id, in: key, with: EventPatch(content: .of("2")))
            var filter = EventFilter()
            filter.roles = ["user"]
            #expect(try await subject.storage.events(in: key, EventQuery(filter: filter)).events.map(\.id) == [id])
            #expect(try await subject.storage.remove(id, in: key)?.content == .of("2"))
            #expect(try await subject.storage.events(in: key, EventQuery(filter: filter)).events.isEmpty)
        },

        StorageContract("a removed event leaves its seq used, its id free and its offset a valid cursor") { subject in
            let key = try await subject.created()
            for id in ["a", "b", "c"] {
                subject.clock.advance(milliseconds: 1)
                try await subject.append(.text(id, id: id, state: ["k": "\"\(id)\""]), to: key)
            }
            let before = try await subject.record(key)
            let b = try await subject.storage.event("b", in: key)
            subject.clock.advance(seconds: 1)
            #expect(try await subject.storage.remove("b", in: key) == b)
            #expect(try await subject.texts(key) == ["a", "c"])
            await refused(.notFound) { _ = try await subject.storage.event("b", in: key) }
            await refused(.notFound) { _ = try await subject.storage.remove("b", in: key) }
            let record = try await subject.record(key)
            #expect(record.eventCount == 2)
            #expect(record.tail == before.tail)
            #expect(record.floor == .start)
            #expect(record.version == before.version + 1)
            #expect(record.updatedAt == subject.clock.now())
            for cursor in [Cursor.offset(b.offset), .seq(2)] {
                #expect(try await subject.storage.events(in: key, EventQuery(after: cursor)).events.texts == ["c"])
            }
            let page = try await subject.storage.events(in: key, EventQuery(before: .seq(3)))
            #expect(page.events.texts == ["a"])
            #expect(page.next == b.offset)
            await gone(record) {
                let wrong = Offset(milliseconds: b.time.milliseconds + 1000, seq: 2)
                _ = try await subject.storage.events(in: key, EventQuery(after: .offset(wrong)))
            }
            // State stays as it is.
            #expect(try await subject.storage.state(.session(key)) == ["k": .of("\"c\"")])
            // The id is free, its seq is not.
            let receipt = try await subject.storage.append(EventBatch([.text("new", id: "b")]), to: key)
            #expect(!receipt.isDuplicate)
            #expect(receipt.entries[0].seq == 4)
            #expect(try await subject.texts(key) == ["a", "c", "new"])
        },

        StorageContract("popping takes the newest that is left") { subject in
            let key = try await subject.created()
            try await subject.append(.text("a", id: "a"), .text("b", id: "b"), .text("c", id: "c"), .text("d", id: "d"), to: key)
            _ = try await subject.storage.remove("c", in: key)
            #expect(try await subject.storage.remove(nil, in: key)?.id == "d")
            #expect(try await subject.storage.remove(nil, in: key)?.id == "b")
            let record = try await subject.record(key)
            #expect(record.tail.seq == 4)
            #expect(record.eventCount == 1)
            #expect(try await subject.storage.remove(nil, in: key)?.id == "a")
            // Nothing is left: nothing changes.
            let empty = try await subject.record(key)
            subject.clock.advance(seconds: 1)
            #expect(try await subject.storage.remove(nil, in: key) == nil)
            #expect(try await subject.record(key) == empty)
            #expect(empty.eventCount == 0)
            #expect(try await subject.append(.text("e"), to: key).map(\.seq) == [5])
        },

        StorageContract("many who pop at once get each event once") { subject in
            let key = try await subject.created()
            try await subject.append(20, to: key)
            let storage = subject.storage
            let popped = try await withThrowingTaskGroup(of: Event?.self) { group in
                for _ in 0..<30 { group.addTask { try await storage.remove(nil, in: key) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(popped.compactMap { $0?.seq }.sorted() == Array(1...20))
            #expect(popped.filter { $0 == nil }.count == 10)
        },

        StorageContract("clearing forgets all events: the floor moves to the tail, the seq goes on") { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(2, to: key)
            try await subject.append(.text("x", id: "own", state: ["k": "1"]), to: key)
            let before = try await subject.record(key)
            subject.clock.advance(seconds: 1)
            try await subject.storage.clear(key)
            var expected = before
            expected.floor = before.tail
            expected.eventCount = 0
            expected.version += 1
            expected.updatedAt = subject.clock.now()
            #expect(try await subject.record(key) == expected)
            #expect(try await subject.events(key).isEmpty)
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 10)).events.isEmpty)
            await refused(.notFound) { _ = try await subject.storage.event("own", in: key) }
            await refused(.notFound) { _ = try await subject.storage.event(before.madeID(forSeq: 1), in: key) }
            #expect(try await subject.storage.remove(nil, in: key) == nil)
            #expect(try await subject.storage.state(.session(key)) == ["k": .of("1")])
            for offset in offsets {
                await gone(expected) { _ = try await subject.storage.events(in: key, EventQuery(after: .offset(offset))) }
            }
            let page = try await subject.storage.events(in: key, EventQuery(after: .offset(before.tail)))
            #expect(page == EventPage(events: [], next: before.tail, tail: before.tail, upToDate: true, generation: before.generation))
            // Ids are free, the seq goes on.
            let receipt = try await subject.storage.append(EventBatch([.text("a", id: "own")]), to: key)
            #expect(receipt.entries.map(\.seq) == [4])
            #expect(!receipt.isDuplicate)
            #expect(try await subject.texts(key) == ["a"])
            // Seq 0 is the start of what is left.
            #expect(try await subject.storage.events(in: key, EventQuery(after: .seq(0))).events.texts == ["a"])
        },

        StorageContract("a long log is cleared and filled again with the same ids") { subject in
            let key = try await subject.created()
            let batch = EventBatch(try (0..<1000).map { try .text("\($0)", id: "id \($0)") })
            for round in 0..<3 {
                _ = try await subject.storage.append(batch, to: key)
                #expect(try await subject.record(key).lastSeq == (round + 1) * 1000)
                #expect(try await subject.storage.append(batch, to: key).isDuplicate)
                if round < 2 { try await subject.storage.clear(key) }
            }
            #expect(try await subject.events(key).seqs == Array(2001...3000))
        },
    ]
}
