/// How often the loop's thread may ask for memory per command, everything included: the caller's continuation, the encoded command, the
/// reply and what is read from it, and its share of reads and writes.
///
/// Measured in a debug build with sixteen callers, and less than one above it, so that one allocation more is noticed; optimized builds
/// need fewer. Who needs less lowers them, who needs more says why.
enum AllocationBudget: String, CaseIterable, Sendable {
    case get = "GET"
    case set = "SET"
    case evalsha = "EVALSHA"
    case xadd = "XADD"

    /// Per command, averaged over a thousand.
    var limit: Double {
        switch self {
        case .get: 15.4
        case .set: 6.4
        case .evalsha: 20.4
        case .xadd: 72.5
        }
    }
}
