internal import BatonCore
internal import BatonRedis
internal import BatonSQLite
internal import Glibc

/// What a track costs beside the events of its session: `BatonBenchmarks tracks [ADDRESS] [OPERATIONS]`.
///
/// Events of 500 bytes, one caller, median in microseconds, in turns so that all meet the same moments. The store is `sqlite::memory:` unless an address is given;
/// a Redis is filled, not emptied.
enum TrackBenchmark {
    static func run(_ arguments: [String]) async throws {
        let address = arguments.first ?? "sqlite::memory:"
        let operations = arguments.dropFirst().first.flatMap(Int.init) ?? 20_000
        let storage: any Storage =
            if address == "sqlite::memory:" { try await SQLiteStorage(at: .memory) } else { try await RedisStorage.open(address) }
        let key = try SessionKey(app: "bench", user: "u-\(getpid())", id: Randomness.generation())
        _ = try await storage.create(SessionDraft(lifetime: .seconds(600)), at: key)
        let draft = try EventDraft(.message(String(repeating: "x", count: 440), role: "user"))
        let works: [(name: String, work: @Sendable () async throws -> Void)] = [
            ("append to the session", { _ = try await storage.append(EventBatch([draft]), to: key) }),
            ("append to a track", { _ = try await storage.append(TrackBatch([draft]), toTrack: "thoughts", of: key) }),
            ("last 50 of the session", { _ = try await storage.session(key, SnapshotQuery(events: 50)) }),
            ("last 50 of its tracks", { _ = try await storage.tracks(of: key, last: 50) }),
            ("a page of 50 of a track", { _ = try await storage.events(ofTrack: "thoughts", of: key, TrackQuery(limit: 50)) }),
        ]
        var times = [[Double]](repeating: [], count: works.count)
        for _ in 0..<operations / works.count / 100 {
            for (index, work) in works.enumerated() {
                for _ in 0..<100 {
                    let start = ContinuousClock.now
                    try await work.work()
                    times[index].append((ContinuousClock.now - start) / .microseconds(1))
                }
            }
        }
        for (index, work) in works.enumerated() {
            let sorted = times[index].sorted()
            print("\(work.name): \((sorted[sorted.count / 2] * 10).rounded() / 10) µs")
        }
        _ = try await storage.delete(key, epoch: nil)
        await storage.close()
    }
}
