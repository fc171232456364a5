internal import BatonCore

extension Command {
    static let topicEvents = Command(
        name: "events", summary: "Print a topic's events",
        examples: [
            Example(line: "baton topics events orders", meaning: "All that are kept, oldest first"),
            Example(line: "baton topics events sessions --app demo --types session.created --after 2h", meaning: "Sessions of two hours"),
        ],
        options: [TopicOptions.after.declaration, limit.declaration] + TopicOptions.filter, arguments: [TopicOptions.topic]
    ) { invocation in
        let printer = TopicEventPrinter(invocation.topicName, on: invocation.console)
        var query = TopicQuery(from: invocation[TopicOptions.after], limit: pageSize, filter: invocation.topicFilter)
        return try await invocation.withStore { store in
            // One that is not there is empty to readers, who may be earlier than publishers; here it is probably misspelt.
            _ = try await store.inspect(topic: invocation.topicName)
            var left = invocation[limit] ?? .max
            while left > 0 {
                query.limit = min(left, pageSize)
                let page = try await store.events(in: invocation.topicName, query)
                for event in page.events { try printer.print(event) }
                left -= page.events.count
                if page.upToDate { break }
                query.cursor = .offset(page.next)
            }
            return .success
        }
    }

    static let tailTopic = Command(
        name: "tail", summary: "Follow a topic: what is there, then what comes",
        discussion: """
            It goes on over restarts of the daemon, without gap or duplicate. Each event has an offset; --after takes up there again. A topic \
            that is not there yet is waited for.
            """,
        examples: [
            Example(line: "baton topics tail orders --after now", meaning: "Only what comes"),
            Example(line: "baton topics tail sessions --app demo --json | jq .data.session", meaning: "Feed another program"),
            Example(line: "baton topics tail orders --after 1h --count 1", meaning: "The first event of the last hour, or the next one"),
        ],
        options: [TopicOptions.after.declaration, count.declaration] + TopicOptions.filter, arguments: [TopicOptions.topic]
    ) { invocation in
        let printer = TopicEventPrinter(invocation.topicName, on: invocation.console)
        return try await invocation.withStore(creating: true) { store in
            var left = invocation[count] ?? .max
            let topic = try store.topic(invocation.topicName)
            for try await event in topic.follow(from: invocation[TopicOptions.after], filter: invocation.topicFilter) {
                try printer.print(event)
                left -= 1
                if left == 0 { break }
            }
            return .success
        }
    }

    private static let pageSize = 500
    private static let limit = Option<Int?>(
        "limit", "N", in: 1...Int.max, help: "The most events to print; all without", traits: OptionTraits(short: "n", settable: .flagOnly))
    private static let count = Option<Int?>("count", "N", in: 1...Int.max, help: "End after this many events", traits: TopicOptions.flagOnly)
}
