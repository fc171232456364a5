internal import BatonTelemetry

/// What became of spans, as numbers.
struct ExportMetrics: Sendable {
    /// Why spans were dropped, as a label.
    enum Loss: String, CaseIterable {
        /// Too many waited.
        case queueFull = "queue_full"
        /// The collector does not want them.
        case refused
        /// The collector did not answer, or asked to come later, too often.
        case unreachable
        /// They came after the end, or the end was too short.
        case closed
    }

    private let sent: Counter
    private let losses: [Loss: Counter]
    private let failures: Counter
    private let registry: Metrics

    init(_ registry: Metrics) {
        self.registry = registry
        sent = registry.counter("baton_spans_exported_total", help: "Spans that the collector has taken.")
        let dropped = registry.counters("baton_spans_dropped_total", help: "Spans that nobody will see, by reason.", labels: ["reason"])
        losses = Dictionary(uniqueKeysWithValues: Loss.allCases.map { ($0, dropped.series($0.rawValue)) })
        failures = registry.counter("baton_span_export_failures_total", help: "Requests with spans that the collector did not take.")
    }

    func observe(_ count: @escaping @Sendable () -> Int?) {
        registry.observe("baton_spans_waiting", help: "Spans that wait to be sent.") { count().map(Double.init) }
    }

    func exported(_ count: Int) { sent.increment(by: UInt64(count)) }
    func dropped(_ count: Int, because reason: Loss) { losses[reason]?.increment(by: UInt64(count)) }
    func failed() { failures.increment() }
}
