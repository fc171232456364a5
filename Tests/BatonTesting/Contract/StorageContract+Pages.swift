internal import BatonCore
internal import Testing

extension StorageContract {
    static let limits: [StorageContract] = [
        StorageContract("the oldest events over the limit are trimmed and the floor moves", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(5, to: key)
            #expect(try await subject.texts(key) == ["3", "4", "5"])
            let record = try await subject.record(key)
            #expect(record.eventCount == 3)
            #expect(record.floor == offsets[1])
            #expect(record.tail == offsets[4])
            #expect(record.lastSeq == 5)
            let id = record.madeID(forSeq: 2)
            await refused(.notFound) { _ = try await subject.storage.event(id, in: key) }
            #expect(try await subject.storage.event(record.madeID(forSeq: 3), in: key).seq == 3)
        },

        StorageContract("a batch over the limit leaves its last events", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            try await subject.append(.text("0"), to: key)
            let receipt = try await subject.storage.append(EventBatch((1...7).map { try .text("\($0)", state: ["n": "\($0)"]) }), to: key)
            #expect(receipt.entries.map(\.seq) == Array(2...8))
            #expect(try await subject.texts(key) == ["5", "6", "7"])
            #expect(try await subject.record(key).floor.seq == 5)
            #expect(try await subject.storage.state(.session(key)) == ["n": .of("7")])
        },

        StorageContract("cursors into the trimmed part are gone, at the floor they go on", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(6, to: key)
            let record = try await subject.record(key)
            for offset in offsets[..<2] {
                await gone(record) { _ = try await subject.storage.events(in: key, EventQuery(after: .offset(offset))) }
                await gone(record) { _ = try await subject.storage.events(in: key, EventQuery(after: .seq(offset.seq))) }
            }
            for cursor in [Cursor.offset(offsets[2]), .seq(3), .seq(0), .offset(.start)] {
                #expect(try await subject.storage.events(in: key, EventQuery(after: cursor)).events.texts == ["4", "5", "6"])
            }
            #expect(try await subject.storage.events(in: key, EventQuery(after: .offset(offsets[4]))).events.texts == ["6"])
            #expect(try await subject.storage.events(in: key, EventQuery()).events.texts == ["4", "5", "6"])
        },

        StorageContract("trimming counts what is there: removed events do not", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(3, to: key)
            _ = try await subject.storage.remove(subject.record(key).madeID(forSeq: 2), in: key)
            try await subject.append(1, to: key, from: 4)
            #expect(try await subject.texts(key) == ["1", "3", "4"])
            #expect(try await subject.record(key).floor == .start)
            try await subject.append(1, to: key, from: 5)
            #expect(try await subject.texts(key) == ["3", "4", "5"])
            let record = try await subject.record(key)
            #expect(record.eventCount == 3)
            #expect(record.floor == offsets[0])
            try await subject.append(1, to: key, from: 6)
            #expect(try await subject.record(key).floor == offsets[2])
        },

        StorageContract("the id of a trimmed event is free again", StorePolicy(maximumEvents: 2)) { subject in
            let key = try await subject.created()
            try await subject.append(.text("a", id: "one"), to: key)
            try await subject.append(.text("b"), .text("c"), to: key)
            let receipt = try await subject.storage.append(EventBatch([.text("d", id: "one")]), to: key)
            #expect(!receipt.isDuplicate)
            #expect(receipt.entries[0].seq == 4)
            #expect(try await subject.storage.event("one", in: key).content.stringValue == "d")
        },

        StorageContract("a retry of an append whose events were trimmed stores nothing", StorePolicy(maximumEvents: 2)) { subject in
            let key = try await subject.created()
            let batch = EventBatch([try .text("a"), try .text("b"), try .text("c")], idempotencyKey: "key")
            let first = try await subject.storage.append(batch, to: key)
            try await subject.append(5, to: key)
            let second = try await subject.storage.append(batch, to: key)
            #expect(second.isDuplicate)
            #expect(second.entries.map(\.offset) == first.entries.map(\.offset))
            let made = try await subject.storage.append(EventBatch([.text("x", id: first.entries[0].id)]), to: key)
            #expect(made.isDuplicate)
            #expect(made.entries[0].seq == 1)
            #expect(try await subject.texts(key) == ["4", "5"])
        },

        StorageContract("a log that is trimmed long keeps its last events", StorePolicy(maximumEvents: 50)) { subject in
            let key = try await subject.created()
            for start in stride(from: 1, through: 5001, by: 1000) {
                let batch = EventBatch(try (start..<start + 1000).map { try .text("\($0)", id: "id \($0)") })
                _ = try await subject.storage.append(batch, to: key)
            }
            #expect(try await subject.texts(key) == (5951...6000).map { "\($0)" })
            #expect(try await subject.record(key).eventCount == 50)
            await refused(.notFound) { _ = try await subject.storage.event("id 5950", in: key) }
            #expect(try await !subject.storage.append(EventBatch([.text("x", id: "id 1")]), to: key).isDuplicate)
        },
    ]

    static let pages: [StorageContract] = [
        StorageContract("events are read in pages, oldest first, and polling goes on") { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(5, to: key)
            let record = try await subject.record(key)
            let first = try await subject.storage.events(in: key, EventQuery(limit: 2))
            #expect(first.events.texts == ["1", "2"])
            #expect(first.next == offsets[1])
            #expect(!first.upToDate)
            #expect(first.tail == offsets[4])
            #expect(first.generation == record.generation)
            let second = try await subject.storage.events(in: key, EventQuery(after: .offset(offsets[1]), limit: 2))
            #expect(second.events.texts == ["3", "4"])
            #expect(!second.upToDate)
            let third = try await subject.storage.events(in: key, EventQuery(after: .offset(offsets[3]), limit: 2))
            #expect(third.events.texts == ["5"])
            #expect(third.upToDate)
            #expect(third.next == offsets[4])
            let empty = try await subject.storage.events(in: key, EventQuery(after: .offset(offsets[4]), limit: 2))
            #expect(empty == EventPage(events: [], next: offsets[4], tail: offsets[4], upToDate: true, generation: record.generation))
            try await subject.append(1, to: key, from: 6)
            #expect(try await subject.storage.events(in: key, EventQuery(after: .offset(offsets[4]))).events.texts == ["6"])
            // A page that is exactly full and the last one says so.
            #expect(try await subject.storage.events(in: key, EventQuery(limit: 6)).upToDate)
        },

        StorageContract("events are read in pages, newest first, down to the start") { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(5, to: key)
            let first = try await subject.storage.events(in: key, EventQuery(limit: 2, order: .desc))
            #expect(first.events.texts == ["5", "4"])
            #expect(first.next == offsets[3])
            #expect(!first.upToDate)
            #expect(first.tail == offsets[4])
            // New events do not disturb who walks back.
            try await subject.append(1, to: key, from: 6)
            let second = try await subject.storage.events(in: key, EventQuery(before: .offset(offsets[3]), limit: 2, order: .desc))
            #expect(second.events.texts == ["3", "2"])
            let third = try await subject.storage.events(in: key, EventQuery(before: .offset(offsets[1]), limit: 2, order: .desc))
            #expect(third.events.texts == ["1"])
            #expect(third.next == nil)
            #expect(third.upToDate)
            let exact = try await subject.storage.events(in: key, EventQuery(limit: 6, order: .desc))
            #expect(exact.next == nil)
            #expect(exact.upToDate)
        },

        StorageContract("an empty log is a page too") { subject in
            let key = try await subject.created()
            let generation = try await subject.record(key).generation
            let up = try await subject.storage.events(in: key, EventQuery())
            #expect(up == EventPage(events: [], next: .start, tail: .start, upToDate: true, generation: generation))
            let down = try await subject.storage.events(in: key, EventQuery(order: .desc))
            #expect(down == EventPage(events: [], next: nil, tail: .start, upToDate: true, generation: generation))
            #expect(try await subject.storage.events(in: key, EventQuery(after: .seq(0))) == up)
            #expect(try await subject.storage.events(in: key, EventQuery(after: .offset(.start))) == up)
        },

        StorageContract("cursors that were never given out are refused") { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(3, to: key)
            let record = try await subject.record(key)
            await gone(record) { _ = try await subject.storage.events(in: key, EventQuery(after: .seq(4))) }
            await gone(record) { _ = try await subject.storage.events(in: key, EventQuery(after: .seq(.max))) }
            for offset in offsets {
                let wrong = Offset(milliseconds: offset.milliseconds + 7, seq: offset.seq)
                await gone(record) { _ = try await subject.storage.events(in: key, EventQuery(after: .offset(wrong))) }
            }
        },

        StorageContract("after and before bound a page together, in both orders") { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(9, to: key)
            var query = EventQuery(after: .seq(2), before: .offset(offsets[6]), limit: 3)
            let first = try await subject.storage.events(in: key, query)
            #expect(first.events.seqs == [3, 4, 5])
            #expect(!first.upToDate)
            query.after = .offset(try #require(first.next))
            let second = try await subject.storage.events(in: key, query)
            #expect(second.events.seqs == [6])
            #expect(second.upToDate)
            #expect(second.next == offsets[5])
            query = EventQuery(after: .seq(2), before: .seq(7), limit: 3, order: .desc)
            let down = try await subject.storage.events(in: key, query)
            #expect(down.events.seqs == [6, 5, 4])
            #expect(!down.upToDate)
            query.before = .offset(try #require(down.next))
            let last = try await subject.storage.events(in: key, query)
            #expect(last.events.seqs == [3])
            #expect(last.upToDate)
            #expect(last.next == nil)
        },

        StorageContract("bounds that leave nothing give an empty page") { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(5, to: key)
            for (after, before) in [(3, 4), (3, 3), (4, 2), (5, 9), (0, 0), (0, 1)] {
                let up = try await subject.storage.events(in: key, EventQuery(after: .seq(after), before: .seq(before)))
                #expect(up.events.isEmpty)
                #expect(up.upToDate)
                #expect(up.next == (after == 0 ? .start : offsets[after - 1]), "a cursor never goes back behind where it stood")
                let down = try await subject.storage.events(in: key, EventQuery(after: .seq(after), before: .seq(before), order: .desc))
                #expect(down.events.isEmpty)
                #expect(down.upToDate)
                #expect(down.next == nil)
            }
            #expect(try await subject.storage.events(in: key, EventQuery(before: .seq(.max), order: .desc)).events.count == 5)
            #expect(try await subject.storage.events(in: key, EventQuery(after: .seq(.max), order: .desc)).events.isEmpty)
        },

        StorageContract("a long log is read whole in both directions, whatever the page") { subject in
            let key = try await subject.created()
            for start in stride(from: 1, to: 2500, by: 500) {
                subject.clock.advance(milliseconds: 1)
                _ = try await subject.storage.append(EventBatch(try (start..<start + 500).map { try .text("\($0)") }), to: key)
            }
            for limit in [1000, 333, 41] {
                var query = EventQuery(limit: limit)
                var seqs: [Int] = []
                repeat {
                    let page = try await subject.storage.events(in: key, query)
                    seqs += page.events.seqs
                    query.after = page.next.map { .offset($0) }
                    if page.upToDate { break }
                } while seqs.count < 3000
                #expect(seqs == Array(1...2500))
                query = EventQuery(limit: limit, order: .desc)
                seqs = []
                while seqs.count < 3000 {
                    let page = try await subject.storage.events(in: key, query)
                    seqs += page.events.seqs
                    guard let next = page.next else { break }
                    query.before = .offset(next)
                }
                #expect(seqs == (1...2500).reversed())
            }
        },
    ]

    static let filters: [StorageContract] = [
        StorageContract("filters choose by role, author, type and branch, before the limit") { subject in
            let key = try await subject.created()
            for number in 1...24 {
                try await subject.append(
                    .text(
                        "\(number)", role: number % 2 == 0 ? "user" : "tool", author: number % 3 == 0 ? "ann" : number % 3 == 1 ? "bob" : nil,
                        type: number % 4 == 0 ? "message" : nil, branch: number % 6 == 0 ? "main" : nil), to: key)
            }
            let all = Array(1...24)
            #expect(try await subject.seqs(key) { $0.roles = ["user"] } == all.filter { $0 % 2 == 0 })
            #expect(try await subject.seqs(key) { $0.roles = ["user", "tool", "none"] } == all)
            #expect(try await subject.seqs(key) { $0.roles = ["User"] } == [])
            #expect(try await subject.seqs(key) { $0.authors = ["ann"] } == all.filter { $0 % 3 == 0 })
            #expect(try await subject.seqs(key) { $0.authors = ["ann", "bob", "bob"] } == all.filter { $0 % 3 != 2 })
            #expect(try await subject.seqs(key) { $0.types = ["message"] } == all.filter { $0 % 4 == 0 })
            #expect(try await subject.seqs(key) { $0.branch = "main" } == [6, 12, 18, 24])
            #expect(try await subject.seqs(key) { ($0.types, $0.branch) = (["message"], "main") } == [12, 24])
            #expect(try await subject.seqs(key) { ($0.roles, $0.authors) = (["tool"], ["ann"]) } == [3, 9, 15, 21])
            #expect(try await subject.seqs(key) { $0.branch = "" } == [])
        },

        StorageContract("filter words are compared as bytes") { subject in
            let key = try await subject.created()
            let words = ["é", "e\u{301}", "E", "e", "a\u{0}b", "a", "%", "'", "a,b"]
            for word in words { try await subject.append(.text(word, role: word, author: word, type: word, branch: word), to: key) }
            for (index, word) in words.enumerated() {
                for part in 0..<4 {
                    var filter = EventFilter()
                    switch part {
                    case 0: filter.roles = [word]
                    case 1: filter.authors = [word]
                    case 2: filter.types = [word]
                    default: filter.branch = word
                    }
                    let found = try await subject.storage.events(in: key, EventQuery(filter: filter)).events
                    #expect(found.seqs == [index + 1], "\(word.unicodeScalars.map(\.value)) as part \(part)")
                }
            }
        },

        StorageContract("since and until are bounds of time: from, and up to but not with") { subject in
            let key = try await subject.created()
            let offsets = try await subject.append(6, to: key)
            subject.clock.advance(seconds: -60)
            try await subject.append(.text("7"), to: key)
            let start = offsets[0].milliseconds - 1
            #expect(try await subject.seqs(key, since: 3, until: nil, from: start) == [3, 4, 5, 6, 7])
            #expect(try await subject.seqs(key, since: nil, until: 3, from: start) == [1, 2])
            #expect(try await subject.seqs(key, since: 2, until: 4, from: start) == [2, 3])
            #expect(try await subject.seqs(key, since: 4, until: 2, from: start) == [])
            #expect(try await subject.seqs(key, since: 6, until: 7, from: start) == [6, 7])
            #expect(try await subject.seqs(key, since: 7, until: nil, from: start) == [])
            #expect(try await subject.seqs(key, since: -1000, until: 1, from: start) == [])
            #expect(try await subject.seqs(key, since: 1, until: 8, from: start) == [1, 2, 3, 4, 5, 6, 7])
        },

        StorageContract("the cursor moves past events that a filter leaves out") { subject in
            let key = try await subject.created()
            try await subject.append(.text("1", role: "user"), to: key)
            for number in 2...400 { try await subject.append(.text("\(number)", role: number == 200 ? "user" : "tool"), to: key) }
            let tail = try await subject.record(key).tail
            var filter = EventFilter()
            filter.roles = ["user"]
            var query = EventQuery(limit: 1, filter: filter)
            var seqs: [Int] = []
            var pages = 0
            while pages < 100 {
                let page = try await subject.storage.events(in: key, query)
                pages += 1
                seqs += page.events.seqs
                #expect(page.next != nil)
                query.after = page.next.map { .offset($0) }
                if page.upToDate { break }
            }
            #expect(seqs == [1, 200])
            // Whoever is up to date stands at the end and does not read everything once more.
            #expect(query.after == .offset(tail))
            try await subject.append(.text("401", role: "user"), to: key)
            #expect(try await subject.storage.events(in: key, query).events.seqs == [401])
            filter.roles = ["nobody"]
            #expect(try await subject.storage.events(in: key, EventQuery(filter: filter)).events.isEmpty)
            #expect(try await subject.storage.events(in: key, EventQuery(order: .desc, filter: filter)).events.isEmpty)
        },

        StorageContract("a window has the neighbours of an event") { subject in
            let key = try await subject.created()
            let ids = (1...9).map { "e\($0)" }
            for id in ids { try await subject.append(.text(id, id: id), to: key) }
            #expect(try await subject.window("e5", in: key, before: 2, after: 2) == ["e3", "e4", "e5", "e6", "e7"])
            #expect(try await subject.window("e5", in: key, before: 0, after: 0) == ["e5"])
            #expect(try await subject.window("e5", in: key, before: 0, after: 1) == ["e5", "e6"])
            #expect(try await subject.window("e5", in: key, before: 1, after: 0) == ["e4", "e5"])
            #expect(try await subject.window("e1", in: key, before: 5, after: 1) == ["e1", "e2"])
            #expect(try await subject.window("e9", in: key, before: 1, after: 5) == ["e8", "e9"])
            #expect(try await subject.window("e5", in: key, before: 1000, after: 1000) == ids)
            await refused(.notFound) { _ = try await subject.window("e10", in: key, before: 1, after: 1) }
            _ = try await subject.storage.remove("e4", in: key)
            #expect(try await subject.window("e5", in: key, before: 2, after: 0) == ["e2", "e3", "e5"])
            await refused(.notFound) { _ = try await subject.window("e4", in: key, before: 1, after: 1) }
            let made = try await subject.storage.append(EventBatch([.text("made")]), to: key).entries[0].id
            #expect(try await subject.window(made, in: key, before: 1, after: 1) == ["e9", "made"])
        },

        StorageContract("the roles of a window are those of the neighbours, not of the event in the middle") { subject in
            let key = try await subject.created()
            for (id, role) in [("u1", "user"), ("a1", "assistant"), ("u2", "user"), ("t1", "tool"), ("u3", "user"), ("t2", "tool")] {
                try await subject.append(.text(id, id: id, role: role), to: key)
            }
            #expect(try await subject.window("u2", in: key, before: 1, after: 1, ["user"]) == ["u1", "u2", "u3"])
            #expect(try await subject.window("t1", in: key, before: 1, after: 1, ["user"]) == ["u2", "t1", "u3"])
            #expect(try await subject.window("u2", in: key, before: 1, after: 1, ["tool", "assistant"]) == ["a1", "u2", "t1"])
            #expect(try await subject.window("u1", in: key, before: 1, after: 1, ["nobody"]) == ["u1"])
        },

        StorageContract("a window ends at the floor", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            try await subject.append(6, to: key)
            let record = try await subject.record(key)
            let id = record.madeID(forSeq: 5)
            #expect(try await subject.storage.window(around: id, in: key, before: 9, after: 9, roles: []).events.seqs == [4, 5, 6])
            await refused(.notFound) {
                _ = try await subject.storage.window(around: record.madeID(forSeq: 3), in: key, before: 1, after: 1, roles: [])
            }
        },
    ]
}

extension StorageSubject {
    /// The seqs of what matches, read upwards, downwards and from the end: all three have to agree.
    fileprivate func seqs(_ key: SessionKey, _ change: (inout EventFilter) -> Void) async throws -> [Int] {
        var filter = EventFilter()
        change(&filter)
        let up = try await storage.events(in: key, EventQuery(filter: filter))
        let down = try await storage.events(in: key, EventQuery(order: .desc, filter: filter))
        let last = try await storage.session(key, SnapshotQuery(events: 1000, filter: filter)).events
        #expect(up.upToDate && down.upToDate)
        #expect(down.events.reversed() == up.events)
        #expect(last == up.events)
        #expect(up.events.allSatisfy(filter.matches))
        return up.events.seqs
    }

    /// The seqs between two moments, counted in milliseconds from `start`.
    fileprivate func seqs(_ key: SessionKey, since: Int?, until: Int?, from start: Int) async throws -> [Int] {
        try await seqs(key) { filter in
            filter.since = since.map { Timestamp(milliseconds: start + $0) }
            filter.until = until.map { Timestamp(milliseconds: start + $0) }
        }
    }

    /// The texts of a window.
    fileprivate func window(
        _ id: String, in key: SessionKey, before: Int, after: Int, _ roles: [String] = []
    ) async throws -> [String] {
        let window = try await storage.window(around: id, in: key, before: before, after: after, roles: roles)
        #expect(window.anchor == id)
        return window.events.texts
    }
}
