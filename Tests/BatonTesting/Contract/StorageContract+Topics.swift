internal import BatonCore
internal import Testing

extension StorageContract {
    static let publishing: [StorageContract] = [
        StorageContract("publishing numbers events from 1 on and gives back everything as it was") { subject in
            let storage = subject.storage
            let data = try JSON.of(#"{"b":1.50,"a":[null,"ü"],"b":2}"#)
            let happened = Timestamp(milliseconds: 1_600_000_000_123)
            let receipt = try await storage.publish(
                TopicBatch([
                    TopicEventDraft(type: "made", key: "k:{1}", data: data, id: "mine", time: happened),
                    TopicEventDraft(type: "x", data: .null),
                ]), to: "t")
            let events = try await subject.events()
            #expect(receipt.entries.map(\.seq) == [1, 2])
            #expect(receipt.entries.map(\.isDuplicate) == [false, false])
            #expect(receipt.entries.map(\.time) == [subject.clock.now(), subject.clock.now()])
            #expect(events.map(\.id) == receipt.entries.map(\.id))
            #expect(events.map(\.offset) == receipt.entries.map(\.offset))
            #expect(events.map(\.seq) == [1, 2])
            #expect(events.map(\.type) == ["made", "x"])
            #expect(events.map(\.key) == ["k:{1}", nil])
            #expect(events.map(\.time) == [happened, subject.clock.now()])
            #expect(events.map(\.data) == [data, .null])
            #expect(events[0].id == "mine")
            let topic = try await storage.topic("t")
            #expect(events[1].id == SessionRecord.madeID(generation: topic.generation, seq: 2))
            #expect(topic.count == 2)
            #expect(topic.tail == events[1].offset)
            #expect(topic.earliest == .start)
            #expect(topic.retention == .standard)
        },

        StorageContract("topics are apart, whatever they are called") { subject in
            let names = ["a", "a:b", "{a}", "a/b", "%61", "\u{e9}", "e\u{301}", String(repeating: "n", count: 256), "sessions2"]
            for name in names { try await subject.publish(name, to: name) }
            for name in names { #expect(try await subject.texts(of: name) == [name]) }
            let listed = try await subject.storage.topics(after: nil, limit: 100).map(\.name)
            #expect(Set(listed.map { Array($0.utf8) }) == Set((names + ["sessions"]).map { Array($0.utf8) }))
        },

        StorageContract("topics are listed in pages, sorted by their bytes") { subject in
            let names = (0..<12).map { "topic-\($0)" } + ["Z", "zz", "\u{e9}"]
            for name in names { try await subject.publish("x", to: name) }
            var listed: [String] = []
            while true {
                let page = try await subject.storage.topics(after: listed.last, limit: 5)
                listed += page.map(\.name)
                guard page.count == 5 else { break }
            }
            #expect(listed == (names + ["sessions"]).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        },

        StorageContract("an id that is kept is published once, and gives its first place again") { subject in
            let storage = subject.storage
            func draft(_ id: String?, _ text: String) -> TopicEventDraft { TopicEventDraft(type: "x", data: JSON(string: text), id: id) }
            let first = try await storage.publish(TopicBatch([draft("a", "1"), draft("b", "2")]), to: "t")
            subject.clock.advance(milliseconds: 5)
            let second = try await storage.publish(TopicBatch([draft("b", "x"), draft("c", "3"), draft("c", "x"), draft(nil, "4")]), to: "t")
            #expect(second.entries.map(\.isDuplicate) == [true, false, true, false])
            #expect(second.entries.map(\.seq) == [2, 3, 3, 4])
            #expect(second.entries[0].offset == first.entries[1].offset)
            #expect(second.entries[0].time == first.entries[1].time)
            #expect(second.entries[2].offset == second.entries[1].offset)
            #expect(try await subject.texts() == ["1", "2", "3", "4"])
            let third = try await storage.publish(TopicBatch([draft("a", "x"), draft("c", "x")]), to: "t")
            #expect(third.isDuplicate)
            #expect(try await storage.topic("t").tail == second.entries[3].offset)
            // The same id in another topic is another event.
            #expect(try await !storage.publish(TopicBatch([draft("a", "1")]), to: "other").isDuplicate)
            // Ids that only look the same are different.
            let alike = try await storage.publish(TopicBatch([draft("\u{e9}", "5"), draft("e\u{301}", "6")]), to: "t")
            #expect(alike.entries.map(\.isDuplicate) == [false, false])
        },

        StorageContract("an id that the store made stands for its event") { subject in
            let storage = subject.storage
            let entry = try await subject.publish("1")
            let again = try await storage.publish(TopicBatch([TopicEventDraft(type: "x", data: .null, id: entry.id)]), to: "t")
            #expect(again.entries.map(\.seq) == [1])
            #expect(again.isDuplicate)
            let generation = try await storage.topic("t").generation
            await refused(.invalidField) {
                let id = SessionRecord.madeID(generation: generation, seq: 2)
                _ = try await storage.publish(TopicBatch([TopicEventDraft(type: "x", data: .null, id: id)]), to: "t")
            }
            #expect(try await subject.texts() == ["1"])
        },

        StorageContract("a request with the same idempotency key is published once, and another one under it is refused") { subject in
            let storage = subject.storage
            let batch = TopicBatch(["1", "2"].map { TopicEventDraft(type: "x", data: JSON(string: $0)) }, idempotencyKey: "request")
            let first = try await storage.publish(batch, to: "t")
            subject.clock.advance(milliseconds: 10)
            let second = try await storage.publish(batch, to: "t")
            #expect(second.isDuplicate)
            #expect(second.entries.map(\.id) == first.entries.map(\.id))
            #expect(second.entries.map(\.seq) == [1, 2])
            #expect(second.entries.map(\.offset) == first.entries.map(\.offset))
            #expect(second.entries.map(\.time) == first.entries.map(\.time))
            var other = batch
            other.events[1].data = JSON(string: "3")
            let changed = other
            await refused(.idempotencyMismatch) { _ = try await storage.publish(changed, to: "t") }
            #expect(try await storage.publish(batch, to: "other").isDuplicate == false)
            #expect(try await subject.texts() == ["1", "2"])
        },

        StorageContract("publishing in many tasks at once loses and doubles nothing") { subject in
            let storage = subject.storage
            let receipts = try await withThrowingTaskGroup(of: [Int].self) { group in
                for task in 0..<8 {
                    group.addTask {
                        var seqs: [Int] = []
                        for number in 0..<20 {
                            let draft = TopicEventDraft(type: "x", key: "\(task)", data: JSON(string: "\(number)"))
                            seqs += try await storage.publish(TopicBatch([draft]), to: "t").entries.map(\.seq)
                        }
                        return seqs
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(receipts.sorted() == Array(1...160))
            let events = try await subject.events()
            #expect(events.map(\.seq) == Array(1...160))
            for task in 0..<8 { #expect(events.filter { $0.key == "\(task)" }.texts == (0..<20).map { "\($0)" }) }
        },

        StorageContract("time does not go back inside a topic") { subject in
            try await subject.publish("1")
            subject.clock.advance(milliseconds: -60_000)
            try await subject.publish("2")
            let events = try await subject.events()
            #expect(events.texts == ["1", "2"])
            #expect(events[1].time >= events[0].time)
            #expect(events[0].offset.text < events[1].offset.text)
        },

        StorageContract("nobody publishes to the sessions' topic or deletes it") { subject in
            await refused(.forbidden) { try await subject.publish("x", to: Topic.sessions) }
            await refused(.forbidden) { _ = try await subject.storage.deleteTopic(Topic.sessions) }
        },

        StorageContract("publishing is hinted") { subject in
            let hints = Guarded(0)
            let observation = subject.storage.observe { hint in
                if hint == .topic("t") || hint == .everything { hints.withLock { $0 += 1 } }
            }
            let watch = subject.storage.watch(topic: "t")
            for number in 1...5 {
                let before = hints.withLock { $0 }
                try await subject.publish("\(number)")
                #expect(await eventually { hints.withLock { $0 } > before })
            }
            watch.cancel()
            observation.cancel()
        },
    ]

    static let topicPages: [StorageContract] = [
        StorageContract("reading begins at the start, after an offset, now, or at a moment") { subject in
            let storage = subject.storage
            let entries = [try await subject.publish("1"), try await subject.publish("2"), try await subject.publish("3")]
            #expect(try await subject.texts(from: .start) == ["1", "2", "3"])
            #expect(try await subject.texts(from: .offset(.start)) == ["1", "2", "3"])
            #expect(try await subject.texts(from: .offset(entries[0].offset)) == ["2", "3"])
            #expect(try await subject.texts(from: .offset(entries[2].offset)) == [])
            #expect(try await subject.texts(from: .time(entries[1].time)) == ["2", "3"])
            #expect(try await subject.texts(from: .time(Timestamp(milliseconds: entries[1].time.milliseconds + 1))) == ["3"])
            #expect(try await subject.texts(from: .time(Timestamp(milliseconds: 0))) == ["1", "2", "3"])
            #expect(try await subject.texts(from: .time(Timestamp(milliseconds: entries[2].time.milliseconds + 1))) == [])
            let now = try await storage.events(in: "t", TopicQuery(from: .now))
            #expect(now.events.isEmpty)
            #expect(now.upToDate)
            #expect(now.next == entries[2].offset)
            #expect(now.tail == entries[2].offset)
            try await subject.publish("4")
            #expect(try await subject.texts(from: .offset(now.next)) == ["4"])
        },

        StorageContract("pages join without gap or duplicate, also while somebody publishes") { subject in
            try await subject.publish(1...25)
            var query = TopicQuery(limit: 10)
            var texts: [String] = []
            for round in 0..<20 {
                let page = try await subject.storage.events(in: "t", query)
                #expect(page.events.count <= 10)
                #expect(page.next == page.events.last?.offset ?? page.next)
                texts += page.events.texts
                query.cursor = .offset(page.next)
                if round < 5 { try await subject.publish("\(26 + round)") } else if page.upToDate { break }
            }
            #expect(texts == (1...30).map { "\($0)" })
        },

        StorageContract("a topic that does not exist is empty, and where it begins is a cursor later") { subject in
            let page = try await subject.storage.events(in: "t", TopicQuery(from: .now))
            #expect(page.events.isEmpty)
            #expect(page.upToDate)
            #expect(page.next == .start)
            await refused(.notFound) { _ = try await subject.storage.topic("t") }
            #expect(try await subject.storage.groups(of: "t") == [])
            try await subject.publish("1")
            #expect(try await subject.texts(from: .offset(page.next)) == ["1"])
        },

        StorageContract("filters choose by type and key, as bytes, and cursors move over what they leave out") { subject in
            let storage = subject.storage
            for number in 0..<40 {
                let draft = TopicEventDraft(
                    type: "type-\(number % 4)", key: number % 3 == 0 ? nil : "key-\(number % 3)", data: JSON(string: "\(number)"))
                _ = try await storage.publish(TopicBatch([draft]), to: "t")
            }
            var filter = TopicFilter()
            filter.types = ["type-1", "type-2"]
            #expect(try await subject.events(filter, limit: 7).map { $0.seq! - 1 } == (0..<40).filter { [1, 2].contains($0 % 4) })
            filter.keys = ["key-2"]
            #expect(try await subject.events(filter, limit: 7).map { $0.seq! - 1 } == (0..<40).filter { [1, 2].contains($0 % 4) && $0 % 3 == 2 })
            filter = TopicFilter()
            filter.types = ["none"]
            let page = try await storage.events(in: "t", TopicQuery(filter: filter))
            #expect(page.events.isEmpty)
            #expect(page.upToDate)
            #expect(page.next == page.tail)
            filter.types = ["TYPE-1"]
            #expect(try await subject.events(filter).isEmpty)
        },

        StorageContract("a cursor that stands after the tail or at another event's place is gone, and a text of nobody's is refused") { subject in
            let storage = subject.storage
            let entries = try await subject.publish(1...3)
            let ahead = Offset(milliseconds: entries[2].time.milliseconds, seq: 4)
            let other = Offset(milliseconds: entries[1].time.milliseconds + 1, seq: 2)
            for offset in [ahead, other] {
                try await subject.gone { _ = try await storage.events(in: "t", TopicQuery(from: .offset(TopicOffset(offset)))) }
            }
            for text in ["", "1", "now", "0000000000000001-0000000000000001", "\(entries[0].offset)0", "é"] {
                await refused(.invalidCursor) { _ = try await storage.events(in: "t", TopicQuery(from: .offset(TopicOffset(text)))) }
            }
        },

        StorageContract("a topic that is deleted is gone with its groups, and one that is published anew is another") { subject in
            let storage = subject.storage
            try await subject.grouped()
            let old = try await subject.publish(1...3)
            let before = try await storage.topic("t")
            _ = try await subject.receive(2)
            #expect(try await storage.deleteTopic("t"))
            #expect(try await !storage.deleteTopic("t"))
            await refused(.notFound) { _ = try await storage.topic("t") }
            await refused(.notFound) { _ = try await subject.receive() }
            #expect(try await subject.texts() == [])
            await refused(.offsetGone) { _ = try await storage.events(in: "t", TopicQuery(from: .offset(old[1].offset))) }
            subject.clock.advance(milliseconds: 1)
            try await subject.publish(1...3)
            #expect(try await storage.topic("t").generation != before.generation)
            try await subject.gone { _ = try await storage.events(in: "t", TopicQuery(from: .offset(old[1].offset))) }
            #expect(try await storage.groups(of: "t") == [])
            #expect(try await subject.texts() == ["1", "2", "3"])
        },

        StorageContract("large events are read in pages that stay bounded") { subject in
            let text = String(repeating: "x", count: TopicEventDraft.maximumDataBytes - 2)
            for _ in 0..<20 { try await subject.publish(text) }
            var lengths: [Int] = []
            var query = TopicQuery(limit: 1000)
            while true {
                let page = try await subject.storage.events(in: "t", query)
                #expect(page.events.reduce(0) { $0 + $1.data.bytes.count } <= 18 << 20)
                lengths += page.events.map(\.data.bytes.count)
                query.cursor = .offset(page.next)
                if page.upToDate { break }
            }
            #expect(lengths == Array(repeating: TopicEventDraft.maximumDataBytes, count: 20))
        },

        StorageContract("topics outlive the process") { subject in
            guard let reopen = subject.opened.reopen else { return }
            try await subject.grouped()
            let entries = try await subject.publish(1...3)
            let held = try await subject.receive(2)
            await subject.storage.close()
            let again = try await reopen()
            let events = try await again.events(in: "t", TopicQuery())
            let outcomes = try await again.settle([Settlement(id: held[0].id, token: held[0].token, .acknowledge)], of: "t", as: "c", in: "g")
            let group = try await again.group("g", of: "t")
            await again.close()
            #expect(events.events.map(\.offset) == entries.map(\.offset))
            #expect(outcomes == [.done])
            #expect(group.pending == 1)
            #expect(group.lag == 1)
        },
    ]
}
