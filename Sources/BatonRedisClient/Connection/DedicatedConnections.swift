internal import BatonIO
internal import Synchronization

/// Connections that one caller has for itself: for commands that the server holds back, for WATCH, for subscriptions. They are made when
/// wanted, kept for the next one when they are still whole, and bounded.
final class DedicatedConnections: Sendable {
    private struct State {
        var idle: [Connection] = []
        var count = 0
        var isClosed = false
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
    /// - Throws: ``RedisError`` with the code `queueFull` or `closed`.
    func lease() throws(RedisError) -> Connection {
        let outcome: Result<Connection, RedisError> = state.withLock { state in
            if state.isClosed { return .failure(RedisError(.closed, "the client was closed")) }
            while let connection = state.idle.popLast() {
                if !connection.isClosed { return .success(connection) }
                state.count -= 1
            }
            guard state.count < maximum else {
                return .failure(RedisError(.queueFull, "\(maximum) dedicated connections are open already"))
            }
            state.count += 1
            return .success(Connection(settings, on: loop, counters: counters))
        }
        return try outcome.get()
    }

    /// Gives a connection back. One that may still have something to say is closed.
    func giveBack(_ connection: Connection, isClean: Bool) {
        let isKept = state.withLock { state in
            if isClean, !state.isClosed, state.idle.count < Self.maximumIdle, !connection.isClosed {
                state.idle.append(connection)
                return true
            }
            state.count -= 1
            return false
        }
        if !isKept { connection.discard() }
    }

    /// Closes for good: those that are kept now, those in use when they are given back.
    func close() {
        state.withLock { $0.isClosed = true }
        closeIdle()
    }

    /// Closes those that are kept.
    func closeIdle() {
        let idle = state.withLock { state in
            defer { state.idle = [] }
            state.count -= state.idle.count
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
