import BatonCore
import BatonHTTP
import Testing

@testable import BatonServer

@Suite("The OpenAPI document")
struct OpenAPITests {
    private let document: JSON

    init() throws { document = try JSON(OpenAPIDocument(API.routes).bytes) }

    @Test("describes every route, and nothing else")
    func routes() throws {
        var described: Set<String> = []
        for (path, item) in document["paths"]?.members ?? [] {
            for (method, _) in item.members ?? [] where method != "parameters" { described.insert("\(method.uppercased()) \(path)") }
        }
        #expect(described == Set(API.routes.map { "\($0.method) \($0.path)" }))
        #expect(described.count == API.routes.count)
    }

    @Test("names each operation once, and each variable of an address")
    func operations() throws {
        #expect(Set(API.routes.map(\.operation)).count == API.routes.count)
        for (path, item) in document["paths"]?.members ?? [] {
            let declared = item["parameters"]?.elements?.compactMap { $0["name"]?.stringValue } ?? []
            let variables = path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
            #expect(declared == variables)
        }
    }

    @Test("refers only to schemas that are there")
    func references() throws {
        let schemas = Set(document["components"]?["schemas"]?.members?.map(\.name) ?? [])
        #expect(schemas.count > 10)
        let prefix = "#/components/schemas/"
        for part in document.description.split(separator: "\"") where part.hasPrefix(prefix) {
            #expect(schemas.contains(String(part.dropFirst(prefix.count))), "\(part)")
        }
    }
}

@Suite("Routing")
struct RoutingTests {
    @Test("an unknown address is 404, a wrong method 405 with what is allowed")
    func errors() async throws {
        let api = try await TestAPI()
        #expect(await api.call(.get, "/v1/nothing").code == "not_found")
        #expect(await api.call(.get, "/v1/apps/a/users/u/sessions/s/").status == 404)
        let wrong = await api.call(.post, "\(TestAPI.base)/s")
        #expect(wrong.status == 405)
        #expect(wrong.headers["Allow"] == "DELETE, GET, HEAD, PATCH, PUT")
    }

    @Test("HEAD goes where GET goes; a request id comes back")
    func head() async throws {
        let api = try await TestAPI()
        let reply = await api.call(.head, "/healthz", headers: ["X-Request-ID": "abc-123"])
        #expect(reply.status == 200)
        #expect(reply.headers["X-Request-ID"] == "abc-123")
        #expect(await api.call(.get, "/healthz").headers["X-Request-ID"]?.isEmpty == false)
    }

    @Test("an epoch is checked, or refused where nothing could be checked")
    func epoch() async throws {
        let api = try await TestAPI()
        let session = try await api.session()
        let fenced = await api.call(.post, session + "/events", #"{"content":1}"#, headers: ["Baton-Epoch": "3"])
        #expect(fenced.status == 403)
        #expect(await api.call(.get, session, headers: ["Baton-Epoch": "3"]).status == 400)
        #expect(await api.call(.patch, "/v1/apps/a/users/u/state", #"{"k":1}"#, headers: ["Baton-Epoch": "3"]).status == 400)
        #expect(await api.call(.post, session + "/events", #"{"content":1}"#, headers: ["Baton-Epoch": "x"]).status == 400)
    }
}
