internal import CBatonPlatform
internal import Glibc

/// A connection: bytes in both directions, without blocking, on one loop.
///
/// Everything but `loop`, `id` and `hash` belongs to the loop's thread; from elsewhere, go through `loop.execute`, `loop.run` or a
/// `Mailbox`. A channel stays alive while it is open, whoever holds it.
public final class Channel: @unchecked Sendable {
    // Sendable: every `var` is touched by the loop's thread only, which the methods assert.

    /// Limits and socket options of a channel.
    public struct Options: Sendable {
        /// A backlog above this many bytes makes `write` answer false.
        public var highWatermark = 64 * 1024
        /// A backlog that has been above the high watermark and falls to this many bytes brings `drained`.
        public var lowWatermark = 16 * 1024
        /// A backlog above this many bytes closes the channel with `backlogExceeded`.
        public var maximumBacklog = 256 * 1024 * 1024
        /// How long bytes may stay unacknowledged before the connection counts as lost (TCP_USER_TIMEOUT); nil leaves it to the system.
        public var userTimeout: Duration? = .seconds(30)
        /// Silence after which TCP asks whether the peer is still there; three unanswered probes end the connection; nil never asks.
        public var keepAlive: Duration? = .seconds(60)
        /// The kernel's send buffer in bytes (SO_SNDBUF); nil leaves it to the system.
        public var sendBuffer: Int?
        /// How many bytes the kernel holds that were not sent yet (TCP_NOTSENT_LOWAT): the rest stays in the backlog, where it is seen
        /// and bounded; nil leaves it to the system, which may hold megabytes for a slow reader.
        public var notSentLowWatermark: Int?
        /// How long a TLS handshake may take on the accepting side.
        public var handshakeTimeout: Duration = .seconds(10)

        /// The defaults.
        public init() {}
    }

    enum State: UInt8 {
        case connecting, handshaking, open, closed
    }

    struct Flags: OptionSet {
        let rawValue: UInt16
        static let paused = Flags(rawValue: 1)
        static let inputEnded = Flags(rawValue: 2)
        /// The end of output is due once the backlog is gone.
        static let outputEnding = Flags(rawValue: 4)
        static let outputEnded = Flags(rawValue: 8)
        /// What arrives is thrown away: the channel only waits for the peer to end.
        static let discarding = Flags(rawValue: 16)
        static let aboveHighWatermark = Flags(rawValue: 32)
        static let readScheduled = Flags(rawValue: 64)
        /// TLS has to write before it can read on, or before the handshake can go on.
        static let inputNeedsWriting = Flags(rawValue: 128)
        /// TLS has to read before it can write on.
        static let outputNeedsReading = Flags(rawValue: 256)
    }

    /// The loop whose thread the channel belongs to.
    public let loop: EventLoop
    /// Called for what happens; set it (on the loop) with `start`.
    public private(set) var handler: (any ChannelHandler)?
    /// When `handler.deadlinePassed` is to be called; absolute, so bytes that trickle in do not move it. Checked four times a second.
    public var deadline = Deadline.never {
        didSet { if deadline != .never { loop.startSweeping() } }
    }

    private(set) var state: State
    var flags: Flags = .paused
    /// Position in `loop.channels`.
    var index = -1
    var opening: Opening?
    /// Nil on a plain connection.
    private(set) var tls: TLSSession?
    var queue = OutboundQueue()
    let options: Options
    private(set) var descriptor: Int32
    private var readWatch: Poller.Watch?
    private var writeWatch: Poller.Watch?
    private weak var listener: Listener?

    /// Takes over `descriptor`, which has to be a non-blocking, connected (or connecting) stream socket. On the loop's thread.
    init(descriptor: Int32, state: State, loop: EventLoop, options: Options, tls: TLSSession? = nil, listener: Listener? = nil) {
        self.descriptor = descriptor
        self.state = state
        self.tls = tls
        self.loop = loop
        self.options = options
        self.listener = listener
        index = loop.channels.count
        loop.channels.append(self)
    }

    deinit {
        assert(state == .closed)
    }

    // MARK: State

    /// Whether bytes can still be exchanged.
    public var isOpen: Bool { state != .closed }

    /// Whether the peer has ended its output.
    public var hasInputEnded: Bool { flags.contains(.inputEnded) }

    /// Bytes that were written but not yet taken by the kernel.
    public var backlog: Int { queue.count }

    /// Whether the backlog is below the high watermark.
    public var isWritable: Bool { state != .closed && !flags.contains(.aboveHighWatermark) }

    /// The other end; nil once closed.
    public var peerAddress: SocketAddress? { state == .closed ? nil : .of(descriptor, peer: true) }

    /// This end; nil once closed.
    public var localAddress: SocketAddress? { state == .closed ? nil : .of(descriptor, peer: false) }

    /// Whether the connection is encrypted.
    public var isEncrypted: Bool { tls != nil }

    /// The subject of the certificate the peer showed and an authority vouched for, as RFC 2253 writes it; nil without one.
    public var peerCertificateSubject: String? { tls?.peerSubject }

    /// Whether the TLS session continued an earlier one.
    public var isResumed: Bool { tls?.isResumed ?? false }

    /// Sets who is called for what happens, and begins to read.
    public func start(_ handler: any ChannelHandler) {
        assert(loop.isCurrent)
        guard state != .closed else {
            loop.performLater { handler.closed(self, because: IOError(.closed, "the connection is closed")) }
            return
        }
        self.handler = handler
        resumeReading()
    }

    // MARK: Reading

    /// Stops taking bytes from the peer, which TCP will tell it. While paused, the end of input is not noticed either.
    public func pauseReading() {
        assert(loop.isCurrent)
        flags.insert(.paused)
        updateReadWatch()
    }

    /// Takes bytes again.
    public func resumeReading() {
        assert(loop.isCurrent)
        flags.remove(.paused)
        updateReadWatch()
        scheduleReadIfBuffered()
    }

    // MARK: Writing

    /// Sends `bytes` after all that was written before; what the kernel does not take at once waits, shared and not copied.
    ///
    /// - Returns: whether to go on: false above the high watermark (until `drained`), and on a channel that is closed or ending.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        assert(loop.isCurrent)
        guard acceptsOutput else { return false }
        guard state == .open, queue.isEmpty else {
            return enqueue(bytes)
        }
        var sent = 0
        while sent < bytes.count {
            let transfer = bytes.withUnsafeBytes { transmit(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            if case .failed(let error) = transfer {
                close(because: error)
                return false
            }
            guard case .count(let count) = transfer else { break }
            sent += count
            // TLS takes one record at a time. A socket that takes less than it was given is full.
            if tls == nil { break }
        }
        guard sent < bytes.count else { return true }
        queue.append(bytes, from: sent)
        waitToWrite()
        return checkBacklog()
    }

    /// Adds `bytes` to what waits, for a `flush()` to send: several small writes become one system call.
    ///
    /// - Returns: as `write`.
    @discardableResult
    public func append(_ bytes: [UInt8]) -> Bool {
        assert(loop.isCurrent)
        guard acceptsOutput else { return false }
        return enqueue(bytes)
    }

    /// Sends what waits, as far as the kernel takes it.
    public func flush() {
        assert(loop.isCurrent)
        guard state == .open, !isBlocked, !queue.isEmpty else { return }
        let wasAbove = flags.contains(.aboveHighWatermark)
        guard sendQueue() else { return }
        if wasAbove, !flags.contains(.aboveHighWatermark) {
            loop.performLater { self.handler?.drained(self) }
        }
    }

    private var acceptsOutput: Bool {
        state != .closed && flags.isDisjoint(with: [.outputEnding, .outputEnded])
    }

    private func enqueue(_ bytes: [UInt8]) -> Bool {
        queue.append(bytes)
        return checkBacklog()
    }

    private func checkBacklog() -> Bool {
        if queue.count > options.maximumBacklog {
            close(because: IOError(.backlogExceeded, "the peer reads too slowly: \(queue.count) bytes wait, \(options.maximumBacklog) may"))
            return false
        }
        if queue.count > options.highWatermark { flags.insert(.aboveHighWatermark) }
        return !flags.contains(.aboveHighWatermark)
    }

    /// Sends from the queue until it is empty or the kernel takes no more; false when that closed the channel.
    private func sendQueue() -> Bool {
        // Bounded, so that one fast reader does not keep the thread.
        var budget = 4 * 1024 * 1024
        while !queue.isEmpty, budget > 0 {
            switch transmitQueue() {
            case .count(let count):
                queue.consume(count)
                budget -= count
            case .wouldBlock, .needsReading, .needsWriting, .end:
                budget = 0
            case .failed(let error):
                close(because: error)
                return false
            }
        }
        if queue.count <= options.lowWatermark { flags.remove(.aboveHighWatermark) }
        if queue.isEmpty {
            if !flags.contains(.inputNeedsWriting) { disarmWriting() }
            if flags.contains(.outputEnding) { endOutput() }
        } else {
            waitToWrite()
        }
        return state != .closed
    }

    /// Whether output waits for the socket.
    private var isBlocked: Bool { writeWatch != nil || flags.contains(.outputNeedsReading) }

    private func waitToWrite() {
        if flags.contains(.outputNeedsReading) {
            // A socket that can be written to would be reported without end meanwhile.
            disarmWriting()
            updateReadWatch()
        } else {
            armWriting()
        }
    }

    // MARK: Ending

    /// Ends the output once what waits is sent; the peer sees the end of its input. Reading goes on; when the peer has ended too, the
    /// channel closes.
    public func closeOutput() {
        assert(loop.isCurrent)
        guard acceptsOutput else { return }
        flags.insert(.outputEnding)
        if state == .open, !isBlocked { _ = sendQueue() }
    }

    /// Sends what waits, ends the output, and closes when the peer has ended too, or at `deadline`. What still arrives is thrown away.
    ///
    /// Closing at once would make the kernel answer unread input with a reset, which can destroy what the peer has not read yet
    /// (RFC 9112 section 9.6).
    public func closeAfterFlush(by deadline: Deadline) {
        assert(loop.isCurrent)
        guard state != .closed else { return }
        flags.insert(.discarding)
        self.deadline = deadline
        closeOutput()
        if state != .closed { resumeReading() }
    }

    /// Closes at once; what waits is lost. The handler is told from the loop, not from here. Does nothing on a closed channel.
    public func close(because error: IOError? = nil) {
        guard state != .closed else { return }
        assert(loop.isCurrent)
        state = .closed
        if let readWatch { loop.poller.remove(readWatch) }
        if let writeWatch { loop.poller.remove(writeWatch) }
        readWatch = nil
        writeWatch = nil
        tls?.end()
        tls = nil
        Glibc.close(descriptor)
        descriptor = -1
        queue.removeAll()
        loop.remove(self)
        let opening = self.opening
        self.opening = nil
        opening?.end(with: .failure(error ?? IOError(.closed, "the connection was closed")))
        let listener = self.listener
        loop.performLater {
            let handler = self.handler
            self.handler = nil
            handler?.closed(self, because: error)
            listener?.channelClosed()
        }
    }

    private func endOutput() {
        flags.remove(.outputEnding)
        flags.insert(.outputEnded)
        tls?.end()
        _ = shutdown(descriptor, Int32(SHUT_WR))
        if flags.contains(.inputEnded) { close() }
    }

    // MARK: The socket

    /// What came of handing bytes to the socket, or asking it for some.
    enum Transfer {
        case count(Int), wouldBlock, end
        /// Only with TLS: the opposite direction has to move first.
        case needsReading, needsWriting
        case failed(IOError)
    }

    private func transmit(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard let tls else { return Self.transfer(baton_send(descriptor, bytes.baseAddress, bytes.count), "send") }
        let transfer = tls.write(bytes)
        if case .needsReading = transfer { flags.insert(.outputNeedsReading) }
        return transfer
    }

    private func transmitQueue() -> Transfer {
        guard tls != nil else {
            return Self.transfer(queue.withVector { baton_send_vector(descriptor, $0.baseAddress, Int32($0.count)) }, "send")
        }
        // A write that did not go through has to be repeated with the same bytes and at least as many (SSL_write(3)): true for both
        // ways, because what waits only ever grows at its end.
        if queue.firstCount == queue.count || queue.firstCount >= loop.recordBuffer.count {
            return queue.withFirst { transmit($0) }
        }
        let count = queue.copyFirst(into: loop.recordBuffer)
        return transmit(UnsafeRawBufferPointer(rebasing: loop.recordBuffer[..<count]))
    }

    private func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard let tls else {
            let count = baton_receive(descriptor, buffer.baseAddress, buffer.count)
            return count == 0 ? .end : Self.transfer(count, "receive")
        }
        return tls.read(into: buffer)
    }

    private static func transfer(_ result: Int, _ action: String) -> Transfer {
        if result >= 0 { return .count(result) }
        let failure = Int32(-result)
        return failure == EAGAIN || failure == EWOULDBLOCK ? .wouldBlock : .failed(IOError(errorNumber: failure, while: action))
    }

    /// Whether bytes may be waiting that the poller does not know of.
    private var hasBufferedInput: Bool { tls?.hasBufferedInput ?? false }

    private func scheduleReadIfBuffered() {
        guard hasBufferedInput, wantsInput, !flags.contains(.readScheduled) else { return }
        flags.insert(.readScheduled)
        loop.performLater {
            self.flags.remove(.readScheduled)
            if self.wantsInput { self.readAvailable() }
        }
    }

    private var wantsInput: Bool {
        state == .open && !flags.contains(.inputEnded) && (flags.contains(.discarding) || !flags.contains(.paused))
    }

    private func readAvailable() {
        // Bounded, so that one fast sender does not keep the thread; the poller reports what is left.
        for _ in 0..<(tls == nil ? 4 : 16) {
            switch receive(into: loop.readBuffer) {
            case .count(let count):
                if !flags.contains(.discarding) {
                    handler?.received(UnsafeRawBufferPointer(rebasing: loop.readBuffer[..<count]).bytes, on: self)
                }
                guard wantsInput else { return }
                // The rest, if any, is still in the socket.
                if tls == nil ? count < loop.readBuffer.count : !hasBufferedInput { return }
            case .wouldBlock, .needsReading:
                return
            case .needsWriting:
                flags.insert(.inputNeedsWriting)
                armWriting()
                return
            case .end:
                endInput()
                return
            case .failed(let error):
                close(because: error)
                return
            }
        }
        scheduleReadIfBuffered()
    }

    private func endInput() {
        flags.insert(.inputEnded)
        updateReadWatch()
        if !flags.contains(.discarding) { handler?.inputEnded(on: self) }
        if flags.contains(.outputEnded) { close() }
    }

    // MARK: Readiness

    func readable() {
        loop.noteActivity()
        switch state {
        case .open:
            if flags.contains(.outputNeedsReading) {
                flags.remove(.outputNeedsReading)
                resumeOutput()
                updateReadWatch()
            }
            if wantsInput { readAvailable() }
        case .handshaking: continueHandshake()
        case .connecting, .closed: break
        }
    }

    func writable() {
        loop.noteActivity()
        switch state {
        case .connecting: connected()
        case .handshaking: continueHandshake()
        case .open:
            if flags.contains(.inputNeedsWriting) {
                flags.remove(.inputNeedsWriting)
                if wantsInput { readAvailable() }
            }
            if state == .open { resumeOutput() }
        case .closed: break
        }
    }

    private func resumeOutput() {
        let wasAbove = flags.contains(.aboveHighWatermark)
        guard sendQueue() else { return }
        if wasAbove, !flags.contains(.aboveHighWatermark) { handler?.drained(self) }
    }

    private func connected() {
        let failure = baton_socket_error(descriptor)
        guard failure == 0 else {
            close(because: IOError(errorNumber: failure, while: opening?.action ?? "connect"))
            return
        }
        disarmWriting()
        if tls == nil { becomeOpen() } else { startHandshake() }
    }

    func startHandshake() {
        state = .handshaking
        guard tls?.attach(to: descriptor) == true else {
            close(because: IOError(.tls, "\(opening?.action ?? "TLS handshake"): no memory"))
            return
        }
        continueHandshake()
    }

    private func continueHandshake() {
        guard let tls else { return }
        flags.remove(.inputNeedsWriting)
        switch tls.handshake() {
        case .count:
            disarmWriting()
            becomeOpen()
            scheduleReadIfBuffered()
        case .needsWriting:
            flags.insert(.inputNeedsWriting)
            armWriting()
            updateReadWatch()
        case .wouldBlock, .needsReading:
            disarmWriting()
            updateReadWatch()
        case .end:
            close(because: IOError(.reset, "\(opening?.action ?? "TLS handshake"): the peer closed the connection during the handshake"))
        case .failed(let error):
            close(because: IOError(error.code, "\(opening?.action ?? "TLS handshake"): \(error.message)", errorNumber: error.errorNumber))
        }
    }

    private func becomeOpen() {
        state = .open
        let opening = self.opening
        self.opening = nil
        opening?.end(with: .success(()))
        updateReadWatch()
        flush()
        if state == .open, flags.contains(.outputEnding), queue.isEmpty { endOutput() }
    }

    func armWriting() {
        guard writeWatch == nil, state != .closed else { return }
        do {
            writeWatch = try loop.poller.watch(descriptor, for: .write, context: Unmanaged.passUnretained(self).toOpaque()) { _, _, context in
                // The loop holds the channel as long as it is open, and a closed channel has no watch.
                guard let context else { return }
                Unmanaged<Channel>.fromOpaque(context).takeUnretainedValue().writable()
            }
        } catch {
            close(because: error)
        }
    }

    func disarmWriting() {
        guard let writeWatch else { return }
        loop.poller.remove(writeWatch)
        self.writeWatch = nil
    }

    func updateReadWatch() {
        let wanted = wantsInput || flags.contains(.outputNeedsReading) || state == .handshaking && !flags.contains(.inputNeedsWriting)
        guard wanted != (readWatch != nil) else { return }
        if let readWatch {
            loop.poller.remove(readWatch)
            self.readWatch = nil
            return
        }
        do {
            readWatch = try loop.poller.watch(descriptor, for: .read, context: Unmanaged.passUnretained(self).toOpaque()) { _, _, context in
                guard let context else { return }
                Unmanaged<Channel>.fromOpaque(context).takeUnretainedValue().readable()
            }
        } catch {
            close(because: error)
        }
    }

    /// The deadline has passed.
    func expire() {
        deadline = .never
        if flags.contains(.discarding) {
            close()
        } else if let handler {
            handler.deadlinePassed(on: self)
        } else {
            close(because: IOError(.timedOut, "the connection's deadline passed"))
        }
    }
}

extension Channel: Hashable {
    /// Identity: two channels are equal when they are the same object.
    public static func == (left: Channel, right: Channel) -> Bool { left === right }

    /// Hashes the identity.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
