internal import BatonCore

extension Command {
    static let topics = Command(
        name: "topics", summary: "The event bus: publish events, follow them, work through them in groups",
        discussion: """
            A topic is a log that anybody publishes to; it begins with the first event. The topic sessions is always there and carries what happens \
            in all sessions. A group is consumers that share a topic's events: each event is handed out until a consumer says that it is done, \
            or until it has failed too often and is a dead letter.
            """,
        commands: [
            .listTopics, .showTopic, .publish, .topicEvents, .tailTopic, .retainTopic, .deleteTopics, .listGroups, .group, .deliveries,
            .acknowledge, .reject, .pending, .deadLetters, .redrive, .discard,
        ])

    // MARK: - Topics as a whole

    private static let listTopics = Command(
        name: "list", summary: "List the topics by name",
        examples: [Example(line: "baton topics list --json | jq -r .name", meaning: "Names only")]
    ) { invocation in
        let console = invocation.console
        return try await invocation.withStore { store in
            var table = Table([
                Table.Column(title: "TOPIC"), Table.Column(title: "EVENTS", alignment: .right), Table.Column(title: "KEEPS"),
                Table.Column(title: "TAIL"),
            ])
            var last: String?
            repeat {
                let page = try await store.topics(after: last, limit: 500)
                for topic in page {
                    switch console.format {
                    case .ndjson: try console.write(topic)
                    case .table: table.add([topic.name, topic.count.map(String.init) ?? "", topic.retention.summary, topic.tail.text])
                    }
                }
                last = page.count == 500 ? page.last?.name : nil
            } while last != nil
            if console.format == .table { try console.write(table.rendered(width: console.width, style: console.outputStyle)) }
            return .success
        }
    }

    private static let showTopic = Command(
        name: "show", summary: "Show a topic: where it begins and ends, what it keeps, who works through it",
        arguments: [TopicOptions.topic]
    ) { invocation in
        let console = invocation.console
        return try await invocation.withStore { store in
            let topic = try await store.inspect(topic: invocation.topicName)
            guard console.format == .table else {
                try console.write(topic)
                return .success
            }
            try console.write([
                ("topic", topic.name), ("events", topic.count.map(String.init) ?? ""), ("earliest", topic.earliest.text), ("tail", topic.tail.text),
                ("keeps", topic.retention.summary), ("generation", topic.generation),
            ])
            let groups = try await store.groups(of: topic.name)
            if !groups.isEmpty { try console.write("\n" + groups.table().rendered(width: console.width, style: console.outputStyle)) }
            return .success
        }
    }

    private static let retainTopic = Command(
        name: "retain", summary: "Set what a topic keeps",
        discussion: """
            What is not given stays as it is. Under the policy safe nothing goes that a group has not finished: a full topic refuses publishers \
            until the groups have caught up. Under strict it goes, and the groups count and report what they lost.
            """,
        examples: [
            Example(line: "baton topics retain orders --max-events 1000000 --max-age 30d", meaning: "A million events or a month"),
            Example(line: "baton topics retain orders --max-events none --policy strict", meaning: "As many as there are; never refuse"),
        ],
        options: [
            Retaining.maximumEvents.declaration, Retaining.maximumBytes.declaration, Retaining.maximumAge.declaration, Retaining.policy.declaration,
        ], arguments: [TopicOptions.topic]
    ) { invocation in
        try await invocation.withStore(creating: true) { store in
            var retention: TopicRetention
            do throws(StoreError) { retention = try await store.inspect(topic: invocation.topicName).retention } catch {
                guard error.code == .notFound else { throw error }
                retention = .standard
            }
            if let limit = invocation[Retaining.maximumEvents] { retention.maximumEvents = limit.value }
            if let limit = invocation[Retaining.maximumBytes] { retention.maximumBytes = limit.value?.bytes }
            if let limit = invocation[Retaining.maximumAge] { retention.maximumAge = try limit.value?.lifetime("--max-age") }
            if let policy = invocation[Retaining.policy] { retention.policy = policy }
            let topic = try await store.retain(retention, in: invocation.topicName)
            switch invocation.console.format {
            case .ndjson: try invocation.console.write(topic)
            case .table: try invocation.console.write("\(TerminalText.safe(topic.name))  keeps \(topic.retention.summary)\n")
            }
            return .success
        }
    }

    private enum Retaining {
        static let maximumEvents = Option<Limit<Int>?>(
            "max-events", "N", help: "The most events, or none for no limit", traits: TopicOptions.flagOnly)
        static let maximumBytes = Option<Limit<ByteSize>?>(
            "max-bytes", "SIZE", help: "The most bytes of data, or none for no limit", traits: TopicOptions.flagOnly)
        static let maximumAge = Option<Limit<Duration>?>(
            "max-age", "TIME", help: "The longest time that an event is kept, or none for no limit", traits: TopicOptions.flagOnly)
        static let policy = Option<TopicRetention.Policy?>(
            "policy", "POLICY", help: "What becomes of events that should go and that a group has not finished", traits: TopicOptions.flagOnly)
    }

    private static let deleteTopics = Command(
        name: "delete", summary: "Delete topics with their groups; absent ones are fine",
        arguments: [Argument(name: "TOPIC", help: TopicOptions.topic.help, count: .atLeastOne)]
    ) { invocation in
        try await invocation.withStore { store in
            for topic in invocation.arguments["TOPIC"] ?? [] {
                let wasThere = try await store.delete(topic: topic)
                try invocation.console.writeDeletion(of: topic, wasThere: wasThere)
            }
            return .success
        }
    }
}

/// A limit, or the word for none.
struct Limit<Value: ArgumentValue>: ArgumentValue {
    let value: Value?

    static var expectation: String { "\(Value.expectation), or none" }

    init?(argument: String) {
        value = Value(argument: argument)
        if value == nil, argument != "none" { return nil }
    }

    var argument: String { value?.argument ?? "none" }
}

extension TopicRetention.Policy: ArgumentValue {}

extension TopicRetention {
    /// `100000 events, 7d, safe`.
    var summary: String {
        let limits: [String?] = [
            maximumEvents.map { "\($0) events" }, maximumBytes.map { ByteSize(bytes: $0).argument },
            maximumAge.map { Duration.seconds($0).argument },
        ]
        let given = limits.compactMap { $0 }
        return "\(given.isEmpty ? "everything" : given.joined(separator: ", ")), \(policy.rawValue)"
    }
}
