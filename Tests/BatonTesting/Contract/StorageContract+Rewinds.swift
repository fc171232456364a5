internal import BatonCore
internal import Testing

extension StorageContract {
    static let rewinds: [StorageContract] = [
        StorageContract("a rewind hides what came after its place, and deletes nothing") { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.append(5, to: key)
            let before = try await subject.record(key)
            subject.clock.advance(milliseconds: 1)
            let receipt = try await storage.rewind(key, RewindDraft(to: .seq(2), expectedSeq: 5))
            #expect(receipt.entries.map(\.seq) == [6])
            #expect(receipt.version == before.version + 1)
            #expect(try await subject.events(key).seqs == [1, 2, 6])
            let event = try await storage.event(receipt.entries[0].id, in: key)
            #expect(event.type == "session.rewind")
            #expect(event.content == (try .of(#"{"to":2}"#)))
            #expect(try await subject.record(key).eventCount == 3)
            #expect(try await subject.record(key).tail == receipt.tail)
            try await subject.append(1, to: key, from: 7)
            #expect(try await storage.session(key, SnapshotQuery(events: 3)).events.seqs == [2, 6, 7])
            let log = try await storage.events(in: key, EventQuery(view: .log))
            #expect(log.events.seqs == [1, 2, 3, 4, 5, 6, 7])
            let back = try await storage.events(in: key, EventQuery(before: .seq(7), limit: 2, order: .desc, view: .log))
            #expect(back.events.seqs == [6, 5])
            #expect(try await storage.sessions(SessionQuery(of: .app("app"), events: 3)).sessions[0].events.seqs == [2, 6, 7])
        },

        StorageContract("a rewind may go back over rewinds, and forward to what one has hidden") { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.append(4, to: key)
            _ = try await storage.rewind(key, RewindDraft(to: .seq(2)))
            try await subject.append(1, to: key, from: 6)
            #expect(try await subject.events(key).seqs == [1, 2, 5, 6])
            _ = try await storage.rewind(key, RewindDraft(to: .seq(4)))
            #expect(try await subject.events(key).seqs == [1, 2, 3, 4, 7])
            _ = try await storage.rewind(key, RewindDraft(to: .seq(6)))
            #expect(try await subject.events(key).seqs == [1, 2, 5, 6, 8])
            _ = try await storage.rewind(key, RewindDraft(to: .seq(0)))
            #expect(try await subject.events(key).seqs == [9])
            #expect(try await subject.record(key).eventCount == 1)
            // A fork of a hidden event shows what was shown when it was the newest.
            let fork = try subject.key("fork")
            #expect(try await subject.fork(key, at: .seq(6), to: fork).record.eventCount == 4)
            #expect(try await subject.events(fork).seqs == [1, 2, 5, 6])
            #expect(try await storage.events(in: fork, EventQuery(view: .log)).events.seqs == [1, 2, 3, 4, 5, 6])
        },

        StorageContract("a rewind checks its place and the seq that is expected") { subject in
            let storage = subject.storage
            let key = try await subject.created()
            let offsets = try await subject.append(3, to: key)
            let record = try await subject.record(key)
            let error = await refused(.preconditionFailed) { _ = try await storage.rewind(key, RewindDraft(to: .seq(1), expectedSeq: 2)) }
            #expect(error?.detail == .current(3))
            await gone(record) { _ = try await storage.rewind(key, RewindDraft(to: .seq(4))) }
            await gone(record) {
                _ = try await storage.rewind(key, RewindDraft(to: .offset(Offset(milliseconds: offsets[1].milliseconds + 1, seq: 2))))
            }
            await refused(.notFound) { _ = try await storage.rewind(subject.key("none"), RewindDraft(to: .seq(0))) }
            #expect(try await subject.record(key) == record)
            _ = try await storage.rewind(key, RewindDraft(to: .offset(offsets[1]), expectedSeq: 3))
            #expect(try await subject.events(key).seqs == [1, 2, 4])
        },

        StorageContract("hidden events keep their ids, can be read by them, changed and removed") { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.append(.text("a", id: "a"), .text("b", id: "b"), .text("c", id: "c"), .text("d"), to: key)
            _ = try await storage.rewind(key, RewindDraft(to: .seq(1)))
            #expect(try await storage.event("b", in: key).seq == 2)
            #expect(try await storage.append(EventBatch([.text("x", id: "b")]), to: key).isDuplicate)
            _ = try await storage.replace("b", in: key, with: EventPatch(content: .of("\"B\"")))
            #expect(try await storage.remove("c", in: key)?.seq == 3)
            #expect(try await subject.record(key).eventCount == 2)
            #expect(try await storage.events(in: key, EventQuery(view: .log)).events.map(\.seq) == [1, 2, 4, 5])
            #expect(try await storage.event("b", in: key).content.stringValue == "B")
            let window = try await storage.window(around: "b", in: key, before: 5, after: 5, roles: [])
            #expect(window.events.seqs == [1, 2, 5])
            // The newest that is shown is what is popped; without its event a rewind is one all the same.
            #expect(try await storage.remove(nil, in: key)?.type == "session.rewind")
            #expect(try await subject.events(key).seqs == [1])
            #expect(try await storage.remove(nil, in: key)?.seq == 1)
            #expect(try await storage.remove(nil, in: key) == nil)
        },

        StorageContract("cursors on hidden events are good, and lead to the rewind") { subject in
            let storage = subject.storage
            let key = try await subject.created()
            let offsets = try await subject.append(4, to: key)
            _ = try await storage.rewind(key, RewindDraft(to: .seq(2)))
            for offset in offsets[1...] {
                let page = try await storage.events(in: key, EventQuery(after: .offset(offset)))
                #expect(page.events.seqs == [5])
                #expect(page.upToDate)
            }
            let page = try await storage.events(in: key, EventQuery(before: .seq(4)))
            #expect(page.events.seqs == [1, 2])
            #expect(page.next == offsets[2])
        },

        StorageContract("trimming counts what is shown", StorePolicy(maximumEvents: 4)) { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.append(4, to: key)
            _ = try await storage.rewind(key, RewindDraft(to: .seq(2)))
            #expect(try await subject.events(key).seqs == [1, 2, 5])
            try await subject.append(2, to: key, from: 6)
            #expect(try await subject.events(key).seqs == [2, 5, 6, 7])
            #expect(try await subject.record(key).floor.seq == 1)
            #expect(try await storage.events(in: key, EventQuery(view: .log)).events.seqs == [2, 3, 4, 5, 6, 7])
            try await subject.append(2, to: key, from: 8)
            #expect(try await subject.events(key).seqs == [6, 7, 8, 9])
            #expect(try await subject.record(key).floor.seq == 5)
            #expect(try await storage.events(in: key, EventQuery(view: .log)).events.seqs == [6, 7, 8, 9])
            try await storage.clear(key)
            #expect(try await subject.events(key).isEmpty)
            #expect(try await storage.append(EventBatch([.text("a")]), to: key).entries.map(\.seq) == [10])
        },

        StorageContract("forks and rewinds wait for whoever holds the lease, unless they are told to force it") { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.append(3, to: key)
            let lease = try await storage.acquireLease(LeaseRequest(holder: "worker", ttl: 60_000), on: key)
            await refused(.busy) { try await subject.fork(key, to: subject.key("fork")) }
            await refused(.busy) { _ = try await storage.rewind(key, RewindDraft(to: .seq(1))) }
            await refused(.fenced) { _ = try await storage.fork(key, ForkDraft(), to: subject.key("fork"), epoch: lease.epoch - 1) }
            await refused(.fenced) { _ = try await storage.rewind(key, RewindDraft(to: .seq(1), epoch: lease.epoch - 1)) }
            #expect(try await subject.events(key).seqs == [1, 2, 3])
            let own = try await storage.fork(key, ForkDraft(), to: subject.key("own"), epoch: lease.epoch)
            #expect(own.record.lease == nil)
            _ = try await storage.rewind(key, RewindDraft(to: .seq(2), epoch: lease.epoch))
            var draft = ForkDraft()
            draft.force = true
            _ = try await storage.fork(key, draft, to: subject.key("forced"), epoch: nil)
            _ = try await storage.rewind(key, RewindDraft(to: .seq(1), force: true))
            #expect(try await subject.events(key).seqs == [1, 5])
            #expect(try await subject.events(subject.key("forced")).seqs == [1, 2, 4])
            #expect(try await subject.record(key).lease?.epoch == lease.epoch)
            try await subject.append(1, to: subject.key("own"))
        },

        StorageContract("state is not rewound") { subject in
            let key = try await subject.created()
            try await subject.append(.text("a", state: ["k": "1"]), .text("b", state: ["k": "2"]), to: key)
            _ = try await subject.storage.rewind(key, RewindDraft(to: .seq(1)))
            #expect(try await subject.storage.state(.session(key)) == ["k": .of("2")])
        },
    ]
}
