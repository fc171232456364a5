internal import BatonCore

extension Command {
    static let context = Command(
        name: "context", summary: "Print what a model is shown of a session inside a budget of tokens",
        discussion: """
            The newest events that fit, tool calls with their results or not at all, beginning with a user's turn, system messages first. On a terminal \
            the events are printed, and what was left out is said behind them; in pipes it is one JSON object.
            """,
        examples: [
            Example(line: "baton context demo/ann/first --max-tokens 8000 --reserve 1000", meaning: "7,000 tokens of history"),
            Example(line: "baton context demo/ann/first --strategy sliding --max-events 20", meaning: "The last twenty events, rounds whole"),
            Example(line: "baton context demo/ann/first --max-tokens 8000 --json | jq .dropped", meaning: "What was left out, and why"),
        ],
        options: [
            maxTokens.declaration, reserve.declaration, strategy.declaration, overflow.declaration, minEvents.declaration, maxEvents.declaration,
            system.declaration, anyFirst.declaration, model.declaration, imageTokens.declaration, branch.declaration,
        ] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let console = invocation.console
        let request = ContextRequest(
            maximumTokens: invocation[maxTokens], reserve: invocation[reserve], strategy: invocation[strategy], overflow: invocation[overflow],
            minimumEvents: invocation[minEvents], maximumEvents: invocation[maxEvents], systemMessages: invocation[system],
            beginsWithUser: !invocation[anyFirst], model: invocation[model], imageTokens: invocation[imageTokens], filter: invocation[branch])
        return try await invocation.withStore { store in
            let context = try await store.context(of: key, request)
            guard console.format == .table else {
                var writer = JSONWriter()
                writer.context(context)
                try console.write(json: writer.bytes)
                return .success
            }
            if let summary = context.summary { console.say("summary through seq \(summary.boundary.seq): \(TerminalText.safe(summary.text))") }
            let printer = EventPrinter(console)
            for event in context.events { try printer.print(event) }
            let left = SessionContext.Reason.allCases.compactMap { reason in context.dropped[reason].map { "\(reason.rawValue) \($0.events)" } }
            console.say(
                "\(context.events.count) events, \(context.tokens) tokens\(context.budget.map { " of \($0)" } ?? "")"
                    + (left.isEmpty ? "" : "; left out: \(left.joined(separator: ", "))") + (context.isWhole ? "" : "; older ones were not read"))
            return .success
        }
    }

    private static let flagOnly = OptionTraits(settable: .flagOnly)
    private static let maxTokens = Option<Int?>(
        "max-tokens", "N", in: 1...1 << 40, help: "The most tokens of the context and of the answer; no limit without", traits: flagOnly)
    private static let reserve = Option<Int>(
        "reserve", "N", default: 0, in: 0...1 << 40, help: "How many of them are kept free for the answer", traits: flagOnly)
    private static let strategy = Option<ContextRequest.Strategy>(
        "strategy", "STRATEGY", default: .truncate,
        help: "truncate: the newest that fit; sliding: a window of the newest; summarize: the summary and what came after it; hybrid: both",
        traits: flagOnly)
    private static let overflow = Option<ContextRequest.Overflow>(
        "overflow", "WHAT", default: .compress, help: "Over the budget: compress as the strategy says, truncate, or error", traits: flagOnly)
    private static let minEvents = Option<Int>(
        "min-events", "N", default: 1, in: 1...ContextRequest.mostEvents, help: "So many of the newest events have to fit", traits: flagOnly)
    private static let maxEvents = Option<Int?>(
        "max-events", "N", in: 1...ContextRequest.mostEvents, help: "At most this many events, system messages aside", traits: flagOnly)
    private static let system = Option<ContextRequest.SystemMessages>(
        "system", "WHICH", default: .leading, help: "System messages that are always kept: leading, all, or none", traits: flagOnly)
    private static let anyFirst = Option<Bool>.flag("any-first", help: "Let the conversation begin with whoever spoke", traits: flagOnly)
    private static let branch = Option<String>(
        "branch", "BRANCH", default: "", help: "Only events of this branch, those above and below it, and its summary", traits: flagOnly)
    private static let model = Option<String?>("model", "NAME", help: "The model that it is for, to count its tokens", traits: flagOnly)
    private static let imageTokens = Option<Int>(
        "image-tokens", "N", default: 1000, in: 0...1_000_000, help: "What an image is taken for", traits: flagOnly)
}

extension ContextRequest.Strategy: ArgumentValue {}
extension ContextRequest.Overflow: ArgumentValue {}
extension ContextRequest.SystemMessages: ArgumentValue {}
