internal import BatonCore

/// What the bearer of a request may do.
struct Grant: Sendable, Equatable {
    /// The apps it may see; `nil` for all.
    var apps: [String]?
    /// The users it may see, in any of its apps; `nil` for all.
    var users: [String]?
    /// Whether it may change nothing.
    var isReadOnly = false
    /// The token's id, for logs; `nil` without a token.
    var tokenID: String?

    /// What everybody may do where no token was ever made.
    static let unlimited = Grant()

    /// Whether it may see what stands under these names. What it may not see does not exist for it.
    func sees(app: String?, user: String?) -> Bool {
        Grant.allows(app, apps) && Grant.allows(user, users)
    }

    /// Names are compared as bytes: texts that Unicode holds equivalent name different apps and users.
    private static func allows(_ name: String?, _ limits: [String]?) -> Bool {
        guard let limits else { return true }
        guard let name else { return false }
        return limits.contains { Name.isSame($0, name) }
    }

    /// Whether it is limited to nothing, as the daemon's own numbers require.
    var isOperator: Bool { apps == nil && users == nil }

    /// State of the app is shared by all its users: credentials of some of them may not change it.
    func checkWriteOfAppState() throws(StoreError) {
        if users != nil { throw StoreError(.forbidden, "these credentials are limited to users, so they cannot change app: state") }
    }

    /// As ``checkWriteOfAppState()``, when the delta has such keys.
    func checkWrite(of delta: StateDelta) throws(StoreError) {
        if !delta.app.isEmpty { try checkWriteOfAppState() }
    }
}
