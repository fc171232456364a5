import Baton
import BatonCore
import BatonHTTP
import BatonIO
import BatonTelemetry
import Testing

@testable import BatonServer

/// A daemon on a free port, and a client of it.
struct LiveDaemon {
    let daemon: Daemon
    let client: HTTPClient
    let session = "/v1/apps/a/users/u/sessions/s"

    init(
        policy: StorePolicy = StorePolicy(), store: StoreAddress = .memory, webHooks: WebHookPolicy = WebHookPolicy(),
        hooks: Hooks = Hooks(), summaries: SummaryConfiguration? = nil, traces: TraceConfiguration? = nil, logger: Logger = .disabled,
        drain: Duration = .seconds(2)
    ) async throws {
        var configuration = DaemonConfiguration(addresses: [.loopback(port: 0)], store: store)
        configuration.storeConfiguration.policy = policy
        configuration.drain = drain
        configuration.hooks = hooks
        configuration.traces = traces
        configuration.webHooks = webHooks
        configuration.summaries = summaries
        daemon = try await Daemon(configuration, logger: logger)
        var connections = HTTPClient.Configuration()
        connections.maximumConnections = 256
        client = try HTTPClient("http://\(daemon.addresses[0])", connections)
    }

    func send(_ method: BatonHTTP.Method, _ path: String, _ body: String = "") async throws -> HTTPClient.Reply {
        let parts = path.split(separator: "?").map(String.init)
        let headers: Headers = body.isEmpty ? [:] : ["Content-Type": "application/json"]
        return try await client.send(
            Request(method, parts[0], query: parts.count > 1 ? parts[1] : nil, headers: headers, body: Array(body.utf8)))
    }

    func append(_ contents: ClosedRange<Int>) async throws {
        let events = contents.map { #"{"content":\#($0)}"# }.joined(separator: ",")
        let reply = try await send(.post, session + "/events?create=true", "[\(events)]")
        #expect(reply.status == 201)
    }

    /// The events of the session's stream until `count` of them have come.
    func follow(until count: Int, after: String? = nil, query: String? = nil) async throws -> [ServerSentEvent] {
        try await follow(session + "/events", until: count, after: after, query: query)
    }

    /// The events of any stream until `count` of them have come.
    func follow(_ path: String, until count: Int, after: String? = nil, query: String? = nil) async throws -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for try await event in client.events(path, query: query, after: after ?? "") {
            events.append(event)
            if events.count == count { break }
        }
        return events
    }

    func stop() async {
        await client.close()
        await daemon.stop()
    }
}

extension ServerSentEvent {
    var json: JSON { (try? JSON(data)) ?? .null }
    var seq: Int { json["seq"]?.intValue ?? 0 }
}
