import BatonTesting
import Testing

@testable import BatonOTLP
@testable import BatonTelemetry

/// The messages of OpenTelemetry as its own Python package has them, where it is installed.
private enum ReferenceDecoder {
    /// `.build/python` is where `make test` puts it if it can; else whatever `python3` is on the path.
    static let interpreters = [".build/python/bin/python3", "python3"]

    static func interpreter() async -> String? {
        for interpreter in interpreters
        where (try? await ChildProcess.run(interpreter, ["-c", "import opentelemetry.proto.collector.trace.v1.trace_service_pb2"]))?.status == 0 {
            return interpreter
        }
        return nil
    }

    /// Reads a request by the JSON mapping of Protocol Buffers, which refuses what it does not know; ids are hexadecimal in OTLP and base64 there.
    static let script = """
        import sys, json, base64
        from google.protobuf import json_format
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
        def ids(value):
            if isinstance(value, dict):
                return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in ('traceId', 'spanId', 'parentSpanId') else ids(v) for k, v in value.items()}
            return [ids(v) for v in value] if isinstance(value, list) else value
        request = json_format.ParseDict(ids(json.loads(sys.stdin.buffer.read())), ExportTraceServiceRequest())
        def show(*values):
            print(json.dumps(values, ensure_ascii=False))
        def attributes(of):
            return {a.key: getattr(a.value, a.value.WhichOneof('value')) for a in of.attributes}
        for resource in request.resource_spans:
            show('resource', attributes(resource.resource))
            for scope in resource.scope_spans:
                show('scope', scope.scope.name, scope.scope.version)
                for s in scope.spans:
                    show(s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex(), s.trace_state, s.flags)
                    show(s.name, s.kind, s.start_time_unix_nano, s.end_time_unix_nano, s.status.code, s.status.message, attributes(s))
                    for l in s.links:
                        show('link', l.trace_id.hex(), l.span_id.hex(), l.trace_state, l.flags)
        """
}

@Suite("Spans, read by OpenTelemetry's own messages")
struct ReferenceDecoderTests {
    @Test(
        "every id, time, attribute, link and status arrives",
        .enabled("needs python3 with opentelemetry-proto, which is not installed") { await ReferenceDecoder.interpreter() != nil })
    func decode() async throws {
        let python = try #require(await ReferenceDecoder.interpreter())
        let context = try #require(TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-03", tracestate: "a=1,b=\"2\\"))
        let other = try #require(TraceContext(traceparent: "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01"))
        let spans = [
            SpanRecord(
                name: "a \"quoted\"\n\u{1} name é 😀", kind: .server, context: context, parentID: 1, start: .max - 1, end: .max,
                attributes: [
                    .init("text", "line\n\"é\""), .init("int", .int(.min)), .init("large", .int(.max)), .init("double", .double(-1.5e300)),
                    .init("nan", .double(.nan)), .init("infinity", .double(-.infinity)), .init("yes", true), .init("no", false), .init("", ""),
                ], links: [other, context], failure: "went \"wrong\""),
            SpanRecord(name: "b", kind: .consumer, context: other, parentID: nil, start: 0, end: 0, attributes: [], links: [], failure: nil),
        ]
        let bytes = OTLPEncoding.request(
            spans, resource: [.init("service.name", "te\"st"), .init("n", 3)], version: "1.0")
        let result = try await ChildProcess.run(python, ["-c", ReferenceDecoder.script], input: bytes, environment: ["PYTHONIOENCODING": "utf-8"])
        #expect(result.status == 0, "\(result.errors)")
        let attributes = #"""
            {"text": "line\n\"é\"", "int": -9223372036854775808, "large": 9223372036854775807, "double": -1.5e+300, "nan": NaN, \#
            "infinity": -Infinity, "yes": true, "no": false, "": ""}
            """#
        #expect(
            result.output == #"""
                ["resource", {"service.name": "te\"st", "n": 3}]
                ["scope", "baton", "1.0"]
                ["0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7", "0000000000000001", "a=1,b=\"2\\", 3]
                ["a \"quoted\"\n\u0001 name é 😀", 2, 18446744073709551614, 18446744073709551615, 2, "went \"wrong\"", \#(attributes)]
                ["link", "ffffffffffffffffffffffffffffffff", "ffffffffffffffff", "", 1]
                ["link", "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7", "a=1,b=\"2\\", 3]
                ["ffffffffffffffffffffffffffffffff", "ffffffffffffffff", "", "", 1]
                ["b", 5, 0, 0, 0, "", {}]

                """#)
    }
}
