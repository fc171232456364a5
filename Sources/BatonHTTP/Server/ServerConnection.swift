internal import BatonIO

/// One accepted connection: feeds its state machine, starts handlers, writes answers.
///
/// Sendable: touched on the loop's thread only, which is also where its handlers' tasks run between suspensions.
final class ServerConnection: ChannelHandler, @unchecked Sendable {
    let channel: Channel
    let shard: ServerShard
    let peer: SocketAddress?
    /// Position in the shard's list.
    var index = -1

    private var machine: ConnectionStateMachine
    private var exchange: Exchange?
    private var task: Task<Void, Never>?
    private var stream: ResponseStream?
    /// Bytes written for the stream, framing included.
    private(set) var streamBytes = 0
    private var streamIsChunked = true
    /// Set while a handler is being started, so that an answer given at once is taken from `answered` instead of nesting.
    private var isStarting = false
    private var answered: Response?
    private var isClosed = false
    private var isPaused = false
    private var isClosing = false
    /// Whether the channel's deadline is for taking an answer. Bytes written in all, and how many the kernel had taken when it was set.
    private var watchesOutput = false
    private var written = 0
    private var taken = 0

    /// What is known of the request that is being answered.
    private struct Exchange {
        var method: Method
        var path: String
        var minorVersion: Int
        var requestBytes: Int
        var started: Deadline
    }

    var loop: EventLoop { channel.loop }
    private var server: HTTPServer.Configuration { shard.configuration }

    init(_ channel: Channel, shard: ServerShard) {
        self.channel = channel
        self.shard = shard
        peer = channel.peerAddress
        machine = ConnectionStateMachine(limits: shard.configuration.limits, timeouts: shard.configuration.timeouts, at: .now)
        channel.deadline = machine.deadline
    }

    // MARK: What the channel tells

    func received(_ bytes: RawSpan, on channel: Channel) {
        let action = bytes.withUnsafeBytes { machine.received($0.bindMemory(to: UInt8.self).span, at: .now) }
        run(action)
    }

    func inputEnded(on channel: Channel) {
        if isClosing, channel.backlog == 0 {
            channel.close()
        } else {
            run(machine.inputEnded())
        }
    }

    func drained(_ channel: Channel) {
        stream?.drained()
        guard stream == nil else { return }
        run(machine.advance(at: .now))
    }

    func deadlinePassed(on channel: Channel) {
        if watchesOutput {
            // The client was slow to take an answer, not to send a request: it has its time as long as it takes anything at all.
            if channel.backlog == 0 {
                watchesOutput = false
                if isClosing { channel.closeAfterFlush(by: .after(server.lingerTimeout)) } else { channel.deadline = machine.deadline }
            } else if written - channel.backlog > taken {
                watchOutput()
            } else {
                channel.close(because: IOError(.timedOut, "the client takes nothing"))
            }
            return
        }
        run(machine.deadlinePassed())
    }

    func closed(_ channel: Channel, because error: IOError?) {
        isClosed = true
        task?.cancel()
        task = nil
        // TCP_USER_TIMEOUT says the same as our own watch over progress, sometimes sooner.
        stream?.ended(error?.code == .timedOut ? .stalled : .clientClosed)
        shard.remove(self)
    }

    // MARK: What the shard tells

    func drain() {
        if let stream {
            stream.finish(with: stream.body.farewell, because: .drained)
            return
        }
        let action = machine.drain()
        if case .close = action, channel.backlog == 0 {
            // Idle, with nothing on its way: there is no answer that a reset could destroy.
            channel.close()
        } else {
            run(action)
        }
    }

    func abort() {
        channel.close(because: IOError(.shutdown, "the server is closing"))
    }

    // MARK: Actions

    private func run(_ first: ConnectionStateMachine.Action) {
        var action = first
        while true {
            switch action {
            case .wait:
                settle()
                return
            case .sendContinue:
                write(Self.continueAnswer)
                action = machine.advance(at: .now)
            case .handle(let request):
                isStarting = true
                start(request)
                isStarting = false
                guard let response = answered.take() else {
                    settle()
                    return
                }
                action = respond(response)
            case .reject(let error):
                reject(error)
                close()
                return
            case .cancelHandler:
                task?.cancel()
                return
            case .close:
                close()
                return
            }
        }
    }

    /// Makes output, reading and the deadline agree with the state, once nothing is left to do.
    private func settle() {
        channel.flush()
        guard channel.isOpen else { return }
        let pause = !machine.wantsInput || (stream == nil && !channel.isWritable)
        if pause != isPaused {
            isPaused = pause
            if pause { channel.pauseReading() } else { channel.resumeReading() }
        }
        if stream == nil, channel.backlog > 0 {
            if !watchesOutput { watchOutput() }
        } else {
            watchesOutput = false
            if channel.deadline != machine.deadline { channel.deadline = machine.deadline }
        }
    }

    /// Gives the client time to take something of what waits. Not given again before that has passed, whatever it sends.
    private func watchOutput() {
        watchesOutput = true
        taken = written - channel.backlog
        channel.deadline = .after(server.writeTimeout)
    }

    private func start(_ request: Request) {
        var request = request
        request.peer = peer
        if channel.isEncrypted { request.clientCertificateSubject = channel.peerCertificateSubject }
        exchange = Exchange(
            method: request.method, path: request.path, minorVersion: request.minorVersion, requestBytes: request.body.count, started: .now)
        let handler = shard.handler
        let input = request
        // Runs here and now up to its first suspension: an answer that needs no waiting costs no turn of the loop.
        task = Task.immediate(executorPreference: loop) {
            let response: Response
            do {
                response = try await handler(input)
            } catch let error as HTTPError where error.status != nil {
                response = .rejection(error)
            } catch {
                response = .text(500, "internal error\n")
            }
            self.finish(response)
        }
    }

    private func finish(_ response: Response) {
        guard loop.isCurrent else {
            loop.execute { self.finish(response) }
            return
        }
        if isStarting {
            answered = response
        } else {
            run(respond(response))
        }
    }

    private func respond(_ response: Response) -> ConnectionStateMachine.Action {
        task = nil
        guard !isClosed, channel.isOpen, let exchange else { return .wait }
        self.exchange = nil
        if case .stream(let body) = response.body, exchange.method != .head, !response.status.forbidsBody {
            return begin(body, response, exchange)
        }
        let keepAlive = machine.keepsAlive
        var head = response.head(to: exchange.method, minorVersion: exchange.minorVersion, keepAlive: keepAlive, date: shard.date())
        var size = head.count
        switch response.body {
        case _ where exchange.method == .head || response.status.forbidsBody: write(head)
        case .bytes(let body) where body.count <= 64 * 1024:
            head.append(contentsOf: body)
            size = head.count
            write(head)
        case .bytes(let body):
            size += body.count
            append(head)
            write(body)
        case .parts(let parts):
            append(head)
            for part in parts {
                size += part.count
                append(part)
            }
            channel.flush()
        case .stream: write(head)
        }
        record(exchange, response, size, isStream: false)
        let action = machine.responded(at: .now)
        guard case .wait = action else { return action }
        // The next pipelined request has to wait until the client has taken this answer.
        return channel.isWritable ? machine.advance(at: .now) : .wait
    }

    private func reject(_ error: HTTPError) {
        let exchange = Exchange(method: Method(""), path: "", minorVersion: 1, requestBytes: 0, started: .now)
        let response = Response.rejection(error)
        var bytes = response.head(to: .get, minorVersion: 1, keepAlive: false, date: shard.date())
        if case .bytes(let body) = response.body { bytes.append(contentsOf: body) }
        write(bytes)
        record(exchange, response, bytes.count, isStream: false)
    }

    private func record(_ exchange: Exchange, _ response: Response, _ size: Int, isStream: Bool) {
        guard let observer = shard.observer else { return }
        let duration = Duration.nanoseconds(Deadline.now.nanoseconds - exchange.started.nanoseconds)
        observer.requestFinished(
            RequestRecord(
                method: exchange.method.description, path: exchange.path, route: response.route, requestID: response.requestID,
                trace: response.trace, status: response.status, requestBytes: exchange.requestBytes, responseBytes: size, duration: duration,
                peer: peer,
                isStream: isStream))
    }

    /// Small pipelined answers gather until the last of them: one system call for all.
    private func write(_ bytes: [UInt8]) {
        written += bytes.count
        if machine.hasPending {
            channel.append(bytes)
            if channel.backlog > 32 * 1024 { channel.flush() }
        } else if channel.backlog == 0 {
            channel.write(bytes)
        } else {
            channel.append(bytes)
            channel.flush()
        }
    }

    private func append(_ bytes: [UInt8]) {
        written += bytes.count
        channel.append(bytes)
    }

    /// Sends what waits and ends the output; what still comes in is thrown away, so that no reset destroys the answer (RFC 9112 §9.6).
    private func close() {
        guard channel.isOpen, !isClosing else { return }
        isClosing = true
        machine.closing()
        if let stream {
            stream.ended(.clientClosed)
            channel.close()
            return
        }
        channel.flush()
        guard channel.isOpen else { return }
        if channel.backlog > 0 {
            channel.closeOutput()
            channel.resumeReading()
            watchOutput()
        } else if channel.hasInputEnded {
            channel.close()
        } else {
            channel.closeAfterFlush(by: .after(server.lingerTimeout))
        }
    }

    private static let continueAnswer = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    // MARK: Streams

    private func begin(_ body: StreamBody, _ response: Response, _ exchange: Exchange) -> ConnectionStateMachine.Action {
        guard !shard.isDraining else {
            // A stream that would end at once is better not begun: the client tries elsewhere.
            self.exchange = exchange
            var refusal = Response.text(503, "the server is shutting down\n")
            refusal.route = response.route
            return respond(refusal)
        }
        machine.streamStarted()
        channel.limitKernelBuffers(sendBuffer: 64 * 1024, unsent: 16 * 1024)
        streamIsChunked = exchange.minorVersion > 0
        let head = response.head(to: exchange.method, minorVersion: exchange.minorVersion, keepAlive: false, date: shard.date())
        let stream = ResponseStream(self, body, backlogLimit: server.streamBacklog, now: shard.coarseNow)
        self.stream = stream
        route = response.route
        shard.add(stream)
        write(head)
        record(exchange, response, head.count, isStream: true)
        shard.observer?.streamOpened(route: route)
        body.start(stream)
        return .wait
    }

    private var route = ""

    func writeStream(_ chunk: Chunk) {
        let bytes = streamIsChunked ? chunk.framed : Array(chunk.payload)
        streamBytes += bytes.count
        written += bytes.count
        channel.write(bytes)
    }

    func finishStream() {
        if streamIsChunked {
            written += Chunk.last.count
            channel.write(Chunk.last)
        }
    }

    func streamEnded(_ stream: ResponseStream, _ reason: ResponseStream.End) {
        self.stream = nil
        shard.remove(stream)
        shard.observer?.streamClosed(route: route, because: reason)
        if reason == .finished || reason == .drained { close() }
    }
}
