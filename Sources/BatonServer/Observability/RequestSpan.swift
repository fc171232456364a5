internal import BatonHTTP
internal import BatonTelemetry

/// The span around the answer to a request, with the names and attributes of OpenTelemetry's conventions for HTTP servers. Of a stream it ends
/// with the head: what follows is as long as somebody listens.
struct RequestSpan {
    private let span: any TraceSpan
    private let request: Request

    /// The span of a call of the API; `nil` when nobody traces. Without a tracer the caller's own span goes on with what is stored and logged.
    init?(_ request: Request, _ tracer: (any Tracer)?) {
        // Probes and scrapes come every few seconds, and tell nobody anything.
        guard request.path.hasPrefix("/v1/") else { return nil }
        let caller = request.headers.trace
        if let tracer {
            span = tracer.startSpan(request.method.description, kind: .server, parent: caller, links: [])
        } else {
            guard let caller else { return nil }
            span = PassiveSpan(caller)
        }
        self.request = request
    }

    func around(_ body: () async -> Response) async -> Response {
        var response = await ActiveSpan.$current.withValue(span, operation: body)
        response.trace = span.context
        if span.isRecording { describe(response) }
        span.end()
        return response
    }

    private func describe(_ response: Response) {
        span.rename("\(request.method) \(response.route)")
        span.set("http.request.method", .string(request.method.description))
        span.set("http.route", .string(response.route))
        span.set("url.path", .string(request.path))
        span.set("http.response.status_code", .int(Int(response.status.code)))
        span.set("request_id", .string(response.requestID))
        // What a client did wrong is no failure of the server.
        if response.status.code >= 500 { span.fail(String(response.status.code), "the daemon answered \(response.status.code)") }
    }
}
