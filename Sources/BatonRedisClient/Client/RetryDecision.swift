/// What to do after a command has failed.
enum RetryDecision: Sendable, Equatable {
    /// Tell the caller.
    case fail
    /// Send it again after a while.
    case backOff
    /// The server is not what it was: find out where to send to, and send it again after a while.
    case relocate
    /// Another node serves the slot, from now on.
    case moved(Redirection)
    /// Another node serves the key, this time.
    case ask(Redirection)
    /// Send the script's source.
    case sendSource

    /// Decides by the kind of failure and by when the command may be sent again.
    /// - Parameter node: the node that answered, for redirections that do not name a host.
    static func after(_ error: RedisError, _ safety: RetrySafety, answeredBy node: RedisEndpoint? = nil) -> RetryDecision {
        switch error.code {
        case .connectionLost, .connectionFailed:
            let isAllowed = error.wasSent ? safety == .always : safety != .never
            return isAllowed ? .backOff : .fail
        case .noPrimary, .clusterUnavailable:
            return safety == .never ? .fail : .backOff
        case .server:
            return after(error.server, safety, node)
        default:
            return .fail
        }
    }

    private static func after(_ error: ServerError?, _ safety: RetrySafety, _ node: RedisEndpoint?) -> RetryDecision {
        guard let error else { return .fail }
        switch error.kind {
        case .moved: return redirection(error, node).map { .moved($0) } ?? .fail
        case .ask: return redirection(error, node).map { .ask($0) } ?? .fail
        case .noScript: return .sendSource
        // With each of these words the server says that it did not run the command.
        case .tryAgain, .loading, .masterDown, .noReplicas, .busy: return safety == .never ? .fail : .backOff
        case .clusterDown, .readOnly: return safety == .never ? .fail : .relocate
        // A blocked command whose server became a replica: nothing was taken.
        case .unblocked where error.text.hasPrefix("force unblock"): return safety == .never ? .fail : .relocate
        default: return .fail
        }
    }

    private static func redirection(_ error: ServerError, _ node: RedisEndpoint?) -> Redirection? {
        node.flatMap { Redirection(error.text, answeredBy: $0) }
    }
}
