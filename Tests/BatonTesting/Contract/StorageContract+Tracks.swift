internal import BatonCore
internal import Testing

extension StorageContract {
    static let tracks: [StorageContract] = [
        StorageContract("a track is made by its first append and numbers its events itself") { subject in
            let key = try await subject.created()
            try await subject.append(3, to: key)
            subject.clock.advance(seconds: 1)
            let receipt = try await subject.note("a", "b", in: "thoughts", of: key)
            #expect(receipt.entries.map(\.seq) == [1, 2])
            #expect(receipt.entries.allSatisfy { !$0.isDuplicate && $0.time == subject.clock.now() })
            #expect(receipt.tail == receipt.entries[1].offset)
            #expect(try await subject.note("c", in: "thoughts", of: key).entries.map(\.seq) == [3])
            #expect(try await subject.note("d", in: "other", of: key).entries.map(\.seq) == [1])
            let page = try await subject.storage.events(ofTrack: "thoughts", of: key, TrackQuery())
            #expect(page.events.texts == ["a", "b", "c"])
            #expect(page.events.map(\.id) == (1...3).map { SessionRecord.madeID(generation: page.generation, seq: $0) })
            #expect(page.events.map(\.offset).prefix(2) == receipt.entries.map(\.offset)[...])
            #expect(page.upToDate && page.next == page.tail && page.tail == page.events[2].offset)
            #expect(try await subject.texts(key) == ["1", "2", "3"])
        },

        StorageContract("what is written to a track comes back byte for byte") { subject in
            let key = try await subject.created()
            let content = try JSON(parsing: #"{"b" : 1.50, "a":[null,"\u00e9", "é"]}"#)
            let draft = try EventDraft(NewEvent(content, id: "e", author: "ann", role: "tool", type: "trace", metadata: .of(#"{"x":1}"#)))
            _ = try await subject.storage.append(TrackBatch([draft]), toTrack: "t", of: key)
            let event = try #require(try await subject.storage.events(ofTrack: "t", of: key, TrackQuery()).events.first)
            #expect(event.id == "e" && event.content == content && event.body == draft.body)
        },

        StorageContract("a track that nobody wrote to is empty; without its session there is none") { subject in
            let key = try await subject.created()
            let page = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .offset(.start)))
            #expect(page == EventPage(events: [], next: .start, tail: .start, upToDate: true, generation: ""))
            let error = await refused(.offsetGone) { _ = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .seq(1))) }
            #expect(error?.detail == .gone(earliest: .start, tail: .start, generation: ""))
            let absent = try subject.key("absent")
            await refused(.notFound) { _ = try await subject.note("a", in: "t", of: absent) }
            await refused(.notFound) { _ = try await subject.storage.events(ofTrack: "t", of: absent, TrackQuery()) }
            await refused(.notFound) { _ = try await subject.storage.tracks(of: absent, last: 0) }
            await refused(.notFound) { _ = try await subject.storage.deleteTrack("t", of: absent, epoch: nil) }
        },

        StorageContract("an id is stored once in a track, and another track's ids are its own") { subject in
            let key = try await subject.created()
            let first = try await subject.storage.append(TrackBatch([.text("a", id: "1"), .text("b"), .text("c", id: "3")]), toTrack: "t", of: key)
            let version = try await subject.record(key).version
            subject.clock.advance(seconds: 1)
            let again = try await subject.storage.append(TrackBatch([.text("x", id: "3"), .text("y", id: "1")]), toTrack: "t", of: key)
            #expect(again.isDuplicate && again.entries.map(\.offset) == [first.entries[2].offset, first.entries[0].offset])
            #expect(again.version == version && again.tail == first.tail)
            #expect(try await subject.record(key).version == version)
            let mixed = try await subject.storage.append(
                TrackBatch([.text("x", id: "1"), .text("d", id: "4"), .text("z", id: "4"), .text("e")]), toTrack: "t", of: key)
            #expect(mixed.entries.map(\.isDuplicate) == [true, false, true, false])
            #expect(mixed.entries.map(\.seq) == [1, 4, 4, 5])
            #expect(try await subject.trackTexts("t", key) == ["a", "b", "c", "d", "e"])
            #expect(try await subject.storage.append(TrackBatch([.text("a", id: "1")]), toTrack: "u", of: key).entries.map(\.isDuplicate) == [false])
        },

        StorageContract("ids that the store made for a track are known in it; those it has yet to make are refused") { subject in
            let key = try await subject.created()
            let first = try await subject.note("a", "b", in: "t", of: key)
            let again = try await subject.storage.append(TrackBatch([.text("x", id: first.entries[1].id)]), toTrack: "t", of: key)
            #expect(again.isDuplicate && again.entries[0].offset == first.entries[1].offset)
            let generation = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery()).generation
            await refused(.invalidField) {
                let draft = try EventDraft.text("x", id: SessionRecord.madeID(generation: generation, seq: 3))
                _ = try await subject.storage.append(TrackBatch([.text("c"), draft]), toTrack: "t", of: key)
            }
            #expect(try await subject.trackTexts("t", key) == ["a", "b"])
            _ = try await subject.storage.append(TrackBatch([.text("x", id: first.entries[1].id)]), toTrack: "u", of: key)
            #expect(try await subject.trackTexts("u", key) == ["x"])
        },

        StorageContract("many tracks that are written at once never hide each other, and lose nothing") { subject in
            let key = try await subject.created()
            try await withThrowingTaskGroup { group in
                for worker in 0..<32 {
                    group.addTask {
                        for number in 0..<4 { _ = try await subject.note("\(worker)-\(number)", in: "track-\(worker % 16)", of: key) }
                    }
                }
                try await group.waitForAll()
            }
            let tracks = try await subject.storage.tracks(of: key, last: 100).tracks
            #expect(tracks.count == 16)
            for (index, track) in tracks.enumerated() {
                #expect(track.count == 8 && track.events.seqs == Array(1...8), "\(index)")
                #expect(Set(track.events.texts).count == 8)
            }
            #expect(try await subject.record(key).version == 1 + 128)
        },

        StorageContract("tracks are listed by name, with their last events when asked for") { subject in
            let key = try await subject.created()
            let names = ["a:b", "a", "é", "e\u{301}", "{x}", "*", "a/b%2F", "A", String(repeating: "n", count: 256)]
            for (index, name) in names.enumerated() { try await subject.note("1", "2", "\(index)", in: name, of: key) }
            let list = try await subject.storage.tracks(of: key, last: 2)
            #expect(list.generation == (try await subject.record(key)).generation)
            let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect(list.tracks.map { Array($0.name.utf8) } == sorted.map { Array($0.utf8) })
            for track in list.tracks {
                let index = try #require(names.firstIndex { $0.utf8.elementsEqual(track.name.utf8) })
                #expect(track.events.texts == ["2", "\(index)"])
                #expect(track.count == 3 && track.tail == track.events.last?.offset && track.floor == .start)
                #expect(track.ttl == nil && track.expiresAt == nil)
            }
            #expect(try await subject.storage.tracks(of: key, last: 0).tracks.allSatisfy { $0.events.isEmpty && $0.count == 3 })
            #expect(try await subject.trackTexts("é", key).last == "2")
        },

        StorageContract("a track is read in pages, from a place or a moment on") { subject in
            let key = try await subject.created()
            var moments: [Timestamp] = []
            for number in 1...7 {
                subject.clock.advance(milliseconds: 10)
                moments.append(subject.clock.now())
                try await subject.note("\(number)", in: "t", of: key)
            }
            var query = TrackQuery(limit: 3)
            let first = try await subject.storage.events(ofTrack: "t", of: key, query)
            #expect(first.events.texts == ["1", "2", "3"] && !first.upToDate && first.next == first.events[2].offset)
            query.after = first.next.map { .offset($0) }
            let second = try await subject.storage.events(ofTrack: "t", of: key, query)
            #expect(second.events.texts == ["4", "5", "6"] && !second.upToDate)
            query.after = .seq(6)
            let third = try await subject.storage.events(ofTrack: "t", of: key, query)
            #expect(third.events.texts == ["7"] && third.upToDate && third.next == third.tail)
            query.after = third.next.map { .offset($0) }
            #expect(try await subject.storage.events(ofTrack: "t", of: key, query).events.isEmpty)
            #expect(try await subject.trackTexts("t", key, since: moments[4]) == ["5", "6", "7"])
            #expect(try await subject.trackTexts("t", key, since: moments[4].adding(milliseconds: 1)) == ["6", "7"])
            #expect(try await subject.trackTexts("t", key, since: moments[6].adding(milliseconds: 1)) == [])
            #expect(try await subject.trackTexts("t", key, since: Timestamp(milliseconds: 0)).count == 7)
            #expect(
                try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .seq(5), since: moments[2])).events.texts == ["6", "7"])
            #expect(
                try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .seq(1), limit: 2, since: moments[3])).events.texts
                    == ["4", "5"])
        },

        StorageContract("cursors of a track that stand nowhere are refused") { subject in
            let key = try await subject.created()
            subject.clock.advance(seconds: 1)
            let receipt = try await subject.note("a", "b", "c", in: "t", of: key)
            for cursor in [Cursor.seq(4), .offset(Offset(milliseconds: 1, seq: 2)), .offset(Offset(milliseconds: 1, seq: 3))] {
                let error = await refused(.offsetGone) { _ = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: cursor)) }
                guard case .gone(.start, receipt.tail, _)? = error?.detail else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
            }
            _ = try await subject.storage.deleteTrack("t", of: key, epoch: nil)
            subject.clock.advance(seconds: 1)
            try await subject.note("d", "e", "f", in: "t", of: key)
            for entry in receipt.entries {
                await refused(.offsetGone) { _ = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .offset(entry.offset))) }
            }
        },

        StorageContract("writing to a track counts as a change of its session and keeps it alive") { subject in
            let key = try await subject.created("session", SessionDraft(lifetime: .seconds(10)))
            for _ in 0..<5 {
                let before = try await subject.record(key)
                subject.clock.advance(seconds: 6)
                let receipt = try await subject.note("a", in: "t", of: key)
                let after = try await subject.record(key)
                #expect(after.version == before.version + 1 && receipt.version == after.version)
                #expect(after.updatedAt == subject.clock.now() && after.expiresAt == subject.clock.now().adding(seconds: 10))
                #expect(after.tail == before.tail && after.eventCount == before.eventCount)
            }
            #expect(try await subject.trackTexts("t", key).count == 5)
            subject.clock.advance(seconds: 10)
            await refused(.notFound) { _ = try await subject.note("a", in: "t", of: key) }
        },

        StorageContract("a track without a lifetime of its own lives as long as its session") { subject in
            let key = try await subject.created("session", SessionDraft(lifetime: .seconds(10)))
            try await subject.note("a", in: "t", of: key)
            for _ in 0..<5 {
                subject.clock.advance(seconds: 6)
                try await subject.append(.text("x"), to: key)
            }
            #expect(try await subject.trackTexts("t", key) == ["a"])
            subject.clock.advance(seconds: 10)
            try await subject.created("session")
            #expect(try await subject.storage.tracks(of: key, last: 0).tracks.isEmpty)
            #expect(try await subject.trackTexts("t", key) == [])
        },

        StorageContract("a lifetime of its own ends a track earlier, counted from its last write") { subject in
            let key = try await subject.created()
            let first = try await subject.storage.append(TrackBatch([.text("a")], ttl: 10), toTrack: "t", of: key)
            try await subject.note("stays", in: "u", of: key)
            subject.clock.advance(seconds: 6)
            // Later writes leave the lifetime as it is.
            try await subject.note("b", in: "t", of: key)
            let track = try #require(try await subject.storage.tracks(of: key, last: 0).tracks.first)
            #expect(track.name == "t" && track.ttl == 10 && track.expiresAt == subject.clock.now().adding(seconds: 10))
            subject.clock.advance(milliseconds: 9_999)
            #expect(try await subject.trackTexts("t", key) == ["a", "b"])
            subject.clock.advance(milliseconds: 1)
            #expect(try await subject.trackTexts("t", key) == [])
            #expect(try await subject.storage.tracks(of: key, last: 0).tracks.map(\.name) == ["u"])
            #expect(try await subject.storage.deleteTrack("t", of: key, epoch: nil) == false)
            await refused(.offsetGone) {
                _ = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .offset(first.entries[0].offset)))
            }
            // What is made again is another one, which lives as long as its session.
            let again = try await subject.note("c", in: "t", of: key)
            #expect(again.entries[0].seq == 1 && again.entries[0].id != first.entries[0].id)
            subject.clock.advance(seconds: 100)
            #expect(try await subject.trackTexts("t", key) == ["c"])
        },

        StorageContract("a lifetime of its own can be changed by a later write") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.append(TrackBatch([.text("a")], ttl: 10), toTrack: "t", of: key)
            _ = try await subject.storage.append(TrackBatch([.text("b")], ttl: 100), toTrack: "t", of: key)
            subject.clock.advance(seconds: 99)
            #expect(try await subject.trackTexts("t", key) == ["a", "b"])
            subject.clock.advance(seconds: 1)
            #expect(try await subject.trackTexts("t", key) == [])
        },

        StorageContract("no track outlives its session, whatever its own lifetime") { subject in
            let key = try await subject.created("session", SessionDraft(lifetime: .seconds(10)))
            _ = try await subject.storage.append(TrackBatch([.text("a")], ttl: 1000), toTrack: "t", of: key)
            subject.clock.advance(seconds: 10)
            await refused(.notFound) { _ = try await subject.trackTexts("t", key) }
            try await subject.created("session")
            #expect(try await subject.trackTexts("t", key) == [])
        },

        StorageContract("writes to tracks are held to the fence of the session's lease") { subject in
            let key = try await subject.created()
            let lease = try await subject.storage.acquireLease(LeaseRequest(holder: "a", ttl: 60_000), on: key)
            await refused(.busy) { _ = try await subject.note("x", in: "t", of: key) }
            await refused(.fenced) {
                _ = try await subject.storage.append(TrackBatch([.text("x")], epoch: lease.epoch + 1), toTrack: "t", of: key)
            }
            #expect(try await subject.storage.tracks(of: key, last: 0).tracks.isEmpty)
            let batch = TrackBatch([try .text("a", id: "1")], epoch: lease.epoch)
            _ = try await subject.storage.append(batch, toTrack: "t", of: key)
            // A retry of what was done gets its receipt.
            #expect(try await subject.storage.append(TrackBatch([.text("a", id: "1")], epoch: 1), toTrack: "t", of: key).isDuplicate)
            await refused(.busy) { _ = try await subject.storage.deleteTrack("t", of: key, epoch: nil) }
            await refused(.fenced) { _ = try await subject.storage.deleteTrack("t", of: key, epoch: 1) }
            subject.clock.advance(seconds: 60)
            await refused(.fenced) { _ = try await subject.storage.append(TrackBatch([.text("b")], epoch: lease.epoch), toTrack: "t", of: key) }
            #expect(try await subject.note("b", in: "t", of: key).entries.map(\.seq) == [2])
            #expect(try await subject.storage.deleteTrack("t", of: key, epoch: nil))
        },

        StorageContract("a track is deleted alone") { subject in
            let key = try await subject.created()
            try await subject.append(2, to: key)
            try await subject.note("a", in: "t", of: key)
            try await subject.note("b", in: "u", of: key)
            let version = try await subject.record(key).version
            #expect(try await subject.storage.deleteTrack("t", of: key, epoch: nil))
            #expect(try await subject.record(key).version == version + 1)
            #expect(try await subject.storage.deleteTrack("t", of: key, epoch: nil) == false)
            #expect(try await subject.record(key).version == version + 1)
            #expect(try await subject.storage.tracks(of: key, last: 0).tracks.map(\.name) == ["u"])
            #expect(try await subject.texts(key) == ["1", "2"])
        },

        StorageContract("what becomes of the events leaves tracks alone, and a fork begins without any") { subject in
            let key = try await subject.created()
            try await subject.append(4, to: key)
            try await subject.note("a", in: "t", of: key)
            _ = try await subject.storage.rewind(key, RewindDraft(to: .seq(2)))
            _ = try await subject.storage.remove(nil, in: key)
            let fork = try subject.key("fork")
            try await subject.fork(key, to: fork)
            #expect(try await subject.storage.tracks(of: fork, last: 0).tracks.isEmpty)
            try await subject.note("of the fork", in: "t", of: fork)
            try await subject.storage.clear(key)
            #expect(try await subject.trackTexts("t", key) == ["a"])
            _ = try await subject.storage.delete(key)
            #expect(try await subject.trackTexts("t", fork) == ["of the fork"])
            try await subject.created()
            #expect(try await subject.storage.tracks(of: key, last: 1).tracks.isEmpty)
        },

        StorageContract("a track keeps as many events as a session does", StorePolicy(maximumEvents: 3)) { subject in
            let key = try await subject.created()
            for number in 1...5 {
                subject.clock.advance(milliseconds: 1)
                _ = try await subject.storage.append(TrackBatch([.text("\(number)", id: "id-\(number)")]), toTrack: "t", of: key)
            }
            let track = try #require(try await subject.storage.tracks(of: key, last: 10).tracks.first)
            #expect(track.events.texts == ["3", "4", "5"] && track.count == 3 && track.floor.seq == 2 && track.tail.seq == 5)
            #expect(try await subject.trackTexts("t", key) == ["3", "4", "5"])
            let error = await refused(.offsetGone) { _ = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .seq(1))) }
            guard case .gone(track.floor, track.tail, _)? = error?.detail else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .offset(track.floor))).events.count == 3)
            // Ids are free again with what was trimmed.
            let receipt = try await subject.storage.append(TrackBatch([.text("6", id: "id-1"), .text("x", id: "id-5")]), toTrack: "t", of: key)
            #expect(receipt.entries.map(\.isDuplicate) == [false, true])
            _ = try await subject.storage.append(TrackBatch((7...20).map { try .text("\($0)", id: "id-\($0)") }), toTrack: "t", of: key)
            #expect(try await subject.trackTexts("t", key) == ["18", "19", "20"])
            #expect(try await subject.trackTexts("t", key, since: Timestamp(milliseconds: 0)) == ["18", "19", "20"])
        },

        StorageContract("a session has a bounded number of tracks, and those whose time is over make room") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.append(TrackBatch([.text("a")], ttl: 10), toTrack: "ends", of: key)
            for number in 1..<Track.maximumPerSession { try await subject.note("a", in: "\(number)", of: key) }
            await refused(.tooLarge) { _ = try await subject.note("a", in: "one more", of: key) }
            try await subject.note("b", in: "1", of: key)
            subject.clock.advance(seconds: 10)
            try await subject.note("a", in: "one more", of: key)
            await refused(.tooLarge) { _ = try await subject.note("a", in: "yet another", of: key) }
            let tracks = try await subject.storage.tracks(of: key, last: 1).tracks
            #expect(tracks.count == Track.maximumPerSession && tracks.allSatisfy { $0.events.count == 1 })
            #expect(try await subject.storage.deleteTrack("7", of: key, epoch: nil))
            try await subject.note("a", in: "yet another", of: key)
            _ = try await subject.storage.delete(key)
        },

        StorageContract("large events of tracks come in several pages, and a list of too many bytes is refused") { subject in
            let key = try await subject.created()
            let text = String(repeating: "x", count: 1 << 20)
            for number in 0..<18 { try await subject.note("\(number)" + text, in: "track-\(number % 9)", of: key) }
            for number in 0..<20 { try await subject.note("\(number)" + text, in: "long", of: key) }
            #expect(try await subject.trackTexts("long", key).map { $0.utf8.count } == (0..<20).map { "\($0)".utf8.count + 1 << 20 })
            await refused(.tooLarge) { _ = try await subject.storage.tracks(of: key, last: 1) }
            #expect(try await subject.storage.tracks(of: key, last: 0).tracks.map(\.count) == [20] + Array(repeating: 2, count: 9))
        },

        StorageContract("reading a track keeps its session alive where reading does", StorePolicy(readsExtendLife: true)) { subject in
            let key = try await subject.created("session", SessionDraft(lifetime: .seconds(10)))
            try await subject.note("a", in: "t", of: key)
            for _ in 0..<3 {
                subject.clock.advance(seconds: 6)
                _ = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery())
                subject.clock.advance(seconds: 6)
                _ = try await subject.storage.tracks(of: key, last: 1)
            }
            // What is refused is no reading.
            subject.clock.advance(seconds: 6)
            await refused(.offsetGone) { _ = try await subject.storage.events(ofTrack: "t", of: key, TrackQuery(after: .seq(9))) }
            subject.clock.advance(seconds: 4)
            await refused(.notFound) { _ = try await subject.storage.tracks(of: key, last: 0) }
        },

        StorageContract("times of a track never go back, and are never before the session's last change") { subject in
            let key = try await subject.created()
            subject.clock.advance(seconds: 10)
            try await subject.append(1, to: key)
            subject.clock.advance(seconds: -5)
            let first = try await subject.note("a", in: "t", of: key)
            #expect(first.entries[0].time == (try await subject.record(key)).updatedAt)
            subject.clock.advance(seconds: -5)
            let second = try await subject.note("b", in: "t", of: key)
            #expect(second.entries[0].time >= first.entries[0].time)
        },

        StorageContract("what is written to a track is there after reopening") { subject in
            guard let reopen = subject.opened.reopen else { return }
            let key = try await subject.created()
            let receipt = try await subject.note("a", "b", in: "t", of: key)
            let list = try await subject.storage.tracks(of: key, last: 2)
            await subject.storage.close()
            let storage = try await reopen()
            #expect(try await storage.tracks(of: key, last: 2) == list)
            let again = try await storage.append(TrackBatch([.text("x", id: receipt.entries[0].id)]), toTrack: "t", of: key)
            #expect(again.isDuplicate)
            await storage.close()
        },
    ]
}

extension StorageSubject {
    /// Appends texts to a track in one batch.
    @discardableResult
    fileprivate func note(_ texts: String..., in track: String, of key: SessionKey) async throws -> AppendReceipt {
        try await storage.append(TrackBatch(texts.map { try .text($0) }), toTrack: track, of: key)
    }

    /// The texts of all events of a track, read page by page.
    fileprivate func trackTexts(_ track: String, _ key: SessionKey, since: Timestamp? = nil) async throws -> [String] {
        var query = TrackQuery(limit: EventQuery.maximumLimit, since: since)
        var texts: [String] = []
        while true {
            let page = try await storage.events(ofTrack: track, of: key, query)
            texts += page.events.texts
            guard let next = page.next, !page.upToDate else { return texts }
            query.after = .offset(next)
        }
    }
}
