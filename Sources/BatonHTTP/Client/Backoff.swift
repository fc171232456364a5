/// How long to wait before the next attempt: up to twice as long each time, with full jitter, so that a thousand clients of a server that
/// comes back do not come back at once.
struct Backoff: Sendable {
    var first: Duration
    var longest: Duration

    /// The longest the wait before attempt `number` (from 1) may be.
    func bound(attempt number: Int) -> Duration {
        let (doubled, overflow) = first.nanosecondCount.multipliedReportingOverflow(by: 1 << Int64(min(max(number - 1, 0), 30)))
        // Who asks for a first wait beyond the longest gets it.
        return overflow ? max(first, longest) : min(max(first, longest), .nanoseconds(doubled))
    }

    /// A wait before attempt `number`.
    func delay(attempt number: Int) -> Duration {
        .nanoseconds(Int64.random(in: 0...max(bound(attempt: number).nanosecondCount, 0)))
    }
}
