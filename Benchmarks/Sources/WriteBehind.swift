internal import BatonCore
internal import BatonRedis
internal import BatonSQLite
internal import Glibc

/// Compares appends that wait for a store which is a millisecond away with those that are stored behind:
/// `BatonBenchmarks write-behind [redis://ADDRESS] [MILLISECONDS]`.
enum WriteBehindBenchmark {
    /// A storage whose every call takes a round trip of a network.
    private struct Distant: StorageLayer {
        let base: any Storage
        let roundTrip: Duration

        func enter(_ key: SessionKey, to use: StorageUse) async throws(StoreError) { try? await Task.sleep(for: roundTrip) }
        func enter(_ owner: SessionQuery.Owner) async throws(StoreError) {}
        func with(durability: Durability) throws(StoreError) -> any Storage { try base.with(durability: durability) }
    }

    static func run(_ arguments: [String]) async throws {
        let address = arguments.first
        let roundTrip = Duration.milliseconds(arguments.dropFirst().first.flatMap { Int($0) } ?? 1)
        let sync = try await rate(of: 1500, address, roundTrip)
        print("one caller, events of 440 bytes, a store \(roundTrip) away")
        print("append               \(text(sync.accepted))")
        for (name, spool) in [("in memory", nil), ("spool, normal", SQLiteConfiguration.Durability.normal), ("spool, full", .full)] {
            let behind = try await rate(of: spool == .full ? 3000 : 30_000, address, roundTrip, isBehind: true, spool)
            let padded = name + String(repeating: " ", count: max(0, 14 - name.count))
            print(
                "enqueue \(padded) \(text(behind.accepted))  \(ratio(behind.accepted, sync.accepted)) times; until stored "
                    + "\(text(behind.stored))  \(ratio(behind.stored, sync.accepted)) times; \(behind.appends) appends")
        }
    }

    private static func text(_ rate: Double) -> String { "\(Int(rate)) a second" }
    private static func ratio(_ a: Double, _ b: Double) -> Double { (a / b * 10).rounded() / 10 }

    /// Events a second until all are accepted, and until all are stored.
    private static func rate(
        of count: Int, _ address: String?, _ roundTrip: Duration, isBehind: Bool = false, _ spool: SQLiteConfiguration.Durability? = nil
    ) async throws -> (accepted: Double, stored: Double, appends: Int) {
        let near: any Storage
        if let address {
            near = try await RedisStorage.open(address, RedisStorageConfiguration(prefix: "bench-\(getpid())"))
        } else {
            near = try await SQLiteStorage(at: .memory)
        }
        var storage: any Storage = Distant(base: near, roundTrip: roundTrip)
        let path = "/tmp/baton-bench-\(getpid()).spool"
        if isBehind {
            var file: SQLiteSpool?
            if let spool { file = try await SQLiteSpool(at: path, durability: spool) }
            storage = try await WriteBehind(on: storage, spool: file) { print("failed: \($0.error)") }
        }
        let store = SessionStore(on: storage)
        let session = try store.session("s-\(Randomness.generation())", user: "u", app: "bench")
        _ = try await store.create(session.key, SessionDraft(lifetime: .seconds(600)))
        let event = NewEvent.message(String(repeating: "x", count: 440), role: "assistant", author: "agent")
        let start = ContinuousClock.now
        for _ in 0..<count {
            if isBehind { try await session.enqueue(event) } else { try await session.append(event) }
        }
        let accepted = ContinuousClock.now - start
        try await session.flush()
        let stored = ContinuousClock.now - start
        let appends = store.gauges.first { $0.name == "write_behind_appends_total" }?.value ?? Double(count)
        let found = try await session.snapshot().record.eventCount
        if found != count { print("\(count - found) events are missing") }
        try await session.delete()
        await store.close()
        for suffix in ["", "-wal", "-shm", "-owner"] { unlink(path + suffix) }
        return (Double(count) / (accepted / .seconds(1)), Double(count) / (stored / .seconds(1)), Int(appends))
    }
}
