import BatonCore
import BatonTesting
import Testing

@Suite("Event drafts")
struct EventDraftTests {
    private func parsed(_ text: String) throws -> [EventDraft] { try EventDraft.batch(parsing: Array(text.utf8)) }

    @Test func `all fields are taken, and the body holds them in a fixed order`() throws {
        let text = """
            {"metadata":{"m":1.0},"content": [1, 2.50] ,"usage":{ "u":1 },"partial":true,"invocation":"inv","branch":"br","type":"ty",\
            "role":"ro","author":"au","stateDelta":{"k":1,"user:u":2,"app:a":null},"id":"ID"}
            """
        let draft = try #require(try parsed(text).first)
        #expect(draft.id == "ID")
        #expect(draft.role == "ro")
        #expect(draft.author == "au")
        #expect(draft.type == "ty")
        #expect(draft.branch == "br")
        #expect(
            draft.body.description == """
                {"author":"au","role":"ro","type":"ty","branch":"br","invocation":"inv","partial":true,"content":[1, 2.50],\
                "stateDelta":{"k":1,"user:u":2,"app:a":null},"usage":{ "u":1 },"metadata":{"m":1.0}}
                """)
        #expect(draft.delta.session == [StateChange("k", .set(try JSON(parsing: "1")))])
        #expect(draft.delta.user == [StateChange("u", .set(try JSON(parsing: "2")))])
        #expect(draft.delta.app == [StateChange("a", .remove)])
        #expect(try JSON(draft.body.bytes) == draft.body)
    }

    @Test func `content alone is enough, and null says the same as nothing`() throws {
        let plain = try parsed(#"{"content":null}"#)
        #expect(plain.map(\.body.description) == [#"{"content":null}"#])
        let nulls = try parsed(
            """
            {"id":null,"author":null,"role":null,"type":null,"branch":null,"invocation":null,"partial":null,"content":null,"stateDelta":null,\
            "usage":null,"metadata":null}
            """)
        #expect(nulls == plain)
        #expect(try parsed(#"{"partial":false,"content":null}"#) == plain)
    }

    @Test func `what the library's users give is the same as what clients send`() throws {
        let event = NewEvent(
            try JSON(parsing: #"{"t":"x"}"#), id: "i", author: "a", role: "r", type: "t", branch: "b", invocation: "n", isPartial: true,
            stateDelta: ["k": try JSON(parsing: "1"), "app:a": .null, "temp:t": .null], usage: try JSON(parsing: "{}"), metadata: .emptyObject)
        let sent = try parsed(
            """
            {"id":"i","author":"a","role":"r","type":"t","branch":"b","invocation":"n","partial":true,"content":{"t":"x"},\
            "stateDelta":{"app:a":null,"k":1,"temp:t":null},"usage":{},"metadata":{}}
            """)
        #expect(try EventDraft(event) == sent[0])
        #expect(try EventDraft(.message("hi", role: "user")).body.description == #"{"role":"user","content":"hi"}"#)
    }

    @Test(arguments: [
        (#"{}"#, StoreError.Code.invalidField, "event.content is missing; it may be any JSON value"),
        (#"{"content":1,"id":""}"#, .invalidField, "event.id has 0 bytes; it may have 1 to 128"),
        (#"{"content":1,"id":7}"#, .invalidField, "event.id has to be a string"),
        (#"{"content":1,"author":""}"#, .invalidField, "event.author has 0 bytes; it may have 1 to 256"),
        (#"{"content":1,"author":["a"]}"#, .invalidField, "event.author has to be a string"),
        (#"{"content":1,"role":""}"#, .invalidField, "event.role has 0 bytes; it may have 1 to 64"),
        (#"{"content":1,"role":true}"#, .invalidField, "event.role has to be a string"),
        (#"{"content":1,"type":{}}"#, .invalidField, "event.type has to be a string"),
        (#"{"content":1,"branch":1}"#, .invalidField, "event.branch has to be a string"),
        (#"{"content":1,"invocation":1}"#, .invalidField, "event.invocation has to be a string"),
        (#"{"content":1,"partial":"true"}"#, .invalidField, "event.partial has to be true or false"),
        (#"{"content":1,"partial":1}"#, .invalidField, "event.partial has to be true or false"),
        (#"{"content":1,"usage":[]}"#, .invalidField, "event.usage has to be an object"),
        (#"{"content":1,"metadata":"x"}"#, .invalidField, "event.metadata has to be an object"),
        (#"{"content":1,"stateDelta":[]}"#, .invalidField, "event.stateDelta has to be an object of state keys and values"),
        (#"{"content":1,"stateDelta":{"":1}}"#, .invalidName, "a state key is empty; a name has 1 to 256 bytes"),
        (#"{"content":1,"stateDelta":{"user:":1}}"#, .invalidName, "a state key is empty; a name has 1 to 256 bytes"),
        (#"{"content":1,"stateDelta":{"temp:":1}}"#, .invalidName, "a state key is empty; a name has 1 to 256 bytes"),
        (#"{"content":1,"seq":1}"#, .unknownField, "event.seq is set by the server and cannot be given"),
        (#"{"content":1,"offset":"x"}"#, .unknownField, "event.offset is set by the server and cannot be given"),
        (#"{"content":1,"time":null}"#, .unknownField, "event.time is set by the server and cannot be given"),
        (#"{"content":1,"editedAt":null}"#, .unknownField, "event.editedAt is set by the server and cannot be given"),
        (#"{"content":1,"content":2}"#, .invalidField, "event.content is given twice"),
        (#"{"id":"a","content":1,"i\u0064":"b"}"#, .invalidField, "event.id is given twice"),
        (#"{"id":"\ud800","content":1}"#, .invalidField, "event.id has to be a string"),
        (#"7"#, .invalidField, "event has to be a JSON object"), (#""x""#, .invalidField, "event has to be a JSON object"),
        (#"[]"#, .invalidField, "the batch is empty; send 1 to 1000 events"),
        (#"[{"content":1},7]"#, .invalidField, "events[1] has to be a JSON object"),
        (#"[{"content":1},{"content":2},{"role":"x"}]"#, .invalidField, "events[2].content is missing; it may be any JSON value"),
        (#"[{"content":1},{"content":2,"id":""}]"#, .invalidField, "events[1].id has 0 bytes; it may have 1 to 128"),
        (#"[[{"content":1}]]"#, .invalidField, "events[0] has to be a JSON object"),
    ])
    func `a wrong field is refused by its name`(text: String, code: StoreError.Code, message: String) {
        let error = #expect(throws: StoreError.self) { try parsed(text) }
        #expect(error?.code == code)
        #expect(error?.message == message)
    }

    @Test(arguments: ["contents", "Content", "statedelta", "state_delta", "foo", ""])
    func `an unknown field is refused, and the error says which are known`(name: String) {
        let error = #expect(throws: StoreError.self) { try parsed(#"[{"content":1,"\#(name)":1}]"#) }
        #expect(error?.code == .unknownField)
        #expect(
            error?.message == """
                events[0].\(name) is not a known field; allowed are: id, author, role, type, branch, invocation, partial, content, stateDelta, \
                usage, metadata
                """)
    }

    @Test(arguments: [
        "", " ", "{", #"{"content":}"#, #"{"content":1}x"#, #"[{"content":1}"#, #"[{"content":1},]"#, "nul", #"{"content":1} {"content":1}"#,
    ])
    func `broken JSON is called so`(text: String) {
        let error = #expect(throws: StoreError.self) { try parsed(text) }
        #expect(error?.code == .invalidJSON)
    }

    @Test func `lengths are counted in bytes, up to the limit and not beyond`() throws {
        for (field, limit) in [("id", 128), ("author", 256), ("role", 64), ("type", 128), ("branch", 256), ("invocation", 256)] {
            let fits = String(repeating: "é", count: limit / 2)
            #expect(try parsed(#"{"content":1,"\#(field)":"\#(fits)"}"#).count == 1)
            let error = #expect(throws: StoreError.self) { try parsed(#"{"content":1,"\#(field)":"\#(fits)a"}"#) }
            #expect(error?.code == .invalidField)
            #expect(error?.message == "event.\(field) has \(limit + 1) bytes; it may have 1 to \(limit)")
        }
        let key = String(repeating: "k", count: 256)
        #expect(try parsed(#"{"content":1,"stateDelta":{"\#(key)":1,"user:\#(key)":1,"temp:\#(key)":1}}"#)[0].delta.user.count == 1)
        for key in ["\(key)k", "app:\(key)k"] {
            let error = #expect(throws: StoreError.self) { try parsed(#"{"content":1,"stateDelta":{"\#(key)":1}}"#) }
            #expect(error?.message == "a state key has 257 bytes; a name has 1 to 256 bytes")
        }
    }

    @Test func `content has at most 8 MiB`() throws {
        let limit = EventDraft.maximumContentBytes
        let fits = "\"" + String(repeating: "x", count: limit - 2) + "\""
        #expect(try parsed(#"{"content":\#(fits)}"#)[0].body.bytes.count == limit + 12)
        let tooLarge = "\"" + String(repeating: "x", count: limit - 1) + "\""
        let error = #expect(throws: StoreError.self) { try parsed(#"[{"content":1},{"content":\#(tooLarge)}]"#) }
        #expect(error?.code == .tooLarge)
        #expect(error?.message == "events[1].content has \(limit + 1) bytes; an event holds at most \(limit)")
        // White space around it does not count.
        #expect(try parsed(#"{"content":   \#(fits)   }"#).count == 1)
    }

    @Test func `a batch has at most 1,000 events`() throws {
        let event = #"{"content":1}"#
        func batch(_ count: Int) -> String { "[" + Array(repeating: event, count: count).joined(separator: ",") + "]" }
        #expect(try parsed(batch(1000)).count == 1000)
        let error = #expect(throws: StoreError.self) { try parsed(batch(1001)) }
        #expect(error?.code == .tooLarge)
        #expect(error?.message == "the batch has more than 1000 events")
    }

    @Test func `a delta changes at most 1,024 keys`() throws {
        func event(_ keys: Int) -> String {
            #"{"content":1,"stateDelta":{"# + (0..<keys).map { #""k\#($0)":1"# }.joined(separator: ",") + "}}"
        }
        #expect(try parsed(event(1024))[0].delta.session.count == 1024)
        let error = #expect(throws: StoreError.self) { try parsed(event(1025)) }
        #expect(error?.code == .tooLarge)
        #expect(error?.message == "event.stateDelta has 1025 keys; one request changes at most 1024")
    }

    @Test(arguments: [
        (#"{"k":1}"#, #"{"k":1}"#), (#"{ "k" : 1.0 , "k" : 2 }"#, #"{ "k" : 1.0 , "k" : 2 }"#), (#"{"temp:x":1}"#, nil), ("{}", nil),
        (#"{"a":1,"temp:x":{"y":1},"user:b":[ 2 ]}"#, #"{"a":1,"user:b":[ 2 ]}"#), (#"{"t\u0065mp:x":1,"c":3}"#, #"{"c":3}"#),
        (#"{"Temp:x":1}"#, #"{"Temp:x":1}"#), (#"{"temp":1}"#, #"{"temp":1}"#), (#"{"app:temp:x":1}"#, #"{"app:temp:x":1}"#),
    ])
    func `temporary keys are left out of what is stored`(delta: String, stored: String?) throws {
        let draft = try parsed(#"{"content":1,"stateDelta":\#(delta)}"#)[0]
        #expect(draft.body["stateDelta"]?.description == stored)
        #expect(draft.delta.session.allSatisfy { !$0.key.hasPrefix("temp:") })
    }

    @Test func `of a key that comes twice the last value counts`() throws {
        let draft = try parsed(#"{"content":1,"stateDelta":{"k":1,"l":2,"k":null,"user:k":3}}"#)[0]
        #expect(draft.delta.session == [StateChange("k", .remove), StateChange("l", .set(try JSON(parsing: "2")))])
        #expect(draft.delta.user == [StateChange("k", .set(try JSON(parsing: "3")))])
    }

    @Test func `values as deep as they may be are accepted, and the body can be read back`() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        let draft = try parsed(#"{"content":\#(nested(512)),"stateDelta":{"k":\#(nested(511))}}"#)[0]
        #expect(draft.body["content"]?.description == nested(512))
        #expect(draft.body["stateDelta"]?["k"]?.description == nested(511))
        for text in [#"{"content":\#(nested(513))}"#, #"{"content":1,"stateDelta":{"k":\#(nested(512))}}"#] {
            #expect(#expect(throws: StoreError.self) { try parsed(text) }?.code == .invalidJSON)
        }
        let deep = try JSON(parsing: nested(512))
        #expect(#expect(throws: StoreError.self) { try EventDraft(NewEvent(deep, stateDelta: ["k": deep])) }?.code == .invalidJSON)
    }

    @Test func `no bytes whatever make it trap, and what it accepts is whole`() throws {
        let original = Array(
            #"[{"id":"a","role":"user","content":{"x":[1]},"stateDelta":{"k":1,"temp:t":2}},{"content":"\u00e9","partial":true,"usage":{}}]"#.utf8)
        var random = SplitMix64(seed: 5)
        var accepted = 0
        for _ in 0..<10_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(Array("{}[]\",:\\tn".utf8).randomElement(using: &random)!, at: place)
                }
            }
            guard let drafts = try? EventDraft.batch(parsing: bytes) else { continue }
            accepted += 1
            for draft in drafts {
                #expect(try JSON(draft.body.bytes) == draft.body)
                #expect(draft.body["content"] != nil)
            }
        }
        #expect((100...9000).contains(accepted))
    }

    @Test func `an event says what its author said`() throws {
        let body = try parsed(
            #"{"author":"a","role":"r","type":"t","branch":"b","invocation":"i","partial":true,"content":[1],"stateDelta":{"k":1},"usage":{"u":1},"metadata":{}}"#
        )[0].body
        let event = Event(id: "x", seq: 3, time: Timestamp(milliseconds: 5), body: body)
        #expect(event.offset == Offset(milliseconds: 5, seq: 3))
        #expect((event.author, event.role, event.type, event.branch, event.invocation) == ("a", "r", "t", "b", "i"))
        #expect(event.isPartial)
        #expect(event.content.description == "[1]")
        #expect(event.stateDelta?.description == #"{"k":1}"#)
        #expect(event.usage?.description == #"{"u":1}"#)
        #expect(event.metadata == .emptyObject)
        let plain = Event(id: "x", seq: 3, time: Timestamp(milliseconds: 5), body: try parsed(#"{"content":null}"#)[0].body)
        #expect(plain.author == nil && plain.role == nil && !plain.isPartial && plain.stateDelta == nil)
        #expect(plain.content == .null)
    }

    @Test func `a patch of an event replaces in place and adds at the end`() throws {
        let body = try JSON(parsing: #"{"author":"a","content":1,"stateDelta":{"k":1},"usage":{"u":1}}"#)
        let content = try JSON(parsing: "[ 2 ]")
        #expect(EventPatch(content: content).applied(to: body).description == #"{"author":"a","content":[ 2 ],"stateDelta":{"k":1},"usage":{"u":1}}"#)
        let full = EventPatch(content: content, usage: .emptyObject, metadata: try JSON(parsing: #"{"m":1}"#)).applied(to: body)
        #expect(full.description == #"{"author":"a","content":[ 2 ],"stateDelta":{"k":1},"usage":{},"metadata":{"m":1}}"#)
    }

    @Test func `a fingerprint tells requests apart by ids and bodies`() throws {
        func fingerprint(_ text: String) throws -> Int { EventBatch(try parsed(text)).fingerprint }
        let one = try fingerprint(#"{"content":1}"#)
        #expect(try fingerprint(#" { "content" : 1 } "#) == one)
        var different: Set = [one]
        for text in [
            #"{"content":1.0}"#, #"{"content":1,"id":"a"}"#, #"{"content":1,"id":"b"}"#, #"{"content":1,"role":"a"}"#,
            #"[{"content":1},{"content":1}]"#, #"[{"content":1},{"content":2}]"#, #"[{"content":2},{"content":1}]"#,
        ] {
            #expect(different.insert(try fingerprint(text)).inserted, "\(text)")
        }
        #expect(EventBatch(try parsed(#"{"content":1}"#), expectedSeq: 4, idempotencyKey: "k", createsSession: true).fingerprint == one)
    }
}
