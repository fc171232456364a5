import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("Events over HTTP")
struct EventsTests {
    @Test("an event comes back as it was sent, numbered and timed by the store")
    func roundTrip() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let content = #"{ "text" : "héllo \u00e9", "n": 1.50, "big": 12345678901234567890, "nested": [ {} , [] ] }"#
        let body =
            #"{"id":"e1","author":"bot","role":"assistant","type":"message","branch":"a/b","invocation":"i","partial":true,"content":\#(content),"usage":{"in":3},"metadata":{"k":null}}"#
        let receipt = await api.call(.post, session + "/events", body)
        #expect(receipt.status == 201)
        #expect(receipt.seqs == [1])
        #expect(receipt["version"] == "2")
        let offset = try #require(receipt.json["tail"]?.stringValue)
        #expect(Offset(offset)?.seq == 1)
        let event = await api.call(.get, session + "/events/e1")
        #expect(event.status == 200)
        #expect(event.text.contains(#""content":\#(content)"#), "content is kept byte for byte")
        #expect(event["author"] == #""bot""#)
        #expect(event["role"] == #""assistant""#)
        #expect(event["partial"] == "true")
        #expect(event["usage"] == #"{"in":3}"#)
        #expect(event["metadata"] == #"{"k":null}"#)
        #expect(event.json["offset"]?.stringValue == offset)
        #expect(await api.call(.get, session + "?events=10").json["events"]?.elements?.first == event.json)
    }

    @Test("a batch is stored whole or not at all")
    func batch() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        #expect(await api.call(.post, session + "/events", #"[{"content":1},{"content":2},{"content":3}]"#).seqs == [1, 2, 3])
        let bad = await api.call(.post, session + "/events", #"[{"content":4},{"contnt":5}]"#)
        #expect(bad.code == "unknown_field")
        #expect(bad.detail.contains("events[1].contnt"))
        #expect(await api.call(.get, session + "/events").contents == ["1", "2", "3"])
        #expect(await api.call(.post, session + "/events", "[]").code == "invalid_field")
        let many = "[" + Array(repeating: #"{"content":0}"#, count: 1001).joined(separator: ",") + "]"
        #expect(await api.call(.post, session + "/events", many).status == 413)
        #expect(await api.call(.get, session)["eventCount"] == "3")
    }

    @Test("the same id again stores nothing and returns the first receipt")
    func duplicates() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let first = await api.call(.post, session + "/events", #"{"id":"e","content":1,"stateDelta":{"n":1}}"#)
        let second = await api.call(.post, session + "/events", #"{"id":"e","content":2,"stateDelta":{"n":2}}"#)
        #expect(first.status == 201)
        #expect(second.status == 200)
        #expect(second.json["events"]?.elements?.first?["duplicate"]?.description == "true")
        #expect(second.json["tail"] == first.json["tail"])
        #expect(await api.call(.get, session + "/state").text == #"{"n":1}"#)
        let mixed = await api.call(.post, session + "/events", #"[{"id":"e","content":3},{"id":"f","content":4}]"#)
        #expect(mixed.status == 201)
        #expect(mixed.seqs == [1, 2])
    }

    @Test("an idempotency key makes a retry harmless, and another request under it an error")
    func idempotencyKey() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let key: Headers = ["Idempotency-Key": "turn-1"]
        #expect(await api.call(.post, session + "/events", #"{"content":1}"#, headers: key).status == 201)
        let retry = await api.call(.post, session + "/events", #"{"content":1}"#, headers: key)
        #expect(retry.status == 200)
        #expect(retry.seqs == [1])
        #expect(await api.call(.post, session + "/events", #"{"content":2}"#, headers: key).code == "idempotency_mismatch")
        #expect(await api.call(.get, session)["eventCount"] == "1")
    }

    @Test("If-Match refuses a writer that has not seen the newest event, but never its own retry")
    func ifMatch() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let none: Headers = ["If-Match": "\"0\""]
        #expect(await api.call(.post, session + "/events", #"{"id":"a","content":1}"#, headers: none).status == 201)
        let stale = await api.call(.post, session + "/events", #"{"id":"b","content":2}"#, headers: none)
        #expect(stale.status == 412)
        #expect(stale["current"] == "1")
        #expect(await api.call(.post, session + "/events", #"{"id":"a","content":1}"#, headers: none).status == 200)
    }

    @Test("appending creates no session unless it is asked to")
    func create() async throws {
        let api = try await TestAPI()
        let session = "\(TestAPI.base)/new"
        #expect(await api.call(.post, session + "/events", #"{"content":1}"#).code == "not_found")
        #expect(await api.call(.get, session).status == 404)
        #expect(await api.call(.post, session + "/events?create=true", #"{"content":1}"#).status == 201)
        #expect(await api.call(.get, session)["eventCount"] == "1")
    }

    @Test("pages go on where they ended, both ways, and say when nothing is left")
    func pages() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        try await api.append(10, to: session)
        var seqs: [Int] = []
        var after = "0"
        while true {
            let page = await api.call(.get, session + "/events?limit=4&after=\(after)")
            seqs += page.seqs
            after = try #require(page.json["next"]?.stringValue)
            if page["upToDate"] == "true" { break }
        }
        #expect(seqs == Array(1...10))
        #expect(await api.call(.get, session + "/events?after=\(after)").seqs.isEmpty)
        var newestFirst: [Int] = []
        var before: String? = ""
        while let current = before {
            let page = await api.call(.get, session + "/events?order=desc&limit=4\(current.isEmpty ? "" : "&before=\(current)")")
            newestFirst += page.seqs
            before = page["upToDate"] == "true" ? nil : page.json["next"]?.stringValue
        }
        #expect(newestFirst == Array((1...10).reversed()))
        #expect(await api.call(.get, session + "/events?after=3&before=6").seqs == [4, 5])
        #expect(await api.call(.get, session + "/events?after=11").status == 410)
        #expect(await api.call(.get, session + "/events?after=x").code == "invalid_cursor")
    }

    @Test("filters apply before the limit")
    func filters() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        for number in 1...12 {
            let role = ["user", "assistant", "tool"][number % 3]
            let body = #"{"role":"\#(role)","author":"a\#(number % 2)","type":"t","branch":"b\#(number % 4)","content":\#(number)}"#
            #expect(await api.call(.post, session + "/events", body).status == 201)
        }
        #expect(await api.call(.get, session + "/events?roles=user&limit=2").seqs == [3, 6])
        #expect(await api.call(.get, session + "/events?roles=user,tool&limit=3").seqs == [2, 3, 5])
        #expect(await api.call(.get, session + "/events?authors=a1&roles=user").seqs == [3, 9])
        #expect(await api.call(.get, session + "/events?branch=b0").seqs == [4, 8, 12])
        #expect(await api.call(.get, session + "?events=2&roles=user").seqs == [9, 12])
        #expect(await api.call(.get, session + "/events?since=2999-01-01T00:00:00Z").seqs.isEmpty)
        #expect(await api.call(.get, session + "/events?until=2999-01-01T00:00:00Z").seqs.count == 12)
        #expect(await api.call(.get, session + "/events?since=yesterday").code == "invalid_parameter")
    }

    @Test("an event can be replaced, removed, popped, forgotten; its seq stays used")
    func changes() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        for id in ["a", "b", "c"] { _ = await api.call(.post, session + "/events", #"{"id":"\#(id)","role":"user","content":"\#(id)"}"#) }
        let replaced = await api.call(.put, session + "/events/b", #"{"content":{"new":true}}"#)
        #expect(replaced.status == 200)
        #expect(replaced["seq"] == "2")
        #expect(replaced["role"] == #""user""#)
        #expect(replaced["editedAt"] != nil)
        #expect(await api.call(.put, session + "/events/b", #"{"content":1,"role":"x"}"#).code == "unknown_field")
        #expect(await api.call(.delete, session + "/events/b").status == 204)
        #expect(await api.call(.get, session + "/events/b").status == 404)
        #expect(await api.call(.delete, session + "/events/b").status == 404)
        let popped = await api.call(.post, session + "/events/pop")
        #expect(popped["id"] == #""c""#)
        #expect(await api.call(.get, session + "/events").seqs == [1])
        #expect(await api.call(.get, session)["lastSeq"] == "3")
        #expect(await api.call(.delete, session + "/events").status == 204)
        #expect(await api.call(.post, session + "/events/pop").status == 204)
        #expect(await api.call(.post, session + "/events", #"{"id":"a","content":1}"#).seqs == [4])
    }

    @Test("a window holds an event and its neighbours")
    func window() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        for number in 1...9 {
            _ = await api.call(.post, session + "/events", #"{"id":"e\#(number)","role":"\#(number % 2 == 0 ? "user" : "tool")","content":0}"#)
        }
        #expect(await api.call(.get, session + "/events/e5/window?before=2&after=1").seqs == [3, 4, 5, 6])
        #expect(await api.call(.get, session + "/events/e4/window?before=2&after=2&roles=user").seqs == [2, 4, 6, 8])
        #expect(await api.call(.get, session + "/events/e1/window?before=5&after=0").seqs == [1])
        #expect(await api.call(.get, session + "/events/nope/window").status == 404)
    }

    @Test("over the limit the oldest go, and a cursor among them is told what is left")
    func trimming() async throws {
        let api = try await TestAPI(policy: StorePolicy(maximumEvents: 5))
        let session = try await api.session()
        try await api.append(8, to: session)
        #expect(await api.call(.get, session + "/events").seqs == [4, 5, 6, 7, 8])
        let gone = await api.call(.get, session + "/events?after=1")
        #expect(gone.status == 410)
        #expect(gone.code == "offset_gone")
        #expect(gone.json["earliest"]?.stringValue.flatMap { Offset($0) }?.seq == 3)
        #expect(gone.json["tail"]?.stringValue.flatMap { Offset($0) }?.seq == 8)
        #expect(gone.json["generation"]?.stringValue?.count == 16)
        #expect(await api.call(.get, session + "/events?after=3").seqs == [4, 5, 6, 7, 8])
    }

    @Test("deep, broken and huge content is refused or kept, never half stored")
    func hostileContent() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(await api.call(.post, session + "/events", #"{"content":\#(nested(510))}"#).status == 201)
        #expect(await api.call(.post, session + "/events", #"{"content":\#(nested(600))}"#).code == "invalid_json")
        #expect(await api.call(.post, session + "/events", #"{"content":\#(nested(100_000))}"#).code == "invalid_json")
        let text = String(repeating: "x", count: (8 << 20) - 2)
        #expect(await api.call(.post, session + "/events", #"{"content":"\#(text)"}"#).status == 201)
        #expect(await api.call(.post, session + "/events", #"{"content":"\#(text)x"}"#).status == 413)
        var request = Request(.post, session + "/events", headers: ["Content-Type": "application/json"], body: Array(#"{"content":""#.utf8))
        request.host = "localhost"
        request.body += [0xFF, 0xFE] + Array(#""}"#.utf8)
        let invalid = Reply(await api.api.respond(to: request))
        #expect(invalid.code == "invalid_json")
        #expect(invalid.detail.contains("UTF-8") && invalid.detail.contains("byte 12"))
        #expect(await api.call(.get, session)["eventCount"] == "2")
    }
}
