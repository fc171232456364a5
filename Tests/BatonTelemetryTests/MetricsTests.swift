import BatonTelemetry
import Synchronization
import Testing

@Suite("Metrics")
struct MetricsTests {
    let metrics = Metrics()
    var text: String { String(decoding: metrics.exposition(), as: UTF8.self) }

    @Test("counters, gauges and their exposition")
    func basics() {
        let requests = metrics.counters("http_requests_total", help: "Requests.", labels: ["method", "status"])
        requests.series("GET", "200").increment(by: 3)
        requests.series("GET", "200").increment()
        requests.series("GET", "404").increment()
        let open = metrics.gauge("connections", help: "Open connections.")
        open.set(5)
        open.increment(by: 2.5)
        open.decrement()
        #expect(open.value == 6.5)
        #expect(
            text == """
                # HELP connections Open connections.
                # TYPE connections gauge
                connections 6.5
                # HELP http_requests_total Requests.
                # TYPE http_requests_total counter
                http_requests_total{method="GET",status="200"} 4
                http_requests_total{method="GET",status="404"} 1

                """)
    }

    @Test("histogram buckets cumulate; a value on a bound belongs to it")
    func histogram() {
        let histogram = metrics.histogram("wait_seconds", help: "Waits.", buckets: [1, 0.5, 0.5])
        for value in [0.25, 0.5, 0.75, 1, 8] { histogram.record(value) }
        histogram.record(.milliseconds(250))
        histogram.record(.nan)
        #expect(
            text == """
                # HELP wait_seconds Waits.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.5"} 3
                wait_seconds_bucket{le="1"} 5
                wait_seconds_bucket{le="+Inf"} 6
                wait_seconds_sum 10.75
                wait_seconds_count 6

                """)
    }

    @Test("help and label values are escaped")
    func escaping() {
        metrics.counters("c_total", help: "back\\slash\nand \"line\"", labels: ["l"]).series("a\\b\"c\nd é {}").increment()
        #expect(
            text == #"""
                # HELP c_total back\\slash\nand "line"
                # TYPE c_total counter
                c_total{l="a\\b\"c\nd é {}"} 1

                """#)
    }

    @Test("numbers Prometheus knows", arguments: [(Double.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (-2, "-2"), (1e300, "1e+300")])
    func numbers(value: Double, expected: String) {
        metrics.gauge("g", help: "").set(value)
        #expect(text.hasSuffix("\ng \(expected)\n"))
    }

    @Test("the same name gives the same instrument")
    func sharing() {
        metrics.counter("a_total", help: "A.").increment()
        metrics.counter("a_total", help: "A.").increment()
        #expect(metrics.counter("a_total", help: "A.").value == 2)
    }

    @Test("label combinations are bounded; those beyond share one series")
    func cardinality() {
        let metrics = Metrics(maximumSeries: 2)
        let family = metrics.counters("c_total", help: "C.", labels: ["x", "y"])
        for n in 0..<100 { family.series("\(n)", "y").increment() }
        family.series("0", "y").increment()
        #expect(family.series("0", "y").value == 2)
        #expect(family.series("77", "y").value == 98)
        #expect(String(decoding: metrics.exposition(), as: UTF8.self).contains(#"c_total{x="__other__",y="__other__"} 98"#))
        #expect(metrics.exposition().split(separator: UInt8(ascii: "\n")).count == 5)
    }

    @Test("what is observed is read at the scrape, and gone when its owner is")
    func observing() {
        final class Owner: Sendable { let size = 7.0 }
        var owner: Owner? = Owner()
        metrics.observe("size", help: "Size.", labels: ["loop": "0"]) { [weak owner] in owner?.size }
        metrics.observeCounter("wakes_total", help: "Wakes.") { 12 }
        #expect(text.contains("size{loop=\"0\"} 7\n"))
        #expect(text.contains("# TYPE wakes_total counter\nwakes_total 12\n"))
        owner = nil
        #expect(!text.contains("size{"))
        metrics.observe("size", help: "Size.", labels: ["loop": "0"]) { 1 }
        #expect(text.contains("size{loop=\"0\"} 1\n"))
    }

    @Test("what is collected may differ from scrape to scrape, never hides an instrument, and ends with its owner")
    func collecting() {
        final class Owner: Sendable { let labels = Mutex(["b", "a"]) }
        var owner: Owner? = Owner()
        metrics.gauge("taken", help: "Mine.").set(1)
        metrics.collect { [weak owner] in
            owner?.labels.withLock { $0.map { MetricSample("seen_total", help: "Seen.", isCounter: true, labels: ["node": $0], value: 3) } }
        }
        metrics.collect { [MetricSample("taken", help: "Theirs.", value: 2), MetricSample("9lives", help: "", value: 2)] }
        #expect(
            text == """
                # HELP seen_total Seen.
                # TYPE seen_total counter
                seen_total{node="a"} 3
                seen_total{node="b"} 3
                # HELP taken Mine.
                # TYPE taken gauge
                taken 1

                """)
        owner?.labels.withLock { $0 = ["c", "c"] }
        #expect(text.contains("counter\nseen_total{node=\"c\"} 3\n# HELP taken"))
        owner = nil
        #expect(!text.contains("seen_total"))
        #expect(text.contains("taken 1"))
    }

    @Test("recording from many tasks loses nothing")
    func concurrency() async {
        let counter = metrics.counter("n_total", help: "N.")
        let gauge = metrics.gauge("g", help: "G.")
        let histogram = metrics.histogram("h_seconds", help: "H.")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5_000 {
                        counter.increment()
                        gauge.increment()
                        histogram.record(0.25)
                    }
                }
            }
        }
        #expect(counter.value == 40_000)
        #expect(gauge.value == 40_000)
        #expect(histogram.count == 40_000)
        #expect(histogram.sum == 10_000)
    }

    @Test("a malformed or contradicting registration stops the program")
    func mistakes() async {
        await #expect(processExitsWith: .failure) { _ = Metrics().counter("9lives", help: "") }
        await #expect(processExitsWith: .failure) { _ = Metrics().counters("a_total", help: "", labels: ["__name"]) }
        await #expect(processExitsWith: .failure) {
            let metrics = Metrics()
            _ = metrics.counter("a_total", help: "")
            _ = metrics.gauge("a_total", help: "")
        }
    }
}
