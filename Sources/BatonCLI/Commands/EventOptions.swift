internal import BatonCore

/// Which events of a session are wanted.
enum EventOptions {
    static let roles = Option<[String]>(repeated: "roles", "ROLES", help: "Only these roles, separated by commas", traits: flagOnly)
    static let authors = Option<[String]>(repeated: "authors", "NAMES", help: "Only these authors, separated by commas", traits: flagOnly)
    static let types = Option<[String]>(repeated: "types", "TYPES", help: "Only these types, separated by commas", traits: flagOnly)
    static let branch = Option<String?>("branch", "BRANCH", help: "Only this branch", traits: flagOnly)
    static let since = Option<Timestamp?>("since", "TIME", help: "Not before this time; 2h means two hours ago", traits: flagOnly)
    static let until = Option<Timestamp?>("until", "TIME", help: "Before this time", traits: flagOnly)

    static let declarations = [
        roles.declaration, authors.declaration, types.declaration, branch.declaration, since.declaration, until.declaration,
    ]

    private static let flagOnly = OptionTraits(settable: .flagOnly)
}

extension Invocation {
    /// The filter of the options.
    var eventFilter: EventFilter {
        func list(_ option: Option<[String]>) -> [String] { self[option].flatMap { $0.split(separator: ",").map(String.init) } }
        var filter = EventFilter()
        filter.roles = list(EventOptions.roles)
        filter.authors = list(EventOptions.authors)
        filter.types = list(EventOptions.types)
        filter.branch = self[EventOptions.branch]
        filter.since = self[EventOptions.since]
        filter.until = self[EventOptions.until]
        return filter
    }
}

extension Timestamp: ArgumentValue {
    static var expectation: String { "a time such as 2026-01-31T12:00:00Z, or how long ago: 30s, 2h, 7d" }

    init?(argument: String) {
        if let time = Timestamp(argument) {
            self = time
            return
        }
        guard let ago = Duration(argument: argument) else { return nil }
        let (seconds, attoseconds) = ago.components
        let (milliseconds, overflow) = Int(seconds).multipliedReportingOverflow(by: 1000)
        guard !overflow else { return nil }
        let past = SystemClock.now().milliseconds - milliseconds - Int(attoseconds / 1_000_000_000_000_000)
        self.init(milliseconds: max(0, past))
    }

    var argument: String { description }
}

extension Cursor: ArgumentValue {
    static var expectation: String { "an offset or a sequence number" }

    init?(argument: String) {
        do throws(StoreError) { try self.init(argument) } catch { return nil }
    }

    var argument: String {
        switch self {
        case .seq(let seq): String(seq)
        case .offset(let offset): offset.description
        }
    }
}
