public import BatonTelemetry

// The trace that an event was made in travels with it under the names of the W3C, so that whoever works on the event later can link to it.
// Only what was recorded is carried: a link to anything else would lead nowhere. An event without a trace is stored as it always was.

extension TraceContext {
    /// Appends the members of an event's JSON object, `traceparent` last: its length is known, so that readers find it without looking at the rest.
    fileprivate func appendMembers(to bytes: inout [UInt8]) {
        if !state.isEmpty {
            bytes.append(contentsOf: TraceContext.stateStart)
            JSONText.append(state, to: &bytes)
            bytes.append(UInt8(ascii: ","))
        }
        bytes.append(contentsOf: TraceContext.start)
        appendTraceparent(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    fileprivate static let start = Array(#""traceparent":""#.utf8)
    fileprivate static let stateStart = Array(#""tracestate":"#.utf8)
    fileprivate static let suffixBytes = start.count + traceparentBytes + 2
    /// At most so many bytes have its members, unless there is something to be escaped.
    fileprivate var memberBytes: Int { TraceContext.suffixBytes + (state.isEmpty ? 0 : state.utf8.count + 16) }
}

extension JSONWriter {
    /// The members `tracestate`, when there is one, and `traceparent`.
    package mutating func members(of trace: TraceContext) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(trace.memberBytes)
        trace.appendMembers(to: &bytes)
        members(bytes)
    }
}

extension EventDraft {
    /// The bytes that are stored: the author's fields, and the span that appends them behind them.
    public func body(carrying trace: TraceContext?) -> JSON {
        guard let trace else { return body }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(body.bytes.count + 1 + trace.memberBytes)
        bytes.append(contentsOf: body.bytes.dropLast())
        bytes.append(UInt8(ascii: ","))
        trace.appendMembers(to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        return JSON(checked: bytes)
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
