internal import BatonCore

extension Command {
    static let events = Command(
        name: "events", summary: "Print a session's events",
        examples: [
            Example(line: "baton events demo/ann/first", meaning: "All of them, oldest first"),
            Example(line: "baton events demo/ann/first --order desc --limit 5", meaning: "The last five, newest first"),
            Example(line: "baton events demo/ann/first --roles user,assistant --since 2h", meaning: "What was said in the last two hours"),
        ],
        options: [after.declaration, before.declaration, limit.declaration, order.declaration, view.declaration, blobs.declaration]
            + EventOptions.declarations
            + OwnerOptions.declarations,
        arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        var query = EventQuery(
            after: invocation[after], before: invocation[before], order: invocation[order], filter: invocation.eventFilter, view: invocation[view],
            blobs: invocation[blobs])
        let printer = EventPrinter(invocation.console)
        return try await invocation.withStore { store in
            var left = invocation[limit] ?? .max
            while left > 0 {
                query.limit = min(left, pageSize)
                let page = try await store.events(in: key, query)
                for event in page.events { try printer.print(event) }
                left -= page.events.count
                guard !page.upToDate, let next = page.next else { break }
                switch query.order {
                case .asc: query.after = .offset(next)
                case .desc: query.before = .offset(next)
                }
            }
            return .success
        }
    }

    private static let pageSize = 500
    private static let flagOnly = OptionTraits(settable: .flagOnly)
    private static let after = Option<Cursor?>("after", "CURSOR", help: "Only events after this offset or seq", traits: flagOnly)
    private static let before = Option<Cursor?>("before", "CURSOR", help: "Only events before this offset or seq", traits: flagOnly)
    private static let limit = Option<Int?>(
        "limit", "N", in: 1...Int.max, help: "The most events to print; all without", traits: OptionTraits(short: "n", settable: .flagOnly))
    private static let order = Option<EventQuery.Order>(
        "order", "ORDER", default: .asc, help: "asc: oldest first; desc: newest first", traits: flagOnly)
    private static let view = Option<EventQuery.View>(
        "view", "VIEW", default: .history, help: "history: what the session shows; log: what rewinds have hidden, too", traits: flagOnly)
    private static let blobs = Option<BlobView>(
        "blobs", "VIEW", default: .whole, help: "reference: leave out large contents that are kept apart and name them; baton blob prints one",
        traits: flagOnly)
}

extension EventQuery.Order: ArgumentValue {}
extension EventQuery.View: ArgumentValue {}
extension BlobView: ArgumentValue {}
