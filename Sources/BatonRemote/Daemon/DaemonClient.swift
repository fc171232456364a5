internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonTelemetry

/// Talks to one daemon: sends requests, repeats those that may be, and turns problem documents into the errors they came from.
final class DaemonClient: Sendable {
    let client: HTTPClient

    /// How often one request is sent at most.
    static let maximumAttempts = 3
    /// For a whole request, its repetitions included.
    static let timeout: Duration = .seconds(30)

    init(url: String, token: Secret<String>?, authorities: String?) throws(StoreError) {
        if let token, token.revealed.isEmpty || !token.revealed.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            throw StoreError(.invalidParameter, "the token has to be visible ASCII characters without spaces")
        }
        var configuration = HTTPClient.Configuration()
        configuration.bearerToken = token
        configuration.connectTimeout = .seconds(5)
        configuration.requestTimeout = DaemonClient.timeout
        // Each session that is followed holds one connection; beyond, followers wait for the next attempt to connect.
        configuration.maximumConnections = 512
        configuration.headers = ["User-Agent": "baton"]
        do {
            if let authorities { configuration.tls = try TLSClientContext(authorities: authorities) }
            client = try HTTPClient(DaemonClient.normalized(url), configuration)
        } catch let error as HTTPError {
            throw StoreError(.invalidParameter, "the daemon's address cannot be used: \(error.message)", underlying: error)
        } catch {
            throw StoreError(.invalidParameter, "the authorities to trust cannot be read: \(error)", underlying: error)
        }
    }

    /// `http+unix:/path` is accepted for `unix:/path`, so that a socket's address says that HTTP is spoken there.
    private static func normalized(_ url: String) -> String {
        let prefix = "http+unix:"
        guard url.prefix(prefix.count).lowercased() == prefix, !url.dropFirst(prefix.count).hasPrefix("//") else { return url }
        return "unix:" + url.dropFirst(prefix.count)
    }

    /// Sends a request; returns the answer when it says that all went well.
    /// - Parameter repeatable: whether the daemon may see the request twice; by default only one that reads.
    func send(_ request: Request, repeatable: Bool? = nil) async throws(StoreError) -> HTTPClient.Reply {
        var request = request
        let repeatable = repeatable ?? (request.method == .get)
        if !request.body.isEmpty { request.headers.add("Content-Type", "application/json") }
        if let trace = TraceContext.current, !request.headers.contains("traceparent") { request.headers.add(trace) }
        let deadline = Deadline.after(DaemonClient.timeout)
        var failures = 0
        while true {
            let reply: HTTPClient.Reply
            do throws(HTTPError) {
                // The client would repeat by itself on a connection that turns out to be dead; here it has to be known.
                reply = try await client.send(request, by: deadline, isRepeatable: false)
            } catch {
                failures += 1
                guard error.isTransient, failures < DaemonClient.maximumAttempts, repeatable || !error.requestWasSent, !deadline.isPast else {
                    throw StoreError(error, url: client.url)
                }
                try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
                continue
            }
            if reply.status.isSuccess { return reply }
            throw StoreError(reply, url: client.url)
        }
    }

    func close() async { await client.close() }
}

extension HTTPError {
    /// Whether the same request may go through on another connection.
    fileprivate var isTransient: Bool { code == .unreachable || code == .connectionClosed }
    /// The cause as the system says it, for messages.
    fileprivate var reason: String { (underlying as? IOError).map { ": \($0.message)" } ?? "" }
}

extension StoreError {
    /// Why no answer came. Never an absence: nobody was asked.
    init(_ error: HTTPError, url: HTTPURL) {
        let doubt = error.requestWasSent ? "; whether the request took effect is not known" : ""
        switch error.code {
        case .cancelled: self.init(.cancelled, "the call was cancelled\(doubt)", underlying: error)
        case .closed: self = .storeClosed
        case .unreachable: self.init(.storeUnavailable, "the daemon at \(url) cannot be reached\(error.reason)", underlying: error)
        case .timedOut: self.init(.storeUnavailable, "the daemon at \(url) did not answer in time\(doubt)", underlying: error)
        case .connectionClosed: self.init(.storeUnavailable, "the connection to the daemon at \(url) broke\(doubt)", underlying: error)
        case .invalidURL: self.init(.invalidParameter, error.message, underlying: error)
        default: self.init(.storeIncompatible, "what answers at \(url) does not speak as a daemon does: \(error.message)", underlying: error)
        }
    }

    /// What a problem document says (RFC 9457), with the code and the detail that the daemon's own store gave.
    init(_ reply: HTTPClient.Reply, url: HTTPURL) {
        let isProblem = reply.headers["Content-Type"]?.lowercased().hasPrefix("application/problem+json") == true
        guard isProblem, let document = try? JSON(reply.body), let code = document["code"]?.stringValue else {
            // Something else answers: a proxy whose daemon is away, or no daemon at all. Its 404 says nothing about sessions.
            if reply.status.code >= 500 || reply.status == 429 {
                self.init(.storeUnavailable, "what stands before the daemon at \(url) answers \(reply.status)")
            } else {
                self.init(.storeIncompatible, "what answers at \(url) is no daemon of this kind: it says \(reply.status)")
            }
            return
        }
        let message = document["detail"]?.stringValue ?? document["title"]?.stringValue ?? "the daemon answers \(reply.status)"
        func offset(_ name: String) -> Offset? { document[name]?.stringValue.flatMap { Offset($0) } }
        var detail = Detail.none
        if let current = document["current"]?.intValue { detail = .current(current) }
        if let earliest = offset("earliest"), let tail = offset("tail"), let generation = document["generation"]?.stringValue {
            detail = .gone(earliest: earliest, tail: tail, generation: generation)
        } else if let earliest = document["earliest"]?.stringValue, let tail = document["tail"]?.stringValue,
            let generation = document["generation"]?.stringValue
        {
            // Offsets of several shards, which only topics have.
            detail = .topicGone(earliest: TopicOffset(earliest), tail: TopicOffset(tail), generation: generation)
        }
        if let replicas = document["confirmedReplicas"]?.intValue {
            detail = .unconfirmed(
                replicas: replicas, receipt: document["receipt"].flatMap { try? AppendReceipt(decoding: $0.bytes) },
                idempotencyKey: document["idempotencyKey"]?.stringValue)
        }
        if let epoch = document["currentEpoch"]?.intValue { detail = .epoch(epoch) }
        if let ahead = document["ahead"]?.intValue, let lease = document["lease"] {
            detail = .busy(try? Lease(decoding: lease), ahead: ahead)
        }
        if let agent = document["activeAgent"] { detail = .activeAgent(agent.stringValue) }
        if let call = document["toolCall"].flatMap({ try? ToolCall(decoding: $0) }) { detail = .toolCall(call) }
        if let approval = document["approval"].flatMap({ try? Approval(decoding: $0) }) { detail = .approval(approval) }
        self.init(Code(rawValue: code), message, detail: detail)
    }
}
