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
        // One step of the sequence for all, so that threads which begin spans at the same time meet only once.
        let ids = ids.next(parent == nil ? 3 : 1)
        let (high, low) = parent.map { ($0.traceHigh, $0.traceLow) } ?? (ids.number(1), ids.number(2))
        let isRecorded = sampler.records(traceLow: low, parent: parent, links: links)
        // §3.2.2.5 of level 2: ids that are made here are random; a caller's are what the caller said.
        let flags = (parent.map { $0.flags & 2 } ?? 2) | (isRecorded ? 1 : 0)
        let context = TraceContext(traceHigh: high, traceLow: low, spanID: ids.number(0), flags: flags, state: parent?.state ?? "")
        guard isRecorded else { return PassiveSpan(context) }
        return RecordedSpan(name, kind, context, parent: parent?.spanID, links: links, to: sink)
    }
}

/// A span that is recorded.
private final class RecordedSpan: TraceSpan {
    let context: TraceContext
    private let ticks: UInt64
    private let sink: any SpanSink
    /// `nil` when it has ended.
    private let record: Mutex<SpanRecord?>

    init(_ name: String, _ kind: SpanKind, _ context: TraceContext, parent: UInt64?, links: [TraceContext], to sink: any SpanSink) {
        self.context = context
        self.sink = sink
        let start = WallClock.nanoseconds
        ticks = MonotonicClock.nanoseconds
        record = Mutex(
            SpanRecord(
                name: name, kind: kind, context: context, parentID: parent, start: start, end: start, attributes: [],
                links: links.count > SpanRecord.maximumLinks ? Array(links.prefix(SpanRecord.maximumLinks)) : links, failure: nil))
    }

    var isRecording: Bool { true }

    func rename(_ name: String) { record.withLock { $0?.name = name } }

    func set(_ attribute: String, _ value: SpanValue) { record.withLock { $0?.set(attribute, value) } }

    func link(to context: TraceContext) { record.withLock { $0?.link(to: context) } }

    func fail(_ type: String, _ message: String) {
        record.withLock { record in
            record?.set("error.type", .string(type))
            record?.failure = message
        }
    }

    func end() {
        guard var ended = record.withLock({ $0.take() }) else { return }
        // By the clock that does not go back, so that no span ends before it began.
        ended.end = ended.start &+ (MonotonicClock.nanoseconds &- ticks)
        sink.write(ended)
    }
}

extension SpanRecord {
    fileprivate mutating func set(_ attribute: String, _ value: SpanValue) {
        if attributes.isEmpty { attributes.reserveCapacity(8) }
        // Few by nature, so look-ups are linear.
        if let index = attributes.firstIndex(where: { $0.name == attribute }) {
            attributes[index].value = value
        } else if attributes.count < SpanRecord.maximumAttributes {
            attributes.append(SpanRecord.Attribute(attribute, value))
        }
    }

    fileprivate mutating func link(to context: TraceContext) {
        if links.count < SpanRecord.maximumLinks { links.append(context) }
    }
}

/// Ids: the sequence of SplitMix64 from a random beginning. It never gives a number twice in 2⁶⁴, and asks the system for randomness once and
/// not for every span.
private final class SpanIDs: Sendable {
    /// Consecutive numbers of the sequence.
    struct Stretch {
        fileprivate let last: UInt64

        /// The one so many before the last.
        func number(_ distance: UInt64) -> UInt64 {
            var value = last &- distance &* SpanIDs.step
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            value ^= value >> 31
            return value == 0 ? 1 : value
        }
    }

    private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15
    private let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    func next(_ count: UInt64) -> Stretch { Stretch(last: state.wrappingAdd(SpanIDs.step &* count, ordering: .relaxed).newValue) }
}
