internal import BatonCore

extension Command {
    static let forkSession = Command(
        name: "fork", summary: "Make a session that goes on from a place of another; no event is copied",
        examples: [
            Example(line: "baton sessions fork demo/ann/first", meaning: "From its end, with an id that is made"),
            Example(line: "baton sessions fork demo/ann/first --at 12 --id second", meaning: "With its history up to seq 12"),
        ],
        options: [
            BranchOptions.place.declaration, BranchOptions.id.declaration, BranchOptions.title.declaration, BranchOptions.state.declaration,
            BranchOptions.ttl.declaration, LeaseOptions.epoch.declaration, BranchOptions.force.declaration,
        ] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        var draft = ForkDraft(at: invocation[BranchOptions.place])
        draft.force = invocation[BranchOptions.force]
        if let title = invocation[BranchOptions.title] { draft.title = .set(title.isEmpty ? nil : title) }
        for (name, value) in invocation[BranchOptions.state]?.json.members ?? [] { draft.state[name] = value }
        switch invocation[BranchOptions.ttl] {
        case nil: break
        case .never: draft.ttl = .set(nil)
        case .after(let time): draft.ttl = .set(try time.lifetime("--ttl"))
        }
        return try await invocation.withStore { [draft] store in
            let fork = try await store.fork(key, draft, id: invocation[BranchOptions.id], epoch: invocation[LeaseOptions.epoch])
            try SessionPrinter(invocation.console).show(fork, withEvents: false)
            return .success
        }
    }

    static let rewindSession = Command(
        name: "rewind", summary: "Go back to a place: what came after it is hidden from readers, and stays in the log",
        examples: [
            Example(line: "baton sessions rewind demo/ann/first 12", meaning: "Readers see what they saw when seq 12 was the newest"),
            Example(line: "baton events demo/ann/first --view log", meaning: "What is hidden, too"),
        ],
        options: [BranchOptions.expectedSeq.declaration, LeaseOptions.epoch.declaration, BranchOptions.force.declaration] + OwnerOptions.declarations,
        arguments: [SessionName.argument, Argument(name: "PLACE", help: "The offset or seq to go back to")]
    ) { invocation in
        let key = try invocation.session()
        let text = invocation[argument: "PLACE"] ?? ""
        guard let place = Cursor(argument: text) else {
            throw UsageError(message: "PLACE has to be \(Cursor.expectation)", command: invocation.path.text)
        }
        return try await invocation.withStore { store in
            let draft = RewindDraft(
                to: place, expectedSeq: invocation[BranchOptions.expectedSeq], epoch: invocation[LeaseOptions.epoch],
                force: invocation[BranchOptions.force])
            let receipt = try await store.rewind(key, draft)
            switch invocation.console.format {
            case .ndjson:
                var writer = JSONWriter()
                writer.receipt(receipt)
                try invocation.console.write(json: writer.bytes)
            case .table: try invocation.console.write("rewound by the event at \(receipt.tail)\n")
            }
            return .success
        }
    }

    static let showLineage = Command(
        name: "lineage", summary: "Show where a session comes from, and its forks", options: OwnerOptions.declarations,
        arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        return try await invocation.withStore { store in
            let lineage = try await store.lineage(of: key)
            let console = invocation.console
            guard console.format == .table else {
                var writer = JSONWriter()
                writer.lineage(lineage)
                try console.write(json: writer.bytes)
                return .success
            }
            guard !lineage.ancestors.isEmpty || !lineage.forks.isEmpty else {
                console.say("It is no fork, and has none.")
                return .success
            }
            var table = Table([Table.Column(title: "WHAT"), Table.Column(title: "SESSION"), Table.Column(title: "AT"), Table.Column(title: "FORKED")])
            for (index, point) in lineage.ancestors.enumerated() {
                table.add([index == 0 ? "parent" : "ancestor", point.session, point.at.description, ""])
            }
            for fork in lineage.forks { table.add(["fork", fork.session, fork.at.description, fork.createdAt.description]) }
            try console.write(table.rendered(width: console.width, style: console.outputStyle))
            return .success
        }
    }

    static let compareSessions = Command(
        name: "compare", summary: "Say how far two sessions of a user go together",
        examples: [Example(line: "baton sessions compare demo/ann/first second", meaning: "How many events each has that the other has not")],
        options: OwnerOptions.declarations, arguments: [SessionName.argument, Argument(name: "OTHER", help: "The id of the other session")]
    ) { invocation in
        let key = try invocation.session()
        let other = try SessionKey(app: key.app, user: key.user, id: invocation[argument: "OTHER"] ?? "")
        return try await invocation.withStore { store in
            let comparison = try await store.compare(key, with: other)
            switch invocation.console.format {
            case .ndjson:
                var writer = JSONWriter()
                writer.comparison(comparison)
                try invocation.console.write(json: writer.bytes)
            case .table:
                try invocation.console.write(
                    "together up to \(comparison.common.argument), then \(comparison.ahead) events here and \(comparison.behind) there\n")
            }
            return .success
        }
    }
}

/// What the commands about branches take.
private enum BranchOptions {
    static let place = Option<Cursor?>("at", "PLACE", help: "The offset or seq to fork at; the end without", traits: flagOnly)
    static let id = Option<String?>("id", "ID", help: "The fork's id; one is made without", traits: flagOnly)
    static let title = Option<String?>("title", "TEXT", help: "A title of its own; empty for none", traits: flagOnly)
    static let state = Option<JSONObject?>("state", "JSON", help: "Keys to set over the parent's state; null takes one away", traits: flagOnly)
    static let ttl = Option<Lifetime?>("ttl", "TIME", help: "How long it lives after a write; never: for ever", traits: flagOnly)
    static let force = Option<Bool>.flag("force", help: "Do it though somebody else holds the lease", traits: flagOnly)
    static let expectedSeq = Option<Int?>(
        "if-match", "SEQ", in: 0...Int.max, help: "Rewind only if this is the session's last seq", traits: flagOnly)

    private static let flagOnly = OptionTraits(settable: .flagOnly)
}
