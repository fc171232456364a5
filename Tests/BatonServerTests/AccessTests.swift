import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("Access")
struct AccessTests {
    private func bearer(_ text: String) -> Headers { ["Authorization": "Bearer \(text)"] }

    private func token(
        _ api: TestAPI, apps: [String]? = nil, users: [String]? = nil, isReadOnly: Bool = false, expiresAt: Timestamp? = nil
    ) async throws -> String {
        let (token, text) = Token.make(apps: apps, users: users, isReadOnly: isReadOnly, expiresAt: expiresAt)
        try await api.store.add(token)
        try await api.access.refresh()
        return text
    }

    @Test("without any token everything is answered; with the first one nothing is without it")
    func firstToken() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let text = try await token(api)
        let refused = await api.call(.get, session)
        #expect(refused.status == 401)
        #expect(refused.code == "unauthenticated")
        #expect(refused.headers["WWW-Authenticate"] != nil)
        #expect(await api.call(.get, session, headers: bearer(text)).status == 200)
        #expect(await api.call(.get, session, headers: bearer(text + "0")).status == 401)
        #expect(await api.call(.get, session, headers: bearer(String(text.dropLast()) + "g")).status == 401)
        #expect(await api.call(.get, session, headers: ["Authorization": "Basic abc"]).status == 401)
        #expect(await api.call(.get, session + "?access_token=\(text)").status == 200)
        #expect(await api.call(.delete, session + "?access_token=\(text)").status == 401, "a token in an address only reads")
        for open in ["/healthz", "/readyz", "/openapi.json", "/"] { #expect(await api.call(.get, open).status == 200) }
    }

    @Test("the secret is kept nowhere")
    func hashed() async throws {
        let api = try await TestAPI()
        let text = try await token(api)
        let secret = text.split(separator: "_")[2]
        for (key, value) in try await api.store.state(.store) {
            #expect(!key.contains(secret))
            #expect(!value.description.contains(secret))
        }
        #expect(try await api.store.tokens().count == 1)
    }

    @Test("revoking counts, and opens nothing")
    func revoke() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let text = try await token(api)
        let id = try #require(try await api.store.tokens().first).id
        #expect(try await api.store.revokeToken(id))
        #expect(try await !api.store.revokeToken(id))
        try await api.access.refresh()
        #expect(await api.call(.get, session, headers: bearer(text)).status == 401)
        #expect(await api.call(.get, session).status == 401)
    }

    @Test("an expired token is refused")
    func expired() async throws {
        let api = try await TestAPI()
        let text = try await token(api, expiresAt: Timestamp(milliseconds: 1))
        #expect(await api.call(.get, TestAPI.base, headers: bearer(text)).detail.contains("expired"))
    }

    @Test("what a token may not see does not exist for it")
    func limits() async throws {
        let api = try await TestAPI()
        _ = try await api.session()
        let shop = bearer(try await token(api, apps: ["shop"]))
        let bank = bearer(try await token(api, apps: ["bank"]))
        let ada = bearer(try await token(api, users: ["ada"]))
        let bob = bearer(try await token(api, users: ["bob"]))
        let session = "\(TestAPI.base)/s"
        #expect(await api.call(.get, session, headers: shop).status == 200)
        #expect(await api.call(.get, session, headers: ada).status == 200)
        #expect(await api.call(.get, session, headers: bank).code == "not_found")
        #expect(await api.call(.get, session, headers: bob).code == "not_found")
        #expect(await api.call(.get, "/v1/apps/shop/sessions", headers: shop).status == 200)
        let composed = bearer(try await token(api, apps: ["caf\u{E9}"]))
        #expect(await api.call(.get, "/v1/apps/caf%C3%A9/sessions", headers: composed).status == 200)
        #expect(await api.call(.get, "/v1/apps/cafe%CC%81/sessions", headers: composed).status == 404, "equivalent text, another name")
        #expect(await api.call(.get, "/v1/apps/shop/sessions", headers: ada).status == 404)
        #expect(await api.call(.get, "/v1/apps/shop/state", headers: ada).status == 404)
        #expect(await api.call(.get, "/metrics", headers: ada).status == 404)
        #expect(await api.call(.get, "/metrics", headers: bearer(try await token(api))).status == 200)
    }

    @Test("a token of one user cannot change what all users share")
    func appState() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let ada = bearer(try await token(api, users: ["ada"]))
        for (method, path, body) in [
            (BatonHTTP.Method.post, session + "/events", #"{"content":1,"stateDelta":{"app:x":1}}"#),
            (.patch, session + "/state", #"{"app:x":1}"#), (.put, session + "/state/app:x", "1"), (.delete, session + "/state/app:x", ""),
            (.put, "\(TestAPI.base)/t", #"{"state":{"app:x":1}}"#),
        ] {
            #expect(await api.call(method, path, body.isEmpty ? nil : body, headers: ada).code == "forbidden", "\(method) \(path)")
        }
        #expect(await api.call(.patch, session + "/state", #"{"user:x":1}"#, headers: ada).status == 200)
        #expect(try await api.store.state(.app("shop")).isEmpty)
    }

    @Test("a token that may only read changes nothing")
    func readOnly() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let reader = bearer(try await token(api, isReadOnly: true))
        #expect(await api.call(.get, session, headers: reader).status == 200)
        for route in API.routes where route.access == .write {
            let path = route.path.replacing("{app}", "shop", "{user}", "ada", "{session}", "s", "{event}", "e", "{key}", "k", "{topic}", "t")
            #expect(await api.call(route.method, path, "{}", headers: reader).code == "forbidden", "\(route.method) \(route.path)")
        }
    }

    @Test("of the bus, credentials with limits see the changes of their own sessions, and nothing else")
    func bus() async throws {
        let api = try await TestAPI()
        for session in ["shop/users/ada", "shop/users/bob", "bank/users/ada"] {
            #expect(
                await api.call(
                    .put, "/v1/apps/\(session.split(separator: "/", maxSplits: 1)[0])/users/\(session.split(separator: "/")[2])/sessions/s", "{}"
                ).status == 201)
        }
        let all = bearer(try await token(api))
        func keys(_ query: String, _ headers: Headers) async -> String {
            let reply = await api.call(.get, "/v1/topics/sessions/events?\(query)", headers: headers)
            return reply.code ?? reply.json["events"]?.elements?.compactMap { $0["key"]?.stringValue }.joined(separator: " ") ?? "?"
        }
        #expect(await keys("", all) == "shop/ada/s shop/bob/s bank/ada/s")
        let shop = bearer(try await token(api, apps: ["shop"]))
        #expect(await keys("", shop) == "shop/ada/s shop/bob/s", "the filter is forced")
        #expect(await keys("app=shop&user=bob", shop) == "shop/bob/s")
        #expect(await keys("app=bank", shop) == "not_found")
        #expect(await keys("keys=bank/ada/s", shop) == "")
        let ada = bearer(try await token(api, apps: ["shop"], users: ["ada"]))
        #expect(await keys("", ada) == "shop/ada/s")
        #expect(await keys("user=bob", ada) == "not_found")
        #expect(await keys("app=bank", ada) == "not_found")
        let two = bearer(try await token(api, apps: ["shop", "bank"]))
        #expect(await keys("", two) == "invalid_parameter", "several apps: one has to be named")
        #expect(await keys("app=bank", two) == "bank/ada/s")
        #expect(await keys("app=other", two) == "not_found")
        let anywhere = bearer(try await token(api, users: ["ada"]))
        #expect(await keys("", anywhere) == "invalid_parameter")
        #expect(await keys("app=bank", anywhere) == "bank/ada/s")
        #expect(await keys("app=shop&user=bob", anywhere) == "not_found")
        let users = bearer(try await token(api, apps: ["shop"], users: ["ada", "bob"]))
        #expect(await keys("", users) == "invalid_parameter")
        #expect(await keys("user=bob", users) == "shop/bob/s")

        let limited = [shop, ada, two, anywhere, users]
        _ = await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":1}"#, headers: all)
        _ = await api.call(.put, "/v1/topics/sessions/groups/g", "{}", headers: all)
        for route in API.routes where route.isOfTheBus {
            for (topic, headers) in limited.flatMap({ [("t", $0), ("sessions", $0)] }) where route.operation != Route.readTopic || topic == "t" {
                let path = route.path.replacing("{topic}", topic, "{group}", "g", "{channel}", "c")
                let body: String? = route.method == .get ? nil : "{}"
                #expect(await api.call(route.method, path, body, headers: headers).code == "not_found", "\(route.method) \(path)")
            }
        }
        #expect(await api.call(.get, "/v1/topics/t/events?app=shop", headers: shop).code == "not_found")
    }

    @Test("credentials that may only read follow topics, and neither publish, nor receive, nor acknowledge")
    func readOnlyBus() async throws {
        let api = try await TestAPI()
        let all = bearer(try await token(api))
        let reader = bearer(try await token(api, isReadOnly: true))
        _ = await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":1}"#, headers: all)
        _ = await api.call(.put, "/v1/topics/t/groups/g", #"{"from":"start"}"#, headers: all)
        #expect(await api.call(.get, "/v1/topics/t/events", headers: reader).seqs == [1])
        #expect(await api.call(.get, "/v1/topics/t/groups/g", headers: reader)["lag"] == "1")
        #expect(await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":1}"#, headers: reader).code == "forbidden")
        #expect(await api.call(.post, "/v1/topics/t/groups/g/deliveries", #"{"consumer":"c"}"#, headers: reader).code == "forbidden")
        #expect(await api.call(.post, "/v1/signals/c", "1", headers: reader).code == "forbidden")
        #expect(await api.call(.get, "/v1/topics/t/groups/g", headers: all)["lag"] == "1")
    }

    @Test("a page of another origin may not write; a rebound name is not answered")
    func browsers() async throws {
        let api = try await TestAPI(origins: ["https://ui.example"])
        let session = try await api.session()
        let evil: Headers = ["Origin": "https://evil.example"]
        #expect(await api.call(.post, session + "/events", #"{"content":1}"#, headers: evil).status == 403)
        #expect(await api.call(.get, session, headers: evil).headers["Access-Control-Allow-Origin"] == nil)
        let allowed: Headers = ["Origin": "https://ui.example"]
        let written = await api.call(.post, session + "/events", #"{"content":1}"#, headers: allowed)
        #expect(written.status == 201)
        #expect(written.headers["Access-Control-Allow-Origin"] == "https://ui.example")
        let preflight = await api.call(
            .options, session, headers: ["Origin": "https://ui.example", "Access-Control-Request-Method": "PATCH"])
        #expect(preflight.status == 204)
        #expect(preflight.headers["Access-Control-Allow-Methods"]?.contains("PATCH") == true)
        #expect(await api.call(.post, session + "/events", #"{"content":1}"#, headers: ["Origin": "http://localhost:4437"]).status == 201)
        #expect(await api.call(.get, session, host: "rebound.example:4437").status == 403)
        for host in ["127.0.0.1:4437", "[::1]:4437", "LOCALHOST", "x.localhost"] { #expect(await api.call(.get, session, host: host).status == 200) }
        #expect(await api.call(.get, session, host: "127.0.0.1.evil.example").status == 403)
    }
}

extension String {
    fileprivate func replacing(_ pairs: String...) -> String {
        var text = self
        for index in stride(from: 0, to: pairs.count, by: 2) {
            text = text.split(separator: "/", omittingEmptySubsequences: false).map { $0 == pairs[index] ? pairs[index + 1] : String($0) }
                .joined(separator: "/")
        }
        return text
    }
}
