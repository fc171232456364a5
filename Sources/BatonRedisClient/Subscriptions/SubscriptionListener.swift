internal import BatonIO
internal import Synchronization

/// Keeps a subscription alive: one connection after the other, each subscribed to the same.
final class SubscriptionListener: Sendable {
    private struct State {
        var connection: Connection?
        var isClosed = false
        var restart: Task<Void, Never>?
    }

    let events: EventMailbox
    private let target: RedisSubscriptionTarget
    private let settings: ConnectionSettings
    private let loop: EventLoop
    private let counters: ClientCounters
    /// Called when it is closed; once.
    private let closed = Mutex<(@Sendable () -> Void)?>(nil)
    private let state = Mutex(State())

    init(_ target: RedisSubscriptionTarget, settings: ConnectionSettings, on loop: EventLoop, counters: ClientCounters, capacity: Int) {
        self.target = target
        self.settings = settings
        self.loop = loop
        self.counters = counters
        events = EventMailbox(capacity: capacity)
    }

    /// Has something done when it is closed.
    func whenClosed(_ action: @escaping @Sendable () -> Void) { closed.withLock { $0 = action } }

    /// Connects and subscribes, trying again while that may help.
    func start(by deadline: Deadline) async throws(RedisError) {
        var attempt = 0
        while true {
            do throws(RedisError) {
                return try await subscribe(by: deadline)
            } catch {
                guard RetryDecision.after(error, .always) != .fail, !isClosed else { throw error }
                attempt += 1
                var random = SystemRandomNumberGenerator()
                let wait = settings.backoff.wait(attempt, using: &random)
                guard Deadline.after(wait) < deadline else { throw error }
                do throws(IOError) { try await loop.sleep(for: wait) } catch { throw RedisError(.cancelled, "the task was cancelled") }
            }
        }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    private func subscribe(by deadline: Deadline) async throws(RedisError) {
        var settings = settings.dedicated
        settings.received = { [events] push in
            if let message = RedisMessage(push) { events.add(.message(message)) }
        }
        settings.lost = { [weak self] _ in self?.restart() }
        let connection = Connection(settings, on: loop, counters: counters)
        let previous = state.withLock { state -> Connection? in
            guard !state.isClosed else { return connection }
            defer { state.connection = connection }
            return state.connection
        }
        previous?.discard()
        // A subscription is confirmed by pushes, not by a reply. The reply to a PING behind it says that all of them have come, in both
        // protocols; a refusal comes in its place.
        let outcome = await connection.send(expecting: 1, deadline: deadline) { encoder in
            encoder.write(RawCommand(target.words))
            encoder.write(PING())
        }
        switch outcome {
        case .failure(let error): throw error
        case .reply(let reply):
            guard let error = reply.error else { return }
            connection.discard()
            throw error
        case .replies: throw RedisError(.protocolViolation, "several replies to one command")
        }
    }

    /// The connection broke: whoever reads learns it when listening goes on.
    private func restart() {
        state.withLock { state in
            guard !state.isClosed, state.restart == nil else { return }
            state.restart = Task(executorPreference: loop) { [weak self] in
                var isListening = false
                var attempt = 0
                while !isListening, let self, !self.isClosed {
                    attempt += 1
                    var random = SystemRandomNumberGenerator()
                    do {
                        try await self.loop.sleep(for: self.settings.backoff.wait(attempt, using: &random))
                        try await self.subscribe(by: .after(self.settings.connectTimeout))
                        isListening = true
                    } catch {
                        if Task.isCancelled { return }
                    }
                }
                guard let self else { return }
                self.events.add(.gap)
                self.state.withLock { $0.restart = nil }
                // It may have broken again before this line.
                if self.state.withLock({ $0.connection?.isClosed ?? true }) { self.restart() }
            }
        }
    }

    /// Ends it.
    func close() {
        let (connection, restart) = state.withLock { state -> (Connection?, Task<Void, Never>?) in
            state.isClosed = true
            defer {
                state.connection = nil
                state.restart = nil
            }
            return (state.connection, state.restart)
        }
        restart?.cancel()
        connection?.discard()
        events.end()
        let action = closed.withLock { action in
            defer { action = nil }
            return action
        }
        action?()
    }
}

/// The open subscriptions of a client, to end with it.
final class Subscriptions: Sendable {
    private struct State {
        var listeners: [ObjectIdentifier: SubscriptionListener] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let maximum: Int

    init(maximum: Int) { self.maximum = maximum }

    /// How many there are.
    var count: Int { state.withLock { $0.listeners.count } }

    /// Adds one; it goes when it is closed.
    /// - Throws: ``RedisError`` with the code `queueFull` or `closed`.
    func add(_ listener: SubscriptionListener) throws(RedisError) {
        let refusal = state.withLock { state -> RedisError? in
            if state.isClosed { return RedisError(.closed, "the client was closed") }
            guard state.listeners.count < maximum else { return RedisError(.queueFull, "\(maximum) subscriptions are open already") }
            state.listeners[ObjectIdentifier(listener)] = listener
            return nil
        }
        if let refusal { throw refusal }
        listener.whenClosed { [weak self, identifier = ObjectIdentifier(listener)] in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: identifier) }
        }
    }

    /// Ends all of them.
    func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.close() }
    }
}
