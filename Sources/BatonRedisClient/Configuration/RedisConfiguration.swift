/// Everything that decides how a client reaches its servers and how much it may hold.
public struct RedisConfiguration: Sendable {
    /// How servers are found.
    public enum Topology: Sendable, Hashable {
        /// One server. With several endpoints, the first one that says that it is a primary.
        case standalone([RedisEndpoint])
        /// The primary of this name, as Sentinels know it.
        case sentinel(primary: String, [RedisEndpoint])
        /// A cluster, known by some of its nodes.
        case cluster([RedisEndpoint])
    }

    /// TLS for connections to servers. The certificate must be trusted and name the host; there is no way to do without.
    public struct TLS: Sendable, Hashable {
        /// The file of trusted certificates in PEM; nil is the system's store.
        public var authorityFile: String?
        /// The file of this client's certificate chain in PEM.
        public var certificateFile: String?
        /// The file of this client's key in PEM.
        public var keyFile: String?
        /// The name the certificate must have; nil is the host connected to.
        public var serverName: String?

        /// Makes a TLS setting.
        public init(
            authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
            serverName: String? = nil
        ) {
            self.authorityFile = authorityFile
            self.certificateFile = certificateFile
            self.keyFile = keyFile
            self.serverName = serverName
        }
    }

    /// Which nodes answer commands that only read.
    public enum ReadPreference: Sendable, Hashable {
        /// The primary: what was written is read.
        case primary
        /// A replica where there is one. It may lag behind.
        case replica
    }

    /// How servers are found.
    public var topology: Topology
    /// User and password for the servers.
    public var credentials: RedisCredentials
    /// TLS for the servers; nil is plain text.
    public var tls: TLS?
    /// User and password for Sentinels, which have their own.
    public var sentinelCredentials: RedisCredentials
    /// TLS for Sentinels; nil is plain text.
    public var sentinelTLS: TLS?
    /// The number of the database. A cluster has only 0.
    public var database: Int
    /// What the server calls these connections in CLIENT LIST; printable ASCII without spaces.
    public var clientName: String?
    /// The newest protocol to ask for, 3 or 2. A server that refuses 3 is spoken to in 2.
    public var protocolVersion: Int
    /// Which nodes answer reads, in a cluster.
    public var reads: ReadPreference
    /// How long one attempt to connect may take, handshake included. 5 s by default.
    public var connectTimeout: Duration
    /// The deadline of a command whose caller gives none: waiting, retries and redirections included. 5 s by default.
    public var commandTimeout: Duration
    /// An idle connection is asked for a sign of life this often. 15 s by default.
    public var keepAliveInterval: Duration
    /// A connection that owes replies and has been silent for this long is given up. 10 s by default.
    public var silenceLimit: Duration
    /// A connection whose bytes the other machine has not acknowledged, or not taken, for this long is given up. 3 s by default.
    ///
    /// A busy server is not meant by it: its machine goes on acknowledging (RFC 5482).
    public var pathTimeout: Duration
    /// Commands on one connection that may wait for replies or for being sent; more are refused with `queueFull`. 16,384 by default.
    public var maximumQueuedCommands: Int
    /// Bytes that may wait for being sent on one connection; more are refused with `queueFull`. 64 MiB by default.
    public var maximumQueuedBytes: Int
    /// Connections for blocking commands, transactions and subscriptions that may be open at once. 256 by default.
    public var maximumDedicatedConnections: Int
    /// Bounds on replies.
    public var limits: RESPLimits
    /// Waiting between attempts.
    public var backoff: RedisBackoff

    /// Makes a configuration with defaults for all but the topology.
    public init(_ topology: Topology) {
        self.topology = topology
        credentials = .none
        tls = nil
        sentinelCredentials = .none
        sentinelTLS = nil
        database = 0
        clientName = nil
        protocolVersion = 3
        reads = .primary
        connectTimeout = .seconds(5)
        commandTimeout = .seconds(5)
        keepAliveInterval = .seconds(15)
        silenceLimit = .seconds(10)
        pathTimeout = .seconds(3)
        maximumQueuedCommands = 16_384
        maximumQueuedBytes = 64 << 20
        maximumDedicatedConnections = 256
        limits = RESPLimits()
        backoff = RedisBackoff()
    }

    /// Makes a configuration for one server.
    public init(host: String = "127.0.0.1", port: UInt16 = 6379) {
        self.init(.standalone([.host(host, port: port)]))
    }

    /// Reads a URL (`redis://…` and its kin) or a connection string as StackExchange.Redis has them (`host:6379,ssl=true,…`).
    /// - Throws: ``RedisError`` with the code `invalidConfiguration`, saying which part is wrong; a password is never in it.
    public init(_ text: String) throws(RedisError) {
        guard !text.isEmpty else { throw RedisError(.invalidConfiguration, "the address is empty; expected for example redis://127.0.0.1:6379") }
        if text.contains("://") {
            self = try RedisURL.configuration(text)
        } else {
            self = try ConnectionString.configuration(text)
        }
    }

    /// Checks what belongs together.
    func validate() throws(RedisError) {
        if case .cluster = topology, database != 0 {
            throw RedisError(.invalidConfiguration, "a cluster has only database 0, not \(database)")
        }
        guard database >= 0 else { throw RedisError(.invalidConfiguration, "the database number must be 0 or more, not \(database)") }
        guard protocolVersion == 2 || protocolVersion == 3 else {
            throw RedisError(.invalidConfiguration, "the protocol must be 2 or 3, not \(protocolVersion)")
        }
        if let clientName, clientName.isEmpty || !clientName.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            throw RedisError(.invalidConfiguration, "the client name may hold only printable ASCII without spaces")
        }
        for tls in [tls, sentinelTLS] {
            guard let tls, (tls.certificateFile == nil) != (tls.keyFile == nil) else { continue }
            throw RedisError(.invalidConfiguration, "a client certificate needs both its certificate file and its key file")
        }
        let endpoints =
            switch topology {
            case .standalone(let list), .cluster(let list), .sentinel(_, let list): list
            }
        guard !endpoints.isEmpty else { throw RedisError(.invalidConfiguration, "no server is named") }
    }
}
