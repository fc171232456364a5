/// A storage before which writes may wait: they are accepted at once, stored soon, and read by whoever asks for them.
///
/// Calls that concern one session first wait until what was accepted for it is stored, so that they see it and come after it. Lists and the state of
/// users and applications wait for the sessions of that user or application. Topics do not wait: they show what is stored.
public struct WriteBehind: StorageLayer {
    /// The storage behind.
    public let base: any Storage
    let queue: WriteBehindQueue

    /// Puts a queue before a storage. What the spool keeps from an earlier process is stored first.
    /// - Parameters:
    ///   - spool: keeps what was accepted until it is stored; `nil` when it may be lost with the process.
    ///   - executor: where sends run.
    ///   - onFailure: told of every write that was accepted and will not be stored; nobody else is.
    /// - Throws: what the spool throws.
    public init(
        on storage: any Storage, _ configuration: WriteBehindConfiguration = WriteBehindConfiguration(), spool: (any WriteSpool)? = nil,
        executor: (any TaskExecutor)? = nil, onFailure: @escaping WriteFailure.Handler
    ) async throws(StoreError) {
        base = storage
        queue = try await WriteBehindQueue(storage, configuration, spool: spool, executor: executor, onFailure: onFailure)
    }

    private init(on base: any Storage, sharing queue: WriteBehindQueue) {
        self.base = base
        self.queue = queue
    }

    /// Waits for the session's writes. Who takes something away also waits until the spool has forgotten it: it must not come back after a crash.
    public func enter(_ key: SessionKey, to use: StorageUse) async throws(StoreError) {
        try await queue.flush(key)
        if use == .remove { try await queue.settleSpool() }
    }

    /// Waits for the writes of the sessions of a user or an application.
    public func enter(_ owner: SessionQuery.Owner) async throws(StoreError) {
        try await queue.flush { key in
            switch owner {
            case .user(let user): key.owner == user
            case .app(let app): Name.isSame(key.app, app)
            }
        }
    }

    /// The same queue before the storage with another durability, which is that of writes that do not wait.
    public func with(durability: Durability) throws(StoreError) -> any Storage {
        WriteBehind(on: try base.with(durability: durability), sharing: queue)
    }

    /// The numbers of the storage and of the queue.
    public var gauges: [StorageGauge] { base.gauges + queue.gauges }

    /// Stores what waits, then closes the storage.
    public func close() async {
        await queue.close()
        await base.close()
    }
}
