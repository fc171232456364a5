internal import BatonCore
internal import Testing

extension StorageContract {
    static let lifetime: [StorageContract] = [
        StorageContract("a store that requires lifetimes keeps no session without one", StorePolicy(requiresTTL: true)) { subject in
            let store = SessionStore(on: subject.storage)
            let (key, other) = (try subject.key(), try subject.key("other"))
            for lifetime in [SessionDraft.Lifetime.storeDefault, .unlimited] {
                await refused(.invalidField) { _ = try await store.create(key, SessionDraft(lifetime: lifetime)) }
                await refused(.invalidField) { _ = try await store.findOrCreate(key, SessionDraft(lifetime: lifetime)) }
            }
            let making = EventBatch([try .text("1")], createsSession: true)
            await refused(.invalidField) { _ = try await store.append(making, to: key) }
            await refused(.notFound) { _ = try await store.get(key) }
            let session = try await store.create(key, SessionDraft(lifetime: .seconds(60)))
            #expect(session.record.ttl == 60)
            var patch = SessionPatch()
            patch.ttl = .set(nil)
            let forEver = patch
            await refused(.invalidField) { _ = try await store.update(key, with: forEver) }
            patch.ttl = .set(90)
            #expect(try await store.update(key, with: patch).record.ttl == 90)
            _ = try await store.append(EventBatch([try .text("1")]), to: key)
            #expect(try await store.sessions(SessionQuery(of: .app(key.app))).sessions.map(\.record.key) == [key])
            await refused(.notFound) { _ = try await store.get(other) }
        },

        StorageContract("the default lifetime is one", StorePolicy(sessionTTL: 30, requiresTTL: true)) { subject in
            let store = SessionStore(on: subject.storage)
            let key = try subject.key()
            _ = try await store.append(EventBatch([try .text("1")], createsSession: true), to: key)
            #expect(try await store.get(key).record.ttl == 30)
            await refused(.invalidField) { _ = try await store.create(try subject.key("other"), SessionDraft(lifetime: .unlimited)) }
        },

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
            #expect(try await storage.sessions(SessionQuery(of: .app("app"), tags: ["a"])).sessions.map(\.record) == [before.record])
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
