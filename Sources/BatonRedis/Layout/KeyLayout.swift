internal import BatonCore
internal import BatonRedisClient

/// The names of all keys. `docs/KEYS.md` says what each of them holds.
struct KeyLayout: Sendable {
    /// The version of the layout; another one is refused.
    static let version = 2

    /// What all keys begin with.
    let prefix: String
    /// How many slots the sessions are spread over.
    let shards: Int
    /// Whether one server keeps everything, so that a script may use keys of several slots. On a cluster what belongs to an application is
    /// out of reach for scripts that work on a session.
    let isOneServer: Bool

    /// Where the layout itself is written down.
    static func record(_ prefix: String) -> RedisKey { RedisKey("\(prefix):layout") }

    /// The shard that all of a user's keys are in.
    func shard(app: String, user: String) -> Int {
        var bytes: [UInt8] = []
        Escaping.append(app, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Escaping.append(user, to: &bytes)
        // Escaped names have no braces, so this is the CRC of all of them.
        return HashSlot.of(bytes: bytes[...]) % shards
    }

    /// What the names of all keys of a shard begin with.
    func base(_ shard: Int) -> [UInt8] { Array("\(prefix):{\(shard)}:".utf8) }

    /// The log of a shard.
    func log(_ shard: Int) -> RedisKey { RedisKey(base(shard) + Array("log".utf8)) }

    /// The state of an application.
    func appState(_ app: String) -> RedisKey {
        var bytes = Array("\(prefix):{app:".utf8)
        Escaping.append(app, to: &bytes)
        bytes.append(contentsOf: "}:a".utf8)
        return RedisKey(bytes)
    }

    /// The state of a user.
    func userState(_ key: UserKey) -> RedisKey { RedisKey(path(base(shard(app: key.app, user: key.user)), "u:", key.app, key.user)) }

    /// The store's own records.
    var storeState: RedisKey { RedisKey("\(prefix):{store}:a") }

    /// A user's list: the one by last change and the one by creation.
    func lists(of key: UserKey) -> (updated: RedisKey, created: RedisKey) {
        let base = base(shard(app: key.app, user: key.user))
        return (RedisKey(path(base, "l:", key.app, key.user)), RedisKey(path(base, "c:", key.app, key.user)))
    }

    /// A shard's part of an application's list: the one by last change and the one by creation.
    func lists(of app: String, shard: Int) -> (updated: RedisKey, created: RedisKey) {
        let base = base(shard)
        return (RedisKey(path(base, "l:", app)), RedisKey(path(base, "c:", app)))
    }

    /// Everything that a script on a session gets.
    func names(of key: SessionKey) -> SessionNames {
        let shard = shard(app: key.app, user: key.user)
        let base = base(shard)
        var name: [UInt8] = []
        Escaping.append(key.app, to: &name)
        let app = name
        name.append(UInt8(ascii: ":"))
        Escaping.append(key.user, to: &name)
        let owner = name
        name.append(UInt8(ascii: ":"))
        Escaping.append(key.id, to: &name)
        func named(_ kind: StaticString, _ rest: [UInt8], _ suffix: StaticString = "") -> RedisKey {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(base.count + 4 + rest.count)
            bytes.append(contentsOf: base)
            kind.withUTF8Buffer { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: rest)
            suffix.withUTF8Buffer { bytes.append(contentsOf: $0) }
            return RedisKey(bytes)
        }
        var keys = [
            named("s:", name), named("s:", name, ":e"), named("s:", name, ":i"), named("s:", name, ":x"), named("s:", name, ":k"),
            named("l:", owner), named("c:", owner), named("l:", app), named("c:", app), named("log", []), named("u:", owner),
        ]
        keys.append(named("s:", name, ":r"))
        let appState = appState(key.app)
        if isOneServer { keys.append(appState) }
        return SessionNames(key: key, keys: keys, appState: appState, base: base, app: app, name: name)
    }

    /// What a plain append gets: see ``Scripts/plainAppend``.
    /// - Parameter count: how many of its keys, 5, 6 or all 10.
    func plainAppendKeys(of key: SessionKey, _ count: Int) -> [RedisKey] {
        let base = base(shard(app: key.app, user: key.user))
        var session = base
        session.reserveCapacity(base.count + key.app.utf8.count + key.user.utf8.count + key.id.utf8.count + 6)
        session.append(contentsOf: "s:".utf8)
        Escaping.append(key.app, to: &session)
        let app = session.count
        session.append(UInt8(ascii: ":"))
        Escaping.append(key.user, to: &session)
        let owner = session.count
        session.append(UInt8(ascii: ":"))
        Escaping.append(key.id, to: &session)
        func part(_ suffix: StaticString) -> RedisKey {
            var bytes = session
            suffix.withUTF8Buffer { bytes.append(contentsOf: $0) }
            return RedisKey(bytes)
        }
        func list(_ kind: UInt8, _ end: Int) -> RedisKey {
            var bytes = Array(session[..<end])
            bytes[base.count] = kind
            return RedisKey(bytes)
        }
        var keys = [
            RedisKey(session), part(":e"), list(UInt8(ascii: "l"), owner), list(UInt8(ascii: "l"), app), RedisKey(base + Array("log".utf8)),
        ]
        if count > 5 { keys.append(part(":i")) }
        if count > 6 { keys += [part(":x"), part(":k"), list(UInt8(ascii: "c"), owner), list(UInt8(ascii: "c"), app)] }
        return keys
    }

    private func path(_ base: [UInt8], _ kind: StaticString, _ parts: String...) -> [UInt8] {
        var bytes = base
        kind.withUTF8Buffer { bytes.append(contentsOf: $0) }
        for (index, part) in parts.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ":")) }
            Escaping.append(part, to: &bytes)
        }
        return bytes
    }
}

/// What scripts on one session get: see ``Scripts`` for the order of the keys.
struct SessionNames: Sendable {
    let key: SessionKey
    let keys: [RedisKey]
    /// The state of the application, which is among the keys only where one server keeps everything.
    let appState: RedisKey
    /// What all names in the slot begin with.
    let base: [UInt8]
    /// The application, escaped.
    let app: [UInt8]
    /// Application, user and id, escaped, with colons between them: what the log calls the session.
    let name: [UInt8]

    var session: RedisKey { keys[0] }
    var events: RedisKey { keys[1] }
    var userState: RedisKey { keys[10] }

    /// The session of a name in a log; nil when it is none.
    static func key(inLog name: ArraySlice<UInt8>) -> SessionKey? {
        let parts = name.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 3, let app = Escaping.name(parts[0]), let user = Escaping.name(parts[1]), let id = Escaping.name(parts[2]) else {
            return nil
        }
        return try? SessionKey(app: app, user: user, id: id)
    }
}
