/// Which traces are recorded.
public struct Sampler: Hashable, Sendable {
    /// Whether a span does as its parent did, and one without a parent as the spans that it links to: a trace is then recorded whole or not at all.
    public let isParentBased: Bool
    /// The share of traces that are recorded when nobody decided before, from 0 to 1.
    public let ratio: Double
    private let bound: UInt64

    /// A sampler that records this share of the traces it begins.
    /// - Parameter ratio: from 0 to 1; what is beyond counts as the nearer end.
    public init(ratio: Double, isParentBased: Bool = true) {
        self.ratio = ratio.isNaN ? 0 : min(max(ratio, 0), 1)
        self.isParentBased = isParentBased
        bound = self.ratio >= 1 ? .max : UInt64(self.ratio * 0x1p63)
    }

    /// Records what nobody decided on before.
    public static let always = Sampler(ratio: 1)

    /// Whether to record a span.
    ///
    /// The share is decided by the trace's id, in the way in which OpenTelemetry's libraries do it, so that services with the same ratio agree.
    func records(traceLow: UInt64, parent: TraceContext?, links: [TraceContext]) -> Bool {
        if isParentBased {
            if let parent { return parent.isSampled }
            if links.contains(where: \.isSampled) { return true }
        }
        return bound == .max || traceLow >> 1 < bound
    }
}
