import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("Topics over HTTP")
struct TopicsTests {
    @Test("one event or an array is published, all or nothing, and read back as it was")
    func publish() async throws {
        let api = try await TestAPI()
        let one = await api.call(.post, "/v1/topics/orders/events", #"{"type":"made","key":"o/1","data":{"b":1.50,"a":[null]},"id":"mine"}"#)
        #expect(one.status == 201)
        #expect(one.seqs == [1])
        let more = await api.call(
            .post, "/v1/topics/orders/events", #"[{"type":"paid","data":null,"time":"2020-01-02T03:04:05.678Z"},{"type":"sent","data":"x"}]"#)
        #expect(more.seqs == [2, 3])
        let page = await api.call(.get, "/v1/topics/orders/events")
        #expect(page.status == 200)
        let events = page.json["events"]?.elements ?? []
        #expect(events.count == 3)
        #expect(events.first?.members?.map(\.name) == ["id", "topic", "seq", "offset", "time", "type", "key", "data"])
        #expect(events.first?["topic"]?.stringValue == "orders")
        #expect(events.first?["id"]?.stringValue == "mine")
        #expect(events.first?["data"]?.description == #"{"b":1.50,"a":[null]}"#)
        #expect(events[1]["time"]?.stringValue == "2020-01-02T03:04:05.678Z")
        #expect(events[1]["key"]?.isNull == true)
        #expect(page["next"] == events[2]["offset"]?.description)
        #expect(page["upToDate"] == "true")

        let refused = await api.call(.post, "/v1/topics/orders/events", #"[{"type":"a","data":1},{"type":"","data":1}]"#)
        #expect(refused.code == "invalid_field")
        #expect(await api.call(.get, "/v1/topics/orders/events").seqs == [1, 2, 3])
    }

    @Test("a repetition stores nothing: 200 with the first receipt")
    func repeated() async throws {
        let api = try await TestAPI()
        let named = #"{"id":"a","type":"x","data":1}"#
        #expect(await api.call(.post, "/v1/topics/t/events", named).status == 201)
        let again = await api.call(.post, "/v1/topics/t/events", named)
        #expect(again.status == 200)
        #expect(again.json["events"]?.elements?[0]["duplicate"]?.description == "true")
        let request: Headers = ["Idempotency-Key": "k"]
        let first = await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":2}"#, headers: request)
        let second = await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":2}"#, headers: request)
        #expect((first.status, second.status) == (201, 200))
        #expect(first.seqs == second.seqs)
        let other = await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":3}"#, headers: request)
        #expect(other.status == 422)
        #expect(await api.call(.get, "/v1/topics/t").json["count"]?.intValue == 2)
    }

    @Test(
        "what is wrong in a request is refused by name",
        arguments: [
            (#"{"type":"x"}"#, "invalid_field", "data"), (#"{"data":1}"#, "invalid_field", "type"),
            (#"{"type":"x","data":1,"dta":2}"#, "unknown_field", "dta"), (#"{"type":"x","data":1,"seq":2}"#, "unknown_field", "seq"),
            (#"{"type":"x","data":1,"time":"yesterday"}"#, "invalid_field", "time"), (#"{"type":"x","data":}"#, "invalid_json", "byte"),
            ("[]", "invalid_field", "empty"), ("", "invalid_json", ""), (#"{"type":7,"data":1}"#, "invalid_field", "event.type"),
        ])
    func wrong(_ body: String, _ code: String, _ word: String) async throws {
        let reply = await (try TestAPI()).call(.post, "/v1/topics/t/events", body)
        #expect(reply.status == 400)
        #expect(reply.code == code)
        #expect(reply.detail.contains(word))
    }

    @Test("reading begins at the start, at an offset, at a time or now")
    func cursors() async throws {
        let api = try await TestAPI()
        let receipt = await api.call(.post, "/v1/topics/t/events", #"[{"type":"a","data":1},{"type":"b","data":2},{"type":"a","data":3}]"#)
        let offsets = receipt.json["events"]?.elements?.compactMap { $0["offset"]?.stringValue } ?? []
        try #require(offsets.count == 3)
        func seqs(_ query: String) async -> [Int] { await api.call(.get, "/v1/topics/t/events?\(query)").seqs }
        #expect(await seqs("after=0") == [1, 2, 3])
        #expect(await seqs("after=start&limit=2") == [1, 2])
        #expect(await seqs("after=\(offsets[0])") == [2, 3])
        #expect(await seqs("after=now") == [])
        #expect(await seqs("since=1990-01-01T00:00:00Z") == [1, 2, 3])
        #expect(await seqs("since=2990-01-01T00:00:00Z") == [])
        #expect(await seqs("types=b,c") == [2])
        let filtered = await api.call(.get, "/v1/topics/t/events?types=none")
        #expect(filtered["next"] == "\"\(offsets[2])\"", "the cursor moves past what a filter leaves out")
        #expect(await api.call(.get, "/v1/topics/t/events?after=nonsense").code == "invalid_cursor")
        #expect(await api.call(.get, "/v1/topics/t/events?after=0&since=1990-01-01T00:00:00Z").code == "invalid_parameter")
        #expect(await api.call(.get, "/v1/topics/t/events?app=a").code == "invalid_parameter")
        #expect(await api.call(.get, "/v1/topics/absent/events").json["events"]?.elements?.isEmpty == true)
    }

    @Test("a cursor in what was trimmed away is 410, with where to go on")
    func gone() async throws {
        let api = try await TestAPI()
        let settings = await api.call(.put, "/v1/topics/t", #"{"retention":{"maxEvents":2,"policy":"strict","maxAgeSeconds":null}}"#)
        #expect(settings.status == 200)
        #expect(settings.json["retention"]?.description == #"{"maxEvents":2,"maxBytes":null,"maxAgeSeconds":null,"policy":"strict"}"#)
        let first = await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":1}"#)
        let offset = first.json["events"]?.elements?[0]["offset"]?.stringValue ?? ""
        for number in 2...5 { _ = await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":\#(number)}"#) }
        let reply = await api.call(.get, "/v1/topics/t/events?after=\(offset)")
        #expect(reply.status == 410)
        #expect(reply.code == "offset_gone")
        let topic = await api.call(.get, "/v1/topics/t")
        for name in ["earliest", "tail", "generation"] { #expect(reply[name] == topic[name]) }
        let earliest = reply.json["earliest"]?.stringValue ?? ""
        #expect(await api.call(.get, "/v1/topics/t/events?after=\(earliest)").seqs == [4, 5])
        #expect(await api.call(.get, "/v1/topics/t/events?after=0").seqs == [4, 5])
    }

    @Test("a full topic whose group is behind refuses publishers, and says when to come again")
    func full() async throws {
        let api = try await TestAPI()
        _ = await api.call(.put, "/v1/topics/t", #"{"retention":{"maxEvents":2}}"#)
        _ = await api.call(.put, "/v1/topics/t/groups/g", #"{"from":"start"}"#)
        _ = await api.call(.post, "/v1/topics/t/events", #"[{"type":"x","data":1},{"type":"x","data":2}]"#)
        let refused = await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":3}"#)
        #expect(refused.status == 429)
        #expect(refused.code == "too_many_requests")
        #expect(refused.headers["Retry-After"] == "1")
        let received = await api.call(.post, "/v1/topics/t/groups/g/deliveries", #"{"consumer":"c"}"#)
        let delivery = try #require(received.json["deliveries"]?.elements?.first)
        let settled = #"{"consumer":"c","deliveries":[{"id":\#(delivery["id"]!),"token":\#(delivery["token"]!)}]}"#
        #expect(await api.call(.post, "/v1/topics/t/groups/g/ack", settled).status == 200)
        #expect(await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":3}"#).status == 201)
    }

    @Test("topics are listed, shown, changed and deleted")
    func topics() async throws {
        let api = try await TestAPI()
        for name in ["b", "a", "%C3%A9%2F1"] { _ = await api.call(.post, "/v1/topics/\(name)/events", #"{"type":"x","data":1}"#) }
        func names(_ query: String) async -> [String] {
            await api.call(.get, "/v1/topics?\(query)").json["topics"]?.elements?.compactMap { $0["name"]?.stringValue } ?? []
        }
        #expect(await names("") == ["a", "b", "sessions", "\u{E9}/1"])
        #expect(await names("limit=2") == ["a", "b"])
        #expect(await api.call(.get, "/v1/topics?limit=2")["next"] == "\"b\"")
        #expect(await names("after=b") == ["sessions", "\u{E9}/1"])
        #expect(await api.call(.get, "/v1/topics?after=b")["next"] == "null")
        #expect(await api.call(.get, "/v1/topics/none").code == "not_found")
        #expect(await api.call(.delete, "/v1/topics/a", headers: ["Prefer": "return=representation"]).status == 200)
        #expect(await api.call(.delete, "/v1/topics/a", headers: ["Prefer": "return=representation"]).status == 204)
        #expect(await api.call(.delete, "/v1/topics/b").status == 204)
        #expect(await api.call(.delete, "/v1/topics/sessions").code == "forbidden")
        #expect(await api.call(.post, "/v1/topics/sessions/events", #"{"type":"x","data":1}"#).code == "forbidden")
        #expect(await api.call(.put, "/v1/topics/t", #"{"retention":{"maxEvents":0}}"#).code == "invalid_field")
        #expect(await api.call(.put, "/v1/topics/t", #"{"retention":{"maximum":1}}"#).code == "unknown_field")
        #expect(await api.call(.put, "/v1/topics/t").json["retention"]?["maxEvents"]?.intValue == 100_000)
        #expect(await api.call(.put, "/v1/topics/sessions", #"{"retention":{"maxEvents":10}}"#).json["retention"]?["policy"]?.stringValue == "strict")
        #expect(await api.call(.put, "/v1/topics/sessions", #"{"retention":{"policy":"safe"}}"#).code == "invalid_field")
    }

    @Test("what happens in sessions is on the topic sessions, and can be filtered by app and user")
    func sessions() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        try await api.append(2, to: session)
        _ = await api.call(.put, "/v1/apps/bank/users/ada/sessions/s", "{}")
        _ = await api.call(.delete, session)
        _ = await api.call(.put, "/v1/apps/bank/users/bob/sessions/s", "{}")
        func types(_ query: String) async -> [String] {
            await api.call(.get, "/v1/topics/sessions/events?\(query)").json["events"]?.elements?.compactMap { $0["type"]?.stringValue } ?? []
        }
        #expect(await types("") == ["session.created", "session.created", "session.deleted", "session.created"])
        #expect(await types("app=shop") == ["session.created", "session.deleted"])
        #expect(await types("app=bank&user=bob") == ["session.created"])
        #expect(await types("keys=shop/ada/s&types=session.deleted") == ["session.deleted"])
        let first = await api.call(.get, "/v1/topics/sessions/events").json["events"]?.elements?.first
        #expect(first?["key"]?.stringValue == "shop/ada/s")
        #expect(first?["seq"]?.isNull == true)
        #expect(first?["data"]?.description == #"{"app":"shop","user":"ada","session":"s"}"#)
        #expect(await api.call(.get, "/v1/topics/sessions/events?user=ada").code == "invalid_parameter")
    }
}
