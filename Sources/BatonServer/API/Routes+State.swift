internal import BatonCore
internal import BatonHTTP

extension Route {
    private static let user = "/v1/apps/{app}/users/{user}/state"
    private static let app = "/v1/apps/{app}/state"

    static let state: [Route] =
        [
            .get(
                session + "/state", "getSessionState", "The state that the session sees; keys of app and user with their prefix.",
                parameters: [.query("scope", "string", "session: only the session's own keys.")], responses: [(200, "State")]
            ) { api, call in
                switch try call.text("scope") {
                case nil:
                    let state = try await api.store.mergedState(of: call.session())
                    return .json { $0.state(state) }
                case "session":
                    let state = try await api.store.state(.session(call.session()))
                    return .json { $0.state(state) }
                default: throw StoreError(.invalidParameter, "scope has to be: session")
                }
            },
            .write(
                .patch, session + "/state", "patchSessionState", "Merge a patch (RFC 7396) into the state; app: and user: keys go to their scope.",
                parameters: [.epoch], request: "State", responses: [(200, "State")]
            ) { api, call in
                let delta = try StateDelta(mergePatch: JSON(call.json()), in: "state")
                try call.grant.checkWrite(of: delta)
                let state = try await api.store.change(call.session(), delta, epoch: call.epoch())
                return .json { $0.state(state) }
            },
            .write(
                .post, session + "/state", "changeSessionState",
                "Change keys in one step: set, merge or remove each; app: and user: keys go to their scope.",
                parameters: [.query("scope", "string", "session: all keys are the session's own."), .epoch], request: "StateChanges",
                responses: [(200, "State")]
            ) { api, call in
                let changes = try StateChange.list(parsing: call.json())
                switch try call.text("scope") {
                case nil:
                    var delta = StateDelta()
                    for change in changes { try delta.add(change.key, change.operation) }
                    try call.grant.checkWrite(of: delta)
                    let state = try await api.store.change(call.session(), delta, epoch: call.epoch())
                    return .json { $0.state(state) }
                case "session":
                    let state = try await api.store.change(.session(call.session()), changes, epoch: call.epoch())
                    return .json { $0.state(state) }
                default: throw StoreError(.invalidParameter, "scope has to be: session")
                }
            },
        ] + keys(of: session + "/state", "Session", parameters: [.epoch]) { call in try .session(call.session()) }
        + scope(user, "User") { call in try .user(call.user()) }
        + keys(of: user, "User") { call in try .user(call.user()) }
        + scope(app, "App") { call in .app(try Name.checked(call.variables[0], "app")) }
        + keys(of: app, "App") { call in .app(try Name.checked(call.variables[0], "app")) }

    /// Reading and patching all keys of a user or an app.
    private static func scope(_ path: String, _ name: String, _ scope: @escaping @Sendable (Call) throws -> StateScope) -> [Route] {
        [
            .get(path, "get\(name)State", "The state of the \(name.lowercased()).", responses: [(200, "State")]) { api, call in
                let state = try await api.store.state(scope(call))
                return .json { $0.state(state) }
            },
            .write(
                .patch, path, "patch\(name)State", "Merge a patch (RFC 7396) into the state of the \(name.lowercased()).", request: "State",
                responses: [(200, "State")]
            ) { api, call in
                let delta = try StateDelta(mergePatch: JSON(call.json()), in: "state")
                let state = try await api.store.change(scope(call), delta.changes(in: scope(call), call.grant))
                return .json { $0.state(state) }
            },
            .write(
                .post, path, "change\(name)State", "Change keys of the \(name.lowercased()) in one step: set, merge or remove each.",
                request: "StateChanges", responses: [(200, "State")]
            ) { api, call in
                let scope = try scope(call)
                if case .app = scope { try call.grant.checkWriteOfAppState() }
                let state = try await api.store.change(scope, StateChange.list(parsing: call.json()))
                return .json { $0.state(state) }
            },
        ]
    }

    /// Reading, setting and removing one key.
    private static func keys(
        of path: String, _ name: String, parameters: [Parameter] = [], _ scope: @escaping @Sendable (Call) throws -> StateScope
    ) -> [Route] {
        [
            .get(path + "/{key}", "get\(name)StateKey", "The value of one key.", responses: [(200, "Value")]) { api, call in
                let key = call.variables.last ?? ""
                let value: JSON?
                if case .session(let session) = try scope(call) {
                    value = try await api.store.mergedState(of: session)[key]
                } else {
                    value = try await api.store.state(scope(call))[StateDelta.split(key, in: scope(call))]
                }
                guard let value else { throw StoreError(.notFound, "there is no such key in the state") }
                return .json(200, value)
            },
            .write(
                .put, path + "/{key}", "put\(name)StateKey", "Set one key.", parameters: parameters, request: "Value",
                responses: [(200, "Value")]
            ) { api, call in
                let value = try JSON(call.json())
                try await api.change(scope(call), call, .set(value))
                return .json(200, value)
            },
            .write(
                .delete, path + "/{key}", "delete\(name)StateKey", "Remove one key; absent is fine.", parameters: parameters,
                responses: [(204, nil)]
            ) { api, call in
                try await api.change(scope(call), call, .remove)
                return .noContent
            },
        ]
    }
}

extension API {
    fileprivate func change(_ scope: StateScope, _ call: Call, _ operation: StateChange.Operation) async throws {
        var delta = StateDelta()
        try delta.add(call.variables.last ?? "", operation)
        if case .session(let key) = scope {
            try call.grant.checkWrite(of: delta)
            try await store.change(key, delta, epoch: call.epoch())
        } else {
            try await store.change(scope, delta.changes(in: scope, call.grant))
        }
    }
}

extension StateDelta {
    /// The changes for a user's or an app's own address, where keys may stand with or without that prefix and with no other.
    fileprivate func changes(in scope: StateScope, _ grant: Grant) throws -> [StateChange] {
        switch scope {
        case .user:
            guard app.isEmpty else { throw StoreError(.invalidField, "app: keys are not part of a user's state; change them at the app's address") }
            return session + user
        case .app:
            guard user.isEmpty else { throw StoreError(.invalidField, "user: keys are not part of an app's state; change them at a user's address") }
            try grant.checkWriteOfAppState()
            return session + app
        case .session, .store: return session
        }
    }

    /// The key inside a scope, its own prefix taken off.
    fileprivate static func split(_ key: String, in scope: StateScope) -> String {
        switch (split(key), scope) {
        case ((.user, let rest), .user), ((.app, let rest), .app): rest
        default: key
        }
    }
}
