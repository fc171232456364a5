import BatonTelemetry
import Glibc
import Testing

/// The reference parser of Prometheus' Python client, where it is installed.
private enum ReferenceParser {
    /// `.build/python` is where `make test` puts it if it can; else whatever `python3` is on the path.
    static let interpreters = [".build/python/bin/python3", "python3"]

    static func interpreter() async -> String? {
        for interpreter in interpreters where await run([interpreter, "-c", "import prometheus_client"]) == 0 { return interpreter }
        return nil
    }

    /// The exit status of a command, or -1 when it cannot be started or takes over 20 seconds; stops it in that case.
    static func run(_ arguments: [String], output: String = "/dev/null") async -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var argv = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var pid = pid_t()
        guard posix_spawnp(&pid, arguments[0], &actions, nil, &argv, environ) == 0 else { return -1 }
        let end = ContinuousClock.now + .seconds(20)
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            if ContinuousClock.now > end {
                kill(pid, SIGKILL)
                waitpid(pid, &status, 0)
                return -1
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
    }

    /// Prints one line a sample: name, sorted labels, value.
    static let script = """
        import sys
        from prometheus_client.parser import text_string_to_metric_families
        for family in text_string_to_metric_families(open(sys.argv[1], encoding='utf-8', newline='').read()):
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

        let path = "/tmp/baton-exposition-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer {
            unlink(path)
            unlink(path + ".out")
        }
        let file = try #require(fopen(path, "w"))
        let bytes = metrics.exposition()
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
        #expect(await ReferenceParser.run([python, "-c", ReferenceParser.script, path], output: path + ".out") == 0)

        let output = try #require(fopen(path + ".out", "r"))
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = fread(&buffer, 1, buffer.count, output)
        fclose(output)
        #expect(
            String(decoding: buffer[..<count], as: UTF8.self) == #"""
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
