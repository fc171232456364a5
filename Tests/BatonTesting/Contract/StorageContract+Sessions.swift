internal import BatonCore
internal import Testing

extension StorageContract {
    static let sessions: [StorageContract] = [
        StorageContract("a created session is as it was drafted") { subject in
            let key = try subject.key()
            let draft = SessionDraft(
                title: "A title", tags: ["b", "a", "b"], metadata: try .of(#"{"k": [1.50, null]}"#),
                state: try .setting([("s", "1"), ("user:u", "2"), ("app:a", "3"), ("temp:t", "4")]), lifetime: .seconds(90),
                participants: try .of(#"["ann", {"id": "bob"}]"#))
            let (session, created) = try await subject.storage.create(draft, at: key)
            let now = subject.clock.now()
            #expect(created)
            let record = session.record
            #expect(record.key == key)
            #expect(record.title == "A title")
            #expect(record.status == .active)
            #expect(record.version == 1)
            #expect(record.createdAt == now)
            #expect(record.updatedAt == now)
            #expect(record.ttl == 90)
            #expect(record.expiresAt == now.adding(seconds: 90))
            #expect(record.eventCount == 0)
            #expect(record.tail == .start)
            #expect(record.floor == .start)
            #expect(record.generation.utf8.count == 16)
            #expect(record.tags == ["b", "a", "b"])
            #expect(record.metadata == draft.metadata)
            #expect(record.participants == draft.participants)
            #expect(record.activeAgent == nil)
            #expect(session.state == SessionState(session: ["s": try .of("1")], user: ["u": try .of("2")], app: ["a": try .of("3")]))
            #expect(session.events.isEmpty)
            #expect(try await subject.storage.session(key, SnapshotQuery()) == session)
        },

        StorageContract("a session drafted with nothing has nothing") { subject in
            let key = try subject.key()
            let record = try await subject.storage.create(SessionDraft(), at: key).session.record
            #expect(record.title == nil)
            #expect(record.tags.isEmpty)
            #expect(record.metadata == .emptyObject)
            #expect(record.participants == .emptyArray)
            #expect(record.ttl == nil)
            #expect(record.expiresAt == nil)
        },

        StorageContract("creating a session that is there returns it unchanged") { subject in
            let key = try await subject.created("session", SessionDraft(title: "first", state: .setting([("k", "1")])))
            try await subject.append(.text("a"), to: key)
            let before = try await subject.storage.session(key, SnapshotQuery())
            subject.clock.advance(seconds: 10)
            let draft = SessionDraft(title: "second", state: try .setting([("k", "2"), ("user:k", "2"), ("app:k", "2")]), lifetime: .seconds(5))
            let (session, created) = try await subject.storage.create(draft, at: key)
            #expect(!created)
            #expect(session == before)
            #expect(try await subject.storage.session(key, SnapshotQuery()) == before)
        },

        StorageContract("a session that many create at once is created once, and all see the same") { subject in
            let key = try subject.key()
            let storage = subject.storage
            let outcomes = try await withThrowingTaskGroup(of: (String, Bool).self) { group in
                for writer in 0..<32 {
                    group.addTask {
                        let (session, created) = try await storage.create(SessionDraft(title: "\(writer)"), at: key)
                        return (session.record.generation + (session.record.title ?? ""), created)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.filter(\.1).count == 1)
            #expect(Set(outcomes.map(\.0)).count == 1)
        },

        StorageContract("the lifetime is the draft's, or the store's", StorePolicy(sessionTTL: 100)) { subject in
            let now = subject.clock.now()
            let stored = try await subject.record(subject.created("default"))
            #expect(stored.ttl == 100)
            #expect(stored.expiresAt == now.adding(seconds: 100))
            let unlimited = try await subject.record(subject.created("unlimited", SessionDraft(lifetime: .unlimited)))
            #expect(unlimited.ttl == nil)
            #expect(unlimited.expiresAt == nil)
            let own = try await subject.record(subject.created("own", SessionDraft(lifetime: .seconds(7))))
            #expect(own.ttl == 7)
            #expect(own.expiresAt == now.adding(seconds: 7))
            let longest = try await subject.record(subject.created("longest", SessionDraft(lifetime: .seconds(SessionDraft.maximumTTL))))
            #expect(longest.expiresAt == now.adding(seconds: SessionDraft.maximumTTL))
        },

        StorageContract("nothing can be done with an absent session") { subject in
            let key = try subject.key()
            let storage = subject.storage
            await refused(.notFound) { _ = try await storage.session(key, SnapshotQuery()) }
            await refused(.notFound) { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: nil) }
            await refused(.notFound) { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: 1) }
            await refused(.notFound) { _ = try await storage.touch(key) }
            await refused(.notFound) { _ = try await storage.append(EventBatch([.text("a")]), to: key) }
            await refused(.notFound) { _ = try await storage.events(in: key, EventQuery()) }
            await refused(.notFound) { _ = try await storage.event("id", in: key) }
            await refused(.notFound) { _ = try await storage.window(around: "id", in: key, before: 1, after: 1, roles: []) }
            await refused(.notFound) { _ = try await storage.replace("id", in: key, with: EventPatch(content: .null)) }
            await refused(.notFound) { _ = try await storage.remove("id", in: key) }
            await refused(.notFound) { _ = try await storage.remove(nil, in: key) }
            await refused(.notFound) { try await storage.clear(key) }
            await refused(.notFound) { _ = try await storage.state(.session(key)) }
            await refused(.notFound) { _ = try await storage.change(.session(key), []) }
            await refused(.notFound) { _ = try await storage.change(key, StateDelta()) }
            #expect(try await !storage.delete(key))
        },

        StorageContract("a snapshot has the last events that match, oldest first") { subject in
            let key = try await subject.created()
            for number in 1...10 {
                try await subject.append(.text("\(number)", role: number.isMultiple(of: 2) ? "user" : "tool"), to: key)
            }
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 0)).events.isEmpty)
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 3)).events.texts == ["8", "9", "10"])
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 1000)).events.count == 10)
            var filter = EventFilter()
            filter.roles = ["user"]
            // The filter comes before the limit: a page is full as long as there are matches.
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 3, filter: filter)).events.texts == ["6", "8", "10"])
            filter.roles = ["nobody"]
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 3, filter: filter)).events.isEmpty)
        },

        StorageContract("an update changes what it names and nothing else") { subject in
            let draft = SessionDraft(title: "t", tags: ["a"], metadata: try .of(#"{"a":1}"#), participants: try .of(#"["x"]"#))
            let key = try await subject.created("session", draft)
            let before = try await subject.record(key)
            subject.clock.advance(seconds: 1)
            var patch = SessionPatch()
            patch.status = .set(.paused)
            var expected = before
            expected.status = .paused
            expected.version = 2
            expected.updatedAt = subject.clock.now()
            #expect(try await subject.storage.update(key, with: patch, expectedVersion: nil).record == expected)
            #expect(try await subject.record(key) == expected)

            patch = SessionPatch()
            patch.title = .set(nil)
            patch.tags = .set(["b", "c"])
            patch.activeAgent = .set("agent")
            patch.participants = .set(try .of(#"["y"]"#))
            patch.ttl = .set(60)
            expected.title = nil
            expected.tags = ["b", "c"]
            expected.activeAgent = "agent"
            expected.participants = try .of(#"["y"]"#)
            expected.ttl = 60
            expected.expiresAt = subject.clock.now().adding(seconds: 60)
            expected.version = 3
            #expect(try await subject.storage.update(key, with: patch, expectedVersion: nil).record == expected)
            #expect(try await subject.record(key) == expected)

            patch = SessionPatch()
            patch.ttl = .set(nil)
            patch.activeAgent = .set(nil)
            expected.ttl = nil
            expected.expiresAt = nil
            expected.activeAgent = nil
            expected.version = 4
            #expect(try await subject.storage.update(key, with: patch, expectedVersion: nil).record == expected)
            #expect(try await subject.record(key) == expected)
        },

        StorageContract("metadata is changed by a merge patch") { subject in
            let key = try await subject.created("session", SessionDraft(metadata: .of(#"{"a":{"b":1,"c":2},"d":3}"#)))
            var patch = SessionPatch()
            patch.metadata = try .of(#"{"a":{"b":null,"e":4},"d":null,"f":[null]}"#)
            let record = try await subject.storage.update(key, with: patch, expectedVersion: nil).record
            #expect(record.metadata == (try .of(#"{"a":{"c":2,"e":4},"f":[null]}"#)))
            patch.metadata = .null
            #expect(try await subject.storage.update(key, with: patch, expectedVersion: nil).record.metadata == .emptyObject)
            // What would grow over the limit is refused, and nothing of the patch is done.
            let half = String(repeating: "x", count: SessionDraft.maximumMetadataBytes / 2)
            patch.metadata = try .of(#"{"a":"\#(half)"}"#)
            let before = try await subject.storage.update(key, with: patch, expectedVersion: nil).record
            patch.metadata = try .of(#"{"b":"\#(half)"}"#)
            patch.title = .set("no")
            await refused(.tooLarge) { _ = try await subject.storage.update(key, with: patch, expectedVersion: nil) }
            #expect(try await subject.record(key) == before)
        },

        StorageContract("an update with a version lets one through") { subject in
            let key = try await subject.created()
            var patch = SessionPatch()
            patch.title = .set("one")
            let record = try await subject.storage.update(key, with: patch, expectedVersion: 1).record
            #expect(record.version == 2)
            patch.title = .set("two")
            let error = await refused(.preconditionFailed) { _ = try await subject.storage.update(key, with: patch, expectedVersion: 1) }
            #expect(error?.detail == .current(2))
            #expect(try await subject.record(key) == record)
            // An append moves the version too.
            try await subject.append(.text("a"), to: key)
            await refused(.preconditionFailed) { _ = try await subject.storage.update(key, with: patch, expectedVersion: 2) }
            #expect(try await subject.storage.update(key, with: patch, expectedVersion: 3).record.title == "two")
        },

        StorageContract("updates of different writers all arrive") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<16 {
                    group.addTask {
                        var patch = SessionPatch()
                        patch.metadata = try .of(#"{"k\#(writer)":\#(writer)}"#)
                        _ = try await storage.update(key, with: patch, expectedVersion: nil)
                    }
                }
                try await group.waitForAll()
            }
            let record = try await subject.record(key)
            #expect(record.version == 17)
            #expect(record.metadata.members?.count == 16)
        },

        StorageContract("touch restarts the lifetime and moves nothing else") { subject in
            let key = try await subject.created("session", SessionDraft(lifetime: .seconds(60)))
            try await subject.append(.text("a"), to: key)
            var expected = try await subject.record(key)
            subject.clock.advance(seconds: 50)
            expected.expiresAt = subject.clock.now().adding(seconds: 60)
            #expect(try await subject.storage.touch(key).record == expected)
            #expect(try await subject.record(key) == expected)
            let unlimited = try await subject.created("unlimited", SessionDraft(lifetime: .unlimited))
            let before = try await subject.record(unlimited)
            #expect(try await subject.storage.touch(unlimited).record == before)
        },

        StorageContract("deleting leaves nothing of the session") { subject in
            let key = try await subject.created(
                "session", SessionDraft(title: "t", tags: ["tag"], state: .setting([("k", "1"), ("user:k", "2"), ("app:k", "3")])))
            try await subject.append(3, to: key)
            _ = try await subject.storage.append(EventBatch([.text("4", id: "four")], idempotencyKey: "key"), to: key)
            #expect(try await subject.storage.delete(key))
            #expect(try await !subject.storage.delete(key))
            await refused(.notFound) { _ = try await subject.record(key) }
            await refused(.notFound) { _ = try await subject.storage.state(.session(key)) }
            await refused(.notFound) { _ = try await subject.storage.events(in: key, EventQuery()) }
            #expect(try await subject.storage.sessions(SessionQuery(of: .user(key.owner))).sessions.isEmpty)
            #expect(try await subject.storage.sessions(SessionQuery(of: .app("app"), tags: ["tag"])).sessions.isEmpty)
            // What belongs to the user and the application stays.
            #expect(try await subject.storage.state(.user(key.owner)) == ["k": .of("2")])
            #expect(try await subject.storage.state(.app("app")) == ["k": .of("3")])

            // A session of that name begins anew.
            let (session, created) = try await subject.storage.create(SessionDraft(), at: key)
            #expect(created)
            #expect(session.record.version == 1)
            #expect(session.record.tail == .start)
            #expect(session.record.title == nil)
            #expect(session.record.tags.isEmpty)
            #expect(session.state == SessionState(user: ["k": try .of("2")], app: ["k": try .of("3")]))
            #expect(try await subject.texts(key).isEmpty)
            let receipt = try await subject.storage.append(EventBatch([.text("new", id: "four")], idempotencyKey: "key"), to: key)
            #expect(receipt.entries.map(\.seq) == [1])
            #expect(!receipt.isDuplicate)
        },

        StorageContract("a recreated session has another generation, and cursors of the old one are gone") { subject in
            let key = try await subject.created()
            let old = try await subject.record(key).generation
            let offsets = try await subject.append(3, to: key)
            let id = try await subject.events(key)[0].id
            #expect(try await subject.storage.delete(key))
            subject.clock.advance(seconds: 1)
            try await subject.created()
            let empty = try await subject.record(key)
            #expect(empty.generation != old)
            await gone(empty) { _ = try await subject.storage.events(in: key, EventQuery(after: .offset(offsets[2]))) }
            await gone(empty) { _ = try await subject.storage.events(in: key, EventQuery(after: .seq(3))) }
            await refused(.notFound) { _ = try await subject.storage.event(id, in: key) }
            // The same seqs are there again; only the milliseconds tell.
            try await subject.append(5, to: key)
            let record = try await subject.record(key)
            for offset in offsets {
                await gone(record) { _ = try await subject.storage.events(in: key, EventQuery(after: .offset(offset))) }
            }
            #expect(try await subject.storage.events(in: key, EventQuery(after: .seq(3))).events.texts == ["4", "5"])
            // The old generation's made id is nobody's now, so an author may use it.
            #expect(try await !subject.storage.append(EventBatch([.text("x", id: id)]), to: key).isDuplicate)
        },
    ]
}
