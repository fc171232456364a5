import BatonCore
import BatonHTTP
import BatonIO
import BatonOTLP
import BatonServer
import BatonTelemetry
import BatonTesting
import Glibc
import Testing

@testable import BatonCLI

@Suite("baton serve and OpenTelemetry")
struct TraceTests {
    private func configuration(_ environment: [String: String] = [:], _ flags: String = "") throws -> TraceConfiguration? {
        let parser = CommandLineParser(root: BatonCommand.root, environment: environment, readFile: { _ throws(UsageError) in "" })
        guard case .run(let invocation) = try parser.parse(["serve"] + flags.split(separator: " ").map(String.init)) else { return nil }
        return try invocation.traceConfiguration()
    }

    private let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/"]

    @Test("nothing is recorded without an endpoint, or when it is switched off")
    func off() throws {
        #expect(try configuration() == nil)
        #expect(try configuration(["OTEL_SERVICE_NAME": "x", "OTEL_TRACES_SAMPLER": "always_on"]) == nil)
        for (name, value) in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
            #expect(try configuration(endpoint.merging([name: value]) { $1 }) == nil)
        }
        #expect(try configuration(endpoint.merging(["OTEL_SDK_DISABLED": "false"]) { $1 }) != nil)
    }

    @Test("the variables of OpenTelemetry mean here what they mean elsewhere")
    func variables() throws {
        let plain = try #require(try configuration(endpoint))
        #expect(plain.exporter.endpoint == "http://collector:4318/v1/traces" && plain.sampler == .always)
        #expect(plain.exporter.resource == [.init("service.name", "baton")])
        let traces = try #require(
            try configuration([
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector/in",
                "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b, y=2", "OTEL_EXPORTER_OTLP_TIMEOUT": "1500", "OTEL_SERVICE_NAME": "agents",
                "OTEL_RESOURCE_ATTRIBUTES": "service.name=no,deployment.environment=a%2Cb", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.25", "OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5",
                "OTEL_BSP_SCHEDULE_DELAY": "250", "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem",
            ]))
        #expect(traces.exporter.endpoint == "http://collector/in" && traces.exporter.headers.revealed == ["x-key": "a b", "y": "2"])
        #expect(
            traces.exporter.timeout == .milliseconds(1500) && traces.exporter.delay == .milliseconds(250) && traces.exporter.authorities == "ca.pem")
        #expect(traces.exporter.maximumQueue == 10 && traces.exporter.maximumBatch == 5)
        #expect(traces.exporter.resource == [.init("service.name", "agents"), .init("deployment.environment", "a,b")])
        #expect(traces.sampler == Sampler(ratio: 0.25))
        #expect(
            try configuration(endpoint.merging(["OTEL_RESOURCE_ATTRIBUTES": "service.name=x"]) { $1 })?.exporter.resource == [
                .init("service.name", "x")
            ])
    }

    @Test(
        "every sampler of OpenTelemetry is known",
        arguments: [
            ("always_on", Sampler(ratio: 1, isParentBased: false)), ("always_off", Sampler(ratio: 0, isParentBased: false)),
            ("traceidratio", Sampler(ratio: 0.5, isParentBased: false)), ("parentbased_always_on", Sampler(ratio: 1)),
            ("parentbased_always_off", Sampler(ratio: 0)), ("parentbased_traceidratio", Sampler(ratio: 0.5)),
        ])
    func samplers(name: String, sampler: Sampler) throws {
        let environment = endpoint.merging(["OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": "0.5"]) { $1 }
        #expect(try configuration(environment)?.sampler == sampler)
    }

    @Test(
        "what cannot work is refused, and keys of the collector are never repeated",
        arguments: [
            "--otlp-endpoint collector:4318", "--otlp-header secret", "--otlp-header k=secret%zz", "--traces-sampler always",
            "--traces-sampler traceidratio --traces-sampler-arg 2", "--otlp-timeout 0", "--traces-queue 0",
        ])
    func refusals(flags: String) async throws {
        let result = try await BatonProcess.run("serve --store sqlite::memory: --listen 127.0.0.1:0 --otlp-endpoint http://127.0.0.1:1 \(flags)")
        #expect(result.status == 64 && !result.errors.isEmpty && !result.errors.contains("secret"), "\(result.errors)")
    }

    @Test("a daemon sends what it did to the collector, at its end at the latest, and says so in its metrics")
    func endToEnd() async throws {
        let bodies = Guarded<[JSON]>([])
        let collector = try await HTTPServer(HTTPServer.Configuration(addresses: [.loopback(port: 0)])) { request in
            #expect(request.path == "/v1/traces" && request.headers["x-key"] == "a b")
            bodies.withLock { $0.append((try? JSON(request.body)) ?? .null) }
            return Response(200, body: Array("{}".utf8))
        }
        let daemon = try await DaemonProcess(
            store: "sqlite::memory:",
            [
                "--otlp-endpoint", "http://\(collector.addresses[0])", "--otlp-header", "x-key=a%20b", "--service-name", "agents", "--traces-delay",
                "600000",
            ])
        let client = try HTTPClient(daemon.url)
        let parent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
        let reply = try await client.send(
            Request(
                .post, "/v1/apps/a/users/u/sessions/s/events", query: "create=true",
                headers: ["Content-Type": "application/json", "traceparent": parent], body: Array(#"{"content":1}"#.utf8)))
        #expect(reply.status == 201)
        let metrics = try await client.send(Request(.get, "/metrics")).text
        #expect(metrics.contains("baton_spans_waiting 2\n") && metrics.contains("baton_spans_exported_total 0\n"))
        await client.close()
        daemon.process.send(signal: SIGTERM)
        #expect(await daemon.process.exit() == 0)
        let resource = try #require(bodies.withLock { $0 }.first?["resourceSpans"]?.elements?.first)
        #expect(resource["resource"]?["attributes"]?.elements?.first?["value"]?["stringValue"]?.stringValue == "agents")
        let spans = resource["scopeSpans"]?.elements?.first?["spans"]?.elements ?? []
        #expect(spans.compactMap { $0["name"]?.stringValue } == ["append_event", "POST /v1/apps/{app}/users/{user}/sessions/{session}/events"])
        #expect(spans.allSatisfy { $0["traceId"]?.stringValue == "0af7651916cd43dd8448eb211c80319c" })
        await collector.drain(within: .zero)
    }
}
