internal import BatonCore

/// Tries again for a while, at growing distances, and says so.
struct Retries {
    /// How often it waited.
    private var count = 0
    private let limit: Duration
    private let console: Console
    private var start: ContinuousClock.Instant?

    init(_ limit: Duration, _ console: Console) {
        self.limit = limit
        self.console = console
    }

    /// Waits before another attempt; false when the error is not one that passes, or when time is up.
    mutating func wait(after error: StoreError) async -> Bool {
        let now = ContinuousClock.now
        let start = self.start ?? now
        self.start = start
        // Half of the wait is chance, so that many who were interrupted together do not come back together.
        let longest = min(2000, 100 << min(count, 5))
        let delay = Duration.milliseconds(Int.random(in: longest / 2...longest))
        guard error.isRetryable, now - start + delay <= limit else { return false }
        count += 1
        console.say("\(TerminalText.safe(error.message)); trying again in \(delay.argument)")
        do { try await Task.sleep(for: delay) } catch { return false }
        return true
    }
}
