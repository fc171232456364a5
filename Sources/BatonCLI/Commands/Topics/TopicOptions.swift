internal import BatonCore

/// What commands about topics and their groups take.
enum TopicOptions {
    static let topic = Argument(name: "TOPIC", help: "the topic; sessions carries what happens in all sessions")
    static let group = Argument(name: "GROUP", help: "the group of consumers")

    static let types = Option<[String]>(repeated: "types", "TYPES", help: "Only these types, separated by commas", traits: flagOnly)
    static let keys = Option<[String]>(repeated: "key", "KEY", help: "Only events of this key", traits: flagOnly)
    static let app = Option<String?>("app", "APP", help: "Only events of this app's sessions, in the topic sessions", traits: flagOnly)
    static let user = Option<String?>("user", "USER", help: "Only events of this user's sessions, with --app", traits: flagOnly)
    static let filter = [types.declaration, keys.declaration, app.declaration, user.declaration]

    static let after = Option<TopicCursor>(
        "after", "PLACE", default: .start, help: "Begin after this offset, with a time (2h: two hours ago), or now", traits: flagOnly)

    static let maximumDeliveries = Option<Int>(
        "max-deliveries", "N", default: GroupSettings().maximumDeliveries, in: 1...100,
        help: "How often an event is handed out before it is a dead letter", traits: flagOnly)
    static let lease = Option<Duration>(
        "lease", "TIME", default: .milliseconds(GroupSettings().leaseMilliseconds), in: .milliseconds(100) ... .seconds(43_200),
        help: "How long a consumer has an event before another one gets it", traits: flagOnly)
    static let backoff = Option<Duration>(
        "backoff", "TIME", default: .milliseconds(GroupSettings().backoffMilliseconds), in: .zero ... .seconds(43_200),
        help: "How long an event waits after its first failure; twice as long after each further one", traits: flagOnly)
    static let maximumBackoff = Option<Duration>(
        "max-backoff", "TIME", default: .milliseconds(GroupSettings().maximumBackoffMilliseconds), in: .zero ... .seconds(43_200),
        help: "The longest that an event waits", traits: flagOnly)
    static let ordered = Option<Bool>.flag(
        "ordered", help: "Hand out one event of a key at a time, in order; cannot be changed later", traits: flagOnly)
    static let from = Option<TopicCursor>(
        "from", "PLACE", default: .now, help: "Where a new group begins: start, now, an offset, or a time (2h: two hours ago)", traits: flagOnly)
    static let settings = [
        maximumDeliveries.declaration, lease.declaration, backoff.declaration, maximumBackoff.declaration, ordered.declaration, from.declaration,
    ]

    static let flagOnly = OptionTraits(settable: .flagOnly)
}

extension Invocation {
    var topicName: String { self[argument: "TOPIC"] ?? "" }
    var groupName: String { self[argument: "GROUP"] ?? "" }

    var topicFilter: TopicFilter {
        var filter = TopicFilter()
        filter.types = self[TopicOptions.types].flatMap { $0.split(separator: ",").map(String.init) }
        filter.keys = self[TopicOptions.keys]
        filter.app = self[TopicOptions.app]
        filter.user = self[TopicOptions.user]
        return filter
    }

    var groupSettings: GroupSettings {
        GroupSettings(
            maximumDeliveries: self[TopicOptions.maximumDeliveries], leaseMilliseconds: self[TopicOptions.lease].wholeMilliseconds,
            backoffMilliseconds: self[TopicOptions.backoff].wholeMilliseconds,
            // Nobody asks for a first back-off that the longest one would cut short.
            maximumBackoffMilliseconds: max(self[TopicOptions.maximumBackoff], self[TopicOptions.backoff]).wholeMilliseconds,
            isOrdered: self[TopicOptions.ordered])
    }

    /// Opens the store for work with one group.
    func withGroup(_ body: (GroupHandle) async throws -> ExitCode) async throws -> ExitCode {
        let (topic, group) = (topicName, groupName)
        return try await withStore { store in try await body(try store.topic(topic).group(group)) }
    }
}

extension TopicCursor: ArgumentValue {
    static var expectation: String { "start, now, an offset, a time such as 2026-01-31T12:00:00Z, or how long ago: 30s, 2h, 7d" }

    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        self = TopicCursor(argument)
        if case .offset = self, let time = Timestamp(argument: argument) { self = .time(time) }
    }

    var argument: String { text }
}
