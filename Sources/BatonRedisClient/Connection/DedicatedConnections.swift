internal import BatonIO
internal import Synchronization

/// Connections that one caller has for itself: for commands that the server holds back, for WATCH, for subscriptions. They are made when
/// wanted, kept for the next one when they are still whole, and bounded.
final class DedicatedConnections: Sendable {
    /// A connection that somebody has.
    private struct Lease {
        let connection: Connection
        /// It was taken for a command that waits on the server, which has nothing to lose when the wait ends early.
        let isForWaiting: Bool
    }

    private struct State {
        var idle: [Connection] = []
        var leases: [ObjectIdentifier: Lease] = [:]
        var isClosed = false

        var count: Int { idle.count + leases.count }
    }

    private let settings: ConnectionSettings
    private let loop: EventLoop
    private let counters: ClientCounters
    private let maximum: Int
    private let state = Mutex(State())

    /// More are closed when they are given back.
    private static let maximumIdle = 32

    init(_ settings: ConnectionSettings, on loop: EventLoop, counters: ClientCounters, maximum: Int) {
        self.settings = settings.dedicated
        self.loop = loop
        self.counters = counters
        self.maximum = maximum
    }

    /// How many there are, in use or kept.
    var count: Int { state.withLock { $0.count } }

    /// A connection for the caller alone; it has to be given back.
    /// - Parameter waiting: for one command that waits on the server.
    /// - Throws: ``RedisError`` with the code `queueFull` or `closed`.
    func lease(forWaiting waiting: Bool) throws(RedisError) -> Connection {
        let outcome: Result<Connection, RedisError> = state.withLock { state in
            if state.isClosed { return .failure(RedisError(.closed, "the client was closed")) }
            var connection = state.idle.popLast()
            while let kept = connection, kept.isClosed { connection = state.idle.popLast() }
            guard connection != nil || state.count < maximum else {
                return .failure(RedisError(.queueFull, "\(maximum) dedicated connections are open already"))
            }
            let leased = connection ?? Connection(settings, on: loop, counters: counters)
            state.leases[ObjectIdentifier(leased)] = Lease(connection: leased, isForWaiting: waiting)
            return .success(leased)
        }
        return try outcome.get()
    }

    /// Gives a connection back. One that may still have something to say is closed.
    func giveBack(_ connection: Connection, isClean: Bool) {
        let isKept = state.withLock { state in
            state.leases[ObjectIdentifier(connection)] = nil
            if isClean, !state.isClosed, state.idle.count < Self.maximumIdle, !connection.isClosed {
                state.idle.append(connection)
                return true
            }
            return false
        }
        if !isKept { connection.discard() }
    }

    /// Closes for good. Waits on the server end at once; whoever else has a connection gets until `deadline` for its replies.
    func close(drainingUntil deadline: Deadline, because reason: RedisError) async {
        let leases = state.withLock { state in
            state.isClosed = true
            return Array(state.leases.values)
        }
        closeIdle()
        await withTaskGroup(of: Void.self) { group in
            for lease in leases {
                group.addTask { await lease.connection.close(drainingUntil: lease.isForWaiting ? .now : deadline, because: reason) }
            }
        }
    }

    /// Closes those that are kept.
    func closeIdle() {
        let idle = state.withLock { state in
            defer { state.idle = [] }
            return state.idle
        }
        for connection in idle { connection.discard() }
    }
}

extension Connection {
    /// Closes without waiting for anything.
    func discard() {
        state.withLock { state in
            state.closeReason = state.closeReason ?? RedisError(.closed, "the connection was closed")
        }
        loop.execute { self.finish() }
    }
}
