internal import BatonCore

extension Command {
    static let summaries = Command(
        name: "summaries", summary: "Show and make summaries of sessions",
        discussion: """
            A summary stands for the events up to its boundary, so that a model can be shown it and what came after: baton context --strategy summarize. \
            It lives as long as its session, and goes when events that it covers are edited, removed or rewound. A daemon makes summaries by itself when \
            it was started with --summaries-url.
            """,
        commands: [.listSummaries, .showSummary, .makeSummary, .setSummary])

    private static let listSummaries = Command(
        name: "list", summary: "List the summaries of a session: that of the whole session, then those of branches",
        examples: [Example(line: "baton summaries list demo/ann/first", meaning: "What there is, and how far each goes")],
        options: OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let console = invocation.console
        return try await invocation.withStore { store in
            let list = try await store.summaries(of: key)
            guard console.format == .table else {
                for summary in list.summaries { try console.print(summary) }
                return .success
            }
            var table = Table([
                Table.Column(title: "BRANCH"), Table.Column(title: "THROUGH", alignment: .right), Table.Column(title: "BEHIND", alignment: .right),
                Table.Column(title: "BYTES", alignment: .right), Table.Column(title: "MODEL"), Table.Column(title: "MADE"),
            ])
            for summary in list.summaries {
                table.add([
                    summary.filter.isEmpty ? "(session)" : summary.filter, String(summary.boundary.seq), String(list.tail.seq - summary.boundary.seq),
                    String(summary.text.utf8.count), summary.model ?? "", summary.createdAt.description,
                ])
            }
            if list.summaries.isEmpty {
                console.say("No summaries.")
            } else {
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    private static let showSummary = Command(
        name: "show", summary: "Print a summary",
        examples: [
            Example(line: "baton summaries show demo/ann/first", meaning: "That of the whole session"),
            Example(line: "baton summaries show demo/ann/first --branch research", meaning: "That of a branch"),
        ],
        options: [branch.declaration] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let console = invocation.console
        return try await invocation.withStore { store in
            guard let summary = try await store.summary(of: key, filter: invocation[branch]) else { throw StoreError.noSummary }
            try console.show(summary)
            return .success
        }
    }

    private static let makeSummary = Command(
        name: "make", summary: "Have a summary made now, whatever is due",
        discussion: """
            A daemon makes it with the model that it was started with; on a store of this machine the model is named here. What was summarised before is not \
            summarised again, and the newest events are left out.
            """,
        examples: [
            Example(line: "baton summaries make demo/ann/first --store http://127.0.0.1:4437", meaning: "By the daemon, and print it"),
            Example(
                line: "baton summaries make demo/ann/first --summaries-url http://localhost:11434/v1 --summaries-model qwen3",
                meaning: "By a model on this machine"),
        ],
        options: [branch.declaration] + SummaryOptions.making + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let console = invocation.console
        let configuration = try invocation.summaryConfiguration(byItself: false)
        return try await invocation.withStore { opened in
            let store = try configuration.map { (configuration) throws(StoreError) in try opened.with(summaries: configuration) } ?? opened
            if let summary = try await store.summarize(key, filter: invocation[branch]) {
                try console.show(summary)
            } else {
                console.say("Nothing was summarised: there is nothing to summarise yet, or no model does it (--summaries-url).")
            }
            return .success
        }
    }

    private static let setSummary = Command(
        name: "set", summary: "Store a summary that was made elsewhere",
        examples: [
            Example(line: "baton summaries set demo/ann/first --through 120 --text 'Ann asked for …'", meaning: "Up to the event with the seq 120")
        ],
        options: [branch.declaration, through.declaration, text.declaration, model.declaration] + OwnerOptions.declarations,
        arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let console = invocation.console
        guard let place = invocation[through], let words = invocation[text] else {
            throw UsageError(message: "--through and --text are needed", command: invocation.path.text)
        }
        return try await invocation.withStore { store in
            let summary = try await store.setSummary(words, of: key, filter: invocation[branch], through: place, model: invocation[model])
            if console.format != .table { try console.print(summary) }
            return .success
        }
    }

    private static let flagOnly = OptionTraits(settable: .flagOnly)
    private static let branch = Option<String>(
        "branch", "BRANCH", default: "", help: "Of this branch; of the whole session without", traits: flagOnly)
    private static let through = Option<Cursor?>("through", "CURSOR", help: "Offset or seq of the newest event that it covers", traits: flagOnly)
    private static let text = Option<String?>("text", "TEXT", help: "The words", traits: flagOnly)
    private static let model = Option<String?>("model", "NAME", help: "Who made it", traits: flagOnly)
}

extension Console {
    /// A summary as a line of JSON.
    fileprivate func print(_ summary: Summary) throws {
        var writer = JSONWriter()
        writer.summary(summary)
        try write(json: writer.bytes)
    }

    /// A summary for whoever looks: its words on a terminal.
    fileprivate func show(_ summary: Summary) throws {
        guard format == .table else { return try print(summary) }
        try write(TerminalText.safe(summary.text) + "\n")
        say("through seq \(summary.boundary.seq)\(summary.model.map { ", by \($0)" } ?? "")")
    }
}
