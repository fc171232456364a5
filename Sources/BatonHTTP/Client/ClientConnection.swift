internal import BatonIO

/// One connection of a client, with at most one exchange on it.
///
/// Sendable: touched on the loop's thread only.
final class ClientConnection: ChannelHandler, @unchecked Sendable {
    /// What becomes of an answer.
    enum Delivery: Sendable {
        /// Head and whole body.
        case whole(HTTPClient.Reply)
        /// The head; the body follows.
        case streamed(HTTPClient.StreamedReply)
    }

    let channel: Channel
    private weak var pool: ConnectionPool?
    private let limits: Limits
    /// Whether it has carried an exchange before: the server may have closed it meanwhile.
    private(set) var wasUsed = false
    /// Since when it has been idle.
    var idleSince = Deadline.now

    private var parser: ResponseParser?
    private var waiter: CheckedContinuation<Result<Delivery, HTTPError>, Never>?
    private var timer: Timer?
    private var head: ResponseHead?
    private var whole: [UInt8] = []
    private var streams = false
    private weak var body: ResponseBody?
    private var pending: [UInt8] = []
    private var sawAnswer = false
    /// Tells exchanges apart: what is asked for late must not hit the next one.
    private var exchangeNumber = 0

    var loop: EventLoop { channel.loop }

    init(_ channel: Channel, pool: ConnectionPool, limits: Limits) {
        self.channel = channel
        self.pool = pool
        self.limits = limits
        channel.start(self)
    }

    /// Sends a request and waits for its answer, or for its head when the body is to be streamed.
    func exchange(_ bytes: [[UInt8]], to method: Method, streaming: Bool, by deadline: Deadline) async throws(HTTPError) -> Delivery {
        exchangeNumber += 1
        let number = exchangeNumber
        let outcome: Result<Delivery, HTTPError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard channel.isOpen, !Task.isCancelled else {
                    let error =
                        Task.isCancelled
                        ? HTTPError(.cancelled, "the task was cancelled") : HTTPError(.connectionClosed, "the server closed the connection")
                    continuation.resume(returning: .failure(error))
                    return
                }
                waiter = continuation
                streams = streaming
                parser = ResponseParser(to: method, limits: limits)
                sawAnswer = false
                if deadline != .never {
                    timer = loop.schedule(at: deadline) { self.fail(HTTPError(.timedOut, "no answer in time", requestWasSent: true)) }
                }
                for part in bytes { channel.append(part) }
                channel.flush()
            }
        } onCancel: {
            loop.execute {
                guard number == self.exchangeNumber else { return }
                self.fail(HTTPError(.cancelled, "the task was cancelled", requestWasSent: true))
            }
        }
        return try outcome.get()
    }

    // MARK: What the channel tells

    func received(_ bytes: RawSpan, on channel: Channel) {
        guard parser != nil else {
            // RFC 9112 §9.2: an answer without a request. Nothing on this connection can be trusted any more.
            channel.close()
            return
        }
        bytes.withUnsafeBytes { bytes in
            let span = bytes.bindMemory(to: UInt8.self).span
            if pending.isEmpty {
                let consumed = parse(span)
                if consumed < span.count, parser != nil { pending.append(span, consumed..<span.count) }
                if consumed < span.count, parser == nil { channel.close() }
            } else {
                pending.append(span, 0..<span.count)
                let input = pending
                let consumed = parse(input.span)
                if parser == nil, consumed < input.count { channel.close() }
                pending = Array(input.dropFirst(parser == nil ? input.count : consumed))
            }
        }
    }

    func inputEnded(on channel: Channel) {
        guard var parser else {
            channel.close()
            return
        }
        do throws(HTTPError) {
            try parser.peerClosed()
            complete(keepAlive: false)
        } catch {
            fail(HTTPError(error.code, error.message, requestWasSent: true))
        }
    }

    func closed(_ channel: Channel, because error: IOError?) {
        pool?.closed(self)
        fail(HTTPError(.connectionClosed, "the connection broke", requestWasSent: true, underlying: error))
    }

    // MARK: Answers

    private func parse(_ input: Span<UInt8>) -> Int {
        var position = 0
        do throws(HTTPError) {
            var consumed = 0
            while let step = try parser?.parse(input.extracting(position..<input.count), consumed: &consumed) {
                sawAnswer = true
                switch step {
                case .needsMore: return position + consumed
                case .head(let head): begin(head)
                case .body(let range): take(input.extracting(position..<input.count), range)
                case .complete(let keepAlive): complete(keepAlive: keepAlive)
                }
                position += consumed
            }
        } catch {
            // A head that announces too much is never taken, and its status is known all the same.
            let status = head?.status ?? (error.code == .tooLarge ? error.status : nil)
            fail(HTTPError(error.code, error.message, status: status, requestWasSent: true))
        }
        return position
    }

    private func begin(_ head: ResponseHead) {
        self.head = head
        guard streams, let waiter else { return }
        timer?.cancel()
        timer = nil
        self.waiter = nil
        let body = ResponseBody(self, exchange: exchangeNumber)
        self.body = body
        waiter.resume(returning: .success(.streamed(HTTPClient.StreamedReply(status: head.status, headers: head.headers, body: body))))
    }

    private func take(_ input: Span<UInt8>, _ range: Range<Int>) {
        if !streams {
            whole.append(input, range)
        } else if let body {
            var piece: [UInt8] = []
            piece.append(input, range)
            if !body.append(piece) { channel.pauseReading() }
        }
    }

    private func complete(keepAlive: Bool) {
        let head = self.head ?? ResponseHead(status: 200)
        let waiter = self.waiter
        let body = self.body
        var bytes: [UInt8] = []
        swap(&bytes, &whole)
        reset()
        wasUsed = true
        if keepAlive, channel.isOpen, !channel.hasInputEnded, let pool {
            channel.resumeReading()
            pool.release(self)
        } else {
            channel.close()
        }
        body?.end(with: .success(()))
        waiter?.resume(returning: .success(.whole(HTTPClient.Reply(status: head.status, headers: head.headers, body: bytes))))
    }

    private func fail(_ error: HTTPError) {
        let waiter = self.waiter
        let body = self.body
        guard parser != nil else { return }
        let nothingCame = !sawAnswer && pending.isEmpty
        reset()
        channel.close()
        body?.end(with: .failure(error))
        // A used connection on which nothing came back had probably been closed by the server while it was idle.
        waiter?.resume(
            returning: .failure(
                nothingCame && wasUsed && error.code == .connectionClosed
                    ? HTTPError(.connectionClosed, ConnectionPool.staleMessage, requestWasSent: true, underlying: error.underlying) : error))
    }

    private func reset() {
        parser = nil
        waiter = nil
        body = nil
        head = nil
        whole = []
        pending = []
        timer?.cancel()
        timer = nil
    }

    // MARK: What a streamed body asks for

    func resumeBody(of number: Int) {
        guard parser != nil, number == exchangeNumber, channel.isOpen else { return }
        channel.resumeReading()
    }

    /// Nobody reads the rest: cheaper to connect again than to read it all.
    func abandonBody(of number: Int) {
        guard parser != nil, number == exchangeNumber else { return }
        reset()
        channel.close()
    }
}
