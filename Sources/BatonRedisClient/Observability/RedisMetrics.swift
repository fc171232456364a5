internal import BatonIO
public import BatonTelemetry

/// Keeps latencies and errors of every command, and what the client holds, in a registry of metrics.
public final class RedisMetrics: RedisObserver {
    private let metrics: Metrics
    private let latencies: Family<Histogram>
    private let errors: Family<Counter>

    /// Makes the instruments in `metrics`, each with the prefix `redis_client_`.
    public init(_ metrics: Metrics) {
        self.metrics = metrics
        latencies = metrics.histograms(
            "redis_client_command_seconds", help: "How long commands took, repetitions and redirections included.", labels: ["command"])
        errors = metrics.counters(
            "redis_client_command_errors_total", help: "Commands that failed, by reason; refusals of the server by their first word.",
            labels: ["command", "reason"])
    }

    /// Measures a command.
    public func commandBegan(_ name: StaticString) -> (RedisError?) -> Void {
        let name = name.description
        let start = Deadline.now.nanoseconds
        return { [latencies, errors] error in
            latencies.series(name).record(.nanoseconds(Deadline.now.nanoseconds - start))
            guard let error else { return }
            // Scripts invent first words; a metric must not have as many series as they like.
            let known = error.server.map { $0.kind == .other ? "ERR" : $0.kind.rawValue }
            errors.series(name, known ?? error.code.rawValue).increment()
        }
    }

    /// Shows what a client has done and holds, for as long as it lives.
    public func observe(_ client: RedisClient) {
        let counts: [(String, String, @Sendable (RedisClientStatistics) -> Int)] = [
            ("connects_total", "Connections that were made.", { $0.connects }),
            ("failed_connects_total", "Attempts to connect that failed.", { $0.failedConnects }),
            ("lost_connections_total", "Connections that broke.", { $0.lostConnections }),
            ("writes_total", "Writes to connections.", { $0.writes }), ("timeouts_total", "Commands that reached their deadline.", { $0.timeouts }),
            ("refused_total", "Commands refused because too many waited.", { $0.refused }),
            ("retries_total", "Commands sent again after a failure.", { $0.retries }),
            ("redirects_total", "Commands sent to another node.", { $0.redirects }),
            ("topology_changes_total", "Times a server was found elsewhere than before.", { $0.topologyChanges }),
        ]
        for (name, help, read) in counts {
            metrics.observeCounter("redis_client_" + name, help: help) { [weak client] in client.map { UInt64(read($0.statistics)) } }
        }
        let gauges: [(String, String, @Sendable (RedisClientStatistics) -> Int)] = [
            ("queued_commands", "Commands that wait for being sent or for their replies.", { $0.queued }),
            ("dedicated_connections", "Connections for one caller.", { $0.dedicatedConnections }),
            ("subscriptions", "Open subscriptions.", { $0.subscriptions }),
        ]
        for (name, help, read) in gauges {
            metrics.observe("redis_client_" + name, help: help) { [weak client] in client.map { Double(read($0.statistics)) } }
        }
    }
}
