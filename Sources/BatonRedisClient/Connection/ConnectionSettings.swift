internal import BatonIO

/// What a connection needs to know to be made, and made again.
struct ConnectionSettings: Sendable {
    /// Where to connect, asked for every attempt.
    var endpoint: @Sendable (EventLoop, Deadline) async throws(RedisError) -> RedisEndpoint
    var credentials: RedisCredentials
    var tls: TrustStore?
    var clientName: String?
    var database: Int
    var protocolVersion: Int
    /// The server must say that it is a primary.
    var requiresPrimary: Bool
    /// A replica of a cluster is asked to answer reads.
    var readsFromReplica: Bool
    /// Used by one caller at a time. It is not made anew when it breaks, and a caller that gives up ends it, because only that ends
    /// a command that the server holds back.
    var isDedicated: Bool
    /// Commands that wait fail as soon as an attempt to connect does, because they can go elsewhere.
    var failsFast: Bool
    /// Told whether the server at an endpoint was what was looked for, on the loop's thread.
    var judged: (@Sendable (RedisEndpoint, _ isRight: Bool) -> Void)?
    /// Told of what the server sends without being asked, on the loop's thread.
    var received: (@Sendable (RedisReply) -> Void)?
    /// Told when the connection was ready and is no more, on the loop's thread.
    var lost: (@Sendable (RedisError) -> Void)?
    var connectTimeout: Duration
    var keepAliveInterval: Duration
    var silenceLimit: Duration
    var pathTimeout: Duration
    var maximumQueuedCommands: Int
    var maximumQueuedBytes: Int
    var limits: RESPLimits
    var backoff: RedisBackoff

    /// The settings for servers of a configuration.
    init(
        _ configuration: RedisConfiguration, endpoint: @escaping @Sendable (EventLoop, Deadline) async throws(RedisError) -> RedisEndpoint
    ) {
        self.endpoint = endpoint
        credentials = configuration.credentials
        tls = configuration.tls.map(TrustStore.init)
        clientName = configuration.clientName
        database = configuration.database
        protocolVersion = configuration.protocolVersion
        requiresPrimary = false
        readsFromReplica = false
        isDedicated = false
        failsFast = false
        connectTimeout = configuration.connectTimeout
        keepAliveInterval = configuration.keepAliveInterval
        silenceLimit = configuration.silenceLimit
        pathTimeout = configuration.pathTimeout
        maximumQueuedCommands = configuration.maximumQueuedCommands
        maximumQueuedBytes = configuration.maximumQueuedBytes
        limits = configuration.limits
        backoff = configuration.backoff
    }

    /// The same for one caller alone.
    var dedicated: ConnectionSettings {
        var settings = self
        settings.isDedicated = true
        return settings
    }
}
