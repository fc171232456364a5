import BatonTelemetry
import BatonTesting
import Testing

/// The reference parser of Prometheus' Python client, where it is installed.
private enum ReferenceParser {
    /// `.build/python` is where `make test` puts it if it can; else whatever `python3` is on the path.
    static let interpreters = [".build/python/bin/python3", "python3"]

    static func interpreter() async -> String? {
        for interpreter in interpreters where (try? await ChildProcess.run(interpreter, ["-c", "import prometheus_client"]))?.status == 0 {
            return interpreter
        }
        return nil
    }

    /// Prints one line a sample: name, sorted labels, value.
    static let script = """
        import sys
        from prometheus_client.parser import text_string_to_metric_families
        for family in text_string_to_metric_families(sys.stdin.buffer.read().decode('utf-8')):
            print('family', family.name, family.type, repr(family.documentation))
            for s in family.samples:
                print(s.name, sorted(s.labels.items()), float(s.value))
        """
}

@Suite("Exposition, read by Prometheus' own parser")
struct PrometheusParserTests {
    @Test(
        "every family, label and value arrives",
        .enabled("needs python3 with prometheus_client, which is not installed") { await ReferenceParser.interpreter() != nil })
    func parse() async throws {
        let python = try #require(await ReferenceParser.interpreter())
        let metrics = Metrics()
        metrics.counters("c_total", help: "back\\slash\nline", labels: ["l", "m"]).series("a\\b\"c\nd é {},=", "").increment(by: 4)
        metrics.gauge("g", help: "G \"quoted\".").set(-.infinity)
        metrics.observe("nan", help: "N.") { .nan }
        let histogram = metrics.histograms("h_seconds", help: "H.", labels: ["p"], buckets: [0.0001, 1]).series("x")
        histogram.record(0.00005)
        histogram.record(2)

        let result = try await ChildProcess.run(
            python, ["-c", ReferenceParser.script], input: metrics.exposition(), environment: ["PYTHONIOENCODING": "utf-8"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            result.output == #"""
                family c counter 'back\\slash\nline'
                c_total [('l', 'a\\b"c\nd é {},='), ('m', '')] 4.0
                family g gauge 'G "quoted".'
                g [] -inf
                family h_seconds histogram 'H.'
                h_seconds_bucket [('le', '0.0001'), ('p', 'x')] 1.0
                h_seconds_bucket [('le', '1'), ('p', 'x')] 1.0
                h_seconds_bucket [('le', '+Inf'), ('p', 'x')] 2.0
                h_seconds_sum [('p', 'x')] 2.00005
                h_seconds_count [('p', 'x')] 2.0
                family nan gauge 'N.'
                nan [] nan

                """#)
    }
}
