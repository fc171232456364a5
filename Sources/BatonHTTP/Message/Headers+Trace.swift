public import BatonTelemetry

extension Headers {
    /// The span that the sender works for (W3C Trace Context §3.2); `nil` when it says none, or says it twice.
    public var trace: TraceContext? {
        let parents = values(of: "traceparent")
        guard let parent = parents.first, parents.count == 1 else { return nil }
        // §3.3.1: a list may be split over several fields.
        let states = values(of: "tracestate")
        return TraceContext(traceparent: parent, tracestate: states.isEmpty ? nil : states.joined(separator: ","))
    }

    /// Says for which span a request is sent.
    public mutating func add(_ trace: TraceContext) {
        add("traceparent", trace.traceparent)
        if !trace.state.isEmpty { add("tracestate", trace.state) }
    }
}
