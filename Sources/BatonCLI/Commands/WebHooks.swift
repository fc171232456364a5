internal import Baton
internal import BatonCore
internal import BatonServer

extension Command {
    static let webHooks = Command(
        name: "webhooks", summary: "Let daemons send the events of topics to URLs, signed",
        discussion: """
            Each event is one POST with the event as JSON, by the Standard Webhooks specification: webhook-id (the same for every attempt), \
            webhook-timestamp and webhook-signature. A status of 200 to 299 accepts it, 410 disables the web hook, anything else is tried again \
            with growing distances, or when Retry-After says; what fails too often is a dead letter. All daemons on the store share the work.

            Web hooks live in the store, so these commands work where the store is, not through a daemon; daemons notice within two seconds. Private \
            addresses and unencrypted ones get nothing unless the daemon runs with --webhooks-allow-private.
            """,
        commands: [.setWebHook, .listWebHooks, .showWebHook, .disableWebHook, .enableWebHook, .deleteWebHooks])

    private static let setWebHook = Command(
        name: "set", summary: "Make a web hook, or change the one of this name",
        discussion: """
            The secret is read from a file, or made and printed, once. A file may hold up to four, one a line: each signs, so that a receiver can \
            change from one to the next. A web hook that is changed keeps its secrets unless there is a file, and its place in the topic.
            """,
        examples: [
            Example(line: "baton webhooks set billing --topic orders --url https://billing.example/hook", meaning: "Orders from now on"),
            Example(
                line: "baton webhooks set index --topic sessions --app demo --types session.event --ordered --url https://index.example/",
                meaning: "What is said in one app, a session's events one after the other"),
        ],
        options: [
            WebHookOptions.topic.declaration, WebHookOptions.url.declaration, WebHookOptions.secretFile.declaration,
            WebHookOptions.concurrency.declaration,
            WebHookOptions.timeout.declaration,
        ] + TopicOptions.filter + TopicOptions.settings,
        arguments: [name]
    ) { invocation in
        let name = invocation[argument: "NAME"] ?? ""
        guard let topic = invocation[WebHookOptions.topic], let url = invocation[WebHookOptions.url] else {
            throw UsageError(message: "\(invocation.path.text) needs --topic and --url", command: invocation.path.text)
        }
        let given = try invocation.secrets()
        let console = invocation.console
        return try await invocation.withWebHooks(creating: true) { store in
            let earlier = try await store.webHooks().first { Name.isSame($0.name, name) }
            if let earlier, !Name.isSame(earlier.topic, topic) {
                throw StoreError(.conflict, "the web hook sends the events of another topic; delete it first, or choose another name")
            }
            let secrets = given ?? earlier?.secrets ?? [.make()]
            let hook = try WebHook(
                name, topic: topic, filter: invocation.topicFilter, url: try WebHookURL(url), secrets: secrets, settings: invocation.groupSettings,
                concurrency: invocation[WebHookOptions.concurrency], timeoutMilliseconds: invocation[WebHookOptions.timeout].wholeMilliseconds)
            try await store.set(hook, from: invocation[TopicOptions.from])
            let isNew = given == nil && earlier == nil
            switch console.format {
            case .ndjson: try console.write(json: hook.document(revealing: isNew ? secrets[0] : nil))
            case .table where isNew:
                try console.write(secrets[0].revealed + "\n")
                console.say("This is the only time the secret is shown. The receiver checks signatures with it.")
            case .table: console.say("Set; daemons notice within two seconds.")
            }
            if !hook.url.isEncrypted { console.say("The URL is not https: only daemons with --webhooks-allow-private send to it.") }
            return .success
        }
    }

    private static let listWebHooks = Command(name: "list", summary: "List the web hooks, without their secrets") { invocation in
        let console = invocation.console
        return try await invocation.withWebHooks { store in
            let hooks = try await store.webHooks()
            switch console.format {
            case .ndjson: for hook in hooks { try console.write(json: hook.document()) }
            case .table where hooks.isEmpty: console.say("No web hooks.")
            case .table:
                var table = Table(["NAME", "TOPIC", "TYPES", "STATUS", "URL"].map { Table.Column(title: $0) })
                for hook in hooks {
                    table.add([
                        hook.name, hook.topic, hook.filter.types.joined(separator: ","), hook.disabled == nil ? "active" : "disabled", hook.url.text,
                    ])
                }
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    private static let showWebHook = Command(
        name: "show", summary: "Show a web hook, how far it is, and what it gave up",
        discussion: "Its group has the name webhook:NAME: baton topics dead and baton topics redrive work with it as with any other.",
        arguments: [name]
    ) { invocation in
        let console = invocation.console
        return try await invocation.withWebHook { (store, hook) in
            guard console.format == .table else {
                try console.write(json: hook.document())
                return .success
            }
            let group = try? await store.inspect(group: hook.group, of: hook.topic)
            try console.write([
                ("web hook", hook.name), ("topic", hook.topic), ("URL", hook.url.text), ("types", hook.filter.types.joined(separator: ", ")),
                ("keys", hook.filter.keys.joined(separator: ", ")), ("app", hook.filter.app ?? ""), ("user", hook.filter.user ?? ""),
                ("at once", String(hook.concurrency)), ("timeout", Duration.milliseconds(hook.timeoutMilliseconds).argument),
                ("status", hook.disabled.map { "disabled since \($0.time): \($0.reason)" } ?? "active"), ("group", hook.group),
                ("not sent", group.map { String($0.lag + $0.pending) } ?? ""), ("dead letters", group.map { String($0.dead) } ?? ""),
            ])
            return .success
        }
    }

    private static let disableWebHook = Command(
        name: "disable", summary: "Send nothing for a web hook until it is enabled; events wait in its group",
        options: [WebHookOptions.reason.declaration], arguments: [name]
    ) { invocation in
        try await invocation.withWebHook { (store, hook) in
            try await store.disable(hook, reason: invocation[WebHookOptions.reason])
            return .success
        }
    }

    private static let enableWebHook = Command(
        name: "enable", summary: "Send for a web hook again", arguments: [name]
    ) { invocation in
        try await invocation.withWebHook { (store, hook) in
            try await store.enable(hook)
            return .success
        }
    }

    private static let deleteWebHooks = Command(
        name: "delete", summary: "Delete web hooks; what they have not sent yet is not sent, and their dead letters are gone",
        arguments: [Argument(name: "NAME", help: "a web hook's name", count: .atLeastOne)]
    ) { invocation in
        try await invocation.withWebHooks { store in
            let hooks = try await store.webHooks()
            for name in invocation.arguments["NAME"] ?? [] {
                let hook = hooks.first { Name.isSame($0.name, name) }
                if let hook { try await store.delete(hook) }
                try invocation.console.writeDeletion(of: name, wasThere: hook != nil)
            }
            return .success
        }
    }

    private static let name = Argument(name: "NAME", help: "the web hook's name")
}

private enum WebHookOptions {
    static let topic = Option<String?>("topic", "TOPIC", help: "Whose events are sent", traits: TopicOptions.flagOnly)
    static let url = Option<String?>("url", "URL", help: "Where they are sent: https://HOST[/PATH][?QUERY]", traits: TopicOptions.flagOnly)
    static let secretFile = Option<String?>(
        "secret-file", "FILE", help: "Sign with the secrets of this file, whsec_ and base64, one a line",
        traits: OptionTraits(settable: .flagOnly, completesFiles: true))
    static let concurrency = Option<Int>(
        "concurrency", "N", default: 4, in: 1...100, help: "The most requests at once, from each daemon", traits: TopicOptions.flagOnly)
    static let timeout = Option<Duration>(
        "timeout", "TIME", default: .seconds(15), in: .seconds(1) ... .seconds(300), help: "How long a request may take",
        traits: TopicOptions.flagOnly)
    static let reason = Option<String>("reason", "TEXT", default: "disabled by hand", help: "Why", traits: TopicOptions.flagOnly)
}

extension Invocation {
    /// The secrets of the file.
    fileprivate func secrets() throws -> [WebHookSecret]? {
        guard let file = self[WebHookOptions.secretFile] else { return nil }
        var secrets: [WebHookSecret] = []
        for line in try LocalFile.text(file, upTo: 64 << 10).split(whereSeparator: \.isWhitespace) { secrets.append(try WebHookSecret(String(line))) }
        guard !secrets.isEmpty else {
            throw UsageError(message: "--secret-file: \(TerminalText.quoted(file)) holds no secret", command: path.text)
        }
        return secrets
    }

    /// Opens the store for its web hooks, which only its own machine may set.
    fileprivate func withWebHooks(creating: Bool = false, _ body: (SessionStore) async throws -> ExitCode) async throws -> ExitCode {
        switch try storeAddress() {
        case .daemon:
            throw UsageError(
                message: "web hooks are not reachable through a daemon: run this where its store is, as in \(path.text) --store sqlite:baton.db",
                command: path.text)
        case .memory: throw UsageError(message: "a store in memory keeps no web hooks; name a file with --store sqlite:PATH", command: path.text)
        case .sqlite, .redis: return try await withStore(creating: creating, body)
        }
    }

    /// Opens the store for one web hook that is there.
    fileprivate func withWebHook(_ body: (SessionStore, WebHook) async throws -> ExitCode) async throws -> ExitCode {
        let name = self[argument: "NAME"] ?? ""
        return try await withWebHooks { store in
            guard let hook = try await store.webHooks().first(where: { Name.isSame($0.name, name) }) else {
                throw Failure(.notFound, "there is no web hook \(TerminalText.quoted(name))")
            }
            return try await body(store, hook)
        }
    }
}

extension WebHook {
    /// The web hook as an object, with a secret when it has just been made.
    fileprivate func document(revealing secret: WebHookSecret? = nil) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("name")
            writer.string(name)
            writer.name("topic")
            writer.string(topic)
            writer.name("url")
            writer.string(url.text)
            if let secret {
                writer.name("secret")
                writer.string(secret.revealed)
            }
            writer.name("types")
            writer.strings(filter.types)
            writer.name("keys")
            writer.strings(filter.keys)
            writer.name("app")
            writer.string(filter.app)
            writer.name("user")
            writer.string(filter.user)
            writer.settings(settings)
            writer.name("concurrency")
            writer.int(concurrency)
            writer.name("timeoutSeconds")
            writer.seconds(ofMilliseconds: timeoutMilliseconds)
            writer.name("group")
            writer.string(group)
            writer.name("disabled")
            if let disabled {
                writer.object { writer in
                    writer.name("time")
                    writer.time(disabled.time)
                    writer.name("reason")
                    writer.string(disabled.reason)
                }
            } else {
                writer.null()
            }
        }
        return writer.bytes
    }
}
