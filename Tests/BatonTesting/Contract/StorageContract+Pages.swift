internal import BatonCore
internal import Testing

extension StorageContract {
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
}
