internal import BatonCore
internal import Testing

extension StorageContract {
    static let sessionsTopic: [StorageContract] = [
        StorageContract("the sessions' topic is there from the beginning, and strict") { subject in
            let topic = try await subject.storage.topic(Topic.sessions)
            #expect(topic.retention == .sessions)
            let page = try await subject.storage.events(in: Topic.sessions, TopicQuery(from: .now))
            #expect(page.events.isEmpty)
            #expect(page.upToDate)
            try await subject.created()
            #expect(try await subject.events(of: Topic.sessions, from: .offset(page.next)).types == ["session.created"])
            await refused(.invalidField) { _ = try await subject.storage.retain(.count(10, .safe), in: Topic.sessions) }
            await refused(.invalidField) {
                let bytes = TopicRetention(maximumEvents: nil, maximumBytes: 10, maximumAge: nil, policy: .strict)
                _ = try await subject.storage.retain(bytes, in: Topic.sessions)
            }
        },

        StorageContract("every kind of change of a session is on the sessions' topic, in order") { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.append(.text("1", id: "a"), .text("2", id: "b"), .text("3", id: "c"), to: key)
            var patch = SessionPatch()
            patch.title = .set("title")
            _ = try await storage.update(key, with: patch, expectedVersion: nil)
            patch.activeAgent = .set("writer")
            _ = try await storage.update(key, with: patch, expectedVersion: nil)
            // The same agent again is no handoff.
            _ = try await storage.update(key, with: patch, expectedVersion: nil)
            _ = try await storage.change(.session(key), [StateChange("k", .set(.null))])
            _ = try await storage.change(key, StateDelta.setting([("user:k", "1")]))
            _ = try await storage.touch(key)
            _ = try await storage.replace("b", in: key, with: EventPatch(content: JSON(string: "two")))
            _ = try await storage.remove("a", in: key)
            _ = try await storage.remove(nil, in: key)
            let events = try await subject.events(of: Topic.sessions)
            #expect(
                events.types == [
                    "session.created", "session.event", "session.updated", "session.handoff", "session.updated", "state.changed", "state.changed",
                    "event.edited", "event.removed", "event.removed",
                ], "events 1 and 3 are gone, so they are passed over; what is left shows event 2 as it is now")
            #expect(events.filter { $0.data["event"] != nil }.map { $0.data["event"]?["content"]?.stringValue } == ["two", "two"])
            #expect(events.compactMap { $0.data["seq"]?.intValue } == [1, 3])
            try await storage.clear(key)
            #expect(try await storage.delete(key))
            #expect(
                try await subject.events(of: Topic.sessions).types == [
                    "session.created", "session.updated", "session.handoff", "session.updated", "state.changed", "state.changed", "event.removed",
                    "event.removed", "session.cleared", "session.deleted",
                ])
        },

        StorageContract("a change on the sessions' topic says which session, and carries its event as readers see it") { subject in
            let key = try await subject.created("id/1", user: "user ü", app: "a:{p}", SessionDraft())
            try await subject.append(.text("hello", id: "e", role: "user"), to: key)
            let change = try #require(try await subject.events(of: Topic.sessions).last)
            let event = try #require(try await subject.events(key).first)
            var writer = JSONWriter()
            writer.event(event)
            #expect(change.type == "session.event")
            #expect(change.key == "a%3A%7Bp%7D/user%20%C3%BC/id%2F1")
            #expect(change.key == key.path)
            #expect(change.seq == nil)
            #expect(change.time == event.time)
            #expect(change.data["app"]?.stringValue == key.app)
            #expect(change.data["user"]?.stringValue == key.user)
            #expect(change.data["session"]?.stringValue == key.id)
            #expect(change.data["event"]?.bytes == writer.bytes)
        },

        StorageContract("an append that makes its session shows both, and one that stores nothing shows nothing") { subject in
            let storage = subject.storage
            let key = try subject.key()
            let batch = EventBatch([try .text("1", id: "a", state: ["k": "1"]), try .text("2")], createsSession: true)
            _ = try await storage.append(batch, to: key)
            let types = ["session.created", "session.event", "session.event"]
            #expect(try await subject.events(of: Topic.sessions).types == types)
            _ = try await storage.append(EventBatch([try .text("1", id: "a")]), to: key)
            _ = try await storage.create(SessionDraft(), at: key)
            #expect(try await subject.events(of: Topic.sessions).types == types)
            await refused(.preconditionFailed) { _ = try await storage.append(EventBatch([try .text("x")], expectedSeq: 7), to: key) }
            #expect(try await subject.events(of: Topic.sessions).types == types)
        },

        StorageContract("an append that passes the turn on shows the handoff after its events") { subject in
            let key = try await subject.created()
            let change = AgentChange(from: nil, to: "writer")
            _ = try await subject.storage.append(EventBatch([try .text("1")], agent: change), to: key)
            #expect(try await subject.events(of: Topic.sessions).types == ["session.created", "session.event", "session.handoff"])
        },

        StorageContract("events of a session that expired are passed over at once, and its end is noticed") { subject in
            let storage = subject.storage
            let key = try await subject.created("short", SessionDraft(lifetime: .seconds(10)))
            try await subject.append(.text("1"), to: key)
            subject.clock.advance(seconds: 20)
            #expect(try await !subject.events(of: Topic.sessions).types.contains("session.event"))
            _ = try await storage.create(SessionDraft(), at: key)
            #expect(
                await eventually {
                    (try? await subject.events(of: Topic.sessions).types) == ["session.created", "session.expired", "session.created"]
                })
        },

        StorageContract("events of a session that was made anew are not taken for those of the one before") { subject in
            let key = try await subject.created()
            try await subject.append(.text("old"), to: key)
            _ = try await subject.storage.delete(key)
            try await subject.created()
            subject.clock.advance(milliseconds: 1)
            try await subject.append(.text("new"), to: key)
            let events = try await subject.events(of: Topic.sessions)
            #expect(events.types == ["session.created", "session.deleted", "session.created", "session.event"])
            #expect(events.last?.data["event"]?["content"]?.stringValue == "new")
        },

        StorageContract("filters on the sessions' topic choose by application, user, session and type") { subject in
            let storage = subject.storage
            let keys = [
                try await subject.created("1", user: "u", app: "a"), try await subject.created("2", user: "u", app: "a"),
                try await subject.created("1", user: "v", app: "a"), try await subject.created("1", user: "u", app: "b"),
            ]
            for round in 1...5 { for key in keys { try await subject.append(.text("\(round)"), to: key) } }
            var filter = TopicFilter()
            filter.types = ["session.event"]
            filter.app = "a"
            #expect(try await subject.events(of: Topic.sessions, filter, limit: 4).count == 15)
            filter.user = "u"
            #expect(try await subject.events(of: Topic.sessions, filter, limit: 4).count == 10)
            filter.keys = [keys[1].path]
            let events = try await subject.events(of: Topic.sessions, filter, limit: 4)
            #expect(events.map { $0.data["event"]?["seq"]?.intValue } == [1, 2, 3, 4, 5])
            filter.keys = ["no path", keys[3].path]
            let page = try await storage.events(in: Topic.sessions, TopicQuery(filter: filter))
            #expect(page.events.isEmpty)
            #expect(page.upToDate)
            #expect(page.next.reaches(page.tail))
        },

        StorageContract("many writers: each session's events are in their order, and every reader sees all of them") { subject in
            let storage = subject.storage
            let keys = try (0..<6).map { try subject.key("\($0)", user: "user \($0 % 3)") }
            for key in keys { _ = try await storage.create(SessionDraft(), at: key) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for key in keys {
                    group.addTask { for _ in 0..<20 { _ = try await storage.append(EventBatch([try .text("x"), try .text("y")]), to: key) } }
                }
                try await group.waitForAll()
            }
            for limit in [1000, 17] {
                let events = try await subject.events(of: Topic.sessions, limit: limit)
                #expect(Set(events.map(\.id)).count == events.count)
                for key in keys {
                    let seqs = events.filter { $0.key == key.path }.compactMap { $0.data["event"]?["seq"]?.intValue }
                    #expect(seqs == Array(1...40))
                }
            }
        },

        StorageContract("reading the sessions' topic begins at the start, after an offset, now, or at a moment") { subject in
            let key = try await subject.created()
            try await subject.append(3, to: key)
            let events = try await subject.events(of: Topic.sessions)
            #expect(events.types == ["session.created", "session.event", "session.event", "session.event"])
            for (index, event) in events.enumerated() {
                let rest = try await subject.events(of: Topic.sessions, from: .offset(event.offset))
                #expect(rest.map(\.id) == events[(index + 1)...].map(\.id))
                #expect(event.offset.hasPassed(event))
                for other in rest { #expect(!event.offset.hasPassed(other)) }
                let since = try await subject.events(of: Topic.sessions, from: .time(event.time))
                #expect(since.map(\.id) == events.filter { $0.time >= event.time }.map(\.id))
            }
            #expect(try await subject.events(of: Topic.sessions, from: .now).isEmpty)
            await refused(.invalidCursor) {
                _ = try await subject.storage.events(in: Topic.sessions, TopicQuery(from: .offset(TopicOffset("nonsense"))))
            }
        },

        StorageContract("the sessions' topic keeps as many entries as it is told, and a cursor before them is gone") { subject in
            let storage = subject.storage
            let topic = try await storage.retain(.count(5, .strict), in: Topic.sessions)
            #expect(topic.retention == .count(5, .strict))
            let key = try await subject.created()
            try await subject.append(3, to: key)
            let first = try await subject.events(of: Topic.sessions)
            #expect(first.count == 4)
            try await subject.append(6, to: key, from: 4)
            let events = try await subject.events(of: Topic.sessions)
            #expect(events.map { $0.data["event"]?["seq"]?.intValue } == [5, 6, 7, 8, 9])
            await refused(.offsetGone) { _ = try await storage.events(in: Topic.sessions, TopicQuery(from: .offset(first[1].offset))) }
            #expect(try await subject.texts(key).count == 9, "the session keeps its events")
        },

        StorageContract("a change of a session is hinted to whoever waits for the sessions' topic") { subject in
            let key = try await subject.created()
            let hints = Guarded(0)
            let observation = subject.storage.observe { _ in hints.withLock { $0 += 1 } }
            let watch = subject.storage.watch(topic: Topic.sessions)
            for number in 1...5 {
                let before = hints.withLock { $0 }
                try await subject.append(.text("\(number)"), to: key)
                #expect(await eventually { hints.withLock { $0 } > before })
            }
            watch.cancel()
            observation.cancel()
        },

        StorageContract("a group works through the sessions' topic, and passes over what is gone") { subject in
            let storage = subject.storage
            try await subject.grouped(GroupSettings(leaseMilliseconds: 1000), of: Topic.sessions)
            let kept = try await subject.created("kept")
            let doomed = try await subject.created("doomed")
            try await subject.append(.text("1"), .text("2"), to: doomed)
            try await subject.append(.text("3"), to: kept)
            let held = try await subject.receive(of: Topic.sessions)
            #expect(held.map(\.event.type) == ["session.created", "session.created"] + Array(repeating: "session.event", count: 3))
            _ = try await storage.delete(doomed)
            subject.clock.advance(milliseconds: 1000)
            let received = try await storage.receive(100, from: Topic.sessions, as: "d", in: "g")
            let types = received.deliveries.map(\.event.type)
            #expect(types == ["session.created", "session.created", "session.event", "session.deleted"])
            #expect(received.lost == 0)
            #expect(try await subject.group(of: Topic.sessions).pending == 4)
            #expect(received.deliveries[2].event.data["session"]?.stringValue == "kept")
            #expect(received.deliveries[2].id == held[4].id)
            #expect(received.deliveries.prefix(3).map(\.attempt) == [2, 2, 2])
        },

        StorageContract("a group that is slower than the sessions' topic is told how many entries it lost") { subject in
            let storage = subject.storage
            _ = try await storage.retain(.count(5, .strict), in: Topic.sessions)
            let key = try await subject.created()
            try await subject.grouped(of: Topic.sessions, from: .now)
            try await subject.append(12, to: key)
            let received = try await storage.receive(100, from: Topic.sessions, as: "c", in: "g")
            #expect(received.deliveries.map { $0.event.data["event"]?["seq"]?.intValue } == [8, 9, 10, 11, 12])
            #expect(received.lost == 7)
            #expect(try await subject.group(of: Topic.sessions).lost == 7)
        },

        StorageContract("a dead letter of the sessions' topic loses its event with its session") { subject in
            let storage = subject.storage
            let key = try await subject.created()
            try await subject.grouped(of: Topic.sessions, from: .now)
            try await subject.append(.text("1"), .text("2"), to: key)
            let held = try await subject.receive(of: Topic.sessions)
            try await subject.settle(held, .terminate(reason: "no"), of: Topic.sessions)
            #expect(try await subject.dead(of: Topic.sessions).compactMap(\.event).map { $0.data["event"]?["seq"]?.intValue } == [1, 2])
            #expect(try await storage.redrive(.ids([held[0].id]), in: "g", of: Topic.sessions) == 1)
            #expect(try await subject.receive(of: Topic.sessions).ids == [held[0].id])
            _ = try await storage.delete(key)
            let dead = try await subject.dead(of: Topic.sessions)
            #expect(dead.map(\.id) == [held[1].id])
            #expect(dead.allSatisfy { $0.event == nil })
            #expect(try await storage.redrive(.oldest(10), in: "g", of: Topic.sessions) == 0)
            #expect(try await subject.dead(of: Topic.sessions).isEmpty)
        },
    ]
}
