internal import BatonIO
internal import BatonTelemetry
internal import Synchronization

/// How a connection comes to stand.
extension Connection {
    /// Begins to connect, on the loop's thread. At most one task does so at a time.
    func startConnecting() {
        guard socket.connecting == nil, socket.channel == nil else { return }
        socket.connecting = Task(executorPreference: loop) {
            await self.connect()
            // The preference keeps this task on the loop's thread.
            self.socket.connecting = nil
            self.connectIfWanted()
        }
    }

    /// A command may have come between the last attempt and now.
    private func connectIfWanted() {
        let wanted = state.withLock { state in
            guard state.phase == .idle || state.phase == .connecting else { return false }
            state.phase = state.queue.hasWaiters ? .connecting : .idle
            return state.phase == .connecting
        }
        if wanted, socket.channel == nil { startConnecting() }
    }

    /// Tries until the connection stands, somebody says that it never will, or nobody waits any more.
    private func connect() async {
        while !Task.isCancelled {
            if socket.failures > 0 {
                var random = SystemRandomNumberGenerator()
                do throws(IOError) { try await loop.sleep(for: settings.backoff.wait(socket.failures, using: &random)) } catch { return }
                guard state.withLock({ $0.phase == .connecting && $0.queue.hasWaiters }) else { return }
            }
            do throws(RedisError) {
                try await attempt(by: .after(settings.connectTimeout))
                return
            } catch {
                socket.failures += 1
                counters.failedToConnect()
                if settings.isDedicated || settings.failsFast || error.isPermanent {
                    fail(error)
                    return
                }
                let isWanted = state.withLock { state in
                    state.failure = error
                    return state.phase == .connecting && state.queue.hasWaiters
                }
                if !isWanted { return }
            }
        }
    }

    /// Nobody has to wait for what will not come.
    private func fail(_ error: RedisError) {
        let deliveries = state.withLock { state in
            state.failure = error
            if settings.isDedicated { state.closeReason = state.closeReason ?? error }
            if state.phase == .connecting { state.phase = .idle }
            return state.queue.failAll(error)
        }
        for delivery in deliveries { delivery.waiter.resume(delivery.outcome) }
        if settings.isDedicated { finish() } else { finishIfDrained() }
    }

    private func attempt(by deadline: Deadline) async throws(RedisError) {
        let login = try await settings.credentials.resolve()
        let endpoint = try await settings.endpoint(loop, deadline)
        do throws(RedisError) {
            try await connect(to: endpoint, login: login, by: deadline)
        } catch {
            settings.judged?(endpoint, false)
            throw error
        }
        settings.judged?(endpoint, true)
    }

    private func connect(to endpoint: RedisEndpoint, login: RedisLogin?, by deadline: Deadline) async throws(RedisError) {
        let tls = try await settings.tls?.context()
        // A path that is gone is noticed by TCP: bytes that nobody acknowledges while there are any, probes that nobody answers while there are none.
        var options = Channel.Options()
        options.userTimeout = settings.pathTimeout
        options.keepAlive = .seconds(1)
        let channel: Channel
        do throws(IOError) {
            channel = try await Channel.connect(to: endpoint.address, on: loop, tls: tls, options: options, deadline: deadline)
        } catch {
            throw RedisError(io: error)
        }
        guard state.withLock({ $0.phase == .connecting }) else {
            channel.close()
            throw RedisError(.closed, "the connection was closed")
        }
        let server = try await shakeHands(on: channel, login: login, by: deadline)
        // It may have broken between its last reply and this task's turn.
        guard socket.channel === channel else { throw RedisError(.connectionFailed, "the server closed the connection") }
        state.withLock { state in
            state.server = server
            state.failure = nil
            state.scripts = []
            if state.phase == .connecting { state.phase = .open }
        }
        socket.openedAt = .now
        socket.quietSince = .now
        counters.connected()
        startPulse()
        if let validFor = login?.validFor { scheduleReauthentication(validFor) }
        flush()
    }

    private func shakeHands(on channel: Channel, login: RedisLogin?, by deadline: Deadline) async throws(RedisError) -> Handshake.Server {
        var handshake = Handshake(
            .init(
                protocolVersion: settings.protocolVersion, login: login, clientName: settings.clientName, database: settings.database,
                readsFromReplica: settings.readsFromReplica, requiresPrimary: settings.requiresPrimary))
        let first = handshake.start()
        let outcome: Result<Handshake.Server, RedisError> = await withCheckedContinuation { continuation in
            socket.channel = channel
            socket.decoder = RESPDecoder(limits: settings.limits)
            socket.handshake = handshake
            socket.handshakeDone = continuation
            channel.deadline = deadline
            channel.start(self)
            channel.write(first)
        }
        return try outcome.get()
    }

    func receiveInHandshake(_ reply: RedisReply, on channel: Channel) throws(RedisError) {
        guard var handshake = socket.handshake else { return }
        let step = try handshake.receive(reply)
        socket.handshake = handshake
        switch step {
        case .wait: break
        case .send(let bytes): channel.write(bytes)
        case .done(let server):
            channel.deadline = .never
            socket.handshake = nil
            let continuation = socket.handshakeDone
            socket.handshakeDone = nil
            continuation?.resume(returning: .success(server))
        }
    }

    // MARK: Logins that end

    /// Gives the server a new login while the old one is still good: after three quarters of its time.
    private func scheduleReauthentication(_ validFor: Duration) {
        socket.reauthentication?.cancel()
        socket.reauthentication = loop.schedule(after: max(validFor * 3 / 4, .milliseconds(100))) { [weak self] in
            guard let self else { return }
            Task(executorPreference: self.loop) { await self.reauthenticate(within: validFor / 4) }
        }
    }

    private func reauthenticate(within rest: Duration) async {
        let channel = socket.channel
        do throws(RedisError) {
            guard let login = try await settings.credentials.resolve() else { return }
            guard channel != nil, socket.channel === channel else { return }
            let validFor = login.validFor
            submit(
                .handler { [weak self] outcome in
                    // On the loop's thread, like every reply.
                    guard let self else { return }
                    if case .reply(let reply) = outcome, reply.error == nil {
                        if let validFor { self.scheduleReauthentication(validFor) }
                    } else if self.loop.isCurrent, self.socket.channel === channel {
                        self.giveUp(RedisError(.authentication, "the server refused the new login"))
                    }
                }, deadline: .after(settings.connectTimeout)
            ) { encoder in
                encoder.write(RawCommand(login.authWords))
            }
        } catch {
            counters.failedToConnect()
            guard channel != nil, socket.channel === channel else { return }
            // The provider may only be down for now; the old login is still good for a while.
            scheduleReauthentication(max(rest, .seconds(1)))
        }
    }
}

extension RedisError {
    /// Why no connection came to stand.
    init(io error: IOError?) {
        switch error?.code {
        case .tls?: self.init(.tls, error?.message ?? "", underlying: error)
        case .cancelled?, .shutdown?: self.init(.closed, error?.message ?? "", underlying: error)
        default: self.init(.connectionFailed, error?.message ?? "the connection was closed", underlying: error)
        }
    }
}

extension RedisEndpoint {
    fileprivate var address: Endpoint {
        switch self {
        case .host(let host, let port): Endpoint(host: host, port: port)
        case .unix(let path): .address(.unix(path))
        }
    }
}

extension RedisCredentials {
    /// The login to use now.
    func resolve() async throws(RedisError) -> RedisLogin? {
        switch self {
        case .none: return nil
        case .login(let login): return login
        case .file(let path): return try await PasswordFile.read(path)
        case .provider(let provider):
            do {
                return try await provider()
            } catch {
                throw RedisError(.connectionFailed, "the credentials provider failed", underlying: error)
            }
        }
    }
}
