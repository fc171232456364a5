internal import Synchronization

/// A registry of instruments, and their exposition as Prometheus text.
///
/// Instruments are handles: look one up once, keep it, record on it without locks. Asking again for the same name, kind and label
/// names returns the same instrument. A name that is malformed, or already taken by another kind, is a mistake in the program and
/// stops it.
public final class Metrics: Sendable {
    private let families = Mutex<[String: any AnyFamily]>([:])
    private let collectors = Mutex<[@Sendable () -> [MetricSample]?]>([])
    private let maximumSeries: Int

    /// The content type of ``exposition()``.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A registry whose families hold `maximumSeries` label combinations each; further ones share the series `__other__`.
    public init(maximumSeries: Int = 1000) { self.maximumSeries = max(1, maximumSeries) }

    /// A number that only goes up. Its name ends in `_total` by convention.
    public func counter(_ name: String, help: String) -> Counter {
        counters(name, help: help, labels: []).series([])
    }

    /// Counters told apart by labels.
    public func counters(_ name: String, help: String, labels: [String]) -> Family<Counter> {
        family(name, help, labels, kind: .counter) { Counter() }
    }

    /// A number that goes up and down.
    public func gauge(_ name: String, help: String) -> Gauge {
        gauges(name, help: help, labels: []).series([])
    }

    /// Gauges told apart by labels.
    public func gauges(_ name: String, help: String, labels: [String]) -> Family<Gauge> {
        family(name, help, labels, kind: .gauge) { Gauge() }
    }

    /// Observations counted in buckets.
    /// - Parameter buckets: upper bounds, in the unit the name ends in (seconds by default); sorted here.
    public func histogram(_ name: String, help: String, buckets: [Double] = Histogram.latencyBuckets) -> Histogram {
        histograms(name, help: help, labels: [], buckets: buckets).series([])
    }

    /// Histograms told apart by labels.
    public func histograms(
        _ name: String, help: String, labels: [String], buckets: [Double] = Histogram.latencyBuckets
    ) -> Family<Histogram> {
        precondition(!labels.contains("le"), "a histogram cannot have a label named le: \(name)")
        return family(name, help, labels, kind: .histogram) { Histogram(buckets: buckets) }
    }

    /// A gauge that is read when it is scraped, on the scraping thread. Once `read` returns nil, the series is gone: capture what you
    /// measure weakly. Observing the same name and labels again replaces the earlier reader.
    public func observe(
        _ name: String, help: String, labels: KeyValuePairs<String, String> = [:], read: @escaping @Sendable () -> Double?
    ) {
        observe(name, help, labels, kind: .gauge, read)
    }

    /// A counter that is kept elsewhere and read when it is scraped, as for ``observe(_:help:labels:read:)``.
    public func observeCounter(
        _ name: String, help: String, labels: KeyValuePairs<String, String> = [:], read: @escaping @Sendable () -> UInt64?
    ) {
        observe(name, help, labels, kind: .counter) { read().map { Double($0) } }
    }

    /// Numbers that are kept elsewhere and read together when they are scraped; which there are may differ from scrape to scrape. Once
    /// `read` returns nil it is not asked again. A sample with a malformed name, or with that of an instrument, is left out.
    public func collect(_ read: @escaping @Sendable () -> [MetricSample]?) { collectors.withLock { $0.append(read) } }

    private func observe(
        _ name: String, _ help: String, _ labels: KeyValuePairs<String, String>, kind: Kind, _ read: @escaping @Sendable () -> Double?
    ) {
        let observed: Family<Observed> = family(name, help, labels.map(\.key), kind: kind) { Observed { nil } }
        observed.replace(labels.map(\.value), with: Observed(read))
    }

    private func family<Instrument: Series>(
        _ name: String, _ help: String, _ labels: [String], kind: Kind, make: @escaping @Sendable () -> Instrument
    ) -> Family<Instrument> {
        precondition(MetricName.isValid(name), "malformed metric name: \(name)")
        precondition(labels.allSatisfy(MetricName.isValidLabel), "malformed label name of \(name): \(labels)")
        precondition(Set(labels).count == labels.count, "label name twice in \(name): \(labels)")
        return families.withLock { families in
            if let known = families[name] {
                guard let family = known as? Family<Instrument>, family.kind == kind, family.labels == labels else {
                    preconditionFailure("metric \(name) is already registered as another kind or with other labels")
                }
                return family
            }
            let family = Family(name: name, help: help, kind: kind, labels: labels, maximumSeries: maximumSeries, make: make)
            families[name] = family
            return family
        }
    }

    /// Everything as Prometheus text, version 0.0.4: families by name, series by label values. Call it off the event loop: readers run in it.
    public func exposition() -> [UInt8] {
        let instruments = families.withLock { $0 }
        var collected: [String: SampledFamily] = [:]
        for sample in samples() where instruments[sample.name] == nil && sample.isValid {
            collected[sample.name, default: SampledFamily(like: sample)].add(sample)
        }
        let sorted = (Array(instruments.values) + Array(collected.values)).sorted { $0.name < $1.name }
        var writer = ExpositionWriter()
        for family in sorted { family.write(to: &writer) }
        return writer.bytes
    }

    private func samples() -> [MetricSample] {
        let readers = collectors.withLock { $0 }
        let answers = readers.map { $0() }
        if answers.contains(where: { $0 == nil }) {
            // Others may have been added at the end meanwhile.
            collectors.withLock { $0 = zip(readers, answers).filter { $0.1 != nil }.map(\.0) + $0.dropFirst(readers.count) }
        }
        return answers.flatMap { $0 ?? [] }
    }
}

enum MetricName {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`, prometheus.io/docs/concepts/data_model.
    static func isValid(_ name: String) -> Bool {
        isWord(name.utf8, and: UInt8(ascii: ":"))
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`; names with two leading underscores are Prometheus' own.
    static func isValidLabel(_ name: String) -> Bool {
        isWord(name.utf8, and: UInt8(ascii: "_")) && !name.hasPrefix("__")
    }

    private static func isWord(_ name: String.UTF8View, and extra: UInt8) -> Bool {
        guard let first = name.first, !(0x30...0x39).contains(first) else { return false }
        return name.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == extra
        }
    }
}
