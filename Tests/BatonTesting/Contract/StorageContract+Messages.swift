internal import BatonCore
internal import Testing

/// What an application does that keeps conversations as messages, method by method: see docs/MESSAGES.md.
extension StorageContract {
    static let messages: [StorageContract] = [
        StorageContract("messages: a session is created with all its fields, found, changed and deleted with its messages") { subject in
            let store = SessionStore(on: subject.storage)
            let participants = try JSON.of(#"[{"id":"ann","role":"user","joinedAt":"2026-01-31T12:00:00.000Z"},{"id":"planner","role":"agent"}]"#)
            let metadata = try JSON.of(#"{"source":"web","custom":{"plan":"free"}}"#)
            let created = try await store.create(
                for: UserKey(app: "app", user: "ann"),
                SessionDraft(title: "Help", tags: ["vip"], metadata: metadata, lifetime: .seconds(60), participants: participants))
            let key = created.record.key
            let session = store.session(key)
            let found = try await session.snapshot().record
            #expect(found == created.record)
            #expect(found.metadata == metadata && found.participants == participants && found.title == "Help" && found.tags == ["vip"])
            #expect(found.status == .active && found.version == 1 && found.expiresAt == found.createdAt.adding(seconds: 60))
            subject.clock.advance(seconds: 30)
            var patch = SessionPatch()
            patch.status = .set(.completed)
            patch.title = .set(nil)
            let ended = try await store.update(key, with: patch).record
            #expect(ended.status == .completed && ended.title == nil && ended.version == 2 && ended.metadata == metadata)
            #expect(ended.expiresAt == ended.updatedAt.adding(seconds: 60), "every write moves the lifetime")
            try await session.append(.message("x", role: "user"))
            try await session.delete()
            // Deleting what is absent is no error; reading it is one of its own.
            try await session.delete()
            await refused(.notFound) { _ = try await session.snapshot() }
            await refused(.notFound) { _ = try await session.events() }
            await refused(.notFound) { try await session.append(.message("x", role: "user")) }
            await refused(.notFound) { _ = try await store.update(key, with: patch) }
        },

        StorageContract("messages: a stale version is refused with the current one, and all who add a participant at once are added") { subject in
            let store = SessionStore(on: subject.storage)
            let key = try await subject.created()
            var patch = SessionPatch()
            patch.activeAgent = .set("a")
            #expect(try await store.update(key, with: patch, expectedVersion: 1).record.version == 2)
            let error = await refused(.preconditionFailed) { _ = try await store.update(key, with: patch, expectedVersion: 1) }
            #expect(error?.detail == .current(2))
            #expect(try await store.update(key, with: patch).record.version == 3)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in ["x", "y", "z"] {
                    group.addTask {
                        try await store.update(key) { record throws(StoreError) in
                            var patch = SessionPatch()
                            let others = (record.participants.elements ?? []).map(\.description)
                            patch.participants = .set(try JSON(parsing: "[" + (others + [#"{"id":"\#(name)"}"#]).joined(separator: ",") + "]"))
                            return patch
                        }
                    }
                }
                try await group.waitForAll()
            }
            let record = try await subject.record(key)
            #expect(Set(record.participants.elements?.compactMap { $0["id"]?.stringValue } ?? []) == ["x", "y", "z"])
            #expect(record.version == 6)
            await refused(.invalidField) {
                try await store.update(key) { _ throws(StoreError) in throw StoreError(.invalidField, "not now") }
            }
            #expect(try await subject.record(key) == record)
        },

        StorageContract("messages: text and structured content, tool calls and results come back as they were") { subject in
            let session = SessionStore(on: subject.storage).session(try await subject.created())
            // Texts that look like something else, and something else.
            let contents: [JSON] = [
                JSON(string: "Hello"), JSON(string: ""), JSON(string: "[1, 2]"), JSON(string: #"{"type":"text"}"#), JSON(string: "null"),
                try .of(#"[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}}]"#),
                try .of("[]"), .null,
            ]
            let metadata = try JSON.of(#"{"toolCalls":[{"id":"c1","name":"search","arguments":"{\"q\": 1.0}"}],"annotations":{"n":1e2}}"#)
            for (index, content) in contents.enumerated() {
                try await session.append(NewEvent(content, id: "m\(index)", role: "user", metadata: metadata))
            }
            let events = try await session.events(last: 100)
            #expect(events.map(\.content) == contents)
            #expect(events.map(\.content.stringValue).prefix(5) == ["Hello", "", "[1, 2]", #"{"type":"text"}"#, "null"])
            #expect(events[5].content.stringValue == nil && events[5].content.elements?.count == 2)
            #expect(events.allSatisfy { $0.metadata == metadata && $0.role == "user" })
        },

        StorageContract("messages: pages by order, place and role are full, and a stopped clock keeps the order") { subject in
            let session = SessionStore(on: subject.storage).session(try await subject.created())
            for number in 1...40 { try await session.append(.message("\(number)", role: number.isMultiple(of: 4) ? "assistant" : "user")) }
            let all = try await session.events().events
            #expect(all.texts == (1...40).map { "\($0)" } && all.seqs == Array(1...40))
            var query = EventQuery(limit: 5, order: .desc)
            #expect(try await session.events(query).events.texts == ["40", "39", "38", "37", "36"])
            query.filter.roles = ["assistant"]
            #expect(try await session.events(query).events.texts == ["40", "36", "32", "28", "24"])
            query = EventQuery(after: .offset(all[9].offset), before: .offset(all[19].offset), limit: 100)
            #expect(try await session.events(query).events.texts == (11...19).map { "\($0)" })
            query.filter.roles = ["assistant", "tool"]
            #expect(try await session.events(query).events.texts == ["12", "16"])
        },

        StorageContract("messages: one is changed or deleted in its own session only; all are deleted and the numbers go on") { subject in
            let store = SessionStore(on: subject.storage)
            let (key, other) = (try await subject.created("mine"), try await subject.created("other"))
            let session = store.session(key)
            let ids = try await session.append([.message("1", role: "user"), .message("2", role: "assistant"), .message("3", role: "user")])
                .entries.map(\.id)
            subject.clock.advance(seconds: 1)
            let edited = try await store.replace(ids[1], in: key, with: EventPatch(content: JSON(string: "two"), metadata: .of(#"{"k":1}"#)))
            #expect(edited.seq == 2 && edited.role == "assistant" && edited.editedAt == edited.time.adding(seconds: 1))
            #expect(try await session.events(last: 9).texts == ["1", "two", "3"])
            await refused(.notFound) { _ = try await store.replace(ids[1], in: other, with: EventPatch(content: .null)) }
            await refused(.notFound) { _ = try await store.remove(ids[1], in: other) }
            try await store.remove(ids[0], in: key)
            await refused(.notFound) { _ = try await store.remove(ids[0], in: key) }
            #expect(try await subject.record(key).eventCount == 2)
            try await store.clear(key)
            #expect(try await session.events().events.isEmpty)
            #expect(try await session.append(.message("4", role: "user")).tail.seq == 4)
            #expect(try await subject.record(key).eventCount == 1)
        },

        StorageContract("messages: sessions are listed by user, status, any of several tags, active agent and creation, before the limit") {
            subject in
            let store = SessionStore(on: subject.storage)
            var createdAt: [Timestamp] = []
            for number in 1...12 {
                subject.clock.advance(milliseconds: 10)
                let key = try subject.key("\(number)", user: number.isMultiple(of: 2) ? "ann" : "bob")
                let tags = ["n\(number)", number <= 4 ? "low" : "high", "a,b"]
                createdAt.append(try await store.create(key, SessionDraft(tags: tags)).record.createdAt)
                var patch = SessionPatch()
                if number.isMultiple(of: 3) { patch.activeAgent = .set("planner") }
                if number > 10 { patch.status = .set(.paused) }
                _ = try await store.update(key, with: patch)
            }
            func list(_ query: SessionQuery) async throws -> [String] { try await store.sessions(query).sessions.map(\.record.key.id) }
            let app = SessionQuery.Owner.app("app")
            let ann = SessionQuery.Owner.user(try UserKey(app: "app", user: "ann"))
            for order in SessionQuery.Order.allCases {
                #expect(try await list(SessionQuery(of: ann, order: order)) == ["12", "10", "8", "6", "4", "2"])
                #expect(try await list(SessionQuery(of: app, limit: 2, tags: ["n3", "n9", "n12", "none"], order: order)) == ["12", "9"])
                #expect(try await list(SessionQuery(of: ann, tags: ["n3", "low"], order: order)) == ["4", "2"])
                #expect(try await list(SessionQuery(of: app, tags: ["a,b"], order: order)).count == 12)
                #expect(try await list(SessionQuery(of: app, tags: ["a"], order: order)).isEmpty)
                #expect(try await list(SessionQuery(of: app, activeAgent: "planner", order: order)) == ["12", "9", "6", "3"])
                #expect(try await list(SessionQuery(of: app, activeAgent: "Planner", order: order)).isEmpty)
                // From the first moment on, and before the second.
                let range = SessionQuery(of: app, createdSince: createdAt[2], createdUntil: createdAt[5], order: order)
                #expect(try await list(range) == ["5", "4", "3"])
                let narrow = SessionQuery(
                    of: app, status: .active, tags: ["high", "low"], activeAgent: "planner", createdSince: createdAt[3], order: order)
                #expect(try await list(narrow) == ["9", "6"])
                var walked: [String] = []
                var query = SessionQuery(of: app, limit: 1, tags: ["low", "n12"], order: order)
                repeat {
                    let page = try await store.sessions(query)
                    walked += page.sessions.map(\.record.key.id)
                    query.after = page.next
                } while query.after != nil
                #expect(walked == ["12", "4", "3", "2", "1"])
            }
            await refused(.invalidParameter) { _ = try await list(SessionQuery(of: app, tags: (0...64).map { "\($0)" })) }
        },

        StorageContract("messages: health is told, and after closing everything says that it is closed") { subject in
            let store = SessionStore(on: subject.storage)
            try await store.checkHealth()
            let key = try await subject.created()
            await store.close()
            await store.close()
            await refused(.closed) { try await store.checkHealth() }
            await refused(.closed) { _ = try await store.get(key) }
            await refused(.closed) { try await store.session(key).append(.message("x", role: "user")) }
        },
    ]

    /// What is heard of sessions and messages.
    static let messageEvents: [StorageContract] = [
        StorageContract("messages: what happens to sessions and messages is heard in its order, by type, with what it is about") { subject in
            let store = SessionStore(on: subject.storage)
            let key = try await subject.created()
            let id = try await store.session(key).append(.message("1", role: "user")).entries[0].id
            try await store.session(key).handOff(to: "writer", from: nil, reason: "why")
            _ = try await store.replace(id, in: key, with: EventPatch(content: JSON(string: "one")))
            var patch = SessionPatch()
            patch.status = .set(.completed)
            _ = try await store.update(key, with: patch)
            let events = try await subject.events(of: Topic.sessions)
            #expect(
                events.types == ["session.created", "session.event", "session.event", "session.handoff", "event.edited", "session.updated"]
                    || events.types == ["session.created", "session.event", "session.handoff", "session.event", "event.edited", "session.updated"])
            #expect(events.allSatisfy { $0.data["session"]?.stringValue == key.id && $0.data["user"]?.stringValue == key.user })
            try await store.remove(id, in: key)
            try await store.delete(key)
            #expect(try await subject.events(of: Topic.sessions).types.suffix(1) == ["session.deleted"])
        },

        StorageContract("messages: a session that is over is in no list and cannot be read; that it expired is heard") { subject in
            let store = SessionStore(on: subject.storage)
            let (brief, long) = (
                try await subject.created("brief", SessionDraft(lifetime: .seconds(10))),
                try await subject.created("long", SessionDraft(lifetime: .seconds(60)))
            )
            for _ in 0..<3 {
                subject.clock.advance(seconds: 8)
                try await store.session(long).append(.message("x", role: "user"))
            }
            subject.clock.advance(seconds: 40)
            await refused(.notFound) { _ = try await store.get(brief) }
            // A session in use never is, however long ago it was created.
            #expect(try await store.get(long).record.eventCount == 3)
            let owner = SessionQuery.Owner.user(brief.owner)
            var filter = TopicFilter()
            filter.types = ["session.expired"]
            let (query, expired) = (SessionQuery(of: owner), filter)
            let isHeard = try await eventually {
                let isListed = try await store.sessions(query).sessions.map(\.record.key.id) != ["long"]
                let heard = try await subject.events(of: Topic.sessions, from: .start, expired).map { $0.data["session"]?.stringValue }
                return !isListed && heard == ["brief"]
            }
            #expect(isHeard)
        },
    ]
}
