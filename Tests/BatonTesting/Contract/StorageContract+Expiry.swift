internal import BatonCore
internal import Testing

extension StorageContract {
    static let expiry: [StorageContract] = [
        StorageContract("an expired session is absent everywhere") { subject in
            let storage = subject.storage
            let key = try await subject.created("short", SessionDraft(tags: ["t"], lifetime: .seconds(10)))
            let other = try await subject.created("long", SessionDraft(tags: ["t"]))
            try await subject.append(.text("a", id: "a", state: ["k": "1"]), to: key)
            subject.clock.advance(milliseconds: 9_999)
            #expect(try await subject.texts(key) == ["a"])
            subject.clock.advance(milliseconds: 1)
            await refused(.notFound) { _ = try await storage.session(key, SnapshotQuery()) }
            await refused(.notFound) { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: nil) }
            await refused(.notFound) { _ = try await storage.touch(key) }
            await refused(.notFound) { _ = try await storage.append(EventBatch([.text("a", id: "a")]), to: key) }
            await refused(.notFound) { _ = try await storage.events(in: key, EventQuery()) }
            await refused(.notFound) { _ = try await storage.event("a", in: key) }
            await refused(.notFound) { _ = try await storage.window(around: "a", in: key, before: 1, after: 1, roles: []) }
            await refused(.notFound) { _ = try await storage.replace("a", in: key, with: EventPatch(content: .null)) }
            await refused(.notFound) { _ = try await storage.remove("a", in: key) }
            await refused(.notFound) { _ = try await storage.remove(nil, in: key) }
            await refused(.notFound) { try await storage.clear(key) }
            await refused(.notFound) { _ = try await storage.state(.session(key)) }
            await refused(.notFound) { _ = try await storage.change(.session(key), []) }
            await refused(.notFound) { _ = try await storage.change(key, StateDelta()) }
            for owner in [SessionQuery.Owner.user(key.owner), .app("app")] {
                for tag in [nil, "t"] {
                    let page = try await storage.sessions(SessionQuery(of: owner, limit: 1, tags: tag.map { [$0] } ?? []))
                    #expect(page.sessions.map(\.record.key) == [other])
                    #expect(page.next == nil)
                }
            }
            #expect(try await !storage.delete(key))
        },

        StorageContract("pages of a list are full though sessions between have expired") { subject in
            for number in 1...20 {
                subject.clock.advance(milliseconds: 1)
                try await subject.created("\(number)", SessionDraft(lifetime: number % 4 == 0 ? .unlimited : .seconds(5)))
            }
            subject.clock.advance(seconds: 6)
            let first = try await subject.storage.sessions(SessionQuery(of: .app("app"), limit: 3))
            #expect(first.sessions.map(\.record.key.id) == ["20", "16", "12"])
            let second = try await subject.storage.sessions(SessionQuery(of: .app("app"), limit: 3, after: first.next))
            #expect(second.sessions.map(\.record.key.id) == ["8", "4"])
            #expect(second.next == nil)
        },

        StorageContract("the id of an expired session can be taken again, by another generation", StorePolicy(sessionTTL: 10)) { subject in
            let key = try await subject.created("session", SessionDraft(title: "old", tags: ["old"], state: .setting([("k", "1")])))
            let offset = try await subject.append(.text("a", id: "a"), to: key)[0]
            _ = try await subject.storage.append(EventBatch([.text("b")], idempotencyKey: "key"), to: key)
            let old = try await subject.record(key)
            subject.clock.advance(seconds: 11)
            let (session, created) = try await subject.storage.create(SessionDraft(), at: key)
            #expect(created)
            #expect(session.record.generation != old.generation)
            #expect(session.record.version == 1)
            #expect(session.record.tail == .start)
            #expect(session.state.session.isEmpty)
            #expect(session.record.title == nil)
            #expect(try await subject.storage.sessions(SessionQuery(of: .app("app"), tags: ["old"])).sessions.isEmpty)
            #expect(try await subject.events(key).isEmpty)
            await gone(session.record) { _ = try await subject.storage.events(in: key, EventQuery(after: .offset(offset))) }
            let receipt = try await subject.storage.append(EventBatch([.text("c", id: "a")], idempotencyKey: "key"), to: key)
            #expect(receipt.entries.map(\.seq) == [1])
            #expect(!receipt.isDuplicate)
            subject.clock.advance(seconds: 11)
            let made = try await subject.storage.append(EventBatch([.text("d", id: "a")], createsSession: true), to: key)
            #expect(made.entries.map(\.seq) == [1])
            #expect(!made.isDuplicate)
            #expect(try await subject.record(key).generation != session.record.generation)
            #expect(try await subject.texts(key) == ["d"])
        },

        StorageContract("every change restarts the lifetime, and reads do not", StorePolicy(sessionTTL: 100)) { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.append(.text("a", id: "a"), .text("b", id: "b"), .text("c", id: "c"), to: key)
            let changes: [@Sendable () async throws -> Void] = [
                { try await subject.append(.text("d"), to: key) },
                { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: nil) },
                { _ = try await storage.replace("a", in: key, with: EventPatch(content: .null)) },
                { _ = try await storage.remove("b", in: key) },
                { _ = try await storage.remove(nil, in: key) },
                { _ = try await storage.change(.session(key), [StateChange("k", .set(.null))]) },
                { _ = try await storage.change(key, StateDelta.setting([("k", "1")])) },
                { try await storage.clear(key) },
                { _ = try await storage.touch(key) },
            ]
            for (index, change) in changes.enumerated() {
                subject.clock.advance(seconds: 60)
                try await change()
                #expect(try await subject.record(key).expiresAt == subject.clock.now().adding(seconds: 100), "change \(index)")
            }
            let expiresAt = try await subject.record(key).expiresAt
            try await subject.append(.text("e", id: "e"), to: key)
            let record = try await subject.record(key)
            #expect(record.expiresAt == expiresAt)
            subject.clock.advance(seconds: 60)
            _ = try await storage.session(key, SnapshotQuery(events: 5))
            _ = try await storage.events(in: key, EventQuery())
            _ = try await storage.event("e", in: key)
            _ = try await storage.state(.session(key))
            // Neither does an append that stores nothing, nor creating what is there.
            _ = try await storage.append(EventBatch([.text("e", id: "e")]), to: key)
            _ = try await storage.create(SessionDraft(), at: key)
            #expect(try await subject.record(key) == record)
        },

        StorageContract("reads restart the lifetime where the store is configured so", StorePolicy(sessionTTL: 100, readsExtendLife: true)) {
            subject in
            let key = try await subject.created()
            let version = try await subject.record(key).version
            for _ in 0..<3 {
                subject.clock.advance(seconds: 60)
                let record = try await subject.storage.session(key, SnapshotQuery()).record
                #expect(record.expiresAt == subject.clock.now().adding(seconds: 100))
                #expect(record.version == version)
                subject.clock.advance(seconds: 60)
                _ = try await subject.storage.events(in: key, EventQuery())
            }
            subject.clock.advance(seconds: 101)
            await refused(.notFound) { _ = try await subject.record(key) }
        },

        StorageContract("a lifetime that is changed counts from the change") { subject in
            let key = try await subject.created("session", SessionDraft(lifetime: .seconds(10)))
            subject.clock.advance(seconds: 9)
            var patch = SessionPatch()
            patch.ttl = .set(1000)
            _ = try await subject.storage.update(key, with: patch, expectedVersion: nil)
            subject.clock.advance(seconds: 999)
            patch.ttl = .set(nil)
            _ = try await subject.storage.update(key, with: patch, expectedVersion: nil)
            subject.clock.advance(seconds: 1_000_000_000)
            #expect(try await subject.record(key).expiresAt == nil)
            patch.ttl = .set(1)
            _ = try await subject.storage.update(key, with: patch, expectedVersion: nil)
            subject.clock.advance(seconds: 1)
            await refused(.notFound) { _ = try await subject.record(key) }
        },

        StorageContract(
            "the state of users and applications expires by itself, counted from its last write", StorePolicy(userStateTTL: 10, appStateTTL: 20)
        ) { subject in
            let key = try await subject.created("session", SessionDraft(state: .setting([("k", "1"), ("user:k", "2"), ("app:k", "3")])))
            let storage = subject.storage
            subject.clock.advance(seconds: 9)
            // Reading restarts nothing, nor does a write of another scope.
            #expect(try await storage.state(.user(key.owner)) == ["k": .of("2")])
            try await subject.append(.text("a", state: ["app:l": "4"]), to: key)
            subject.clock.advance(seconds: 1)
            #expect(try await storage.state(.user(key.owner)).isEmpty)
            #expect(
                try await storage.session(key, SnapshotQuery()).state
                    == SessionState(session: ["k": .of("1")], app: ["k": .of("3"), "l": .of("4")]))
            // What is written then begins anew.
            #expect(try await storage.change(.user(key.owner), [StateChange("m", .set(.of("5")))]) == ["m": .of("5")])
            subject.clock.advance(seconds: 9)
            _ = try await storage.change(key, StateDelta.setting([("user:n", "6")]))
            subject.clock.advance(seconds: 9)
            #expect(try await storage.state(.user(key.owner)) == ["m": .of("5"), "n": .of("6")])
            subject.clock.advance(seconds: 1)
            #expect(try await storage.state(.user(key.owner)).isEmpty)
            #expect(try await storage.state(.app("app")).isEmpty)
            // The session's own state lives as long as the session, the store's for ever.
            _ = try await storage.change(.store, [StateChange("s", .set(.of("7")))])
            subject.clock.advance(seconds: 1_000_000)
            #expect(try await storage.state(.session(key)) == ["k": .of("1")])
            #expect(try await storage.state(.store) == ["s": .of("7")])
        },
    ]
}
