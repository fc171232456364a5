internal import BatonCore
internal import BatonHTTP

extension Route {
    static let topic = "/v1/topics/{topic}"

    static let topics: [Route] = [
        .get(
            "/v1/topics", "listTopics", "Topics by name, the topic sessions among them.",
            parameters: [
                .query("after", "string", "Only names after this one, by their bytes."),
                .query("limit", "integer", "The most topics, 1 to 1000; 100 by default."),
            ],
            responses: [(200, "TopicPage")]
        ) { api, call in
            let limit = try call.int("limit", in: 1...1000, default: 100)
            let topics = try await api.store.topics(after: call.text("after"), limit: limit)
            return .json(reserving: 64 + 320 * topics.count) { writer in
                writer.object { writer in
                    writer.name("topics")
                    writer.array { writer in
                        for topic in topics { writer.topic(topic) }
                    }
                    writer.name("next")
                    writer.string(topics.count < limit ? nil : topics.last?.name)
                }
            }
        },
        .get(topic, "getTopic", "What is known of a topic.", responses: [(200, "Topic")]) { api, call in
            let topic = try await api.store.inspect(topic: call.variables[0])
            return .json { $0.topic(topic) }
        },
        .write(
            .put, topic, "putTopic", "Make a topic, or set what it keeps; what is left out is as usual.", request: "TopicSettings",
            responses: [(200, "Topic")]
        ) { api, call in
            let defaults = Name.isSame(call.variables[0], Topic.sessions) ? TopicRetention.sessions : .standard
            let topic = try await api.store.retain(TopicRetention(parsingTopic: call.json(), defaults: defaults), in: call.variables[0])
            return .json { $0.topic(topic) }
        },
        .write(
            .delete, topic, "deleteTopic", "Delete a topic with its groups.", parameters: [.preference], responses: [(204, nil), (200, "Deletion")]
        ) { api, call in
            .deletion(try await api.store.delete(topic: call.variables[0]), call)
        },
        .write(
            .post, topic + "/events", "publishEvents",
            "Publish one event or an array, all or nothing; 429 when the topic is full and a group is behind.",
            parameters: [.header("Idempotency-Key", "A name for this request; a retry under the same name stores nothing.")],
            request: "NewTopicEvents", responses: [(201, "PublishReceipt"), (200, "PublishReceipt")]
        ) { api, call in
            let batch = TopicBatch(try TopicEventDraft.batch(parsing: call.json()), idempotencyKey: call.idempotencyKey)
            let receipt = try await api.store.publish(batch, to: call.variables[0])
            return .json(receipt.isDuplicate ? 200 : 201, reserving: 32 + 192 * receipt.entries.count) { $0.receipt(receipt) }
        },
        .get(
            topic + "/events", readTopic, "A page of a topic; with Accept: text/event-stream what is there, then what comes.",
            parameters: [
                .query("after", "string", "An offset to read after; 0 or start: from the beginning (default); now: only what comes."),
                .query("since", "string", "Only events that were accepted at or after this time."),
                .query("limit", "integer", "The most events of the page, 1 to 1000; 100 by default."),
                .query("types", "string", "Only these types, separated by commas."),
                .query("keys", "string", "Only these keys, separated by commas."),
                .query("app", "string", "In the topic sessions: only sessions of this app."),
                .query("user", "string", "In the topic sessions, with app: only sessions of this user."),
                .header("Last-Event-ID", "Where a stream was cut; wins over after."),
            ],
            responses: [(200, "TopicEventPage")]
        ) { api, call in
            let topic = call.variables[0]
            if call.wantsEventStream { return try await api.streamTopic(call) }
            var query = TopicQuery(from: try call.topicCursor(), filter: try call.topicFilter())
            query.limit = try call.int("limit", in: 1...EventQuery.maximumLimit, default: 100)
            let page = try await api.store.events(in: topic, query)
            return .json(reserving: 128 + page.events.reduce(0) { $0 + $1.data.bytes.count + 256 }) { $0.page(page, of: topic) }
        },
        .get(
            topic + "/hints", "watchTopic",
            "An event stream that says when something may be new for readers and consumers of the topic: events, or deliveries given back.",
            responses: [(200, nil)]
        ) { api, call in try api.streamHints(call.variables[0]) },
    ]

    /// The one operation of the bus that credentials which are limited to apps or users may call; see ``Call/topicFilter()``.
    static let readTopic = "readTopicEvents"
}

extension Call {
    /// Where reading a topic begins.
    func topicCursor() throws -> TopicCursor {
        let after = try text("after")
        guard let since = try time("since") else { return after.map { TopicCursor($0) } ?? .start }
        guard after == nil else { throw StoreError(.invalidParameter, "after and since do not go together: both say where to begin") }
        return .time(since)
    }

    /// Which events of a topic are wanted, and may be seen: credentials that are limited have to ask for what is theirs.
    func topicFilter() throws -> TopicFilter {
        var filter = TopicFilter()
        filter.types = list("types")
        filter.keys = list("keys")
        filter.app = try text("app") ?? grant.onlyApp
        filter.user = try text("user") ?? grant.onlyUser
        let isOfSessions = Name.isSame(variables[0], Topic.sessions)
        guard grant.isOperator || (isOfSessions && grant.mayRead(app: filter.app, user: filter.user)) else {
            guard isOfSessions, filter.app == nil || (filter.user == nil && grant.users != nil) else { throw Problem.notFound }
            throw StoreError(
                .invalidParameter, "these credentials see several apps or users: name one with app and, if they are limited to users, user")
        }
        guard isOfSessions || (filter.app == nil && filter.user == nil) else {
            throw StoreError(.invalidParameter, "app and user are known in the topic sessions only; use keys")
        }
        guard filter.user == nil || filter.app != nil else {
            throw StoreError(.invalidParameter, "user goes with app: names of users belong to an app")
        }
        return filter
    }
}

extension Grant {
    /// The app of credentials that see one only.
    fileprivate var onlyApp: String? { apps?.count == 1 ? apps?.first : nil }
    /// The user of credentials that see one only.
    fileprivate var onlyUser: String? { users?.count == 1 ? users?.first : nil }

    /// Whether everything that passes a filter for this app and user may be seen.
    fileprivate func mayRead(app: String?, user: String?) -> Bool { sees(app: app, user: user) }
}
