internal import BatonCore
internal import Testing

extension StorageContract {
    static let limits: [StorageContract] = [
        StorageContract("the oldest events over the limit are trimmed and the floor moves", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(5, to: key)
            #expect(try await subject.texts(key) == ["3", "4", "5"])
            let record = try await subject.record(key)
            #expect(record.eventCount == 3)
            #expect(record.floor == offsets[1])
            #expect(record.tail == offsets[4])
            #expect(record.lastSeq == 5)
            let id = record.madeID(forSeq: 2)
            await refused(.notFound) { _ = try await subject.storage.event(id, in: key) }
            #expect(try await subject.storage.event(record.madeID(forSeq: 3), in: key).seq == 3)
        },

        StorageContract("a batch over the limit leaves its last events", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            try await subject.append(.text("0"), to: key)
            let receipt = try await subject.storage.append(EventBatch((1...7).map { try .text("\($0)", state: ["n": "\($0)"]) }), to: key)
            #expect(receipt.entries.map(\.seq) == Array(2...8))
            #expect(try await subject.texts(key) == ["5", "6", "7"])
            #expect(try await subject.record(key).floor.seq == 5)
            #expect(try await subject.storage.state(.session(key)) == ["n": .of("7")])
        },

        StorageContract("cursors into the trimmed part are gone, at the floor they go on", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(6, to: key)
            let record = try await subject.record(key)
            for offset in offsets[..<2] {
                await gone(record) { _ = try await subject.storage.events(in: key, EventQuery(after: .offset(offset))) }
                await gone(record) { _ = try await subject.storage.events(in: key, EventQuery(after: .seq(offset.seq))) }
            }
            for cursor in [Cursor.offset(offsets[2]), .seq(3), .seq(0), .offset(.start)] {
                #expect(try await subject.storage.events(in: key, EventQuery(after: cursor)).events.texts == ["4", "5", "6"])
            }
            #expect(try await subject.storage.events(in: key, EventQuery(after: .offset(offsets[4]))).events.texts == ["6"])
            #expect(try await subject.storage.events(in: key, EventQuery()).events.texts == ["4", "5", "6"])
        },

        StorageContract("trimming counts what is there: removed events do not", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(3, to: key)
            _ = try await subject.storage.remove(subject.record(key).madeID(forSeq: 2), in: key)
            try await subject.append(1, to: key, from: 4)
            #expect(try await subject.texts(key) == ["1", "3", "4"])
            #expect(try await subject.record(key).floor == .start)
            try await subject.append(1, to: key, from: 5)
            #expect(try await subject.texts(key) == ["3", "4", "5"])
            let record = try await subject.record(key)
            #expect(record.eventCount == 3)
            #expect(record.floor == offsets[0])
            try await subject.append(1, to: key, from: 6)
            #expect(try await subject.record(key).floor == offsets[2])
        },

        StorageContract("the id of a trimmed event is free again", StorePolicy(maximumEvents: 2)) { subject in
            let key = try await subject.created()
            try await subject.append(.text("a", id: "one"), to: key)
            try await subject.append(.text("b"), .text("c"), to: key)
            let receipt = try await subject.storage.append(EventBatch([.text("d", id: "one")]), to: key)
            #expect(!receipt.isDuplicate)
            #expect(receipt.entries[0].seq == 4)
            #expect(try await subject.storage.event("one", in: key).content.stringValue == "d")
        },

        StorageContract("a retry of an append whose events were trimmed stores nothing", StorePolicy(maximumEvents: 2)) { subject in
            let key = try await subject.created()
            let batch = EventBatch([try .text("a"), try .text("b"), try .text("c")], idempotencyKey: "key")
            let first = try await subject.storage.append(batch, to: key)
            try await subject.append(5, to: key)
            let second = try await subject.storage.append(batch, to: key)
            #expect(second.isDuplicate)
            #expect(second.entries.map(\.offset) == first.entries.map(\.offset))
            let made = try await subject.storage.append(EventBatch([.text("x", id: first.entries[0].id)]), to: key)
            #expect(made.isDuplicate)
            #expect(made.entries[0].seq == 1)
            #expect(try await subject.texts(key) == ["4", "5"])
        },

        StorageContract("a log that is trimmed long keeps its last events", StorePolicy(maximumEvents: 50)) { subject in
            let key = try await subject.created()
            for start in stride(from: 1, through: 5001, by: 1000) {
                let batch = EventBatch(try (start..<start + 1000).map { try .text("\($0)", id: "id \($0)") })
                _ = try await subject.storage.append(batch, to: key)
            }
            #expect(try await subject.texts(key) == (5951...6000).map { "\($0)" })
            #expect(try await subject.record(key).eventCount == 50)
            await refused(.notFound) { _ = try await subject.storage.event("id 5950", in: key) }
            #expect(try await !subject.storage.append(EventBatch([.text("x", id: "id 1")]), to: key).isDuplicate)
        },
    ]
}
