internal import BatonIO
internal import Synchronization

#if DEBUG
typealias ReplyContinuation = CheckedContinuation<CommandQueue<Connection.Waiter>.Outcome, Never>
#else
typealias ReplyContinuation = UnsafeContinuation<CommandQueue<Connection.Waiter>.Outcome, Never>
#endif

/// A connection to one server, for as long as somebody needs it: it is made when the first command comes, made again when it breaks, and
/// shared by all callers, whose commands go out in the order they came.
///
/// A caller on the loop's thread writes directly when nobody else is about to. Otherwise commands gather, as those from other threads do, and
/// one flush at the end of the loop's turn sends them all; but a server that has little to do gets the first few at once.
final class Connection: @unchecked Sendable {
    // Sendable: what any thread touches is in `state`, under its lock; `socket` belongs to the loop's thread, where alone it is used.

    typealias Queue = CommandQueue<Waiter>

    /// Who is told of a reply.
    enum Waiter: Sendable {
        case caller(ReplyContinuation)
        case handler(@Sendable (Queue.Outcome) -> Void)

        func resume(_ outcome: Queue.Outcome) {
            switch self {
            case .caller(let continuation): continuation.resume(returning: outcome)
            case .handler(let handler): handler(outcome)
            }
        }
    }

    enum Phase {
        /// Not connected, and nobody asks.
        case idle
        /// A task connects, or waits to try again.
        case connecting
        case open
        /// Takes no new commands; waits for the replies of those it has.
        case draining
        case closed
    }

    struct State {
        var queue: Queue
        var phase = Phase.idle
        var isFlushScheduled = false
        /// The earliest deadline that the sweep is set for.
        var sweepAt = Deadline.never
        /// Why the last attempt to connect failed; the reason given to callers who wait in vain.
        var failure: RedisError?
        /// Why it was closed.
        var closeReason: RedisError?
        var server = Handshake.Server()
        var drained: [CheckedContinuation<Void, Never>] = []
        var scripts: Set<[UInt8]> = []
    }

    let settings: ConnectionSettings
    let loop: EventLoop
    let counters: ClientCounters
    let state: Mutex<State>
    /// On the loop's thread only.
    var socket = Socket()
    private let tickets = Atomic<UInt64>(1)

    /// A server with fewer commands in flight gets work as soon as so many have gathered, instead of waiting for the whole batch. Every
    /// further write would cost server and client more than it gains.
    private static let firstBatch = 4
    /// So many bytes are sent at once, whoever else may come.
    private static let batchBytes = 32 << 10

    init(_ settings: ConnectionSettings, on loop: EventLoop, counters: ClientCounters) {
        self.settings = settings
        self.loop = loop
        self.counters = counters
        state = Mutex(State(queue: Queue(maximumCommands: settings.maximumQueuedCommands, maximumBytes: settings.maximumQueuedBytes)))
    }

    // MARK: Callers, on any thread

    /// Sends commands that belong together and waits for all their replies.
    func send(
        expecting count: Int, deadline: Deadline, _ write: (inout RESPEncoder) -> Void
    ) async -> Queue.Outcome {
        if Task.isCancelled { return .failure(Self.cancelled) }
        let ticket = tickets.wrappingAdd(1, ordering: .relaxed).oldValue
        return await withTaskCancellationHandler {
            #if DEBUG
            await withCheckedContinuation { continuation in
                submit(.caller(continuation), ticket: ticket, expecting: count, deadline: deadline, write)
                // The handler may have run before there was anything to cancel.
                if Task.isCancelled { cancel(ticket) }
            }
            #else
            await withUnsafeContinuation { continuation in
                submit(.caller(continuation), ticket: ticket, expecting: count, deadline: deadline, write)
                if Task.isCancelled { cancel(ticket) }
            }
            #endif
        } onCancel: {
            cancel(ticket)
        }
    }

    private static var cancelled: RedisError { RedisError(.cancelled, "the task was cancelled") }

    private enum Action {
        case none, connect, flush, scheduleFlush
        case refuse(RedisError)
    }

    /// Adds commands for a waiter; nil waits for nothing. The waiter is resumed exactly once, possibly before this returns.
    func submit(
        _ waiter: Waiter?, ticket: UInt64 = 0, expecting count: Int = 1, deadline: Deadline, _ write: (inout RESPEncoder) -> Void
    ) {
        let onLoop = loop.isCurrent
        let (action, sweep) = state.withLock { state -> (Action, Deadline) in
            if let reason = state.closeReason { return (.refuse(reason), .never) }
            do throws(RedisError) {
                try state.queue.enqueue(waiter, ticket: ticket, deadline: deadline, expecting: count, write)
            } catch {
                return (.refuse(error), .never)
            }
            var sweep = Deadline.never
            if deadline < state.sweepAt {
                state.sweepAt = deadline
                sweep = deadline
            }
            switch state.phase {
            case .idle:
                state.phase = .connecting
                return (.connect, sweep)
            case .open:
                if onLoop, !loop.hasPendingWork || isBatch(state.queue) { return (.flush, sweep) }
                if state.isFlushScheduled { return (.none, sweep) }
                state.isFlushScheduled = true
                return (.scheduleFlush, sweep)
            case .connecting, .draining, .closed:
                return (.none, sweep)
            }
        }
        switch action {
        case .none: break
        case .connect: loop.execute { self.startConnecting() }
        case .flush: flush()
        case .scheduleFlush: loop.execute { self.flushGathered() }
        case .refuse(let error):
            counters.refused(error)
            waiter?.resume(.failure(error))
            return
        }
        if sweep != .never {
            if onLoop { armSweep(at: sweep) } else { loop.execute { self.armSweep(at: sweep) } }
        }
    }

    /// Whether what has gathered should go out before the turn ends.
    private func isBatch(_ queue: borrowing Queue) -> Bool {
        queue.inFlight < Self.firstBatch && queue.unsent >= Self.firstBatch || queue.outboundCount > Self.batchBytes
    }

    /// The caller with this ticket gives up; it is resumed at once. What was sent keeps its place in the order of replies.
    private func cancel(_ ticket: UInt64) {
        let delivery = state.withLock { $0.queue.cancel(ticket, Self.cancelled) }
        guard let delivery else { return }
        delivery.waiter.resume(delivery.outcome)
        if settings.isDedicated { loop.execute { self.giveUp(Self.cancelled) } }
    }

    /// Commands that wait for being sent or for their replies.
    var queuedCommands: Int { state.withLock { $0.queue.count } }

    /// Whether it can take a command now.
    var isOpen: Bool { state.withLock { $0.phase == .open } }

    /// Whether it was closed for good.
    var isClosed: Bool { state.withLock { $0.closeReason != nil } }

    /// Whether the server is known to know a script. Forgotten when the connection is made anew: another server may answer.
    func knowsScript(_ digest: [UInt8]) -> Bool { state.withLock { $0.scripts.contains(digest) } }

    /// The server has run a script, or has said that it does not know it.
    func noteScript(_ digest: [UInt8], isKnown: Bool) {
        state.withLock { state in
            // Bounded: a caller that makes scripts as it goes would fill it.
            if state.scripts.count >= 1_024 { state.scripts = [] }
            if isKnown { state.scripts.insert(digest) } else { state.scripts.remove(digest) }
        }
    }

    /// Takes no more commands, waits until `deadline` for the replies of those it has, and closes. The earliest deadline of several
    /// calls counts.
    func close(drainingUntil deadline: Deadline, because reason: RedisError) async {
        state.withLock { $0.closeReason = $0.closeReason ?? reason }
        await withCheckedContinuation { continuation in
            let over = state.withLock { state in
                if state.phase == .closed { return true }
                state.drained.append(continuation)
                return false
            }
            if over { continuation.resume() } else { loop.execute { self.drain(until: deadline) } }
        }
    }
}
