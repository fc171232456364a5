internal import BatonCore

extension Command {
    static let tail = Command(
        name: "tail", summary: "Follow a session: what is there, then what comes",
        discussion: """
            It goes on until the session is deleted, and over restarts of the daemon, without gap or duplicate. Each event has an \
            offset; --after takes up there again.
            """,
        examples: [
            Example(line: "baton tail demo/ann/first", meaning: "Everything from the beginning on, then live"),
            Example(line: "baton tail demo/ann/first --last 10", meaning: "The last ten events, then live"),
            Example(line: "baton tail demo/ann/first --after now --count 1", meaning: "Wait for the next event"),
            Example(line: "baton tail demo/ann/first --json | jq .content", meaning: "Feed another program"),
        ],
        options: [after.declaration, last.declaration, count.declaration, untilSeq.declaration, wait.declaration]
            + EventOptions.declarations + OwnerOptions.declarations,
        arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        guard invocation[after] == nil || invocation[last] == nil else {
            throw UsageError(message: "--after and --last exclude each other", command: invocation.path.text)
        }
        let console = invocation.console
        return try await invocation.withStore(creating: invocation[wait]) { store in
            let start = try await start(invocation, key, store)
            let filter = invocation.eventFilter
            let end = invocation[untilSeq]
            if let end, start.seq >= end { return .success }
            // Where a seq ends it, every event has to be seen, wanted or not.
            let events = store.session(key).follow(after: start, filter: end == nil ? filter : EventFilter())
            let printer = EventPrinter(console)
            var left = invocation[count] ?? .max
            for try await event in events {
                if end == nil || filter.matches(event) {
                    try printer.print(event)
                    left -= 1
                }
                if left == 0 || event.seq >= end ?? .max { return .success }
            }
            if console.format == .table { console.say(console.errorStyle.dim("the session was deleted")) }
            return .success
        }
    }

    /// Where to begin.
    private static func start(_ invocation: Invocation, _ key: SessionKey, _ store: SessionStore) async throws -> Cursor {
        while true {
            do throws(StoreError) {
                if let last = invocation[last] {
                    let snapshot = try await store.get(key, SnapshotQuery(events: last, filter: invocation.eventFilter))
                    guard let first = snapshot.events.first else { return .offset(snapshot.record.tail) }
                    return .seq(max(first.seq - 1, snapshot.record.floor.seq))
                }
                switch invocation[after] {
                case .now: return .offset(try await store.get(key).record.tail)
                case .at(let cursor):
                    if invocation[wait] { _ = try await store.get(key) }
                    return cursor
                case nil:
                    // Everything that is left, also where the beginning was trimmed away.
                    return .seq(try await store.get(key).record.floor.seq)
                }
            } catch {
                guard invocation[wait], error.code == .notFound || error.isRetryable else { throw error }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    private static let flagOnly = OptionTraits(settable: .flagOnly)
    private static let after = Option<Beginning?>(
        "after", "CURSOR", help: "Begin after this offset or seq; now: only what comes", traits: flagOnly)
    private static let last = Option<Int?>(
        "last", "N", in: 0...EventQuery.maximumLimit, help: "Begin with the last N events that match",
        traits: OptionTraits(short: "n", settable: .flagOnly))
    private static let count = Option<Int?>("count", "N", in: 1...Int.max, help: "End after this many events", traits: flagOnly)
    private static let untilSeq = Option<Int?>("until-seq", "N", in: 1...Int.max, help: "End with the event that has this seq", traits: flagOnly)
    private static let wait = Option<Bool>.flag("wait", help: "Wait for the session to be created, and for the store", traits: flagOnly)
}

/// Where following begins.
private enum Beginning: ArgumentValue {
    case now
    case at(Cursor)

    static var expectation: String { "an offset, a sequence number, or now" }

    init?(argument: String) {
        if argument == "now" {
            self = .now
        } else if let cursor = Cursor(argument: argument) {
            self = .at(cursor)
        } else {
            return nil
        }
    }

    var argument: String {
        switch self {
        case .now: "now"
        case .at(let cursor): cursor.argument
        }
    }
}
