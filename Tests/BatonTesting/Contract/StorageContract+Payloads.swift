internal import BatonCore
internal import Testing

extension StorageContract {
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
