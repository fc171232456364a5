import BatonCore
import Testing

@Suite("State")
struct StateTests {
    private func json(_ text: String) throws -> JSON { try JSON(parsing: text) }

    @Test(arguments: [
        ("k", "session k"), ("user:k", "user k"), ("app:k", "app k"), ("temp:k", "nothing"), ("user:app:k", "user app:k"),
        ("User:k", "session User:k"),
        ("userk", "session userk"), (":k", "session :k"), ("user", "session user"), ("store:k", "session store:k"), ("app: ", "app  "),
        ("e\u{301}", "session e\u{301}"),
    ])
    func `a key goes to the scope of its prefix`(key: String, expected: String) throws {
        var delta = StateDelta()
        try delta.add(key, .remove)
        let found = delta.session.map { "session \($0.key)" } + delta.user.map { "user \($0.key)" } + delta.app.map { "app \($0.key)" }
        #expect((found.first ?? "nothing").utf8.elementsEqual(expected.utf8))
        #expect(found.count <= 1)
        #expect(delta.isEmpty == (expected == "nothing"))
    }

    @Test(arguments: ["", "user:", "app:", "temp:"])
    func `a key without a name is refused`(key: String) {
        var delta = StateDelta()
        #expect(#expect(throws: StoreError.self) { try delta.add(key, .remove) }?.code == .invalidName)
        #expect(delta.isEmpty)
    }

    @Test func `a later change of the same key takes the place of the earlier`() throws {
        var delta = StateDelta()
        try delta.add("a", .set(.null))
        try delta.add("b", .remove)
        try delta.add("a", .merge(.emptyObject))
        #expect(delta.session == [StateChange("a", .merge(.emptyObject)), StateChange("b", .remove)])
    }

    @Test func `an object of values sets and removes`() throws {
        let delta = try StateDelta(settingMembersOf: json(#"{"a":{"x":null},"user:b":null,"app:c":[1],"temp:d":1}"#), in: "here")
        #expect(delta.session == [StateChange("a", .set(try json(#"{"x":null}"#)))])
        #expect(delta.user == [StateChange("b", .remove)])
        #expect(delta.app == [StateChange("c", .set(try json("[1]")))])
        let error = #expect(throws: StoreError.self) { try StateDelta(settingMembersOf: .emptyArray, in: "here") }
        #expect(error?.message == "here has to be an object of state keys and values")
    }

    @Test func `a merge patch merges objects, sets the rest and removes by null`() throws {
        let delta = try StateDelta(mergePatch: json(#"{"a":{"x":null},"b":null,"c":[1],"d":"s"}"#), in: "here")
        #expect(
            delta.session == [
                StateChange("a", .merge(try json(#"{"x":null}"#))), StateChange("b", .remove), StateChange("c", .set(try json("[1]"))),
                StateChange("d", .set(try json("\"s\""))),
            ])
    }

    @Test func `a change is applied to what is there`() throws {
        let current = try json(#"{"a":1,"b":2}"#)
        #expect(try StateChange.Operation.remove.applied(to: current) == nil)
        #expect(try StateChange.Operation.set(.null).applied(to: current) == .null)
        #expect(try StateChange.Operation.merge(json(#"{"a":null,"c":3}"#)).applied(to: current) == json(#"{"b":2,"c":3}"#))
        #expect(try StateChange.Operation.merge(json(#"{"a":{"b":null}}"#)).applied(to: nil) == json(#"{"a":{}}"#))
        #expect(try StateChange.Operation.merge(json(#"{"a":1}"#)).applied(to: json("[1]")) == json(#"{"a":1}"#))
    }

    @Test func `a value has at most 1 MiB, also after merging`() throws {
        let limit = StateDelta.maximumValueBytes
        func text(_ bytes: Int) throws -> JSON { try json("\"" + String(repeating: "x", count: bytes - 2) + "\"") }
        #expect(try StateChange.Operation.set(text(limit)).applied(to: nil)?.bytes.count == limit)
        let error = #expect(throws: StoreError.self) { try StateChange.Operation.set(text(limit + 1)).applied(to: nil) }
        #expect(error?.code == .tooLarge)
        #expect(error?.message == "a state value has \(limit + 1) bytes; it may have at most \(limit)")
        let half = try json(#"{"a":\#(text(limit / 2))}"#)
        #expect(throws: StoreError.self) { try StateChange.Operation.merge(json(#"{"b":\#(text(limit / 2))}"#)).applied(to: half) }
    }

    @Test func `a session's view is read by prefixed keys`() throws {
        let state = SessionState(session: ["k": try json("1")], user: ["k": try json("2")], app: ["k": try json("3")])
        #expect(state["k"]?.intValue == 1)
        #expect(state["user:k"]?.intValue == 2)
        #expect(state["app:k"]?.intValue == 3)
        #expect(state["temp:k"] == nil)
        #expect(state["x"] == nil)
    }
}
