internal import BatonCore

extension Command {
    static let listGroups = Command(
        name: "groups", summary: "List the groups of a topic: how far each is behind", arguments: [TopicOptions.topic]
    ) { invocation in
        let console = invocation.console
        return try await invocation.withStore { store in
            let groups = try await store.groups(of: invocation.topicName)
            switch console.format {
            case .ndjson: for group in groups { try console.write(group) }
            case .table where groups.isEmpty: console.say("No groups.")
            case .table: try console.write(groups.table().rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    static let group = Command(
        name: "group", summary: "Make, show, move and delete a group of consumers", commands: [.createGroup, .showGroup, .moveGroup, .deleteGroup])

    private static let createGroup = Command(
        name: "create", summary: "Make a group, or give the one that is there other settings",
        discussion: "A group that is there keeps its place, whatever --from says; baton topics group position moves it.",
        examples: [
            Example(line: "baton topics group create orders billing", meaning: "What is published from now on"),
            Example(
                line: "baton topics group create sessions index --from start --ordered", meaning: "All that is kept, a session at a time in order"),
        ],
        options: TopicOptions.settings, arguments: [TopicOptions.topic, TopicOptions.group]
    ) { invocation in
        try await invocation.withStore(creating: true) { store in
            let group = try store.topic(invocation.topicName).group(invocation.groupName)
            try invocation.console.show(try await group.set(invocation.groupSettings, from: invocation[TopicOptions.from]))
            return .success
        }
    }

    private static let showGroup = Command(
        name: "show", summary: "Show a group: its place, what is not finished, who consumes", arguments: [TopicOptions.topic, TopicOptions.group]
    ) { invocation in
        try await invocation.withGroup { group in
            try invocation.console.show(try await group.inspect())
            return .success
        }
    }

    private static let moveGroup = Command(
        name: "position", summary: "Move a group to another place, back or forward",
        discussion: "What it holds is dropped: whoever works on it now cannot settle it any more. Dead letters stay.",
        examples: [
            Example(line: "baton topics group position orders billing start", meaning: "Everything that is kept, once more"),
            Example(line: "baton topics group position orders billing 2h", meaning: "The last two hours once more"),
            Example(line: "baton topics group position orders billing now", meaning: "Skip what is left"),
        ],
        arguments: [TopicOptions.topic, TopicOptions.group, Argument(name: "PLACE", help: TopicCursor.expectation)]
    ) { invocation in
        guard let cursor = TopicCursor(argument: invocation[argument: "PLACE"] ?? "") else {
            throw UsageError(message: "PLACE has to be \(TopicCursor.expectation)", command: invocation.path.text)
        }
        return try await invocation.withGroup { group in
            try invocation.console.show(try await group.move(to: cursor))
            return .success
        }
    }

    private static let deleteGroup = Command(
        name: "delete", summary: "Delete a group with what it holds and its dead letters; absent is fine",
        arguments: [TopicOptions.topic, TopicOptions.group]
    ) { invocation in
        try await invocation.withStore { store in
            let wasThere = try await store.delete(group: invocation.groupName, of: invocation.topicName)
            try invocation.console.writeDeletion(of: invocation.groupName, wasThere: wasThere)
            return .success
        }
    }
}

extension Console {
    /// A group with all that is known of it.
    fileprivate func show(_ group: ConsumerGroup) throws {
        guard format == .table else { return try write(group) }
        let settings = group.settings
        try write([
            ("topic", group.topic), ("group", group.name), ("position", group.position.text),
            ("lag", group.lag >= ConsumerGroup.countBound ? "\(group.lag) or more" : String(group.lag)), ("pending", String(group.pending)),
            ("dead letters", String(group.dead)), ("lost", String(group.lost)), ("oldest unfinished", group.oldestUnfinished?.description ?? ""),
            ("order", settings.isOrdered ? "by key" : "none"), ("deliveries", "\(settings.maximumDeliveries) at most"),
            ("lease", Duration.milliseconds(settings.leaseMilliseconds).argument),
            (
                "back-off",
                "\(Duration.milliseconds(settings.backoffMilliseconds).argument) to \(Duration.milliseconds(settings.maximumBackoffMilliseconds).argument)"
            ),
        ])
        guard !group.consumers.isEmpty else { return }
        var table = Table([Table.Column(title: "CONSUMER"), Table.Column(title: "HOLDS", alignment: .right), Table.Column(title: "SEEN")])
        for consumer in group.consumers { table.add([consumer.name, String(consumer.held), consumer.seenAt.description]) }
        try write("\n" + table.rendered(width: width, style: outputStyle))
    }
}
