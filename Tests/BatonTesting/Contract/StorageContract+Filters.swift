internal import BatonCore
internal import Testing

extension StorageContract {
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
