internal import BatonTelemetry

/// What is counted of web hooks, told apart by their names.
struct WebHookMetrics: Sendable {
    private let accepted: Family<Counter>
    private let failed: Family<Counter>
    private let passedOver: Family<Counter>
    private let dead: Family<Counter>
    private let durations: Family<Histogram>
    private let inFlight: Family<Gauge>
    private let stopped: Family<Gauge>

    init(_ registry: Metrics) {
        accepted = registry.counters("baton_webhook_accepted_total", help: "Events that receivers accepted.", labels: ["webhook"])
        failed = registry.counters("baton_webhook_failed_total", help: "Attempts that failed, by kind.", labels: ["webhook", "kind"])
        passedOver = registry.counters("baton_webhook_passed_over_total", help: "Events that the filter left out.", labels: ["webhook"])
        dead = registry.counters("baton_webhook_dead_total", help: "Events given up after their last attempt.", labels: ["webhook"])
        durations = registry.histograms("baton_webhook_duration_seconds", help: "From the request to its answer or failure.", labels: ["webhook"])
        inFlight = registry.gauges("baton_webhook_in_flight", help: "Requests that wait for their answer.", labels: ["webhook"])
        stopped = registry.gauges("baton_webhook_stopped", help: "Whether nothing is sent: disabled, or not allowed here.", labels: ["webhook"])
    }

    /// The instruments of one web hook.
    struct Series: Sendable {
        let accepted: Counter
        let passedOver: Counter
        let dead: Counter
        let durations: Histogram
        let inFlight: Gauge
        let stopped: Gauge
        private let failures: [WebHookFailure.Kind: Counter]

        fileprivate init(_ metrics: WebHookMetrics, _ name: String) {
            accepted = metrics.accepted.series(name)
            passedOver = metrics.passedOver.series(name)
            dead = metrics.dead.series(name)
            durations = metrics.durations.series(name)
            inFlight = metrics.inFlight.series(name)
            stopped = metrics.stopped.series(name)
            failures = Dictionary(uniqueKeysWithValues: WebHookFailure.Kind.allCases.map { ($0, metrics.failed.series(name, $0.rawValue)) })
        }

        func failed(_ kind: WebHookFailure.Kind) -> Counter? { failures[kind] }
    }

    func series(_ name: String) -> Series { Series(self, name) }
}
