internal import BatonCore

extension Command {
    static let sessions = Command(
        name: "sessions", summary: "Look at sessions, make, change and delete them",
        commands: [
            .listSessions, .showSession, .createSession, .updateSession, .touchSession, .handOffSession, .deleteSessions, .forkSession,
            .rewindSession, .showLineage, .compareSessions,
        ])

    private typealias Options = SessionOptions

    // MARK: - Reading

    private static let listSessions = Command(
        name: "list", summary: "List the sessions of a user, or of all users of an app, newest first",
        examples: [
            Example(line: "baton sessions list demo/ann", meaning: "The sessions of one user"),
            Example(line: "baton sessions list demo --status active --limit 20", meaning: "Of all users, those in use, the latest 20"),
            Example(line: "baton sessions list --app demo --json | jq -r .id", meaning: "All of them, for another program"),
        ],
        options: [
            Options.limit.declaration, Options.status.declaration, Options.withTags.declaration, Options.turnOf.declaration,
            Options.order.declaration,
        ]
            + OwnerOptions.declarations,
        arguments: [Argument(name: "OWNER", help: "APP or APP/USER; --app and --user say it too", count: .optional)]
    ) { invocation in
        let owner = try owner(invocation)
        let console = invocation.console
        let printer = SessionPrinter(console)
        var query = SessionQuery(
            of: owner, status: invocation[Options.status], tags: invocation[Options.withTags], activeAgent: invocation[Options.turnOf],
            order: invocation[Options.order])
        // A person reads a page or two; a program gets them all.
        var left = invocation[Options.limit] ?? (console.format == .table ? 200 : .max)
        return try await invocation.withStore { store in
            var listed: [SessionSnapshot] = []
            while left > 0 {
                query.limit = min(left, 500)
                let page = try await store.sessions(query)
                left -= page.sessions.count
                if console.format == .ndjson {
                    for session in page.sessions { try printer.print(session) }
                } else {
                    listed += page.sessions
                }
                query.after = page.next
                if page.next == nil { break }
            }
            if console.format == .table {
                try printer.printTable(listed)
                if query.after != nil, invocation[Options.limit] == nil { console.say("There are more: --limit N, or --json for all") }
            }
            return .success
        }
    }

    private static func owner(_ invocation: Invocation) throws -> SessionQuery.Owner {
        if let text = invocation[argument: "OWNER"] {
            let name = try SessionName(text, in: invocation)
            return name.count == 1 && invocation[OwnerOptions.app] == nil ? .app(try name.app()) : .user(try name.user())
        }
        guard let app = invocation[OwnerOptions.app] else {
            throw UsageError(message: "\(invocation.path.text) needs an app: APP, APP/USER, or --app", command: invocation.path.text)
        }
        guard let user = invocation[OwnerOptions.user] else { return .app(app) }
        return .user(try UserKey(app: app, user: user))
    }

    private static let showSession = Command(
        name: "show", summary: "Show a session: its fields, its state, its last events",
        examples: [Example(line: "baton sessions show demo/ann/first --events 5", meaning: "With its last five events")],
        options: [Options.events.declaration] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        return try await invocation.withStore { store in
            let session = try await store.get(key, SnapshotQuery(events: invocation[Options.events]))
            try SessionPrinter(invocation.console).show(session, withEvents: invocation[Options.events] > 0)
            return .success
        }
    }

    // MARK: - Writing

    private static let createSession = Command(
        name: "create", summary: "Make a session",
        examples: [
            Example(line: "baton sessions create demo/ann", meaning: "With an id that the store makes"),
            Example(
                line: "baton sessions create demo/ann/first --title 'A start' --ttl 7d", meaning: "With its own id, gone after a week without a write"
            ),
        ],
        options: [
            Options.title.declaration, Options.tags.declaration, Options.metadata.declaration, Options.state.declaration, Options.ttl.declaration,
            Options.participants.declaration, LeaseOptions.policy.declaration, Options.ifExists.declaration,
        ] + OwnerOptions.declarations + KeepingOptions.declarations,
        arguments: [Argument(name: "SESSION", help: "APP/USER/SESSION, or APP/USER for an id that is made")]
    ) { invocation in
        let name = try SessionName(invocation[argument: "SESSION"] ?? "", in: invocation)
        var draft = SessionDraft(title: invocation[Options.title], tags: invocation[Options.tags])
        if let value = invocation[Options.metadata] { draft.metadata = value.json }
        if let value = invocation[Options.state] { draft.state = try StateDelta(settingMembersOf: value.json, in: "--state") }
        if let value = invocation[Options.participants] { draft.participants = value.json }
        if let value = invocation[LeaseOptions.policy] { draft.leasePolicy = value }
        switch invocation[Options.ttl] {
        case nil: break
        case .never: draft.lifetime = .unlimited
        case .after(let time): draft.lifetime = .seconds(try time.lifetime("--ttl"))
        }
        let isOwner = name.count == 2 && invocation[OwnerOptions.app] == nil
        return try await invocation.withStore(creating: true) { store in
            let session: SessionSnapshot
            if isOwner {
                session = try await store.create(for: name.user(), draft)
            } else if invocation[Options.ifExists] == .return {
                session = try await store.findOrCreate(name.session(), draft).session
            } else {
                session = try await store.create(name.session(), draft)
            }
            try SessionPrinter(invocation.console).show(session, withEvents: false)
            return .success
        }
    }

    private static let updateSession = Command(
        name: "update", summary: "Change a session's own fields",
        examples: [
            Example(line: "baton sessions update demo/ann/first --status completed", meaning: "Say that it is over"),
            Example(line: "baton sessions update demo/ann/first --title '' --ttl never", meaning: "Take the title away, keep it for ever"),
        ],
        options: [
            Options.title.declaration, Options.tags.declaration, Options.noTags.declaration, Options.metadata.declaration, Options.status.declaration,
            Options.ttl.declaration,
            Options.participants.declaration, Options.activeAgent.declaration, LeaseOptions.policy.declaration,
            Options.expectedVersion.declaration, LeaseOptions.epoch.declaration,
        ] + OwnerOptions.declarations,
        arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        var patch = SessionPatch()
        if let value = invocation[Options.title] { patch.title = .set(value.isEmpty ? nil : value) }
        if !invocation[Options.tags].isEmpty || invocation[Options.noTags] { patch.tags = .set(invocation[Options.tags]) }
        patch.metadata = invocation[Options.metadata]?.json
        if let value = invocation[Options.status] { patch.status = .set(value) }
        if let value = invocation[Options.participants] { patch.participants = .set(value.json) }
        if let value = invocation[LeaseOptions.policy] { patch.leasePolicy = .set(value) }
        if let value = invocation[Options.activeAgent] { patch.activeAgent = .set(value.isEmpty ? nil : value) }
        switch invocation[Options.ttl] {
        case nil: break
        case .never: patch.ttl = .set(nil)
        case .after(let time): patch.ttl = .set(try time.lifetime("--ttl"))
        }
        guard patch != SessionPatch() else { throw UsageError(message: "nothing to change was given", command: invocation.path.text) }
        return try await invocation.withStore { store in
            let session = try await store.update(
                key, with: patch, expectedVersion: invocation[Options.expectedVersion], epoch: invocation[LeaseOptions.epoch])
            try SessionPrinter(invocation.console).show(session, withEvents: false)
            return .success
        }
    }

    private static let touchSession = Command(
        name: "touch", summary: "Restart a session's lifetime", options: OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        return try await invocation.withStore { store in
            try SessionPrinter(invocation.console).show(try await store.touch(key), withEvents: false)
            return .success
        }
    }

    private static let handOffSession = Command(
        name: "handoff", summary: "Hand a session to another agent",
        discussion: """
            The active agent changes and an event of the type session.handoff says so, in one step; baton events --type session.handoff shows \
            all that there were. An agent that has the turn already is refused.
            """,
        examples: [
            Example(line: "baton sessions handoff demo/ann/first billing --reason 'asks about an invoice'", meaning: "Whoever has the turn now"),
            Example(
                line: "baton sessions handoff demo/ann/first billing --from triage --context '{\"invoice\": 7}'",
                meaning: "Only from triage, with what the next agent has to know"),
        ],
        options: [Options.from.declaration, Options.reason.declaration, Options.context.declaration, LeaseOptions.epoch.declaration]
            + OwnerOptions.declarations,
        arguments: [SessionName.argument, Argument(name: "AGENT", help: "the agent whose turn begins")]
    ) { invocation in
        let key = try invocation.session()
        let handoff = Handoff(
            to: invocation[argument: "AGENT"] ?? "", from: invocation[Options.from], reason: invocation[Options.reason],
            context: try invocation[Options.context].map { text throws(StoreError) in try JSON(parsing: text) })
        return try await invocation.withStore { store in
            let receipt = try await store.handOff(handoff, in: key, epoch: invocation[LeaseOptions.epoch])
            for entry in receipt.entries { try EventPrinter(invocation.console).print(try await store.event(entry.id, in: key)) }
            return .success
        }
    }

    private static let deleteSessions = Command(
        name: "delete", summary: "Delete sessions with everything that belongs to them; absent ones are fine",
        examples: [Example(line: "baton sessions delete demo/ann/first", meaning: "Nothing of it remains")],
        options: [LeaseOptions.epoch.declaration] + OwnerOptions.declarations,
        arguments: [Argument(name: "SESSION", help: SessionName.argument.help, count: .atLeastOne)]
    ) { invocation in
        // All names are understood before anything is deleted.
        let keys = try (invocation.arguments["SESSION"] ?? []).map { try SessionName($0, in: invocation).session() }
        return try await invocation.withStore { store in
            for key in keys {
                try SessionPrinter(invocation.console).printDeletion(
                    of: key, wasThere: try await store.delete(key, epoch: invocation[LeaseOptions.epoch]))
            }
            return .success
        }
    }
}

/// What the commands about sessions take.
private enum SessionOptions {
    static let limit = Option<Int?>(
        "limit", "N", in: 1...Int.max, help: "The most sessions to list; all without", traits: OptionTraits(short: "n", settable: .flagOnly))
    static let status = Option<SessionRecord.Status?>("status", "STATUS", help: "The status", traits: flagOnly)
    static let withTags = Option<[String]>(
        repeated: "tag", "TAG", help: "Only with this tag; given several times: with one of them", traits: flagOnly)
    static let turnOf = Option<String?>("active-agent", "NAME", help: "Only where it is this agent's turn", traits: flagOnly)
    static let order = Option<SessionQuery.Order>(
        "order", "ORDER", default: .updated, help: "By the last change, or by the creation", traits: flagOnly)
    static let events = Option<Int>(
        "events", "N", default: 0, in: 0...EventQuery.maximumLimit, help: "Show the last N events too", traits: flagOnly)
    static let title = Option<String?>("title", "TEXT", help: "A title for people", traits: flagOnly)
    static let tags = Option<[String]>(repeated: "tag", "TAG", help: "A word to find it by", traits: flagOnly)
    static let noTags = Option<Bool>.flag("no-tags", help: "Take all tags away", traits: flagOnly)
    static let metadata = Option<JSONObject?>("metadata", "JSON", help: "Anything to attach; a merge patch when it changes", traits: flagOnly)
    static let state = Option<JSONObject?>("state", "JSON", help: "State to begin with", traits: flagOnly)
    static let participants = Option<JSONArray?>("participants", "JSON", help: "Who takes part: an array of names", traits: flagOnly)
    static let activeAgent = Option<String?>("active-agent", "NAME", help: "Whose turn it is", traits: flagOnly)
    static let from = Option<String?>("from", "NAME", help: "Only if this agent has the turn", traits: flagOnly)
    static let reason = Option<String?>("reason", "TEXT", help: "Why, for people", traits: flagOnly)
    static let context = Option<String?>("context", "JSON", help: "What the next agent has to know, any JSON", traits: flagOnly)
    static let expectedVersion = Option<Int?>(
        "if-match", "VERSION", in: 0...Int.max, help: "Change only if this is the session's version", traits: flagOnly)
    static let ttl = Option<Lifetime?>("ttl", "TIME", help: "How long it lives after a write; never: for ever", traits: flagOnly)
    static let ifExists = Option<IfExists>(
        "if-exists", "WHAT", default: .fail, help: "Whether a session that is there is an error, or is returned", traits: flagOnly)

    private static let flagOnly = OptionTraits(settable: .flagOnly)
}

private enum IfExists: String, CaseIterable, ArgumentValue { case fail, `return` }

enum Lifetime: ArgumentValue {
    case never
    case after(Duration)

    static var expectation: String { "\(Duration.expectation), or never" }

    init?(argument: String) {
        if argument == "never" {
            self = .never
        } else if let time = Duration(argument: argument) {
            self = .after(time)
        } else {
            return nil
        }
    }

    var argument: String {
        switch self {
        case .never: "never"
        case .after(let time): time.argument
        }
    }
}

extension SessionRecord.Status: ArgumentValue {}
extension SessionQuery.Order: ArgumentValue {}
