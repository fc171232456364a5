import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("A server that reads its data from disk", .timeLimit(.minutes(3)))
struct LoadingTests {
    @Test("is waited for by writers with time, is named to those without, and has lost and doubled nothing")
    func restart() async throws {
        let options = [
            "--appendonly", "yes", "--appendfsync", "always",
            // A pause after each command of the file stands for a file of gigabytes. Callers are heard after each 1,024 of them.
            "--key-load-delay", "50",
        ]
        try await RedisServer.with(options) { server in
            let patient = try await RedisStorage.open("redis://127.0.0.1:\(server.port)?timeout=60000")
            let impatient = try await RedisStorage.open("redis://127.0.0.1:\(server.port)?timeout=1000")
            let key = try key()
            _ = try await patient.create(SessionDraft(), at: key)
            let batch = EventBatch(try (0..<1000).map { _ in try .text("before") })
            for _ in 0..<40 { _ = try await patient.append(batch, to: key) }
            await server.kill()

            let isBack = Guarded(false)
            let restarting = Task {
                try await server.restart()
                isBack.withLock { $0 = true }
            }
            try await eventually("the server loads") { (try? await server.cli("PING"))?.contains("LOADING") == true }
            // Before the connection stands again there is another reason.
            try await eventually("the reason is named") {
                let error = await refused(.storeUnavailable) { _ = try await impatient.append(EventBatch([try .text("never")]), to: key) }
                #expect(error?.isRetryable == true)
                return error?.message.contains("reading its data") ?? true
            }
            await refused(.storeUnavailable) { _ = try await impatient.session(key, SnapshotQuery(events: 1)) }
            #expect(!isBack.withLock { $0 }, "the server was back before anything was asked of it")

            try await withThrowingTaskGroup(of: Int.self) { group in
                for writer in 0..<8 {
                    group.addTask { try await patient.append(EventBatch([try .text("meanwhile \(writer)")]), to: key).tail.seq }
                }
                var seqs: [Int] = []
                for try await seq in group { seqs.append(seq) }
                #expect(seqs.sorted() == Array(40_001...40_008))
            }
            try await restarting.value
            let session = try await patient.session(key, SnapshotQuery(events: 9))
            #expect(session.record.lastSeq == 40_008)
            #expect(session.events.texts.sorted() == ["before"] + (0..<8).map { "meanwhile \($0)" })
            await patient.close()
            await impatient.close()
        }
    }
}
