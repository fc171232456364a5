internal import BatonCore

extension Command {
    static let publish = Command(
        name: "publish", summary: "Publish events to a topic",
        discussion: """
            Events are read as JSON, one object a line, from the files or from standard input: {"type": "order.placed", "key": "17", "data": {…}}. \
            Only type and data are required. A receipt is printed for each, in the same order.

            A store that is away, and a topic that is full because a group is behind, are tried again, for --retry. Events with an id of their own \
            are never stored twice while they are kept, so whatever was interrupted can be sent again from the beginning.
            """,
        examples: [
            Example(line: "baton topics publish orders --type order.placed --key 17 --data '{\"total\": 5}'", meaning: "One event"),
            Example(line: "baton topics publish orders <events.jsonl", meaning: "Many, all of a batch or none"),
            Example(line: "watcher | baton topics publish files", meaning: "What a program says, as it says it"),
        ],
        options: [
            Publishing.type.declaration, Publishing.data.declaration, Publishing.key.declaration, Publishing.id.declaration,
            Publishing.idempotencyKey.declaration, AppendOptions.batch.declaration, AppendOptions.retry.declaration,
        ], arguments: [TopicOptions.topic, Argument(name: "FILE", help: "a file of events, - for standard input", count: .any)]
    ) { invocation in
        let input = try Publishing.input(invocation)
        return try await invocation.withStore(creating: true) { store in
            try await Publishing(invocation, in: store).run(input)
            return .success
        }
    }
}

/// One run of `baton topics publish`: batches in order, each tried until it is stored, refused, or time is up.
private struct Publishing {
    static let type = Option<String?>("type", "TYPE", help: "Publish one event of this type", traits: TopicOptions.flagOnly)
    static let data = Option<String?>(
        "data", "JSON", help: "Its data; what is no JSON is taken as a text; null without", traits: TopicOptions.flagOnly)
    static let key = Option<String?>("key", "KEY", help: "What it happened to; order is kept among events of one key", traits: TopicOptions.flagOnly)
    static let id = Option<String?>("id", "ID", help: "Its id; a second event with the same id is not stored", traits: TopicOptions.flagOnly)
    static let idempotencyKey = Option<String?>(
        "idempotency-key", "KEY", help: "A name for the whole input, published at once; a second time under the same name stores nothing",
        traits: TopicOptions.flagOnly)

    private let invocation: Invocation
    private let store: SessionStore
    private let console: Console
    /// The largest request, so that it fits into a daemon's default limit however large its events are.
    private static let maximumBytes = 1 << 20

    init(_ invocation: Invocation, in store: SessionStore) {
        self.invocation = invocation
        self.store = store
        console = invocation.console
    }

    /// The events to publish, as they come in.
    static func input(_ invocation: Invocation) throws -> LineInput<TopicEventDraft> {
        let files = invocation.arguments["FILE"] ?? []
        if let type = invocation[type] {
            guard files.isEmpty else { throw UsageError(message: "--type and files exclude each other", command: invocation.path.text) }
            let data = invocation[data].map { text in (try? JSON(parsing: text)) ?? JSON(string: text) }
            return LineInput([TopicEventDraft(type: type, key: invocation[key], data: data ?? .null, id: invocation[id])])
        }
        if let stray = [data, key, id].first(where: { invocation[$0] != nil }) {
            throw UsageError(
                message: "\(stray.declaration.longFlag) goes with --type; in a file each event says it itself", command: invocation.path.text)
        }
        return LineInput(files, on: invocation.console, hint: "For one event: --type TYPE --data JSON") { line throws(StoreError) in
            try TopicEventDraft.batch(parsing: line)
        }
    }

    func run(_ input: LineInput<TopicEventDraft>) async throws {
        var input = input
        var progress = Progress("published", on: console)
        do {
            if invocation[Publishing.idempotencyKey] != nil {
                var all: [TopicEventDraft] = []
                while let drafts = try input.next() { all += drafts }
                try await publish(all, &progress)
            } else {
                // What arrived together is published together, but nothing that has arrived waits for more.
                while let drafts = try input.next() {
                    var rest = drafts[...]
                    while !rest.isEmpty { try await publish(takeBatch(&rest), &progress) }
                }
            }
        } catch {
            progress.finish()
            throw error
        }
        progress.finish()
    }

    private func takeBatch(_ rest: inout ArraySlice<TopicEventDraft>) -> [TopicEventDraft] {
        var bytes = 0
        let batch = rest.prefix(invocation[AppendOptions.batch]).prefix { draft in
            defer { bytes += draft.data.bytes.count }
            return bytes == 0 || bytes + draft.data.bytes.count <= Publishing.maximumBytes
        }
        rest = rest.dropFirst(batch.count)
        return Array(batch)
    }

    private func publish(_ drafts: [TopicEventDraft], _ progress: inout Progress) async throws {
        guard !drafts.isEmpty else { return }
        // An answer may be lost: without ids, only a name for the request tells a second attempt from a second request.
        let isNameless = drafts.contains { $0.id == nil } && invocation[Publishing.idempotencyKey] == nil
        let key = invocation[Publishing.idempotencyKey] ?? (isNameless ? Randomness.uuid7(at: SystemClock.now()) : nil)
        var retries = Retries(invocation[AppendOptions.retry], console)
        while true {
            var receipt: PublishReceipt
            do throws(StoreError) {
                receipt = try await store.publish(TopicBatch(drafts, idempotencyKey: key), to: invocation.topicName)
            } catch {
                guard await retries.wait(after: error) else { throw error }
                continue
            }
            if isNameless {
                // Nobody else knows the name: what is called a duplicate was stored by an attempt whose answer was lost.
                for (index, draft) in drafts.enumerated() where draft.id == nil { receipt.entries[index].isDuplicate = false }
            }
            for entry in receipt.entries { try report(entry) }
            progress.advance(by: receipt.entries.count)
            return
        }
    }

    private func report(_ entry: PublishReceipt.Entry) throws {
        switch console.format {
        case .ndjson:
            var writer = JSONWriter(reserving: 160)
            writer.receipt(entry)
            try console.write(json: writer.bytes)
        case .table:
            try console.write("\(entry.seq)  \(entry.offset)  \(TerminalText.safe(entry.id))\(entry.isDuplicate ? "  published before" : "")\n")
        }
    }
}
