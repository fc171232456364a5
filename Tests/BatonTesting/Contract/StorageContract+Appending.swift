internal import BatonCore
internal import Testing

extension StorageContract {
    static let appending: [StorageContract] = [
        StorageContract("events are numbered 1, 2, 3 across batches") { subject in
            let key = try await subject.created()
            let first = try await subject.storage.append(EventBatch([.text("a"), .text("b")]), to: key)
            let second = try await subject.storage.append(EventBatch([.text("c")]), to: key)
            #expect(first.entries.map(\.seq) == [1, 2])
            #expect(second.entries.map(\.seq) == [3])
            #expect(!first.isDuplicate && !second.isDuplicate)
            #expect(first.tail == first.entries[1].offset)
            #expect(second.tail == second.entries[0].offset)
            let events = try await subject.events(key)
            #expect(events.seqs == [1, 2, 3])
            #expect(events.texts == ["a", "b", "c"])
            #expect(events.map(\.offset) == (first.entries + second.entries).map(\.offset))
            #expect(events.map(\.id) == (first.entries + second.entries).map(\.id))
        },

        StorageContract("an append moves version, times, tail and count of the record") { subject in
            let key = try await subject.created()
            let before = try await subject.record(key)
            subject.clock.advance(seconds: 5)
            let receipt = try await subject.storage.append(EventBatch([.text("a"), .text("b")]), to: key)
            let after = try await subject.record(key)
            #expect(after.version == before.version + 1)
            #expect(receipt.version == after.version)
            #expect(after.updatedAt == subject.clock.now())
            #expect(after.createdAt == before.createdAt)
            #expect(after.tail == receipt.tail)
            #expect(after.tail == Offset(milliseconds: subject.clock.now().milliseconds, seq: 2))
            #expect(after.eventCount == 2)
            #expect(after.floor == .start)
        },

        StorageContract("an absent session takes no events and is not made") { subject in
            let key = try subject.key()
            await refused(.notFound) { try await subject.append(.text("a"), to: key) }
            await refused(.notFound) { _ = try await subject.record(key) }
        },

        StorageContract("an absent session is made by an append that says so, with the store's lifetime", StorePolicy(sessionTTL: 60)) { subject in
            let key = try subject.key()
            let receipt = try await subject.storage.append(EventBatch([.text("a", state: ["x": "1"])], createsSession: true), to: key)
            #expect(receipt.entries.map(\.seq) == [1])
            let snapshot = try await subject.storage.session(key, SnapshotQuery(events: 10))
            #expect(snapshot.record.version == receipt.version)
            #expect(snapshot.record.ttl == 60)
            #expect(snapshot.record.expiresAt == subject.clock.now().adding(seconds: 60))
            #expect(snapshot.record.status == .active)
            #expect(snapshot.events.texts == ["a"])
            #expect(snapshot.state.session["x"] == (try .of("1")))
            // The second time it is there already.
            let again = try await subject.storage.append(EventBatch([.text("b")], createsSession: true), to: key)
            #expect(again.entries.map(\.seq) == [2])
            #expect(try await subject.record(key).generation == snapshot.record.generation)
        },

        StorageContract("the store makes ids that name the generation and the seq, and finds them") { subject in
            let key = try await subject.created()
            let generation = try await subject.record(key).generation
            let receipt = try await subject.storage.append(EventBatch([.text("a"), .text("b", id: "own"), .text("c")]), to: key)
            #expect(receipt.entries.map(\.id) == ["\(generation)-1", "own", "\(generation)-3"])
            #expect(try await subject.storage.event("\(generation)-3", in: key).content.stringValue == "c")
            #expect(try await subject.storage.event("own", in: key).seq == 2)
            await refused(.notFound) { _ = try await subject.storage.event("\(generation)-2", in: key) }
            await refused(.notFound) { _ = try await subject.storage.event("\(generation)-4", in: key) }
            await refused(.notFound) { _ = try await subject.storage.event("\(generation)-01", in: key) }
            await refused(.notFound) { _ = try await subject.storage.event("OWN", in: key) }
        },

        StorageContract("a batch is stored whole or not at all") { subject in
            let key = try await subject.created()
            try await subject.append(.text("a"), to: key)
            let before = try await subject.storage.session(key, SnapshotQuery(events: 10))
            // Every event may set a value of 1 MiB; one byte more is refused by the rules of state.
            let large = "\"" + String(repeating: "x", count: StateDelta.maximumValueBytes) + "\""
            await refused(.tooLarge) {
                try await subject.append(.text("b", state: ["k": "1", "user:k": "1", "app:k": "1"]), .text("c", state: ["k": large]), to: key)
            }
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 10)) == before)
            #expect(try await subject.append(.text("d"), to: key).map(\.seq) == [2])
        },

        StorageContract("a failed batch does not leave the session it would have made") { subject in
            let key = try subject.key()
            let large = "\"" + String(repeating: "x", count: StateDelta.maximumValueBytes) + "\""
            await refused(.tooLarge) {
                _ = try await subject.storage.append(EventBatch([.text("a", state: ["k": large])], createsSession: true), to: key)
            }
            await refused(.preconditionFailed) {
                _ = try await subject.storage.append(EventBatch([.text("a")], expectedSeq: 1, createsSession: true), to: key)
            }
            await refused(.notFound) { _ = try await subject.record(key) }
            #expect(try await subject.storage.sessions(SessionQuery(of: .user(key.owner))).sessions.isEmpty)
        },

        StorageContract("the state of a batch lands in three scopes, in order, and temporary keys nowhere") { subject in
            let key = try await subject.created()
            try await subject.append(
                .text("a", state: ["x": "1", "y": "1", "user:x": "2", "app:x": "3", "temp:x": "4"]),
                .text("b", state: ["x": "5", "y": "null", "user:x": "null", "temp:y": "6"]), to: key)
            let state = try await subject.storage.session(key, SnapshotQuery()).state
            #expect(state == SessionState(session: ["x": try .of("5")], user: [:], app: ["x": try .of("3")]))
            let events = try await subject.events(key)
            #expect(events[0].stateDelta?["temp:x"] == nil)
            #expect(events[0].stateDelta?["app:x"] == (try .of("3")))
        },

        StorageContract("state sees what the same batch set before: in order, a key is set, removed, set") { subject in
            let key = try await subject.created()
            try await subject.append(.text("a", state: ["k": "1"]), .text("b", state: ["k": "null"]), to: key)
            #expect(try await subject.storage.state(.session(key)).isEmpty)
            try await subject.append(.text("c", state: ["k": "null"]), .text("d", state: ["k": "2"]), to: key)
            #expect(try await subject.storage.state(.session(key)) == ["k": try .of("2")])
        },

        StorageContract("milliseconds never go back when the clock does") { subject in
            let key = try await subject.created()
            let first = try await subject.append(.text("a"), to: key)[0]
            subject.clock.advance(seconds: -3600)
            let second = try await subject.append(.text("b"), to: key)[0]
            #expect(second.milliseconds == first.milliseconds)
            #expect(try await subject.record(key).updatedAt.milliseconds == first.milliseconds)
            subject.clock.advance(seconds: 3601)
            let third = try await subject.append(.text("c"), to: key)[0]
            #expect(third.milliseconds == first.milliseconds + 1000)
            #expect([first, second, third].map(\.description).sorted() == [first, second, third].map(\.description))
        },

        StorageContract("milliseconds never go back behind the last change either") { subject in
            let key = try await subject.created()
            subject.clock.advance(seconds: 10)
            var patch = SessionPatch()
            patch.title = .set("t")
            let changedAt = try await subject.storage.update(key, with: patch, expectedVersion: nil).record.updatedAt
            subject.clock.advance(seconds: -3600)
            #expect(try await subject.append(.text("a"), to: key)[0].milliseconds == changedAt.milliseconds)
            #expect(try await subject.record(key).updatedAt == changedAt)
        },

        StorageContract("64 writers get the places from 1 on, once each") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            let seqs = try await withThrowingTaskGroup(of: [Int].self) { group in
                for writer in 0..<64 {
                    group.addTask {
                        var seqs: [Int] = []
                        for number in 0..<3 {
                            let batch = EventBatch([try .text("\(writer)-\(number)-a"), try .text("\(writer)-\(number)-b")])
                            let receipt = try await storage.append(batch, to: key)
                            let places = receipt.entries.map(\.seq)
                            #expect(places[1] == places[0] + 1)
                            seqs += places
                        }
                        return seqs
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(seqs.sorted() == Array(1...384))
            let events = try await subject.events(key)
            #expect(events.seqs == Array(1...384))
            // What one writer wrote stands in the order in which it wrote.
            for writer in 0..<64 {
                let own = events.texts.filter { $0.hasPrefix("\(writer)-") }
                #expect(own == (0..<3).flatMap { ["\(writer)-\($0)-a", "\(writer)-\($0)-b"] })
            }
            let record = try await subject.record(key)
            #expect(record.eventCount == 384)
            #expect(record.version == 1 + 192)
        },

        StorageContract("keys that different writers set at once all arrive") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<32 {
                    group.addTask { _ = try await storage.append(EventBatch([.text("\(writer)", state: ["k\(writer)": "\(writer)"])]), to: key) }
                }
                try await group.waitForAll()
            }
            let state = try await storage.state(.session(key))
            #expect(state == Dictionary(uniqueKeysWithValues: try (0..<32).map { ("k\($0)", try .of("\($0)")) }))
        },

        StorageContract("appends whose callers went away leave a log without holes") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            for number in 0..<50 {
                let task = Task { try await storage.append(EventBatch([.text("\(number)", id: "\(number)")]), to: key) }
                task.cancel()
                _ = await task.result
            }
            try await subject.append(.text("last", id: "last"), to: key)
            // A cancelled append may still be under way; the record and the log agree at every moment.
            let snapshot = try await storage.session(key, SnapshotQuery(events: 1000))
            #expect(snapshot.events.seqs == Array(1...snapshot.record.lastSeq))
            #expect(snapshot.record.eventCount == snapshot.events.count)
        },
    ]
}
