internal import BatonCore
internal import BatonRedisClient

/// Changes of state as scripts read them.
struct StateItems {
    /// A count, then what has to be stored for the changes to hold.
    var guards: [RedisArgument]
    /// A count, then the changes.
    var items: [RedisArgument]

    /// Changes that need to know nothing of what is stored: those of an event.
    static func setting(_ delta: StateDelta) throws(StoreError) -> [RedisArgument] {
        var items: [RedisArgument] = [RedisArgument(delta.session.count + delta.user.count + delta.app.count)]
        for (scope, changes) in [("s", delta.session), ("u", delta.user), ("a", delta.app)] as [(RedisArgument, [StateChange])] {
            for change in changes {
                items += [scope, .string(change.key)]
                items += StateItems.operation(try change.operation.applied(to: nil))
            }
        }
        return items
    }

    static func operation(_ value: JSON?) -> [RedisArgument] {
        value.map { ["s", .bytes($0.bytes)] } ?? ["r", ""]
    }
}

/// Works out what changes do. Merges need what is stored: it is read first, and the script is told what was read.
struct StatePlanner {
    let storage: RedisStorage
    let names: SessionNames
    /// Whether the session is being made, so that its own state is empty.
    let isNew: Bool

    func changes(_ delta: StateDelta) async throws(StoreError) -> StateItems {
        if storage.layout.isOneServer { return try await changes(session: delta.session, user: delta.user, app: delta.app) }
        // What the application's state will get comes afterwards and from elsewhere; what is wrong with it has to be known before.
        if !delta.app.isEmpty { _ = try await Part(nil, delta.app, of: names.appState, storage) }
        return try await changes(session: delta.session, user: delta.user)
    }

    func changes(session: [StateChange], user: [StateChange] = [], app: [StateChange] = []) async throws(StoreError) -> StateItems {
        var parts: [Part] = []
        if !session.isEmpty {
            parts.append(try await Part("s", session, of: names.session, fieldPrefix: ".", isKnownEmpty: isNew, storage))
        }
        if !user.isEmpty { parts.append(try await Part("u", user, of: names.userState, storage)) }
        if !app.isEmpty { parts.append(try await Part("a", app, of: names.appState, storage)) }
        return StateItems(
            guards: [RedisArgument(parts.reduce(0) { $0 + $1.guards.count / 4 })] + parts.flatMap(\.guards),
            items: [RedisArgument(parts.reduce(0) { $0 + $1.items.count / 4 })] + parts.flatMap(\.items))
    }

    /// Guards and changes of a state that no session owns.
    static func shared(_ changes: [StateChange], of key: RedisKey, _ storage: RedisStorage) async throws(StoreError) -> [RedisArgument] {
        let part = try await Part(nil, changes, of: key, storage)
        return [RedisArgument(part.guards.count / 3)] + part.guards + [RedisArgument(part.items.count / 3)] + part.items
    }

    /// The changes of one scope.
    private struct Part {
        var guards: [RedisArgument] = []
        var items: [RedisArgument] = []

        init(
            _ scope: RedisArgument?, _ changes: [StateChange], of key: RedisKey, fieldPrefix: String = "", isKnownEmpty: Bool = false,
            _ storage: RedisStorage
        ) async throws(StoreError) {
            let prefix = scope.map { [$0] } ?? []
            // Keys are compared by their bytes: texts that look the same are different keys.
            var values: [[UInt8]: JSON] = [:]
            var merged: [[UInt8]] = []
            for change in changes {
                guard case .merge = change.operation, !merged.contains(Array(change.key.utf8)) else { continue }
                merged.append(Array(change.key.utf8))
            }
            if !merged.isEmpty, !isKnownEmpty {
                let words: [RedisArgument] = ["HMGET", RedisArgument(key), ""] + merged.map { .bytes(Array(fieldPrefix.utf8) + $0) }
                var stored = try ScriptReply(parts: try await storage.send(RawCommand.reading(words, key)))
                let expiry = try stored.next().integer
                let isStale = expiry.map { Int($0) <= storage.clock?().milliseconds ?? 0 } ?? false
                for name in merged {
                    let value = try stored.next().bytes.map { JSON(checked: Array($0)) }
                    if !isStale { values[name] = value }
                    guards += prefix + [.bytes(name)] + StateItems.operation(values[name])
                }
            }
            for change in changes {
                let name = Array(change.key.utf8)
                let value = try change.operation.applied(to: values[name])
                values[name] = value
                items += prefix + [.string(change.key)] + StateItems.operation(value)
            }
        }
    }
}

extension RawCommand {
    /// A command that changes nothing, on one key.
    static func reading(_ words: [RedisArgument], _ key: RedisKey) -> RawCommand {
        RawCommand(words, keys: [key], isReadOnly: true, retrySafety: .always)
    }

    /// All fields of a hash.
    static func hash(_ key: RedisKey) -> RawCommand { reading(["HGETALL", RedisArgument(key)], key) }
}
