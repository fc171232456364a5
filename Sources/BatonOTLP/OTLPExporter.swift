internal import BatonHTTP
public import BatonIO
public import BatonTelemetry

/// Sends spans to an OpenTelemetry collector, as OTLP/HTTP in JSON.
///
/// ```swift
/// let exporter = try OTLPExporter(OTLPConfiguration(endpoint: "http://127.0.0.1:4318/v1/traces", service: "agents"))
/// let store = try await SessionStore.open("sqlite:baton.db", tracer: RecordingTracer(to: exporter))
/// …
/// await store.close()
/// await exporter.close()
/// ```
/// It never waits for the collector and never fails a caller: a span is put into a bounded queue or dropped, and what is dropped is counted. One task
/// takes batches out of it; a batch that the collector cannot take now is sent again after growing waits, a few times.
public final class OTLPExporter: SpanSink {
    private let outbox: Outbox
    private let ticking: Task<Void, Never>
    private let sending: Task<Void, Never>

    /// An exporter that connects when there is something to send.
    /// - Parameters:
    ///   - version: of the program that makes the spans.
    ///   - loop: where its connection lives; `nil` makes a loop of its own.
    ///   - metrics: where it shows what it sent and dropped.
    /// - Throws: `HTTPError` for an address that cannot be used; `IOError` when authorities cannot be read.
    public init(
        _ configuration: OTLPConfiguration, version: String = "", on loop: EventLoop? = nil, metrics: Metrics = Metrics(),
        logger: Logger = .disabled
    ) throws {
        let outbox = try Outbox(configuration, version: version, on: loop, metrics: metrics, logger: logger)
        self.outbox = outbox
        // Detached: it belongs to no span of whoever makes it, and its priority is nobody's.
        sending = Task.detached { await outbox.run() }
        let delay = configuration.delay
        ticking = Task.detached { [weak outbox] in
            while (try? await Task.sleep(for: delay)) != nil, let outbox { outbox.ring() }
        }
    }

    deinit {
        ticking.cancel()
        outbox.finish()
    }

    /// Takes a span; drops it when too many wait.
    public func write(_ span: SpanRecord) { outbox.add(span) }

    /// Sends what waits, as far as the collector takes it in this time, and lets go of the connection. Spans that come later are dropped.
    public func close(within limit: Duration = .seconds(5)) async {
        ticking.cancel()
        outbox.finish()
        let sending = sending
        let timer = Task.detached {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            sending.cancel()
        }
        await sending.value
        timer.cancel()
        await outbox.close()
    }
}
