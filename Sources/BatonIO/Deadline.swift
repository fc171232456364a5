internal import Glibc

/// A point on the monotonic clock by which something has to be done.
public struct Deadline: Sendable, Hashable, Comparable {
    /// Nanoseconds on the monotonic clock.
    public let nanoseconds: Int64

    /// A deadline at `nanoseconds` of the monotonic clock.
    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Never reached.
    public static let never = Deadline(nanoseconds: .max)

    /// This moment.
    public static var now: Deadline {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Deadline(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// `duration` from now; `.never` if that lies beyond what the clock can express.
    public static func after(_ duration: Duration) -> Deadline {
        now.advanced(by: duration)
    }

    /// This deadline moved by `duration`; `.never` stays `.never`, and overflow becomes `.never`.
    public func advanced(by duration: Duration) -> Deadline {
        guard self != .never else { return .never }
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.saturatedNanoseconds)
        guard overflow else { return Deadline(nanoseconds: sum) }
        return duration < .zero ? Deadline(nanoseconds: .min) : .never
    }

    /// Whether the deadline has been reached.
    public var isPast: Bool {
        self != .never && self <= .now
    }

    /// What is left until the deadline, at least zero; `nil` for `.never`.
    public var remaining: Duration? {
        guard self != .never else { return nil }
        return .nanoseconds(max(0, nanoseconds.subtractingReportingOverflow(Deadline.now.nanoseconds).partialValue))
    }

    /// Whether `left` comes first.
    @inlinable
    public static func < (left: Deadline, right: Deadline) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// The whole duration in nanoseconds, clamped to what `Int64` holds.
    var saturatedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}
