internal import BatonCore
internal import Testing

extension StorageContract {
    static let identities: [StorageContract] = [
        StorageContract("hostile names keep sessions apart") { subject in
            let storage = subject.storage
            for (index, name) in hostileNames.enumerated() {
                // Whole keys of one name, and keys that differ in one part only.
                for (place, key) in try keys(with: name).enumerated() {
                    let (_, created) = try await storage.create(SessionDraft(title: "\(index)/\(place)"), at: key)
                    #expect(created, "\(key) was taken for another session")
                    try await subject.append(.text("\(index)/\(place)", id: "id", state: ["own": "\(index)"]), to: key)
                }
            }
            for (index, name) in hostileNames.enumerated() {
                for (place, key) in try keys(with: name).enumerated() {
                    let session = try await storage.session(key, SnapshotQuery(events: 10))
                    #expect(session.record.title == "\(index)/\(place)")
                    #expect(session.events.texts == ["\(index)/\(place)"])
                    #expect(bytes(session.record.key) == bytes(key))
                    #expect(session.state.session == ["own": try .of("\(index)")])
                }
            }
            // Deleting every other one leaves those between.
            for name in hostileNames.indices.filter({ $0.isMultiple(of: 2) }).map({ hostileNames[$0] }) {
                for key in try keys(with: name) { #expect(try await storage.delete(key)) }
            }
            for (index, name) in hostileNames.enumerated() {
                for key in try keys(with: name) {
                    if index.isMultiple(of: 2) {
                        await refused(.notFound) { _ = try await subject.record(key) }
                    } else {
                        #expect(try await subject.texts(key).count == 1)
                    }
                }
            }
        },

        StorageContract("hostile names keep users, applications and lists apart") { subject in
            let storage = subject.storage
            for (index, name) in hostileNames.enumerated() {
                let owner = try UserKey(app: "app", user: name)
                _ = try await storage.create(SessionDraft(tags: [name]), at: SessionKey(app: "app", user: name, id: name))
                _ = try await storage.change(.user(owner), [StateChange("k", .set(.of("\(index)")))])
                _ = try await storage.change(.app(name), [StateChange("k", .set(.of("\(index + 1000)")))])
            }
            for (index, name) in hostileNames.enumerated() {
                let owner = try UserKey(app: "app", user: name)
                #expect(try await storage.state(.user(owner)) == ["k": .of("\(index)")])
                #expect(try await storage.state(.app(name)) == ["k": .of("\(index + 1000)")])
                let own = try await storage.sessions(SessionQuery(of: .user(owner))).sessions
                #expect(own.map { Array($0.record.key.id.utf8) } == [Array(name.utf8)])
                #expect(own.map { $0.state.user } == [["k": try .of("\(index)")]])
                let tagged = try await storage.sessions(SessionQuery(of: .app("app"), tags: [name])).sessions
                #expect(tagged.map { Array($0.record.key.user.utf8) } == [Array(name.utf8)])
            }
            #expect(try await storage.sessions(SessionQuery(of: .app("app"), limit: 1000)).sessions.count == hostileNames.count)
            #expect(try await storage.sessions(SessionQuery(of: .app("ap"))).sessions.isEmpty)
            #expect(try await storage.sessions(SessionQuery(of: .app("app:"))).sessions.isEmpty)
        },

        StorageContract("state keys may have any name") { subject in
            let key = try await subject.created()
            var changes: [StateChange] = []
            var expected: [String: JSON] = [:]
            // Dictionaries take canonically equivalent texts for one key, so only one spelling of each is used here.
            for (index, name) in hostileNames.enumerated() where expected[name] == nil {
                changes.append(StateChange(name, .set(try .of("\(index)"))))
                expected[name] = try .of("\(index)")
            }
            #expect(try await subject.storage.change(.session(key), changes) == expected)
            #expect(try await subject.storage.state(.session(key)) == expected)
            #expect(try await subject.storage.change(.user(key.owner), changes) == expected)
            #expect(try await subject.storage.change(.app("app"), changes) == expected)
            #expect(try await subject.storage.session(key, SnapshotQuery()).state == SessionState(session: expected, user: expected, app: expected))
        },

        StorageContract("a user sees nothing of another, and applications share nothing") { subject in
            let storage = subject.storage
            let mine = try await subject.created("s", user: "me")
            let yours = try await subject.created("s", user: "you")
            let elsewhere = try await subject.created("s", user: "me", app: "other")
            try await subject.append(.text("mine", id: "e", state: ["k": "1", "user:k": "1", "app:k": "1"]), to: mine)
            #expect(try await storage.session(yours, SnapshotQuery(events: 9)).events.isEmpty)
            #expect(try await storage.session(yours, SnapshotQuery()).state == SessionState(app: ["k": .of("1")]))
            #expect(try await storage.session(elsewhere, SnapshotQuery()).state == SessionState())
            await refused(.notFound) { _ = try await storage.event("e", in: yours) }
            await refused(.notFound) { _ = try await storage.remove("e", in: yours) }
            #expect(try await storage.sessions(SessionQuery(of: .user(mine.owner))).sessions.map(\.record.key) == [mine])
            #expect(try await storage.sessions(SessionQuery(of: .app("other"))).sessions.map(\.record.key) == [elsewhere])
            #expect(try await storage.delete(yours))
            #expect(try await subject.texts(mine) == ["mine"])
        },
    ]

    /// Names that a storage might take apart, cut off, fold or compare wrongly.
    static let hostileNames: [String] = [
        ":", "::", "a:b", "a", "A", "{a}", "}{", "*", "a*", "?", "[a]", "%", "%3A", "%25", "_", "/", "a/b", "..", ".", "\u{0}", "a\u{0}", "a\u{0}b",
        " ", "a ", "\n", "\\", "'", "\"", "`", ";--", "é", "e\u{301}", "É", "ß", "ss", "😀", "👩‍👩‍👧", "\u{202E}abc", "\u{FEFF}a", "\u{FFFD}", "日本語",
        "\u{1F1E6}", String(repeating: "n", count: 256), String(repeating: "n", count: 255), String(repeating: "😀", count: 64), "null", "0", "-1",
        "1e3",
    ]

    private static func keys(with name: String) throws -> [SessionKey] {
        [
            try SessionKey(app: name, user: name, id: name), try SessionKey(app: name, user: "plain user", id: "plain id"),
            try SessionKey(app: "plain app", user: name, id: "plain id"), try SessionKey(app: "plain app", user: "plain user", id: name),
        ]
    }

    private static func bytes(_ key: SessionKey) -> [[UInt8]] { [Array(key.app.utf8), Array(key.user.utf8), Array(key.id.utf8)] }
}
