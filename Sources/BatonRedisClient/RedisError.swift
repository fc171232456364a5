/// What went wrong between a caller and a Redis server.
///
/// `description` holds no value, key or secret of the caller; what the server said is in ``server``.
public struct RedisError: Error, Sendable {
    /// The reason, open for new ones.
    public struct Code: RawRepresentable, Sendable, Hashable {
        /// The reason's name.
        public let rawValue: String
        /// Makes a reason from its name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// A URL, connection string or option is wrong.
        public static let invalidConfiguration = Code(rawValue: "invalidConfiguration")
        /// No connection could be made.
        public static let connectionFailed = Code(rawValue: "connectionFailed")
        /// The connection broke before the reply arrived. ``RedisError/wasSent`` says whether the server may have run the command.
        public static let connectionLost = Code(rawValue: "connectionLost")
        /// The client was closed.
        public static let closed = Code(rawValue: "closed")
        /// The deadline passed. ``RedisError/wasSent`` says whether the server may have run the command.
        public static let timeout = Code(rawValue: "timeout")
        /// The calling task was cancelled. ``RedisError/wasSent`` says whether the server may have run the command.
        public static let cancelled = Code(rawValue: "cancelled")
        /// Too many commands wait already; nothing was sent.
        public static let queueFull = Code(rawValue: "queueFull")
        /// The server sent bytes that are not the protocol.
        public static let protocolViolation = Code(rawValue: "protocolViolation")
        /// The server sent more than the limits allow.
        public static let replyTooLarge = Code(rawValue: "replyTooLarge")
        /// The reply has another shape than the command expects.
        public static let unexpectedReply = Code(rawValue: "unexpectedReply")
        /// The keys of one command belong to different slots of the cluster; nothing was sent.
        public static let crossSlot = Code(rawValue: "crossSlot")
        /// The command cannot be sent this way, for example a blocking one inside a pipeline; nothing was sent.
        public static let unsupported = Code(rawValue: "unsupported")
        /// The certificate was not accepted or the TLS handshake failed otherwise.
        public static let tls = Code(rawValue: "tls")
        /// The server refused the user name or password, or wants one.
        public static let authentication = Code(rawValue: "authentication")
        /// The server refused the command; ``RedisError/server`` says why.
        public static let server = Code(rawValue: "server")
        /// No Sentinel knows a primary that says of itself that it is one.
        public static let noPrimary = Code(rawValue: "noPrimary")
        /// No node of the cluster answered with its slots, or nobody serves the slot.
        public static let clusterUnavailable = Code(rawValue: "clusterUnavailable")
        /// A watched key changed, so the transaction did nothing.
        public static let transactionAborted = Code(rawValue: "transactionAborted")
    }

    /// Boxed, so that a result stays as small as a pointer whatever an error carries.
    private final class Storage: Sendable {
        let code: Code
        let message: String
        let server: ServerError?
        let wasSent: Bool
        let underlying: (any Error)?

        init(code: Code, message: String, server: ServerError?, wasSent: Bool, underlying: (any Error)?) {
            self.code = code
            self.message = message
            self.server = server
            self.wasSent = wasSent
            self.underlying = underlying
        }
    }

    private let storage: Storage

    /// The reason.
    public var code: Code { storage.code }
    /// A sentence about what happened, without values or secrets.
    public var message: String { storage.message }
    /// What the server said, when it was the server that refused.
    public var server: ServerError? { storage.server }
    /// Whether bytes of the command were given to the operating system, so that the server may have run it.
    public var wasSent: Bool { storage.wasSent }
    /// The error beneath this one.
    public var underlying: (any Error)? { storage.underlying }

    /// Makes an error.
    public init(_ code: Code, _ message: String, wasSent: Bool = false, underlying: (any Error)? = nil) {
        storage = Storage(code: code, message: message, server: nil, wasSent: wasSent, underlying: underlying)
    }

    /// Makes the error for a line that a server sent instead of a reply.
    init(server line: String) {
        let server = ServerError(line: line)
        let code: Code = server.isAuthentication ? .authentication : .server
        storage = Storage(code: code, message: server.safeMessage, server: server, wasSent: true, underlying: nil)
    }

    private init(copying other: RedisError, wasSent: Bool) {
        storage = Storage(
            code: other.code, message: other.message, server: other.server, wasSent: wasSent, underlying: other.underlying)
    }

    /// The same error for a command whose bytes left, or did not.
    func sent(_ wasSent: Bool) -> RedisError {
        wasSent == self.wasSent ? self : RedisError(copying: self, wasSent: wasSent)
    }

    /// Whether the server did not answer, so that it may be gone.
    var isAboutReaching: Bool { code == .connectionLost || code == .connectionFailed || code == .timeout }

    /// Whether nothing will be better until somebody changes the configuration, so that waiting is of no use.
    public var isPermanent: Bool {
        switch code {
        case .authentication, .tls, .invalidConfiguration, .closed, .crossSlot, .unsupported: true
        case .server: server?.isPermanentWhenConnecting ?? false
        default: false
        }
    }
}

extension RedisError: CustomStringConvertible {
    /// The reason and its message.
    public var description: String { "\(code.rawValue): \(message)" }
}
