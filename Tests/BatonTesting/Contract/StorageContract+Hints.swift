internal import BatonCore
internal import Testing

extension StorageContract {
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
                ("a lease", { _ = try await storage.acquireLease(LeaseRequest(holder: "a", ttl: 60_000), on: key) }),
                ("a stolen lease", { _ = try await storage.acquireLease(LeaseRequest(holder: "b", ttl: 60_000, steals: true), on: key) }),
                ("a released lease", { try await storage.releaseLease(subject.record(key).lease?.epoch ?? 0, on: key) }),
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
}
