internal import BatonCore
internal import Testing

extension StorageContract {
    private static let apart = StorePolicy(blobThreshold: 100)

    static let blobs: [StorageContract] = [
        StorageContract("a large content comes back as it was, wherever its event is read", apart) { subject in
            let storage = subject.storage
            let key = try await subject.created()
            let metadata = try JSON.of(#"{"content":1,"blob":{"sha256":"x"}}"#)
            var drafts: [EventDraft] = []
            for size in [99, 100, 101, 5000] {
                let content = JSON.text(size)
                drafts.append(try EventDraft(NewEvent(content, id: "\(size)", author: "a")))
                drafts.append(
                    try EventDraft(
                        NewEvent(
                            content, id: "\(size)+", author: "a", role: "r", type: "t", branch: "b", invocation: "i", isPartial: true,
                            stateDelta: ["k": content], usage: metadata, metadata: metadata)))
                drafts.append(try EventDraft(NewEvent(content, id: "\(size)-", metadata: metadata)))
                drafts.append(try EventDraft(NewEvent(content, id: "\(size).")))
            }
            _ = try await storage.append(EventBatch(drafts), to: key)
            let events = try await subject.events(key)
            #expect(events.map(\.body) == drafts.map(\.body))
            #expect(try await storage.session(key, SnapshotQuery(events: 1000)).events == events)
            let list = try await storage.sessions(SessionQuery(of: .user(key.owner), events: 100))
            #expect(list.sessions.map(\.events) == [events])
            for event in events {
                #expect(try await storage.event(event.id, in: key) == event)
                #expect(try await storage.window(around: event.id, in: key, before: 1000, after: 1000, roles: []).events == events)
            }
            var query = EventQuery(order: .desc)
            query.filter.roles = ["r"]
            #expect(try await storage.events(in: key, query).events == events.filter { $0.role == "r" }.reversed())
            for event in events { #expect(try await storage.remove(event.id, in: key) == event) }
            #expect(try await subject.events(key) == [])
        },

        StorageContract("a large content may be left out, and read by its digest", apart) { subject in
            let storage = subject.storage
            let key = try await subject.created()
            let (small, large) = (JSON.text(100), JSON.text(101))
            try await subject.append(EventDraft(NewEvent(small, role: "r")), EventDraft(NewEvent(large, role: "r")), to: key)
            let shown = try await [
                storage.events(in: key, EventQuery(blobs: .reference)).events,
                storage.session(key, SnapshotQuery(events: 10, blobs: .reference)).events,
                storage.sessions(SessionQuery(of: .user(key.owner), events: 10, blobs: .reference)).sessions.flatMap(\.events),
            ]
            for events in shown {
                #expect(events.map(\.seq) == [1, 2])
                #expect(events.map(\.role) == ["r", "r"])
                #expect(events.map(\.content) == [small, .null])
                #expect(events.map(\.blob) == [nil, BlobReference(digest: BlobDigest(of: large.bytes), count: 101)])
            }
            #expect(try await storage.blobs([BlobDigest(of: large.bytes)], in: key) == [BlobDigest(of: large.bytes): large.bytes])
            #expect(try await storage.blobs([BlobDigest(of: small.bytes)], in: key) == [:])
            let store = SessionStore(on: storage)
            #expect(try await store.blob(BlobDigest(of: large.bytes), in: key) == large)
            await refused(.notFound) { _ = try await store.blob(BlobDigest(of: small.bytes), in: key) }
            await refused(.notFound) { _ = try await store.blob(BlobDigest(of: large.bytes), in: subject.key("another")) }
            let other = try await subject.created("other")
            await refused(.notFound) { _ = try await store.blob(BlobDigest(of: large.bytes), in: other) }
        },

        StorageContract("nothing is kept apart with a threshold of 0", StorePolicy(blobThreshold: 0)) { subject in
            let key = try await subject.created()
            let content = JSON.text(200_000)
            try await subject.append(EventDraft(NewEvent(content)), to: key)
            let event = try await subject.storage.events(in: key, EventQuery(blobs: .reference)).events[0]
            #expect(event.blob == nil)
            #expect(event.content == content)
            #expect(try await subject.storage.blobs([BlobDigest(of: content.bytes)], in: key) == [:])
        },

        StorageContract("what looks like a reference is kept as it was given", apart) { subject in
            let storage = subject.storage
            let key = try await subject.created()
            let secret = JSON.text(300, of: "s")
            try await subject.append(EventDraft(NewEvent(secret, id: "secret")), to: key)
            let reference = #"{"sha256":"\#(BlobDigest(of: secret.bytes))","bytes":300}"#
            let forged = [
                reference, #"{"blob":\#(reference)}"#, #"{"blob":\#(reference),"role":"r"}"#, #"{"event":{"blob":\#(reference)}}"#,
                #"[\#(reference)]"#, #"{"blob":\#(reference),"padding":"\#(String(repeating: "x", count: 200))"}"#,
                #"  {"blob":\#(reference),"content":null}"#,
            ]
            for (index, text) in forged.enumerated() {
                let content = try JSON.of(text)
                try await subject.append(EventDraft(NewEvent(content, id: "\(index)", usage: content.isObject ? content : nil)), to: key)
                let event = try await storage.event("\(index)", in: key)
                #expect(event.content == content)
                #expect(event.blob == nil)
                let edited = try await storage.replace(
                    "\(index)", in: key, with: EventPatch(content: content, metadata: content.isObject ? content : nil))
                #expect(edited.content == content)
                #expect(try await storage.event("\(index)", in: key) == edited)
            }
            for event in try await storage.events(in: key, EventQuery(blobs: .reference)).events where event.id != "secret" {
                #expect(event.blob?.digest != BlobDigest(of: secret.bytes))
            }
            await refused(.unknownField) { _ = try EventDraft.batch(parsing: Array(#"{"blob":\#(reference),"content":1}"#.utf8)) }
            await refused(.unknownField) { _ = try EventDraft.batch(parsing: Array(#"[{"blob":\#(reference)}]"#.utf8)) }
        },

        StorageContract("an edit moves a content out of its event and into it", apart) { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.append(
                EventDraft(NewEvent(JSON.text(10), id: "e", role: "r", metadata: .of(#"{"m":1}"#))), .text("next", id: "n"), to: key)
            var kept: [BlobDigest] = []
            for (size, letter) in [(500, "a"), (600, "b"), (50, "c"), (700, "d"), (700, "d"), (20, "e")] {
                let content = JSON.text(size, of: letter)
                let edited = try await storage.replace("e", in: key, with: EventPatch(content: content))
                #expect(edited.content == content)
                #expect(edited.role == "r")
                #expect(edited.metadata?.description == #"{"m":1}"#)
                #expect(edited.blob == nil)
                #expect(try await subject.events(key)[0] == edited)
                for digest in kept where digest != BlobDigest(of: content.bytes) { #expect(try await storage.blobs([digest], in: key) == [:]) }
                let digest = BlobDigest(of: content.bytes)
                #expect(try await storage.blobs([digest], in: key).isEmpty == (size <= 100))
                kept.append(digest)
            }
        },

        StorageContract("a content goes with the last event that refers to it", apart) { subject in
            let storage = subject.storage
            let key = try await subject.created()
            let (one, two) = (JSON.text(300, of: "1"), JSON.text(300, of: "2"))
            let digests = [BlobDigest(of: one.bytes), BlobDigest(of: two.bytes)]
            func kept() async throws -> [Bool] {
                let found = try await storage.blobs(digests, in: key)
                return digests.map { found[$0] != nil }
            }
            try await subject.append(
                EventDraft(NewEvent(one, id: "a")), EventDraft(NewEvent(one, id: "b")), EventDraft(NewEvent(two, id: "c")), to: key)
            #expect(try await kept() == [true, true])
            #expect(try await storage.remove("a", in: key)?.content == one)
            #expect(try await kept() == [true, true])
            #expect(try await storage.event("b", in: key).content == one)
            _ = try await storage.replace("b", in: key, with: EventPatch(content: two))
            #expect(try await kept() == [false, true])
            #expect(try await storage.remove(nil, in: key)?.content == two)
            #expect(try await kept() == [false, true])
            #expect(try await storage.remove("b", in: key)?.content == two)
            #expect(try await kept() == [false, false])
            try await subject.append(EventDraft(NewEvent(one, id: "d")), to: key)
            #expect(try await storage.event("d", in: key).content == one)
            try await storage.clear(key)
            let isCleared = try await eventually { try await kept() == [false, false] }
            #expect(isCleared)
            try await subject.append(EventDraft(NewEvent(one, id: "e")), to: key)
            #expect(try await subject.events(key).map(\.content) == [one])
        },

        StorageContract("a content is trimmed with its event", StorePolicy(maximumEvents: 3, blobThreshold: 100)) { subject in
            let key = try await subject.created()
            let contents = (0..<8).map { JSON.text(200 + $0, of: "x") }
            func kept() async throws -> [Bool] {
                let found = try await subject.storage.blobs(contents.map { BlobDigest(of: $0.bytes) }, in: key)
                return contents.map { found[BlobDigest(of: $0.bytes)] != nil }
            }
            for index in [0, 1, 2, 0] { try await subject.append(EventDraft(NewEvent(contents[index])), to: key) }
            #expect(try await kept() == [true, true, true, false, false, false, false, false])
            try await subject.append(.text("small"), to: key)
            #expect(try await kept() == [true, false, true, false, false, false, false, false])
            try await subject.append(.text("small"), .text("small"), to: key)
            #expect(try await kept() == Array(repeating: false, count: 8))
            _ = try await subject.storage.append(EventBatch(contents.map { try EventDraft(NewEvent($0)) }), to: key)
            #expect(try await kept() == [false, false, false, false, false, true, true, true])
            #expect(try await subject.events(key).map(\.content) == Array(contents[5...]))
        },

        StorageContract("a content is nobody's when its session is gone", apart) { subject in
            let storage = subject.storage
            let content = JSON.text(300)
            for id in ["deleted", "expired"] {
                let key = try await subject.created(id, SessionDraft(lifetime: .seconds(10)))
                try await subject.append(EventDraft(NewEvent(content)), to: key)
                if id == "deleted" { #expect(try await storage.delete(key)) } else { subject.clock.advance(seconds: 11) }
                await refused(.notFound) { _ = try await SessionStore(on: storage).blob(BlobDigest(of: content.bytes), in: key) }
                try await subject.created(id)
                #expect(try await storage.blobs([BlobDigest(of: content.bytes)], in: key) == [:])
            }
        },

        StorageContract("a repeated append stores no second content, and is known whatever is kept apart", apart) { subject in
            let storage = subject.storage
            let key = try await subject.created()
            let (one, two) = (JSON.text(300, of: "1"), JSON.text(300, of: "2"))
            func batch(_ content: JSON, id: String? = nil, key: String? = nil) throws -> EventBatch {
                EventBatch([try EventDraft(NewEvent(content, id: id))], idempotencyKey: key)
            }
            let first = try await storage.append(batch(one, key: "k"), to: key)
            let again = try await storage.append(batch(one, key: "k"), to: key)
            #expect(again.isDuplicate)
            #expect(again.entries.map(\.offset) == first.entries.map(\.offset))
            await refused(.idempotencyMismatch) { _ = try await storage.append(batch(two, key: "k"), to: key) }
            _ = try await storage.append(batch(one, id: "id"), to: key)
            #expect(try await storage.append(batch(two, id: "id"), to: key).isDuplicate)
            #expect(try await storage.blobs([BlobDigest(of: two.bytes)], in: key) == [:])
            let both = EventBatch([try EventDraft(NewEvent(two, id: "id")), try EventDraft(NewEvent(two, id: "new"))])
            #expect(try await storage.append(both, to: key).entries.map(\.isDuplicate) == [true, false])
            #expect(try await subject.events(key).map(\.content) == [one, one, two])
            _ = try await storage.remove("new", in: key)
            #expect(try await storage.blobs([BlobDigest(of: two.bytes)], in: key) == [:])
        },

        StorageContract("branches have the contents of what they show, whatever becomes of the others", apart) { subject in
            let storage = subject.storage
            let parent = try await subject.created("parent")
            let contents = (0..<4).map { JSON.text(200 + $0) }
            func shown(_ key: SessionKey) async throws -> [JSON] { try await subject.events(key).map(\.content) }
            for (index, content) in contents[..<3].enumerated() {
                try await subject.append(EventDraft(NewEvent(content, id: "\(index)")), to: parent)
            }
            _ = try await storage.replace("0", in: parent, with: EventPatch(content: contents[3]))
            let fork = try subject.key("fork")
            try await subject.fork(parent, at: .seq(2), to: fork)
            #expect(try await shown(fork) == [contents[3], contents[1]])
            _ = try await storage.replace("1", in: fork, with: EventPatch(content: contents[0]))
            try await subject.append(EventDraft(NewEvent(contents[2], id: "own")), to: fork)
            #expect(try await shown(fork) == [contents[3], contents[0], contents[2]])
            #expect(try await shown(parent) == [contents[3], contents[1], contents[2]])
            _ = try await storage.remove("2", in: parent)
            _ = try await storage.remove("0", in: parent)
            let grandchild = try subject.key("grandchild")
            try await subject.fork(fork, to: grandchild)
            #expect(try await storage.delete(parent))
            #expect(try await shown(fork) == [contents[3], contents[0], contents[2]])
            #expect(try await storage.delete(fork))
            #expect(try await shown(grandchild) == [contents[3], contents[0], contents[2]])
            #expect(try await storage.remove("0", in: grandchild)?.content == contents[3])
            #expect(try await storage.remove("own", in: grandchild)?.content == contents[2])
            #expect(try await shown(grandchild) == [contents[0]])
            _ = try await storage.replace("1", in: grandchild, with: EventPatch(content: contents[2]))
            #expect(try await shown(grandchild) == [contents[2]])
        },

        StorageContract("a fork has its contents after its parent has expired", apart) { subject in
            let parent = try await subject.created("parent", SessionDraft(lifetime: .seconds(10)))
            let content = JSON.text(300)
            try await subject.append(EventDraft(NewEvent(content, id: "e")), to: parent)
            let fork = try subject.key("fork")
            var draft = ForkDraft()
            draft.ttl = .set(1000)
            _ = try await subject.storage.fork(parent, draft, to: fork, epoch: nil)
            subject.clock.advance(seconds: 100)
            await refused(.notFound) { _ = try await subject.storage.event("e", in: parent) }
            #expect(try await subject.storage.event("e", in: fork).content == content)
        },

        StorageContract("contents that a rewind has hidden are still there", apart) { subject in
            let key = try await subject.created()
            let (one, two) = (JSON.text(300, of: "1"), JSON.text(300, of: "2"))
            try await subject.append(EventDraft(NewEvent(one, id: "1")), EventDraft(NewEvent(two, id: "2")), to: key)
            _ = try await subject.storage.rewind(key, RewindDraft(to: .seq(1)))
            #expect(try await subject.events(key).map(\.content).first == one)
            #expect(try await subject.storage.events(in: key, EventQuery(view: .log)).events[1].content == two)
            #expect(try await subject.storage.event("2", in: key).content == two)
            #expect(try await subject.storage.remove("2", in: key)?.content == two)
        },

        StorageContract("reading meets no hole while contents are replaced", apart) { subject in
            let key = try await subject.created()
            try await subject.append(EventDraft(NewEvent(JSON.text(200), id: "e")), to: key)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 0..<60 {
                        _ = try await subject.storage.replace("e", in: key, with: EventPatch(content: .text(200 + number % 7)))
                    }
                }
                group.addTask {
                    for _ in 0..<40 {
                        let event = try await subject.storage.event("e", in: key)
                        #expect(event.content.bytes.count >= 200)
                    }
                }
                group.addTask {
                    for _ in 0..<40 {
                        let texts = try await subject.texts(key)
                        #expect(texts[0].utf8.count >= 198)
                    }
                }
                try await group.waitForAll()
            }
        },

        StorageContract("followers are shown large contents whole", apart) { subject in
            let store = SessionStore(on: subject.storage)
            let key = try await subject.created()
            let contents = (0..<3).map { JSON.text(300 + $0) }
            try await subject.append(EventDraft(NewEvent(contents[0])), to: key)
            var followed = try store.session(key.id, user: key.user, app: key.app).follow().makeAsyncIterator()
            var seen: [JSON] = []
            for content in contents.dropFirst() {
                if let event = try await followed.next() { seen.append(event.content) }
                try await subject.append(EventDraft(NewEvent(content)), to: key)
            }
            if let event = try await followed.next() { seen.append(event.content) }
            #expect(seen == contents)
        },
    ]

    /// Events of sessions on their topic.
    static let blobEvents: [StorageContract] = [
        StorageContract("the topic of sessions and its groups show large contents whole", apart) { subject in
            let storage = subject.storage
            let content = JSON.text(300)
            _ = try await storage.setGroup("g", of: Topic.sessions, GroupSettings(), from: .start)
            let key = try await subject.created()
            try await subject.append(EventDraft(NewEvent(content, id: "e", metadata: .of(#"{"m":1}"#))), to: key)
            func events() async throws -> [JSON] {
                try await storage.events(in: Topic.sessions, TopicQuery()).events.compactMap { $0.data["event"] }
            }
            let event = try #require(try await events().first)
            #expect(event["content"] == content)
            #expect(event["blob"] == nil)
            #expect(event["metadata"]?.description == #"{"m":1}"#)
            let received = try await storage.receive(100, from: Topic.sessions, as: "c", in: "g").deliveries
            #expect(received.compactMap { $0.event.data["event"] } == [event])
            for delivery in received {
                let settlement = Settlement(id: delivery.id, token: delivery.token, .terminate(reason: nil))
                _ = try await storage.settle([settlement], of: Topic.sessions, as: "c", in: "g")
            }
            let dead = try await storage.deadLetters(in: "g", of: Topic.sessions, after: nil, limit: 10).elements
            #expect(dead.compactMap { $0.event?.data["event"] } == [event])
            let edited = JSON.text(400)
            _ = try await storage.replace("e", in: key, with: EventPatch(content: edited))
            #expect(try await events().map { $0["content"] } == [edited, edited])
            _ = try await storage.remove("e", in: key)
            #expect(try await events() == [])
        }
    ]
}

extension JSON {
    /// A text whose JSON has this many bytes.
    fileprivate static func text(_ bytes: Int, of letter: String = "x") -> JSON {
        JSON(string: String(repeating: letter, count: bytes - 2))
    }
}
