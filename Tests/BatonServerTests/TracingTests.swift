import Baton
import BatonCore
import BatonHTTP
import BatonOTLP
import BatonRemote
import BatonSQLite
import BatonTelemetry
import BatonTesting
import Testing

@testable import BatonServer

@Suite("Traces through the daemon", .timeLimit(.minutes(2)))
struct TracingTests {
    private static let traceID = "0af7651916cd43dd8448eb211c80319c"
    private static let parent = "00-\(traceID)-00f067aa0ba902b7-01"

    /// An API on a store whose spans are kept.
    private func traced() async throws -> (TestAPI, MemorySpans) {
        let spans = MemorySpans()
        let storage = try await SQLiteStorage(at: .memory)
        return (TestAPI(on: SessionStore(on: storage, tracer: RecordingTracer(to: spans))), spans)
    }

    @Test("a request's span is the caller's child and has the route; the operation is the request's child; the event carries the operation")
    func request() async throws {
        let (api, spans) = try await traced()
        let reply = await api.call(
            .post, "\(TestAPI.base)/s/events?create=true", #"{"content":1}"#, headers: ["traceparent": Self.parent, "tracestate": "a=1"])
        #expect(reply.status == 201)
        let request = try #require(spans.named("POST /v1/apps/{app}/users/{user}/sessions/{session}/events").first)
        let append = try #require(spans.named("append_event").first)
        #expect(request.kind == .server && request.context.traceID == Self.traceID && request.parentID == 0x00f0_67aa_0ba9_02b7)
        #expect(append.parentID == request.context.spanID && append.context.state == "a=1")
        #expect(request["http.request.method"] == "POST" && request["http.response.status_code"] == 201 && request.failure == nil)
        #expect(request["url.path"] == "\(TestAPI.base)/s/events" && request["request_id"] == reply.headers["X-Request-ID"].map(SpanValue.string))
        let event = try #require(await api.call(.get, "\(TestAPI.base)/s/events").json["events"]?.elements?.first)
        #expect(event["traceparent"]?.stringValue == append.context.traceparent && event["tracestate"]?.stringValue == "a=1")
    }

    @Test("a consumer over HTTP finds the producer's span on its delivery, and the receive links to it")
    func delivery() async throws {
        let (api, spans) = try await traced()
        #expect(await api.call(.put, "/v1/topics/t/groups/g", #"{"from":"start"}"#).status == 201)
        #expect(await api.call(.post, "/v1/topics/t/events", #"{"type":"x","data":1}"#, headers: ["traceparent": Self.parent]).status == 201)
        let publish = try #require(spans.named("publish_events").first)
        #expect(publish.context.traceID == Self.traceID)
        let reply = await api.call(.post, "/v1/topics/t/groups/g/deliveries", #"{"consumer":"c"}"#)
        let event = try #require(reply.json["deliveries"]?.elements?.first?["event"])
        #expect(event["traceparent"]?.stringValue == publish.context.traceparent)
        #expect(spans.named("receive").first?.links == [publish.context])
    }

    @Test("without a tracer the caller's trace is carried on, and nothing else")
    func passing() async throws {
        let api = try await TestAPI()
        for (parent, carried) in [(Self.parent, Self.parent), (Self.parent.replacing("-01", with: "-00"), nil), ("nonsense", nil)]
            as [(String, String?)]
        {
            let body = #"{"content":1}"#
            #expect(await api.call(.post, "\(TestAPI.base)/s/events?create=true", body, headers: ["traceparent": parent]).status == 201)
            let event = await api.call(.get, "\(TestAPI.base)/s/events?order=desc&limit=1").json["events"]?.elements?.first
            #expect(event?["traceparent"]?.stringValue == carried)
        }
        let refused = await api.call(.post, "\(TestAPI.base)/s/events", #"{"content":1,"traceparent":"x"}"#)
        #expect(refused.code == "unknown_field" && refused.detail.contains("traceparent"))
    }

    @Test("what the server did wrong fails its span, what a caller did wrong does not; probes have none")
    func failures() async throws {
        let (api, spans) = try await traced()
        #expect(await api.call(.get, "\(TestAPI.base)/absent").status == 404)
        #expect(await api.call(.get, "/healthz").status == 200)
        #expect(await api.call(.get, "/readyz").status == 200)
        #expect(spans.spans.map(\.kind) == [.internal, .server])
        #expect(spans.spans[1].failure == nil && spans.spans[0].failure != nil)
        await api.store.close()
        #expect(await api.call(.get, "\(TestAPI.base)/absent").status == 503)
        #expect(spans.spans.last?.failure != nil && spans.spans.last?["error.type"] == "503")
    }

    @Test("a remote store, its daemon, and a consumer at another daemon are one story: spans reach a collector, logs name them")
    func endToEnd() async throws {
        try await TemporaryDirectory.with { directory in
            let collector = try await Receiver { _, _ in Response(200, body: Array("{}".utf8)) }
            var exporter = OTLPConfiguration(endpoint: "http://127.0.0.1:\(collector.port)/v1/traces", service: "test")
            exporter.delay = .milliseconds(20)
            let log = MemorySink()
            let live = try await LiveDaemon(
                store: .sqlite(path: directory.file("a.db")), traces: TraceConfiguration(exporter), logger: Logger(label: "t", level: .debug, to: log)
            )
            let spans = MemorySpans()
            let store = SessionStore(on: try RemoteStorage(url: live.client.url.description), tracer: RecordingTracer(to: spans))
            let key = try SessionKey(app: "a", user: "u", id: "s")
            try await store.topic(Topic.sessions).group("g").set(from: .now)
            try await store.session(key).append(.message("hello", role: "user"), creating: true)
            let append = try #require(spans.named("append_event").first)
            #expect(append.kind == .client && append["storage"] == "remote")
            // In the daemon the request belongs to the call of the remote store, and the event carries the daemon's own operation.
            let event = try #require(try await store.events(in: key).events.first)
            #expect(event.trace?.traceID == append.context.traceID && event.trace?.spanID != append.context.spanID)
            try await store.topic(Topic.sessions).group("g").consume(as: "c", endingAfter: .milliseconds(300)) { _ in }
            let handled = try #require(spans.named("process_event").first { !$0.links.isEmpty })
            #expect(handled.links.count == 1 && handled.links.first == event.trace)
            await store.close()
            await live.stop()
            let sent = collector.requests.flatMap { $0.json["resourceSpans"]?.elements ?? [] }
            #expect(sent.allSatisfy { $0["resource"]?["attributes"]?.elements?.first?["value"]?["stringValue"]?.stringValue == "test" })
            let all = sent.flatMap { $0["scopeSpans"]?.elements ?? [] }.flatMap { $0["spans"]?.elements ?? [] }
            let ofTrace = all.filter { $0["traceId"]?.stringValue == append.context.traceID }
            #expect(ofTrace.compactMap { $0["name"]?.stringValue } == ["append_event", "POST /v1/apps/{app}/users/{user}/sessions/{session}/events"])
            #expect(ofTrace.last?["parentSpanId"]?.stringValue == append.context.spanIDText)
            #expect(ofTrace.first?["spanId"]?.stringValue == event.trace?.spanIDText)
            let record = try #require(log.records.first { $0.metadata["trace_id"] == .string(append.context.traceID) })
            #expect(record.message == "request" && record.metadata["span_id"] == ofTrace.last?["spanId"]?.stringValue.map(Logger.Value.string))
            await collector.stop()
        }
    }

    @Test("a web hook is told the span that its event was made in, or that of the attempt")
    func webHooks() async throws {
        try await WebHookBench.with { bench in
            try await bench.set()
            let caller = PassiveSpan(try #require(TraceContext(traceparent: Self.parent)))
            try await ActiveSpan.$current.withValue(caller) { try await bench.publish(1) }
            try await bench.withDaemon { _ in #expect(await eventually { bench.receiver.requests.count == 1 }) }
            #expect(bench.receiver.requests.first?.headers["traceparent"] == Self.parent)
            #expect(bench.receiver.requests.first?.json["traceparent"]?.stringValue == Self.parent)
            var exporter = OTLPConfiguration(endpoint: "http://127.0.0.1:\(bench.receiver.port)/v1/traces")
            exporter.delay = .milliseconds(20)
            let live = try await LiveDaemon(
                store: bench.address, webHooks: WebHookBench.privateAllowed, traces: TraceConfiguration(exporter, sampler: Sampler(ratio: 0)))
            try await ActiveSpan.$current.withValue(caller) { try await bench.publish(1) }
            #expect(await eventually { bench.receiver.requests.count { $0.path == "/hook" } == 2 })
            await live.stop()
            let told = try #require(
                bench.receiver.requests.filter { $0.path == "/hook" }.last?.headers["traceparent"].flatMap { TraceContext(traceparent: $0) })
            // The share is none, but the event's maker was recorded, and so is what is done with it.
            let spans = bench.receiver.requests.flatMap { $0.json["resourceSpans"]?.elements ?? [] }.flatMap { $0["scopeSpans"]?.elements ?? [] }
                .flatMap { $0["spans"]?.elements ?? [] }
            let process = try #require(spans.first { $0["name"]?.stringValue == "process_event" })
            #expect(process["spanId"]?.stringValue == told.spanIDText && process["traceId"]?.stringValue == told.traceID)
            #expect(process["links"]?.elements?.first?["traceId"]?.stringValue == Self.traceID)
        }
    }
}
