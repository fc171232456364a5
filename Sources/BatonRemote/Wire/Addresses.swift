internal import BatonCore
internal import BatonHTTP

// Where the daemon keeps things. Every name is percent-encoded, so that any text may be one.

extension SessionKey {
    /// The session's address.
    var path: String { "\(owner.path)/sessions/\(PercentEncoding.encode(id))" }

    /// The address of one of its events.
    func path(ofEvent id: String) -> String { "\(path)/events/\(PercentEncoding.encode(id))" }

    /// The address of one of its contents that are kept apart.
    func path(ofBlob digest: BlobDigest) -> String { "\(path)/blobs/\(digest)" }

    /// The address of one of its tool calls.
    func path(ofToolCall key: String) -> String { "\(path)/tool-calls/\(PercentEncoding.encode(key))" }

    /// The address of one of its tracks.
    func path(ofTrack track: String) -> String { "\(path)/tracks/\(PercentEncoding.encode(track))" }

    /// The address of one of its summaries; the whole session's has a name of its own there.
    func path(ofSummary filter: String) -> String {
        "\(path)/summaries/\(PercentEncoding.encode(filter.isEmpty ? SummaryScope.wholeName : filter))"
    }

    /// The address of one of its approvals.
    func path(ofApproval key: String) -> String { "\(path)/approvals/\(PercentEncoding.encode(key))" }
}

extension UserKey {
    var path: String { "/v1/apps/\(PercentEncoding.encode(app))/users/\(PercentEncoding.encode(user))" }
}

extension SessionQuery.Owner {
    var path: String {
        switch self {
        case .user(let user): user.path
        case .app(let app): "/v1/apps/\(PercentEncoding.encode(app))"
        }
    }
}

extension StateScope {
    /// The address of the scope's state.
    /// - Throws: ``StoreError/Code/forbidden`` for the store's own records.
    func path() throws(StoreError) -> String {
        switch self {
        case .session(let key): return key.path + "/state"
        case .user(let user): return user.path + "/state"
        case .app(let app): return "/v1/apps/\(PercentEncoding.encode(app))/state"
        case .store:
            throw StoreError(.forbidden, "a daemon does not show its access tokens; work on its store directly, where the daemon runs")
        }
    }

    /// What makes a session's address mean its own keys only.
    var query: String? {
        if case .session = self { "scope=session" } else { nil }
    }
}

/// Where the daemon keeps topics, groups and signals.
enum TopicAddress {
    /// The address of a topic.
    static func path(_ topic: String) -> String { "/v1/topics/\(PercentEncoding.encode(topic))" }

    /// The address of a group.
    static func path(_ group: String, of topic: String) -> String { "\(path(topic))/groups/\(PercentEncoding.encode(group))" }

    /// The address of a channel.
    static func path(ofSignals channel: String) -> String { "/v1/signals/\(PercentEncoding.encode(channel))" }
}

extension Cursor {
    var wireForm: String {
        switch self {
        case .seq(let seq): String(seq)
        case .offset(let offset): offset.description
        }
    }
}

/// The parameters of a query.
struct Parameters {
    private(set) var text: String?

    mutating func add(_ name: String, _ value: String) {
        text = (text.map { $0 + "&" } ?? "") + name + "=" + PercentEncoding.encode(value)
    }

    mutating func add(_ name: String, _ value: Int) { add(name, String(value)) }

    /// Adds a list, whose members the daemon separates at commas.
    mutating func add(_ name: String, _ values: [String]) throws(StoreError) {
        for value in values {
            guard !value.isEmpty, !value.utf8.contains(UInt8(ascii: ",")) else {
                throw StoreError(.invalidParameter, "\(name) cannot be asked of a daemon with an empty member or one that has a comma")
            }
            add(name, value)
        }
    }

    mutating func add(_ view: BlobView) {
        if view != .whole { add("blobs", view.rawValue) }
    }

    mutating func add(_ filter: EventFilter) throws(StoreError) {
        try add("roles", filter.roles)
        try add("authors", filter.authors)
        try add("types", filter.types)
        if let branch = filter.branch { add("branch", branch) }
        if let since = filter.since { add("since", since.description) }
        if let until = filter.until { add("until", until.description) }
    }
}
