internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import Synchronization

/// Decides who a request is from. Knows the store's tokens from memory and looks for changes every two seconds, so that a
/// token that was made or revoked elsewhere counts soon, and no request waits for it.
final class Access: Sendable {
    private struct State {
        var tokens: [String: Token] = [:]
        /// Once a token was seen, or where the network can reach the daemon, requests without one are refused, even when the last
        /// token is revoked: taking tokens away never opens anything.
        var isRequired: Bool
    }

    /// How often the store is asked for changes.
    static let refreshInterval: Duration = .seconds(2)
    /// The query parameter for browsers' `EventSource`, which cannot send an `Authorization` field.
    static let queryToken = "access_token"

    private let store: SessionStore
    private let allowedHosts: [String]
    private let allowedOrigins: [String]
    private let state: Mutex<State>

    init(store: SessionStore, isRequired: Bool, allowedHosts: [String], allowedOrigins: [String]) {
        self.store = store
        self.allowedHosts = allowedHosts
        self.allowedOrigins = allowedOrigins
        state = Mutex(State(isRequired: isRequired))
    }

    var isRequired: Bool { state.withLock { $0.isRequired } }

    /// Reads the tokens anew; when that fails, those known go on counting.
    func refresh() async throws(StoreError) {
        let tokens = try await store.tokens()
        state.withLock { state in
            state.tokens = Dictionary(tokens.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
            if !tokens.isEmpty { state.isRequired = true }
        }
    }

    /// What the bearer of this request may do.
    func grant(for request: Request) throws -> Grant {
        let (tokens, isRequired) = state.withLock { ($0.tokens, $0.isRequired) }
        guard isRequired else { return .unlimited }
        guard let text = try bearer(of: request) else {
            throw Problem.unauthenticated("send Authorization: Bearer TOKEN; make one with: baton tokens create")
        }
        guard let (id, secret) = Token.parts(of: text), let token = tokens[id], token.matches(secret: secret) else {
            throw Problem.unauthenticated("the token is not known; it may have been revoked")
        }
        if let expiresAt = token.expiresAt, expiresAt <= SystemClock.now() { throw Problem.unauthenticated("the token has expired") }
        return token.grant
    }

    /// Refuses what a page in a browser could send without its user's intent.
    ///
    /// A daemon without tokens trusts whoever reaches the loopback address, and any page in a local browser does. Writes carry
    /// `Origin` then (Fetch §3.2), which has to be ours or allowed; and a name that was rebound to 127.0.0.1 shows in `Host`.
    func checkBrowser(_ request: Request) throws {
        if let origin = request.headers["Origin"], !isSameOrigin(origin, request), !allows(origin: origin),
            request.method != .get, request.method != .head
        {
            throw Problem(403, "forbidden", "pages of \(origin.prefix(200)) may not write here; allow them with --allow-origin")
        }
        guard !isRequired, !request.host.isEmpty else { return }
        guard !Access.isLocal(request.host) else { return }
        let name = Access.hostName(request.host)
        guard allowedHosts.contains(name) else {
            throw Problem(403, "forbidden", "without tokens only local names are answered, not \(name.prefix(200)); allow it with --allow-host")
        }
    }

    /// The origin to name in the answer, so that a page of it may read it; `nil` for none.
    func sharedOrigin(of request: Request) -> String? {
        request.headers["Origin"].flatMap { allows(origin: $0) ? $0 : nil }
    }

    private func allows(origin: String) -> Bool { allowedOrigins.contains("*") || allowedOrigins.contains(origin) }

    private func isSameOrigin(_ origin: String, _ request: Request) -> Bool {
        origin == "http://\(request.host)" || origin == "https://\(request.host)"
    }

    private func bearer(of request: Request) throws -> String? {
        if let field = request.headers["Authorization"] {
            guard field.count > 7, field.prefix(7).lowercased() == "bearer " else {
                throw Problem.unauthenticated("only the Bearer scheme is known")
            }
            return String(field.dropFirst(7))
        }
        guard request.method == .get, request.rawQuery?.contains(Access.queryToken) == true else { return nil }
        return try request.query()[Access.queryToken]
    }

    /// The host without its port.
    private static func hostName(_ host: String) -> String {
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") { return String(host[...end]) }
        return String(host.prefix { $0 != ":" }).lowercased()
    }

    /// Whether a host, with or without a port, can only be this machine: localhost and names below it (RFC 6761 §6.3), 127.0.0.0/8, [::1].
    private static func isLocal(_ host: String) -> Bool {
        if host.utf8.starts(with: "127.0.0.1".utf8) {
            // What most clients send, on the way of every request.
            let rest = host.utf8.dropFirst(9)
            if rest.isEmpty || rest.first == UInt8(ascii: ":") { return true }
        }
        let name = hostName(host)
        if name == "localhost" || name.hasSuffix(".localhost") || name == "[::1]" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
