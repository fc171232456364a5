public import BatonHTTP
public import BatonTelemetry

/// Where spans are sent, and how patiently.
public struct OTLPConfiguration: Sendable {
    /// The collector's address for traces, as it stands: `http://127.0.0.1:4318/v1/traces`.
    public var endpoint: String
    /// Sent with every request, such as a key of the collector's.
    public var headers = Secret(Headers())
    /// PEM file of the authorities that vouch for the collector; `nil` for those of the system.
    public var authorities: String?
    /// What says where spans come from; `service.name` first.
    public var resource: [SpanRecord.Attribute]
    /// How many spans may wait; what comes when they are as many is dropped and counted.
    public var maximumQueue = 2048
    /// The most spans of one request.
    public var maximumBatch = 512
    /// How long a span waits for others to be sent with.
    public var delay = Duration.seconds(5)
    /// How long one request may take.
    public var timeout = Duration.seconds(10)
    /// How often one batch is sent at most.
    public var attempts = 5
    /// The longest wait before the second attempt; it doubles from there, up to ``longestRetry``.
    public var firstRetry = Duration.seconds(1)
    /// The longest wait between two attempts, also when the collector asks for more.
    public var longestRetry = Duration.seconds(30)

    /// Spans of a service of this name, sent to a collector.
    public init(endpoint: String, service: String = "baton") {
        self.endpoint = endpoint
        resource = [SpanRecord.Attribute("service.name", .string(service))]
    }

    /// The address for traces below the address of a collector, as `OTEL_EXPORTER_OTLP_ENDPOINT` means it.
    public static func endpoint(below base: String) -> String { base + (base.hasSuffix("/") ? "v1/traces" : "/v1/traces") }
}
