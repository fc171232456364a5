internal import BatonCore

/// Prints sessions: as they are in pipes, as tables on a terminal.
struct SessionPrinter {
    private let console: Console

    init(_ console: Console) { self.console = console }

    /// One session of a list.
    func print(_ session: SessionSnapshot, withEvents: Bool = false) throws {
        var writer = JSONWriter(reserving: 1024)
        writer.session(session, withEvents: withEvents)
        try console.write(json: writer.bytes)
    }

    /// One session with all that is known of it.
    func show(_ session: SessionSnapshot, withEvents: Bool) throws {
        guard console.format == .table else { return try print(session, withEvents: withEvents) }
        let record = session.record
        var facts: [(String, String)] = [
            ("session", SessionName.text(record.key)), ("title", record.title ?? ""), ("status", record.status.rawValue),
            ("version", String(record.version)), ("events", "\(record.eventCount), the last has seq \(record.lastSeq)"),
            ("tail", record.tail.description), ("created", record.createdAt.description), ("updated", record.updatedAt.description),
            ("expires", record.expiresAt?.description ?? "never"), ("tags", record.tags.joined(separator: ", ")),
            ("active agent", record.activeAgent ?? ""), ("parent", record.parent.map { "\($0.session), at \($0.at)" } ?? ""),
            ("lease", record.lease.map { "\($0.holder), epoch \($0.epoch), until \($0.expiresAt)" } ?? ""),
            ("lease policy", record.leasePolicy == .advisory ? record.leasePolicy.rawValue : ""),
            ("participants", record.participants == .emptyArray ? "" : record.participants.description),
            ("metadata", record.metadata == .emptyObject ? "" : record.metadata.description),
        ]
        facts += session.state.app.sorted { $0.key < $1.key }.map { ("app:" + $0.key, $0.value.description) }
        facts += session.state.user.sorted { $0.key < $1.key }.map { ("user:" + $0.key, $0.value.description) }
        facts += session.state.session.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        var table = Table([Table.Column(title: "FIELD"), Table.Column(title: "VALUE")])
        for (name, value) in facts where !value.isEmpty { table.add([name, value]) }
        try console.write(table.rendered(width: console.width, style: console.outputStyle))
        guard withEvents else { return }
        try console.write("\n")
        let printer = EventPrinter(console)
        for event in session.events { try printer.print(event) }
    }

    func printTable(_ sessions: [SessionSnapshot]) throws {
        guard !sessions.isEmpty else { return console.say("No sessions.") }
        var table = Table([
            Table.Column(title: "SESSION"), Table.Column(title: "STATUS"), Table.Column(title: "EVENTS", alignment: .right),
            Table.Column(title: "UPDATED"), Table.Column(title: "TITLE"),
        ])
        for session in sessions {
            let record = session.record
            table.add([
                SessionName.text(record.key), record.status.rawValue, String(record.eventCount),
                String(record.updatedAt.description.prefix(19)).replacing("T", with: " "), record.title ?? "",
            ])
        }
        try console.write(table.rendered(width: console.width, style: console.outputStyle))
    }

    func printDeletion(of key: SessionKey, wasThere: Bool) throws {
        switch console.format {
        case .ndjson:
            var writer = JSONWriter()
            writer.object { writer in
                writer.name("app")
                writer.string(key.app)
                writer.name("user")
                writer.string(key.user)
                writer.name("id")
                writer.string(key.id)
                writer.name("deleted")
                writer.bool(wasThere)
            }
            try console.write(json: writer.bytes)
        case .table: try console.write("\(TerminalText.safe(SessionName.text(key)))  \(wasThere ? "deleted" : "was not there")\n")
        }
    }
}
