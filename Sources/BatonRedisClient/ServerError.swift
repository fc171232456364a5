/// A refusal of the server. Only its first word is stable across versions (redis.io, "Simple errors"), so that is what is compared.
public struct ServerError: Sendable, Hashable {
    /// The first word, for example `WRONGTYPE`.
    public let word: String
    /// The rest of the line. It may quote what the caller sent.
    public let text: String

    init(line: String) {
        if let space = line.firstIndex(of: " ") {
            word = String(line[..<space])
            text = String(line[line.index(after: space)...])
        } else {
            word = line
            text = ""
        }
    }

    /// The classes of refusals that a client has to tell apart.
    public enum Class: String, Sendable, CaseIterable {
        /// Another node serves the slot.
        case moved = "MOVED"
        /// Another node serves this key while the slot moves.
        case ask = "ASK"
        /// Some of the keys are here and some there while the slot moves.
        case tryAgain = "TRYAGAIN"
        /// The cluster does not serve the slot now.
        case clusterDown = "CLUSTERDOWN"
        /// The keys of one command belong to different slots.
        case crossSlot = "CROSSSLOT"
        /// The server reads its data from disk.
        case loading = "LOADING"
        /// A write reached a replica.
        case readOnly = "READONLY"
        /// A replica lost its primary and does not serve old data.
        case masterDown = "MASTERDOWN"
        /// Too few replicas to accept a write.
        case noReplicas = "NOREPLICAS"
        /// A script has run too long.
        case busy = "BUSY"
        /// The memory limit is reached.
        case outOfMemory = "OOM"
        /// The server could not save and refuses writes.
        case misconfigured = "MISCONF"
        /// The script is not known.
        case noScript = "NOSCRIPT"
        /// The user may not do this.
        case noPermission = "NOPERM"
        /// A password is wanted.
        case noAuthentication = "NOAUTH"
        /// The user or password is wrong.
        case wrongPassword = "WRONGPASS"
        /// The server does not speak the protocol version asked for.
        case noProtocol = "NOPROTO"
        /// The key holds another type.
        case wrongType = "WRONGTYPE"
        /// The consumer group does not exist.
        case noGroup = "NOGROUP"
        /// The consumer group exists already.
        case busyGroup = "BUSYGROUP"
        /// A blocked command was ended from outside.
        case unblocked = "UNBLOCKED"
        /// The transaction held a refused command and was not run.
        case execAbort = "EXECABORT"
        /// Nothing can be killed because no script runs.
        case notBusy = "NOTBUSY"
        /// Any other refusal of a command.
        case other = "ERR"
    }

    /// The class by the first word; unknown words are ``Class/other``.
    public var kind: Class { Class(rawValue: word) ?? .other }

    /// Whether the server asks for, or has refused, a password.
    var isAuthentication: Bool {
        switch kind {
        case .noAuthentication, .wrongPassword: true
        // Redis before 6 and a server without a password answer "ERR invalid password" and "ERR … without any password configured".
        case .other: text.hasPrefix("invalid password") || text.contains("without any password configured")
        default: false
        }
    }

    /// Whether the server says with this word that it did not run the command and may run it later.
    public var isTransient: Bool {
        switch kind {
        case .moved, .ask, .tryAgain, .clusterDown, .loading, .readOnly, .masterDown, .noReplicas, .busy: true
        default: false
        }
    }

    /// Whether this refusal of a handshake would be repeated for ever.
    var isPermanentWhenConnecting: Bool {
        switch kind {
        case .noPermission, .wrongPassword, .noAuthentication: true
        // "ERR DB index is out of range", "ERR SELECT is not allowed in cluster mode" and the like.
        case .other: true
        default: false
        }
    }

    /// What may be shown to anybody: the text of a class whose text does not quote the caller, else the word alone.
    var safeMessage: String {
        switch kind {
        case .moved, .ask, .tryAgain, .clusterDown, .loading, .readOnly, .masterDown, .noReplicas, .busy, .outOfMemory, .noScript,
            .noAuthentication, .wrongType, .unblocked, .execAbort, .misconfigured, .crossSlot, .noProtocol:
            "the server answered \(word) \(text)"
        default: "the server answered \(word)"
        }
    }
}
