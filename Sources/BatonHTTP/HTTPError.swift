/// What went wrong in HTTP, on either side of a connection.
public struct HTTPError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code as a word.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The message breaks the grammar of RFC 9112, or could be read in two ways.
        public static let malformed = Code("malformed")
        /// The message is longer than a limit allows.
        public static let tooLarge = Code("too_large")
        /// The message asks for something that this implementation does not speak.
        public static let unsupported = Code("unsupported")
        /// Percent-encoded text that cannot be decoded.
        public static let invalidEncoding = Code("invalid_encoding")
        /// A URL that cannot be used.
        public static let invalidURL = Code("invalid_url")
        /// A deadline passed.
        public static let timedOut = Code("timed_out")
        /// No connection could be made.
        public static let unreachable = Code("unreachable")
        /// The other side closed the connection, or it broke, before the exchange was complete.
        public static let connectionClosed = Code("connection_closed")
        /// The stream or server was closed on this side.
        public static let closed = Code("closed")
        /// The caller's task was cancelled.
        public static let cancelled = Code("cancelled")
        /// The server answered with a status that the caller did not expect.
        public static let unexpectedStatus = Code("unexpected_status")
    }

    /// The kind of failure.
    public let code: Code
    /// The status that a server answers with because of this error; on a client, the status it got.
    public let status: Status?
    /// What happened, free of secrets.
    public let message: String
    /// Whether any byte of the request had been handed to the kernel; false means that repeating it is safe.
    public let requestWasSent: Bool
    /// The error below this one.
    public let underlying: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, status: Status? = nil, requestWasSent: Bool = false, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.status = status
        self.requestWasSent = requestWasSent
        self.underlying = underlying
    }

    /// The code, the message and the cause.
    public var description: String {
        var text = "\(code): \(message)"
        if let underlying { text += " (\(underlying))" }
        return text
    }
}
