internal import BatonCore
internal import Testing

extension StorageContract {
    static let forks: [StorageContract] = [
        StorageContract("a fork has the history up to its place, and goes on by itself") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            let offsets = try await subject.append(5, to: key)
            let fork = try subject.key("fork")
            let made = try await subject.fork(key, at: .seq(3), to: fork)
            #expect(made.record.tail == offsets[2])
            #expect(made.record.eventCount == 3)
            #expect(made.record.version == 1)
            #expect(try await subject.texts(fork) == ["1", "2", "3"])
            #expect(try await subject.events(fork) == Array(subject.events(key).prefix(3)))
            try await subject.append(2, to: fork, from: 40)
            try await subject.append(1, to: key, from: 6)
            #expect(try await subject.texts(fork) == ["1", "2", "3", "40", "41"])
            #expect(try await subject.events(fork).seqs == [1, 2, 3, 4, 5])
            #expect(try await subject.texts(key) == ["1", "2", "3", "4", "5", "6"])
            #expect(try await storage.session(fork, SnapshotQuery(events: 4)).events.texts == ["2", "3", "40", "41"])
            #expect(try await subject.record(fork).eventCount == 5)
        },

        StorageContract("a fork has its parent's fields and state as they are now, unless others are given") { subject in
            let storage = subject.storage
            let key = try await subject.created(
                "main", SessionDraft(title: "title", tags: ["t"], metadata: .of(#"{"a":1}"#), state: .setting([("k", "1"), ("user:u", "2")])))
            var patch = SessionPatch()
            patch.activeAgent = .set("agent")
            patch.ttl = .set(50)
            patch.status = .set(.completed)
            _ = try await storage.update(key, with: patch, expectedVersion: nil)
            try await subject.append(.text("a", state: ["k": "2", "l": "3"]), to: key)
            let parent = try await subject.record(key)
            let same = try await subject.fork(key, at: .seq(0), to: subject.key("same"))
            #expect(same.record.title == "title")
            #expect(same.record.tags == ["t"])
            #expect(try same.record.metadata == .of(#"{"a":1}"#))
            #expect(same.record.activeAgent == "agent")
            #expect(same.record.ttl == 50)
            #expect(same.record.status == .active)
            #expect(same.record.generation != parent.generation)
            #expect(try same.state.session == ["k": .of("2"), "l": .of("3")])
            #expect(try same.state.user == ["u": .of("2")])
            #expect(try await subject.record(key) == parent)

            var draft = ForkDraft()
            draft.title = .set(nil)
            draft.tags = .set(["other"])
            draft.metadata = .set(.emptyObject)
            draft.participants = .set(try .of(#"["ann"]"#))
            draft.activeAgent = .set(nil)
            draft.ttl = .set(nil)
            draft.state = ["k": .null, "m": try .of("4")]
            let other = try await storage.fork(key, draft, to: subject.key("other"), epoch: nil)
            #expect(other.record.title == nil)
            #expect(other.record.tags == ["other"])
            #expect(other.record.metadata == .emptyObject)
            #expect(try other.record.participants == .of(#"["ann"]"#))
            #expect(other.record.activeAgent == nil)
            #expect(other.record.expiresAt == nil)
            #expect(try other.state.session == ["l": .of("3"), "m": .of("4")])
            #expect(try await storage.state(.session(key)) == ["k": .of("2"), "l": .of("3")])
            let tagged = try await storage.sessions(SessionQuery(of: .app("app"), tags: ["other"]))
            #expect(tagged.sessions.map(\.record.key.id) == ["other"])
        },

        StorageContract("a fork at a place that is not there, or over a session that is, is refused") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            try await subject.append(3, to: key)
            let fork = try await subject.created("fork")
            await refused(.exists) { try await subject.fork(key, to: fork) }
            await refused(.exists) { try await subject.fork(key, to: key) }
            await refused(.notFound) { try await subject.fork(subject.key("none"), to: subject.key("new")) }
            let record = try await subject.record(key)
            await gone(record) { try await subject.fork(key, at: .seq(4), to: subject.key("new")) }
            let wrong = Offset(milliseconds: record.tail.milliseconds + 1, seq: 3)
            await gone(record) { try await subject.fork(key, at: .offset(wrong), to: subject.key("new")) }
            await refused(.notFound) { _ = try await subject.record(subject.key("new")) }
            #expect(try await subject.texts(fork).isEmpty)
        },

        StorageContract("ids that a fork took over are known in it, those that came later are not") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            let inherited = try await subject.append(.text("a", id: "a"), .text("b"), to: key)
            try await subject.append(.text("c", id: "c"), to: key)
            let fork = try subject.key("fork")
            try await subject.fork(key, at: .seq(2), to: fork)
            let made = try await subject.events(key)[1].id
            let late = try await storage.append(EventBatch([.text("d")]), to: key).entries[0].id
            #expect(try await storage.event("a", in: fork).offset == inherited[0])
            #expect(try await storage.event(made, in: fork).content.stringValue == "b")
            await refused(.notFound) { _ = try await storage.event("c", in: fork) }
            await refused(.notFound) { _ = try await storage.event(late, in: fork) }
            let again = try await storage.append(EventBatch([.text("x", id: "a"), .text("x", id: made)]), to: fork)
            #expect(again.isDuplicate)
            #expect(again.entries.map(\.offset) == inherited)
            let receipt = try await storage.append(EventBatch([.text("x", id: "a"), .text("C", id: "c"), .text("D", id: late)]), to: fork)
            #expect(receipt.entries.map(\.isDuplicate) == [true, false, false])
            #expect(receipt.entries.map(\.seq) == [1, 3, 4])
            #expect(try await storage.event("c", in: fork).content.stringValue == "C")
            #expect(try await storage.event(late, in: fork).content.stringValue == "D")
            #expect(try await storage.event("c", in: key).content.stringValue == "c")
            // An id of the fork's own make is not made for what it took over.
            let own = SessionRecord.madeID(generation: try await subject.record(fork).generation, seq: 2)
            await refused(.invalidField) { _ = try await storage.append(EventBatch([.text("x", id: own)]), to: fork) }
        },

        StorageContract("idempotency keys stay with the session that they were used in") { subject in
            let key = try await subject.created("main")
            let batch = EventBatch([try .text("a")], idempotencyKey: "key")
            _ = try await subject.storage.append(batch, to: key)
            let fork = try subject.key("fork")
            try await subject.fork(key, to: fork)
            #expect(try await !subject.storage.append(batch, to: fork).isDuplicate)
            #expect(try await subject.storage.append(batch, to: key).isDuplicate)
            #expect(try await subject.texts(fork) == ["a", "a"])
        },

        StorageContract("edits and removals before a fork are seen by both, later ones only where they are made") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            try await subject.append(.text("1", id: "1"), .text("2", id: "2"), .text("3", id: "3"), .text("4", id: "4"), to: key)
            _ = try await storage.replace("1", in: key, with: EventPatch(content: .of("\"one\"")))
            _ = try await storage.remove("2", in: key)
            let fork = try subject.key("fork")
            #expect(try await subject.fork(key, to: fork).record.eventCount == 3)
            #expect(try await subject.texts(fork) == ["one", "3", "4"])
            _ = try await storage.replace("3", in: fork, with: EventPatch(content: .of("\"three\"")))
            _ = try await storage.remove("4", in: key)
            #expect(try await subject.texts(fork) == ["one", "three", "4"])
            #expect(try await subject.texts(key) == ["one", "3"])
            #expect(try await storage.event("3", in: fork).editedAt != nil)
            #expect(try await storage.event("3", in: key).editedAt == nil)
            await refused(.notFound) { _ = try await storage.event("4", in: key) }

            // A fork at a place of what both share takes over what its own parent made of it.
            let second = try subject.key("second")
            try await subject.fork(fork, at: .seq(3), to: second)
            #expect(try await subject.texts(second) == ["one", "three"])
            _ = try await storage.remove("3", in: fork)
            _ = try await storage.replace("3", in: second, with: EventPatch(content: .of("\"III\"")))
            #expect(try await subject.texts(second) == ["one", "III"])
            #expect(try await subject.texts(fork) == ["one", "4"])
            #expect(try await subject.texts(key) == ["one", "3"])
            #expect(try await subject.record(fork).eventCount == 2)
            #expect(try await storage.remove(nil, in: second)?.content.stringValue == "III")
            #expect(try await storage.remove(nil, in: second)?.content.stringValue == "one")
            #expect(try await storage.remove(nil, in: second) == nil)
            #expect(try await subject.record(second).eventCount == 0)
        },

        StorageContract("an id that was removed in a fork is free in it, and not in its parent") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            try await subject.append(.text("a", id: "a"), .text("b", id: "b"), to: key)
            let fork = try subject.key("fork")
            try await subject.fork(key, to: fork)
            _ = try await storage.remove("a", in: fork)
            #expect(try await storage.append(EventBatch([.text("again", id: "a")]), to: fork).entries.map(\.seq) == [3])
            #expect(try await storage.event("a", in: fork).seq == 3)
            #expect(try await storage.append(EventBatch([.text("again", id: "a")]), to: key).isDuplicate)
            #expect(try await subject.texts(fork) == ["b", "again"])
            #expect(try await subject.texts(key) == ["a", "b"])
        },

        StorageContract("a fork stays whole when its parent is cleared, trimmed or deleted", StorePolicy(maximumEvents: 6)) { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            try await subject.append(.text("1", id: "1"), to: key)
            try await subject.append(3, to: key, from: 2)
            let fork = try subject.key("fork")
            let late = try subject.key("late")
            try await subject.fork(key, to: fork)
            try await subject.append(4, to: key, from: 5)
            #expect(try await subject.texts(key) == ["3", "4", "5", "6", "7", "8"])
            #expect(try await subject.texts(fork) == ["1", "2", "3", "4"])
            try await subject.fork(key, to: late)
            try await storage.clear(key)
            #expect(try await subject.texts(late) == ["3", "4", "5", "6", "7", "8"])
            #expect(try await storage.delete(key))
            #expect(try await subject.texts(late) == ["3", "4", "5", "6", "7", "8"])
            #expect(try await subject.texts(fork) == ["1", "2", "3", "4"])
            #expect(try await storage.event("1", in: fork).seq == 1)
            // Trimming moves the fork's own floor, also over what it took over.
            try await subject.append(3, to: fork, from: 50)
            #expect(try await subject.texts(fork) == ["2", "3", "4", "50", "51", "52"])
            await refused(.notFound) { _ = try await storage.event("1", in: fork) }
            try await subject.append(4, to: fork, from: 53)
            #expect(try await subject.texts(fork) == ["51", "52", "53", "54", "55", "56"])
            #expect(try await subject.record(fork).floor.seq == 5)
        },

        StorageContract("a fork stays whole when its parent expires") { subject in
            let storage = subject.storage
            let key = try await subject.created("main", SessionDraft(state: .setting([("k", "1")]), lifetime: .seconds(10)))
            try await subject.append(3, to: key)
            var draft = ForkDraft()
            draft.ttl = .set(1000)
            let fork = try subject.key("fork")
            _ = try await storage.fork(key, draft, to: fork, epoch: nil)
            subject.clock.advance(seconds: 20)
            await refused(.notFound) { _ = try await subject.record(key) }
            #expect(try await subject.texts(fork) == ["1", "2", "3"])
            try await subject.created("main")
            #expect(try await subject.texts(fork) == ["1", "2", "3"])
            #expect(try await storage.session(fork, SnapshotQuery()).state.session == ["k": .of("1")])
        },

        StorageContract("forks of forks, with the middle deleted") { subject in
            let storage = subject.storage
            var keys = [try await subject.created("0")]
            try await subject.append(2, to: keys[0], from: 0)
            for depth in 1...5 {
                let fork = try subject.key("\(depth)")
                try await subject.fork(keys[depth - 1], to: fork)
                try await subject.append(2, to: fork, from: 10 * depth)
                keys.append(fork)
            }
            let whole = ["0", "1", "10", "11", "20", "21", "30", "31", "40", "41", "50", "51"]
            #expect(try await subject.texts(keys[5]) == whole)
            for middle in [2, 0, 4, 3] { #expect(try await storage.delete(keys[middle])) }
            #expect(try await subject.texts(keys[5]) == whole)
            #expect(try await subject.texts(keys[1]) == Array(whole.prefix(4)))
            let page = try await storage.events(in: keys[5], EventQuery(after: .seq(3), limit: 5))
            #expect(page.events.texts == ["11", "20", "21", "30", "31"])
            let back = try await storage.events(in: keys[5], EventQuery(before: .seq(6), limit: 3, order: .desc))
            #expect(back.events.texts == ["20", "11", "10"])
            let window = try await storage.window(around: page.events[2].id, in: keys[5], before: 3, after: 3, roles: [])
            #expect(window.events.texts == ["10", "11", "20", "21", "30", "31", "40"])
            let lineage = try await storage.lineage(of: keys[5])
            #expect(lineage.ancestors.map(\.session) == ["4", "3", "2", "1", "0"])
            #expect(lineage.ancestors.map(\.at.seq) == [10, 8, 6, 4, 2])
        },

        StorageContract("cursors on what a fork took over are good in both, later ones of the parent are gone in the fork") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            let offsets = try await subject.append(4, to: key)
            let fork = try subject.key("fork")
            try await subject.fork(key, at: .seq(2), to: fork)
            subject.clock.advance(milliseconds: 10)
            try await subject.append(3, to: fork, from: 30)
            for session in [key, fork] {
                let page = try await storage.events(in: session, EventQuery(after: .offset(offsets[1])))
                #expect(page.events.first?.seq == 3)
            }
            await gone(try await subject.record(fork)) {
                _ = try await storage.events(in: fork, EventQuery(after: .offset(offsets[2])))
            }
        },

        StorageContract("filters and times reach over what a fork took over") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            for number in 1...4 {
                subject.clock.advance(milliseconds: 1000)
                try await subject.append(.text("\(number)", role: number % 2 == 0 ? "user" : "tool"), to: key)
            }
            let fork = try subject.key("fork")
            try await subject.fork(key, at: .seq(3), to: fork)
            for number in 4...6 {
                subject.clock.advance(milliseconds: 1000)
                try await subject.append(.text("f\(number)", role: number % 2 == 0 ? "user" : "tool"), to: fork)
            }
            var filter = EventFilter()
            filter.roles = ["user"]
            #expect(try await storage.events(in: fork, EventQuery(filter: filter)).events.texts == ["2", "f4", "f6"])
            #expect(try await storage.session(fork, SnapshotQuery(events: 2, filter: filter)).events.texts == ["f4", "f6"])
            let times = try await subject.events(fork).map(\.time)
            filter = EventFilter()
            filter.since = times[1]
            filter.until = times[4]
            #expect(try await storage.events(in: fork, EventQuery(filter: filter)).events.texts == ["2", "3", "f4"])
            #expect(try await storage.events(in: fork, EventQuery(limit: 2, order: .desc, filter: filter)).events.texts == ["f4", "3"])
            #expect(
                try await storage.sessions(SessionQuery(of: .app("app"), events: 4)).sessions.map(\.events.texts) == [
                    ["3", "f4", "f5", "f6"], ["1", "2", "3", "4"],
                ])
        },

        StorageContract("lineage names parents, deleted ones too, and the forks that are there") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            let offsets = try await subject.append(2, to: key)
            var forks: [SessionSnapshot] = []
            for (id, at) in [("a", 1), ("b", 2), ("c", 0)] {
                subject.clock.advance(milliseconds: 5)
                forks.append(try await subject.fork(key, at: .seq(at), to: subject.key(id)))
            }
            #expect(try await storage.delete(subject.key("b")))
            let record = try await subject.record(key)
            #expect(record.parent == nil)
            let lineage = try await storage.lineage(of: key)
            #expect(lineage.parent == nil)
            #expect(lineage.forks.map(\.session) == ["c", "a"])
            #expect(lineage.forks.map(\.at) == [.start, offsets[0]])
            #expect(lineage.forks.map(\.createdAt) == [forks[2].record.createdAt, forks[0].record.createdAt])
            #expect(try await storage.delete(key))
            // Another session with the parent's id is not the parent.
            try await subject.created("main")
            #expect(try await storage.lineage(of: key).forks.isEmpty)
            let parent = BranchPoint(session: "main", generation: record.generation, at: offsets[0])
            #expect(try await storage.lineage(of: subject.key("a")) == Lineage(ancestors: [parent], forks: []))
            #expect(try await subject.record(subject.key("a")).parent == parent)
        },

        StorageContract("two branches are compared by what they have in common") { subject in
            let storage = subject.storage
            let key = try await subject.created("main")
            let offsets = try await subject.append(4, to: key)
            let fork = try subject.key("fork")
            try await subject.fork(key, at: .seq(3), to: fork)
            try await subject.append(2, to: fork, from: 30)
            #expect(try await storage.compare(key, with: fork) == BranchComparison(common: .offset(offsets[2]), ahead: 1, behind: 2))
            #expect(try await storage.compare(fork, with: key) == BranchComparison(common: .offset(offsets[2]), ahead: 2, behind: 1))
            #expect(try await storage.compare(key, with: key) == BranchComparison(common: .offset(offsets[3]), ahead: 0, behind: 0))
            _ = try await storage.rewind(fork, RewindDraft(to: .seq(1)))
            #expect(try await storage.compare(fork, with: key) == BranchComparison(common: .offset(offsets[0]), ahead: 1, behind: 3))
            let stranger = try await subject.created("stranger")
            #expect(try await storage.compare(stranger, with: key) == BranchComparison(common: .offset(.start), ahead: 0, behind: 4))
            await refused(.notFound) { _ = try await storage.compare(key, with: subject.key("none")) }
        },

        StorageContract("a history has a bound, and what is refused changes nothing") { subject in
            let storage = subject.storage
            let key = try await subject.created("0")
            var last = key
            var depth = 0
            var refusal: StoreError?
            while refusal == nil, depth < 100 {
                try await subject.append(.text("\(depth)"), to: last)
                let fork = try subject.key("\(depth + 1)")
                do throws(StoreError) {
                    _ = try await storage.fork(last, ForkDraft(), to: fork, epoch: nil)
                    last = fork
                    depth += 1
                } catch { refusal = error }
            }
            #expect(refusal?.code == .tooLarge)
            #expect(depth == History.maximumLogs - 1)
            #expect(try await subject.texts(last) == (0...depth).map { "\($0)" })
            await refused(.notFound) { _ = try await subject.record(subject.key("\(depth + 1)")) }
            // A fork of an earlier place is none too many.
            try await subject.fork(last, at: .seq(3), to: subject.key("early"))
            #expect(try await subject.texts(subject.key("early")) == ["0", "1", "2"])
        },
    ]
}
