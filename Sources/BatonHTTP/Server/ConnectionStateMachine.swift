internal import BatonIO

/// What a server connection does next: keep-alive, pipelining, deadlines, drain. No I/O: bytes, times and events in, actions out.
///
/// One request is in flight at a time. What arrives meanwhile waits here, unparsed; as soon as anything waits, `wantsInput` is false, so that
/// it never exceeds one read of the channel (64 KiB).
struct ConnectionStateMachine: Sendable {
    struct Timeouts: Sendable {
        /// For reading one whole request, from its first byte; for the first one from when the connection was made.
        var request: Duration = .seconds(30)
        /// Between the end of an answer and the first byte of the next request.
        var idle: Duration = .seconds(75)
    }

    enum Action: Sendable {
        /// Nothing until something happens.
        case wait
        /// Send `100 Continue`, then call `advance`.
        case sendContinue
        /// Have the request answered, then call `responded` or `streamStarted`.
        case handle(Request)
        /// Answer with the error's status and close.
        case reject(HTTPError)
        /// The client is gone: nobody waits for the answer in the making.
        case cancelHandler
        /// Close, once what was written is sent.
        case close
    }

    private enum Phase: Sendable {
        case reading, responding, streaming, closing
    }

    private let timeouts: Timeouts
    private var parser: RequestParser
    private var phase = Phase.reading
    private var pending: [UInt8] = []
    private var pendingStart = 0
    private var requestKeepsAlive = true
    private var isDraining = false
    private var inputHasEnded = false
    private var hasBegun = false

    /// When `deadlinePassed` is due. Bytes that trickle in do not move it: only a new request does, and only a completed one makes way for it.
    private(set) var deadline: Deadline

    init(limits: Limits, timeouts: Timeouts, at now: Deadline) {
        self.timeouts = timeouts
        parser = RequestParser(limits: limits)
        deadline = now.advanced(by: timeouts.request)
    }

    /// Whether the answer in the making leaves the connection open.
    var keepsAlive: Bool {
        requestKeepsAlive && !isDraining && !(inputHasEnded && !hasPending)
    }

    /// Whether more bytes may be read.
    var wantsInput: Bool { phase != .responding || !hasPending }

    /// Whether bytes of a next request are already here.
    var hasPending: Bool { pendingStart < pending.count }

    /// Whether the connection is between two requests.
    var isIdle: Bool { phase == .reading && !hasPending && !parser.isInsideRequest }

    mutating func received(_ bytes: Span<UInt8>, at now: Deadline) -> Action {
        switch phase {
        case .reading where !hasPending:
            // The usual case: parsed where it was read into, nothing copied but what is left over.
            begin(at: now)
            var consumed = 0
            let action = step(bytes, &consumed)
            if consumed < bytes.count, phase != .closing { hold(bytes, consumed..<bytes.count) }
            return action
        case .reading:
            hold(bytes, 0..<bytes.count)
            return advance(at: now)
        case .responding:
            hold(bytes, 0..<bytes.count)
            return .wait
        case .streaming, .closing:
            // RFC 9112 §9.6: what comes after the last request is ignored.
            return .wait
        }
    }

    /// Goes on with what waits.
    mutating func advance(at now: Deadline) -> Action {
        guard phase == .reading else { return .wait }
        guard hasPending else {
            guard inputHasEnded else { return .wait }
            phase = .closing
            return .close
        }
        begin(at: now)
        var consumed = 0
        let input = pending
        let action = step(input.span.extracting(pendingStart..<input.count), &consumed)
        pendingStart += consumed
        if pendingStart == pending.count {
            pending = []
            pendingStart = 0
        }
        if case .wait = action, inputHasEnded {
            phase = .closing
            return .close
        }
        return action
    }

    /// The answer has been written. Call `advance` next when the result is `.wait`.
    mutating func responded(at now: Deadline) -> Action {
        guard phase == .responding else { return .wait }
        guard keepsAlive else {
            phase = .closing
            return .close
        }
        phase = .reading
        hasBegun = false
        deadline = now.advanced(by: timeouts.idle)
        return .wait
    }

    /// The answer is a stream, which lasts until `close`.
    mutating func streamStarted() {
        phase = .streaming
        deadline = .never
        pending = []
        pendingStart = 0
    }

    /// The connection is being closed for a reason of the caller's.
    mutating func closing() {
        phase = .closing
    }

    mutating func inputEnded() -> Action {
        inputHasEnded = true
        switch phase {
        case .reading, .streaming, .closing:
            phase = .closing
            return .close
        case .responding:
            // A client that only ended its output is rare; one that left is not. What it pipelined before is still answered.
            return hasPending ? .wait : .cancelHandler
        }
    }

    mutating func deadlinePassed() -> Action {
        guard phase == .reading else { return .wait }
        let wasIdle = isIdle
        phase = .closing
        return wasIdle ? .close : .reject(HTTPError(.timedOut, "the request was not complete in time", status: 408))
    }

    /// From now on no request is begun; an idle connection is closed at once, others after their answer.
    mutating func drain() -> Action {
        isDraining = true
        guard isIdle else { return .wait }
        phase = .closing
        return .close
    }

    private mutating func begin(at now: Deadline) {
        guard !hasBegun else { return }
        hasBegun = true
        deadline = now.advanced(by: timeouts.request)
    }

    private mutating func hold(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        if pendingStart > 0 {
            pending.removeFirst(pendingStart)
            pendingStart = 0
        }
        pending.append(bytes, range)
    }

    private mutating func step(_ input: Span<UInt8>, _ consumed: inout Int) -> Action {
        do throws(HTTPError) {
            switch try parser.parse(input, consumed: &consumed) {
            case .needsMore: return .wait
            case .expectsContinue: return .sendContinue
            case .request(let request, let keepAlive):
                phase = .responding
                requestKeepsAlive = keepAlive
                deadline = .never
                return .handle(request)
            }
        } catch {
            phase = .closing
            return .reject(error)
        }
    }
}
