internal import Baton
internal import BatonCore
internal import BatonServer

extension Command {
    static let tokens = Command(
        name: "tokens", summary: "Make, list and revoke the tokens that a daemon asks for",
        discussion: """
            Tokens live in the store, so these commands work where the store is, not through a daemon. As soon as there is one, the \
            daemon asks every client for a token; it notices within two seconds.
            """,
        commands: [.createToken, .listTokens, .revokeTokens])

    private static let createToken = Command(
        name: "create", summary: "Make a token and print it, once",
        examples: [
            Example(line: "baton tokens create --name laptop", meaning: "For everything"),
            Example(line: "baton tokens create --app demo --read-only --expires 30d", meaning: "To read one app, for a month"),
            Example(line: "baton tokens create --json | jq -r .token >token", meaning: "Into a file, for --token-file"),
        ],
        options: [name.declaration, apps.declaration, users.declaration, readOnly.declaration, expires.declaration]
    ) { invocation in
        let expiresAt = try invocation[expires].map { SystemClock.now().adding(seconds: try $0.lifetime("--expires")) }
        for app in invocation[apps] { _ = try Name.checked(app, "--app") }
        for user in invocation[users] { _ = try Name.checked(user, "--user") }
        let (token, text) = Token.make(
            name: invocation[name], apps: invocation[apps].isEmpty ? nil : invocation[apps],
            users: invocation[users].isEmpty ? nil : invocation[users], isReadOnly: invocation[readOnly], expiresAt: expiresAt)
        let console = invocation.console
        return try await invocation.withTokens(creating: true) { store in
            try await store.add(token)
            switch console.format {
            case .ndjson: try console.write(json: token.document(text: text))
            case .table:
                try console.write(text + "\n")
                console.say("This is the only time it is shown. Clients send it as: Authorization: Bearer TOKEN; this program reads BATON_TOKEN.")
            }
            return .success
        }
    }

    private static let listTokens = Command(name: "list", summary: "List the tokens, without their secrets") { invocation in
        let console = invocation.console
        return try await invocation.withTokens { store in
            let tokens = try await store.tokens()
            switch console.format {
            case .ndjson: for token in tokens { try console.write(json: token.document(text: nil)) }
            case .table:
                guard !tokens.isEmpty else {
                    console.say("No tokens.")
                    break
                }
                var table = Table(["ID", "NAME", "APPS", "USERS", "MAY", "CREATED", "EXPIRES"].map { Table.Column(title: $0) })
                for token in tokens {
                    table.add([
                        token.id, token.name ?? "", token.apps?.joined(separator: ",") ?? "all", token.users?.joined(separator: ",") ?? "all",
                        token.isReadOnly ? "read" : "read, write", String(token.createdAt.description.prefix(10)),
                        token.expiresAt.map { String($0.description.prefix(16)) } ?? "never",
                    ])
                }
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    private static let revokeTokens = Command(
        name: "revoke", summary: "Take tokens away, by the id that list shows",
        arguments: [Argument(name: "ID", help: "a token's id", count: .atLeastOne)]
    ) { invocation in
        try await invocation.withTokens { store in
            var code = ExitCode.success
            for id in invocation.arguments["ID"] ?? [] {
                // The whole token is what people have at hand when it leaked.
                let parts = id.split(separator: "_", omittingEmptySubsequences: false)
                let id = parts.count == 3 && parts[0] == "baton" ? String(parts[1]) : id
                if try await !store.revokeToken(id) {
                    invocation.console.complain("there is no token \(TerminalText.quoted(id))")
                    code = .notFound
                }
            }
            return code
        }
    }

    private static let flagOnly = OptionTraits(settable: .flagOnly)
    private static let name = Option<String?>("name", "TEXT", help: "A name for people", traits: flagOnly)
    private static let apps = Option<[String]>(repeated: "app", "APP", help: "Limit it to this app", traits: flagOnly)
    private static let users = Option<[String]>(repeated: "user", "USER", help: "Limit it to this user", traits: flagOnly)
    private static let readOnly = Option<Bool>.flag("read-only", help: "It may change nothing", traits: flagOnly)
    private static let expires = Option<Duration?>("expires", "TIME", help: "How long it is good for; for ever without", traits: flagOnly)
}

extension Invocation {
    /// Opens the store for its tokens, which only its own machine may see.
    fileprivate func withTokens(creating: Bool = false, _ body: (SessionStore) async throws -> ExitCode) async throws -> ExitCode {
        switch try storeAddress() {
        case .daemon:
            throw UsageError(
                message: "tokens are not reachable through a daemon: run this where its store is, as in \(path.text) --store sqlite:baton.db",
                command: path.text)
        case .memory: throw UsageError(message: "a store in memory keeps no tokens; name a file with --store sqlite:PATH", command: path.text)
        case .sqlite, .redis: return try await withStore(creating: creating, body)
        }
    }
}

extension Token {
    /// The token as an object, with its text when it has just been made.
    fileprivate func document(text: String?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("id")
            writer.string(id)
            if let text {
                writer.name("token")
                writer.string(text)
            }
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
        return writer.bytes
    }
}
