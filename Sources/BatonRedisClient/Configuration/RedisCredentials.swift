public import BatonTelemetry

/// A user name and password as they are sent.
public struct RedisLogin: Sendable, Hashable {
    /// The user; nil is the user `default`, which is what servers before Redis 6 know.
    public var user: String?
    /// The password or token.
    public var password: Secret<String>
    /// How long the server will honour it; nil when it does not end. Live connections are given a new login before that.
    public var validFor: Duration?

    /// Makes a login.
    public init(user: String? = nil, password: String, validFor: Duration? = nil) {
        self.user = user
        self.password = Secret(password)
        self.validFor = validFor
    }
}

/// Where user name and password come from.
public enum RedisCredentials: Sendable {
    /// The server wants none.
    case none
    /// They do not change.
    case login(RedisLogin)
    /// A file that holds the password, or `user:password`, in its first line. It is read again for every connection.
    case file(String)
    /// Asked for every connection, and again before a login ends. What it throws fails the connection attempt.
    case provider(@Sendable () async throws -> RedisLogin)
}

extension RedisCredentials: CustomStringConvertible {
    /// The kind and the user, never a password.
    public var description: String {
        switch self {
        case .none: "none"
        case .login(let login): "user \(login.user ?? "default")"
        case .file(let path): "file \(path)"
        case .provider: "provider"
        }
    }
}
