internal import Synchronization

/// What a client has done so far, as numbers that only grow, and what it holds now.
public struct RedisClientStatistics: Sendable, Hashable {
    /// Connections that were made.
    public var connects = 0
    /// Attempts to connect that failed.
    public var failedConnects = 0
    /// Connections that broke after they had stood.
    public var lostConnections = 0
    /// Writes to connections; commands divided by this is how well callers share.
    public var writes = 0
    /// Commands that reached their deadline.
    public var timeouts = 0
    /// Commands refused because too many waited already.
    public var refused = 0
    /// Commands that were sent again after a failure.
    public var retries = 0
    /// Commands sent to another node because a node said so.
    public var redirects = 0
    /// Times a primary or the slots of a cluster were found elsewhere than before.
    public var topologyChanges = 0
    /// Commands that wait now, for being sent or for their replies.
    public var queued = 0
    /// Connections for one caller that are in use or kept for the next, now.
    public var dedicatedConnections = 0
    /// Subscriptions that are open now.
    public var subscriptions = 0
}

/// Counts what happens in a client; each on its own, without a lock.
final class ClientCounters: Sendable {
    private let connects = Atomic<Int>(0)
    private let failedConnects = Atomic<Int>(0)
    private let lostConnections = Atomic<Int>(0)
    private let writes = Atomic<Int>(0)
    private let timeouts = Atomic<Int>(0)
    private let refusals = Atomic<Int>(0)
    private let retries = Atomic<Int>(0)
    private let redirects = Atomic<Int>(0)
    private let topologyChanges = Atomic<Int>(0)

    func connected() { connects.wrappingAdd(1, ordering: .relaxed) }
    func failedToConnect() { failedConnects.wrappingAdd(1, ordering: .relaxed) }
    func lost() { lostConnections.wrappingAdd(1, ordering: .relaxed) }
    func wrote() { writes.wrappingAdd(1, ordering: .relaxed) }
    func timedOut(_ count: Int) { timeouts.wrappingAdd(count, ordering: .relaxed) }
    func refused(_ error: RedisError) { if error.code == .queueFull { refusals.wrappingAdd(1, ordering: .relaxed) } }
    func retried() { retries.wrappingAdd(1, ordering: .relaxed) }
    func redirected() { redirects.wrappingAdd(1, ordering: .relaxed) }
    func topologyChanged() { topologyChanges.wrappingAdd(1, ordering: .relaxed) }

    var lostConnectionCount: Int { lostConnections.load(ordering: .relaxed) }

    var statistics: RedisClientStatistics {
        var statistics = RedisClientStatistics()
        statistics.connects = connects.load(ordering: .relaxed)
        statistics.failedConnects = failedConnects.load(ordering: .relaxed)
        statistics.lostConnections = lostConnections.load(ordering: .relaxed)
        statistics.writes = writes.load(ordering: .relaxed)
        statistics.timeouts = timeouts.load(ordering: .relaxed)
        statistics.refused = refusals.load(ordering: .relaxed)
        statistics.retries = retries.load(ordering: .relaxed)
        statistics.redirects = redirects.load(ordering: .relaxed)
        statistics.topologyChanges = topologyChanges.load(ordering: .relaxed)
        return statistics
    }
}
