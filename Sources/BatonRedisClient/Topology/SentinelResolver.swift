internal import BatonIO
internal import Synchronization

/// Finds the primary of a name by asking Sentinels, and hears of it when they have chosen another
/// (redis.io, "Guidelines for Redis clients with support for Redis Sentinel").
final class SentinelResolver: Sendable {
    private struct State {
        /// Those named by the configuration and those they told of, the one that answered last in front.
        var sentinels: [RedisEndpoint]
        /// Where the primary was found last.
        var primary: RedisEndpoint?
        /// Where it was said to be and was not.
        var suspect: RedisEndpoint?
        var watch: SubscriptionListener?
        var isClosed = false
    }

    private let name: String
    private let seeds: [RedisEndpoint]
    private let configuration: RedisConfiguration
    private let trust: TrustStore?
    private let counters: ClientCounters
    private let state: Mutex<State>
    /// Called when the primary has moved.
    private let moved = Mutex<(@Sendable () -> Void)?>(nil)

    /// More are not asked: what they told of is not bounded otherwise.
    private static let maximumSentinels = 32

    init(name: String, seeds: [RedisEndpoint], _ configuration: RedisConfiguration, counters: ClientCounters) {
        self.name = name
        self.seeds = seeds
        self.configuration = configuration
        self.counters = counters
        trust = configuration.sentinelTLS.map(TrustStore.init)
        state = Mutex(State(sentinels: seeds))
    }

    /// Where the primary was found last; nil until it was looked for.
    var primary: RedisEndpoint? { state.withLock { $0.primary } }

    /// Has something done when the primary has moved.
    func whenMoved(_ action: @escaping @Sendable () -> Void) { moved.withLock { $0 = action } }

    /// Asks all Sentinels at once and takes the first valid answer; an answer that proved wrong last time only when no other comes.
    /// - Throws: ``RedisError`` with the code `noPrimary`, or why no Sentinel could be asked.
    func resolve(on loop: EventLoop, by deadline: Deadline) async throws(RedisError) -> RedisEndpoint {
        let (sentinels, suspect) = state.withLock { ($0.sentinels, $0.suspect) }
        var failure = RedisError(.noPrimary, "none of \(sentinels.count) Sentinels knows a primary named \"\(name)\"")
        let found = await withTaskGroup(of: Answer.self) { group -> RedisEndpoint? in
            for sentinel in sentinels { group.addTask { await self.ask(sentinel, on: loop, by: deadline) } }
            var fallback: RedisEndpoint?
            for await answer in group {
                switch answer {
                // Servers and Sentinels have logins and certificates of their own, so it has to be said who refused.
                case .failed(let error, let sentinel):
                    if error.isPermanent { failure = RedisError(error.code, "the Sentinel at \(sentinel): \(error.message)", underlying: error) }
                case .unknown: break
                case .primary(let endpoint, let sentinel, let others):
                    remember(sentinel, others)
                    guard endpoint != suspect else {
                        fallback = endpoint
                        continue
                    }
                    group.cancelAll()
                    return endpoint
                }
            }
            return fallback
        }
        guard let found else { throw failure }
        note(found)
        watch(on: loop)
        return found
    }

    private enum Answer: Sendable {
        case primary(RedisEndpoint, from: RedisEndpoint, others: [RedisEndpoint])
        case unknown
        case failed(RedisError, by: RedisEndpoint)
    }

    private func ask(_ sentinel: RedisEndpoint, on loop: EventLoop, by deadline: Deadline) async -> Answer {
        let connection = Connection(settings { (_, _) throws(RedisError) in sentinel }, on: loop, counters: counters)
        defer { connection.discard() }
        let outcome = await connection.send(expecting: 2, deadline: deadline) { encoder in
            encoder.write(RawCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", .string(name)]))
            encoder.write(RawCommand(["SENTINEL", "SENTINELS", .string(name)]))
        }
        do throws(RedisError) {
            switch outcome {
            case .failure(let error): throw error
            case .reply(let reply): throw reply.unexpected("two replies")
            case .replies(let replies):
                guard let address = replies.first, let list = replies.last else { throw RedisError(.protocolViolation, "no reply") }
                if let error = address.error { throw error }
                guard let endpoint = try SentinelReplies.primary(address) else { return .unknown }
                return .primary(endpoint, from: sentinel, others: (try? SentinelReplies.sentinels(list)) ?? [])
            }
        } catch {
            return .failed(error, by: sentinel)
        }
    }

    private func settings(
        _ endpoint: @escaping @Sendable (EventLoop, Deadline) async throws(RedisError) -> RedisEndpoint
    ) -> ConnectionSettings {
        var settings = ConnectionSettings(configuration, endpoint: endpoint)
        settings.credentials = configuration.sentinelCredentials
        settings.tls = trust
        settings.database = 0
        settings.isDedicated = true
        return settings
    }

    private func remember(_ sentinel: RedisEndpoint, _ others: [RedisEndpoint]) {
        state.withLock { state in
            var known = [sentinel]
            for other in seeds + others + state.sentinels where !known.contains(other) && known.count < Self.maximumSentinels { known.append(other) }
            state.sentinels = known
        }
    }

    private func note(_ endpoint: RedisEndpoint) {
        let hasMoved = state.withLock { state in
            defer { state.primary = endpoint }
            return state.primary != nil && state.primary != endpoint
        }
        if hasMoved { counters.topologyChanged() }
    }

    /// The primary was not where a Sentinel said.
    func distrust(_ endpoint: RedisEndpoint) { state.withLock { $0.suspect = endpoint } }

    /// The primary was where a Sentinel said.
    func trust(_ endpoint: RedisEndpoint) { state.withLock { if $0.suspect == endpoint { $0.suspect = nil } } }

    // MARK: +switch-master

    private func watch(on loop: EventLoop) {
        let listener = state.withLock { state -> SubscriptionListener? in
            guard state.watch == nil, !state.isClosed else { return nil }
            // Whichever Sentinel answered last; another one when it goes.
            let settings = settings { [weak self] (_, _) throws(RedisError) in
                guard let sentinel = self?.nextSentinel() else { throw RedisError(.closed, "the client was closed") }
                return sentinel
            }
            let listener = SubscriptionListener(.channels(["+switch-master"]), settings: settings, on: loop, counters: counters, capacity: 64)
            state.watch = listener
            return listener
        }
        guard let listener else { return }
        Task(executorPreference: loop) { [weak self] in
            do {
                try await listener.start(by: .after(.seconds(5)))
            } catch {
                // The next resolution tries again.
                self?.forget(listener)
                listener.close()
                return
            }
            while let event = await listener.events.next() {
                guard let self else { return }
                switch event {
                // What was missed may have been the switch; a connection to a server that is no primary any more is found out by READONLY.
                case .gap: break
                case .message(let message):
                    if let switched = SentinelReplies.switched(message.payload), switched.primary == self.name { self.announce(switched.endpoint) }
                }
            }
        }
    }

    private func nextSentinel() -> RedisEndpoint? {
        state.withLock { state in
            guard !state.isClosed, !state.sentinels.isEmpty else { return nil }
            let sentinel = state.sentinels.removeFirst()
            state.sentinels.append(sentinel)
            return sentinel
        }
    }

    private func forget(_ listener: SubscriptionListener) {
        state.withLock { if $0.watch === listener { $0.watch = nil } }
    }

    /// The primary is at another place now.
    private func announce(_ endpoint: RedisEndpoint) {
        guard state.withLock({ $0.primary != endpoint }) else { return }
        moved.withLock { $0 }?()
    }

    func close() {
        let watch = state.withLock { state in
            state.isClosed = true
            defer { state.watch = nil }
            return state.watch
        }
        watch?.close()
        moved.withLock { $0 = nil }
    }
}
