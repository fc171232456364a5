import BatonHTTP
import BatonTesting
import Testing

@testable import BatonOTLP
@testable import BatonTelemetry

@Suite("The exporter of spans", .timeLimit(.minutes(2)))
struct ExporterTests {
    private let metrics = Metrics()

    private func exporter(
        to endpoint: String, queue: Int = 2048, batch: Int = 512, delay: Duration = .milliseconds(20), timeout: Duration = .seconds(10),
        attempts: Int = 5, longestRetry: Duration = .milliseconds(20), headers: Headers = [:]
    ) throws -> OTLPExporter {
        var configuration = OTLPConfiguration(endpoint: endpoint, service: "test")
        configuration.maximumQueue = queue
        configuration.maximumBatch = batch
        configuration.delay = delay
        configuration.timeout = timeout
        configuration.attempts = attempts
        configuration.firstRetry = .milliseconds(5)
        configuration.longestRetry = longestRetry
        configuration.headers = Secret(headers)
        return try OTLPExporter(configuration, version: "1", metrics: metrics)
    }

    private func write(_ count: Int, to exporter: OTLPExporter) {
        for number in 0..<count {
            exporter.write(
                SpanRecord(
                    name: "span \(number)", kind: .internal, context: TraceContext(traceHigh: 1, traceLow: 2, spanID: UInt64(number + 1), flags: 1),
                    parentID: 9, start: 1, end: 2, attributes: [], links: [], failure: nil))
        }
    }

    private var exported: Int { number("baton_spans_exported_total") }

    private func dropped(_ reason: String) -> Int { number("baton_spans_dropped_total{reason=\"\(reason)\"}") }

    private func number(_ name: String) -> Int {
        let text = String(decoding: metrics.exposition(), as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? -1
    }

    @Test("sends what was recorded, in batches, to the address as it stands")
    func batches() async throws {
        let collector = try await FakeCollector()
        let exporter = try exporter(to: collector.endpoint, batch: 10, headers: ["x-key": "secret"])
        write(95, to: exporter)
        await exporter.close()
        #expect(collector.spanCount == 95 && collector.requests.count >= 10)
        #expect(collector.requests.allSatisfy { $0.path == "/v1/traces" && $0.method == .post && $0.headers["Content-Type"] == "application/json" })
        #expect(collector.requests.allSatisfy { $0.headers["x-key"] == "secret" && $0.headers["traceparent"] == nil })
        #expect(exported == 95 && dropped("closed") == 0 && dropped("queue_full") == 0)
        await collector.stop()
    }

    @Test("sends a few spans after the delay, without being asked")
    func delay() async throws {
        let collector = try await FakeCollector()
        let exporter = try exporter(to: collector.endpoint)
        write(3, to: exporter)
        #expect(await eventually { collector.spanCount == 3 })
        write(2, to: exporter)
        #expect(await eventually { collector.spanCount == 5 })
        await exporter.close()
        #expect(exported == 5)
        await collector.stop()
    }

    @Test("drops and counts what does not fit while the collector stalls, and never makes anybody wait for it")
    func stalling() async throws {
        let gate = Guarded(false)
        let collector = try await FakeCollector { request, count in
            while !gate.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(2)) }
            return try await FakeCollector.accepting(request, count)
        }
        let exporter = try exporter(to: collector.endpoint, queue: 100, batch: 10)
        write(10, to: exporter)
        #expect(await eventually { collector.requests.count == 1 })
        // One batch is under way; the queue takes a hundred more.
        write(1000, to: exporter)
        #expect(dropped("queue_full") == 900)
        #expect(number("baton_spans_waiting") == 100)
        gate.withLock { $0 = true }
        await exporter.close()
        #expect(exported == 110 && collector.spanCount == 110)
        await collector.stop()
    }

    @Test("sends a batch again that the collector cannot take now, the same bytes", arguments: [429, 502, 503, 504])
    func later(status: Int) async throws {
        let collector = try await FakeCollector { request, count in
            if count < 2 { return Response(Status(status), headers: ["Retry-After": "0"]) }
            return try await FakeCollector.accepting(request, count)
        }
        let exporter = try exporter(to: collector.endpoint)
        write(4, to: exporter)
        #expect(await eventually { exported == 4 })
        await exporter.close()
        #expect(collector.requests.count == 3 && Set(collector.bodies).count == 1)
        #expect(number("baton_span_export_failures_total") == 2 && dropped("unreachable") == 0)
        await collector.stop()
    }

    @Test("gives a batch up after the last attempt, and goes on with the next")
    func givingUp() async throws {
        let collector = try await FakeCollector { request, count in
            count < 3 ? Response(503) : try await FakeCollector.accepting(request, count)
        }
        let exporter = try exporter(to: collector.endpoint, attempts: 3)
        write(4, to: exporter)
        #expect(await eventually { dropped("unreachable") == 4 })
        write(5, to: exporter)
        await exporter.close()
        #expect(exported == 5 && collector.requests.count == 4)
        await collector.stop()
    }

    @Test("does not send again what the collector refuses", arguments: [400, 401, 404, 413, 500])
    func refused(status: Int) async throws {
        let collector = try await FakeCollector { _, _ in Response(Status(status), headers: ["Retry-After": "0"]) }
        let exporter = try exporter(to: collector.endpoint)
        write(4, to: exporter)
        await exporter.close()
        #expect(collector.requests.count == 1 && dropped("refused") == 4 && exported == 0)
        await collector.stop()
    }

    @Test("counts what a collector takes only in part")
    func partialSuccess() async throws {
        let collector = try await FakeCollector { _, _ in
            Response(200, body: Array(#"{"partialSuccess":{"errorMessage":"\"rejectedSpans\":9","rejectedSpans": "3"}}"#.utf8))
        }
        let exporter = try exporter(to: collector.endpoint)
        write(10, to: exporter)
        await exporter.close()
        #expect(exported == 7 && dropped("refused") == 3 && collector.requests.count == 1)
        await collector.stop()
    }

    @Test("survives a collector that goes away and comes back")
    func goingAway() async throws {
        let first = try await FakeCollector()
        let port = first.port
        let exporter = try exporter(to: first.endpoint, attempts: 1000)
        write(2, to: exporter)
        #expect(await eventually { exported == 2 })
        await first.stop()
        write(3, to: exporter)
        #expect(await eventually { number("baton_span_export_failures_total") > 2 })
        let second = try await FakeCollector(port: port)
        #expect(await eventually { exported == 5 })
        await exporter.close()
        #expect(second.spanCount == 3 && dropped("unreachable") == 0)
        await second.stop()
    }

    @Test("breaks off an answer that does not come, and tries again")
    func timeout() async throws {
        let collector = try await FakeCollector { request, count in
            if count == 0 { try await Task.sleep(for: .seconds(60)) }
            return try await FakeCollector.accepting(request, count)
        }
        let exporter = try exporter(to: collector.endpoint, timeout: .milliseconds(200))
        write(4, to: exporter)
        #expect(await eventually { exported == 4 })
        await exporter.close()
        #expect(collector.requests.count == 2)
        await collector.stop()
    }

    @Test("ends within its limit when the collector does not answer; what is left is counted")
    func closing() async throws {
        let collector = try await FakeCollector { request, count in
            try await Task.sleep(for: .seconds(60))
            return try await FakeCollector.accepting(request, count)
        }
        let exporter = try exporter(to: collector.endpoint, batch: 10, timeout: .seconds(60))
        write(25, to: exporter)
        await exporter.close(within: .milliseconds(100))
        #expect(exported == 0 && dropped("closed") == 25)
        write(2, to: exporter)
        #expect(dropped("closed") == 27)
        await collector.stop()
    }

    @Test("is refused for an address that is none", arguments: ["", "collector:4318", "ftp://x/", "http://user:secret@host/"])
    func addresses(text: String) {
        #expect(throws: HTTPError.self) { try exporter(to: text) }
    }
}

@Suite("Waiting before the next attempt")
struct RetryDelayTests {
    @Test("doubles, leaves half to chance, and stays below the longest")
    func growth() {
        let retry = RetryDelay(first: .seconds(1), longest: .seconds(8))
        for (attempt, bound) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (1000, 8)] {
            for _ in 0..<20 {
                let delay = retry.delay(afterAttempt: attempt, asked: nil)
                #expect(delay >= .seconds(bound) / 2 && delay <= .seconds(bound))
            }
        }
    }

    @Test("is as long as was asked for, but not for ever")
    func asked() {
        let retry = RetryDelay(first: .seconds(1), longest: .seconds(8))
        #expect(retry.delay(afterAttempt: 1, asked: .seconds(5)) == .seconds(5))
        #expect(retry.delay(afterAttempt: 1, asked: .seconds(86_400)) == .seconds(8))
    }
}
