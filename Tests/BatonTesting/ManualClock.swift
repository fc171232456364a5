public import BatonCore
internal import Synchronization

/// A clock that stands still until a test moves it, in either direction.
public final class ManualClock: Sendable {
    private let time: Mutex<Timestamp>

    /// Where it begins unless it is told otherwise: a moment in the year 2026.
    public static let start = Timestamp(milliseconds: 1_795_000_000_000)

    /// A clock that shows `start`.
    public init(at start: Timestamp = ManualClock.start) { time = Mutex(start) }

    /// What it shows. Give `clock.now` to what wants a clock.
    public var now: @Sendable () -> Timestamp {
        { self.time.withLock { $0 } }
    }

    /// Moves it; back when negative.
    public func advance(milliseconds: Int) {
        time.withLock { $0 = Timestamp(milliseconds: $0.milliseconds + milliseconds) }
    }

    /// Moves it; back when negative.
    public func advance(seconds: Int) { advance(milliseconds: seconds * 1000) }
}
