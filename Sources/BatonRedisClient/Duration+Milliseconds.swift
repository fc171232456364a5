extension Duration {
    /// Whole milliseconds, rounded up so that a wait is never shorter than it was meant; at the ends of the range when it does not fit.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        let (sum, carry) = whole.addingReportingOverflow((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        if overflow || carry { return seconds < 0 ? .min : .max }
        return sum
    }
}
