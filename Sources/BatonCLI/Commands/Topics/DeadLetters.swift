internal import BatonCore

extension Command {
    static let pending = Command(
        name: "pending", summary: "List what a group has handed out and not finished",
        examples: [Example(line: "baton topics pending orders billing --json | jq .history", meaning: "What went wrong so far")],
        arguments: [TopicOptions.topic, TopicOptions.group]
    ) { invocation in
        let console = invocation.console
        return try await invocation.withStore { store in
            var table = Table(["ID", "CONSUMER", "ATTEMPT", "DUE", "LAST FAILURE"].map { Table.Column(title: $0) })
            var last: String?
            repeat {
                let page = try await store.pending(in: invocation.groupName, of: invocation.topicName, after: last, limit: 500)
                for entry in page.elements {
                    switch console.format {
                    case .ndjson:
                        var writer = JSONWriter()
                        writer.pending(entry)
                        try console.write(json: writer.bytes)
                    case .table:
                        table.add([
                            entry.id, entry.consumer ?? "", String(entry.attempt), entry.dueAt.description, entry.history.last?.reason ?? "",
                        ])
                    }
                }
                last = page.next
            } while last != nil
            guard console.format == .table else { return .success }
            if table.isEmpty {
                console.say("Nothing is pending.")
            } else {
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    static let deadLetters = Command(
        name: "dead", summary: "List what a group has given up, and why",
        examples: [Example(line: "baton topics dead orders billing --json | jq -r '[.id, .reason] | @tsv'", meaning: "Ids and reasons")],
        arguments: [TopicOptions.topic, TopicOptions.group]
    ) { invocation in
        let console = invocation.console
        return try await invocation.withGroup { group in
            var table = Table(["ID", "SINCE", "ATTEMPTS", "TYPE", "KEY", "REASON"].map { Table.Column(title: $0) })
            var last: String?
            repeat {
                let page = try await group.deadLetters(after: last, limit: 500)
                for letter in page.elements {
                    switch console.format {
                    case .ndjson:
                        var writer = JSONWriter()
                        writer.deadLetter(letter, of: group.topic)
                        try console.write(json: writer.bytes)
                    case .table:
                        table.add([
                            letter.id, String(letter.time.description.prefix(19)), String(letter.history.count), letter.event?.type ?? "",
                            letter.event?.key ?? "", letter.reason,
                        ])
                    }
                }
                last = page.next
            } while last != nil
            guard console.format == .table else { return .success }
            if table.isEmpty {
                console.say("No dead letters.")
            } else {
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    static let redrive = Command(
        name: "redrive", summary: "Put dead letters back, to be handed out again with all their attempts before them",
        examples: [
            Example(line: "baton topics redrive orders billing --all", meaning: "All of them"),
            Example(line: "baton topics redrive orders billing --oldest 10", meaning: "The ten oldest, to see whether it works again"),
        ],
        options: [Selecting.all.declaration, Selecting.oldest.declaration], arguments: [TopicOptions.topic, TopicOptions.group, Selecting.ids]
    ) { invocation in
        try await invocation.settleDeadLetters("redriven") { (group, selection) throws(StoreError) in try await group.redrive(selection) }
    }

    static let discard = Command(
        name: "discard", summary: "Remove dead letters for good",
        examples: [Example(line: "baton topics discard orders billing --all", meaning: "All of them")],
        options: [Selecting.all.declaration, Selecting.oldest.declaration], arguments: [TopicOptions.topic, TopicOptions.group, Selecting.ids]
    ) { invocation in
        try await invocation.settleDeadLetters("discarded") { (group, selection) throws(StoreError) in
            try await group.store.discard(selection, in: group.name, of: group.topic)
        }
    }
}

private enum Selecting {
    static let ids = Argument(name: "ID", help: "an id that topics dead shows", count: .any)
    static let all = Option<Bool>.flag("all", help: "All dead letters", traits: TopicOptions.flagOnly)
    static let oldest = Option<Int?>("oldest", "N", in: 1...ConsumerGroup.deadLetterBound, help: "The N oldest", traits: TopicOptions.flagOnly)
}

extension Invocation {
    /// Does something with the dead letters that are meant, and says with how many.
    fileprivate func settleDeadLetters(
        _ name: StaticString, _ settle: (GroupHandle, DeadLetterSelection) async throws(StoreError) -> Int
    ) async throws -> ExitCode {
        let ids = arguments["ID"] ?? []
        guard [!ids.isEmpty, self[Selecting.all], self[Selecting.oldest] != nil].count(where: { $0 }) == 1 else {
            throw UsageError(message: "\(path.text) needs ids, --oldest or --all: one of them", command: path.text)
        }
        return try await withGroup { group in
            var count = 0
            if ids.isEmpty {
                // Those that fail again while this goes on are not taken up a second time.
                var left = try await group.inspect().dead
                if let oldest = self[Selecting.oldest] { left = min(left, oldest) }
                while left > 0 {
                    let some = try await settle(group, .oldest(min(left, 1000)))
                    count += some
                    left -= min(left, 1000)
                }
            } else {
                for start in stride(from: 0, to: ids.count, by: 1000) {
                    count += try await settle(group, .ids(Array(ids[start..<min(start + 1000, ids.count)])))
                }
            }
            try console.write(name, count)
            guard ids.count > count else { return .success }
            console.complain("\(ids.count - count) of the ids are no dead letters that could be \(name)")
            return .notFound
        }
    }
}
