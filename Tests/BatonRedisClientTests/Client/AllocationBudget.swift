/// How often the loop's thread may ask for memory per command, everything included: the caller's continuation, the encoded command, the
/// reply and what is read from it, and its share of reads and writes.
///
/// Measured in a debug build with sixteen callers, and nine tenths above it: one allocation more is noticed, a busy machine, on which reads
/// and writes are shared by fewer, is not. Who needs less lowers them, who needs more says why.
enum AllocationBudget: String, CaseIterable, Sendable {
    case get = "GET"
    case set = "SET"
    case evalsha = "EVALSHA"
    case xadd = "XADD"

    /// Per command, averaged over a thousand.
    var limit: Double {
        switch self {
        case .get: 6.9
        case .set: 5.9
        case .evalsha: 9.9
        case .xadd: 8.9
        }
    }
}
