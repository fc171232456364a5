internal import BatonHTTP
internal import BatonIO
internal import BatonTelemetry
internal import Synchronization

/// The spans of an exporter on their way: added by anybody, sent by one task.
final class Outbox: Sendable {
    private let configuration: OTLPConfiguration
    private let version: String
    private let path: String
    private let client: HTTPClient
    private let queue: Mutex<SpanQueue>
    private let metrics: ExportMetrics
    private let logger: Logger
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    init(_ configuration: OTLPConfiguration, version: String, on loop: EventLoop?, metrics: Metrics, logger: Logger) throws {
        let url = try HTTPURL(configuration.endpoint)
        var connections = HTTPClient.Configuration()
        connections.headers = configuration.headers.revealed
        connections.requestTimeout = configuration.timeout
        connections.connectTimeout = configuration.timeout
        connections.maximumConnections = 1
        connections.limits.bodyBytes = 64 << 10
        if url.isEncrypted, let authorities = configuration.authorities { connections.tls = try TLSClientContext(authorities: authorities) }
        self.configuration = configuration
        self.version = version
        self.logger = logger
        // The address is used as it stands; a client puts the path of its own before that of each request.
        path = url.basePath.isEmpty ? "/" : url.basePath
        client = try HTTPClient(String(url.description.dropLast(url.basePath.count)), connections, on: loop)
        queue = Mutex(SpanQueue(maximum: configuration.maximumQueue, maximumBatch: configuration.maximumBatch))
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.metrics = ExportMetrics(metrics)
        self.metrics.observe { [weak self] in self?.queue.withLock { $0.count } }
    }

    func add(_ span: SpanRecord) {
        switch queue.withLock({ $0.offer(span) }) {
        case .kept: break
        case .full: ring()
        case .dropped: metrics.dropped(1, because: .queueFull)
        case .closed: metrics.dropped(1, because: .closed)
        }
    }

    /// Has what waits be sent.
    func ring() { bell.yield() }

    /// Takes nothing more; ``run()`` ends when what waits is sent.
    func finish() {
        queue.withLock { $0.close() }
        bell.yield()
        bell.finish()
    }

    /// Sends until it is finished, or cancelled: what waits then is dropped.
    func run() async {
        for await _ in rings { await sendAll() }
        await sendAll()
        while case let spans = queue.withLock({ $0.take() }), !spans.isEmpty { metrics.dropped(spans.count, because: .closed) }
    }

    func close() async { await client.close() }

    private func sendAll() async {
        while !Task.isCancelled {
            let spans = queue.withLock { $0.take() }
            if spans.isEmpty { return }
            await send(spans)
        }
    }

    /// Sends one batch until the collector has it, or wants it never, or was asked often enough.
    private func send(_ spans: [SpanRecord]) async {
        let request = Request(
            .post, path, headers: ["Content-Type": "application/json", "User-Agent": "Baton-OTLP/\(version)"],
            body: OTLPEncoding.request(spans, resource: configuration.resource, version: version))
        var attempt = 0
        while true {
            attempt += 1
            let answer = await post(request)
            switch answer {
            case .accepted(let rejected):
                metrics.exported(spans.count - min(rejected, spans.count))
                if rejected > 0 { metrics.dropped(min(rejected, spans.count), because: .refused) }
                return
            case .refused:
                metrics.dropped(spans.count, because: .refused)
                return
            case .later(let wait):
                guard attempt < configuration.attempts, !Task.isCancelled else {
                    metrics.dropped(spans.count, because: Task.isCancelled ? .closed : .unreachable)
                    return
                }
                let delay = RetryDelay(first: configuration.firstRetry, longest: configuration.longestRetry).delay(afterAttempt: attempt, asked: wait)
                try? await Task.sleep(for: delay)
            }
        }
    }

    private func post(_ request: Request) async -> ExportAnswer {
        do throws(HTTPError) {
            // A batch that comes twice is worse than one that is lost by nothing: spans have ids.
            let reply = try await client.send(request, isRepeatable: true)
            let answer = ExportAnswer(reply.status, headers: reply.headers, body: reply.body)
            if case .accepted(0) = answer { return answer }
            failed("the collector answered \(reply.status.code)")
            return answer
        } catch {
            if error.code != .cancelled { failed(error.description) }
            return Task.isCancelled ? .later(wait: nil) : ExportAnswer(error)
        }
    }

    private func failed(_ reason: String) {
        metrics.failed()
        logger.warning("spans were not taken", ["reason": .string(reason)], limit: .perMinute(2))
    }
}

/// How long a batch waits before it is sent again.
struct RetryDelay {
    let first: Duration
    let longest: Duration

    /// Twice as long after each attempt, of which half is left to chance; and at least as long as was asked for. Never over the longest.
    func delay(afterAttempt attempt: Int, asked: Duration?) -> Duration {
        var bound = first
        for _ in 1..<max(1, min(attempt, 32)) where bound < longest { bound = bound * 2 }
        let own = min(bound, longest) * Double.random(in: 0.5...1)
        return min(longest, max(own, asked ?? .zero))
    }
}
