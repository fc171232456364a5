internal import BatonCore

extension Command {
    static let append = Command(
        name: "append", summary: "Append events to a session",
        discussion: """
            Events are read as JSON, one object a line, from the files or from standard input: {"role": "user", "content": "Hello"}. Only \
            content is required. A receipt is printed for each, in the same order.

            A store that is away or busy is tried again, for --retry. Events with an id of their own are never stored twice, so whatever \
            was interrupted can be sent again from the beginning.
            """,
        examples: [
            Example(line: "baton append --create demo/ann/first --role user --content 'Hello'", meaning: "One message, the session made if needed"),
            Example(line: "baton append demo/ann/first <conversation.jsonl", meaning: "A recorded conversation"),
            Example(line: "agent | baton append demo/ann/first", meaning: "What a program says, as it says it"),
            Example(line: "baton append demo/ann/first --epoch 1795000000001 --content 'Hi'", meaning: "Only while the lease of this epoch is held"),
            Example(line: "baton append demo/ann/first --if-match 7 --content 'Hi'", meaning: "Only if nobody else wrote since event 7"),
        ],
        options: AppendOptions.declarations + OwnerOptions.declarations + KeepingOptions.declarations,
        arguments: [SessionName.argument, Argument(name: "FILE", help: "a file of events, - for standard input", count: .any)]
    ) { invocation in
        let key = try invocation.session()
        let input = try invocation.appendInput()
        return try await invocation.withStore(creating: true) { store in
            var appending = Appending(invocation, to: key, in: store)
            try await appending.run(input)
            return .success
        }
    }
}

/// What `baton append` takes.
enum AppendOptions {
    private static let flagOnly = OptionTraits(settable: .flagOnly)

    static let content = Option<String?>("content", "TEXT", help: "Append one event with this text", traits: flagOnly)
    static let role = Option<String?>("role", "ROLE", help: "Its role: user, assistant, tool, system, or another", traits: flagOnly)
    static let author = Option<String?>("author", "NAME", help: "Who made it", traits: flagOnly)
    static let type = Option<String?>("type", "TYPE", help: "What kind of event it is", traits: flagOnly)
    static let id = Option<String?>("id", "ID", help: "Its id; a second event with the same id is not stored", traits: flagOnly)
    static let create = Option<Bool>.flag("create", help: "Make the session if it is not there", traits: flagOnly)
    static let expectedSeq = Option<Int?>(
        "if-match", "SEQ", in: 0...Int.max, help: "Append only if this is the last seq of the session", traits: flagOnly)
    static let idempotencyKey = Option<String?>(
        "idempotency-key", "KEY", help: "A name for the whole input, appended at once; a second time under the same name stores nothing",
        traits: flagOnly)
    static let batch = Option<Int>(
        "batch", "N", default: 100, in: 1...EventDraft.maximumBatch, help: "The most events of one request, all or nothing", traits: flagOnly)
    static let retry = Option<Duration>(
        "retry", "TIME", default: .seconds(30), in: .zero ... .seconds(86_400), help: "How long to try again when the store is away or busy",
        traits: flagOnly)

    static let declarations = [
        content.declaration, role.declaration, author.declaration, type.declaration, id.declaration, create.declaration, expectedSeq.declaration,
        idempotencyKey.declaration, LeaseOptions.epoch.declaration, batch.declaration, retry.declaration,
    ]
}

/// One run of `baton append`: batches in order, each tried until it is stored, refused, or time is up.
private struct Appending {
    private let key: SessionKey
    private let store: SessionStore
    private let console: Console
    private let invocation: Invocation
    private var expectedSeq: Int?
    /// The largest request, so that it fits into a daemon's default limit however large its events are.
    private static let maximumBytes = 1 << 20

    init(_ invocation: Invocation, to key: SessionKey, in store: SessionStore) {
        self.invocation = invocation
        self.key = key
        self.store = store
        console = invocation.console
        expectedSeq = invocation[AppendOptions.expectedSeq]
    }

    mutating func run(_ input: LineInput<EventDraft>) async throws {
        var input = input
        var progress = Progress("appended", on: console)
        do {
            if invocation[AppendOptions.idempotencyKey] != nil {
                var all: [EventDraft] = []
                while let drafts = try input.next() { all += drafts }
                try await append(all[...], &progress)
            } else {
                // What arrived together is stored together, but nothing that has arrived waits for more.
                while let drafts = try input.next() {
                    var rest = drafts[...]
                    while !rest.isEmpty { try await append(takeBatch(&rest), &progress) }
                }
            }
        } catch {
            progress.finish()
            throw error
        }
        progress.finish()
    }

    private func takeBatch(_ rest: inout ArraySlice<EventDraft>) -> ArraySlice<EventDraft> {
        var bytes = 0
        let batch = rest.prefix(invocation[AppendOptions.batch]).prefix { draft in
            defer { bytes += draft.body.bytes.count }
            return bytes == 0 || bytes + draft.body.bytes.count <= Appending.maximumBytes
        }
        rest = rest.dropFirst(batch.count)
        return batch
    }

    private mutating func append(_ drafts: ArraySlice<EventDraft>, _ progress: inout Progress) async throws {
        guard !drafts.isEmpty else { return }
        var batch = EventBatch(
            Array(drafts), expectedSeq: expectedSeq, createsSession: invocation[AppendOptions.create],
            epoch: invocation[LeaseOptions.epoch])
        // An answer may be lost: without ids, only a name for the request tells a second attempt from a second request.
        let isNameless = drafts.contains { $0.id == nil } && invocation[AppendOptions.idempotencyKey] == nil
        batch.idempotencyKey = invocation[AppendOptions.idempotencyKey] ?? (isNameless ? Randomness.uuid7(at: SystemClock.now()) : nil)
        var retries = Retries(invocation[AppendOptions.retry], console)
        while true {
            var receipt: AppendReceipt
            do throws(StoreError) {
                receipt = try await store.append(batch, to: key)
            } catch {
                guard await retries.wait(after: error) else { throw error }
                continue
            }
            if isNameless {
                // Nobody else knows the name: what is called a duplicate was stored by an attempt whose answer was lost.
                for (index, draft) in batch.events.enumerated() where draft.id == nil { receipt.entries[index].isDuplicate = false }
            }
            if expectedSeq != nil { expectedSeq = receipt.tail.seq }
            for entry in receipt.entries { try console.print(entry) }
            progress.advance(by: receipt.entries.count)
            return
        }
    }

}

extension Console {
    /// Where one event was stored.
    func print(_ entry: AppendReceipt.Entry) throws {
        switch format {
        case .ndjson:
            var writer = JSONWriter(reserving: 160)
            writer.receipt(entry)
            try write(json: writer.bytes)
        case .table:
            try write("\(entry.seq)  \(entry.offset)  \(TerminalText.safe(entry.id))\(entry.isDuplicate ? "  stored before" : "")\n")
        }
    }
}
