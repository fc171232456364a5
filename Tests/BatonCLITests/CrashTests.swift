import Baton
import BatonCore
import BatonTesting
import Synchronization
import Testing

@Suite("A daemon that is killed")
struct CrashTests {
    /// What one writer was told: the seq of each id that was acknowledged.
    private final class Acknowledged: Sendable {
        private let seqs = Mutex<[String: Int]>([:])
        var all: [String: Int] { seqs.withLock { $0 } }
        var count: Int { seqs.withLock { $0.count } }
        func note(_ entry: AppendReceipt.Entry) { seqs.withLock { $0[entry.id] = entry.seq } }
    }

    @Test("nothing that was acknowledged is lost or doubled, and every follower sees 1 to N")
    func killedInTheMiddle() async throws {
        let writers = 4
        let perWriter = 60
        let total = writers * perWriter
        try await withTemporaryDirectory { directory in
            try await withDaemon(store: "sqlite:\(directory)/a.db") { daemon in
                let url = daemon.url
                let acknowledged = Acknowledged()
                let key = try SessionKey(app: "demo", user: "ann", id: "crash")
                let setup = try await SessionStore.open(url)
                _ = try await setup.create(key)
                await setup.close()
                let followed = try await withThrowingTaskGroup(of: [Int]?.self) { group in
                    for _ in 0..<3 {
                        group.addTask {
                            let store = try await SessionStore.open(url)
                            var seqs: [Int] = []
                            for try await event in store.session(key).follow() {
                                seqs.append(event.seq)
                                if seqs.count == total { break }
                            }
                            await store.close()
                            return seqs
                        }
                    }
                    for writer in 0..<writers {
                        group.addTask {
                            let store = try await SessionStore.open(url)
                            for number in 0..<perWriter {
                                try await Self.append("w\(writer)-\(number)", to: key, in: store, acknowledged)
                            }
                            await store.close()
                            return nil
                        }
                    }
                    // Three times, whenever another quarter is through.
                    for quarter in 1...3 {
                        try await eventually("writers make progress", within: .seconds(60), every: .milliseconds(2)) {
                            acknowledged.count >= quarter * total / 4
                        }
                        await daemon.kill()
                        try await daemon.restart()
                    }
                    var followed: [[Int]] = []
                    for try await seqs in group { if let seqs { followed.append(seqs) } }
                    return followed
                }
                #expect(followed == Array(repeating: Array(1...total), count: 3))
                let store = try await SessionStore.open(url)
                let stored = try await store.events(in: key, EventQuery(limit: 1000)).events
                await store.close()
                #expect(stored.map(\.seq) == Array(1...total))
                #expect(acknowledged.all == Dictionary(uniqueKeysWithValues: stored.map { ($0.id, $0.seq) }))
                for writer in 0..<writers {
                    #expect(stored.map(\.id).filter { $0.hasPrefix("w\(writer)-") } == (0..<perWriter).map { "w\(writer)-\($0)" })
                }
            }
        }
    }

    /// Appends until it is acknowledged, as any client would that has ids of its own.
    private static func append(_ id: String, to key: SessionKey, in store: SessionStore, _ acknowledged: Acknowledged) async throws {
        let batch = EventBatch([try EventDraft(.message(id, role: "user", id: id))])
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do throws(StoreError) {
                for entry in try await store.append(batch, to: key).entries { acknowledged.note(entry) }
                return
            } catch {
                guard error.isRetryable, ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test("a kill in the middle of baton append is repeated by baton append itself")
    func killedUnderTheCommandLine() async throws {
        try await withTemporaryDirectory { directory in
            try await withDaemon(store: "sqlite:\(directory)/a.db") { daemon in
                let total = 400
                // Without ids: only the name that the program gives to each request keeps a repetition from storing twice.
                let input = (1...total).map { #"{"content":\#($0)}"# + "\n" }.joined()
                let process = try BatonProcess.start(["append", "--create", "--batch", "2", "demo/ann/first"], store: daemon.url, input: input)
                defer { process.send(signal: 9) }
                for quarter in 1...2 {
                    try await eventually("receipts come", every: .milliseconds(2)) { process.output.count { $0 == 0x0A } >= quarter * total / 4 }
                    await daemon.kill()
                    try await daemon.restart()
                }
                #expect(await process.exit() == 0, "\(String(decoding: process.errors, as: UTF8.self))")
                let events = try await BatonProcess.run("events demo/ann/first", store: daemon.url).json()
                #expect(events.map { $0["content"]?.intValue } == Array(1...total))
                let receipts = try String(decoding: process.output, as: UTF8.self).split(separator: "\n").map { try JSON(parsing: String($0)) }
                #expect(receipts.map { $0["seq"]?.intValue } == Array(1...total))
                #expect(receipts.allSatisfy { $0["duplicate"]?.description == "false" })
            }
        }
    }
}
