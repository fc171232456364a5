public import BatonIO
internal import Synchronization

/// A client of Redis or Valkey: one server, one found through Sentinels, or a cluster.
///
/// It is usable as soon as it is made, connects when the first command comes and again when a connection breaks. All callers of a loop
/// share one connection, on which their commands gather by themselves; commands that wait on the server get connections of their own.
/// Every command ends by its deadline, with its reply or with an error that says whether the server may have run it.
public final class RedisClient: Sendable {
    /// What the client was made with.
    public let configuration: RedisConfiguration
    let loops: [EventLoop]
    let counters = ClientCounters()
    let subscriptions: Subscriptions
    let router: Router
    let observer: (any RedisObserver)?
    private let ownsLoop: Bool
    private let isClosed = Atomic<Bool>(false)

    /// Makes a client. Nothing is connected yet.
    /// - Parameters:
    ///   - loops: the loops its connections live on; empty makes one of its own, which ends with ``close(drainingFor:)``.
    ///   - observer: told of every command.
    /// - Throws: ``RedisError`` with the code `invalidConfiguration`.
    public init(_ configuration: RedisConfiguration, on loops: [EventLoop] = [], observer: (any RedisObserver)? = nil) throws(RedisError) {
        try configuration.validate()
        self.configuration = configuration
        self.observer = observer
        subscriptions = Subscriptions(maximum: configuration.maximumDedicatedConnections)
        ownsLoop = loops.isEmpty
        if loops.isEmpty {
            do {
                self.loops = [try EventLoop(EventLoop.Configuration(name: "baton-redis"))]
            } catch {
                throw RedisError(.connectionFailed, "no event loop could be made: \(error.message)", underlying: error)
            }
        } else {
            self.loops = loops
        }
        router = Router(configuration, on: self.loops, counters: counters)
    }

    /// Makes a client for a URL or connection string.
    /// - Throws: ``RedisError`` with the code `invalidConfiguration`.
    public convenience init(_ address: String, on loops: [EventLoop] = []) throws(RedisError) {
        try self.init(RedisConfiguration(address), on: loops)
    }

    /// Sends a command and reads its reply.
    /// - Parameter deadline: by when it ends, repetitions and redirections included; nil is the configured timeout from now, or for a
    ///   command that waits on the server twice its wait and the timeout.
    /// - Throws: ``RedisError``.
    public func send<Command: RedisCommand>(_ command: Command, deadline: Deadline? = nil) async throws(RedisError) -> Command.Response {
        guard let observer else { return try await perform(command, deadline) }
        let end = observer.commandBegan(command.name)
        do throws(RedisError) {
            let response = try await perform(command, deadline)
            end(nil)
            return response
        } catch {
            end(error)
            throw error
        }
    }

    /// Sends a command made of words; keys must be named for a cluster. It is not repeated.
    /// - Throws: ``RedisError``.
    public func send(_ words: RedisArgument..., keys: [RedisKey] = [], deadline: Deadline? = nil) async throws(RedisError) -> RedisReply {
        try await send(RawCommand(words, keys: keys), deadline: deadline)
    }

    /// Sends a command and waits until replicas have taken it over, with WAIT right behind it on the same connection and in the same round trip.
    ///
    /// The connection is one of its own, because the server holds back whatever would come behind. When the command is sent again, to whichever
    /// node, the wait is too, so the count is always that of the server that ran it.
    /// - Parameters:
    ///   - replicas: how many are waited for.
    ///   - wait: how long at most, in whole milliseconds, at least one; zero would be without end.
    ///   - deadline: as for ``send(_:deadline:)``.
    /// - Returns: the response, and how many replicas have it, or why the server would not say. Fewer than asked for does not mean that
    ///   the write is lost.
    /// - Throws: ``RedisError``.
    public func send<Command: RedisCommand>(
        _ command: Command, confirmedBy replicas: Int, within wait: Duration, deadline: Deadline? = nil
    ) async throws(RedisError) -> (response: Command.Response, replicas: Result<Int, RedisError>) {
        let prepared = PreparedCommand(command, confirmation: WAIT(replicas: replicas, timeout: max(wait, .milliseconds(1))))
        let deadline = deadline ?? self.deadline(for: wait)
        return try await observed(command.name) { () async throws(RedisError) in
            let (reply, confirmation) = try await self.recoverConfirmed(prepared, alone: true, by: deadline)
            let count: Result<Int, RedisError>
            do throws(RedisError) {
                guard let confirmation else { throw RedisError(.protocolViolation, "no reply to WAIT") }
                if let refusal = confirmation.error { throw refusal }
                count = .success(try Int(confirmation))
            } catch { count = .failure(error) }
            return (try command.decode(reply), count)
        }
    }

    private func perform<Command: RedisCommand>(_ command: Command, _ deadline: Deadline?) async throws(RedisError) -> Command.Response {
        let began = Deadline.now
        let deadline = deadline ?? self.deadline(for: command.blocks, from: began)
        guard case .single(let node, _) = router, command.blocks == nil else {
            return try command.decode(await recover(PreparedCommand(command), alone: command.blocks != nil, by: deadline))
        }
        // The usual way, without anything it does not need.
        let outcome = await node.connection.send(expecting: 1, deadline: deadline) { $0.write(command) }
        if case .reply(let reply) = outcome, reply.kind != .error { return try command.decode(reply) }
        return try command.decode(await recover(PreparedCommand(command), first: outcome, sentAt: began, by: deadline))
    }

    // MARK: Ending

    /// A client that is let go of without being closed is closed at once, so that it leaves no connection and no thread behind.
    deinit {
        guard !isClosed.load(ordering: .acquiring) else { return }
        subscriptions.close()
        let router = router
        let ownLoops = ownsLoop ? loops : []
        Task {
            await router.close(drainingUntil: .now, because: RedisError(.closed, "the client was let go of"))
            for loop in ownLoops { await loop.shutdown() }
        }
    }

    /// Takes no more commands, waits at most `duration` for the replies of those under way, and closes every connection.
    public func close(drainingFor duration: Duration = .seconds(5)) async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        subscriptions.close()
        await router.close(drainingUntil: .after(duration), because: RedisError(.closed, "the client was closed"))
        if ownsLoop { for loop in loops { await loop.shutdown() } }
    }

    /// How many connections have broken after they stood; when it has not changed, every command went to the servers it went to before.
    public var lostConnections: Int { counters.lostConnectionCount }

    /// What the client has done and holds.
    public var statistics: RedisClientStatistics {
        var statistics = counters.statistics
        for node in router.nodes {
            statistics.queued += node.queuedCommands
            statistics.dedicatedConnections += node.dedicatedCount
        }
        statistics.subscriptions = subscriptions.count
        return statistics
    }
}
