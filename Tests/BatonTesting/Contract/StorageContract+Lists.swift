internal import BatonCore
internal import Testing

extension StorageContract {
    static let lists: [StorageContract] = [
        StorageContract("a list is ordered by last change or by creation, newest first") { subject in
            let ids = ["a", "b", "c", "d"]
            var keys: [SessionKey] = []
            for id in ids {
                subject.clock.advance(seconds: 1)
                keys.append(try await subject.created(id))
            }
            let owner = SessionQuery.Owner.user(keys[0].owner)
            #expect(try await subject.list(SessionQuery(of: owner)) == ["d", "c", "b", "a"])
            subject.clock.advance(seconds: 1)
            try await subject.append(.text("x"), to: keys[1])
            subject.clock.advance(seconds: 1)
            var patch = SessionPatch()
            patch.title = .set("t")
            _ = try await subject.storage.update(keys[0], with: patch, expectedVersion: nil)
            #expect(try await subject.list(SessionQuery(of: owner)) == ["a", "b", "d", "c"])
            #expect(try await subject.list(SessionQuery(of: owner, order: .created)) == ["d", "c", "b", "a"])
            // A touch is no change.
            subject.clock.advance(seconds: 1)
            _ = try await subject.storage.touch(keys[2])
            #expect(try await subject.list(SessionQuery(of: owner)) == ["a", "b", "d", "c"])
        },

        StorageContract("every change moves a session to the front") { subject in
            let storage = subject.storage
            let key = try await subject.created("moving")
            try await subject.append(.text("a", id: "a"), .text("b", id: "b"), .text("c"), to: key)
            let changes: [@Sendable () async throws -> Void] = [
                { try await subject.append(.text("d"), to: key) },
                { _ = try await storage.replace("a", in: key, with: EventPatch(content: .null)) },
                { _ = try await storage.remove("a", in: key) },
                { _ = try await storage.remove(nil, in: key) },
                { _ = try await storage.change(.session(key), [StateChange("k", .set(.null))]) },
                { _ = try await storage.change(key, StateDelta.setting([("k", "1")])) },
                { try await storage.clear(key) },
                { _ = try await storage.update(key, with: SessionPatch(), expectedVersion: nil) },
            ]
            for (index, change) in changes.enumerated() {
                subject.clock.advance(seconds: 1)
                try await subject.created("other \(index)")
                #expect(try await subject.list(SessionQuery(of: .user(key.owner))).first == "other \(index)")
                subject.clock.advance(seconds: 1)
                let version = try await subject.record(key).version
                try await change()
                #expect(try await subject.list(SessionQuery(of: .user(key.owner))).first == "moving", "change \(index)")
                let record = try await subject.record(key)
                #expect(record.version == version + 1, "change \(index)")
                #expect(record.updatedAt == subject.clock.now(), "change \(index)")
            }
        },

        StorageContract("ties are broken by user and id, descending, as bytes") { subject in
            let names = ["a", "B", "é", "e\u{301}", "z", "😀", "aa", "\u{FFFD}"]
            for user in names {
                for id in names { try await subject.created(id, user: user) }
            }
            let byBytes = names.sorted { $1.utf8.lexicographicallyPrecedes($0.utf8) }
            let expected = byBytes.flatMap { user in byBytes.map { Array("\(user)|\($0)".utf8) } }
            for order in SessionQuery.Order.allCases {
                let whole = try await subject.storage.sessions(SessionQuery(of: .app("app"), limit: 1000, order: order)).sessions
                #expect(whole.map { Array("\($0.record.key.user)|\($0.record.key.id)".utf8) } == expected)
                var query = SessionQuery(of: .app("app"), limit: 7, order: order)
                #expect(try await subject.walk(&query).map { Array("\($0.key.user)|\($0.key.id)".utf8) } == expected)
                query = SessionQuery(of: .user(try UserKey(app: "app", user: "é")), limit: 3, order: order)
                #expect(try await subject.walk(&query).map { Array($0.key.id.utf8) } == byBytes.map { Array($0.utf8) })
            }
        },

        StorageContract("a page says where the next begins, and the last says that it is the last") { subject in
            for number in 1...5 {
                subject.clock.advance(milliseconds: 1)
                try await subject.created("\(number)")
            }
            let owner = SessionQuery.Owner.app("app")
            let first = try await subject.storage.sessions(SessionQuery(of: owner, limit: 2))
            #expect(first.sessions.map(\.record.key.id) == ["5", "4"])
            #expect(first.next == SessionQuery.Position(time: first.sessions[1].record.updatedAt, user: "user", id: "4"))
            let second = try await subject.storage.sessions(SessionQuery(of: owner, limit: 2, after: first.next))
            #expect(second.sessions.map(\.record.key.id) == ["3", "2"])
            let third = try await subject.storage.sessions(SessionQuery(of: owner, limit: 2, after: second.next))
            #expect(third.sessions.map(\.record.key.id) == ["1"])
            #expect(third.next == nil)
            // A page that is exactly full is the last too when nothing follows.
            #expect(try await subject.storage.sessions(SessionQuery(of: owner, limit: 5)).next == nil)
            #expect(try await subject.storage.sessions(SessionQuery(of: .app("empty"))) == SessionPage(sessions: [], next: nil))
        },

        StorageContract("pages skip and repeat nothing that stays while other sessions move") { subject in
            for number in 1...9 {
                subject.clock.advance(milliseconds: 1)
                try await subject.created("\(number)")
            }
            let owner = SessionQuery.Owner.app("app")
            let first = try await subject.storage.sessions(SessionQuery(of: owner, limit: 3))
            #expect(first.sessions.map(\.record.key.id) == ["9", "8", "7"])
            subject.clock.advance(milliseconds: 1)
            // The session at the cursor moves to the front, another is deleted, a new one comes.
            try await subject.append(.text("x"), to: subject.key("7"))
            _ = try await subject.storage.delete(subject.key("5"))
            try await subject.created("new")
            let second = try await subject.storage.sessions(SessionQuery(of: owner, limit: 3, after: first.next))
            #expect(second.sessions.map(\.record.key.id) == ["6", "4", "3"])
            // One that is still to come is changed: it is found at the front by who starts anew.
            subject.clock.advance(milliseconds: 1)
            try await subject.append(.text("x"), to: subject.key("1"))
            let third = try await subject.storage.sessions(SessionQuery(of: owner, limit: 3, after: second.next))
            #expect(third.sessions.map(\.record.key.id) == ["2"])
            #expect(third.next == nil)
            #expect(try await subject.list(SessionQuery(of: owner)).prefix(3) == ["1", "new", "7"])
        },

        StorageContract("filters by status and tag come before the limit") { subject in
            for number in 1...12 {
                subject.clock.advance(milliseconds: 1)
                var tags = ["all", "n\(number)"]
                if number.isMultiple(of: 3) { tags.append("third") }
                let key = try await subject.created("\(number)", SessionDraft(tags: tags))
                guard number.isMultiple(of: 2) else { continue }
                var patch = SessionPatch()
                patch.status = .set(number.isMultiple(of: 4) ? .completed : .paused)
                _ = try await subject.storage.update(key, with: patch, expectedVersion: nil)
            }
            let owner = SessionQuery.Owner.user(try UserKey(app: "app", user: "user"))
            for owner in [owner, .app("app")] {
                #expect(try await subject.list(SessionQuery(of: owner, status: .completed)) == ["12", "8", "4"])
                #expect(try await subject.list(SessionQuery(of: owner, status: .paused)) == ["10", "6", "2"])
                #expect(try await subject.list(SessionQuery(of: owner, status: .active)) == ["11", "9", "7", "5", "3", "1"])
                #expect(try await subject.list(SessionQuery(of: owner, tags: ["third"])) == ["12", "9", "6", "3"])
                #expect(try await subject.list(SessionQuery(of: owner, tags: ["n7"])) == ["7"])
                #expect(try await subject.list(SessionQuery(of: owner, tags: ["N7"])).isEmpty)
                #expect(try await subject.list(SessionQuery(of: owner, status: .active, tags: ["third"])) == ["9", "3"])
                var query = SessionQuery(of: owner, limit: 1, status: .active, tags: ["third"], order: .created)
                #expect(try await subject.walk(&query).map(\.key.id) == ["9", "3"])
                let page = try await subject.storage.sessions(SessionQuery(of: owner, limit: 3, status: .completed))
                #expect(page.sessions.count == 3)
                #expect(page.next == nil)
            }
        },

        StorageContract("a session is found by the tags it has, not by those it had") { subject in
            let key = try await subject.created("session", SessionDraft(tags: ["old", "both"]))
            var patch = SessionPatch()
            patch.tags = .set(["both", "new", "new"])
            _ = try await subject.storage.update(key, with: patch, expectedVersion: nil)
            for owner in [SessionQuery.Owner.user(key.owner), .app("app")] {
                #expect(try await subject.list(SessionQuery(of: owner, tags: ["old"])).isEmpty)
                #expect(try await subject.list(SessionQuery(of: owner, tags: ["both"])) == ["session"])
                #expect(try await subject.list(SessionQuery(of: owner, tags: ["new"])) == ["session"])
            }
        },

        StorageContract("an application's list has the sessions of all its users, a user's only theirs") { subject in
            for user in ["ann", "bob"] {
                for id in ["1", "2"] {
                    subject.clock.advance(milliseconds: 1)
                    try await subject.created(id, user: user)
                }
            }
            try await subject.created("1", user: "ann", app: "other")
            let all = try await subject.storage.sessions(SessionQuery(of: .app("app"))).sessions.map(\.record.key)
            #expect(all.map { "\($0.user)/\($0.id)" } == ["bob/2", "bob/1", "ann/2", "ann/1"])
            #expect(try await subject.list(SessionQuery(of: .user(UserKey(app: "app", user: "ann")))) == ["2", "1"])
        },

        StorageContract("a list has each session with its state and its last events") { subject in
            let one = try await subject.created("one", SessionDraft(state: .setting([("k", "1"), ("user:u", "2"), ("app:a", "3")])))
            let two = try await subject.created("two", user: "other")
            try await subject.append(3, to: one)
            try await subject.append(1, to: two)
            let plain = try await subject.storage.sessions(SessionQuery(of: .app("app"))).sessions
            #expect(plain.allSatisfy { $0.events.isEmpty })
            let page = try await subject.storage.sessions(SessionQuery(of: .app("app"), order: .created, events: 2)).sessions
            for session in page {
                #expect(session == (try await subject.storage.session(session.record.key, SnapshotQuery(events: 2))))
            }
            #expect(page.first { $0.record.key == one }?.events.texts == ["2", "3"])
        },

        StorageContract("a long list is walked in pages without gap or duplicate") { subject in
            for number in 0..<250 {
                if number.isMultiple(of: 10) { subject.clock.advance(milliseconds: 1) }
                try await subject.created("\(number)", user: "u\(number % 3)", SessionDraft(tags: number % 5 == 0 ? ["five"] : []))
            }
            for order in SessionQuery.Order.allCases {
                var query = SessionQuery(of: .app("app"), limit: 17, order: order)
                let walked = try await subject.walk(&query)
                #expect(walked.count == 250)
                #expect(Set(walked.map(\.key)).count == 250)
                #expect(walked.map(\.updatedAt) == walked.map(\.updatedAt).sorted(by: >))
                query = SessionQuery(of: .app("app"), limit: 7, tags: ["five"], order: order)
                #expect(try await subject.walk(&query).count == 50)
            }
        },
    ]
}

extension StorageSubject {
    /// The ids of one page.
    fileprivate func list(_ query: SessionQuery) async throws -> [String] {
        try await storage.sessions(query).sessions.map(\.record.key.id)
    }

    /// All records, page by page.
    fileprivate func walk(_ query: inout SessionQuery) async throws -> [SessionRecord] {
        var records: [SessionRecord] = []
        while true {
            let page = try await storage.sessions(query)
            records += page.sessions.map(\.record)
            guard let next = page.next else { return records }
            #expect(page.sessions.count == query.limit)
            query.after = next
        }
    }
}
