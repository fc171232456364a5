internal import BatonHTTP
internal import BatonOTLP
internal import BatonServer
internal import BatonTelemetry

/// Where `baton serve` sends spans. The variables, their units and defaults are those of OpenTelemetry, so that what is set for other services of a
/// machine holds for this one.
enum TraceOptions {
    /// The samplers of OpenTelemetry, by their names.
    enum SamplerName: String, CaseIterable, ArgumentValue {
        case alwaysOn = "always_on"
        case alwaysOff = "always_off"
        case ratio = "traceidratio"
        case parentAlwaysOn = "parentbased_always_on"
        case parentAlwaysOff = "parentbased_always_off"
        case parentRatio = "parentbased_traceidratio"
    }

    /// Where spans go.
    enum ExporterName: String, CaseIterable, ArgumentValue { case otlp, none }

    static let endpoint = Option<String?>(
        "otlp-endpoint", "URL",
        help: "Send spans to this OpenTelemetry collector, /v1/traces below the URL, as OTLP/HTTP in JSON; without it there are none",
        traits: traits("OTEL_EXPORTER_OTLP_ENDPOINT"))
    static let tracesEndpoint = Option<String?>(
        "otlp-traces-endpoint", "URL", help: "The same, with the URL as it stands", traits: traits("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
    static let headers = Option<[String]>(
        repeated: "otlp-header", "NAME=VALUE", help: "Show this to the collector; the value may be percent-encoded",
        traits: OptionTraits(settable: .everywhereBy(variable: "OTEL_EXPORTER_OTLP_HEADERS"), isSecret: true))
    static let authorities = Option<String?>(
        "otlp-ca-file", "FILE", help: "Trust these authorities (PEM) for the collector, instead of the system's",
        traits: OptionTraits(settable: .everywhereBy(variable: "OTEL_EXPORTER_OTLP_CERTIFICATE"), completesFiles: true))
    static let timeout = Option<Int>(
        "otlp-timeout", "MS", default: 10_000, in: 1...600_000, help: "How long the collector may take to answer, in milliseconds",
        traits: traits("OTEL_EXPORTER_OTLP_TIMEOUT"))
    static let exporter = Option<ExporterName>(
        "traces-exporter", "NAME", default: .otlp, help: "Whether spans are sent where an endpoint is set", traits: traits("OTEL_TRACES_EXPORTER"))
    static let isDisabled = Option<Bool>.flag("otel-disabled", help: "Record and send no spans", traits: traits("OTEL_SDK_DISABLED"))
    static let service = Option<String>(
        "service-name", "NAME", default: "baton", help: "What this daemon is called in traces", traits: traits("OTEL_SERVICE_NAME"))
    static let resource = Option<[String]>(
        repeated: "resource-attribute", "NAME=VALUE", help: "Say this of the daemon in traces; the value may be percent-encoded",
        traits: traits("OTEL_RESOURCE_ATTRIBUTES"))
    static let sampler = Option<SamplerName>(
        "traces-sampler", "NAME", default: .parentAlwaysOn, help: "Which traces are recorded; with parentbased, as the caller does",
        traits: traits("OTEL_TRACES_SAMPLER"))
    static let samplerArgument = Option<String?>(
        "traces-sampler-arg", "RATIO", help: "The share of traces that traceidratio records, 0 to 1; 1 when absent",
        traits: traits("OTEL_TRACES_SAMPLER_ARG"))
    static let queue = Option<Int>(
        "traces-queue", "N", default: 2048, in: 1...1_000_000, help: "How many spans may wait; what is more is dropped and counted",
        traits: traits("OTEL_BSP_MAX_QUEUE_SIZE"))
    static let batch = Option<Int>(
        "traces-batch", "N", default: 512, in: 1...100_000, help: "The most spans of one request", traits: traits("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"))
    static let delay = Option<Int>(
        "traces-delay", "MS", default: 5000, in: 1...600_000, help: "How long a span waits for others, in milliseconds",
        traits: traits("OTEL_BSP_SCHEDULE_DELAY"))

    static let declarations = [
        endpoint.declaration, tracesEndpoint.declaration, headers.declaration, authorities.declaration, timeout.declaration, exporter.declaration,
        isDisabled.declaration, service.declaration, resource.declaration, sampler.declaration, samplerArgument.declaration, queue.declaration,
        batch.declaration, delay.declaration,
    ]

    private static func traits(_ variable: String) -> OptionTraits { OptionTraits(settable: .everywhereBy(variable: variable)) }
}

extension Invocation {
    /// Which spans are recorded and where they are sent; `nil` for none.
    func traceConfiguration() throws -> TraceConfiguration? {
        guard !self[TraceOptions.isDisabled], self[TraceOptions.exporter] == .otlp else { return nil }
        guard let endpoint = self[TraceOptions.tracesEndpoint] ?? self[TraceOptions.endpoint].map(OTLPConfiguration.endpoint(below:)) else {
            return nil
        }
        do throws(HTTPError) { _ = try HTTPURL(endpoint) } catch {
            throw UsageError(message: "--otlp-endpoint: \(error.message)", command: path.text)
        }
        var exporter = OTLPConfiguration(endpoint: endpoint, service: self[TraceOptions.service])
        var headers = Headers()
        for (name, value) in try pairs(TraceOptions.headers, "--otlp-header") { headers.add(name, value) }
        exporter.headers = Secret(headers)
        exporter.authorities = self[TraceOptions.authorities]
        for (name, value) in try pairs(TraceOptions.resource, "--resource-attribute") {
            // The variable of its own wins over the one among all others.
            if name == "service.name" {
                if self[TraceOptions.service] == TraceOptions.service.defaultValue { exporter.resource[0].value = .string(value) }
            } else {
                exporter.resource.append(SpanRecord.Attribute(name, .string(value)))
            }
        }
        exporter.timeout = .milliseconds(self[TraceOptions.timeout])
        exporter.maximumQueue = self[TraceOptions.queue]
        exporter.maximumBatch = self[TraceOptions.batch]
        exporter.delay = .milliseconds(self[TraceOptions.delay])
        return TraceConfiguration(exporter, sampler: try sampler())
    }

    private func sampler() throws -> Sampler {
        let ratio: Double
        switch self[TraceOptions.samplerArgument] {
        case nil: ratio = 1
        case let text?:
            guard let number = Double(text), (0...1).contains(number) else {
                throw UsageError(message: "--traces-sampler-arg: allowed is 0 to 1", command: path.text)
            }
            ratio = number
        }
        return switch self[TraceOptions.sampler] {
        case .alwaysOn: Sampler(ratio: 1, isParentBased: false)
        case .alwaysOff: Sampler(ratio: 0, isParentBased: false)
        case .ratio: Sampler(ratio: ratio, isParentBased: false)
        case .parentAlwaysOn: .always
        case .parentAlwaysOff: Sampler(ratio: 0)
        case .parentRatio: Sampler(ratio: ratio)
        }
    }

    private func pairs(_ option: Option<[String]>, _ flag: String) throws -> [(String, String)] {
        try self[option].map { text in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            // The value is not repeated: it may be a key.
            guard parts.count == 2, let value = try? PercentEncoding.decode(parts[1]) else {
                throw UsageError(message: "\(flag): expected NAME=VALUE", command: path.text)
            }
            return (parts[0].trimmingSpaces, value.trimmingSpaces)
        }
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
