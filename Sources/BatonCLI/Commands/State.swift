internal import BatonCore

extension Command {
    static let state = Command(
        name: "state", summary: "Read and change working state",
        discussion: """
            A session sees its own keys, those of its user as user:KEY and those of its app as app:KEY. --scope user and --scope app \
            work on one of them alone, and take APP/USER or APP in place of a session.
            """,
        commands: [.getState, .setState, .deleteState])

    private static let getState = Command(
        name: "get", summary: "Print state, or the value of one key",
        examples: [
            Example(line: "baton state get demo/ann/first", meaning: "All that the session sees"),
            Example(line: "baton state get demo/ann/first user:language", meaning: "One value, as JSON"),
            Example(line: "baton state get demo --scope app", meaning: "What all users of the app share"),
        ],
        options: [scope.declaration] + OwnerOptions.declarations, arguments: [owner, Argument(name: "KEY", help: "the key", count: .optional)]
    ) { invocation in
        let target = try StateTarget(invocation, scope: invocation[scope])
        let console = invocation.console
        return try await invocation.withStore { store in
            let state = try await target.read(store)
            if let key = invocation[argument: "KEY"] {
                guard let value = state[key] else { throw StoreError(.notFound, "there is no such key in the state") }
                try console.write(json: value.bytes)
                return .success
            }
            switch console.format {
            case .ndjson:
                var writer = JSONWriter()
                writer.state(state)
                try console.write(json: writer.bytes)
            case .table:
                guard !state.isEmpty else {
                    console.say("No state.")
                    break
                }
                var table = Table([Table.Column(title: "KEY"), Table.Column(title: "VALUE")])
                for (key, value) in state.sorted(by: { $0.key < $1.key }) { table.add([key, value.description]) }
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    private static let setState = Command(
        name: "set", summary: "Set a key and print its value",
        discussion: "The value is JSON; what is no JSON is taken as text, and with --text everything is.",
        examples: [
            Example(line: "baton state set demo/ann/first city Vienna", meaning: "A text"),
            Example(line: "baton state set demo/ann/first user:limits '{\"calls\": 5}'", meaning: "An object, for all sessions of the user"),
        ],
        options: [scope.declaration, text.declaration, LeaseOptions.epoch.declaration] + OwnerOptions.declarations + KeepingOptions.declarations,
        arguments: [owner, Argument(name: "KEY", help: "the key"), Argument(name: "VALUE", help: "its value")]
    ) { invocation in
        let target = try StateTarget(invocation, scope: invocation[scope])
        let key = invocation[argument: "KEY"] ?? ""
        let given = invocation[argument: "VALUE"] ?? ""
        let value = invocation[text] ? JSON(string: given) : (try? JSON(parsing: given)) ?? JSON(string: given)
        return try await invocation.withStore { store in
            try await target.change(key, .set(value), store, epoch: invocation[LeaseOptions.epoch])
            try invocation.console.write(json: value.bytes)
            return .success
        }
    }

    private static let deleteState = Command(
        name: "delete", summary: "Remove keys; absent ones are fine",
        examples: [Example(line: "baton state delete demo/ann/first city", meaning: "The key is gone")],
        options: [scope.declaration, LeaseOptions.epoch.declaration] + OwnerOptions.declarations,
        arguments: [owner, Argument(name: "KEY", help: "a key", count: .atLeastOne)]
    ) { invocation in
        let target = try StateTarget(invocation, scope: invocation[scope])
        return try await invocation.withStore { store in
            for key in invocation.arguments["KEY"] ?? [] {
                try await target.change(key, .remove, store, epoch: invocation[LeaseOptions.epoch])
            }
            return .success
        }
    }

    private static let owner = Argument(name: "SESSION", help: "APP/USER/SESSION; APP/USER with --scope user, APP with --scope app")
    private static let scope = Option<Scope?>(
        "scope", "SCOPE", help: "Whose keys alone; without it all that the session sees", traits: OptionTraits(settable: .flagOnly))
    private static let text = Option<Bool>.flag(
        "text", help: "Take the value as text, whatever it looks like", traits: OptionTraits(settable: .flagOnly))

    fileprivate enum Scope: String, CaseIterable, ArgumentValue { case session, user, app }
}

/// Whose state a command works on.
private enum StateTarget {
    /// All that a session sees; keys go where their prefix says.
    case view(SessionKey)
    case scope(StateScope)

    init(_ invocation: Invocation, scope: Command.Scope?) throws {
        let name = try SessionName(invocation[argument: "SESSION"] ?? "", in: invocation)
        switch scope {
        case nil: self = .view(try name.session())
        case .session: self = .scope(.session(try name.session()))
        case .user: self = .scope(.user(try name.user()))
        case .app: self = .scope(.app(try name.app()))
        }
    }

    func read(_ store: SessionStore) async throws -> [String: JSON] {
        switch self {
        case .scope(let scope): return try await store.state(scope)
        case .view(let key):
            let state = try await store.mergedState(of: key)
            var merged = state.session
            for (key, value) in state.user { merged["user:" + key] = value }
            for (key, value) in state.app { merged["app:" + key] = value }
            return merged
        }
    }

    func change(_ key: String, _ operation: StateChange.Operation, _ store: SessionStore, epoch: Int?) async throws {
        switch self {
        case .scope(let scope): try await store.change(scope, [StateChange(key, operation)], epoch: epoch)
        case .view(let session):
            var delta = StateDelta()
            try delta.add(key, operation)
            guard !delta.isEmpty else { throw StoreError(.invalidName, "temp: keys are never stored") }
            try await store.change(session, delta, epoch: epoch)
        }
    }
}
