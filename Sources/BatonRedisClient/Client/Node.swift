internal import BatonIO

/// One server, or one part that a server plays: a shared connection for each loop, and connections for single callers.
final class Node: Sendable {
    let settings: ConnectionSettings
    private let loops: [EventLoop]
    private let shared: [Connection]
    private let dedicated: [DedicatedConnections]

    init(_ settings: ConnectionSettings, on loops: [EventLoop], counters: ClientCounters, maximumDedicated: Int) {
        self.settings = settings
        self.loops = loops
        shared = loops.map { Connection(settings, on: $0, counters: counters) }
        dedicated = loops.map { DedicatedConnections(settings, on: $0, counters: counters, maximum: max(1, maximumDedicated / loops.count)) }
    }

    /// Which loop is that of the calling thread; the first when none is.
    private var index: Int {
        guard loops.count > 1, let current = EventLoop.current else { return 0 }
        return loops.firstIndex { $0 === current } ?? 0
    }

    /// The loop of the calling thread, else the first.
    var loop: EventLoop { loops[index] }

    /// The connection shared by the callers of this loop.
    var connection: Connection { shared[index] }

    /// Where to get a connection for one caller.
    var pool: DedicatedConnections { dedicated[index] }

    /// Commands that wait.
    var queuedCommands: Int { shared.reduce(0) { $0 + $1.queuedCommands } }
    /// Connections for single callers.
    var dedicatedCount: Int { dedicated.reduce(0) { $0 + $1.count } }

    /// Breaks all shared connections, to be made anew where the server is now; but not those that were made after `moment`, when what is
    /// known now was not known of them. Many callers learn of one change at once.
    func reconnect(because reason: RedisError, olderThan moment: Deadline = .now) {
        for connection in shared {
            connection.loop.execute { if connection.socket.openedAt <= moment { connection.giveUp(reason) } }
        }
        for pool in dedicated { pool.closeIdle() }
    }

    /// Waits until `deadline` for what is under way, and closes.
    func close(drainingUntil deadline: Deadline, because reason: RedisError) async {
        await withTaskGroup(of: Void.self) { group in
            for pool in dedicated { group.addTask { await pool.close(drainingUntil: deadline, because: reason) } }
            for connection in shared { group.addTask { await connection.close(drainingUntil: deadline, because: reason) } }
        }
    }
}
