internal import Synchronization

extension WriteBehindQueue {
    /// What `/metrics` shows of the queue.
    var gauges: [StorageGauge] {
        let (lanes, counts, failedInSpool, waiting) = state.withLock { ($0.lanes, $0.counts, $0.failedInSpool, $0.applicants.count) }
        let age = lanes.oldest.map { (ContinuousClock.now - $0) / .seconds(1) } ?? 0
        var gauges = [
            StorageGauge("write_behind_events", help: "Events that were accepted and wait to be stored.", value: Double(lanes.events)),
            StorageGauge("write_behind_bytes", help: "Bytes that were accepted and wait to be stored.", value: Double(lanes.bytes)),
            StorageGauge("write_behind_sessions", help: "Sessions with writes that wait to be stored.", value: Double(lanes.sessions)),
            StorageGauge("write_behind_oldest_seconds", help: "For how long the oldest write waits to be stored.", value: age),
            StorageGauge("write_behind_callers_waiting", help: "Callers that wait for room.", value: Double(waiting)),
            StorageGauge("write_behind_stored_total", help: "Events that were stored behind.", isCounter: true, value: Double(counts.stored)),
            StorageGauge(
                "write_behind_appends_total", help: "Appends that stored them; each takes what waits in a session.", isCounter: true,
                value: Double(counts.sends)),
            StorageGauge(
                "write_behind_retries_total", help: "Appends that failed and are tried again.", isCounter: true, value: Double(counts.retries)),
            StorageGauge(
                "write_behind_failures_total", help: "Writes that were accepted and have failed for good.", isCounter: true,
                value: Double(counts.failures)),
        ]
        if spool != nil {
            gauges.append(
                StorageGauge(
                    "write_behind_spool_failed", help: "Failed writes that the spool keeps for somebody to look at.", value: Double(failedInSpool)))
        }
        return gauges
    }
}
