/// Waiting between attempts: each wait is drawn evenly from zero to a ceiling that doubles ("full jitter"), so that many clients that
/// failed together do not come back together.
public struct RedisBackoff: Sendable, Hashable {
    /// The ceiling of the first wait. 10 ms by default.
    public var first: Duration
    /// The ceiling of every wait. 1 s by default.
    public var maximum: Duration

    /// Makes a rule.
    public init(first: Duration = .milliseconds(10), maximum: Duration = .seconds(1)) {
        self.first = first
        self.maximum = maximum
    }

    /// The longest the wait before attempt `attempt` may be; the first repetition is attempt 1.
    func ceiling(_ attempt: Int) -> Duration {
        guard attempt > 0 else { return .zero }
        // 2^20 times the smallest sensible wait is beyond any maximum; the bound keeps the shift from running over.
        return min(first * (1 << min(attempt - 1, 20)), maximum)
    }

    /// A wait before attempt `attempt`.
    func wait(_ attempt: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let ceiling = ceiling(attempt)
        return ceiling * Double.random(in: 0...1, using: &random)
    }
}
