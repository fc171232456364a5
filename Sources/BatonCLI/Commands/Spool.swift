internal import Baton
internal import BatonCore
internal import BatonSQLite
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension Command {
    static let spool = Command(
        name: "spool", summary: "Look at events that were accepted and not stored: what waits, and what has failed",
        commands: [.listSpool, .replaySpool, .discardSpool])

    private static let listSpool = Command(
        name: "list", summary: "List what a spool keeps, also while a daemon uses it",
        examples: [Example(line: "baton spool list spool.db --json | jq 'select(.code)'", meaning: "Only what has failed, with the events")],
        arguments: [file]
    ) { invocation in
        let console = invocation.console
        return try await invocation.withSpool(onlyLooking: true) { spool in
            var table = Table(["NUMBER", "SESSION", "EVENTS", "FAILED", "REASON"].map { Table.Column(title: $0) })
            for isFailed in [true, false] {
                try await spool.forEach(failed: isFailed) { write in
                    switch console.format {
                    case .ndjson: try console.write(json: write.document)
                    case .table:
                        table.add([
                            String(write.number), SessionName.text(write.write.key), String(write.write.events.count),
                            write.failure.map { String($0.time.description.prefix(19)) } ?? "", write.failure?.message ?? "waits",
                        ])
                    }
                }
            }
            guard console.format == .table else { return .success }
            if table.isEmpty {
                console.say("The spool is empty.")
            } else {
                try console.write(table.rendered(width: console.width, style: console.outputStyle))
            }
            return .success
        }
    }

    private static let replaySpool = Command(
        name: "replay", summary: "Store what a spool keeps; no daemon may be using it",
        discussion: """
            What waits is stored in its order, what is stored already a second time never. With --failed also what has failed before; what fails \
            again is said and stays.
            """,
        examples: [Example(line: "baton spool replay spool.db --failed --store redis://127.0.0.1", meaning: "All of it")],
        options: [failed.declaration] + KeepingOptions.declarations, arguments: [file]
    ) { invocation in
        let console = invocation.console
        var waiting = 0
        _ = try await invocation.withSpool { spool in
            if invocation[failed] {
                var numbers: [Int] = []
                try await spool.forEach(failed: true) { numbers.append($0.number) }
                _ = try await spool.putBack(numbers)
            }
            try await spool.forEach(failed: false) { waiting += $0.write.events.count }
            return .success
        }
        let failures = Mutex<[WriteFailure]>([])
        var configuration = try invocation.storeConfiguration()
        configuration.writeBehind = WriteBehindConfiguration(spool: try invocation.spoolPath())
        let store = try await SessionStore.open(
            invocation.storeAddress(), configuration: configuration, onWriteFailure: { failure in failures.withLock { $0.append(failure) } })
        do { try await store.flush() } catch {
            await store.close()
            throw error
        }
        await store.close()
        let reported = failures.withLock { $0 }
        for failure in reported {
            console.complain("\(failure.number ?? 0), \(SessionName.text(failure.write.key)): \(TerminalText.safe(failure.error.description))")
        }
        try console.write("stored", waiting - reported.reduce(0) { $0 + $1.write.events.count })
        return reported.isEmpty ? .success : .badData
    }

    private static let discardSpool = Command(
        name: "discard", summary: "Forget failed events for good; no daemon may be using the spool",
        examples: [Example(line: "baton spool discard spool.db 17 18", meaning: "Two writes that list showed")],
        options: [all.declaration], arguments: [file, numbers]
    ) { invocation in
        let named = invocation.arguments[numbers.name] ?? []
        guard named.isEmpty == invocation[all] else {
            throw UsageError(message: "\(invocation.path.text) needs numbers or --all: one of them", command: invocation.path.text)
        }
        return try await invocation.withSpool { spool in
            var failed: [Int] = []
            try await spool.forEach(failed: true) { failed.append($0.number) }
            let chosen = named.isEmpty ? failed : failed.filter { named.contains(String($0)) }
            try await spool.remove(chosen)
            try invocation.console.write("discarded", chosen.count)
            guard named.count > chosen.count else { return .success }
            invocation.console.complain("\(named.count - chosen.count) of the numbers are no failed writes")
            return .notFound
        }
    }

    private static let file = Argument(name: "FILE", help: "the spool, as baton serve --spool names it")
    private static let numbers = Argument(name: "NUMBER", help: "a number that spool list shows", count: .any)
    private static let failed = Option<Bool>.flag("failed", help: "Try again what has failed", traits: OptionTraits(settable: .flagOnly))
    private static let all = Option<Bool>.flag("all", help: "All that have failed", traits: OptionTraits(settable: .flagOnly))
}

extension Invocation {
    /// The spool that is meant; one that is not there is not made.
    fileprivate func spoolPath() throws -> String {
        let path = arguments["FILE"]?.first ?? ""
        guard access(path, F_OK) == 0 else { throw Failure(.notFound, "there is no spool at \(TerminalText.quoted(path))") }
        return path
    }

    fileprivate func withSpool(onlyLooking: Bool = false, _ body: (SQLiteSpool) async throws -> ExitCode) async throws -> ExitCode {
        let spool = try await SQLiteSpool(at: spoolPath(), onlyLooking: onlyLooking)
        do {
            let code = try await body(spool)
            await spool.close()
            return code
        } catch {
            await spool.close()
            throw error
        }
    }
}

extension SQLiteSpool {
    /// Everything that waits, or everything that has failed, page by page.
    fileprivate func forEach(failed: Bool, _ body: (SpooledWrite) throws -> Void) async throws {
        var last = 0
        while true {
            let page = failed ? try await self.failed(after: last, limit: 500) : try await waiting(after: last, limit: 500)
            for write in page { try body(write) }
            guard let newest = page.last else { return }
            last = newest.number
        }
    }
}

extension SpooledWrite {
    fileprivate var document: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("number")
            writer.int(number)
            writer.name("session")
            writer.string(SessionName.text(write.key))
            if let track = write.track {
                writer.name("track")
                writer.string(track)
            }
            writer.name("events")
            writer.raw(write.events.wireForm)
            if let failure {
                writer.name("failedAt")
                writer.time(failure.time)
                writer.name("code")
                writer.string(failure.code.rawValue)
                writer.name("message")
                writer.string(failure.message)
            }
        }
        return writer.bytes
    }
}
