#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

enum WallClock {
    /// Milliseconds since 1970.
    static var milliseconds: Int64 { read(CLOCK_REALTIME) }
    /// Nanoseconds since 1970.
    static var nanoseconds: UInt64 { readNanoseconds(CLOCK_REALTIME) }
}

enum MonotonicClock {
    /// Milliseconds since some start; never goes back.
    static var milliseconds: Int64 { read(CLOCK_MONOTONIC) }
    /// Nanoseconds since some start; never goes back.
    static var nanoseconds: UInt64 { readNanoseconds(CLOCK_MONOTONIC) }
}

private func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000
}

private func readNanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
}

extension Duration {
    /// Rounded up to milliseconds; saturates far beyond any use.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return .max / 4 }
        return whole &+ (attoseconds &+ 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
