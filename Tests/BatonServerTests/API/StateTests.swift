import BatonCore
import BatonHTTP
import Testing

@Suite("State over HTTP")
struct StateTests {
    @Test("keys go to the scope of their prefix and come back merged")
    func scopes() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let other = try await api.session("other")
        let body = #"{"content":1,"stateDelta":{"a":1,"user:b":2,"app:c":3,"temp:d":4}}"#
        #expect(await api.call(.post, session + "/events", body).status == 201)
        #expect(await api.call(.get, session + "/state").text == #"{"app:c":3,"a":1,"user:b":2}"#)
        #expect(await api.call(.get, session + "/state?scope=session").text == #"{"a":1}"#)
        #expect(await api.call(.get, other + "/state").text == #"{"app:c":3,"user:b":2}"#)
        #expect(await api.call(.get, "/v1/apps/shop/users/ada/state").text == #"{"b":2}"#)
        #expect(await api.call(.get, "/v1/apps/shop/state").text == #"{"c":3}"#)
        #expect(await api.call(.get, "/v1/apps/shop/users/bob/state").text == "{}")
        #expect(!(await api.call(.get, session + "/events").text.contains("temp:")))
        #expect(await api.call(.get, session + "/state/user:b").text == "2")
        #expect(await api.call(.get, session + "/state/app:c").text == "3")
    }

    @Test("a merge patch merges objects, sets values, and null removes")
    func mergePatch() async throws {
        let api = try await TestAPI()
        let session = try await api.session("s", #"{"state":{"o":{"a":1,"b":{"x":1}},"gone":1,"n":1}}"#)
        let reply = await api.call(.patch, session + "/state", #"{"o":{"b":{"y":2},"a":null},"gone":null,"n":[2],"user:u":true}"#)
        #expect(reply.status == 200)
        #expect(reply.text == #"{"n":[2],"o":{"b":{"x":1,"y":2}},"user:u":true}"#)
        #expect(await api.call(.get, session)["version"] == "2")
        #expect(await api.call(.patch, session + "/state", "[1]").code == "invalid_field")
        #expect(await api.call(.patch, "\(TestAPI.base)/none/state", "{}").status == 404)
    }

    @Test(
        "one key can be set, read and removed in every scope",
        arguments: ["/v1/apps/shop/users/ada/sessions/s/state", "/v1/apps/shop/users/ada/state", "/v1/apps/shop/state"])
    func keys(path: String) async throws {
        let api = try await TestAPI()
        _ = try await api.session()
        #expect(await api.call(.get, path + "/k").code == "not_found")
        #expect(await api.call(.put, path + "/k", #" {"v": 1.0} "#).status == 200)
        #expect(await api.call(.get, path + "/k").text == #"{"v": 1.0}"#)
        #expect(await api.call(.put, path + "/k", "nope").code == "invalid_json")
        #expect(await api.call(.delete, path + "/k").status == 204)
        #expect(await api.call(.delete, path + "/k").status == 204)
        #expect(await api.call(.get, path + "/k").status == 404)
    }

    @Test("the address of a user or an app takes its own keys, with or without prefix, and no others")
    func ownKeys() async throws {
        let api = try await TestAPI()
        #expect(await api.call(.patch, "/v1/apps/shop/users/ada/state", #"{"x":1,"user:y":2}"#).text == #"{"x":1,"y":2}"#)
        #expect(await api.call(.patch, "/v1/apps/shop/users/ada/state", #"{"app:x":1}"#).code == "invalid_field")
        #expect(await api.call(.patch, "/v1/apps/shop/state", #"{"app:z":1}"#).text == #"{"z":1}"#)
        #expect(await api.call(.patch, "/v1/apps/shop/state", #"{"user:z":1}"#).code == "invalid_field")
        #expect(await api.call(.get, "/v1/apps/shop/users/ada/state/user:y").text == "2")
    }
}
