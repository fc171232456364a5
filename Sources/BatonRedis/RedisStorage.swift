public import BatonCore
internal import BatonIO
public import BatonRedisClient
internal import Synchronization

/// Sessions in Redis or Valkey.
///
/// Every operation on a session is one script on one slot, so it takes effect as a whole and costs one round trip. A write carries a
/// token that the shard's log keeps for a while: when a connection breaks before the reply, the write is sent again and finds out
/// whether it has been done.
public final class RedisStorage: Storage {
    let client: RedisClient
    let layout: KeyLayout
    /// How the storage treats what it keeps.
    public let policy: StorePolicy
    /// Redis.
    public var kind: StorageKind { .redis }
    let clock: (@Sendable () -> Timestamp)?
    let watch: LogWatch
    let topics: TopicWatch
    let bus: EventBus
    private let servers: ServerGauges
    let time: ServedTime
    private let confirmation: Confirmation?
    private let life: Life

    /// What all share that were made of one by ``with(durability:)``.
    private final class Life: Sendable {
        let ownsClient: Bool
        let isClosed = Atomic<Bool>(false)
        /// Whether plain appends get all keys that they might need: from the first session on that needs them.
        let appendsNeedAllKeys: Atomic<Bool>

        init(ownsClient: Bool, appendsNeedAllKeys: Bool) {
            self.ownsClient = ownsClient
            self.appendsNeedAllKeys = Atomic(appendsNeedAllKeys)
        }
    }

    /// The version of the layout of keys that this program knows.
    package static let layoutVersion = KeyLayout.version

    /// The most bytes of events or sessions in one reply; what is more comes with the next.
    static let replyBytes = 8 << 20

    private init(
        _ client: RedisClient, owned: Bool, _ layout: KeyLayout, _ configuration: RedisStorageConfiguration, _ confirmation: Confirmation?
    ) {
        self.confirmation = confirmation
        self.client = client
        self.layout = layout
        policy = configuration.policy
        clock = configuration.clock
        life = Life(ownsClient: owned, appendsNeedAllKeys: policy.ttl(for: .storeDefault) != nil)
        let watch = LogWatch(client, layout)
        self.watch = watch
        topics = TopicWatch(client, isOneServer: layout.isOneServer) { [weak watch] in watch?.hint($0) }
        bus = EventBus(client, prefix: layout.prefix, isCluster: !layout.isOneServer, streams: configuration.streams)
        servers = ServerGauges(client)
        time = ServedTime()
    }

    private init(_ other: RedisStorage, _ confirmation: Confirmation?) {
        client = other.client
        layout = other.layout
        policy = other.policy
        clock = other.clock
        watch = other.watch
        topics = other.topics
        bus = other.bus
        servers = other.servers
        time = other.time
        life = other.life
        self.confirmation = confirmation
    }

    /// The same storage with another durability: ``BatonCore/Durability/memory`` or ``BatonCore/Durability/wait(replicas:within:)``.
    public func with(durability: Durability) throws(StoreError) -> any Storage { RedisStorage(self, try Confirmation(durability)) }

    /// Opens the storage on servers of its own connections: `redis://…` or any other address that ``RedisConfiguration`` reads.
    /// - Throws: ``StoreError/Code/storeUnavailable`` when the server cannot be reached, ``StoreError/Code/storeIncompatible`` when the prefix
    ///   was laid out otherwise.
    public static func open(
        _ address: String, _ configuration: RedisStorageConfiguration = RedisStorageConfiguration()
    ) async throws(StoreError) -> RedisStorage {
        let client: RedisClient
        let metrics = configuration.metrics.map { RedisMetrics($0) }
        do throws(RedisError) { client = try RedisClient(RedisConfiguration(address), on: configuration.loops, observer: metrics) } catch {
            throw StoreError(error)
        }
        metrics?.observe(client)
        do throws(StoreError) {
            return try await open(on: client, owned: true, configuration)
        } catch {
            await client.close()
            throw error
        }
    }

    /// Opens the storage on a client that others may share; closing the storage leaves the client open.
    public static func open(
        on client: RedisClient, _ configuration: RedisStorageConfiguration = RedisStorageConfiguration()
    ) async throws(StoreError) -> RedisStorage {
        try await open(on: client, owned: false, configuration)
    }

    private static func open(
        on client: RedisClient, owned: Bool, _ configuration: RedisStorageConfiguration
    ) async throws(StoreError) -> RedisStorage {
        try configuration.validate()
        let confirmation = try Confirmation(configuration.durability)
        try await confirmation?.check(on: client)
        let isOneServer = if case .cluster = client.configuration.topology { false } else { true }
        let wanted = configuration.shards ?? RedisStorageConfiguration.defaultShards
        let shards = try await LayoutRecord.claim(configuration.prefix, shards: wanted, on: client)
        if let asked = configuration.shards, asked != shards {
            throw StoreError(
                .storeIncompatible,
                "the prefix \(configuration.prefix) was laid out with \(shards) shards, not \(asked); the number cannot be changed afterwards")
        }
        let layout = KeyLayout(prefix: configuration.prefix, shards: shards, isOneServer: isOneServer)
        return RedisStorage(client, owned: owned, layout, configuration, confirmation)
    }

    // MARK: - Operations

    /// Hints out of the logs that every change writes to.
    public func observe(_ observer: @escaping @Sendable (StorageHint) -> Void) -> StorageObservation { watch.observe(observer) }

    /// Whether Redis can be reached and written.
    public func checkHealth() async throws(StoreError) {
        // A write: a replica and a full server fail, as they would for everybody.
        let reply = try await send(
            EVALSHA(
                Scripts.health, keys: [KeyLayout.record(layout.prefix)], arguments: [RedisArgument(KeyLayout.version)], retrySafety: .always))
        var parts = try ScriptReply(reply)
        guard try parts.int() == KeyLayout.version else { throw LayoutRecord.otherVersion }
    }

    /// How many observe, and what the servers said of themselves a little while ago.
    public var gauges: [StorageGauge] {
        [StorageGauge("redis_watchers", help: "Observers of changes in Redis.", value: Double(watch.count))] + servers.current
    }

    /// Finishes what is under way, and closes the client when it is the storage's own.
    public func close() async {
        guard !life.isClosed.exchange(true, ordering: .relaxed) else { return }
        await watch.close()
        await topics.close()
        await bus.signals.close()
        await servers.close()
        if life.ownsClient { await client.close() }
    }

    // MARK: - Sending

    /// The first argument of scripts: the moment, or nothing for the server's, or what the server's has to reach.
    var moment: RedisArgument {
        if let clock { return RedisArgument(clock().milliseconds) }
        return time.floor(client).map { .string(">\($0)") } ?? ""
    }

    /// Sends a command that changes nothing, or the same however often it is sent.
    func send<Command: RedisCommand>(_ command: Command) async throws(StoreError) -> Command.Response {
        try checkOpen()
        do throws(RedisError) { return try await client.send(command) } catch { throw StoreError(error) }
    }

    /// Sends commands in one round trip; the first that fails speaks for all.
    func send(_ commands: [any RedisCommand]) async throws(StoreError) -> [RedisReply] {
        try checkOpen()
        do throws(RedisError) {
            var replies: [RedisReply] = []
            for result in try await client.pipeline(commands) { replies.append(try result.get()) }
            return replies
        } catch { throw StoreError(error) }
    }

    /// What all attempts of one write have in common.
    struct WriteRequest {
        /// Tells it from all others in the log.
        let token = Randomness.bytes(8)
        let deadline: Deadline
        /// The attempt that comes next.
        var attempt = 1
    }

    private var longestWait: Duration { client.configuration.commandTimeout + (confirmation?.wait ?? .zero) * 2 }

    /// A write that begins now.
    func writeRequest() -> WriteRequest { WriteRequest(deadline: Deadline.after(longestWait)) }

    /// Runs a script that writes. `arguments` have places at 1 and 2 for the token and what later attempts say; they are filled in here. The epoch
    /// comes last.
    ///
    /// When the connection breaks after the script was sent, it is sent again until its deadline. The later attempt looks for what
    /// the earlier did, and keeps it from doing anything if it should arrive late; see ``Lua/log``.
    /// - Throws: also ``StoreError/Code/unconfirmed`` when the script has done its work, and fewer replicas have it than were asked for.
    func write(
        _ script: RedisScript, _ keys: [RedisKey], _ arguments: [RedisArgument], epoch: Int? = nil, _ request: WriteRequest? = nil
    ) async throws(StoreError) -> RedisReply {
        let outcome = try await perform(script, keys, arguments, epoch: epoch, request)
        // A script that refused has nothing to be confirmed, and its refusal says more.
        if outcome.reply.elements?.first?.integer == 0 { try outcome.checkConfirmed() }
        return outcome.reply
    }

    /// Whether writes wait for replicas.
    var isConfirmed: Bool { confirmation != nil }

    /// As `write`, for a caller that looks at the confirmation itself.
    func perform(
        _ script: RedisScript, _ keys: [RedisKey], _ arguments: [RedisArgument], epoch: Int? = nil, _ request: WriteRequest? = nil
    ) async throws(StoreError) -> WriteOutcome {
        try checkOpen()
        var request = request ?? writeRequest()
        var arguments = arguments
        arguments[1] = .bytes(request.token)
        arguments.append(epoch.map { RedisArgument($0) } ?? "")
        // What this call did is in the log with the server's time. A later attempt may wait for its connection until the deadline; two
        // seconds are added for what the server's clock and bytes on their way may do.
        let oldest = longestWait + .seconds(2)
        while true {
            if request.attempt > 1 {
                arguments[0] = moment
                arguments[2] = .string("\(request.attempt) \(oldest.inMilliseconds)")
            }
            let call = EVALSHA(script, keys: keys, arguments: arguments, retrySafety: .ifNotSent)
            do throws(RedisError) {
                guard let confirmation else { return WriteOutcome(try await client.send(call, deadline: request.deadline)) }
                // Also where an earlier attempt, or an earlier call, has stored everything: what a connection waits for is all that its
                // server had written when the script ran.
                let (reply, count) = try await client.send(
                    call, confirmedBy: confirmation.replicas, within: confirmation.wait, deadline: request.deadline)
                return WriteOutcome(reply, count, asked: confirmation)
            } catch {
                guard error.wasSent, error.code == .connectionLost else { throw StoreError(error) }
            }
            request.attempt += 1
        }
    }

    /// Whether plain appends get all keys that they might need.
    var appendsNeedAllKeys: Bool {
        get { life.appendsNeedAllKeys.load(ordering: .relaxed) }
        set { life.appendsNeedAllKeys.store(newValue, ordering: .relaxed) }
    }

    func checkOpen() throws(StoreError) {
        if life.isClosed.load(ordering: .relaxed) { throw StoreError.storeClosed }
    }

    /// What the arguments of all scripts on a session begin with.
    func arguments(_ names: SessionNames) -> [RedisArgument] {
        [
            moment, "", "", .bytes(ListMember.of(user: names.key.user, id: names.key.id)), .string(names.key.id), .bytes(names.name),
            RedisArgument(policy.userStateTTL ?? 0), RedisArgument(policy.appStateTTL ?? 0),
        ]
    }

    /// Does a change that is computed from what is stored again, as long as others change the same in between.
    func untilUnchanged<Value>(_ body: () async throws(StoreError) -> Value) async throws(StoreError) -> Value {
        for _ in 1..<RedisStorage.maximumAttempts {
            do throws(StoreError) { return try await body() } catch {
                guard ScriptReply.saysChanged(error) else { throw error }
            }
            if Task.isCancelled { throw StoreError(.cancelled, "the call was cancelled") }
        }
        return try await body()
    }

    /// In each round of callers that change the same value one succeeds, so this is how many may do so at once.
    private static let maximumAttempts = 256
}
