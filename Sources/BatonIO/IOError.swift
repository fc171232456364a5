internal import Glibc

/// What went wrong between this process and a peer, a name or the system. Never holds bytes that were sent, or secrets.
public struct IOError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The class of a failure. New codes may appear: a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Kind: String {
            case refused, timedOut, closed, reset, unreachable, tls, resolution, addressInUse, addressUnavailable, permissionDenied
            case tooManyDescriptors, backlogExceeded, invalidAddress, cancelled, shutdown, system
        }

        private let kind: Kind

        /// Nobody listens at the address.
        public static let refused = Code(kind: .refused)
        /// The deadline passed first.
        public static let timedOut = Code(kind: .timedOut)
        /// The connection was closed, by this side or in order by the peer.
        public static let closed = Code(kind: .closed)
        /// The peer broke the connection off.
        public static let reset = Code(kind: .reset)
        /// No route to the host or network.
        public static let unreachable = Code(kind: .unreachable)
        /// The TLS handshake, a certificate or a record was refused.
        public static let tls = Code(kind: .tls)
        /// The host name has no address, or could not be looked up.
        public static let resolution = Code(kind: .resolution)
        /// Another process listens at the address.
        public static let addressInUse = Code(kind: .addressInUse)
        /// The address does not belong to this machine.
        public static let addressUnavailable = Code(kind: .addressUnavailable)
        /// The system does not allow it.
        public static let permissionDenied = Code(kind: .permissionDenied)
        /// The process or the system has no descriptor left.
        public static let tooManyDescriptors = Code(kind: .tooManyDescriptors)
        /// The peer reads too slowly: more than the permitted backlog waits to be sent.
        public static let backlogExceeded = Code(kind: .backlogExceeded)
        /// The text is not an address.
        public static let invalidAddress = Code(kind: .invalidAddress)
        /// The task was cancelled.
        public static let cancelled = Code(kind: .cancelled)
        /// The loop was shut down.
        public static let shutdown = Code(kind: .shutdown)
        /// Any other failure of a system call; `errorNumber` says which.
        public static let system = Code(kind: .system)

        /// The name of the code.
        public var description: String { kind.rawValue }
    }

    /// The class of the failure.
    public let code: Code
    /// The `errno` behind it, or 0.
    public let errorNumber: Int32
    /// What was being done, what is wrong with it, and what may help.
    public let message: String

    /// A failure of class `code`.
    public init(_ code: Code, _ message: String, errorNumber: Int32 = 0) {
        self.code = code
        self.message = message
        self.errorNumber = errorNumber
    }

    /// The failure of a system call: `errorNumber` decides code and hint.
    public init(errorNumber: Int32, while action: String) {
        let (code, hint) = Self.classify(errorNumber)
        let reason = strerror(errorNumber).map { String(cString: $0) } ?? "error \(errorNumber)"
        self.init(code, "\(action): \(reason)\(hint.isEmpty ? "" : "; \(hint)")", errorNumber: errorNumber)
    }

    /// Code and message in one line.
    public var description: String { "\(code): \(message)" }

    private static func classify(_ errorNumber: Int32) -> (Code, hint: String) {
        switch errorNumber {
        case ECONNREFUSED: (.refused, "is the server running, and is this its address?")
        // A Unix socket that does not exist is the same situation as a port nobody listens on.
        case ENOENT: (.refused, "is the server running, and is this its address?")
        case ETIMEDOUT: (.timedOut, "is the peer reachable?")
        case ECONNRESET, EPIPE, ECONNABORTED: (.reset, "")
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN: (.unreachable, "check the address and the route to it")
        case EADDRINUSE: (.addressInUse, "is another instance running? choose another address")
        case EADDRNOTAVAIL: (.addressUnavailable, "choose an address of this machine")
        case EACCES, EPERM: (.permissionDenied, "check the port number (below 1024 needs privileges) or the file's mode")
        case EMFILE: (.tooManyDescriptors, "raise the limit of open files (ulimit -n)")
        case ENFILE: (.tooManyDescriptors, "the system-wide limit of open files is reached (fs.file-max)")
        case ENOTCONN, EBADF: (.closed, "")
        default: (.system, "")
        }
    }
}
