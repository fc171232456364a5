internal import BatonIO
internal import Synchronization

/// The part of a connection that lives on the loop's thread: the channel, what arrives on it, and the clocks.
extension Connection {
    /// What belongs to the loop's thread.
    struct Socket {
        var channel: Channel?
        var decoder = RESPDecoder()
        var handshake: Handshake?
        var handshakeDone: CheckedContinuation<Result<Handshake.Server, RedisError>, Never>?
        var connecting: Task<Void, Never>?
        /// Attempts that failed since the connection last stood.
        var failures = 0
        var openedAt = Deadline.never
        /// Memory of the bytes sent last, for the next ones.
        var spare: [UInt8] = []
        var replies: [RedisReply] = []
        var deliveries: [Queue.Delivery] = []
        var sweep: Timer?
        var sweptAt = Deadline(nanoseconds: 0)
        var pulse: Timer?
        var hasReceived = false
        /// Since when nothing has come that was owed, or nothing was owed and nothing came.
        var quietSince = Deadline.never
        var reauthentication: Timer?
        var drainLimit: Timer?
        var drainsUntil = Deadline.never
        /// What a broken stream said, to be the reason for the close that follows.
        var violation: RedisError?
    }

    // MARK: Sending

    /// Sends what has gathered until the end of the loop's turn.
    func flushGathered() {
        state.withLock { $0.isFlushScheduled = false }
        flush()
    }

    /// Sends what has gathered.
    func flush() {
        guard let channel = socket.channel, socket.handshake == nil, channel.isWritable else { return }
        var spare: [UInt8] = []
        swap(&spare, &socket.spare)
        var bytes = state.withLock { state -> [UInt8] in
            guard state.queue.hasOutbound else { return spare }
            return state.queue.takeOutbound(replacing: spare)
        }
        spare = []
        if !bytes.isEmpty {
            counters.wrote()
            channel.write(bytes)
        }
        // Kept for the next batch when the kernel took everything; a large one goes back to the system.
        if bytes.capacity <= 256 << 10 {
            bytes.removeAll(keepingCapacity: true)
            socket.spare = bytes
        }
    }

    /// Sends bytes whose answers are pushes, not replies.
    func writeUnanswered(_ bytes: [UInt8]) {
        loop.execute {
            guard self.socket.handshake == nil else { return }
            self.socket.channel?.write(bytes)
        }
    }

    // MARK: Deadlines

    /// Lets callers go at `deadline`. One timer serves all of them; it is set again for the next deadline when it fires.
    func armSweep(at deadline: Deadline) {
        socket.sweep?.cancel()
        // Set for a command that came before the end and arrives here after it.
        guard !state.withLock({ $0.phase == .closed }) else { return }
        // A pause between sweeps bounds what many different deadlines cost.
        let earliest = socket.sweptAt.advanced(by: .milliseconds(1))
        socket.sweep = loop.schedule(at: max(deadline, earliest)) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        socket.sweep = nil
        let now = Deadline.now
        socket.sweptAt = now
        let (deliveries, next) = state.withLock { state in
            let deliveries = state.queue.expire(at: now, reason: state.failure)
            state.sweepAt = state.queue.nextDeadline
            return (deliveries, state.sweepAt)
        }
        if next != .never { armSweep(at: next) }
        guard !deliveries.isEmpty else { return }
        counters.timedOut(deliveries.count)
        for delivery in deliveries { delivery.waiter.resume(delivery.outcome) }
        if settings.isDedicated { giveUp(RedisError(.timeout, "no reply before the deadline")) }
        finishIfDrained()
    }

    /// Notices a peer that is gone without saying so, and keeps an idle connection from being forgotten on the way.
    func startPulse() {
        socket.pulse?.cancel()
        let interval = min(settings.keepAliveInterval, settings.silenceLimit) / 3
        socket.pulse = loop.schedule(after: max(interval, .milliseconds(10))) { [weak self] in self?.beat() }
    }

    private func beat() {
        guard let channel = socket.channel, socket.handshake == nil else { return }
        let now = Deadline.now
        let owed = state.withLock { $0.queue.inFlight > 0 }
        if socket.hasReceived {
            socket.hasReceived = false
            socket.quietSince = now
        }
        let quiet = Duration.nanoseconds(now.nanoseconds - socket.quietSince.nanoseconds)
        if owed, quiet >= settings.silenceLimit, !settings.isDedicated {
            channel.close(because: IOError(.timedOut, "the server has been silent for \(quiet)"))
            return
        }
        if !owed, quiet >= settings.keepAliveInterval {
            socket.quietSince = now
            submit(nil, deadline: .never) { $0.write(PING()) }
        }
        startPulse()
    }

    // MARK: Ending

    /// Ends the connection at once.
    func giveUp(_ error: RedisError) {
        guard let channel = socket.channel else {
            // A dedicated connection that is still being made has nobody left who wants it.
            socket.connecting?.cancel()
            return
        }
        socket.violation = error
        channel.close()
    }

    func drain(until deadline: Deadline) {
        let isIdle = state.withLock { state in
            if state.phase == .open || state.phase == .connecting { state.phase = state.queue.hasWaiters ? state.phase : .draining }
            return !state.queue.hasWaiters
        }
        if isIdle { return finish() }
        flush()
        socket.drainsUntil = min(deadline, socket.drainsUntil)
        socket.drainLimit?.cancel()
        socket.drainLimit = loop.schedule(at: socket.drainsUntil) { [weak self] in self?.finish() }
    }

    func finishIfDrained() {
        guard state.withLock({ $0.closeReason != nil && $0.phase != .closed && !$0.queue.hasWaiters }) else { return }
        finish()
    }

    /// Closes for good.
    func finish() {
        let (deliveries, drained) = state.withLock { state -> ([Queue.Delivery], [CheckedContinuation<Void, Never>]) in
            guard state.phase != .closed else { return ([], []) }
            state.phase = .closed
            let reason = state.closeReason ?? RedisError(.closed, "the connection was closed")
            state.closeReason = reason
            defer { state.drained = [] }
            return (state.queue.failAll(reason), state.drained)
        }
        socket.connecting?.cancel()
        for timer in [socket.sweep, socket.pulse, socket.reauthentication, socket.drainLimit] { timer?.cancel() }
        let channel = socket.channel
        socket.channel = nil
        socket.handshake = nil
        let handshakeDone = socket.handshakeDone
        socket.handshakeDone = nil
        channel?.close()
        handshakeDone?.resume(returning: .failure(RedisError(.closed, "the connection was closed")))
        for delivery in deliveries { delivery.waiter.resume(delivery.outcome) }
        for continuation in drained { continuation.resume() }
    }
}

extension Connection: ChannelHandler {
    func received(_ bytes: RawSpan, on channel: Channel) {
        guard channel === socket.channel else { return }
        socket.hasReceived = true
        bytes.withUnsafeBytes { socket.decoder.append($0) }
        do {
            while let message = try socket.decoder.next() {
                switch message {
                case .push(let push): settings.received?(push)
                case .reply(let reply):
                    if socket.handshake != nil {
                        try receiveInHandshake(reply, on: channel)
                    } else if settings.received != nil, let kind = reply.pushKind, kind != "pong" {
                        settings.received?(reply)
                    } else {
                        socket.replies.append(reply)
                    }
                }
            }
            try deliverReplies()
        } catch {
            // What was understood before the fault is still right.
            do { try deliverReplies() } catch { socket.replies.removeAll() }
            socket.violation = socket.violation ?? error
            channel.close()
        }
    }

    /// Gives the replies of one read to their callers: found under one lock, resumed outside of it.
    private func deliverReplies() throws(RedisError) {
        guard !socket.replies.isEmpty else { return }
        var replies: [RedisReply] = []
        swap(&replies, &socket.replies)
        var deliveries: [Queue.Delivery] = []
        swap(&deliveries, &socket.deliveries)
        var fault: RedisError?
        let isDraining = state.withLock { state in
            do throws(RedisError) {
                for reply in replies {
                    if let delivery = try state.queue.receive(reply) { deliveries.append(delivery) }
                }
            } catch {
                fault = error
            }
            return state.closeReason != nil
        }
        replies.removeAll(keepingCapacity: replies.count <= 1_024)
        socket.replies = replies
        for delivery in deliveries { delivery.waiter.resume(delivery.outcome) }
        deliveries.removeAll(keepingCapacity: deliveries.count <= 1_024)
        socket.deliveries = deliveries
        if let fault { throw fault }
        if isDraining { finishIfDrained() }
    }

    func inputEnded(on channel: Channel) {
        // A server that sends no more cannot answer: half an end is an end.
        channel.close(because: IOError(.closed, "the server closed the connection"))
    }

    func drained(_ channel: Channel) {
        flush()
    }

    func deadlinePassed(on channel: Channel) {
        channel.close(because: IOError(.timedOut, "no answer to the handshake in time"))
    }

    func closed(_ channel: Channel, because error: IOError?) {
        guard channel === socket.channel else { return }
        let wasReady = socket.handshake == nil
        let violation = socket.violation
        socket.channel = nil
        socket.handshake = nil
        socket.violation = nil
        socket.pulse?.cancel()
        socket.reauthentication?.cancel()
        let lost = violation ?? RedisError(.connectionLost, "the connection to the server broke: \(error?.message ?? "closed")", underlying: error)
        if !wasReady {
            let continuation = socket.handshakeDone
            socket.handshakeDone = nil
            continuation?.resume(returning: .failure(violation ?? RedisError(io: error)))
            return
        }
        // A server that accepts and hangs up at once is a server that cannot be reached.
        if Deadline.now < socket.openedAt.advanced(by: .seconds(1)) { socket.failures += 1 } else { socket.failures = 0 }
        counters.lost()
        if socket.connecting != nil {
            // The task that connects notices by itself.
            return
        }
        let (deliveries, reconnects) = state.withLock { state -> ([Queue.Delivery], Bool) in
            if settings.isDedicated {
                let reason = state.closeReason ?? lost
                state.closeReason = reason
                return (state.queue.failAll(reason), false)
            }
            state.failure = lost
            let deliveries = state.queue.failSent(lost)
            guard state.phase != .closed else { return (deliveries, false) }
            state.phase = state.queue.hasWaiters ? .connecting : .idle
            return (deliveries, state.phase == .connecting)
        }
        for delivery in deliveries { delivery.waiter.resume(delivery.outcome) }
        settings.lost?(lost)
        if settings.isDedicated { return finish() }
        if reconnects { startConnecting() }
        finishIfDrained()
    }
}

extension RedisReply {
    /// In RESP2 what is published arrives as an array like any other; its first word tells what it is.
    fileprivate var pushKind: String? {
        guard kind == .array, let first = elements?.first?.string else { return nil }
        switch first {
        case "message", "pmessage", "smessage", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "pong":
            return first
        default: return nil
        }
    }
}
