public import BatonCore
public import BatonSQLite

/// How a store is opened.
public struct StoreConfiguration: Hashable, Sendable {
    /// How it treats what it keeps: limits and lifetimes.
    public var policy: StorePolicy
    /// How an SQLite file is used.
    public var sqlite: SQLiteConfiguration
    /// The bearer token for a daemon; never printed.
    public var token: String?
    /// PEM file of the authorities to trust instead of the system's, for a daemon that speaks TLS.
    public var authorities: String?

    /// A configuration; by default everything is kept for ever and every write survives power loss.
    public init(
        policy: StorePolicy = StorePolicy(), sqlite: SQLiteConfiguration = SQLiteConfiguration(), token: String? = nil, authorities: String? = nil
    ) {
        self.policy = policy
        self.sqlite = sqlite
        self.token = token
        self.authorities = authorities
    }
}
