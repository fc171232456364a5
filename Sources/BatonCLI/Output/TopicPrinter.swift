internal import BatonCore

/// Prints events of a topic: as they are in pipes, as a line each on a terminal.
struct TopicEventPrinter {
    private let topic: String
    private let console: Console

    init(_ topic: String, on console: Console) {
        self.topic = topic
        self.console = console
    }

    func print(_ event: TopicEvent) throws {
        switch console.format {
        case .ndjson:
            var writer = JSONWriter(reserving: event.data.bytes.count + 200)
            writer.topicEvent(event, of: topic)
            try console.write(json: writer.bytes)
        case .table: try console.write(line(for: event) + "\n")
        }
    }

    func print(_ delivery: Delivery) throws {
        switch console.format {
        case .ndjson:
            var writer = JSONWriter(reserving: delivery.event.data.bytes.count + 320)
            writer.delivery(delivery, from: topic)
            try console.write(json: writer.bytes)
        case .table:
            try console.write("\(TerminalText.safe(delivery.id))  \(delivery.token)  attempt \(delivery.attempt)  \(line(for: delivery.event))\n")
        }
    }

    /// `0…_12  08:15:30  order.placed  k1  …`, cut to the width of the terminal.
    private func line(for event: TopicEvent) -> String {
        let style = console.outputStyle
        let head = "\(event.offset.text)  \(event.time.description.dropFirst(11).prefix(8))"
        let words = [event.type, event.key].compactMap { $0.map { TerminalText.safe(String($0.prefix(64))) } }.joined(separator: "  ")
        let room = max(16, (console.width ?? 120) - DisplayWidth.of(head) - DisplayWidth.of(words) - 4)
        let gist = Table.cut(TerminalText.safe(EventPrinter.gist(of: event.data, upTo: 4 * room)), to: room)
        return "\(style.dim(head))  \(style.bold(words))  \(gist)"
    }
}

extension Console {
    /// A topic as one JSON object.
    func write(_ topic: Topic) throws {
        var writer = JSONWriter()
        writer.topic(topic)
        try write(json: writer.bytes)
    }

    /// A group as one JSON object.
    func write(_ group: ConsumerGroup) throws {
        var writer = JSONWriter()
        writer.group(group)
        try write(json: writer.bytes)
    }

    /// Facts by name; those that are empty are left out.
    func write(_ facts: [(String, String)]) throws {
        var table = Table([Table.Column(title: "FIELD"), Table.Column(title: "VALUE")])
        for (name, value) in facts where !value.isEmpty { table.add([name, value]) }
        try write(table.rendered(width: width, style: outputStyle))
    }

    /// What became of a deletion.
    func writeDeletion(of name: String, wasThere: Bool) throws {
        switch format {
        case .ndjson:
            var writer = JSONWriter()
            writer.object { writer in
                writer.name("name")
                writer.string(name)
                writer.name("deleted")
                writer.bool(wasThere)
            }
            try write(json: writer.bytes)
        case .table: try write("\(TerminalText.safe(name))  \(wasThere ? "deleted" : "was not there")\n")
        }
    }

    /// How many elements an operation was about.
    func write(_ name: StaticString, _ count: Int) throws {
        switch format {
        case .ndjson:
            var writer = JSONWriter()
            writer.object { writer in
                writer.name(name)
                writer.int(count)
            }
            try write(json: writer.bytes)
        case .table: try write("\(count) \(name)\n")
        }
    }
}

extension [ConsumerGroup] {
    func table() -> Table {
        var table = Table([
            Table.Column(title: "GROUP"), Table.Column(title: "LAG", alignment: .right), Table.Column(title: "PENDING", alignment: .right),
            Table.Column(title: "DEAD", alignment: .right), Table.Column(title: "LOST", alignment: .right), Table.Column(title: "OLDEST"),
            Table.Column(title: "CONSUMERS", alignment: .right),
        ])
        for group in self {
            table.add([
                group.name, group.lag >= ConsumerGroup.countBound ? "\(group.lag) or more" : String(group.lag), String(group.pending),
                String(group.dead), String(group.lost), group.oldestUnfinished.map { String($0.description.prefix(19)) } ?? "",
                String(group.consumers.count),
            ])
        }
        return table
    }
}
