internal import Synchronization

/// Baton's own tracer: samples, records, and hands spans that have ended to a sink.
public final class RecordingTracer: Tracer {
    private let sampler: Sampler
    private let sink: any SpanSink
    private let ids = SpanIDs()

    /// A tracer that records what the sampler says.
    public init(_ sampler: Sampler = .always, to sink: any SpanSink) {
        self.sampler = sampler
        self.sink = sink
    }

    /// Begins a span now; one that is not recorded still has ids, so that those who are called know that they need not record either.
    public func startSpan(_ name: String, kind: SpanKind, parent: TraceContext?, links: [TraceContext]) -> any TraceSpan {
        let (high, low) = parent.map { ($0.traceHigh, $0.traceLow) } ?? (ids.next(), ids.next())
        let isRecorded = sampler.records(traceLow: low, parent: parent, links: links)
        // §3.2.2.5 of level 2: ids that are made here are random; a caller's are what the caller said.
        let flags = (parent.map { $0.flags & 2 } ?? 2) | (isRecorded ? 1 : 0)
        let context = TraceContext(traceHigh: high, traceLow: low, spanID: ids.next(), flags: flags, state: parent?.state ?? "")
        guard isRecorded else { return PassiveSpan(context) }
        return RecordedSpan(name, kind, context, parent: parent?.spanID, links: links, to: sink)
    }
}

/// A span that is recorded.
private final class RecordedSpan: TraceSpan {
    private struct State {
        var name: String
        var attributes: [SpanRecord.Attribute] = []
        var links: [TraceContext]
        var failure: String?
        var hasEnded = false
    }

    let context: TraceContext
    private let kind: SpanKind
    private let parent: UInt64?
    private let start: UInt64
    private let ticks: UInt64
    private let sink: any SpanSink
    private let state: Mutex<State>

    init(_ name: String, _ kind: SpanKind, _ context: TraceContext, parent: UInt64?, links: [TraceContext], to sink: any SpanSink) {
        self.context = context
        self.kind = kind
        self.parent = parent
        self.sink = sink
        state = Mutex(State(name: name, links: links.count > SpanRecord.maximumLinks ? Array(links.prefix(SpanRecord.maximumLinks)) : links))
        start = WallClock.nanoseconds
        ticks = MonotonicClock.nanoseconds
    }

    var isRecording: Bool { true }

    func rename(_ name: String) { state.withLock { $0.name = name } }

    func set(_ attribute: String, _ value: SpanValue) {
        state.withLock { state in
            if state.attributes.isEmpty { state.attributes.reserveCapacity(8) }
            // Few by nature, so look-ups are linear.
            if let index = state.attributes.firstIndex(where: { $0.name == attribute }) {
                state.attributes[index].value = value
            } else if state.attributes.count < SpanRecord.maximumAttributes {
                state.attributes.append(SpanRecord.Attribute(attribute, value))
            }
        }
    }

    func link(to context: TraceContext) {
        state.withLock { if $0.links.count < SpanRecord.maximumLinks { $0.links.append(context) } }
    }

    func fail(_ type: String, _ message: String) {
        set("error.type", .string(type))
        state.withLock { $0.failure = message }
    }

    func end() {
        // By the clock that does not go back, so that no span ends before it began.
        let end = start &+ (MonotonicClock.nanoseconds &- ticks)
        let ended: State? = state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            return state
        }
        guard let ended else { return }
        sink.write(
            SpanRecord(
                name: ended.name, kind: kind, context: context, parentID: parent, start: start, end: end, attributes: ended.attributes,
                links: ended.links, failure: ended.failure))
    }
}

/// Ids: the sequence of SplitMix64 from a random beginning. It never gives a number twice in 2⁶⁴, and asks the system for randomness once and
/// not for every span.
private final class SpanIDs: Sendable {
    private let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    func next() -> UInt64 {
        var value = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        value ^= value >> 31
        return value == 0 ? 1 : value
    }
}
