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

    static let state: [StorageContract] = [
        StorageContract("state that was never written is empty") { subject in
            #expect(try await subject.storage.state(.user(UserKey(app: "a", user: "u"))).isEmpty)
            #expect(try await subject.storage.state(.app("a")).isEmpty)
            #expect(try await subject.storage.state(.store).isEmpty)
            let key = try await subject.created()
            #expect(try await subject.storage.state(.session(key)).isEmpty)
        },

        StorageContract("values are set, merged and removed in every scope") { subject in
            let key = try await subject.created()
            for scope in [StateScope.session(key), .user(key.owner), .app("app"), .store] {
                let set = try await subject.storage.change(
                    scope, [StateChange("a", .set(.of(#"{"x":1,"y":2}"#))), StateChange("b", .set(.of("[1]"))), StateChange("c", .set(.null))])
                #expect(set == ["a": try .of(#"{"x":1,"y":2}"#), "b": try .of("[1]"), "c": .null])
                #expect(try await subject.storage.state(scope) == set)
                let changed = try await subject.storage.change(
                    scope,
                    [
                        StateChange("a", .merge(.of(#"{"x":null,"z":{"n":null,"m":3}}"#))), StateChange("b", .merge(.of(#"{"k":1}"#))),
                        StateChange("c", .remove), StateChange("d", .merge(.of(#"{"k":null}"#))), StateChange("e", .remove),
                    ])
                #expect(changed == ["a": try .of(#"{"y":2,"z":{"m":3}}"#), "b": try .of(#"{"k":1}"#), "d": .emptyObject])
                #expect(try await subject.storage.state(scope) == changed)
            }
        },

        StorageContract("the scopes share no keys, and a session sees its own three") { subject in
            let key = try await subject.created()
            for (index, scope) in [StateScope.session(key), .user(key.owner), .app("app"), .store].enumerated() {
                _ = try await subject.storage.change(scope, [StateChange("k", .set(.of("\(index)")))])
            }
            let state = SessionState(session: ["k": try .of("0")], user: ["k": try .of("1")], app: ["k": try .of("2")])
            #expect(try await subject.storage.session(key, SnapshotQuery()).state == state)
            #expect(try await subject.storage.state(.store) == ["k": .of("3")])
            // A sibling sees what is shared.
            let sibling = try await subject.created("sibling")
            #expect(try await subject.storage.session(sibling, SnapshotQuery()).state == SessionState(user: state.user, app: state.app))
        },

        StorageContract("changes of one key apply in order") { subject in
            let key = try await subject.created()
            let changes = [
                StateChange("k", .set(try .of(#"{"a":1}"#))), StateChange("k", .merge(try .of(#"{"b":2}"#))), StateChange("k", .remove),
                StateChange("k", .merge(try .of(#"{"c":3}"#))),
            ]
            #expect(try await subject.storage.change(.session(key), changes) == ["k": .of(#"{"c":3}"#)])
        },

        StorageContract("a delta changes all scopes in one step and answers with all of them") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.change(.app("app"), [StateChange("old", .set(.of("1")))])
            let version = try await subject.record(key).version
            subject.clock.advance(seconds: 1)
            let state = try await subject.storage.change(
                key, StateDelta.setting([("s", "1"), ("user:u", "2"), ("app:a", "3"), ("app:old", nil), ("temp:t", "4")]))
            #expect(state == SessionState(session: ["s": try .of("1")], user: ["u": try .of("2")], app: ["a": try .of("3")]))
            let snapshot = try await subject.storage.session(key, SnapshotQuery())
            #expect(snapshot.state == state)
            #expect(snapshot.record.version == version + 1)
            #expect(snapshot.record.updatedAt == subject.clock.now())
        },

        StorageContract("a change of a session's state is a change of the session, one of its user's is not") { subject in
            let key = try await subject.created()
            let before = try await subject.record(key)
            subject.clock.advance(seconds: 1)
            _ = try await subject.storage.change(.user(key.owner), [StateChange("k", .set(.null))])
            _ = try await subject.storage.change(.app("app"), [StateChange("k", .set(.null))])
            #expect(try await subject.record(key) == before)
            _ = try await subject.storage.change(.session(key), [StateChange("k", .set(.null))])
            let after = try await subject.record(key)
            #expect(after.version == before.version + 1)
            #expect(after.updatedAt == subject.clock.now())
        },

        StorageContract("changes of state happen all or not at all") { subject in
            let key = try await subject.created()
            let half = "\"" + String(repeating: "x", count: StateDelta.maximumValueBytes / 2) + "\""
            let grow = try JSON.of(#"{"b":\#(half)}"#)
            for scope in [StateScope.session(key), .user(key.owner), .app("app"), .store] {
                let before = try await subject.storage.change(scope, [StateChange("k", .set(.of(#"{"a":\#(half)}"#)))])
                let record = try await subject.record(key)
                await refused(.tooLarge) {
                    _ = try await subject.storage.change(scope, [StateChange("l", .set(.null)), StateChange("k", .merge(grow))])
                }
                #expect(try await subject.storage.state(scope) == before)
                #expect(try await subject.record(key) == record)
            }
            var delta = try StateDelta.setting([("x", "1"), ("user:x", "1")])
            try delta.add("app:k", .merge(grow))
            let before = try await subject.storage.session(key, SnapshotQuery())
            await refused(.tooLarge) { _ = try await subject.storage.change(key, delta) }
            #expect(try await subject.storage.session(key, SnapshotQuery()) == before)
        },

        StorageContract("keys of different writers all arrive, whichever way they are written") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<24 {
                    group.addTask {
                        switch writer % 3 {
                        case 0: _ = try await storage.change(.user(key.owner), [StateChange("k\(writer)", .set(.of("\(writer)")))])
                        case 1: _ = try await storage.change(key, StateDelta.setting([("user:k\(writer)", "\(writer)")]))
                        default: _ = try await storage.append(EventBatch([.text("x", state: ["user:k\(writer)": "\(writer)"])]), to: key)
                        }
                        _ = try await storage.change(.user(key.owner), [StateChange("all", .merge(.of(#"{"k\#(writer)":1}"#)))])
                    }
                }
                try await group.waitForAll()
            }
            let state = try await storage.state(.user(key.owner))
            #expect(state.count == 25)
            #expect(state["all"]?.members?.count == 24)
        },

        StorageContract("the store's own records are not reached through any name") { subject in
            _ = try await subject.storage.change(.store, [StateChange("token", .set(.of("1")))])
            for name in hostileNames {
                #expect(try await subject.storage.state(.app(name)).isEmpty)
                #expect(try await subject.storage.state(.user(UserKey(app: name, user: name))).isEmpty)
            }
        },
    ]

    static let payloads: [StorageContract] = [
        StorageContract("content comes back byte for byte") { subject in
            let key = try await subject.created()
            let texts = [
                "1.0", "-0", "1E400", "0.1e+05", "123456789012345678901234567890", "null", "true", #""""#, "[]", "{}", "{ \"a\" : [ 1 ,\n\t2 ] }",
                #"{"b":1,"a":2,"b":3}"#, #""\u00e9é\u0000\ud83d\ude00😀\/""#, #""\ud800""#, "\"e\u{301}\u{FEFF}\u{202E}\"", #"{"":{"":""}}"#,
                #""'; DROP TABLE events; --""#, #""\r\n\r\ndata: x\n""#,
            ]
            let metadata = #"{ "k" : 1.0 , "k" : 2.0 }"#
            for (index, text) in texts.enumerated() {
                let draft = try EventDraft(
                    NewEvent(.of(text), id: "\(index)", stateDelta: ["k\(index)": .of(text)], usage: .of(metadata), metadata: .of(metadata)))
                try await subject.append(draft, to: key)
            }
            let events = try await subject.events(key)
            for (event, text) in zip(events, texts) {
                #expect(event.content.description == text)
                #expect(event.usage?.description == metadata)
                #expect(event.metadata?.description == metadata)
                #expect(try await subject.storage.event(event.id, in: key) == event)
            }
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 100)).events == events)
            let state = try await subject.storage.state(.session(key))
            // A null in an event's delta removes its key.
            for (index, text) in texts.enumerated() where text != "null" { #expect(state["k\(index)"]?.description == text) }
        },

        StorageContract("a session's own fields come back byte for byte") { subject in
            let title = "e\u{301} é \u{0} \" \\ 😀"
            let tags = ["e\u{301}", "é", "a\u{0}b", "\"", "😀"]
            let metadata = try JSON.of("{ \"a\" : 1.0 , \"a\" : 2e0 }")
            let participants = try JSON.of(#"[ "x" , {"id":"y" , "n": 1.50} ]"#)
            let key = try await subject.created("s", SessionDraft(title: title, tags: tags, metadata: metadata, participants: participants))
            let record = try await subject.record(key)
            #expect(record.title.map { Array($0.utf8) } == Array(title.utf8))
            #expect(record.tags.map { Array($0.utf8) } == tags.map { Array($0.utf8) })
            #expect(record.metadata == metadata)
            #expect(record.participants == participants)
        },

        StorageContract("content of 8 MiB is kept, alone and among others") { subject in
            let key = try await subject.created()
            let large = "\"" + String(repeating: "é0", count: (EventDraft.maximumContentBytes - 2) / 3) + "\""
            let content = try JSON.of(large)
            #expect(content.bytes.count > EventDraft.maximumContentBytes - 3)
            let draft = try EventDraft(NewEvent(content, id: "large", role: "user"))
            try await subject.append(.text("before"), draft, .text("after"), to: key)
            let event = try await subject.storage.event("large", in: key)
            #expect(event.body == draft.body)
            let events = try await subject.events(key)
            #expect(events.seqs == [1, 2, 3])
            #expect(events[1] == event)
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 2)).events[0] == event)
            #expect(try await subject.storage.remove("large", in: key) == event)
        },

        StorageContract("JSON as deep as it may be is kept") { subject in
            let key = try await subject.created()
            let depth = JSONScanner.maximumDepth
            let array = try JSON.of(String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
            // One less: in an event's delta it is the member of an object.
            let object = try JSON.of(String(repeating: #"{"a":"#, count: depth - 1) + "1" + String(repeating: "}", count: depth - 1))
            try await subject.append(EventDraft(NewEvent(array)), EventDraft(NewEvent(object, stateDelta: ["deep": object])), to: key)
            #expect(try await subject.events(key).map(\.content) == [array, object])
            #expect(try await subject.storage.state(.session(key)) == ["deep": object])
        },

        StorageContract("the largest batch and many keys of state are kept") { subject in
            let key = try await subject.created()
            let batch = EventBatch(try (0..<EventDraft.maximumBatch).map { try .text("\($0)", id: "\($0)") })
            #expect(try await subject.storage.append(batch, to: key).entries.map(\.seq) == Array(1...EventDraft.maximumBatch))
            #expect(try await subject.storage.append(batch, to: key).isDuplicate)
            let delta = try StateDelta.setting((0..<StateDelta.maximumChanges).map { ("k\($0)", "\($0)") })
            #expect(try await subject.storage.change(key, delta).session.count == StateDelta.maximumChanges)
        },
    ]
}
