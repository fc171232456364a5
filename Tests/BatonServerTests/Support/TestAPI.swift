import BatonCore
import BatonHTTP
import BatonSQLite
import BatonTelemetry
import Testing

@testable import BatonServer

/// The API on a store in memory, called without sockets.
struct TestAPI {
    let api: API
    let store: SessionStore
    let access: Access

    static let base = "/v1/apps/shop/users/ada/sessions"

    init(policy: StorePolicy = StorePolicy(), requiresTokens: Bool = false, hosts: [String] = [], origins: [String] = []) async throws {
        let storage = try await SQLiteStorage(at: .memory, configuration: SQLiteConfiguration(), policy: policy)
        self.init(on: SessionStore(on: LargeContent(on: storage)), requiresTokens: requiresTokens, hosts: hosts, origins: origins)
    }

    init(on store: SessionStore, requiresTokens: Bool = false, hosts: [String] = [], origins: [String] = []) {
        self.store = store
        access = Access(store: store, isRequired: requiresTokens, allowedHosts: hosts, allowedOrigins: origins)
        api = API(store: store, access: access, metrics: Metrics(), logger: .disabled)
    }

    /// One request, as a client would send it.
    func call(
        _ method: BatonHTTP.Method, _ target: String, _ body: String? = nil, headers: Headers = [:], host: String = "localhost:4437"
    ) async -> Reply {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        var headers = headers
        if body != nil, headers["Content-Type"] == nil { headers.add("Content-Type", "application/json") }
        var request = Request(method, parts[0], query: parts.count > 1 ? parts[1] : nil, headers: headers, body: Array((body ?? "").utf8))
        request.host = host
        return Reply(await api.respond(to: request))
    }

    /// A session to work with; returns its address.
    func session(_ id: String = "s", _ body: String = "{}") async throws -> String {
        let reply = await call(.put, "\(TestAPI.base)/\(id)", body)
        try #require(reply.status == 201)
        return "\(TestAPI.base)/\(id)"
    }

    /// Appends `count` events with the contents 1, 2, 3…
    func append(_ count: Int, to session: String) async throws {
        let events = (1...count).map { #"{"content":\#($0)}"# }.joined(separator: ",")
        try #require(await call(.post, session + "/events", "[\(events)]").status == 201)
    }
}

/// What came back.
struct Reply {
    let status: Int
    let headers: Headers
    let bytes: [UInt8]

    init(_ response: Response) {
        status = Int(response.status.code)
        headers = response.headers
        switch response.body {
        case .bytes(let bytes): self.bytes = bytes
        case .parts(let parts): bytes = parts.flatMap { $0 }
        case .stream: bytes = []
        }
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// The body as JSON; `null` when it is none.
    var json: JSON { (try? JSON(bytes)) ?? .null }
    /// The code of a problem document.
    var code: String? { headers["Content-Type"] == "application/problem+json" ? json["code"]?.stringValue : nil }
    var detail: String { json["detail"]?.stringValue ?? "" }
    /// The contents of the events of a page, or of a session with events.
    var contents: [String] { json["events"]?.elements?.compactMap { $0["content"]?.description } ?? [] }
    /// The seqs of the events of a page, a receipt, or a session with events.
    var seqs: [Int] { json["events"]?.elements?.compactMap { $0["seq"]?.intValue } ?? [] }

    subscript(name: String) -> String? { json[name]?.description }
}
