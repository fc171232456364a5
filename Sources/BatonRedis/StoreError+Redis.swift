internal import BatonCore
internal import BatonRedisClient

extension StoreError {
    /// What a failure of the client means to a user of the store.
    init(_ error: RedisError) {
        switch error.code {
        case .server: self.init(refusal: error)
        case .closed: self = .storeClosed
        case .cancelled: self.init(.cancelled, "the call was cancelled", underlying: error)
        case .queueFull: self.init(.tooManyRequests, "too many commands wait for Redis already", underlying: error)
        case .replyTooLarge: self.init(.tooLarge, "the answer is larger than one reply may be; ask for fewer events", underlying: error)
        case .unexpectedReply, .protocolViolation: self.init(.storeCorrupt, "Redis answered something else than it was asked for", underlying: error)
        case .invalidConfiguration: self.init(.invalidParameter, error.message, underlying: error)
        case .timeout:
            self.init(
                .storeUnavailable,
                error.wasSent
                    ? "Redis did not answer in time; whether the call took effect is not known" : "Redis could not be reached in time",
                underlying: error)
        default: self.init(.storeUnavailable, "Redis cannot be reached: \(error.message)", underlying: error)
        }
    }

    private init(refusal error: RedisError) {
        guard let server = error.server else {
            self.init(.storeUnavailable, "Redis refused the command", underlying: error)
            return
        }
        switch StoreError.kind(of: server) {
        case .wrongType:
            self.init(
                .storeIncompatible, "a key under the store's prefix belongs to another program: it is of another type; nothing was changed",
                underlying: error)
        case .outOfMemory:
            self.init(.storeUnavailable, "Redis has reached its memory limit and refuses writes; nothing was changed", underlying: error)
        case .readOnly: self.init(.storeUnavailable, "the Redis server is a replica and refuses writes; nothing was changed", underlying: error)
        case .loading: self.init(.storeUnavailable, "Redis is still reading its data from disk", underlying: error)
        case .misconfigured: self.init(.storeUnavailable, "Redis cannot save to disk and refuses writes", underlying: error)
        case .noReplicas: self.init(.storeUnavailable, "too few replicas are connected for Redis to accept a write", underlying: error)
        case .noPermission: self.init(.storeIncompatible, "the Redis user may not do what the store needs; see docs/KEYS.md", underlying: error)
        default: self.init(.storeUnavailable, "Redis refused the command: \(error.message)", underlying: error)
        }
    }

    /// The class of a refusal. What a script met is wrapped by servers before 7.0 into a sentence that begins with `ERR`.
    private static func kind(of error: ServerError) -> ServerError.Class {
        guard error.kind == .other else { return error.kind }
        let classes: [ServerError.Class] = [.wrongType, .outOfMemory, .readOnly, .noPermission, .misconfigured, .noReplicas, .loading]
        let text = Substring(error.word + " " + error.text)
        return classes.first { text.contains("-\($0.rawValue) ") || text.contains(" \($0.rawValue) ") } ?? .other
    }

    /// What is stored is not of this make.
    static func corrupt(_ what: String) -> StoreError { StoreError(.storeCorrupt, "\(what) cannot be understood; nothing was changed") }
}
