internal import BatonIO

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// One loop's part of a server: its connections and streams, and one sweep for all of them.
///
/// Sendable: the `let`s are, and every `var` is touched on the loop's thread only.
final class ServerShard: @unchecked Sendable {
    let loop: EventLoop
    let configuration: HTTPServer.Configuration
    let handler: HTTPServer.Handler
    let observer: (any HTTPServerObserver)?

    private var connections: [ServerConnection] = []
    private var streams: [ResponseStream] = []
    private var sweepTimer: Timer?
    private var dates = HTTPDate()
    private(set) var isDraining = false
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []

    /// Now in nanoseconds, as of the last sweep: stamping a push must not cost a look at the clock.
    private(set) var coarseNow = Deadline.now.nanoseconds

    /// Streams looked at in one turn of the loop, so that heartbeats for thousands do not hold up everybody else.
    private static let streamsPerTurn = 512

    init(_ loop: EventLoop, _ configuration: HTTPServer.Configuration, _ observer: (any HTTPServerObserver)?, _ handler: @escaping HTTPServer.Handler)
    {
        self.loop = loop
        self.configuration = configuration
        self.observer = observer
        self.handler = handler
    }

    /// The `Date` of an answer given now.
    func date() -> [UInt8] {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return dates.bytes(at: Int(time.tv_sec))
    }

    func accept(_ channel: Channel) -> (any ChannelHandler)? {
        guard !isDraining else { return nil }
        let connection = ServerConnection(channel, shard: self)
        connection.index = connections.count
        connections.append(connection)
        observer?.connectionOpened()
        return connection
    }

    func remove(_ connection: ServerConnection) {
        let hole = connection.index
        guard hole >= 0 else { return }
        connection.index = -1
        let last = connections.removeLast()
        if last !== connection {
            connections[hole] = last
            last.index = hole
        }
        observer?.connectionClosed()
        if connections.isEmpty { resumeDrain() }
    }

    var connectionCount: Int { connections.count }
    var streamCount: Int { streams.count }

    // MARK: Streams

    func add(_ stream: ResponseStream) {
        stream.index = streams.count
        streams.append(stream)
        guard sweepTimer == nil else { return }
        coarseNow = Deadline.now.nanoseconds
        stream.lastActivity = coarseNow
        stream.progress = (0, coarseNow)
        scheduleSweep()
    }

    func remove(_ stream: ResponseStream) {
        let hole = stream.index
        guard hole >= 0 else { return }
        stream.index = -1
        let last = streams.removeLast()
        guard last !== stream else { return }
        streams[hole] = last
        last.index = hole
    }

    private func scheduleSweep() {
        sweepTimer = loop.schedule(after: configuration.sweepInterval) {
            self.sweepTimer = nil
            self.coarseNow = Deadline.now.nanoseconds
            self.sweep(from: 0)
        }
    }

    /// Heartbeats for silent streams, the end for those whose client takes nothing. One that moves in the list while the sweep is under way
    /// is looked at by the next.
    private func sweep(from start: Int) {
        let next = configuration.sweepInterval.nanosecondCount
        var index = start
        while index < streams.count, index < start + Self.streamsPerTurn {
            let stream = streams[index]
            let waiting = stream.waitingBytes
            if waiting == 0 {
                stream.progress = (stream.sentBytes, coarseNow)
                // Due when the interval would be over before the next sweep.
                if let heartbeat = stream.body.heartbeat, coarseNow - stream.lastActivity + next > configuration.heartbeat.nanosecondCount {
                    stream.send(heartbeat)
                }
            } else if stream.sentBytes > stream.progress.sent {
                stream.progress = (stream.sentBytes, coarseNow)
            } else if coarseNow - stream.progress.since >= configuration.writeTimeout.nanosecondCount {
                stream.close(because: .stalled)
            }
            if stream.index == index { index += 1 }
        }
        let rest = index
        if rest < streams.count {
            loop.execute { self.sweep(from: rest) }
        } else if !streams.isEmpty {
            scheduleSweep()
        }
    }

    // MARK: Drain

    /// Returns when no connection is left.
    func drain() async {
        await withCheckedContinuation { continuation in
            loop.execute {
                self.isDraining = true
                self.drainWaiters.append(continuation)
                for connection in self.connections { connection.drain() }
                if self.connections.isEmpty { self.resumeDrain() }
            }
        }
    }

    /// Closes whatever is left.
    func abort() {
        isDraining = true
        for connection in connections { connection.abort() }
    }

    private func resumeDrain() {
        guard isDraining else { return }
        let waiters = drainWaiters
        drainWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}

extension Duration {
    /// The duration in nanoseconds, at most what `Int64` holds.
    var nanosecondCount: Int64 {
        let (product, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = product.addingReportingOverflow(components.attoseconds / 1_000_000_000)
        return overflow || carried ? .max : sum
    }
}
