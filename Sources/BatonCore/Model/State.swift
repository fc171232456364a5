/// Who shares a piece of working state.
public enum StateScope: Hashable, Sendable {
    /// Only the session.
    case session(SessionKey)
    /// All sessions of the user in the application.
    case user(UserKey)
    /// All sessions of all users of the application.
    case app(String)
    /// The store's own records, such as access tokens. They never expire, belong to no session, and are not reachable
    /// through any name that a client can give.
    case store
}

/// One change of one state key.
public struct StateChange: Hashable, Sendable {
    /// What happens to the value.
    public enum Operation: Hashable, Sendable {
        /// The value becomes this one.
        case set(JSON)
        /// The value is changed by a merge patch (RFC 7396).
        case merge(JSON)
        /// The key goes away.
        case remove

        /// The value of a key that had `current` after this change; `nil` for none.
        /// - Throws: ``StoreError/Code/tooLarge`` when it has over ``StateDelta/maximumValueBytes``.
        public func applied(to current: JSON?) throws(StoreError) -> JSON? {
            let value: JSON
            switch self {
            case .remove: return nil
            case .set(let new): value = new
            case .merge(let patch): value = (current ?? .null).merging(patch)
            }
            guard value.bytes.count <= StateDelta.maximumValueBytes else {
                throw StoreError(
                    .tooLarge, "a state value has \(value.bytes.count) bytes; it may have at most \(StateDelta.maximumValueBytes)")
            }
            return value
        }
    }

    /// The key, without a scope prefix; 1 to 256 bytes.
    public let key: String
    /// What happens to its value.
    public let operation: Operation

    /// A change of `key`.
    public init(_ key: String, _ operation: Operation) {
        self.key = key
        self.operation = operation
    }
}

/// Changes of state in the three stored scopes, sorted out by the prefix of their keys.
///
/// `app:x` goes to the application, `user:x` to the user, `temp:x` nowhere, anything else to the session.
public struct StateDelta: Hashable, Sendable {
    /// Changes of the session's own state.
    public private(set) var session: [StateChange] = []
    /// Changes of the user's state.
    public private(set) var user: [StateChange] = []
    /// Changes of the application's state.
    public private(set) var app: [StateChange] = []

    /// The most keys that one request may change.
    public static let maximumChanges = 1024
    /// The largest value of a state key, in bytes.
    public static let maximumValueBytes = 1 << 20

    /// No change.
    public init() {}

    /// Whether nothing changes.
    public var isEmpty: Bool { session.isEmpty && user.isEmpty && app.isEmpty }

    /// Adds a change of a key as callers write it, with its prefix. A later change of the same key wins.
    /// - Throws: ``StoreError/Code/invalidName`` when the key is empty or over 256 bytes without its prefix.
    public mutating func add(_ prefixedKey: String, _ operation: StateChange.Operation) throws(StoreError) {
        let (prefix, key) = StateDelta.split(prefixedKey)
        _ = try Name.checked(key, "a state key")
        let change = StateChange(key, operation)
        switch prefix {
        case .session: StateDelta.put(change, into: &session)
        case .user: StateDelta.put(change, into: &user)
        case .app: StateDelta.put(change, into: &app)
        case .temp: break
        }
    }

    /// Where a key goes.
    package enum Prefix { case session, user, app, temp }

    /// The scope that a key names, and the key without its prefix.
    package static func split(_ key: String) -> (Prefix, String) {
        if key.hasPrefix("user:") { return (.user, String(key.dropFirst(5))) }
        if key.hasPrefix("app:") { return (.app, String(key.dropFirst(4))) }
        if key.hasPrefix("temp:") { return (.temp, String(key.dropFirst(5))) }
        return (.session, key)
    }

    private static func put(_ change: StateChange, into changes: inout [StateChange]) {
        if let index = changes.firstIndex(where: { $0.key == change.key }) {
            changes[index] = change
        } else {
            changes.append(change)
        }
    }

    /// Reads the object of an event's `stateDelta`: a value sets its key, `null` removes it.
    package init(settingMembersOf object: JSON, in field: String) throws(StoreError) {
        try self.init(object, in: field) { value in value.isNull ? .remove : .set(value) }
    }

    /// Reads a merge patch (RFC 7396): `null` removes a key, an object is merged into what is there, anything else sets.
    package init(mergePatch object: JSON, in field: String) throws(StoreError) {
        try self.init(object, in: field) { value in
            if value.isNull { return .remove }
            return value.isObject ? .merge(value) : .set(value)
        }
    }

    private init(_ object: JSON, in field: String, operation: (JSON) -> StateChange.Operation) throws(StoreError) {
        guard let members = object.members else {
            throw StoreError(.invalidField, "\(field) has to be an object of state keys and values")
        }
        guard members.count <= StateDelta.maximumChanges else {
            throw StoreError(.tooLarge, "\(field) has \(members.count) keys; one request changes at most \(StateDelta.maximumChanges)")
        }
        for (key, value) in members { try add(key, operation(value)) }
    }
}

/// The state that a session sees: its own, its user's and its application's.
public struct SessionState: Hashable, Sendable {
    /// The session's own keys.
    public var session: [String: JSON]
    /// The user's keys, without prefix.
    public var user: [String: JSON]
    /// The application's keys, without prefix.
    public var app: [String: JSON]

    /// State of three scopes.
    public init(session: [String: JSON] = [:], user: [String: JSON] = [:], app: [String: JSON] = [:]) {
        self.session = session
        self.user = user
        self.app = app
    }

    /// The value of a key as callers write it: `app:x`, `user:x` or `x`.
    public subscript(key: String) -> JSON? {
        let (prefix, key) = StateDelta.split(key)
        switch prefix {
        case .session: return session[key]
        case .user: return user[key]
        case .app: return app[key]
        case .temp: return nil
        }
    }
}
