internal import BatonCore

extension Command {
    static let tracks = Command(
        name: "tracks", summary: "Keep logs beside the events of a session: thoughts, traces, whatever is no part of the conversation",
        discussion: """
            A track is made by its first append and has an order and ids of its own. It lives as long as its session, or shorter with --ttl. \
            Clearing, rewinding and trimming the session's events leave it alone; a fork begins without tracks.
            """,
        commands: [.listTracks, .appendTrack, .readTrack, .deleteTrack])

    private static let listTracks = Command(
        name: "list", summary: "List the tracks of a session, by name",
        examples: [
            Example(line: "baton tracks list demo/ann/first", meaning: "What there is"),
            Example(line: "baton tracks list demo/ann/first --events 5 --json", meaning: "With the last five events of each"),
        ],
        options: [lastEvents.declaration] + OwnerOptions.declarations, arguments: [SessionName.argument]
    ) { invocation in
        let key = try invocation.session()
        let console = invocation.console
        return try await invocation.withStore { store in
            let tracks = try await store.tracks(of: key, last: invocation[lastEvents])
            guard console.format == .table else {
                for track in tracks {
                    var writer = JSONWriter()
                    writer.track(track, withEvents: invocation[lastEvents] > 0)
                    try console.write(json: writer.bytes)
                }
                return .success
            }
            var table = Table([
                Table.Column(title: "TRACK"), Table.Column(title: "EVENTS", alignment: .right), Table.Column(title: "LAST"),
                Table.Column(title: "EXPIRES"),
            ])
            for track in tracks {
                table.add([
                    track.name, String(track.count), Timestamp(milliseconds: track.tail.milliseconds).description,
                    track.expiresAt?.description ?? "with its session",
                ])
            }
            if tracks.isEmpty {
                console.say("No tracks.")
            } else {
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    private static let appendTrack = Command(
        name: "append", summary: "Append events to a track",
        discussion: """
            Events are read as JSON, one object a line, from the files or from standard input, as baton append reads them: {"content": …}. \
            A receipt is printed for each. Events with an id of their own are never stored twice in a track.
            """,
        examples: [
            Example(line: "baton tracks append demo/ann/first thoughts --content 'Ask for the invoice'", meaning: "One text"),
            Example(line: "agent --trace | baton tracks append demo/ann/first trace --ttl 1d", meaning: "A trace, kept for a day"),
        ],
        options: [
            AppendOptions.content.declaration, AppendOptions.role.declaration, AppendOptions.author.declaration, AppendOptions.type.declaration,
            AppendOptions.id.declaration, ttl.declaration, LeaseOptions.epoch.declaration,
        ] + OwnerOptions.declarations + KeepingOptions.declarations,
        arguments: [SessionName.argument, track, Argument(name: "FILE", help: "a file of events, - for standard input", count: .any)]
    ) { invocation in
        let key = try invocation.session()
        let name = invocation[argument: track.name] ?? ""
        let seconds = try invocation[ttl].map { try $0.lifetime("--ttl") }
        var input = try invocation.appendInput()
        let console = invocation.console
        return try await invocation.withStore { store in
            while let drafts = try input.next() {
                for start in stride(from: 0, to: drafts.count, by: batchSize) {
                    let batch = TrackBatch(
                        Array(drafts[start..<min(start + batchSize, drafts.count)]), ttl: seconds, epoch: invocation[LeaseOptions.epoch])
                    for entry in try await store.append(batch, toTrack: name, of: key).entries { try console.print(entry) }
                }
            }
            return .success
        }
    }

    private static let readTrack = Command(
        name: "read", summary: "Print the events of a track, oldest first",
        examples: [
            Example(line: "baton tracks read demo/ann/first thoughts --since 1h", meaning: "Those of the last hour"),
            Example(line: "baton tracks read demo/ann/first trace --follow", meaning: "What is there, then what comes"),
        ],
        options: [after.declaration, limit.declaration, EventOptions.since.declaration, follow.declaration] + OwnerOptions.declarations,
        arguments: [SessionName.argument, track]
    ) { invocation in
        let key = try invocation.session()
        let name = invocation[argument: track.name] ?? ""
        if invocation[follow], invocation[EventOptions.since] != nil {
            throw UsageError(message: "--follow and --since exclude each other", command: invocation.path.text)
        }
        let printer = EventPrinter(invocation.console)
        return try await invocation.withStore { store in
            var left = invocation[limit] ?? .max
            if invocation[follow] {
                let handle = try store.session(key).track(name)
                for try await event in handle.follow(after: invocation[after] ?? .seq(0)) {
                    try printer.print(event)
                    left -= 1
                    if left == 0 { break }
                }
                return .success
            }
            var query = TrackQuery(after: invocation[after], since: invocation[EventOptions.since])
            while left > 0 {
                query.limit = min(left, 500)
                let page = try await store.events(ofTrack: name, of: key, query)
                for event in page.events { try printer.print(event) }
                left -= page.events.count
                guard !page.upToDate, let next = page.next else { break }
                query.after = .offset(next)
            }
            return .success
        }
    }

    private static let deleteTrack = Command(
        name: "delete", summary: "Delete a track; absent is fine",
        examples: [Example(line: "baton tracks delete demo/ann/first trace", meaning: "The session's events stay")],
        options: [LeaseOptions.epoch.declaration] + OwnerOptions.declarations, arguments: [SessionName.argument, track]
    ) { invocation in
        let key = try invocation.session()
        return try await invocation.withStore { store in
            try await store.deleteTrack(invocation[argument: track.name] ?? "", of: key, epoch: invocation[LeaseOptions.epoch])
            return .success
        }
    }

    private static let track = Argument(name: "TRACK", help: "the name of the track")
    private static let batchSize = 100
    private static let flagOnly = OptionTraits(settable: .flagOnly)
    private static let lastEvents = Option<Int>(
        "events", "N", default: 0, in: 0...EventQuery.maximumLimit, help: "The last N events of each", traits: flagOnly)
    private static let after = Option<Cursor?>("after", "CURSOR", help: "Only events after this offset or seq", traits: flagOnly)
    private static let limit = Option<Int?>(
        "limit", "N", in: 1...Int.max, help: "The most events to print; all without", traits: OptionTraits(short: "n", settable: .flagOnly))
    private static let follow = Option<Bool>.flag("follow", help: "Go on with what comes, until the session is deleted", traits: flagOnly)
    private static let ttl = Option<Duration?>(
        "ttl", "TIME", help: "How long the track lives after this and later writes; as long as its session without", traits: flagOnly)
}
