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
                    let page = try await storage.sessions(SessionQuery(of: owner, limit: 1, tag: tag))
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
            #expect(try await subject.storage.sessions(SessionQuery(of: .app("app"), tag: "old")).sessions.isEmpty)
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

    static let hints: [StorageContract] = [
        StorageContract("every change is hinted") { subject in
            let storage = subject.storage
            let key = try subject.key()
            let seen = Guarded<[StorageHint]>([])
            let observation = storage.observe { hint in seen.withLock { $0.append(hint) } }
            let changes: [(String, @Sendable () async throws -> Void)] = [
                ("create", { _ = try await storage.create(SessionDraft(), at: key) }),
                ("append", { try await subject.append(.text("a", id: "a"), .text("b"), to: key) }),
                ("update", { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: nil) }),
                ("replace", { _ = try await storage.replace("a", in: key, with: EventPatch(content: .null)) }),
                ("remove", { _ = try await storage.remove("a", in: key) }),
                ("pop", { _ = try await storage.remove(nil, in: key) }),
                ("state", { _ = try await storage.change(.session(key), [StateChange("k", .set(.null))]) }),
                ("delta", { _ = try await storage.change(key, StateDelta.setting([("k", "1")])) }),
                ("clear", { try await storage.clear(key) }),
                ("delete", { _ = try await storage.delete(key) }),
                ("append that creates", { _ = try await storage.append(EventBatch([.text("a")], createsSession: true), to: key) }),
            ]
            for (name, change) in changes {
                seen.withLock { $0.removeAll() }
                try await change()
                let isHinted = await eventually { seen.withLock { $0.contains { $0 == .session(key) || $0 == .everything } } }
                #expect(isHinted, "\(name) was not hinted")
            }
            withExtendedLifetime(observation) {}
        },

        StorageContract("a change of shared state is hinted to whoever sees it") { subject in
            let storage = subject.storage
            let key = try await subject.created("watched")
            let other = try await subject.created("other")
            let seen = Guarded<[StorageHint]>([])
            let observation = storage.observe { hint in seen.withLock { $0.append(hint) } }
            let changes: [@Sendable () async throws -> Void] = [
                { _ = try await storage.change(.user(key.owner), [StateChange("k", .set(.null))]) },
                { _ = try await storage.change(.app("app"), [StateChange("k", .set(.null))]) },
                { _ = try await storage.change(other, StateDelta.setting([("user:k", "1")])) },
                { try await subject.append(.text("a", state: ["app:k": "1"]), to: other) },
                { _ = try await storage.create(SessionDraft(state: .setting([("app:k", "2")])), at: subject.key("third")) },
            ]
            for (index, change) in changes.enumerated() {
                seen.withLock { $0.removeAll() }
                try await change()
                let isHinted = await eventually { seen.withLock { $0.contains { $0 == .session(key) || $0 == .everything } } }
                #expect(isHinted, "change \(index) was not hinted")
            }
            withExtendedLifetime(observation) {}
        },

        StorageContract("what is changed right after observing began is hinted") { subject in
            let key = try await subject.created()
            for number in 0..<50 {
                let isHinted = Guarded(false)
                let observation = subject.storage.observe { hint in
                    if hint == .session(key) || hint == .everything { isHinted.withLock { $0 = true } }
                }
                try await subject.append(.text("\(number)"), to: key)
                #expect(await eventually { isHinted.withLock { $0 } })
                observation.cancel()
            }
        },

        StorageContract("several observe at once, and one that ends leaves the others") { subject in
            let key = try await subject.created()
            let counts = Guarded([0, 0])
            let first = subject.storage.observe { _ in counts.withLock { $0[0] += 1 } }
            var second: StorageObservation? = subject.storage.observe { _ in counts.withLock { $0[1] += 1 } }
            try await subject.append(.text("a"), to: key)
            #expect(await eventually { counts.withLock { $0[0] > 0 && $0[1] > 0 } })
            first.cancel()
            first.cancel()
            let before = counts.withLock { $0[1] }
            try await subject.append(.text("b"), to: key)
            #expect(await eventually { counts.withLock { $0[1] > before } })
            withExtendedLifetime(second) {}
            second = nil
        },

        StorageContract("a change can be read by who was hinted") { subject in
            let key = try await subject.created()
            let hints = Guarded(0)
            let observation = subject.storage.observe { _ in hints.withLock { $0 += 1 } }
            let storage = subject.storage
            let writer = Task {
                for number in 1...100 {
                    _ = try await storage.append(EventBatch([.text("\(number)")]), to: key)
                    await Task.yield()
                }
            }
            // Read after the cursor; if nothing is there, wait for a hint; again.
            var read: [Int] = []
            var cursor = Cursor.seq(0)
            while read.count < 100 {
                let before = hints.withLock { $0 }
                let page = try await storage.events(in: key, EventQuery(after: cursor))
                read += page.events.seqs
                cursor = .offset(try #require(page.next))
                guard page.events.isEmpty else { continue }
                guard await eventually({ hints.withLock { $0 } > before }) else {
                    Issue.record("no hint came after event \(read.count)")
                    break
                }
            }
            #expect(read == Array(1...100))
            _ = try await writer.value
            withExtendedLifetime(observation) {}
        },
    ]

    static let lifetime: [StorageContract] = [
        StorageContract("a closed storage refuses everything, and closing again is fine") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            try await storage.checkHealth()
            await storage.close()
            await storage.close()
            await refused(.closed) { _ = try await storage.create(SessionDraft(), at: key) }
            await refused(.closed) { _ = try await storage.session(key, SnapshotQuery()) }
            await refused(.closed) { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: nil) }
            await refused(.closed) { _ = try await storage.touch(key) }
            await refused(.closed) { _ = try await storage.delete(key) }
            await refused(.closed) { _ = try await storage.sessions(SessionQuery(of: .app("app"))) }
            await refused(.closed) { _ = try await storage.append(EventBatch([.text("a")]), to: key) }
            await refused(.closed) { _ = try await storage.events(in: key, EventQuery()) }
            await refused(.closed) { _ = try await storage.event("a", in: key) }
            await refused(.closed) { _ = try await storage.window(around: "a", in: key, before: 1, after: 1, roles: []) }
            await refused(.closed) { _ = try await storage.replace("a", in: key, with: EventPatch(content: .null)) }
            await refused(.closed) { _ = try await storage.remove("a", in: key) }
            await refused(.closed) { try await storage.clear(key) }
            await refused(.closed) { _ = try await storage.state(.store) }
            await refused(.closed) { _ = try await storage.change(.store, []) }
            await refused(.closed) { _ = try await storage.change(key, StateDelta()) }
            await refused(.closed) { try await storage.checkHealth() }
            _ = storage.gauges
            storage.observe { _ in }.cancel()
        },

        StorageContract("a storage that is closed under traffic loses nothing that was answered", StorePolicy(maximumEvents: 100_000)) { subject in
            let key = try await subject.created()
            let storage = subject.storage
            let answered = Guarded<[Int]>([])
            let writers = (0..<8).map { _ in
                Task {
                    do {
                        let deadline = ContinuousClock.now + .seconds(120)
                        while ContinuousClock.now < deadline {
                            let receipt = try await storage.append(EventBatch([.text("x")]), to: key)
                            answered.withLock { $0.append(receipt.tail.seq) }
                            // A storage that never suspends would keep all threads for the writers.
                            await Task.yield()
                        }
                        Issue.record("a closed storage goes on answering")
                    } catch let error as StoreError {
                        #expect(error.code == .closed)
                    }
                }
            }
            #expect(await eventually { answered.withLock { $0.count > 20 } })
            await storage.close()
            for writer in writers { try await writer.value }
            let seqs = answered.withLock { $0 }
            #expect(Set(seqs).count == seqs.count)
            guard let reopen = subject.opened.reopen else { return }
            let reopened = try await reopen()
            let record = try await reopened.session(key, SnapshotQuery()).record
            // Somebody may have been answered "closed" for an event that was stored; nobody the other way round.
            #expect(record.lastSeq >= seqs.max() ?? 0)
            #expect(record.eventCount == record.lastSeq)
            await reopened.close()
        },

        StorageContract("what a durable storage kept is there when it is opened again", StorePolicy(maximumEvents: 4, sessionTTL: 100)) { subject in
            guard let reopen = subject.opened.reopen else { return }
            let draft = SessionDraft(
                title: "t", tags: ["a"], metadata: try .of(#"{"m":1}"#), state: try .setting([("s", "1"), ("user:u", "2"), ("app:a", "3")]))
            let key = try await subject.created("session", draft)
            try await subject.created("short", SessionDraft(lifetime: .seconds(1)))
            let offsets = try await subject.append(6, to: key)
            let batch = EventBatch([try .text("7", id: "own")], idempotencyKey: "key")
            let receipt = try await subject.storage.append(batch, to: key)
            let removed = try await subject.storage.remove(subject.record(key).madeID(forSeq: 5), in: key)
            _ = try await subject.storage.replace("own", in: key, with: EventPatch(content: .of("70")))
            _ = try await subject.storage.change(.store, [StateChange("token", .set(.of("1")))])
            let before = try await subject.storage.session(key, SnapshotQuery(events: 100))
            await subject.storage.close()

            subject.clock.advance(seconds: 2)
            let storage = try await reopen()
            #expect(try await storage.session(key, SnapshotQuery(events: 100)) == before)
            #expect(try await storage.sessions(SessionQuery(of: .app("app"), tag: "a")).sessions.map(\.record) == [before.record])
            #expect(try await storage.sessions(SessionQuery(of: .app("app"))).sessions.count == 1)
            #expect(try await storage.state(.store) == ["token": .of("1")])
            #expect(try await storage.append(batch, to: key).entries[0].offset == receipt.entries[0].offset)
            await gone(before.record) { _ = try await storage.events(in: key, EventQuery(after: .offset(offsets[1]))) }
            let page = try await storage.events(in: key, EventQuery(after: .offset(try #require(removed).offset)))
            #expect(page.events.seqs == [6, 7])
            #expect(try await storage.append(EventBatch([.text("8")]), to: key).entries.map(\.seq) == [8])
            await storage.close()
        },
    ]
}
