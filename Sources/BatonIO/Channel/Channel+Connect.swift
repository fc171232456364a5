internal import CBatonPlatform
internal import Glibc
internal import Synchronization

extension Channel {
    /// Connects to `endpoint`, trying its addresses in turn.
    ///
    /// The channel reads nothing before `start(_:)`, which has to be called on `loop`, as everything on a channel.
    /// - Parameters:
    ///   - tls: encrypts, and checks that the peer's certificate is for the host of `endpoint`; nil is plain.
    ///   - isAllowed: which addresses may be connected to. It sees the very addresses that are tried, so that a name cannot lead elsewhere
    ///     after it was looked at.
    ///   - deadline: for the whole: looking up, all addresses, TLS.
    /// - Throws: why the last address failed: `refused`, `timedOut`, `unreachable`, `tls`…; or `resolution`, `permissionDenied` when no address
    ///   is allowed, `cancelled`, `shutdown`.
    public static func connect(
        to endpoint: Endpoint, on loop: EventLoop, tls: TLSClientContext? = nil, options: Options = Options(), deadline: Deadline,
        allowing isAllowed: (@Sendable (SocketAddress) -> Bool)? = nil
    ) async throws(IOError) -> Channel {
        var addresses: [SocketAddress]
        switch endpoint {
        case .address(let address): addresses = [address]
        case .host(let host, let port): addresses = try await Resolver.addresses(of: host, port: port, on: loop, deadline: deadline)
        }
        var failure = IOError(.resolution, "connect to \(endpoint): it has no address")
        if let isAllowed {
            addresses.removeAll { !isAllowed($0) }
            if addresses.isEmpty { failure = IOError(.permissionDenied, "connect to \(endpoint): its address is not an allowed one") }
        }
        for (position, address) in addresses.enumerated() {
            do {
                let share = share(of: deadline, amongst: addresses.count - position)
                return try await attempt(address, on: loop, tls: tls.map { ($0, endpoint) }, options: options, deadline: share)
            } catch {
                failure = error
                if error.code == .cancelled || error.code == .shutdown || deadline.isPast { break }
            }
        }
        throw failure
    }

    /// An address that answers nothing must not use up the time of those after it: each gets an equal share, but at least a second.
    private static func share(of deadline: Deadline, amongst count: Int) -> Deadline {
        guard count > 1, let remaining = deadline.remaining else { return deadline }
        return min(deadline, .after(max(remaining / count, .seconds(1))))
    }

    private static func attempt(
        _ address: SocketAddress, on loop: EventLoop, tls: (TLSClientContext, Endpoint)?, options: Options, deadline: Deadline
    ) async throws(IOError) -> Channel {
        let attempt = Attempt(address: address, loop: loop, tls: tls, options: options, deadline: deadline)
        let outcome: Result<Channel, IOError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.execute { attempt.start(continuation) }
            }
        } onCancel: {
            loop.execute { attempt.cancel() }
        }
        return try outcome.get()
    }

    /// What a channel has to finish before it is open, and who waits for that.
    final class Opening {
        let action: String
        private var completion: ((Result<Void, IOError>) -> Void)?
        private var timer: Timer?

        init(action: String, completion: ((Result<Void, IOError>) -> Void)?) {
            self.action = action
            self.completion = completion
        }

        func limit(_ channel: Channel, to deadline: Deadline) {
            guard deadline != .never else { return }
            timer = channel.loop.schedule(at: deadline) { [action] in
                channel.close(because: IOError(.timedOut, "\(action): no answer in time"))
            }
        }

        func end(with outcome: Result<Void, IOError>) {
            timer?.cancel()
            timer = nil
            let completion = self.completion
            self.completion = nil
            completion?(outcome)
        }
    }
}

/// One address being connected to. Sendable: touched on the loop's thread only.
private final class Attempt: @unchecked Sendable {
    private let address: SocketAddress
    private let loop: EventLoop
    private let tls: (context: TLSClientContext, endpoint: Endpoint)?
    private let options: Channel.Options
    private let deadline: Deadline
    private var channel: Channel?
    private var cancelled = false

    init(
        address: SocketAddress, loop: EventLoop, tls: (TLSClientContext, Endpoint)?, options: Channel.Options, deadline: Deadline
    ) {
        self.address = address
        self.loop = loop
        self.tls = tls
        self.options = options
        self.deadline = deadline
    }

    func start(_ continuation: CheckedContinuation<Result<Channel, IOError>, Never>) {
        let action = "connect to \(address)"
        if cancelled {
            continuation.resume(returning: .failure(IOError(.cancelled, "\(action): the task was cancelled")))
            return
        }
        do {
            guard !loop.isShutDown else { throw IOError(.shutdown, "\(action): the event loop was shut down") }
            guard !deadline.isPast else { throw IOError(.timedOut, "\(action): no time left") }
            let session = try tls.map { try $0.context.session(for: $0.endpoint) }
            let descriptor = baton_socket(address.family)
            guard descriptor >= 0 else { throw IOError(errorNumber: -descriptor, while: action) }
            let failure = address.withSystemAddress { baton_connect(descriptor, $0, $1) }
            guard failure == 0 || failure == EINPROGRESS else {
                close(descriptor)
                throw IOError(errorNumber: failure, while: action)
            }
            let channel = Channel(descriptor: descriptor, state: .connecting, loop: loop, options: options, tls: session)
            channel.applySocketOptions()
            self.channel = channel
            let opening = Channel.Opening(action: action) { outcome in
                self.channel = nil
                continuation.resume(returning: outcome.map { channel })
            }
            channel.opening = opening
            opening.limit(channel, to: deadline)
            // Also when the connect succeeded at once, as on a Unix socket: one path for both.
            channel.armWriting()
        } catch let error as IOError {
            continuation.resume(returning: .failure(error))
        } catch {
            continuation.resume(returning: .failure(IOError(.system, action)))
        }
    }

    func cancel() {
        cancelled = true
        channel?.close(because: IOError(.cancelled, "connect to \(address): the task was cancelled"))
    }
}

extension Channel {
    /// What the options say about the socket. A refusal is no reason to do without the connection.
    func applySocketOptions() {
        if let sendBuffer = options.sendBuffer { _ = baton_set_send_buffer(descriptor, Int32(clamping: sendBuffer)) }
        // Fails on a Unix socket, where there is nothing to set.
        guard baton_set_no_delay(descriptor) == 0 else { return }
        if let bytes = options.notSentLowWatermark { _ = baton_set_not_sent_low_watermark(descriptor, Int32(clamping: bytes)) }
        if let userTimeout = options.userTimeout {
            _ = baton_set_user_timeout(descriptor, UInt32(clamping: userTimeout.saturatedNanoseconds / 1_000_000))
        }
        if let keepAlive = options.keepAlive {
            let seconds = Int32(clamping: max(1, keepAlive.components.seconds))
            _ = baton_set_keep_alive(descriptor, seconds, max(1, seconds / 3), 3)
        }
    }
}
