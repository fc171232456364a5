public import BatonCore

extension RedisStorage {
    /// Tells whoever listens to `channel` now, on this process and others.
    public func signal(_ payload: JSON, on channel: String) async throws(StoreError) {
        try checkOpen()
        try await bus.signals.signal(payload, on: channel)
    }

    /// Calls `listener` with every signal on `channel`, until the observation is cancelled.
    public func listen(to channel: String, _ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation {
        try checkOpen()
        return try await bus.signals.listen(to: channel, listener)
    }

    /// Says that somebody waits for this topic, until the observation is cancelled.
    public func watch(topic: String) -> StorageObservation {
        guard case .stream(let keys)? = try? bus.place(of: topic) else { return StorageObservation {} }
        return topics.watch(keys)
    }
}
