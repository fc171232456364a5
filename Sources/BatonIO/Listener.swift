internal import CBatonPlatform
internal import Glibc

/// Accepts connections at an address and gives each a channel on the loop.
public final class Listener: @unchecked Sendable {
    // Sendable: the `let`s are Sendable, every `var` is touched on the loop's thread only.

    /// How a listener is set up.
    public struct Options: Sendable {
        /// How many connections the kernel keeps for us until they are accepted.
        public var backlog: Int32 = 4096
        /// At this many open connections none is accepted until one is closed; the kernel's backlog fills meanwhile.
        public var maximumConnections = Int.max
        /// Lets several listeners, of this process or of others, share the address (SO_REUSEPORT).
        public var reusePort = false
        /// Encrypts every connection; nil is plain.
        public var tls: TLSServerContext?
        /// For the channels.
        public var channel = Channel.Options()

        /// The defaults.
        public init() {}
    }

    /// The loop that accepts.
    public let loop: EventLoop
    /// The address, with the port that was chosen if 0 was asked for.
    public let address: SocketAddress

    private let options: Options
    private let accepted: @Sendable (Channel) -> (any ChannelHandler)?
    private var descriptor: Int32
    private var watch: Poller.Watch?
    private var retry: Timer?
    /// Kept open so that there is a descriptor to accept with, and to say goodbye with, when there is no other.
    private var reserve: Int32 = -1
    private var isCounting = true
    /// Which file a Unix socket made, so that only this one is removed.
    private let file: SocketFile?

    /// How many of the accepted connections are open. On the loop's thread.
    public private(set) var connectionCount = 0

    /// Listens at `address`.
    ///
    /// - Parameters:
    ///   - accepted: called on the loop for each connection; its handler is started at once. nil closes the connection.
    /// - Throws: `addressInUse`, `addressUnavailable`, `permissionDenied`, `tooManyDescriptors`, `shutdown`, `system`.
    public init(
        at address: SocketAddress, on loop: EventLoop, options: Options = Options(),
        accepted: @escaping @Sendable (Channel) -> (any ChannelHandler)?
    ) async throws(IOError) {
        let bound = try ListeningSocket(at: address, options: options)
        self.loop = loop
        self.options = options
        self.accepted = accepted
        self.address = bound.address
        descriptor = bound.descriptor
        file = bound.file
        reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let failure: IOError? = await loop.run { self.begin() }
        if let failure { throw failure }
    }

    /// Stops accepting and closes the socket; connections that were accepted stay. Does nothing when stopped already.
    public func stop() async {
        await loop.run { self.end() }
    }

    private func begin() -> IOError? {
        guard !loop.isShutDown else {
            close(descriptor)
            close(reserve)
            file?.remove()
            return IOError(.shutdown, "listen at \(address): the event loop was shut down")
        }
        loop.residents.append(self)
        return arm()
    }

    private func end() {
        guard descriptor >= 0 else { return }
        disarm()
        retry?.cancel()
        retry = nil
        file?.remove()
        close(descriptor)
        descriptor = -1
        if reserve >= 0 { close(reserve) }
        reserve = -1
        loop.residents.removeAll { $0 === self }
    }

    private func arm() -> IOError? {
        guard watch == nil, descriptor >= 0 else { return nil }
        do {
            watch = try loop.poller.watch(descriptor, for: .read, context: Unmanaged.passUnretained(self).toOpaque()) { _, _, context in
                // The loop holds the listener in `residents` as long as it has a watch.
                guard let context else { return }
                Unmanaged<Listener>.fromOpaque(context).takeUnretainedValue().acceptAvailable()
            }
            return nil
        } catch {
            return error
        }
    }

    private func disarm() {
        guard let watch else { return }
        loop.poller.remove(watch)
        self.watch = nil
    }

    private func acceptAvailable() {
        loop.noteActivity()
        // Bounded, so that a flood of connections leaves time for those there are.
        for _ in 0..<64 {
            guard connectionCount < options.maximumConnections else {
                disarm()
                return
            }
            let accepted = baton_accept(descriptor)
            guard accepted >= 0 else {
                refused(-accepted)
                return
            }
            start(accepted)
        }
    }

    private func start(_ descriptor: Int32) {
        let session: TLSSession?
        do {
            session = try options.tls?.session()
        } catch {
            // Out of memory: as little can be done for this connection as for one without a descriptor.
            close(descriptor)
            return
        }
        let channel = Channel(
            descriptor: descriptor, state: session == nil ? .open : .handshaking, loop: loop, options: options.channel, tls: session, listener: self)
        connectionCount += 1
        channel.applySocketOptions()
        guard let handler = accepted(channel) else {
            channel.close()
            return
        }
        guard channel.isOpen else { return }
        channel.start(handler)
        guard session != nil else { return }
        let opening = Channel.Opening(action: "TLS handshake", completion: nil)
        channel.opening = opening
        opening.limit(channel, to: .after(options.channel.handshakeTimeout))
        channel.startHandshake()
    }

    private func refused(_ failure: Int32) {
        switch failure {
        case EAGAIN, EWOULDBLOCK:
            break
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            // The connection stays in the kernel's backlog and would be reported again and again. The reserve lets one go, so that
            // its client sees the end instead of waiting, and the rest gets 100 ms for descriptors to come free.
            if reserve >= 0 {
                close(reserve)
                let unwanted = baton_accept(descriptor)
                if unwanted >= 0 { close(unwanted) }
                reserve = open("/dev/null", O_RDONLY | O_CLOEXEC)
            }
            pause()
        case ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM:
            // Errors of the connection, not of the listener: accept(2) says to treat them like EAGAIN.
            break
        default:
            pause()
        }
    }

    private func pause() {
        disarm()
        guard retry == nil else { return }
        retry = loop.schedule(after: .milliseconds(100)) {
            self.retry = nil
            if self.reserve < 0 { self.reserve = open("/dev/null", O_RDONLY | O_CLOEXEC) }
            if self.arm() != nil { self.pause() }
        }
    }

    func channelClosed() {
        connectionCount -= 1
        guard watch == nil, retry == nil, connectionCount < options.maximumConnections else { return }
        if arm() != nil { pause() }
    }
}

extension Listener: LoopResident {
    func loopWillEnd() {
        end()
    }
}
