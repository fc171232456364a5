internal import BatonIO

/// The events of a stream, across connections: when one breaks off, the next resumes after the last event that was complete.
///
/// Nothing is read ahead of the caller beyond 256 KiB, and no task runs between two calls of `next()`.
public struct EventSource: AsyncSequence, Sendable {
    /// One event.
    public typealias Element = ServerSentEvent

    /// How to follow.
    public struct Options: Sendable {
        /// The first wait before reconnecting; a `retry:` of the stream replaces it.
        public var retryDelay: Duration = .seconds(1)
        /// No wait is longer. Waits grow twofold, with full jitter.
        public var maximumRetryDelay: Duration = .seconds(30)
        /// A connection on which nothing comes for this long, not even a heartbeat, counts as broken.
        public var silenceLimit: Duration = .seconds(45)
        /// How long one event may be.
        public var maximumEventBytes = 16 * 1024 * 1024
        /// Failed attempts in a row after which the error is thrown; nil goes on for ever.
        public var maximumAttempts: Int?
        /// Told whenever a connection stands and events come over it.
        public var opened: (@Sendable () -> Void)?
        /// Told why the stream broke off and how long it waits before it tries again.
        public var interrupted: (@Sendable (HTTPError, Duration) -> Void)?

        /// The defaults.
        public init() {}
    }

    let client: HTTPClient
    let request: Request
    let lastEventID: String
    let options: Options

    /// Begins to follow.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// Follows the stream.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let source: EventSource
        private var parser: EventStreamParser
        private var body: ResponseBody?
        private var events: ArraySlice<ServerSentEvent> = []
        private var failures = 0
        private var hasEnded = false

        init(_ source: EventSource) {
            self.source = source
            parser = EventStreamParser(lastEventID: source.lastEventID, maximumEventBytes: source.options.maximumEventBytes)
        }

        /// The id to resume from after the events returned so far and those already read.
        public var lastEventID: String { parser.lastEventID }

        /// The next event; nil when the server says with `204` that there will be no more.
        ///
        /// - Throws: `unexpectedStatus` for an answer that trying again will not change (4xx but 408, 425 and 429), `malformed` for one that is
        ///   no event stream, `cancelled`, `closed`; others only after `maximumAttempts`.
        public mutating func next() async throws(HTTPError) -> ServerSentEvent? {
            while true {
                if let event = events.popFirst() { return event }
                if hasEnded { return nil }
                do throws(HTTPError) {
                    try await advance()
                } catch {
                    body = nil
                    try await recover(from: error)
                }
            }
        }

        /// The next event.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(HTTPError) -> ServerSentEvent? { try await next() }

        private mutating func advance() async throws(HTTPError) {
            guard let body else {
                try await connect()
                return
            }
            guard let bytes = try await body.next(by: .after(source.options.silenceLimit)) else {
                throw HTTPError(.connectionClosed, "the server ended the stream")
            }
            failures = 0
            var arrived: [ServerSentEvent] = []
            try parser.parse(bytes.span) { arrived.append($0) }
            events = arrived[...]
        }

        private mutating func connect() async throws(HTTPError) {
            var request = source.request
            if !parser.lastEventID.isEmpty { request.headers["Last-Event-ID"] = parser.lastEventID }
            let reply = try await source.client.stream(request)
            switch reply.status.code {
            case 200: break
            case 204:
                hasEnded = true
                return
            default:
                // The reason stands at the beginning of the body, if it says one.
                let detail = (try? await reply.body.next(by: .after(.seconds(2)))) ?? []
                let text = String(decoding: detail.prefix(512), as: UTF8.self)
                throw HTTPError(
                    .unexpectedStatus, "the server answered \(reply.status)\(text.isEmpty ? "" : ": \(text)")", status: reply.status)
            }
            guard reply.headers["Content-Type"]?.lowercased().hasPrefix("text/event-stream") == true else {
                throw HTTPError(.malformed, "the answer is no event stream", status: reply.status)
            }
            // What was left of an event that was cut off must not run into the first of the new connection.
            let retry = parser.retryMilliseconds
            parser = EventStreamParser(lastEventID: parser.lastEventID, maximumEventBytes: source.options.maximumEventBytes)
            parser.retryMilliseconds = retry
            body = reply.body
            source.options.opened?()
        }

        private mutating func recover(from error: HTTPError) async throws(HTTPError) {
            failures += 1
            switch error.code {
            case .connectionClosed, .timedOut, .unreachable: break
            case .unexpectedStatus:
                guard let status = error.status, status.code >= 500 || [408, 425, 429].contains(status.code) else { throw error }
            default: throw error
            }
            if let limit = source.options.maximumAttempts, failures >= limit { throw error }
            let first = parser.retryMilliseconds.map { Duration.milliseconds($0) } ?? source.options.retryDelay
            let delay = Backoff(first: first, longest: source.options.maximumRetryDelay).delay(attempt: failures)
            source.options.interrupted?(error, delay)
            do throws(IOError) {
                try await source.client.loop.sleep(for: delay)
            } catch {
                throw HTTPError(error.code == .cancelled ? .cancelled : .closed, "the stream was given up")
            }
        }
    }
}
