public import BatonTelemetry

// The trace that an event was made in travels with it under the names of the W3C, so that whoever works on the event later can link to it.
// Only what was recorded is carried: a link to anything else would lead nowhere. An event without a trace is stored as it always was.

extension TraceContext {
    /// The members of an event's JSON object, `traceparent` last: its length is known, so that readers find it without looking at the rest.
    var members: [UInt8] {
        var writer = JSONWriter(reserving: TraceContext.suffixBytes + state.utf8.count + 32)
        writer.members(of: self)
        return writer.bytes
    }

    fileprivate static let start = Array(#""traceparent":""#.utf8)
    fileprivate static let stateStart = Array(#""tracestate":""#.utf8)
    fileprivate static let suffixBytes = start.count + traceparentBytes + 2
}

extension JSONWriter {
    /// The members `tracestate`, when there is one, and `traceparent`.
    package mutating func members(of trace: TraceContext) {
        if !trace.state.isEmpty {
            name("tracestate")
            string(trace.state)
        }
        name("traceparent")
        string(trace.traceparent)
    }
}

extension EventDraft {
    /// The bytes that are stored: the author's fields, and the span that appends them behind them.
    public func body(carrying trace: TraceContext?) -> JSON {
        guard let trace else { return body }
        return JSON(checked: body.bytes.dropLast() + [UInt8(ascii: ",")] + trace.members + [UInt8(ascii: "}")])
    }
}

extension EventBatch {
    /// The same batch, made in the trace that the current task works for unless it says another.
    func carryingTrace() -> EventBatch {
        guard trace == nil, let context = TraceContext.current, context.isSampled else { return self }
        var batch = self
        batch.trace = context
        return batch
    }
}

extension TopicBatch {
    /// The same batch, made in the trace that the current task works for unless it says another.
    func carryingTrace() -> TopicBatch {
        guard trace == nil, let context = TraceContext.current, context.isSampled else { return self }
        var batch = self
        batch.trace = context
        return batch
    }
}

extension Event {
    /// The span that appended it; `nil` when none was recorded. O(1) but for a `tracestate`.
    public var trace: TraceContext? {
        let bytes = body.bytes
        // Members of an event's object have an order, and this one is the last: behind metadata there would be two braces.
        let start = bytes.count - TraceContext.suffixBytes
        guard start > 0, bytes[start..<start + TraceContext.start.count] == TraceContext.start[...],
            let trace = TraceContext(traceparent: bytes[(start + TraceContext.start.count)..<(bytes.count - 2)])
        else { return nil }
        // Escaped it is at most twice as long as it may be.
        let before = bytes[max(0, start - 2 * TraceContext.maximumStateBytes - 20)..<start]
        guard before.contains(TraceContext.stateStart), let state = body["tracestate"]?.stringValue else { return trace }
        return TraceContext(traceparent: trace.traceparent, tracestate: state)
    }
}
