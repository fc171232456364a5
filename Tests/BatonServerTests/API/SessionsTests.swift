import BatonCore
import BatonHTTP
import Testing

@Suite("Sessions over HTTP")
struct SessionsTests {
    @Test("a session is created with what was given and found again")
    func createAndGet() async throws {
        let api = try await TestAPI()
        let body =
            #"{"id":"s-1","title":"Order","tags":["vip"],"metadata":{"a":1.0},"state":{"cart":[1],"user:name":"Ada","app:plan":"x","temp:t":1},"ttl":60,"participants":["ada",{"id":"bot","role":"agent"}]}"#
        let created = await api.call(.post, TestAPI.base, body)
        #expect(created.status == 201)
        #expect(created.headers["Location"] == "\(TestAPI.base)/s-1")
        #expect(created.headers["ETag"] == "\"1\"")
        for reply in [created, await api.call(.get, "\(TestAPI.base)/s-1")] {
            #expect(reply["app"] == #""shop""#)
            #expect(reply["user"] == #""ada""#)
            #expect(reply["id"] == #""s-1""#)
            #expect(reply["title"] == #""Order""#)
            #expect(reply["status"] == #""active""#)
            #expect(reply["version"] == "1")
            #expect(reply["ttl"] == "60")
            #expect(reply["expiresAt"] != "null")
            #expect(reply["eventCount"] == "0")
            #expect(reply["lastSeq"] == "0")
            #expect(reply["tail"] == #""0000000000000000_0000000000000000""#)
            #expect(reply["tags"] == #"["vip"]"#)
            #expect(reply["metadata"] == #"{"a":1.0}"#, "numbers keep their spelling")
            #expect(reply["state"] == #"{"app:plan":"x","cart":[1],"user:name":"Ada"}"#)
            #expect(reply["participants"] == #"["ada",{"id":"bot","role":"agent"}]"#)
            #expect(reply["activeAgent"] == "null")
        }
    }

    @Test("without an id one is made, a UUID of version 7")
    func madeID() async throws {
        let api = try await TestAPI()
        let reply = await api.call(.post, TestAPI.base, "{}")
        #expect(reply.status == 201)
        let id = try #require(reply.json["id"]?.stringValue)
        #expect(id.count == 36)
        #expect(Array(id)[14] == "7")
        #expect(await api.call(.get, "\(TestAPI.base)/\(id)").status == 200)
    }

    @Test("a body is optional where everything in it is")
    func emptyBody() async throws {
        let api = try await TestAPI()
        #expect(await api.call(.post, TestAPI.base).status == 201)
        #expect(await api.call(.put, "\(TestAPI.base)/x").status == 201)
    }

    @Test("an existing id is a conflict, or returned when asked for")
    func exists() async throws {
        let api = try await TestAPI()
        #expect(await api.call(.post, TestAPI.base, #"{"id":"x","title":"first"}"#).status == 201)
        let again = await api.call(.post, TestAPI.base, #"{"id":"x","title":"second"}"#)
        #expect(again.status == 409)
        #expect(again.code == "exists")
        let returned = await api.call(.post, "\(TestAPI.base)?ifExists=return", #"{"id":"x","title":"second"}"#)
        #expect(returned.status == 200)
        #expect(returned["title"] == #""first""#)
        let put = await api.call(.put, "\(TestAPI.base)/x", #"{"title":"third"}"#)
        #expect(put.status == 200)
        #expect(put["title"] == #""first""#)
        #expect(put["version"] == "1")
        #expect(await api.call(.put, "\(TestAPI.base)/x", #"{"id":"y"}"#).code == "invalid_field")
    }

    @Test("a patch changes what it names, once, when the version is the one that was read")
    func patch() async throws {
        let api = try await TestAPI()
        let session = try await api.session("s", #"{"title":"a","metadata":{"x":1,"y":2}}"#)
        let patched = await api.call(
            .patch, session, #"{"title":null,"tags":["t"],"metadata":{"y":null,"z":3},"status":"paused","ttl":90,"activeAgent":"bot"}"#,
            headers: ["If-Match": "\"1\""])
        #expect(patched.status == 200)
        #expect(patched["title"] == "null")
        #expect(patched["metadata"] == #"{"x":1,"z":3}"#)
        #expect(patched["status"] == #""paused""#)
        #expect(patched["activeAgent"] == #""bot""#)
        #expect(patched["ttl"] == "90")
        #expect(patched["version"] == "2")
        let stale = await api.call(.patch, session, #"{"title":"late"}"#, headers: ["If-Match": "\"1\""])
        #expect(stale.status == 412)
        #expect(stale.code == "precondition_failed")
        #expect(stale["current"] == "2")
        #expect(await api.call(.get, session)["title"] == "null")
    }

    @Test("deleting leaves nothing, twice is fine")
    func delete() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        try await api.append(3, to: session)
        #expect(await api.call(.delete, session).status == 204)
        #expect(await api.call(.delete, session).status == 204)
        #expect(await api.call(.get, session).code == "not_found")
        #expect(await api.call(.get, session + "/events").status == 404)
        let reborn = await api.call(.put, session, "{}")
        #expect(reborn.status == 201)
        #expect(reborn["lastSeq"] == "0")
    }

    @Test("touch restarts the lifetime and moves no version")
    func touch() async throws {
        let api = try await TestAPI()
        let session = try await api.session("s", #"{"ttl":100}"#)
        let reply = await api.call(.post, session + "/touch")
        #expect(reply.status == 200)
        #expect(reply["version"] == "1")
        #expect(await api.call(.post, "\(TestAPI.base)/none/touch").status == 404)
    }

    @Test("lists are newest first, filtered before the limit, and paged by cursor")
    func list() async throws {
        let api = try await TestAPI()
        for number in 1...7 {
            _ = try await api.session("s\(number)", number.isMultiple(of: 2) ? #"{"tags":["even"]}"# : "{}")
        }
        var seen: [String] = []
        var cursor: String? = ""
        while let current = cursor {
            let page = await api.call(.get, "\(TestAPI.base)?limit=3&order=created\(current.isEmpty ? "" : "&cursor=\(current)")")
            #expect(page.status == 200)
            seen += page.json["sessions"]?.elements?.compactMap { $0["id"]?.stringValue } ?? []
            cursor = page.json["next"]?.stringValue
        }
        #expect(Set(seen).count == 7)
        #expect(seen.count == 7)
        let even = await api.call(.get, "\(TestAPI.base)?tag=even&limit=2")
        #expect(even.json["sessions"]?.elements?.count == 2)
        #expect(even.json["next"] != .null)
        #expect(await api.call(.get, "/v1/apps/shop/sessions").json["sessions"]?.elements?.count == 7)
        #expect(await api.call(.get, "/v1/apps/shop/users/bob/sessions").json["sessions"]?.elements?.count == 0)
        #expect(await api.call(.get, "\(TestAPI.base)?cursor=zz").code == "invalid_cursor")
        let first = await api.call(.get, "\(TestAPI.base)?limit=1")
        let other = try #require(first.json["next"]?.stringValue)
        #expect(await api.call(.get, "\(TestAPI.base)?order=created&cursor=\(other)").code == "invalid_cursor")
    }

    @Test(
        "hostile names are names",
        arguments: [":", "{", "}", "*", "%25", "%2F", "%00", "a%3Ab", "%F0%9F%A6%8A", "..", "%2e%2e", String(repeating: "n", count: 256)])
    func hostileNames(name: String) async throws {
        let api = try await TestAPI()
        let session = "/v1/apps/\(name)/users/\(name)/sessions/\(name)"
        #expect(await api.call(.put, session, "{}").status == 201)
        #expect(await api.call(.post, session + "/events", #"{"content":1}"#).status == 201)
        #expect(await api.call(.get, session + "?events=5").contents == ["1"])
        #expect(await api.call(.get, "/v1/apps/\(name)/users/\(name)/sessions").json["sessions"]?.elements?.count == 1)
        #expect(await api.call(.delete, session).status == 204)
    }

    @Test("bad input is named: which field, what is allowed")
    func badInput() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let cases: [(String, String, String)] = [
            (#"{"titel":"x"}"#, "unknown_field", "titel"),
            (#"{"title":1}"#, "invalid_field", "title"),
            (#"{"title":"x","title":"y"}"#, "invalid_field", "twice"),
            (#"{"tags":["a",1]}"#, "invalid_field", "tags"),
            (#"{"ttl":0}"#, "invalid_field", "ttl"),
            (#"{"ttl":1.5}"#, "invalid_field", "ttl"),
            (#"{"metadata":[]}"#, "invalid_field", "metadata"),
            (#"{"participants":[{}]}"#, "invalid_field", "participants[0]"),
            ("[]", "invalid_field", "object"),
            (#"{"title":"x""#, "invalid_json", "byte 12"),
            ("{\"title\":\"\u{1}\"}", "invalid_json", "control"),
            (#"{"state":{"":1}}"#, "invalid_name", "state key"),
        ]
        for (body, code, hint) in cases {
            let reply = await api.call(.post, TestAPI.base, body)
            #expect(reply.status == 400, "\(body)")
            #expect(reply.code == code, "\(body): \(reply.text)")
            #expect(reply.detail.contains(hint), "\(body): \(reply.detail)")
        }
        #expect(await api.call(.patch, session, #"{"status":"done"}"#).detail.contains("active, paused, completed"))
        #expect(await api.call(.get, "\(TestAPI.base)?limt=3").code == "invalid_parameter")
        #expect(await api.call(.get, "\(TestAPI.base)?limit=0").code == "invalid_parameter")
        #expect(await api.call(.get, "\(TestAPI.base)/\(String(repeating: "n", count: 257))").code == "invalid_name")
        #expect(await api.call(.get, "/v1/apps//users/u/sessions/s").code == "invalid_name")
        #expect(await api.call(.get, "/v1/apps/%zz/users/u/sessions/s").status == 400)
        #expect(await api.call(.post, TestAPI.base, "{}", headers: ["Content-Type": "text/plain"]).status == 415)
        #expect(await api.call(.patch, session, #"{"title":"x"}"#, headers: ["If-Match": "abc"]).code == "invalid_parameter")
        #expect(await api.call(.get, session, headers: [:]).json["version"]?.intValue == 1, "nothing of it was stored")
    }
}
