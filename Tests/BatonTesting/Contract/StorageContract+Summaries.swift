internal import BatonCore
internal import Testing

extension StorageContract {
    static let summaries: [StorageContract] = [
        StorageContract("a summary is stored under a claim, and read with what it is compared with") { subject in
            let key = try await subject.created()
            let places = try await subject.append(3, to: key)
            let before = try await subject.record(key)
            #expect(try await subject.storage.summaries(of: key).summaries.isEmpty)
            subject.clock.advance(seconds: 1)
            let claim = try await subject.claim("", of: key)
            let draft = SummaryDraft(text: "Wörter \u{0} \"so\"", boundary: places[1], events: 2, mark: 7, model: "m")
            let stored = try await subject.storage.put(draft, of: key, claim: claim)
            #expect(stored == draft.stored(at: subject.clock.now()))
            let list = try await subject.storage.summaries(of: key)
            #expect(list.summaries == [stored] && list[""] == stored)
            #expect(list.tail == places[2] && list.floor == .start && list.generation == before.generation && list.tokens == before.tokens)
            // No change of the session.
            #expect(try await subject.record(key) == before)
        },

        StorageContract("each filter has a summary of its own, and filters are compared as bytes") { subject in
            let key = try await subject.created()
            let place = try await subject.append(1, to: key)[0]
            for filter in ["", "a", "a/b", "e\u{301}", "é"] { try await subject.summarize(filter, "of \(filter)", through: place, key) }
            let list = try await subject.storage.summaries(of: key)
            #expect(list.summaries.map(\.filter) == ["", "a", "a/b", "e\u{301}", "é"])
            for summary in list.summaries { #expect(summary.text.utf8.elementsEqual("of \(summary.filter)".utf8)) }
        },

        StorageContract("while a summary is claimed nobody else may make it, until the claim ends or is taken") { subject in
            let key = try await subject.created()
            let place = try await subject.append(1, to: key)[0]
            let first = try await subject.claim("f", of: key, by: "one", for: 1_000)
            #expect(try await subject.claim("f", of: key, by: "one", for: 1_000) == first)
            await refused(.busy) { _ = try await subject.claim("f", of: key, by: "two") }
            _ = try await subject.claim("g", of: key, by: "two")
            subject.clock.advance(milliseconds: 1_000)
            let second = try await subject.claim("f", of: key, by: "two", for: 1_000)
            #expect(second > first)
            let error = await refused(.fenced) {
                _ = try await subject.storage.put(SummaryDraft(filter: "f", text: "late", boundary: place), of: key, claim: first)
            }
            #expect(error?.detail == .epoch(second))
            let third = try await subject.storage.claim(SummaryClaim(filter: "f", holder: "three", ttlMilliseconds: 1_000, steals: true), of: key)
            #expect(third > second)
            await refused(.fenced) {
                _ = try await subject.storage.put(SummaryDraft(filter: "f", text: "late", boundary: place), of: key, claim: second)
            }
            try await subject.storage.release(second, ofSummary: "f", of: key)
            await refused(.busy) { _ = try await subject.claim("f", of: key, by: "two") }
            try await subject.storage.release(third, ofSummary: "f", of: key)
            #expect(try await subject.claim("f", of: key, by: "two") > third)
            #expect(try await subject.storage.summaries(of: key).summaries.isEmpty)
        },

        StorageContract("a claim that is late may be used as long as nobody has another, and once") { subject in
            let key = try await subject.created()
            let places = try await subject.append(2, to: key)
            let claim = try await subject.claim("", of: key, for: 1_000)
            subject.clock.advance(seconds: 5)
            let stored = try await subject.storage.put(SummaryDraft(text: "one", boundary: places[0]), of: key, claim: claim)
            // The answer was lost, and it is sent again.
            #expect(try await subject.storage.put(SummaryDraft(text: "one", boundary: places[0]), of: key, claim: claim) == stored)
            #expect(try await subject.claim("", of: key, by: "another") > claim)
            await refused(.fenced) { _ = try await subject.storage.put(SummaryDraft(text: "two", boundary: places[1]), of: key, claim: claim) }
        },

        StorageContract("an older boundary never replaces a newer one; none lies behind the newest event") { subject in
            let key = try await subject.created()
            let places = try await subject.append(3, to: key)
            try await subject.summarize("", "two", through: places[1], key)
            let claim = try await subject.claim("", of: key)
            let error = await refused(.conflict) {
                _ = try await subject.storage.put(SummaryDraft(text: "one", boundary: places[0]), of: key, claim: claim)
            }
            #expect(error?.detail == .current(2))
            let beyond = Offset(milliseconds: places[2].milliseconds, seq: 4)
            await refused(.invalidField) { _ = try await subject.storage.put(SummaryDraft(text: "four", boundary: beyond), of: key, claim: claim) }
            #expect(try await subject.summary("", key)?.text == "two")
            _ = try await subject.storage.put(SummaryDraft(text: "again", boundary: places[1]), of: key, claim: claim)
            #expect(try await subject.summary("", key)?.text == "again")
        },

        StorageContract("editing or removing an event takes the summaries that cover it, and voids what is being made") { subject in
            for edits in [true, false] {
                let key = try await subject.created("\(edits)")
                try await subject.append(.text("a", id: "1"), .text("b", id: "2"), .text("c", id: "3"), to: key)
                let places = try await subject.events(key).map(\.offset)
                try await subject.summarize("", "up to one", through: places[0], key)
                try await subject.summarize("f", "up to two", through: places[1], key)
                let claim = try await subject.claim("", of: key)
                if edits {
                    _ = try await subject.storage.replace("2", in: key, with: EventPatch(content: JSON(string: "B")))
                } else {
                    _ = try await subject.storage.remove("2", in: key)
                }
                #expect(try await subject.storage.summaries(of: key).summaries.map(\.text) == ["up to one"])
                await refused(.fenced) { _ = try await subject.storage.put(SummaryDraft(text: "stale", boundary: places[2]), of: key, claim: claim) }
                try await subject.summarize("f", "anew", through: places[0], key)
                _ = try await subject.storage.remove(nil, in: key)
                #expect(try await subject.storage.summaries(of: key).summaries.map(\.text) == ["up to one", "anew"])
            }
        },

        StorageContract("clearing takes all summaries; trimming and appending none", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            let place = try await subject.append(2, to: key)[1]
            try await subject.summarize("", "two", through: place, key)
            let claim = try await subject.claim("", of: key)
            try await subject.append(6, to: key, from: 3)
            #expect(try await subject.record(key).floor.seq == 5)
            #expect(try await subject.summary("", key)?.text == "two")
            _ = try await subject.storage.put(SummaryDraft(text: "three", boundary: place), of: key, claim: claim)
            let next = try await subject.claim("", of: key)
            try await subject.storage.clear(key)
            #expect(try await subject.storage.summaries(of: key).summaries.isEmpty)
            await refused(.fenced) { _ = try await subject.storage.put(SummaryDraft(text: "stale", boundary: place), of: key, claim: next) }
        },

        StorageContract("a rewind takes the summaries whose boundaries it hides, also forward to what another had hidden") { subject in
            let key = try await subject.created()
            let places = try await subject.append(6, to: key)
            try await subject.summarize("early", "two", through: places[1], key)
            try await subject.summarize("late", "five", through: places[4], key)
            let claim = try await subject.claim("early", of: key)
            _ = try await subject.storage.rewind(key, RewindDraft(to: .seq(3)))
            #expect(try await subject.storage.summaries(of: key).summaries.map(\.text) == ["two"])
            await refused(.fenced) {
                _ = try await subject.storage.put(SummaryDraft(filter: "early", text: "x", boundary: places[1]), of: key, claim: claim)
            }
            // 1 2 3 7 8 are shown.
            let eighth = try await subject.append(1, to: key, from: 8)[0]
            try await subject.summarize("branch", "eight", through: eighth, key)
            _ = try await subject.storage.rewind(key, RewindDraft(to: .seq(6)))
            #expect(try await subject.storage.summaries(of: key).summaries.map(\.text) == ["two"])
        },

        StorageContract(
            "where the boundary was trimmed a rewind keeps the summary as long as it stays in the same history", StorePolicy(maximumEvents: 4)
        ) {
            subject in
            let key = try await subject.created()
            let place = try await subject.append(4, to: key)[0]
            try await subject.summarize("", "one", through: place, key)
            try await subject.append(4, to: key, from: 5)
            _ = try await subject.storage.rewind(key, RewindDraft(to: .seq(6)))
            #expect(try await subject.summary("", key)?.text == "one")
            try await subject.append(1, to: key, from: 10)
            // 7 and 8 were hidden: a place in another history than the summary's.
            #expect(try await subject.record(key).floor.seq == 4)
            _ = try await subject.storage.rewind(key, RewindDraft(to: .seq(8)))
            #expect(try await subject.summary("", key) == nil)
        },

        StorageContract("summaries and claims go with their session, and a session made again has none") { subject in
            let key = try await subject.created()
            let place = try await subject.append(1, to: key)[0]
            try await subject.summarize("", "old", through: place, key)
            let claim = try await subject.claim("", of: key)
            #expect(try await subject.storage.delete(key))
            await refused(.notFound) { _ = try await subject.storage.summaries(of: key) }
            await refused(.notFound) { _ = try await subject.claim("", of: key) }
            await refused(.notFound) { _ = try await subject.storage.put(SummaryDraft(text: "late", boundary: place), of: key, claim: claim) }
            await refused(.notFound) { try await subject.storage.release(claim, ofSummary: "", of: key) }
            try await subject.created()
            try await subject.append(1, to: key)
            #expect(try await subject.storage.summaries(of: key).summaries.isEmpty)
            await refused(.fenced) { _ = try await subject.storage.put(SummaryDraft(text: "late", boundary: place), of: key, claim: claim) }
        },

        StorageContract("a summary lives as long as its session, whatever else happens to it", StorePolicy(sessionTTL: 10)) { subject in
            let key = try await subject.created()
            let place = try await subject.append(1, to: key)[0]
            try await subject.summarize("", "kept", through: place, key)
            for number in 2...5 {
                subject.clock.advance(seconds: 8)
                try await subject.append(1, to: key, from: number)
            }
            #expect(try await subject.summary("", key)?.text == "kept")
            // Making one keeps nothing alive.
            subject.clock.advance(seconds: 8)
            let claim = try await subject.claim("", of: key)
            _ = try await subject.storage.put(SummaryDraft(text: "new", boundary: place), of: key, claim: claim)
            subject.clock.advance(seconds: 2)
            await refused(.notFound) { _ = try await subject.storage.summaries(of: key) }
        },

        StorageContract("a fork begins without summaries, and takes its parent's away in neither") { subject in
            let key = try await subject.created()
            let place = try await subject.append(3, to: key)[0]
            try await subject.summarize("", "one", through: place, key)
            let fork = try subject.key("fork")
            try await subject.fork(key, to: fork)
            #expect(try await subject.storage.summaries(of: fork).summaries.isEmpty)
            try await subject.summarize("", "of the fork", through: place, fork)
            _ = try await subject.storage.remove(nil, in: fork)
            #expect(try await subject.summary("", key)?.text == "one")
            #expect(try await subject.summary("", fork)?.text == "of the fork")
        },

        StorageContract("a session has summaries for so many filters; those that nobody uses make room") { subject in
            let key = try await subject.created()
            let place = try await subject.append(1, to: key)[0]
            for number in 1..<Summary.maximumPerSession { try await subject.summarize("f\(number)", "s", through: place, key) }
            let last = try await subject.claim("last", of: key, for: 1_000)
            await refused(.tooLarge) { _ = try await subject.claim("more", of: key) }
            subject.clock.advance(seconds: 1)
            _ = try await subject.claim("more", of: key)
            await refused(.fenced) {
                _ = try await subject.storage.put(SummaryDraft(filter: "last", text: "x", boundary: place), of: key, claim: last)
            }
            #expect(try await subject.storage.summaries(of: key).summaries.count == Summary.maximumPerSession - 1)
        },

        StorageContract("the store counts the tokens that are appended: once, whatever becomes of the events") { subject in
            let key = try await subject.created()
            #expect(try await subject.record(key).tokens == 0)
            // 12 ASCII characters with their quotes are 3 tokens, and 4 for the frame of a message.
            try await subject.append(.text("0123456789", id: "a"), to: key)
            #expect(try await subject.record(key).tokens == 7)
            try await subject.append(.text("0123456789", id: "a"), to: key)
            try await subject.append(.text("0123456789", id: "a"), .text("01", id: "b"), .text("x", id: "b"), to: key)
            #expect(try await subject.record(key).tokens == 12)
            let noted = try EventDraft(NewEvent(JSON(string: "x"), metadata: .of(#"{"tokenCount":100}"#)))
            try await subject.append(noted, .text("01"), to: key)
            let state = try EventDraft.text("0123456789", state: ["user:a": "1"])
            try await subject.append(state, to: key)
            let record = try await subject.record(key)
            #expect(record.tokens == 124)
            _ = try await subject.storage.remove("a", in: key)
            _ = try await subject.storage.rewind(key, RewindDraft(to: .seq(2)))
            try await subject.storage.clear(key)
            #expect(try await subject.record(key).tokens == 124)
            #expect(try await subject.storage.summaries(of: key).tokens == 124)
            #expect(try await subject.storage.sessions(SessionQuery(of: .app("app"))).sessions[0].record.tokens == 124)
            let fork = try subject.key("fork")
            #expect(try await subject.fork(key, to: fork).record.tokens == 124)
            try await subject.append(.text("01"), to: fork)
            #expect(try await subject.record(fork).tokens == 129)
            #expect(try await subject.record(key).tokens == 124)
        },
    ]
}

extension StorageSubject {
    /// Claims a summary.
    func claim(_ filter: String, of key: SessionKey, by holder: String = "worker", for milliseconds: Int = 60_000) async throws -> Int {
        try await storage.claim(SummaryClaim(filter: filter, holder: holder, ttlMilliseconds: milliseconds), of: key)
    }

    /// Claims and stores a summary.
    func summarize(_ filter: String, _ text: String, through boundary: Offset, _ key: SessionKey) async throws {
        let claim = try await claim(filter, of: key)
        _ = try await storage.put(SummaryDraft(filter: filter, text: text, boundary: boundary), of: key, claim: claim)
    }

    /// The summary with a filter.
    func summary(_ filter: String, _ key: SessionKey) async throws -> Summary? { try await storage.summaries(of: key)[filter] }
}
