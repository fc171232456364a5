import BatonTesting
import Testing

@testable import BatonTelemetry

@Suite("Trace context")
struct TraceContextTests {
    private let example = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"

    @Test("a traceparent is read and written as it was")
    func roundTrip() throws {
        let context = try #require(TraceContext(traceparent: example))
        #expect(context.traceID == "0af7651916cd43dd8448eb211c80319c" && context.spanIDText == "00f067aa0ba902b7")
        #expect(context.isSampled && context.state.isEmpty && context.traceparent == example && "\(context)" == example)
        #expect(TraceContext(traceparent: example.replacing("-01", with: "-00"))?.isSampled == false)
    }

    @Test(
        "flags that nobody knows are not passed on, and later versions are read as far as they are known",
        arguments: [
            ("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-ff", "03"), ("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-08", "00"),
            ("01-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", "01"), ("fe-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-x", "01"),
            ("cc-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-", "01"),
        ])
    func versions(text: String, flags: String) {
        #expect(TraceContext(traceparent: text)?.traceparent == String(example.dropLast(2)) + flags)
    }

    @Test(
        "what is no traceparent is none",
        arguments: [
            "", "00", "00-", "ff-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "00-0AF7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-0", "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-011",
            "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-", "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01-x",
            "01-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01x", "00_0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c_00f067aa0ba902b7-01", "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7_01",
            "0x-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", "00-0af7651916cd43dd8448eb211c80319-00f067aa0ba902b7-01",
            " 00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", "00-0af7651916cd43dd8448eb211c80319é-00f067aa0ba902b7-01",
        ])
    func refused(text: String) { #expect(TraceContext(traceparent: text) == nil) }

    @Test("anything is read without harm, and what is taken is written so that it is read again", arguments: 0..<8 as Range<UInt64>)
    func fuzz(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var taken = 0
        for _ in 0..<4_000 {
            var bytes = Array(example.utf8)
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: min(place, bytes.count))
                case 1: if !bytes.isEmpty { bytes.remove(at: place) }
                case 2: bytes = Array(bytes.prefix(place))
                case 3: if !bytes.isEmpty { bytes[place] = Array("0123456789abcdef-".utf8).randomElement(using: &random) ?? 0 }
                default: if !bytes.isEmpty { bytes[place] = UInt8.random(in: .min ... .max, using: &random) }
                }
            }
            // As an array and as a slice of a larger one: places do not begin at 0.
            let context = TraceContext(traceparent: bytes[...])
            #expect(context == TraceContext(traceparent: ([0, 0] + bytes)[2...]))
            guard let context else { continue }
            taken += 1
            #expect(TraceContext(traceparent: context.traceparent) == context)
            #expect(context.spanID != 0 && (context.traceHigh | context.traceLow) != 0 && context.flags <= 3)
        }
        #expect(taken > 400)
    }

    @Test(
        "a tracestate is passed on as it is, without what is empty",
        arguments: [
            ("a=1", "a=1"), ("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"), (" a=1 ,\t, b@c=2 ", "a=1,b@c=2"),
            ("0a_-*/@=!\"#$ ~", "0a_-*/@=!\"#$ ~"), ("", ""),
        ])
    func state(text: String, kept: String) { #expect(TraceContext(traceparent: example, tracestate: text)?.state == kept) }

    @Test(
        "a tracestate with anything wrong in it is left out, and the traceparent stays",
        arguments: [
            "a", "=1", "a=", "A=1", "_a=1", "a=1,a=2", "a=b=c", "a=\u{1}", "a=é", "a b=1", String(repeating: "a", count: 257) + "=1",
            "a=" + String(repeating: "x", count: 257), (0..<33).map { "k\($0)=1" }.joined(separator: ","), String(repeating: "a=1,", count: 5000),
        ])
    func wrongState(text: String) {
        #expect(TraceContext(traceparent: example, tracestate: text) == TraceContext(traceparent: example))
    }

    @Test("of a tracestate that is too long whole members are left out")
    func longState() throws {
        let members = (0..<10).map { "k\($0)=" + String(repeating: "x", count: 100) }
        let context = try #require(TraceContext(traceparent: example, tracestate: members.joined(separator: ",")))
        #expect(context.state == members.prefix(4).joined(separator: ",") && context.state.utf8.count <= 512)
    }
}

@Suite("Baton's own tracer")
struct RecordingTracerTests {
    private let sink = MemorySpans()

    @Test("gives a child its parent's trace, and itself a new id")
    func parents() throws {
        let tracer = RecordingTracer(to: sink)
        let root = tracer.startSpan("root", kind: .server, parent: nil, links: [])
        let child = tracer.startSpan("child", kind: .client, parent: root.context, links: [])
        #expect(child.context.traceID == root.context.traceID && child.context.spanID != root.context.spanID)
        child.end()
        root.end()
        let spans = sink.spans
        #expect(spans.map(\.name) == ["child", "root"] && spans.map(\.kind) == [.client, .server])
        #expect(spans.map(\.parentID) == [root.context.spanID, nil])
        #expect(spans[0].start >= spans[1].start && spans[0].end <= spans[1].end && spans[0].start <= spans[0].end)
        let other = tracer.startSpan("other", kind: .internal, parent: nil, links: [])
        #expect(other.context.traceID != root.context.traceID)
    }

    @Test("keeps what was said, the last of each name, and nothing after the end")
    func saying() throws {
        let span = RecordingTracer(to: sink).startSpan("a", kind: .internal, parent: nil, links: [])
        span.set("x", 1)
        span.set("x", "two")
        for number in 0..<100 { span.set("n\(number)", .int(number)) }
        for _ in 0..<200 { span.link(to: span.context) }
        span.rename("b")
        span.fail("timeout", "too late")
        span.end()
        span.end()
        span.set("late", true)
        let record = try #require(sink.spans.first)
        #expect(sink.spans.count == 1 && record.name == "b" && record["x"] == "two" && record["late"] == nil)
        #expect(record.attributes.count == SpanRecord.maximumAttributes && record.links.count == SpanRecord.maximumLinks)
        #expect(record.failure == "too late")
    }

    @Test("does as the caller does, or as those it links to, before it asks the share")
    func sampling() throws {
        func isRecorded(_ sampler: Sampler, parent: Bool? = nil, links: [Bool] = []) -> Bool {
            func context(_ sampled: Bool) -> TraceContext { TraceContext(traceHigh: 1, traceLow: 1, spanID: 1, flags: sampled ? 1 : 0) }
            let span = RecordingTracer(sampler, to: sink).startSpan("a", kind: .internal, parent: parent.map(context), links: links.map(context))
            #expect(span.isRecording == span.context.isSampled)
            return span.isRecording
        }
        #expect(isRecorded(.always) && !isRecorded(Sampler(ratio: 0)))
        #expect(isRecorded(Sampler(ratio: 0), parent: true) && !isRecorded(.always, parent: false))
        #expect(isRecorded(Sampler(ratio: 0), links: [false, true]) && !isRecorded(Sampler(ratio: 0), links: [false]))
        #expect(!isRecorded(.always, parent: false, links: [true]))
        #expect(
            !isRecorded(Sampler(ratio: 0, isParentBased: false), parent: true) && isRecorded(Sampler(ratio: 1, isParentBased: false), parent: false))
        for ratio in [-1, .nan] as [Double] { #expect(!isRecorded(Sampler(ratio: ratio))) }
        #expect(isRecorded(Sampler(ratio: 7)))
    }

    @Test("records about the share that it was told, and the same traces at every place")
    func share() {
        let tracer = RecordingTracer(Sampler(ratio: 0.25), to: sink)
        var recorded = 0
        for _ in 0..<8000 {
            let span = tracer.startSpan("a", kind: .internal, parent: nil, links: [])
            if span.isRecording { recorded += 1 }
            let context = span.context
            #expect(Sampler(ratio: 0.25).records(traceLow: context.traceLow, parent: nil, links: []) == span.isRecording)
            if span.isRecording { #expect(Sampler(ratio: 0.5).records(traceLow: context.traceLow, parent: nil, links: [])) }
        }
        #expect((1600...2400).contains(recorded), "\(recorded)")
    }

    @Test("what is logged in a span names it")
    func logging() {
        let log = MemorySink()
        let logger = Logger(label: "t", to: log)
        let span = RecordingTracer(to: sink).startSpan("a", kind: .internal, parent: nil, links: [])
        logger.info("before")
        ActiveSpan.$current.withValue(span) { logger.info("inside") }
        #expect(log.records.map { $0.metadata["trace_id"] } == [nil, .string(span.context.traceID)])
        #expect(log.records.map { $0.metadata["span_id"] } == [nil, .string(span.context.spanIDText)])
    }
}
