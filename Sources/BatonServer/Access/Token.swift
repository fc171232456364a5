public import BatonCore
internal import CBatonTLS

/// A bearer token as the store knows it: who it is for, and the hash of its secret.
///
/// Its text is `baton_<id>_<secret>`. The secret has 256 random bits, so one SHA-256 is enough to keep it (nothing can be
/// guessed), and is never stored.
public struct Token: Sendable, Equatable {
    /// Finds the token in the store; not secret.
    public let id: String
    /// A name for people.
    public let name: String?
    /// The apps it is limited to; `nil` for all.
    public let apps: [String]?
    /// The users it is limited to; `nil` for all.
    public let users: [String]?
    /// Whether it may change nothing.
    public let isReadOnly: Bool
    /// When it was made.
    public let createdAt: Timestamp
    /// When it ends; `nil` for never.
    public let expiresAt: Timestamp?
    let hash: [UInt8]

    /// Makes a token; its text is returned once and kept nowhere.
    public static func make(
        name: String? = nil, apps: [String]? = nil, users: [String]? = nil, isReadOnly: Bool = false, expiresAt: Timestamp? = nil
    ) -> (token: Token, text: String) {
        let id = Hex.text(of: Randomness.bytes(6))
        let secret = Hex.text(of: Randomness.bytes(32))
        let token = Token(
            id: id, name: name, apps: apps, users: users, isReadOnly: isReadOnly, createdAt: SystemClock.now(), expiresAt: expiresAt,
            hash: sha256(secret))
        return (token, "baton_\(id)_\(secret)")
    }

    /// The id and the secret of a token's text; `nil` when it is none.
    static func parts(of text: String) -> (id: String, secret: String)? {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "baton", parts[1].utf8.count == 12, parts[2].utf8.count == 64 else { return nil }
        return (String(parts[1]), String(parts[2]))
    }

    /// Whether `secret` is this token's. Takes the same time wherever it differs.
    func matches(secret: String) -> Bool {
        let other = Token.sha256(secret)
        return hash.count == other.count && CRYPTO_memcmp(hash, other, other.count) == 0
    }

    var grant: Grant { Grant(apps: apps, users: users, isReadOnly: isReadOnly, tokenID: id) }

    private static func sha256(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            SHA256(bytes, bytes.count, buffer.baseAddress)
            count = 32
        }
    }
}

extension Token {
    /// The token as a record of the store.
    var record: JSON {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("hash")
            writer.string(Hex.text(of: hash))
            writer.name("name")
            writer.string(name)
            writer.name("apps")
            if let apps { writer.strings(apps) } else { writer.null() }
            writer.name("users")
            if let users { writer.strings(users) } else { writer.null() }
            writer.name("readOnly")
            writer.bool(isReadOnly)
            writer.name("createdAt")
            writer.time(createdAt)
            writer.name("expiresAt")
            if let expiresAt { writer.time(expiresAt) } else { writer.null() }
        }
        return JSON(checked: writer.bytes)
    }

    init?(id: String, record: JSON) {
        func strings(_ name: String) -> [String]? { record[name]?.elements?.compactMap(\.stringValue) }
        guard let hash = record["hash"]?.stringValue.flatMap(Hex.bytes), let created = record["createdAt"]?.stringValue.flatMap(Timestamp.init)
        else { return nil }
        self.init(
            id: id, name: record["name"]?.stringValue, apps: strings("apps"), users: strings("users"),
            isReadOnly: record["readOnly"]?.description == "true", createdAt: created,
            expiresAt: record["expiresAt"]?.stringValue.flatMap(Timestamp.init), hash: hash)
    }
}

extension SessionStore {
    private static let tokenPrefix = "token:"

    /// Keeps a token; daemons on this store honour it within seconds.
    public func add(_ token: Token) async throws(StoreError) {
        try await change(.store, [StateChange(SessionStore.tokenPrefix + token.id, .set(token.record))])
    }

    /// All tokens, oldest first, ended ones included.
    public func tokens() async throws(StoreError) -> [Token] {
        var tokens: [Token] = []
        for (key, record) in try await state(.store) where key.hasPrefix(SessionStore.tokenPrefix) {
            let id = String(key.dropFirst(SessionStore.tokenPrefix.count))
            guard let token = Token(id: id, record: record) else {
                throw StoreError(.storeCorrupt, "the record of the token \(id) cannot be understood")
            }
            tokens.append(token)
        }
        return tokens.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    /// Takes a token away; daemons on this store refuse it within seconds. Returns whether it was there.
    public func revokeToken(_ id: String) async throws(StoreError) -> Bool {
        let wasThere = try await tokens().contains { $0.id == id }
        try await change(.store, [StateChange(SessionStore.tokenPrefix + id, .remove)])
        return wasThere
    }
}
