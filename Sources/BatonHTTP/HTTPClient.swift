public import BatonIO
public import BatonTelemetry

/// An HTTP/1.1 client of one server, over kept connections.
///
/// ```swift
/// let client = try HTTPClient("http://127.0.0.1:4437")
/// let reply = try await client.send(Request(.get, "/healthz"))
/// for try await event in client.events("/v1/events", after: "42") { print(event.text) }
/// ```
public final class HTTPClient: Sendable {
    /// How a client is set up.
    public struct Configuration: Sendable {
        /// Sent as `Authorization: Bearer`.
        public var bearerToken: Secret<String>?
        /// Added to every request that does not have them.
        public var headers = Headers()
        /// Whom to trust for `https`; nil trusts the system's authorities.
        public var tls: TLSClientContext?
        /// Connections at once, streams included.
        public var maximumConnections = 64
        /// Connections that are kept when nobody uses them.
        public var maximumIdleConnections = 8
        /// Requests that may wait for a connection.
        public var maximumWaiting = 10_000
        /// How long a connection is kept; shorter than servers usually do.
        public var idleTimeout: Duration = .seconds(45)
        /// For connecting, TLS included.
        public var connectTimeout: Duration = .seconds(10)
        /// For a whole request, unless it brings its own deadline.
        public var requestTimeout: Duration = .seconds(30)
        /// Which addresses may be connected to, asked after a name was looked up; nil allows all.
        public var allowsAddress: (@Sendable (SocketAddress) -> Bool)?
        /// Bounds of an answer; the body's does not apply to streams.
        public var limits: Limits

        /// The defaults; a body may have 64 MiB.
        public init() {
            limits = Limits()
            limits.bodyBytes = 64 * 1024 * 1024
        }
    }

    /// An answer that was read whole.
    public struct Reply: Sendable {
        /// The status.
        public let status: Status
        /// The fields.
        public let headers: Headers
        /// The body.
        public let body: [UInt8]

        /// The body as text.
        public var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// An answer whose body is still arriving.
    public struct StreamedReply: Sendable {
        /// The status.
        public let status: Status
        /// The fields.
        public let headers: Headers
        /// The body; let go of it to close the connection.
        public let body: ResponseBody
    }

    /// The server.
    public let url: HTTPURL
    /// The loop the client runs on.
    public let loop: EventLoop

    private let configuration: Configuration
    private let ownsLoop: Bool
    private let pool: ConnectionPool
    private let streamPool: ConnectionPool

    /// A client that connects when it first has to.
    ///
    /// - Parameters:
    ///   - url: as ``HTTPURL/init(_:)`` reads it.
    ///   - loop: where to run; nil makes one, which ends with `close()`.
    /// - Throws: `invalidURL`; `unreachable` when the system has no resources for a loop, or no authorities can be read.
    public convenience init(_ url: String, _ configuration: Configuration = Configuration(), on loop: EventLoop? = nil) throws(HTTPError) {
        try self.init(try HTTPURL(url), configuration, on: loop)
    }

    /// A client that connects when it first has to.
    public init(_ url: HTTPURL, _ configuration: Configuration = Configuration(), on loop: EventLoop? = nil) throws(HTTPError) {
        var configuration = configuration
        do throws(IOError) {
            if url.isEncrypted {
                if configuration.tls == nil { configuration.tls = try TLSClientContext() }
            } else {
                configuration.tls = nil
            }
            ownsLoop = loop == nil
            if let loop { self.loop = loop } else { self.loop = try EventLoop(.init(name: "baton-client")) }
        } catch {
            throw HTTPError(.unreachable, "the client could not be set up", underlying: error)
        }
        self.url = url
        self.configuration = configuration
        pool = ConnectionPool(self.loop, url, configuration)
        // A body that is streamed has no bound of its own: what waits of it has.
        var unbounded = configuration
        unbounded.limits.bodyBytes = .max
        streamPool = ConnectionPool(self.loop, url, unbounded)
    }

    deinit {
        let (pool, streamPool, loop, ownsLoop) = (pool, streamPool, loop, ownsLoop)
        loop.execute {
            pool.close()
            streamPool.close()
        }
        if ownsLoop { Task.detached { await loop.shutdown() } }
    }

    /// Sends `request` and reads the whole answer, whatever its status.
    ///
    /// - Parameters:
    ///   - deadline: for everything; nil means the configured timeout from now.
    ///   - isRepeatable: whether the server may see the request twice. It is then sent again, once, when a kept connection turns out to be
    ///     dead. Idempotent methods are by default. When nothing had been sent, it always is.
    /// - Throws: `unreachable`, `timedOut`, `connectionClosed`, `cancelled`, `tooLarge`, `malformed`, `closed`.
    public func send(_ request: Request, by deadline: Deadline? = nil, isRepeatable: Bool? = nil) async throws(HTTPError) -> Reply {
        let delivery = try await deliver(request, streaming: false, by: deadline, isRepeatable: isRepeatable)
        guard case .whole(let reply) = delivery else { throw HTTPError(.malformed, "a stream came where none was asked for") }
        return reply
    }

    /// Sends `request` and returns once the head of the answer is here.
    ///
    /// - Parameter deadline: up to the head; the body takes as long as it takes.
    /// - Throws: as ``send(_:by:isRepeatable:)``.
    public func stream(_ request: Request, by deadline: Deadline? = nil, isRepeatable: Bool? = nil) async throws(HTTPError) -> StreamedReply {
        let delivery = try await deliver(request, streaming: true, by: deadline, isRepeatable: isRepeatable)
        guard case .streamed(let reply) = delivery else { throw HTTPError(.malformed, "the answer was not streamed") }
        return reply
    }

    /// Reads the event stream at `path`, which is percent-encoded, reconnecting whenever it breaks off.
    ///
    /// - Parameter lastEventID: where to begin, sent as `Last-Event-ID`.
    public func events(
        _ path: String, query: String? = nil, headers: Headers = [:], after lastEventID: String = "", options: EventSource.Options = .init()
    ) -> EventSource {
        var request = Request(.get, path, query: query, headers: headers)
        request.headers["Accept"] = "text/event-stream"
        request.headers["Cache-Control"] = "no-cache"
        return EventSource(client: self, request: request, lastEventID: lastEventID, options: options)
    }

    /// Closes all connections; what is under way fails with `connectionClosed` or `closed`.
    public func close() async {
        let (pool, streamPool) = (pool, streamPool)
        await loop.run {
            pool.close()
            streamPool.close()
        }
        if ownsLoop { await loop.shutdown() }
    }

    private func deliver(
        _ request: Request, streaming: Bool, by deadline: Deadline?, isRepeatable: Bool?
    ) async throws(HTTPError) -> ClientConnection.Delivery {
        let bytes = try encode(request)
        let deadline = deadline ?? .after(configuration.requestTimeout)
        let repeatable = isRepeatable ?? request.method.isIdempotent
        let pool = streaming ? streamPool : pool
        let method = request.method
        // The pool, the connection and its timers belong to the loop's thread: the whole exchange happens there, without further hops.
        return try await Self.onLoop(loop) { @concurrent () async throws(HTTPError) -> ClientConnection.Delivery in
            var fresh = false
            while true {
                let connection = try await pool.take(fresh: fresh, by: deadline)
                do throws(HTTPError) {
                    return try await connection.exchange(bytes, to: method, streaming: streaming, by: deadline)
                } catch {
                    let wasStale = !fresh && connection.wasUsed && error.code == .connectionClosed && error.message == ConnectionPool.staleMessage
                    guard !fresh, error.code == .connectionClosed, !error.requestWasSent || (wasStale && repeatable) else { throw error }
                    fresh = true
                }
            }
        }
    }

    /// Runs `body` on the loop's thread. Both are `@concurrent`: the function to leave the caller's actor, the closure because only such a
    /// call looks at the preference that has just been set.
    @concurrent
    private static func onLoop<Value: Sendable>(
        _ loop: EventLoop, _ body: @escaping @concurrent @Sendable () async throws(HTTPError) -> Value
    ) async throws(HTTPError) -> Value {
        try await withTaskExecutorPreference(loop) { () async throws(HTTPError) -> Value in try await body() }
    }

    private func encode(_ request: Request) throws(HTTPError) -> [[UInt8]] {
        let path = url.basePath + request.path
        guard request.hasValidTarget else { throw HTTPError(.invalidURL, "path and query must be percent-encoded, and the path must begin with /") }
        guard !request.method.description.isEmpty, request.method.description.utf8.allSatisfy(ByteClass.token.contains) else {
            throw HTTPError(.invalidURL, "the method is not a token")
        }
        var head: [UInt8] = []
        head.reserveCapacity(256 + (request.body.count <= 16 * 1024 ? request.body.count : 0))
        head.append(contentsOf: request.method.description.utf8)
        head.append(.space)
        head.append(contentsOf: path.utf8)
        if let query = request.rawQuery {
            head.append(0x3f)
            head.append(contentsOf: query.utf8)
        }
        // RFC 9112 §3.2: Host is sent first.
        head.append(" HTTP/1.1\r\nHost: ")
        head.append(contentsOf: url.authority.utf8)
        head.append("\r\n")
        var headers = request.headers
        headers.remove("Host")
        if let token = configuration.bearerToken, !headers.contains("Authorization") {
            headers.add("Authorization", "Bearer \(token.revealed)")
        }
        for (name, value) in configuration.headers where !headers.contains(name) { headers.add(name, value) }
        headers.write(into: &head, withoutFraming: true)
        switch request.method {
        // RFC 9110 §8.6: no Content-Length where a body is not expected and there is none.
        case .get, .head, .delete, .options: if request.body.isEmpty { break } else { fallthrough }
        default:
            head.append("Content-Length: ")
            head.append(decimal: request.body.count)
            head.append("\r\n")
        }
        head.append("\r\n")
        guard request.body.count > 16 * 1024 else {
            head.append(contentsOf: request.body)
            return [head]
        }
        return [head, request.body]
    }
}
