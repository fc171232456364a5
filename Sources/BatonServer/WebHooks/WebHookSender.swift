internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonTelemetry

/// Where web hooks may lead.
public struct WebHookPolicy: Sendable, Equatable {
    /// Whether requests may go to this machine and to private networks, and go unencrypted. Whoever may set a web hook could else make the daemon
    /// talk to what only it can reach.
    public var allowsPrivate = false
    /// PEM file of the authorities that vouch for receivers; `nil` for those of the system.
    public var authorities: String?

    /// The defaults: public addresses, and the system's authorities.
    public init() {}
}

/// Sends the events of one web hook.
final class WebHookSender: Sendable {
    private let hook: WebHook
    private let client: HTTPClient
    private let metrics: WebHookMetrics.Series

    /// The most of an answer that is read.
    private static let maximumAnswer = 64 << 10

    /// - Throws: ``StoreError/Code/forbidden`` when the policy does not allow where it leads; `HTTPError` when authorities cannot be read.
    init(_ hook: WebHook, policy: WebHookPolicy, on loop: EventLoop, metrics: WebHookMetrics.Series) throws {
        guard hook.url.isEncrypted || policy.allowsPrivate else {
            throw StoreError(.forbidden, "its URL is not https; allow that with --webhooks-allow-private")
        }
        var configuration = HTTPClient.Configuration()
        if hook.url.isEncrypted { configuration.tls = try TLSClientContext(authorities: policy.authorities) }
        if !policy.allowsPrivate { configuration.allowsAddress = { $0.isGlobal } }
        configuration.maximumConnections = hook.concurrency
        configuration.limits.bodyBytes = WebHookSender.maximumAnswer
        self.hook = hook
        self.metrics = metrics
        client = try HTTPClient(hook.url.origin, configuration, on: loop)
    }

    /// Sends an event, unless the filter passes it over.
    /// - Throws: ``WebHookFailure`` when it was not accepted.
    func send(_ delivery: Delivery) async throws {
        guard hook.filter.matches(delivery.event) else {
            metrics.passedOver.increment()
            return
        }
        let request = WebHookRequest(delivery, for: hook)
        metrics.inFlight.increment()
        defer { metrics.inFlight.decrement() }
        let start = ContinuousClock.now
        let failure = await failure(of: request)
        metrics.durations.record(ContinuousClock.now - start)
        guard let failure else {
            metrics.accepted.increment()
            return
        }
        metrics.failed(failure.kind)?.increment()
        if delivery.attempt >= hook.settings.maximumDeliveries { metrics.dead.increment() }
        throw failure.waiting(atLeast: .milliseconds(hook.settings.backoff(afterAttempt: delivery.attempt).lowerBound))
    }

    func close() async { await client.close() }

    private func failure(of request: WebHookRequest) async -> WebHookFailure? {
        let now = SystemClock.now()
        do throws(HTTPError) {
            // Sent again by itself only where a kept connection had been closed; the id tells the receiver.
            let reply = try await client.send(
                request.attempt(at: now), by: .after(.milliseconds(hook.timeoutMilliseconds)), isRepeatable: true)
            return WebHookFailure(reply.status, headers: reply.headers, body: reply.body, at: now)
        } catch {
            // Too long an answer is an answer all the same.
            guard error.code == .tooLarge, let status = error.status else { return WebHookFailure(error) }
            return WebHookFailure(status, headers: [:], body: [], at: now)
        }
    }
}
