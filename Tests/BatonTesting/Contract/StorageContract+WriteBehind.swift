internal import BatonCore
internal import Testing

extension StorageSubject {
    /// A store that writes behind on this storage, for the time of `body`, which gets what it reports. Closing it closes the storage.
    fileprivate func writingBehind(
        spool: MemorySpool? = nil, _ body: (SessionStore, Guarded<[WriteFailure]>) async throws -> Void
    ) async throws {
        let failures = Guarded<[WriteFailure]>([])
        let behind = try await WriteBehind(on: storage, WriteBehindConfiguration(drain: .seconds(60)), spool: spool) { failure in
            failures.withLock { $0.append(failure) }
        }
        try await body(SessionStore(on: behind), failures)
    }
}

extension StorageContract {
    /// What holds of a storage before which writes wait.
    static let writeBehind: [StorageContract] = [
        StorageContract("writes that wait are stored in the order of each session, under the ids that were given out") { subject in
            try await subject.writingBehind { store, _ in
                var ids: [String: [String?]] = [:]
                for number in 1...60 {
                    let session = try store.session("s\(number % 4)", user: "u", app: "a")
                    ids[session.key.id, default: []] += try await session.enqueue(.message("\(number)", role: "user"), creating: true).ids
                }
                try await store.flush()
                for (id, expected) in ids {
                    let events = try await subject.events(try subject.key(id, user: "u", app: "a"))
                    #expect(events.map(\.id) == expected)
                    #expect(events.map(\.seq) == Array(1...15))
                    #expect(events.texts == events.texts.sorted { (Int($0) ?? 0) < (Int($1) ?? 0) })
                }
                #expect(ids.count == 4)
            }
        },

        StorageContract("whatever is asked of a session sees what was accepted before, and comes after it") { subject in
            try await subject.writingBehind { store, _ in
                let key = try await subject.created()
                let session = store.session(key)
                func enqueue(_ text: String) async throws {
                    try await store.enqueue(EventBatch([.text(text, id: text, state: ["last": "\"\(text)\"", "user:last": "\"\(text)\""])]), to: key)
                }
                try await enqueue("1")
                #expect(try await session.snapshot(last: 1).events.texts == ["1"])
                try await enqueue("2")
                #expect(try await session.state().session["last"] == JSON(string: "2"))
                try await enqueue("3")
                #expect(try await store.state(.user(key.owner))["last"] == JSON(string: "3"))
                try await enqueue("4")
                #expect(try await session.append(NewEvent(JSON(string: "5"))).tail.seq == 5)
                try await enqueue("6")
                #expect(try await store.sessions(SessionQuery(of: .user(key.owner))).sessions.map(\.record.eventCount) == [6])
                try await enqueue("7")
                #expect(try await session.events().events.texts == ["1", "2", "3", "4", "5", "6", "7"])
                try await enqueue("8")
                #expect(try await store.event("8", in: key).seq == 8)
                try await enqueue("9")
                #expect(try await store.pop(key)?.id == "9")
                try await enqueue("10")
                #expect(try await session.fork().snapshot().record.eventCount == 9)
            }
        },

        StorageContract("a follower sees what was accepted, without gap or duplicate") { subject in
            try await subject.writingBehind { store, _ in
                let key = try await subject.created()
                let session = store.session(key)
                async let followed = { () async throws -> [String] in
                    var texts: [String] = []
                    for try await event in session.follow() {
                        texts.append(event.content.stringValue ?? "?")
                        if texts.count == 40 { break }
                    }
                    return texts
                }()
                for number in 1...40 { try await session.enqueue(NewEvent(JSON(string: "\(number)"))) }
                #expect(try await followed == (1...40).map { "\($0)" })
            }
        },

        StorageContract("writes for tracks wait in one line with those for their session") { subject in
            try await subject.writingBehind { store, _ in
                let key = try await subject.created()
                for number in 1...5 {
                    try await store.enqueue(EventBatch([.text("e\(number)")]), to: key)
                    try await store.enqueue(TrackBatch([.text("t\(number)")]), toTrack: "t", of: key)
                }
                #expect(try await store.events(ofTrack: "t", of: key).events.texts == ["t1", "t2", "t3", "t4", "t5"])
                #expect(try await subject.texts(key) == ["e1", "e2", "e3", "e4", "e5"])
            }
        },

        StorageContract("a write that can never be stored is reported, and holds up nothing else") { subject in
            try await subject.writingBehind { store, failures in
                let key = try await subject.created()
                let absent = try subject.key("absent")
                try await store.enqueue(EventBatch([.text("lost")]), to: absent)
                try await store.enqueue(EventBatch([.text("kept")]), to: key)
                try await store.flush()
                #expect(try await subject.texts(key) == ["kept"])
                let reported = failures.withLock { $0 }
                #expect(reported.map(\.error.code) == [.notFound] && reported.map(\.write.key) == [absent])
                // Its session may be made later; writes after the failed one are stored.
                try await store.enqueue(EventBatch([.text("again")], createsSession: true), to: absent)
                try await store.flush()
                #expect(try await subject.texts(absent) == ["again"])
            }
        },

        StorageContract("writes with an epoch are stored before the lease is given back, and reported as fenced after it is lost") { subject in
            try await subject.writingBehind { store, failures in
                let key = try await subject.created()
                let lease = try await subject.storage.acquireLease(LeaseRequest(holder: "w", ttl: 60_000), on: key)
                try await store.enqueue(EventBatch([.text("mine")], epoch: lease.epoch), to: key)
                try await store.releaseLease(lease.epoch, on: key)
                let other = try await subject.storage.acquireLease(LeaseRequest(holder: "x", ttl: 60_000), on: key)
                try await store.enqueue(EventBatch([.text("late")], epoch: lease.epoch), to: key)
                try await store.enqueue(EventBatch([.text("theirs")], epoch: other.epoch), to: key)
                try await store.flush()
                #expect(try await subject.texts(key) == ["mine", "theirs"])
                #expect(failures.withLock { $0.map(\.error.code) } == [.fenced])
            }
        },

        StorageContract("what a spool kept is stored by the next process once, in its order, before what is new") { subject in
            let spool = MemorySpool()
            let key = try await subject.created()
            spool.keepEverything()
            try await subject.writingBehind(spool: spool) { store, _ in
                for number in 1...20 { try await store.enqueue(EventBatch([.text("\(number)")]), to: key) }
                try await store.enqueue(EventBatch([.text("keyed")], idempotencyKey: "k"), to: key)
                try await store.flush()
            }
            // As if it had died before the last two were stored.
            _ = try await spool.add(QueuedWrite(to: key, [.text("21", id: "left-21")]))
            _ = try await spool.add(QueuedWrite(to: key, [.text("22", id: "left-22")]))
            try await subject.writingBehind(spool: spool) { store, _ in
                try await store.enqueue(EventBatch([.text("new")]), to: key)
                try await store.flush()
            }
            #expect(try await subject.texts(key) == (1...20).map { "\($0)" } + ["keyed", "21", "22", "new"])
        },
    ]
}
