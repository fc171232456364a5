internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonTelemetry
internal import CBatonTLS

/// What is sent for one event, by the Standard Webhooks specification.
struct WebHookRequest {
    /// The same for every attempt, whichever daemon makes it: receivers know by it what they have seen.
    let id: String
    private let body: [UInt8]
    private let hook: WebHook
    private let trace: TraceContext?

    init(_ delivery: Delivery, for hook: WebHook) {
        var writer = JSONWriter(reserving: delivery.event.data.bytes.count + 256)
        writer.topicEvent(delivery.event, of: hook.topic)
        body = writer.bytes
        id = WebHookRequest.id(of: delivery, in: hook.topic)
        self.hook = hook
        trace = delivery.event.trace
    }

    /// The request of an attempt that is made at this moment.
    func attempt(at time: Timestamp) -> Request {
        // The moment of the attempt and not of the event: receivers refuse what is older than some minutes, and retries would be.
        let second = time.milliseconds / 1000
        let signatures = hook.secrets.map { $0.signature(of: body, id: id, timestamp: second) }
        var request = Request(
            .post, hook.url.path, query: hook.url.query,
            headers: [
                "Content-Type": "application/json", "User-Agent": "Baton/\(Daemon.version)", "webhook-id": id, "webhook-timestamp": String(second),
                "webhook-signature": signatures.joined(separator: " "),
            ], body: body)
        // What the receiver does belongs to this attempt; without a tracer, to what made the event.
        if let trace = TraceContext.current ?? trace { request.headers.add(trace) }
        return request
    }

    /// A delivery's id names its event within the topic; receivers may get events of several topics. A digest has no full stop, which separates
    /// the parts of what is signed.
    private static func id(of delivery: Delivery, in topic: String) -> String {
        let name = Array(topic.utf8) + [0] + Array(delivery.id.utf8)
        let digest = [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            SHA256(name, name.count, buffer.baseAddress)
            count = 32
        }
        return "msg_" + Hex.text(of: digest.prefix(16))
    }
}

/// Why an event was not accepted by a web hook's receiver. Its description becomes the reason of the failed attempt.
struct WebHookFailure: DelayedFailure, CustomStringConvertible {
    /// What went wrong, as a label of metrics.
    enum Kind: String, CaseIterable {
        /// The receiver answered 410: it wants nothing any more.
        case gone
        case redirected
        /// Any other status of 400 to 499.
        case refused
        /// A status of 500 to 599, or one that means nothing.
        case broken
        case timedOut = "timed_out"
        case unreachable
        /// The receiver's address is not one that requests are sent to.
        case forbiddenAddress = "forbidden_address"
        case cancelled
    }

    let kind: Kind
    /// What the receiver asked for.
    private(set) var delay: Duration?
    let description: String

    /// How much of an answer is told.
    private static let toldBytes = 200

    /// The failure that an answer is; `nil` for one that accepts the event.
    init?(_ status: Status, headers: Headers, body: [UInt8], at now: Timestamp) {
        guard !status.isSuccess else { return nil }
        kind =
            switch status.code {
            case 410: .gone
            case 300..<400: .redirected
            case 400..<500: .refused
            default: .broken
            }
        delay = headers["Retry-After"].flatMap { WebHookFailure.delay($0, from: now) }
        var text = "the receiver answered \(status.code)"
        if kind == .redirected { text += "; redirects are not followed" }
        let told = WebHookFailure.printable(body.prefix(WebHookFailure.toldBytes))
        description = told.isEmpty ? text : "\(text): \(told)"
    }

    /// The failure of a request that got no answer.
    init(_ error: HTTPError) {
        let isForbidden = (error.underlying as? IOError)?.code == .permissionDenied
        kind =
            switch error.code {
            case .timedOut: .timedOut
            case .cancelled: .cancelled
            default: isForbidden ? .forbiddenAddress : .unreachable
            }
        delay = nil
        description =
            isForbidden
            ? "the receiver has no public address; allow private ones with --webhooks-allow-private"
            : kind == .cancelled ? "the daemon stopped before the receiver answered" : error.description
    }

    /// The same, where a receiver that asks for an immediate retry does not get all attempts at once.
    func waiting(atLeast shortest: Duration) -> WebHookFailure {
        var failure = self
        failure.delay = delay.map { max($0, shortest) }
        return failure
    }

    /// Seconds or a date (RFC 9110 §10.2.3).
    private static func delay(_ text: String, from now: Timestamp) -> Duration? {
        if let seconds = Int(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return .seconds(min(seconds, 86_400)) }
        return HTTPDate.unixSecond(text).map { .milliseconds(min(max(0, $0 * 1000 - now.milliseconds), 86_400_000)) }
    }

    /// A line of text without what controls terminals and logs.
    private static func printable(_ bytes: ArraySlice<UInt8>) -> String {
        var text = String(decoding: bytes, as: UTF8.self)
        text.unicodeScalars.removeAll { ($0.value < 0x20 && $0 != "\n" && $0 != "\t") || (0x7F...0x9F).contains($0.value) }
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
