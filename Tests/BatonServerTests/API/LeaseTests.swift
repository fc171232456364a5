import BatonCore
import BatonHTTP
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Leases over HTTP")
struct LeaseTests {
    private func acquire(_ api: TestAPI, _ session: String, _ holder: String, _ more: String = "") async throws -> (epoch: String, reply: Reply) {
        let reply = await api.call(.post, session + "/lease", #"{"holder":"\#(holder)","ttl":60\#(more)}"#)
        try #require(reply.status == 200)
        return (reply["epoch"] ?? "", reply)
    }

    @Test("a lease is acquired, shown, renewed and released")
    func lifetime() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        #expect(await api.call(.get, session + "/lease").status == 204)
        let (epoch, lease) = try await acquire(api, session, "ann")
        #expect(lease.json.members?.map(\.name) == ["holder", "epoch", "expiresAt"])
        #expect(await api.call(.get, session + "/lease").text == lease.text)
        #expect(await api.call(.get, session)["lease"] == lease.text)
        let renewed = await api.call(.put, session + "/lease", #"{"epoch":\#(epoch),"ttl":90.5}"#)
        #expect(renewed.status == 200 && renewed["epoch"] == epoch)
        #expect(await api.call(.put, session + "/lease", #"{"epoch":1,"ttl":90}"#).code == "fenced")
        #expect(await api.call(.delete, session + "/lease", #"{"epoch":\#(epoch)}"#).status == 204)
        #expect(await api.call(.delete, session + "/lease?epoch=\(epoch)").status == 204)
        #expect(await api.call(.delete, session + "/lease?epoch=1").code == "fenced")
        #expect(await api.call(.get, session)["lease"] == "null")
    }

    @Test("who comes second is told who holds it and until when")
    func busy() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let (_, lease) = try await acquire(api, session, "ann")
        for reply in [
            await api.call(.post, session + "/lease", #"{"holder":"bob","ttl":1}"#), await api.call(.post, session + "/events", #"{"content":1}"#),
        ] {
            #expect(reply.status == 409 && reply.code == "busy")
            #expect(reply["holder"] == #""ann""# && reply["expiresAt"] == lease["expiresAt"])
            #expect(reply["lease"] == lease.text)
            #expect((1...60).contains(reply.json["retryAfter"]?.intValue ?? 0))
            #expect(reply.headers["Retry-After"] == reply["retryAfter"])
        }
    }

    @Test("every address that changes a session takes an epoch, and fences an old one")
    func fenced() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        try await api.append(3, to: session)
        let (old, _) = try await acquire(api, session, "ann")
        let (epoch, _) = try await acquire(api, session, "bob", #","steal":true"#)
        let id = await api.call(.get, session + "/events?limit=1").json["events"]?.elements?.first?["id"]?.stringValue ?? ""
        let writes: [(BatonHTTP.Method, String, String?)] = [
            (.post, "/events", #"{"content":1}"#), (.put, "/events/\(id)", #"{"content":2}"#), (.patch, "", #"{"title":"t"}"#),
            (.patch, "/state", #"{"k":1}"#), (.post, "/state", #"[{"key":"k","set":1}]"#), (.post, "/state?scope=session", #"[{"key":"k","set":1}]"#),
            (.put, "/state/k", "1"), (.delete, "/state/k", nil), (.post, "/handoff", #"{"to":"a"}"#), (.post, "/events/pop", nil),
            (.delete, "/events/\(id)", nil), (.delete, "/events", nil), (.delete, "", nil),
        ]
        for (method, path, body) in writes {
            #expect(await api.call(method, session + path, body).code == "busy", "\(method) \(path)")
            let reply = await api.call(method, session + path, body, headers: ["Baton-Epoch": old])
            #expect(reply.status == 403 && reply.code == "fenced" && reply["currentEpoch"] == epoch, "\(method) \(path)")
        }
        for (method, path, body) in writes {
            #expect((200...204).contains(await api.call(method, session + path, body, headers: ["Baton-Epoch": epoch]).status), "\(method) \(path)")
        }
    }

    @Test("the policy of a session says what becomes of writes without an epoch")
    func policy() async throws {
        let api = try await TestAPI()
        let session = try await api.session("s", #"{"leasePolicy":"advisory"}"#)
        #expect(await api.call(.get, session)["leasePolicy"] == #""advisory""#)
        let (epoch, _) = try await acquire(api, session, "ann")
        try await api.append(1, to: session)
        #expect(await api.call(.patch, session, #"{"leasePolicy":"exclusive"}"#).status == 200)
        #expect(await api.call(.post, session + "/events", #"{"content":1}"#).code == "busy")
        #expect(await api.call(.post, session + "/events", #"{"content":1}"#, headers: ["Baton-Epoch": epoch]).status == 201)
        #expect(await api.call(.patch, session, #"{"leasePolicy":"none"}"#, headers: ["Baton-Epoch": epoch]).code == "invalid_field")
    }

    @Test("a request that waits gets the lease when it is given back")
    func waits() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let (epoch, _) = try await acquire(api, session, "ann")
        async let waiting = api.call(.post, session + "/lease", #"{"holder":"bob","ttl":60,"wait":60}"#)
        let stands = await eventually {
            await api.call(.post, session + "/lease", #"{"holder":"asks","ttl":1}"#)["ahead"] == "1"
        }
        #expect(stands)
        #expect(await api.call(.delete, session + "/lease?epoch=\(epoch)").status == 204)
        let reply = await waiting
        #expect(reply.status == 200 && reply["holder"] == #""bob""#)
        let busy = await api.call(.post, session + "/lease", #"{"holder":"eve","ttl":60,"wait":0.01}"#)
        #expect(busy.status == 409 && busy["holder"] == #""bob""#)
    }

    @Test("what is wrong with a request is said")
    func mistakes() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        for body in [
            "{}", #"{"holder":"a"}"#, #"{"ttl":1}"#, #"{"holder":"","ttl":1}"#, #"{"holder":"a","ttl":0.5}"#, #"{"holder":"a","ttl":3601}"#,
            #"{"holder":"a","ttl":"1"}"#, #"{"holder":"a","ttl":1,"wait":301}"#, #"{"holder":"a","ttl":1,"wait":-1}"#,
            #"{"holder":"a","ttl":1,"ticket":""}"#, #"{"holder":"a","ttl":1,"steal":1}"#,
        ] {
            #expect(await api.call(.post, session + "/lease", body).code == "invalid_field", "\(body)")
        }
        #expect(await api.call(.post, session + "/lease", #"{"holder":"a","ttl":1,"stael":true}"#).code == "unknown_field")
        #expect(await api.call(.put, session + "/lease", #"{"ttl":1}"#).code == "invalid_field")
        #expect(await api.call(.delete, session + "/lease").code == "invalid_parameter")
        #expect(await api.call(.post, "\(TestAPI.base)/none/lease", #"{"holder":"a","ttl":1}"#).code == "not_found")
    }

    @Test("tokens that may only read may not take a lease, and others' sessions do not exist")
    func access() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        for (apps, isReadOnly, status) in [(nil, true, 403), (["other"], false, 404), (["shop"], false, 200)] as [([String]?, Bool, Int)] {
            let (token, text) = Token.make(apps: apps, isReadOnly: isReadOnly)
            try await api.store.add(token)
            try await api.access.refresh()
            let reply = await api.call(
                .post, session + "/lease", #"{"holder":"a","ttl":1}"#, headers: ["Authorization": "Bearer \(text)"])
            #expect(reply.status == status)
        }
    }

    @Test("a handoff is an event and a change of the active agent, or a conflict")
    func handoff() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        #expect(await api.call(.post, session + "/handoff", #"{"to":"a","reason":"r","context":{"k":1}}"#).status == 201)
        #expect(await api.call(.get, session)["activeAgent"] == #""a""#)
        let conflict = await api.call(.post, session + "/handoff", #"{"to":"a"}"#)
        #expect(conflict.status == 409 && conflict.code == "conflict" && conflict["activeAgent"] == #""a""#)
        #expect(await api.call(.post, session + "/handoff", #"{"to":"c","from":"b"}"#).status == 409)
        for status in [201, 200] {
            let reply = await api.call(.post, session + "/handoff", #"{"to":"b","from":"a"}"#, headers: ["Idempotency-Key": "k"])
            #expect(reply.status == status && reply.seqs == [2])
        }
        try await api.append(1, to: session)
        let page = await api.call(.get, session + "/handoffs")
        #expect(
            page.contents == [
                #"{"from":null,"to":"a","reason":"r","context":{"k":1}}"#, #"{"from":"a","to":"b","reason":null,"context":null}"#,
            ])
        #expect(await api.call(.get, session + "/handoffs?order=desc&limit=1").seqs == [2])
        #expect(await api.call(.post, session + "/handoff", #"{"from":"b"}"#).code == "invalid_field")
        #expect(await api.call(.post, session + "/handoff", #"{"to":""}"#).code == "invalid_name")
    }
}
