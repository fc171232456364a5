/// What a subscription brings.
public enum RedisSubscriptionEvent: Sendable {
    /// Somebody published.
    case message(RedisMessage)
    /// Messages may have been missed: the connection broke and has been made anew, or they came faster than they were taken.
    case gap
}

/// A published message.
public struct RedisMessage: Sendable {
    /// The channel it was published on.
    public let channel: RedisKey
    /// The pattern that the channel matched; nil when the channel itself was subscribed to.
    public let pattern: RedisKey?
    /// What was published.
    public let payload: ArraySlice<UInt8>

    /// Reads `message`, `pmessage` and `smessage`; nil for what is no message.
    init?(_ push: RedisReply) {
        guard let parts = push.elements.map(Array.init), let kind = parts.first?.string else { return nil }
        switch (kind, parts.count) {
        case ("message", 3), ("smessage", 3):
            guard let channel = parts[1].bytes, let payload = parts[2].bytes else { return nil }
            self.init(channel: RedisKey(Array(channel)), pattern: nil, payload: payload)
        case ("pmessage", 4):
            guard let pattern = parts[1].bytes, let channel = parts[2].bytes, let payload = parts[3].bytes else { return nil }
            self.init(channel: RedisKey(Array(channel)), pattern: RedisKey(Array(pattern)), payload: payload)
        default: return nil
        }
    }

    private init(channel: RedisKey, pattern: RedisKey?, payload: ArraySlice<UInt8>) {
        self.channel = channel
        self.pattern = pattern
        self.payload = payload
    }
}

/// What to listen to.
public enum RedisSubscriptionTarget: Sendable, Hashable {
    /// Channels by name.
    case channels([RedisKey])
    /// Channels whose names match patterns.
    case patterns([RedisKey])
    /// Channels that belong to a slot of the cluster, all to the same (7.0 and later).
    case shardChannels([RedisKey])

    var names: [RedisKey] {
        switch self {
        case .channels(let names), .patterns(let names), .shardChannels(let names): names
        }
    }

    var words: [RedisArgument] {
        let command: RedisArgument =
            switch self {
            case .channels: "SUBSCRIBE"
            case .patterns: "PSUBSCRIBE"
            case .shardChannels: "SSUBSCRIBE"
            }
        return [command] + names.map { RedisArgument($0) }
    }
}

/// Messages as they come, on a connection of their own that is made anew when it breaks.
///
/// Pub/sub keeps nothing: whoever is away misses what is published, and is told so by ``RedisSubscriptionEvent/gap``. It ends when it is
/// closed, released, or its client is closed. For one reader at a time.
public final class RedisSubscription: Sendable, AsyncSequence {
    /// What is read.
    public typealias Element = RedisSubscriptionEvent
    let listener: SubscriptionListener

    init(_ listener: SubscriptionListener) { self.listener = listener }

    deinit { listener.close() }

    /// Ends it: what has arrived can still be read.
    public func close() { listener.close() }

    /// Reads the events.
    public func makeAsyncIterator() -> Iterator { Iterator(subscription: self) }

    /// Where reading stands.
    public struct Iterator: AsyncIteratorProtocol {
        let subscription: RedisSubscription

        /// The next event; nil when the subscription or the reading task has ended.
        public mutating func next() async -> RedisSubscriptionEvent? { await subscription.listener.events.next() }

        /// The next event; nil when the subscription or the reading task has ended.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> RedisSubscriptionEvent? {
            await subscription.listener.events.next()
        }
    }
}

extension RedisClient {
    /// Subscribes; returns once the server has confirmed.
    /// - Parameter capacity: how many events may wait for the reader; at more the oldest give way to one ``RedisSubscriptionEvent/gap``.
    /// - Throws: ``RedisError``.
    public func subscribe(to target: RedisSubscriptionTarget, capacity: Int = 1_024) async throws(RedisError) -> RedisSubscription {
        guard !target.names.isEmpty else { throw RedisError(.unsupported, "there is nothing to subscribe to") }
        let deadline = deadline(for: nil)
        let keys: [RedisKey] = if case .shardChannels(let names) = target { names } else { [] }
        let route = try await router.route(keys: keys, isReadOnly: false, by: deadline)
        let listener = SubscriptionListener(target, settings: route.node.settings, on: route.node.loop, counters: counters, capacity: capacity)
        try subscriptions.add(listener)
        do throws(RedisError) {
            try await listener.start(by: deadline)
        } catch {
            listener.close()
            throw error
        }
        return RedisSubscription(listener)
    }
}
