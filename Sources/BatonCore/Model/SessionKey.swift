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

    /// Whether all names have the same bytes. Texts that only look the same name different sessions.
    public static func == (a: SessionKey, b: SessionKey) -> Bool {
        Name.isSame(a.id, b.id) && Name.isSame(a.user, b.user) && Name.isSame(a.app, b.app)
    }

    /// Mixes in the bytes of all names.
    public func hash(into hasher: inout Hasher) {
        Name.hash(app, into: &hasher)
        Name.hash(user, into: &hasher)
        Name.hash(id, into: &hasher)
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

    /// Whether both names have the same bytes.
    public static func == (a: UserKey, b: UserKey) -> Bool { Name.isSame(a.user, b.user) && Name.isSame(a.app, b.app) }

    /// Mixes in the bytes of both names.
    public func hash(into hasher: inout Hasher) {
        Name.hash(app, into: &hasher)
        Name.hash(user, into: &hasher)
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

    /// Whether two texts have the same bytes. `==` does not ask that: it takes canonically equivalent texts (Unicode §3.7) for
    /// equal, and storages, which compare bytes, do not.
    package static func isSame(_ a: String, _ b: String) -> Bool {
        a.utf8.count == b.utf8.count && a.utf8.elementsEqual(b.utf8)
    }

    /// Mixes in the bytes of a text and where they end.
    package static func hash(_ text: String, into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xFF as UInt8)
    }
}
