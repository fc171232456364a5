internal import BatonIO

/// The connections of a client to its one server.
///
/// Sendable: touched on the loop's thread only.
final class ConnectionPool: @unchecked Sendable {
    static let staleMessage = "the server had closed the kept connection"

    private let loop: EventLoop
    private let url: HTTPURL
    private let configuration: HTTPClient.Configuration
    /// The most recently used last: it is taken first, and the others grow old.
    private var idle: [ClientConnection] = []
    private var count = 0
    private var waiters: [PoolWaiter] = []
    private var isClosed = false
    private var open: [ObjectIdentifier: ClientConnection] = [:]

    init(_ loop: EventLoop, _ url: HTTPURL, _ configuration: HTTPClient.Configuration) {
        self.loop = loop
        self.url = url
        self.configuration = configuration
    }

    /// An idle connection, or a new one, or the first to come free when there are as many as may be.
    func take(fresh: Bool, by deadline: Deadline) async throws(HTTPError) -> ClientConnection {
        assert(loop.isCurrent)
        guard !isClosed else { throw HTTPError(.closed, "the client is closed") }
        let oldest = Deadline.now.nanoseconds - configuration.idleTimeout.nanosecondCount
        while let connection = idle.popLast() {
            if connection.channel.isOpen, !fresh, connection.idleSince.nanoseconds > oldest { return connection }
            connection.channel.close()
        }
        if count >= configuration.maximumConnections {
            if let connection = try await wait(by: deadline) { return connection }
        } else {
            count += 1
        }
        // A place is ours now, counted.
        do throws(IOError) {
            let limit = min(deadline, .after(configuration.connectTimeout))
            let channel = try await Channel.connect(
                to: url.endpoint, on: loop, tls: configuration.tls, deadline: limit, allowing: configuration.allowsAddress)
            let connection = ClientConnection(channel, pool: self, limits: configuration.limits)
            guard !isClosed else {
                channel.close()
                throw IOError(.closed, "the client is closed")
            }
            open[ObjectIdentifier(connection)] = connection
            return connection
        } catch {
            giveUpPlace()
            switch error.code {
            case .timedOut: throw HTTPError(.timedOut, "could not connect to \(url) in time", underlying: error)
            case .cancelled: throw HTTPError(.cancelled, "the task was cancelled")
            default: throw HTTPError(.unreachable, "could not connect to \(url)", underlying: error)
            }
        }
    }

    func release(_ connection: ClientConnection) {
        connection.idleSince = .now
        if isClosed {
            connection.channel.close()
        } else if let waiter = nextWaiter() {
            waiter.end(with: .success(connection))
        } else if idle.count < configuration.maximumIdleConnections {
            idle.append(connection)
        } else {
            connection.channel.close()
        }
    }

    func closed(_ connection: ClientConnection) {
        guard open.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        idle.removeAll { $0 === connection }
        giveUpPlace()
    }

    func close() {
        isClosed = true
        idle = []
        for connection in open.values { connection.channel.close() }
        let all = waiters
        waiters = []
        for waiter in all { waiter.end(with: .failure(HTTPError(.closed, "the client is closed"))) }
    }

    private func giveUpPlace() {
        if let waiter = nextWaiter() {
            // The place goes to the one who waits, who connects.
            waiter.end(with: .success(nil))
        } else {
            count -= 1
        }
    }

    private func nextWaiter() -> PoolWaiter? {
        waiters.isEmpty ? nil : waiters.removeFirst()
    }

    private func wait(by deadline: Deadline) async throws(HTTPError) -> ClientConnection? {
        guard waiters.count < configuration.maximumWaiting else {
            throw HTTPError(.unreachable, "all \(configuration.maximumConnections) connections are busy and \(waiters.count) requests wait for one")
        }
        let waiter = PoolWaiter()
        let outcome: Result<ClientConnection?, HTTPError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled else {
                    continuation.resume(returning: .failure(HTTPError(.cancelled, "the task was cancelled")))
                    return
                }
                waiter.continuation = continuation
                waiters.append(waiter)
                guard deadline != .never else { return }
                waiter.timer = loop.schedule(at: deadline) {
                    self.remove(waiter, HTTPError(.timedOut, "no connection came free in time"))
                }
            }
        } onCancel: {
            loop.execute { self.remove(waiter, HTTPError(.cancelled, "the task was cancelled")) }
        }
        return try outcome.get()
    }

    private func remove(_ waiter: PoolWaiter, _ error: HTTPError) {
        waiters.removeAll { $0 === waiter }
        waiter.end(with: .failure(error))
    }
}

/// A request that waits for a connection. Sendable: touched on the loop's thread only.
private final class PoolWaiter: @unchecked Sendable {
    var continuation: CheckedContinuation<Result<ClientConnection?, HTTPError>, Never>?
    var timer: Timer?

    func end(with outcome: Result<ClientConnection?, HTTPError>) {
        timer?.cancel()
        timer = nil
        continuation?.resume(returning: outcome)
        continuation = nil
    }
}
