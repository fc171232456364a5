internal import BatonCore
internal import Testing

extension StorageContract {
    static let state: [StorageContract] = [
        StorageContract("state that was never written is empty") { subject in
            #expect(try await subject.storage.state(.user(UserKey(app: "a", user: "u"))).isEmpty)
            #expect(try await subject.storage.state(.app("a")).isEmpty)
            #expect(try await subject.storage.state(.store).isEmpty)
            let key = try await subject.created()
            #expect(try await subject.storage.state(.session(key)).isEmpty)
        },

        StorageContract("values are set, merged and removed in every scope") { subject in
            let key = try await subject.created()
            for scope in [StateScope.session(key), .user(key.owner), .app("app"), .store] {
                let set = try await subject.storage.change(
                    scope, [StateChange("a", .set(.of(#"{"x":1,"y":2}"#))), StateChange("b", .set(.of("[1]"))), StateChange("c", .set(.null))])
                #expect(set == ["a": try .of(#"{"x":1,"y":2}"#), "b": try .of("[1]"), "c": .null])
                #expect(try await subject.storage.state(scope) == set)
                let changed = try await subject.storage.change(
                    scope,
                    [
                        StateChange("a", .merge(.of(#"{"x":null,"z":{"n":null,"m":3}}"#))), StateChange("b", .merge(.of(#"{"k":1}"#))),
                        StateChange("c", .remove), StateChange("d", .merge(.of(#"{"k":null}"#))), StateChange("e", .remove),
                    ])
                #expect(changed == ["a": try .of(#"{"y":2,"z":{"m":3}}"#), "b": try .of(#"{"k":1}"#), "d": .emptyObject])
                #expect(try await subject.storage.state(scope) == changed)
            }
        },

        StorageContract("the scopes share no keys, and a session sees its own three") { subject in
            let key = try await subject.created()
            for (index, scope) in [StateScope.session(key), .user(key.owner), .app("app"), .store].enumerated() {
                _ = try await subject.storage.change(scope, [StateChange("k", .set(.of("\(index)")))])
            }
            let state = SessionState(session: ["k": try .of("0")], user: ["k": try .of("1")], app: ["k": try .of("2")])
            #expect(try await subject.storage.session(key, SnapshotQuery()).state == state)
            #expect(try await subject.storage.state(.store) == ["k": .of("3")])
            // A sibling sees what is shared.
            let sibling = try await subject.created("sibling")
            #expect(try await subject.storage.session(sibling, SnapshotQuery()).state == SessionState(user: state.user, app: state.app))
        },

        StorageContract("changes of one key apply in order") { subject in
            let key = try await subject.created()
            let changes = [
                StateChange("k", .set(try .of(#"{"a":1}"#))), StateChange("k", .merge(try .of(#"{"b":2}"#))), StateChange("k", .remove),
                StateChange("k", .merge(try .of(#"{"c":3}"#))),
            ]
            #expect(try await subject.storage.change(.session(key), changes) == ["k": .of(#"{"c":3}"#)])
        },

        StorageContract("a delta changes all scopes in one step and answers with all of them") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.change(.app("app"), [StateChange("old", .set(.of("1")))])
            let version = try await subject.record(key).version
            subject.clock.advance(seconds: 1)
            let state = try await subject.storage.change(
                key, StateDelta.setting([("s", "1"), ("user:u", "2"), ("app:a", "3"), ("app:old", nil), ("temp:t", "4")]))
            #expect(state == SessionState(session: ["s": try .of("1")], user: ["u": try .of("2")], app: ["a": try .of("3")]))
            let snapshot = try await subject.storage.session(key, SnapshotQuery())
            #expect(snapshot.state == state)
            #expect(snapshot.record.version == version + 1)
            #expect(snapshot.record.updatedAt == subject.clock.now())
        },

        StorageContract("a change of a session's state is a change of the session, one of its user's is not") { subject in
            let key = try await subject.created()
            let before = try await subject.record(key)
            subject.clock.advance(seconds: 1)
            _ = try await subject.storage.change(.user(key.owner), [StateChange("k", .set(.null))])
            _ = try await subject.storage.change(.app("app"), [StateChange("k", .set(.null))])
            #expect(try await subject.record(key) == before)
            _ = try await subject.storage.change(.session(key), [StateChange("k", .set(.null))])
            let after = try await subject.record(key)
            #expect(after.version == before.version + 1)
            #expect(after.updatedAt == subject.clock.now())
        },

        StorageContract("changes of state happen all or not at all") { subject in
            let key = try await subject.created()
            let half = "\"" + String(repeating: "x", count: StateDelta.maximumValueBytes / 2) + "\""
            let grow = try JSON.of(#"{"b":\#(half)}"#)
            for scope in [StateScope.session(key), .user(key.owner), .app("app"), .store] {
                let before = try await subject.storage.change(scope, [StateChange("k", .set(.of(#"{"a":\#(half)}"#)))])
                let record = try await subject.record(key)
                await refused(.tooLarge) {
                    _ = try await subject.storage.change(scope, [StateChange("l", .set(.null)), StateChange("k", .merge(grow))])
                }
                #expect(try await subject.storage.state(scope) == before)
                #expect(try await subject.record(key) == record)
            }
            var delta = try StateDelta.setting([("x", "1"), ("user:x", "1")])
            try delta.add("app:k", .merge(grow))
            let before = try await subject.storage.session(key, SnapshotQuery())
            await refused(.tooLarge) { _ = try await subject.storage.change(key, delta) }
            #expect(try await subject.storage.session(key, SnapshotQuery()) == before)
        },

        StorageContract("keys of different writers all arrive, whichever way they are written") { subject in
            let key = try await subject.created()
            let storage = subject.storage
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<24 {
                    group.addTask {
                        switch writer % 3 {
                        case 0: _ = try await storage.change(.user(key.owner), [StateChange("k\(writer)", .set(.of("\(writer)")))])
                        case 1: _ = try await storage.change(key, StateDelta.setting([("user:k\(writer)", "\(writer)")]))
                        default: _ = try await storage.append(EventBatch([.text("x", state: ["user:k\(writer)": "\(writer)"])]), to: key)
                        }
                        _ = try await storage.change(.user(key.owner), [StateChange("all", .merge(.of(#"{"k\#(writer)":1}"#)))])
                    }
                }
                try await group.waitForAll()
            }
            let state = try await storage.state(.user(key.owner))
            #expect(state.count == 25)
            #expect(state["all"]?.members?.count == 24)
        },

        StorageContract("the store's own records are not reached through any name") { subject in
            _ = try await subject.storage.change(.store, [StateChange("token", .set(.of("1")))])
            for name in hostileNames {
                #expect(try await subject.storage.state(.app(name)).isEmpty)
                #expect(try await subject.storage.state(.user(UserKey(app: name, user: name))).isEmpty)
            }
        },
    ]
}
