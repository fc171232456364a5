import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("Tool calls, approvals and whole transcripts over HTTP")
struct LedgerTests {
    @Test("a tool call is reserved, completed, and given to whoever asks again")
    func toolCalls() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        let body = #"{"key":"charge 1/2","name":"pay","arguments":{"amount":5},"holder":"a","ttl":30}"#
        let reserved = await test.call(.post, session + "/tool-calls", body)
        #expect(reserved.status == 201)
        #expect(reserved.json["status"]?.stringValue == "reserved")
        #expect(reserved.json["attempt"]?.intValue == 1)
        let busy = await test.call(.post, session + "/tool-calls", body)
        #expect(busy.status == 409)
        #expect(busy.code == "busy")
        #expect(busy.json["toolCall"]?["holder"]?.stringValue == "a")
        #expect(busy.headers["Retry-After"] != nil)
        let call = session + "/tool-calls/charge%201%2F2"
        #expect(await test.call(.put, call, #"{"status":"completed","result":{"paid":true},"attempt":2}"#).code == "fenced")
        #expect(await test.call(.put, call, #"{"status":"reserved","ttl":60,"attempt":1}"#).status == 200)
        let done = await test.call(.put, call, #"{"status":"completed","result":{"paid":true},"attempt":1}"#)
        #expect(done.json["result"]?.description == #"{"paid":true}"#)
        let again = await test.call(.post, session + "/tool-calls", body)
        #expect(again.status == 200)
        #expect(again.json == done.json)
        #expect(await test.call(.get, call).json == done.json)
        #expect(await test.call(.get, session + "/tool-calls?status=completed&limit=1").json["toolCalls"]?.elements?.count == 1)
        #expect(await test.call(.get, session + "/tool-calls?status=failed").json["toolCalls"]?.elements?.isEmpty == true)
    }

    @Test(
        "what cannot be a tool call is refused, and says why",
        arguments: [
            (#"{"name":"pay"}"#, "invalid_field"), (#"{"key":"","name":"pay"}"#, "invalid_name"), (#"{"key":"a","ttl":0}"#, "invalid_field"),
            (#"{"key":"a","onAmbiguous":"perhaps"}"#, "invalid_field"), (#"{"key":"a","args":1}"#, "unknown_field"), ("[]", "invalid_field"),
        ])
    func invalid(_ body: String, _ code: String) async throws {
        let test = try await TestAPI()
        let reply = await test.call(.post, try await test.session() + "/tool-calls", body)
        #expect(reply.status == 400)
        #expect(reply.code == code)
    }

    @Test("an approval is decided once, and both steps are events")
    func approvals() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        let question = #"{"key":"pay","prompt":{"amount":5},"deciders":["ann"],"expiresAt":"2999-01-01T00:00:00.000Z"}"#
        #expect(await test.call(.post, session + "/approvals", question).status == 201)
        #expect(await test.call(.post, session + "/approvals", question).status == 200)
        #expect(await test.call(.post, session + "/approvals", #"{"key":"pay","prompt":1}"#).code == "conflict")
        let decision = session + "/approvals/pay/decision"
        #expect(await test.call(.post, decision, #"{"decision":"approved","by":"bob"}"#).code == "forbidden")
        let decided = await test.call(.post, decision, #"{"decision":"approved","by":"ann"}"#)
        #expect(decided.json["approved"]?.description == "true")
        let late = await test.call(.post, decision, #"{"decision":"rejected","by":"ann"}"#)
        #expect(late.status == 409)
        #expect(late.json["approval"]?["decision"]?.stringValue == "approved")
        #expect(await test.call(.get, session + "/approvals/pay").json == decided.json)
        #expect(await test.call(.get, session + "/approvals?status=decided").json["approvals"]?.elements?.count == 1)
        let events = await test.call(.get, session + "/events").json["events"]?.elements ?? []
        #expect(events.map { $0["type"]?.stringValue } == [Approval.askedType, Approval.decidedType])
        #expect(events.last?["content"]?["by"]?.stringValue == "ann")
        #expect(await test.call(.post, session + "/approvals", #"{"key":"old","expiresAt":"2001-01-01T00:00:00Z"}"#).code == "invalid_field")
        #expect(await test.call(.get, session + "/approvals/none").status == 404)
    }

    @Test("the view for models has no half tool rounds, across pages and in both orders")
    func transcripts() async throws {
        let test = try await TestAPI()
        let session = try await test.session()
        func call(_ id: String) -> String { #"{"role":"assistant","content":{"tool_calls":[{"id":"\#(id)"}]}}"# }
        func result(_ id: String) -> String { #"{"role":"tool","content":{"tool_call_id":"\#(id)"}}"# }
        let events = [
            #"{"role":"user","content":"one"}"#, call("a"), result("a"), result("x"), call("b"), #"{"role":"user","content":"two"}"#, call("c"),
            result("c"),
        ]
        #expect(await test.call(.post, session + "/events", "[\(events.joined(separator: ","))]").status == 201)
        func seqs(_ query: String) async -> [Int] {
            let reply = await test.call(.get, session + "/events?view=model" + query)
            #expect(reply.status == 200)
            return (reply.json["events"]?.elements ?? []).compactMap { $0["seq"]?.intValue }
        }
        #expect(await seqs("") == [1, 2, 3, 6, 7, 8])
        #expect(await seqs("&order=desc") == [8, 7, 6, 3, 2, 1])
        #expect(await seqs("&orphans=mark") == [1, 2, 3, 4, 5, 6, 7, 8])
        // A page goes on until its rounds are closed.
        #expect(await seqs("&limit=2") == [1, 2, 3])
        #expect(await seqs("&limit=1&order=desc") == [8, 7])
        #expect(await seqs("&after=3") == [6, 7, 8])
        let orphans = await test.call(.get, session + "/events?view=model").json["orphans"]?.elements ?? []
        #expect(orphans.map { $0["seq"]?.intValue } == [4, 5])
        #expect(orphans.first?["strayResults"]?.elements?.first?.stringValue == "x")
        #expect(orphans.last?["unansweredCalls"]?.elements?.first?.stringValue == "b")
        #expect(await test.call(.get, session + "/events?view=model&roles=user").code == "invalid_parameter")
        #expect(await test.call(.get, session + "/events?view=raw").code == "invalid_parameter")
        #expect(await test.call(.get, session + "/events?orphans=drop").code == "invalid_parameter")
    }
}
