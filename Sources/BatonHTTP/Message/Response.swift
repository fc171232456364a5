public import BatonTelemetry

/// What a handler answers.
public struct Response: Sendable {
    /// The body of a response.
    public enum Body: Sendable {
        /// These bytes, with `Content-Length`; head and body leave in one write.
        case bytes([UInt8])
        /// These arrays one after the other, with `Content-Length`; they are sent from where they are.
        case parts([[UInt8]])
        /// A stream without a known end; see ``ResponseStream``.
        case stream(StreamBody)
    }

    /// The status.
    public var status: Status
    /// The fields. The server writes `Content-Length`, `Transfer-Encoding`, `Connection` and `Date` itself and ignores them here.
    public var headers: Headers
    /// The body.
    public var body: Body
    /// The route that was taken, for metrics and access logs; a name of a small fixed set.
    public var route: String = ""
    /// Names this request in logs; the server does not send it.
    public var requestID: String = ""

    /// The span that answered, for access logs; the server does not send it.
    public var trace: TraceContext?

    /// A response from bytes.
    public init(_ status: Status, headers: Headers = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = .bytes(body)
    }

    /// A response from shared arrays, which are not copied.
    public init(_ status: Status, headers: Headers = [:], parts: [[UInt8]]) {
        self.status = status
        self.headers = headers
        self.body = .parts(parts)
    }

    /// A streamed response.
    public init(_ status: Status, headers: Headers = [:], stream: StreamBody) {
        self.status = status
        self.headers = headers
        self.body = .stream(stream)
    }

    /// A response from text.
    public static func text(_ status: Status, _ text: String, type: String = "text/plain; charset=utf-8") -> Response {
        Response(status, headers: ["Content-Type": type], body: Array(text.utf8))
    }

    /// An event stream: `200`, the fields that keep caches and proxies from holding it back, and a heartbeat.
    ///
    /// - Parameters:
    ///   - farewell: the last bytes of the stream when the server drains.
    ///   - start: called on the loop's thread once the head is on its way. It must not block; it keeps the stream, or starts a task that
    ///     catches up and then keeps it.
    public static func events(farewell: Chunk? = nil, _ start: @escaping @Sendable (ResponseStream) -> Void) -> Response {
        Response(
            200, headers: ["Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"],
            stream: StreamBody(heartbeat: EventStreamEncoder.heartbeat, farewell: farewell, start))
    }

    /// The head as it goes on the wire (RFC 9112 §4).
    func head(to method: Method, minorVersion: Int, keepAlive: Bool, date: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var reserve = 192
        if case .bytes(let body) = body { reserve += body.count }
        bytes.reserveCapacity(reserve)
        bytes.append("HTTP/1.1 ")
        bytes.append(decimal: Int(status.code))
        bytes.append(.space)
        bytes.append(status.reason)
        bytes.append("\r\nDate: ")
        bytes.append(contentsOf: date)
        bytes.append("\r\n")
        headers.write(into: &bytes, withoutFraming: true)
        switch body {
        // RFC 9110 §8.6: no Content-Length in 204; 304 would have to name the length of what it stands for.
        case _ where status.forbidsBody: break
        case .bytes(let body): Self.writeLength(body.count, &bytes)
        case .parts(let parts): Self.writeLength(parts.reduce(0) { $0 + $1.count }, &bytes)
        // RFC 9112 §6.1: chunked goes to HTTP/1.1 only; for HTTP/1.0 the end of the connection is the end of the body.
        case .stream: if minorVersion > 0 { bytes.append("Transfer-Encoding: chunked\r\n") }
        }
        if !keepAlive { bytes.append("Connection: close\r\n") }
        bytes.append("\r\n")
        return bytes
    }

    private static func writeLength(_ length: Int, _ bytes: inout [UInt8]) {
        bytes.append("Content-Length: ")
        bytes.append(decimal: length)
        bytes.append("\r\n")
    }

    /// The answer to a request that could not be read.
    static func rejection(_ error: HTTPError) -> Response {
        let status = error.status ?? 400
        var response = Response.text(status, "\(error.message)\n")
        if status == 405 { response.headers.add("Allow", Method.supported.map(\.description).joined(separator: ", ")) }
        return response
    }
}
