import Baton
import BatonCore
import BatonTesting
import CBatonSQLite
import Glibc
import Testing

/// What becomes of events that were accepted and not stored yet when their process is killed; a process of its own on either store.
@Suite("A process that is killed with a full spool", .timeLimit(.minutes(3)))
struct SpoolFaultTests {
    /// Accepted texts by session, in the order in which they were accepted.
    private func accepted(_ process: ChildProcess) -> [String: [String]] {
        var accepted: [String: [String]] = [:]
        // The last line may have been cut off.
        let text = String(decoding: process.output, as: UTF8.self)
        guard let end = text.lastIndex(of: "\n") else { return [:] }
        for line in text[..<end].split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 3, words[0] == "accepted" { accepted[words[1], default: []].append(words[2]) }
        }
        return accepted
    }

    private func count(_ process: ChildProcess) -> Int { accepted(process).values.reduce(0) { $0 + $1.count } }

    private func stored(_ store: SessionStore) async throws -> [String: [Event]] {
        var stored: [String: [Event]] = [:]
        for number in 0..<4 {
            let session = try store.session("s\(number)", user: "u", app: "faults")
            var query = EventQuery(limit: EventQuery.maximumLimit)
            while true {
                let page = try await session.events(query)
                stored[session.key.id, default: []] += page.events
                guard let next = page.next, !page.upToDate else { break }
                query.after = .offset(next)
            }
        }
        return stored
    }

    /// Kills two writers in a row, each when the store has been away for a while, and lets a third process store what they left.
    private func check(_ address: String, stall: () throws -> Void, resume: () throws -> Void) async throws {
        try await TemporaryDirectory.with { directory in
            let spool = directory.file("spool")
            var accepted: [String: [String]] = [:]
            var left = 0
            for name in ["a", "b"] {
                let writer = try ChildProcess(BuiltProduct.path("BusWorker"), ["enqueue", address, "-", name, "1", spool])
                do {
                    try await eventually("events are accepted and stored") { count(writer) >= 200 }
                    try stall()
                    let before = count(writer)
                    try await eventually("events are accepted while the store is away") { count(writer) >= before + 400 }
                } catch {
                    writer.send(signal: SIGKILL)
                    await writer.exit()
                    throw error
                }
                writer.send(signal: SIGKILL)
                await writer.exit()
                try resume()
                #expect(!String(decoding: writer.output, as: UTF8.self).contains("failed"))
                for (session, texts) in self.accepted(writer) { accepted[session, default: []] += texts }
                if name == "a" {
                    let store = try await SessionStore.open(address)
                    left = accepted.values.reduce(0) { $0 + $1.count } - (try await stored(store).values.reduce(0) { $0 + $1.count })
                    await store.close()
                }
            }
            #expect(left > 0, "the first writer was killed with an empty spool")
            let failures = Guarded(0)
            let heir = try await SessionStore.open(
                address, configuration: StoreConfiguration(writeBehind: WriteBehindConfiguration(spool: spool)),
                onWriteFailure: { _ in failures.withLock { $0 += 1 } })
            try await heir.flush()
            let stored = try await stored(heir)
            await heir.close()
            #expect(failures.withLock { $0 } == 0)
            for (session, texts) in accepted {
                let events = try #require(stored[session])
                let contents = events.map { $0.content.stringValue ?? "?" }
                #expect(Set(contents).count == contents.count, "something is stored twice in \(session)")
                #expect(events.map(\.seq) == Array(1...events.count))
                // What was accepted at the very end may be stored although nobody was told.
                let said = Set(texts)
                #expect(contents.filter(said.contains) == texts, "something is lost or out of order in \(session)")
                #expect(contents.count - texts.count <= 2)
            }
            #expect(accepted.count == 4)
        }
    }

    @Test("on Redis nothing that was accepted is lost, doubled or out of order")
    func redis() async throws {
        try await RedisServer.with { server in
            try await check("redis://127.0.0.1:\(server.port)?timeout=500", stall: { server.pause() }, resume: { server.resume() })
        }
    }

    @Test("on SQLite nothing that was accepted is lost, doubled or out of order")
    func sqlite() async throws {
        try await TemporaryDirectory.with { directory in
            let path = directory.file("store.db")
            var lock: OpaquePointer?
            defer { sqlite3_close_v2(lock) }
            try await check(
                "sqlite:\(path)",
                stall: {
                    // Another process in a long transaction.
                    if lock == nil { #expect(sqlite3_open(path, &lock) == SQLITE_OK) }
                    sqlite3_busy_timeout(lock, 10_000)
                    #expect(sqlite3_exec(lock, "BEGIN IMMEDIATE", nil, nil, nil) == SQLITE_OK)
                }, resume: { #expect(sqlite3_exec(lock, "ROLLBACK", nil, nil, nil) == SQLITE_OK) })
        }
    }
}
