/// Names one session: an application, a user of it, and the session's id.
///
/// Each component is any UTF-8 text of 1 to 256 bytes. Storages escape or bind components, so `:` `{` `*` `/` and NUL
/// are ordinary characters.
public struct SessionKey: Hashable, Sendable {
    /// The application.
    public let app: String
    /// The user of the application.
    public let user: String
    /// The session of that user.
    public let id: String

    /// A key of three names.
    /// - Throws: ``StoreError/Code/invalidName`` when a component is empty or over 256 bytes.
    public init(app: String, user: String, id: String) throws(StoreError) {
        self.app = try Name.checked(app, "app")
        self.user = try Name.checked(user, "user")
        self.id = try Name.checked(id, "session")
    }

    /// The user that the session belongs to.
    public var owner: UserKey { UserKey(checkedApp: app, user: user) }

    package init(owner: UserKey, checkedID id: String) {
        self.app = owner.app
        self.user = owner.user
        self.id = id
    }
}

/// Names one user of one application.
public struct UserKey: Hashable, Sendable {
    /// The application.
    public let app: String
    /// The user of the application.
    public let user: String

    /// A key of two names.
    /// - Throws: ``StoreError/Code/invalidName`` when a component is empty or over 256 bytes.
    public init(app: String, user: String) throws(StoreError) {
        self.app = try Name.checked(app, "app")
        self.user = try Name.checked(user, "user")
    }

    package init(checkedApp app: String, user: String) {
        self.app = app
        self.user = user
    }
}

/// What a name may be: any UTF-8 text of 1 to 256 bytes.
package enum Name {
    /// The longest name, in UTF-8 bytes.
    package static let maximumBytes = 256

    /// `text` when it may be a name; `what` says in the error what kind of name was wrong.
    package static func checked(_ text: String, _ what: String) throws(StoreError) -> String {
        let count = text.utf8.count
        guard count > 0 else { throw StoreError(.invalidName, "\(what) is empty; a name has 1 to \(maximumBytes) bytes") }
        guard count <= maximumBytes else {
            throw StoreError(.invalidName, "\(what) has \(count) bytes; a name has 1 to \(maximumBytes) bytes")
        }
        return text
    }
}
