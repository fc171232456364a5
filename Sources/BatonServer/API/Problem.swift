internal import BatonCore
internal import BatonHTTP

/// An error as clients get it: `application/problem+json` (RFC 9457).
struct Problem: Error {
    let status: Status
    let code: String
    let detail: String
    var members: [(name: String, value: JSON)] = []
    var headers: Headers = [:]

    init(_ status: Status, _ code: String, _ detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    /// What a store's error means to a client. Absent and unreachable never share a status.
    init(_ error: StoreError) {
        let status: Status =
            switch error.code {
            case .unauthenticated: 401
            case .forbidden, .fenced: 403
            case .notFound: 404
            case .exists, .conflict, .busy: 409
            case .offsetGone: 410
            case .preconditionFailed: 412
            case .tooLarge: 413
            case .idempotencyMismatch, .budgetExceeded, .refused: 422
            case .tooManyRequests: 429
            case .summaryFailed: 502
            case .storeUnavailable, .closed, .cancelled, .unconfirmed: 503
            case .storeCorrupt, .storeIncompatible: 500
            case _ where error.code.rawValue.hasPrefix("invalid_") || error.code == .unknownField: 400
            default: 500
            }
        let code = status == 503 && error.code != .unconfirmed ? StoreError.Code.storeUnavailable.rawValue : error.code.rawValue
        self.init(status, code, error.message)
        switch error.detail {
        case .none: break
        case .current(let number): members.append(("current", JSON(int: number)))
        case .gone(let earliest, let tail, let generation):
            members.append(("earliest", JSON(string: earliest.description)))
            members.append(("tail", JSON(string: tail.description)))
            members.append(("generation", JSON(string: generation)))
        case .unconfirmed(let replicas, let receipt, let idempotencyKey):
            members.append(("confirmedReplicas", JSON(int: replicas)))
            if let receipt {
                var writer = JSONWriter(reserving: 64 + 192 * receipt.entries.count)
                writer.receipt(receipt)
                members.append(("receipt", JSON(checked: writer.bytes)))
            }
            if let idempotencyKey { members.append(("idempotencyKey", JSON(string: idempotencyKey))) }
        case .toolCall(let call):
            var writer = JSONWriter(reserving: 256)
            writer.toolCall(call)
            members.append(("toolCall", JSON(checked: writer.bytes)))
        case .approval(let approval):
            var writer = JSONWriter(reserving: 256)
            writer.approval(approval)
            members.append(("approval", JSON(checked: writer.bytes)))
        case .epoch(let epoch): members.append(("currentEpoch", JSON(int: epoch)))
        case .busy(let lease, let ahead):
            if let lease {
                members.append(("holder", JSON(string: lease.holder)))
                members.append(("expiresAt", JSON(string: lease.expiresAt.description)))
            }
            members.append(("lease", lease.map { JSON(lease: $0) } ?? .null))
            members.append(("ahead", JSON(int: ahead)))
        case .activeAgent(let agent): members.append(("activeAgent", agent.map { JSON(string: $0) } ?? .null))
        case .topicGone(let earliest, let tail, let generation):
            members.append(("earliest", JSON(string: earliest.text)))
            members.append(("tail", JSON(string: tail.text)))
            members.append(("generation", JSON(string: generation)))
        }
        if error.code == .busy { retry(after: Problem.patience(error.detail)) }
        // A client that repeats the very same request by itself must not do twice what has been done.
        if (status == 503 && (error.code != .unconfirmed || error.isRetryable)) || status == 429 { retry(after: 1) }
    }

    /// After how many seconds a busy lease may be free: when it ends, or soon when nobody knows.
    private static func patience(_ detail: StoreError.Detail) -> Int {
        guard case .busy(let lease?, _) = detail else { return 1 }
        return min(max(1, (lease.expiresAt.milliseconds - SystemClock.now().milliseconds + 999) / 1000), 3600)
    }

    init(_ error: HTTPError) {
        self.init(error.status ?? 400, error.code == .invalidEncoding ? "invalid_encoding" : "invalid_request", error.message)
    }

    static let notFound = Problem(404, "not_found", "there is nothing at this address, or nothing that these credentials may see")

    static func unauthenticated(_ detail: String) -> Problem {
        var problem = Problem(401, "unauthenticated", detail)
        problem.headers.add("WWW-Authenticate", "Bearer realm=\"baton\"")
        return problem
    }

    mutating func retry(after seconds: Int) {
        headers.add("Retry-After", String(seconds))
        members.append(("retryAfter", JSON(int: seconds)))
    }

    /// The document.
    var body: [UInt8] {
        var writer = JSONWriter(reserving: 256)
        writer.object { writer in
            writer.name("type")
            writer.string("urn:baton:problem:\(code)")
            writer.name("title")
            writer.string(status.reason.description)
            writer.name("status")
            writer.int(Int(status.code))
            writer.name("detail")
            writer.string(detail)
            writer.name("code")
            writer.string(code)
            for (name, value) in members { writer.member(name, value) }
        }
        return writer.bytes
    }

    var response: Response {
        var headers = headers
        headers.add("Content-Type", "application/problem+json")
        return Response(status, headers: headers, body: body)
    }
}

extension JSON {
    /// A lease as an object.
    init(lease: Lease) {
        var writer = JSONWriter()
        writer.lease(lease)
        self.init(checked: writer.bytes)
    }

    /// A JSON number.
    init(int value: Int) {
        var writer = JSONWriter()
        writer.int(value)
        self.init(checked: writer.bytes)
    }
}
