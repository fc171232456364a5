public import Baton
public import BatonIO
public import BatonOTLP
public import BatonTelemetry

/// Which spans a daemon records, and where it sends them.
public struct TraceConfiguration: Sendable {
    /// Where they are sent.
    public var exporter: OTLPConfiguration
    /// Which are recorded.
    public var sampler: Sampler

    /// Spans for a collector.
    public init(_ exporter: OTLPConfiguration, sampler: Sampler = .always) {
        self.exporter = exporter
        self.sampler = sampler
    }
}

/// How a daemon is set up.
public struct DaemonConfiguration: Sendable {
    /// Where to listen. Addresses that are not loopback need a token in the store.
    public var addresses: [SocketAddress]
    /// Where the store is.
    public var store: StoreAddress
    /// How the store keeps what it is given.
    public var storeConfiguration: StoreConfiguration
    /// The certificate and key to speak TLS with; `nil` for plain HTTP.
    public var identity: TLSIdentity?
    /// PEM file of the authorities that clients' certificates have to be signed by; `nil` asks for none.
    public var clientAuthorities: String?
    /// How long requests and streams may take to finish when the daemon stops.
    public var drain: Duration
    /// Hosts that are answered without tokens besides local names.
    public var allowedHosts: [String]
    /// Origins whose pages may read and write; `*` for all.
    public var allowedOrigins: [String]
    /// The largest body of a request, in bytes.
    public var maximumBody: Int
    /// The most connections at once.
    public var maximumConnections: Int
    /// How many event loops serve.
    public var loops: Int
    /// How long a request may take to arrive, from its first byte.
    public var requestTimeout: Duration
    /// How long a kept connection may be silent.
    public var idleTimeout: Duration

    /// Which spans are recorded and where they are sent; `nil` for none. Without it, the callers' traces are carried on all the same.
    public var traces: TraceConfiguration?
    /// What a program that embeds the daemon does with appends and reads of sessions on their way.
    public var hooks: Hooks

    /// How summaries of sessions are made; `nil` for not at all.
    public var summaries: SummaryConfiguration?

    /// Where web hooks may lead.
    public var webHooks: WebHookPolicy

    /// The defaults: an SQLite file in the current directory, served at 127.0.0.1:4437.
    public init(addresses: [SocketAddress] = [.loopback(port: 4437)], store: StoreAddress = .sqlite(path: "baton.db")) {
        self.addresses = addresses
        self.store = store
        storeConfiguration = StoreConfiguration()
        drain = .seconds(10)
        allowedHosts = []
        allowedOrigins = []
        maximumBody = 8 << 20
        maximumConnections = 20_000
        loops = 1
        requestTimeout = .seconds(30)
        idleTimeout = .seconds(75)
        hooks = Hooks()
        summaries = nil
        webHooks = WebHookPolicy()
    }
}
