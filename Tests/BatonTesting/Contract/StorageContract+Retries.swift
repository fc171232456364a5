internal import BatonCore
internal import Testing

extension StorageContract {
    static let retries: [StorageContract] = [
        StorageContract("an event whose id is known stores nothing and gives its first place") { subject in
            let key = try await subject.created()
            let first = try await subject.storage.append(EventBatch([.text("a", id: "one")]), to: key)
            let record = try await subject.record(key)
            subject.clock.advance(seconds: 60)
            // The content does not matter: the id does.
            let second = try await subject.storage.append(EventBatch([.text("b", id: "one")]), to: key)
            #expect(second.isDuplicate)
            #expect(second.entries == [.init(id: "one", offset: first.entries[0].offset, isDuplicate: true)])
            #expect(second.version == first.version)
            #expect(second.tail == first.tail)
            #expect(try await subject.record(key) == record)
            #expect(try await subject.texts(key) == ["a"])
        },

        StorageContract("a batch with known and new ids stores the new ones") { subject in
            let key = try await subject.created()
            let known = try await subject.append(.text("a", id: "one"), .text("b", id: "two"), to: key)
            let receipt = try await subject.storage.append(
                EventBatch([.text("c", id: "three"), .text("x", id: "two"), .text("d"), .text("x", id: "one")]), to: key)
            #expect(receipt.entries.map(\.seq) == [3, 2, 4, 1])
            #expect(receipt.entries.map(\.isDuplicate) == [false, true, false, true])
            #expect(receipt.entries[1].offset == known[1])
            #expect(receipt.tail.seq == 4)
            #expect(try await subject.texts(key) == ["a", "b", "c", "d"])
        },

        StorageContract("an id that comes twice in a batch is stored once") { subject in
            let key = try await subject.created()
            let receipt = try await subject.storage.append(
                EventBatch([.text("a", id: "one"), .text("b", id: "one"), .text("c"), .text("d", id: "one")]), to: key)
            #expect(receipt.entries.map(\.seq) == [1, 1, 2, 1])
            #expect(receipt.entries.map(\.isDuplicate) == [false, true, false, true])
            #expect(receipt.entries[1].offset == receipt.entries[0].offset)
            #expect(try await subject.texts(key) == ["a", "c"])
            #expect(try await subject.record(key).eventCount == 2)
        },

        StorageContract("the state of a duplicate is not applied, neither across batches nor inside one") { subject in
            let key = try await subject.created()
            try await subject.append(.text("a", id: "one", state: ["k": "1"]), .text("b", id: "one", state: ["k": "2", "user:k": "2"]), to: key)
            #expect(try await subject.storage.session(key, SnapshotQuery()).state == SessionState(session: ["k": .of("1")]))
            try await subject.append(.text("a", id: "one", state: ["k": "3", "app:k": "3"]), to: key)
            try await subject.append(.text("a", id: "one", state: ["k": "4"]), .text("c", state: ["l": "5"]), to: key)
            #expect(try await subject.storage.session(key, SnapshotQuery()).state == SessionState(session: ["k": .of("1"), "l": .of("5")]))
        },

        StorageContract("ids are compared as bytes") { subject in
            let key = try await subject.created()
            let ids = ["a", "A", "é", "e\u{301}", "a\u{0}", "a ", "%61", "{a}", "日本", "😀", String(repeating: "i", count: 128)]
            for (index, id) in ids.enumerated() {
                #expect(try await subject.append(.text("\(index)", id: id), to: key).map(\.seq) == [index + 1])
            }
            for (index, id) in ids.enumerated() {
                #expect(try await subject.append(.text("again", id: id), to: key).map(\.seq) == [index + 1])
                let event = try await subject.storage.event(id, in: key)
                #expect(event.seq == index + 1)
                #expect(Array(event.id.utf8) == Array(id.utf8))
            }
            let batch = try await subject.storage.append(EventBatch([.text("x", id: "ü"), .text("x", id: "u\u{308}")]), to: key)
            #expect(batch.entries.map(\.seq) == [ids.count + 1, ids.count + 2])
        },

        StorageContract("the same id in two sessions is two events") { subject in
            let one = try await subject.created("one")
            let two = try await subject.created("two")
            try await subject.append(.text("a", id: "id"), to: one)
            #expect(try await !subject.storage.append(EventBatch([.text("b", id: "id")]), to: two).isDuplicate)
            #expect(try await subject.storage.event("id", in: one).content.stringValue == "a")
            #expect(try await subject.storage.event("id", in: two).content.stringValue == "b")
        },

        StorageContract("an id that the store made is a duplicate once its seq is given out, and refused before") { subject in
            let key = try await subject.created()
            let generation = try await subject.record(key).generation
            let entry = try await subject.storage.append(EventBatch([.text("a")]), to: key).entries[0]
            let again = try await subject.storage.append(EventBatch([.text("b", id: entry.id)]), to: key)
            #expect(again.entries == [.init(id: entry.id, offset: entry.offset, isDuplicate: true)])
            await refused(.invalidField) { try await subject.append(.text("c", id: "\(generation)-2"), to: key) }
            await refused(.invalidField) { try await subject.append(.text("c"), .text("d", id: "\(generation)-2"), to: key) }
            #expect(try await subject.texts(key) == ["a"])
            // Ids that only look like made ones belong to their authors.
            try await subject.append(
                .text("d", id: "\(generation)-02"), .text("e", id: "\(generation)-"), .text("f", id: "0123456789abcdef-1"), to: key)
            #expect(try await subject.texts(key) == ["a", "d", "e", "f"])
        },

        StorageContract("expectedSeq lets one writer through") { subject in
            let key = try await subject.created()
            let ok = try await subject.storage.append(EventBatch([.text("a")], expectedSeq: 0), to: key)
            #expect(ok.tail.seq == 1)
            let error = await refused(.preconditionFailed) {
                _ = try await subject.storage.append(EventBatch([.text("b")], expectedSeq: 0), to: key)
            }
            #expect(error?.detail == .current(1))
            await refused(.preconditionFailed) { _ = try await subject.storage.append(EventBatch([.text("b")], expectedSeq: 2), to: key) }
            #expect(try await subject.texts(key) == ["a"])

            let storage = subject.storage
            let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                for writer in 0..<16 {
                    group.addTask {
                        do {
                            _ = try await storage.append(EventBatch([.text("w\(writer)")], expectedSeq: 1), to: key)
                            return true
                        } catch let error as StoreError where error.code == .preconditionFailed {
                            return false
                        }
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(winners == 1)
            #expect(try await subject.record(key).lastSeq == 2)
        },

        StorageContract("a retry with expectedSeq gives the first receipt") { subject in
            let key = try await subject.created()
            let batch = EventBatch([try .text("a", id: "one"), try .text("b", id: "two")], expectedSeq: 0)
            let first = try await subject.storage.append(batch, to: key)
            let second = try await subject.storage.append(batch, to: key)
            #expect(second.isDuplicate)
            #expect(second.entries.map(\.offset) == first.entries.map(\.offset))
            // One that stores something has to be right.
            await refused(.preconditionFailed) {
                _ = try await subject.storage.append(EventBatch([.text("a", id: "one"), .text("c", id: "three")], expectedSeq: 0), to: key)
            }
        },

        StorageContract("an idempotency key gives the first receipt again, without ids") { subject in
            let key = try await subject.created()
            let batch = EventBatch([try .text("a", state: ["n": "1"]), try .text("b", id: "own")], expectedSeq: 0, idempotencyKey: "key")
            let first = try await subject.storage.append(batch, to: key)
            #expect(!first.isDuplicate)
            try await subject.append(.text("c", state: ["n": "2"]), to: key)
            let record = try await subject.record(key)
            subject.clock.advance(seconds: 60)
            let second = try await subject.storage.append(batch, to: key)
            #expect(second.entries == first.entries.map { .init(id: $0.id, offset: $0.offset, isDuplicate: true) })
            #expect(second.version == first.version)
            #expect(second.tail == first.tail)
            #expect(try await subject.record(key) == record)
            #expect(try await subject.storage.state(.session(key)) == ["n": .of("2")])
        },

        StorageContract("an idempotency key with other events is refused, and another key is another request") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.append(EventBatch([.text("a")], idempotencyKey: "key"), to: key)
            await refused(.idempotencyMismatch) { _ = try await subject.storage.append(EventBatch([.text("b")], idempotencyKey: "key"), to: key) }
            _ = try await subject.storage.append(EventBatch([.text("a")], idempotencyKey: "KEY"), to: key)
            _ = try await subject.storage.append(EventBatch([.text("a")]), to: key)
            #expect(try await subject.texts(key) == ["a", "a", "a"])
            // Keys belong to a session.
            let other = try await subject.created("other")
            #expect(try await !subject.storage.append(EventBatch([.text("b")], idempotencyKey: "key"), to: other).isDuplicate)
        },

        StorageContract("an idempotency key whose append was refused can be used again") { subject in
            let key = try await subject.created()
            await refused(.preconditionFailed) {
                _ = try await subject.storage.append(EventBatch([.text("a")], expectedSeq: 7, idempotencyKey: "key"), to: key)
            }
            #expect(try await !subject.storage.append(EventBatch([.text("b")], idempotencyKey: "key"), to: key).isDuplicate)
        },

        StorageContract("a session remembers the last 1,024 idempotency keys") { subject in
            let key = try await subject.created()
            for number in 0...EventBatch.rememberedKeys {
                _ = try await subject.storage.append(EventBatch([.text("\(number)")], idempotencyKey: "key \(number)"), to: key)
            }
            #expect(try await subject.storage.append(EventBatch([.text("1")], idempotencyKey: "key 1"), to: key).entries[0].seq == 2)
            #expect(try await !subject.storage.append(EventBatch([.text("0")], idempotencyKey: "key 0"), to: key).isDuplicate)
        },

        StorageContract("a request that is sent many times at once is done once") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            let batch = EventBatch([try .text("a"), try .text("b")], idempotencyKey: "key")
            let receipts = try await withThrowingTaskGroup(of: AppendReceipt.self) { group in
                for _ in 0..<16 { group.addTask { try await storage.append(batch, to: key) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(receipts.filter { !$0.isDuplicate }.count == 1)
            #expect(Set(receipts.map { $0.entries.map(\.offset) }).count == 1)
            #expect(try await subject.texts(key) == ["a", "b"])
        },
    ]
}
