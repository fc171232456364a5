public import BatonCore
internal import BatonIO
internal import BatonRedis
internal import BatonRemote
internal import BatonSQLite
public import BatonTelemetry

extension SessionStore {
    /// Opens the store at an address such as `sqlite:baton.db`, `sqlite::memory:`, `redis://127.0.0.1:6379` or `http://127.0.0.1:4437`.
    ///
    /// ```swift
    /// let store = try await SessionStore.open("sqlite:baton.db")
    /// let session = try store.session("s-42", user: "u-1", app: "support")
    /// try await session.append(.message("Where is my order?", role: "user"), creating: true)
    /// await store.close()
    /// ```
    /// - Parameters:
    ///   - executor: where work for followers runs; connections to Redis live on it too when it is an event loop.
    ///   - metrics: where connections to Redis show what they do.
    ///   - tracer: begins a span around every operation; ``RecordingTracer`` with an ``OTLPExporter`` sends them to a collector.
    ///   - onWriteFailure: told of every write that was accepted and will not be stored; needed where the store writes behind.
    /// - Throws: ``StoreError/Code/invalidParameter`` for an address that cannot be read; ``StoreError/Code/storeUnavailable``,
    ///   ``StoreError/Code/storeIncompatible`` or ``StoreError/Code/storeCorrupt`` when what is there cannot be used.
    public static func open(
        _ address: String, configuration: StoreConfiguration = StoreConfiguration(), executor: (any TaskExecutor)? = nil,
        observer: OperationObserver? = nil, metrics: Metrics? = nil, tracer: (any Tracer)? = nil, onWriteFailure: WriteFailure.Handler? = nil
    ) async throws(StoreError) -> SessionStore {
        try await open(
            StoreAddress(address), configuration: configuration, executor: executor, observer: observer, metrics: metrics, tracer: tracer,
            onWriteFailure: onWriteFailure)
    }

    /// Opens the store at an address.
    public static func open(
        _ address: StoreAddress, configuration: StoreConfiguration = StoreConfiguration(), executor: (any TaskExecutor)? = nil,
        observer: OperationObserver? = nil, metrics: Metrics? = nil, tracer: (any Tracer)? = nil, onWriteFailure: WriteFailure.Handler? = nil
    ) async throws(StoreError) -> SessionStore {
        if configuration.writeBehind != nil, onWriteFailure == nil {
            throw StoreError(.invalidParameter, "a store that writes behind needs onWriteFailure: nobody else is told of a write that fails")
        }
        var storage: any Storage
        switch address {
        case .sqlite, .memory:
            var sqlite = configuration.sqlite
            if let durability = configuration.durability { sqlite.durability = try SQLiteConfiguration.Durability(durability) }
            let location: SQLiteStorage.Location = if case .sqlite(let path) = address { .file(path) } else { .memory }
            storage = LargeContent(on: try await SQLiteStorage(at: location, configuration: sqlite, policy: configuration.policy))
        case .redis(let url):
            var redis = RedisStorageConfiguration(
                prefix: configuration.keyPrefix, shards: configuration.shards, policy: configuration.policy,
                durability: configuration.durability ?? .memory, streams: configuration.streams)
            redis.metrics = metrics
            if let loop = executor as? EventLoop { redis.loops = [loop] }
            storage = LargeContent(on: try await RedisStorage.open(url, redis))
        case .daemon(let url):
            storage = try RemoteStorage(
                url: url, token: configuration.token, authorities: configuration.authorities, durability: configuration.durability)
        }
        if let behind = configuration.writeBehind, let onWriteFailure {
            storage = try await writeBehind(behind, on: storage, executor, onWriteFailure)
        }
        return SessionStore(on: storage, executor: executor, observer: observer, tracer: tracer)
    }

    /// Puts the queue before a storage, which is closed when that fails.
    private static func writeBehind(
        _ configuration: WriteBehindConfiguration, on storage: any Storage, _ executor: (any TaskExecutor)?,
        _ onFailure: @escaping WriteFailure.Handler
    ) async throws(StoreError) -> WriteBehind {
        var spool: SQLiteSpool?
        do throws(StoreError) {
            if let path = configuration.spool {
                spool = try await SQLiteSpool(at: path, durability: SQLiteConfiguration.Durability(configuration.spoolDurability))
            }
            return try await WriteBehind(on: storage, configuration, spool: spool, executor: executor, onFailure: onFailure)
        } catch {
            await spool?.close()
            await storage.close()
            throw error
        }
    }
}
