internal import BatonCore
internal import Testing

/// A mutation of a session that has an event with the id `e`.
private struct Mutation: Sendable {
    let name: String
    let perform: @Sendable (any Storage, SessionKey, _ epoch: Int?) async throws -> Void

    static let all: [Mutation] = [
        Mutation(name: "append") { _ = try await $0.append(EventBatch([.text("x")], epoch: $2), to: $1) },
        Mutation(name: "update") {
            var patch = SessionPatch()
            patch.title = .set("t")
            _ = try await $0.update($1, with: patch, expectedVersion: nil, epoch: $2)
        },
        Mutation(name: "replace") { _ = try await $0.replace("e", in: $1, with: EventPatch(content: .null), epoch: $2) },
        Mutation(name: "change of its state") { _ = try await $0.change(.session($1), [StateChange("k", .set(.null))], epoch: $2) },
        Mutation(name: "change of all it sees") { _ = try await $0.change($1, StateDelta.setting([("k", "1"), ("user:k", "1")]), epoch: $2) },
        Mutation(name: "pop") { _ = try await $0.remove(nil, in: $1, epoch: $2) },
        Mutation(name: "remove") { _ = try await $0.remove("e", in: $1, epoch: $2) },
        Mutation(name: "clear") { try await $0.clear($1, epoch: $2) },
        Mutation(name: "rewind") { _ = try await $0.rewind($1, RewindDraft(to: .seq(0), epoch: $2)) },
        Mutation(name: "delete") {
            let wasThere = try await $0.delete($1, epoch: $2)
            #expect(wasThere)
        },
    ]
}

extension StorageSubject {
    /// The lease, given to a holder for a minute or as long as is said.
    @discardableResult
    fileprivate func acquire(
        _ holder: String, _ key: SessionKey, seconds: Int = 60, steals: Bool = false, ticket: String? = nil
    ) async throws -> Lease {
        try await storage.acquireLease(LeaseRequest(holder: holder, ttl: seconds * 1000, steals: steals, ticket: ticket), on: key)
    }

    /// Checks that somebody has to wait.
    fileprivate func isBusy(
        _ holder: String, _ key: SessionKey, for lease: Lease?, steals: Bool = false, ticket: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        let error = await refused(.busy, sourceLocation: sourceLocation) {
            try await acquire(holder, key, steals: steals, ticket: ticket)
        }
        guard case .busy(let current, _) = error?.detail else {
            Issue.record("the lease is not in \(String(describing: error?.detail))", sourceLocation: sourceLocation)
            return
        }
        #expect(current == lease, sourceLocation: sourceLocation)
    }

    /// A session with an event that mutations work on.
    fileprivate func prepared(_ id: String = "session", _ policy: LeasePolicy = .exclusive) async throws -> SessionKey {
        let key = try await created(id, SessionDraft(leasePolicy: policy))
        try await append(.text("first"), .text("second", id: "e"), .text("third"), to: key)
        return key
    }
}

/// Checks that a write is fenced, and that it is told the current epoch.
private func fenced(_ current: Int, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void) async {
    let error = await refused(.fenced, sourceLocation: sourceLocation, body)
    #expect(error?.detail == .epoch(current), sourceLocation: sourceLocation)
}

extension StorageContract {
    static let leases: [StorageContract] = [
        StorageContract("a lease is given to one holder, shows in the session, and changes nothing else") { subject in
            let key = try await subject.prepared()
            let before = try await subject.record(key)
            #expect(before.lease == nil && before.leasePolicy == .exclusive)
            let lease = try await subject.acquire("ann", key)
            #expect(lease.holder == "ann" && lease.epoch > 0)
            #expect(lease.expiresAt == subject.clock.now().adding(seconds: 60))
            var after = try await subject.record(key)
            #expect(after.lease == lease)
            after.lease = nil
            #expect(after == before)
            let listed = try await subject.storage.sessions(SessionQuery(of: .user(key.owner)))
            #expect(listed.sessions.map(\.record.lease) == [lease])
            #expect(try await subject.storage.session(key, SnapshotQuery(events: 5)).record.lease == lease)
            await subject.isBusy("bob", key, for: lease)
        },

        StorageContract("epochs only grow: over release, expiry, another holder, the same holder and theft") { subject in
            let key = try await subject.created()
            var epochs: [Int] = []
            let first = try await subject.acquire("ann", key)
            epochs.append(first.epoch)
            epochs.append(try await subject.acquire("ann", key).epoch)
            await fenced(epochs[1]) { _ = try await subject.storage.renewLease(first.epoch, for: 60_000, on: key) }
            epochs.append(try await subject.acquire("bob", key, seconds: 1, steals: true).epoch)
            subject.clock.advance(seconds: 1)
            epochs.append(try await subject.acquire("ann", key).epoch)
            try await subject.storage.releaseLease(epochs[3], on: key)
            #expect(try await subject.record(key).lease == nil)
            epochs.append(try await subject.acquire("bob", key).epoch)
            #expect(epochs == epochs.sorted() && Set(epochs).count == 5)
            // They grow with the clock, so that none is given twice by a server that does not know of the last.
            subject.clock.advance(seconds: -3600)
            #expect(try await subject.acquire("ann", key, steals: true).epoch == epochs[4] + 1)
            subject.clock.advance(seconds: 7200)
            #expect(try await subject.acquire("ann", key, steals: true).epoch == subject.clock.now().milliseconds)
        },

        StorageContract("a session that is created again has larger epochs than it had before") { subject in
            let key = try await subject.created()
            let old = try await subject.acquire("ann", key)
            #expect(try await subject.storage.delete(key, epoch: old.epoch))
            subject.clock.advance(milliseconds: 5)
            try await subject.created()
            await fenced(0) { _ = try await subject.storage.append(EventBatch([.text("late")], epoch: old.epoch), to: key) }
            let new = try await subject.acquire("bob", key)
            #expect(new.epoch > old.epoch)
            await fenced(new.epoch) { _ = try await subject.storage.append(EventBatch([.text("late")], epoch: old.epoch), to: key) }
        },

        StorageContract("every mutation is refused to those without the lease and to former holders, and let through for the holder") { subject in
            for (index, mutation) in Mutation.all.enumerated() {
                let key = try await subject.prepared("\(index)")
                let old = try await subject.acquire("ann", key)
                let lease = try await subject.acquire("bob", key, steals: true)
                let before = try await subject.storage.session(key, SnapshotQuery(events: 10))
                let busy = await refused(.busy) { try await mutation.perform(subject.storage, key, nil) }
                #expect(busy?.detail == .busy(lease, ahead: 0), "\(mutation.name)")
                for epoch in [old.epoch, lease.epoch + 1, 0] {
                    await fenced(lease.epoch) { try await mutation.perform(subject.storage, key, epoch) }
                }
                #expect(try await subject.storage.session(key, SnapshotQuery(events: 10)) == before, "\(mutation.name)")
                try await mutation.perform(subject.storage, key, lease.epoch)
                if mutation.name != "delete" { #expect(try await subject.record(key).version == before.record.version + 1, "\(mutation.name)") }
            }
        },

        StorageContract("when a lease is over, by release or by time, its epoch is fenced and others write") { subject in
            for expires in [false, true] {
                for (index, mutation) in Mutation.all.enumerated() {
                    let key = try await subject.prepared("\(index)")
                    let lease = try await subject.acquire("ann", key, seconds: 10)
                    if expires { subject.clock.advance(seconds: 10) } else { try await subject.storage.releaseLease(lease.epoch, on: key) }
                    #expect(try await subject.record(key).lease == nil)
                    await fenced(lease.epoch) { try await mutation.perform(subject.storage, key, lease.epoch) }
                    try await mutation.perform(subject.storage, key, nil)
                    if mutation.name != "delete" { _ = try await subject.storage.delete(key) }
                }
            }
        },

        StorageContract("an epoch is fenced where there never was a lease, also when the append would make the session") { subject in
            for (index, mutation) in Mutation.all.enumerated() {
                let key = try await subject.prepared("\(index)")
                await fenced(0) { try await mutation.perform(subject.storage, key, 1) }
                await fenced(0) { try await mutation.perform(subject.storage, key, 0) }
            }
            let absent = try subject.key("absent")
            await fenced(0) { _ = try await subject.storage.append(EventBatch([.text("x")], createsSession: true, epoch: 1), to: absent) }
            await refused(.notFound) { _ = try await subject.storage.append(EventBatch([.text("x")], epoch: 1), to: absent) }
            await refused(.notFound) { _ = try await subject.storage.session(absent, SnapshotQuery()) }
            await refused(.notFound) { _ = try await subject.acquire("ann", absent) }
            await refused(.notFound) { _ = try await subject.storage.renewLease(1, for: 1000, on: absent) }
            await refused(.notFound) { try await subject.storage.releaseLease(1, on: absent) }
            await refused(.notFound) { try await subject.storage.leaveLine("t", on: absent) }
        },

        StorageContract("an advisory lease lets writes without an epoch pass, and fences those that show one") { subject in
            let key = try await subject.prepared("session", .advisory)
            #expect(try await subject.record(key).leasePolicy == .advisory)
            let old = try await subject.acquire("ann", key)
            let lease = try await subject.acquire("bob", key, steals: true)
            await fenced(lease.epoch) { _ = try await subject.storage.append(EventBatch([.text("x")], epoch: old.epoch), to: key) }
            for mutation in Mutation.all.dropLast(3) { try await mutation.perform(subject.storage, key, nil) }
            #expect(try await subject.record(key).lease == lease)
            await subject.isBusy("ann", key, for: lease)

            var patch = SessionPatch()
            patch.leasePolicy = .set(.exclusive)
            let record = try await subject.storage.update(key, with: patch, expectedVersion: nil, epoch: lease.epoch).record
            #expect(record.leasePolicy == .exclusive && record.lease == lease)
            await refused(.busy) { try await subject.append(.text("x"), to: key) }
            patch.leasePolicy = .set(.advisory)
            #expect(try await subject.storage.update(key, with: patch, expectedVersion: nil, epoch: lease.epoch).record.leasePolicy == .advisory)
            try await subject.append(.text("x"), to: key)
        },

        StorageContract("a policy can be changed where there never was a lease") { subject in
            let key = try await subject.prepared()
            var patch = SessionPatch()
            patch.leasePolicy = .set(.advisory)
            #expect(try await subject.storage.update(key, with: patch, expectedVersion: nil).record.leasePolicy == .advisory)
            try await subject.acquire("ann", key)
            try await subject.append(.text("x"), to: key)
        },

        StorageContract("a retry of what was stored gets its receipt, whatever became of the lease") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("ann", key)
            let named = EventBatch([try .text("named")], idempotencyKey: "r", epoch: lease.epoch)
            let owned = EventBatch([try .text("owned", id: "o")], epoch: lease.epoch)
            let first = try await subject.storage.append(named, to: key)
            let second = try await subject.storage.append(owned, to: key)
            try await subject.acquire("bob", key, steals: true)
            for (batch, receipt) in [(named, first), (owned, second)] {
                let again = try await subject.storage.append(batch, to: key)
                #expect(again.isDuplicate && again.entries.map(\.offset) == receipt.entries.map(\.offset))
                var without = batch
                without.epoch = nil
                #expect(try await subject.storage.append(without, to: key).isDuplicate)
            }
            #expect(try await subject.texts(key) == ["named", "owned"])
        },

        StorageContract("the fence comes before what else a write expects") { subject in
            let key = try await subject.prepared()
            let lease = try await subject.acquire("ann", key)
            let storage = subject.storage
            await fenced(lease.epoch) { _ = try await storage.append(EventBatch([.text("x")], expectedSeq: 9, epoch: 1), to: key) }
            await fenced(lease.epoch) { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: 99, epoch: 1) }
            await fenced(lease.epoch) { _ = try await storage.replace("nobody", in: key, with: EventPatch(content: .null), epoch: 1) }
            await fenced(lease.epoch) { _ = try await storage.remove("nobody", in: key, epoch: 1) }
            await refused(.busy) { _ = try await storage.append(EventBatch([.text("x")], expectedSeq: 9), to: key) }
            await refused(.preconditionFailed) {
                _ = try await storage.append(EventBatch([.text("x")], expectedSeq: 9, epoch: lease.epoch), to: key)
            }
            await refused(.notFound) {
                _ = try await storage.replace("nobody", in: key, with: EventPatch(content: .null), epoch: lease.epoch)
            }
            _ = try await storage.append(EventBatch([.text("x")], expectedSeq: 3, epoch: lease.epoch), to: key)
        },

        StorageContract("touching, and state of users and applications on its own, need no lease") { subject in
            let key = try await subject.created()
            try await subject.acquire("ann", key)
            _ = try await subject.storage.touch(key)
            for scope in [StateScope.user(key.owner), .app("app"), .store] {
                _ = try await subject.storage.change(scope, [StateChange("k", .set(.of("1")))])
            }
            await refused(.busy) { _ = try await subject.storage.change(key, .setting([("user:k", "2")])) }
            #expect(try await subject.storage.state(.user(key.owner)) == ["k": .of("1")])
        },

        StorageContract("a lease lasts until the storage's clock says, and renewing counts from now") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("ann", key, seconds: 10)
            subject.clock.advance(milliseconds: 9999)
            let renewed = try await subject.storage.renewLease(lease.epoch, for: 1500, on: key)
            #expect(renewed == Lease(holder: "ann", epoch: lease.epoch, expiresAt: Timestamp(milliseconds: subject.clock.now().milliseconds + 1500)))
            #expect(try await subject.record(key).lease == renewed)
            subject.clock.advance(milliseconds: 1499)
            await subject.isBusy("bob", key, for: renewed)
            subject.clock.advance(milliseconds: 1)
            await fenced(lease.epoch) { _ = try await subject.storage.renewLease(lease.epoch, for: 1000, on: key) }
            // Nobody followed: giving back what is over is fine, as often as one likes.
            for _ in 0..<2 { try await subject.storage.releaseLease(lease.epoch, on: key) }
            let next = try await subject.acquire("bob", key)
            await fenced(next.epoch) { try await subject.storage.releaseLease(lease.epoch, on: key) }
            #expect(try await subject.record(key).lease == next)
        },

        StorageContract("a write that passed because a lease had expired ends it, also when the clock goes back") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("ann", key, seconds: 10)
            subject.clock.advance(seconds: 11)
            try await subject.append(.text("other"), to: key)
            subject.clock.advance(seconds: -5)
            #expect(try await subject.record(key).lease == nil)
            await fenced(lease.epoch) { _ = try await subject.storage.append(EventBatch([.text("late")], epoch: lease.epoch), to: key) }
            await fenced(lease.epoch) { _ = try await subject.storage.renewLease(lease.epoch, for: 1000, on: key) }
        },

        StorageContract("what is done with a lease restarts the session's lifetime") { subject in
            let key = try await subject.created("session", SessionDraft(lifetime: .seconds(20)))
            subject.clock.advance(seconds: 5)
            let lease = try await subject.acquire("ann", key)
            #expect(try await subject.record(key).expiresAt == subject.clock.now().adding(seconds: 20))
            subject.clock.advance(seconds: 5)
            _ = try await subject.storage.renewLease(lease.epoch, for: 60_000, on: key)
            #expect(try await subject.record(key).expiresAt == subject.clock.now().adding(seconds: 20))
            subject.clock.advance(seconds: 19)
            try await subject.storage.releaseLease(lease.epoch, on: key)
            #expect(try await subject.record(key).expiresAt == subject.clock.now().adding(seconds: 20))
            subject.clock.advance(seconds: 20)
            await refused(.notFound) { try await subject.acquire("ann", key) }
        },

        StorageContract("holders are compared as bytes, and may have long names") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("é", key)
            await subject.isBusy("e\u{301}", key, for: lease)
            let long = String(repeating: "x", count: Lease.maximumHolderBytes)
            let next = try await subject.acquire(long, key, steals: true)
            #expect(try await subject.record(key).lease?.holder == long)
            _ = try await subject.storage.append(EventBatch([.text("x")], epoch: next.epoch), to: key)
        },

        StorageContract("of many who want a free lease at once, one gets it") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            let leases = await withTaskGroup(of: Lease?.self) { group in
                for number in 0..<32 {
                    group.addTask { try? await storage.acquireLease(LeaseRequest(holder: "w\(number)", ttl: 60_000), on: key) }
                }
                return await group.reduce(into: [Lease]()) { if let lease = $1 { $0.append(lease) } }
            }
            #expect(leases.count == 1)
            #expect(try await subject.record(key).lease == leases.first)
        },

        StorageContract("writers who take the lease from each other never write in each other's turn") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<6 {
                    group.addTask {
                        for _ in 0..<8 {
                            let lease = try await storage.acquireLease(LeaseRequest(holder: "w\(writer)", ttl: 60_000, steals: true), on: key)
                            for _ in 0..<4 {
                                do throws(StoreError) {
                                    _ = try await storage.append(
                                        EventBatch([try .init(NewEvent(JSON(string: "\(lease.epoch)")))], epoch: lease.epoch), to: key)
                                } catch {
                                    #expect(error.code == .fenced)
                                    break
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let epochs = try await subject.texts(key).compactMap { Int($0) }
            #expect(epochs == epochs.sorted())
        },

        StorageContract("a change of the active agent goes with its events, and only from the agent that is active") { subject in
            let key = try await subject.prepared()
            func handOff(_ from: String?, _ to: String, expectedSeq: Int? = nil) throws -> EventBatch {
                EventBatch([try .text("\(to)")], expectedSeq: expectedSeq, idempotencyKey: "to-\(to)", agent: AgentChange(from: from, to: to))
            }
            let error = await refused(.conflict) { _ = try await subject.storage.append(handOff("a", "b"), to: key) }
            #expect(error?.detail == .activeAgent(nil))
            _ = try await subject.storage.append(handOff(nil, "a"), to: key)
            #expect(try await subject.record(key).activeAgent == "a")
            let other = await refused(.conflict) { _ = try await subject.storage.append(handOff(nil, "c"), to: key) }
            #expect(other?.detail == .activeAgent("a"))
            await refused(.preconditionFailed) { _ = try await subject.storage.append(handOff("a", "b", expectedSeq: 1), to: key) }
            _ = try await subject.storage.append(handOff("a", "b"), to: key)
            // A retry is recognised although the agent has changed.
            #expect(try await subject.storage.append(handOff("a", "b"), to: key).isDuplicate)
            #expect(try await subject.record(key).activeAgent == "b")
            #expect(try await subject.texts(key) == ["first", "second", "third", "a", "b"])

            let absent = try subject.key("absent")
            let made = EventBatch([try .text("x")], createsSession: true, agent: AgentChange(from: nil, to: "a"))
            _ = try await subject.storage.append(made, to: absent)
            #expect(try await subject.record(absent).activeAgent == "a")
        },
    ]

    static let lines: [StorageContract] = [
        StorageContract("those who wait get the lease in their order") { subject in
            let key = try await subject.created()
            var lease = try await subject.acquire("a", key)
            for name in ["b", "c", "d"] { await subject.isBusy(name, key, for: lease, ticket: "t-\(name)") }
            // Whoever asks again keeps the place.
            for name in ["d", "c", "b"] { await subject.isBusy(name, key, for: lease, ticket: "t-\(name)") }
            for name in ["b", "c", "d"] {
                try await subject.storage.releaseLease(lease.epoch, on: key)
                for other in ["b", "c", "d"] where other > name { await subject.isBusy(other, key, for: nil, ticket: "t-\(other)") }
                lease = try await subject.acquire(name, key, ticket: "t-\(name)")
            }
            try await subject.storage.releaseLease(lease.epoch, on: key)
            try await subject.acquire("e", key)
        },

        StorageContract("who does not wait does not overtake those who do, unless by theft or by the same name") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("a", key)
            await subject.isBusy("b", key, for: lease, ticket: "b")
            let again = try await subject.acquire("a", key)
            try await subject.storage.releaseLease(again.epoch, on: key)
            await subject.isBusy("c", key, for: nil)
            await subject.isBusy("a", key, for: nil)
            let stolen = try await subject.acquire("thief", key, steals: true)
            await subject.isBusy("b", key, for: stolen, ticket: "b")
            try await subject.storage.releaseLease(stolen.epoch, on: key)
            try await subject.acquire("b", key, ticket: "b")
        },

        StorageContract("a ticket that nobody shows loses its place, so that the dead hold nobody up") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("a", key, seconds: 1)
            for name in ["b", "c", "d"] { await subject.isBusy(name, key, for: lease, ticket: name) }
            subject.clock.advance(milliseconds: LeaseRequest.ticketLife - 1)
            // Only c still asks.
            await subject.isBusy("c", key, for: nil, ticket: "c")
            subject.clock.advance(milliseconds: 1)
            // d comes too late for its place, and gets one at the end.
            await subject.isBusy("d", key, for: nil, ticket: "d")
            let next = try await subject.acquire("c", key, ticket: "c")
            try await subject.storage.releaseLease(next.epoch, on: key)
            await subject.isBusy("b", key, for: nil, ticket: "b")
            try await subject.acquire("d", key, ticket: "d")
        },

        StorageContract("whoever leaves the line frees the place") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("a", key)
            for name in ["b", "c"] { await subject.isBusy(name, key, for: lease, ticket: name) }
            try await subject.storage.leaveLine("b", on: key)
            try await subject.storage.leaveLine("nobody", on: key)
            try await subject.storage.releaseLease(lease.epoch, on: key)
            let next = try await subject.acquire("c", key, ticket: "c")
            try await subject.storage.releaseLease(next.epoch, on: key)
            try await subject.acquire("e", key)
        },

        StorageContract("a line belongs to one life of its session") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("a", key)
            await subject.isBusy("b", key, for: lease, ticket: "b")
            #expect(try await subject.storage.delete(key, epoch: lease.epoch))
            try await subject.created()
            try await subject.acquire("c", key)
        },

        StorageContract("a line is bounded, and the dead make room") { subject in
            let key = try await subject.created()
            let lease = try await subject.acquire("a", key)
            let storage = subject.storage
            await withTaskGroup { group in
                for number in 0..<LeaseRequest.longestLine {
                    group.addTask { _ = try? await storage.acquireLease(LeaseRequest(holder: "w", ttl: 1000, ticket: "\(number)"), on: key) }
                }
            }
            await refused(.tooManyRequests) { try await subject.acquire("b", key, ticket: "b") }
            await subject.isBusy("w", key, for: lease, ticket: "7")
            subject.clock.advance(milliseconds: LeaseRequest.ticketLife)
            await subject.isBusy("b", key, for: lease, ticket: "b")
            try await storage.releaseLease(lease.epoch, on: key)
            try await subject.acquire("b", key, ticket: "b")
        },
    ]
}
