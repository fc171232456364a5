internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonTelemetry
internal import Synchronization

/// What the daemon counts. Handles are looked up once; recording takes no lock for routes and operations that were seen.
final class DaemonMetrics: HTTPServerObserver {
    let registry: Metrics
    private let requests: Family<Counter>
    private let latencies: Family<Histogram>
    private let received: Counter
    private let sent: Counter
    private let connections: Gauge
    private let streams: Family<Gauge>
    private let streamEnds: Family<Counter>
    private let operations: [SessionStore.Operation: Histogram]
    private let failures: Family<Counter>
    private let publishesRefused: Counter
    private let logger: Logger

    init(registry: Metrics, logger: Logger) {
        self.registry = registry
        self.logger = logger
        requests = registry.counters(
            "baton_http_requests_total", help: "Requests answered, by route, method and status.", labels: ["route", "method", "status"])
        latencies = registry.histograms(
            "baton_http_request_duration_seconds", help: "From the complete request to the answer; for a stream, to its head.", labels: ["route"])
        received = registry.counter("baton_http_request_body_bytes_total", help: "Bytes of request bodies.")
        sent = registry.counter("baton_http_response_bytes_total", help: "Bytes of responses; of streams only the heads.")
        connections = registry.gauge("baton_http_connections", help: "Open connections.")
        streams = registry.gauges("baton_http_streams", help: "Open event streams.", labels: ["route"])
        streamEnds = registry.counters("baton_http_streams_ended_total", help: "Event streams that ended, by reason.", labels: ["reason"])
        let durations = registry.histograms(
            "baton_store_operation_duration_seconds", help: "Operations of the store.", labels: ["operation"])
        operations = Dictionary(uniqueKeysWithValues: SessionStore.Operation.allCases.map { ($0, durations.series($0.rawValue)) })
        failures = registry.counters(
            "baton_store_errors_total", help: "Operations of the store that failed, by code.", labels: ["operation", "code"])
        publishesRefused = registry.counter(
            "baton_topic_publishes_refused_total",
            help: "Publishes that were refused because a topic is full of events that a group has not finished.")
    }

    func record(_ operation: SessionStore.Operation, _ duration: Duration, _ error: StoreError?) {
        operations[operation]?.record(duration)
        guard let error else { return }
        failures.series(operation.rawValue, error.code.rawValue).increment()
        if operation == .publishEvents, error.code == .tooManyRequests { publishesRefused.increment() }
    }

    /// Shows the store's own numbers at every scrape.
    func observe(_ store: SessionStore) {
        // Numbers that come from elsewhere are fetched when they are first asked for.
        _ = store.gauges
        registry.collect { [weak store] in
            store?.gauges.map {
                MetricSample("baton_store_\($0.name)", help: $0.help, isCounter: $0.isCounter, labels: $0.labels, value: $0.value)
            }
        }
    }

    /// Shows how far groups are behind.
    func observe(_ groups: GroupGauges) {
        // Read when they are first asked for.
        _ = groups.current
        registry.collect { [weak groups] in groups?.current }
    }

    /// Shows what the event loops have been through.
    func observe(_ loops: [EventLoop]) {
        registry.observeCounter("baton_loop_stalls_total", help: "Turns of an event loop that took over 20 ms.") {
            UInt64(loops.reduce(0) { $0 + $1.stallCount })
        }
    }

    // MARK: - HTTPServerObserver

    func requestFinished(_ record: RequestRecord) {
        requests.series(record.route, record.method, String(record.status.code)).increment()
        latencies.series(record.route).record(record.duration)
        received.increment(by: UInt64(record.requestBytes))
        sent.increment(by: UInt64(record.responseBytes))
        let hasFailed = record.status.code >= 500
        // While a store is away every request fails, and all who wait come again and again.
        logger.log(
            hasFailed ? .warning : .debug, "request", DaemonMetrics.facts(of: record), limit: hasFailed ? .perSecond(2) : nil)
    }

    private static func facts(of record: RequestRecord) -> Logger.Metadata {
        var facts: Logger.Metadata = [
            "request": .string(record.requestID), "method": .string(record.method), "route": .string(record.route),
            "status": .int(Int(record.status.code)), "ms": .double(record.duration / .milliseconds(1)),
            "peer": .string(record.peer?.description ?? "-"),
        ]
        if let trace = record.trace { facts.add(trace) }
        return facts
    }

    func connectionOpened() { connections.increment() }

    func connectionClosed() { connections.increment(by: -1) }

    func streamOpened(route: String) { streams.series(route).increment() }

    func streamClosed(route: String, because reason: ResponseStream.End) {
        streams.series(route).increment(by: -1)
        streamEnds.series("\(reason)").increment()
    }
}
