internal import BatonCore
internal import BatonRedis
internal import BatonRedisClient

/// What leases cost in Redis. See ``RedisStoreBenchmark`` for how to call it.
enum LeaseBenchmark {
    private static let event = try! EventDraft(.message(String(repeating: "x", count: 440), role: "assistant", author: "agent"))

    private static func withStore(_ address: String, _ body: (RedisClient, RedisStorage) async throws -> Void) async throws {
        let client = try RedisClient(address)
        _ = try await client.send(RawCommand(["FLUSHALL"]))
        let storage = try await RedisStorage.open(on: client, RedisStorageConfiguration(policy: StorePolicy(maximumEvents: 200)))
        try await body(client, storage)
        await storage.close()
        await client.close()
    }

    // MARK: - The server's time

    /// Microseconds that the server spent in scripts while `body` ran, for each of them.
    private static func scriptTime(on client: RedisClient, _ body: () async throws -> Void) async throws -> Double {
        _ = try await client.send(RawCommand(["CONFIG", "RESETSTAT"]))
        try await body()
        let text = String(decoding: try await client.send(RawCommand(["INFO", "commandstats"])).bytes ?? [], as: UTF8.self)
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("cmdstat_evalsha:") {
            guard let part = line.split(separator: ",").first(where: { $0.hasPrefix("usec_per_call=") }) else { continue }
            return Double(part.dropFirst("usec_per_call=".count)) ?? 0
        }
        return 0
    }

    static func fence(_ address: String, operations: Int) async throws {
        try await withStore(address) { client, storage in
            let plain = try SessionKey(app: "bench", user: "u", id: "plain")
            let leased = try SessionKey(app: "bench", user: "u", id: "leased")
            let batch = EventBatch([EventDraft](repeating: event, count: 200), createsSession: true)
            for key in [plain, leased] { _ = try await storage.append(batch, to: key) }
            let lease = try await storage.acquireLease(LeaseRequest(holder: "worker-7", ttl: 3_600_000), on: leased)
            var seq = 200
            var times: [[Double]] = [[], [], []]
            let rounds = 20
            for _ in 0..<rounds {
                let count = operations / rounds / 2
                times[0].append(
                    try await scriptTime(on: client) { for _ in 0..<count { _ = try await storage.append(EventBatch([event]), to: plain) } })
                times[1].append(
                    try await scriptTime(on: client) {
                        for _ in 0..<count {
                            seq = try await storage.append(EventBatch([event], expectedSeq: seq, epoch: lease.epoch), to: leased).tail.seq
                        }
                    })
                times[2].append(
                    try await scriptTime(on: client) {
                        for _ in 0..<count / 10 {
                            _ = try await storage.acquireLease(LeaseRequest(holder: "w", ttl: 60_000, steals: true), on: plain)
                        }
                    })
                try await storage.releaseLease(storage.session(plain, SnapshotQuery()).record.lease?.epoch ?? 0, on: plain)
            }
            let medians = times.map { $0.sorted()[$0.count / 2] }
            print("plain \(medians[0])  fenced \(medians[1])  ratio \(medians[1] / max(medians[0], 0.001))  acquire \(medians[2])")
        }
    }

    // MARK: - Many workers in one session

    static func contend(_ address: String, workers: Int, operations: Int, takingTurns: Bool) async throws {
        try await withStore(address) { _, storage in
            let store = SessionStore(on: storage)
            let session = try store.session("s", user: "u", app: "bench")
            _ = try await store.create(session.key)
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<workers {
                    group.addTask {
                        for _ in 0..<operations / workers {
                            if takingTurns {
                                try await session.turn(holder: "worker-\(worker)", waiting: SessionStore.longestWait) { turn in
                                    try turn.append(.message("x", role: "assistant"))
                                }
                            } else {
                                try await session.append(.message("x", role: "assistant"))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let time = ContinuousClock.now - start
            let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
            print("\(Int(Double(operations / workers * workers) / seconds)) a second, \(workers) workers")
        }
    }
}
