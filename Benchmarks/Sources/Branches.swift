internal import BatonCore
internal import BatonIO
internal import BatonRedis
internal import BatonSQLite
internal import Glibc

/// What branches cost: `branches ADDRESS|FILE [EVENTS]` on a Redis server under a prefix of its own, or in a file that is made.
///
/// Prints the microseconds of a fork of a session of ten events and of one of EVENTS (a million unless said), then of reading the last 50
/// events, of a page in the middle and of an append: of an ordinary session, and of a fork of a fork of a fork whose events were
/// made in all of them. Each number is the median of some hundreds of calls, the kinds in turn.
enum BranchBenchmark {
    static func run(_ arguments: [String]) async throws {
        guard let place = arguments.first else {
            print("usage: BatonBenchmarks branches ADDRESS|FILE [EVENTS]")
            exit(64)
        }
        let count = arguments.dropFirst().first.flatMap(Int.init) ?? 1_000_000
        let storage: any Storage =
            if place.contains("://") {
                try await RedisStorage.open(place, RedisStorageConfiguration(prefix: "bench-\(getpid())"))
            } else {
                try await SQLiteStorage(at: .file(place), configuration: SQLiteConfiguration(durability: .normal))
            }
        try await forks(storage, count)
        try await reads(storage)
        await storage.close()
    }

    private static let event = try! EventDraft(.message(String(repeating: "x", count: 440), role: "assistant", author: "agent"))

    private static func key(_ id: String) throws -> SessionKey { try SessionKey(app: "bench", user: "user", id: id) }

    private static func fill(_ storage: any Storage, _ id: String, _ count: Int) async throws {
        var left = count
        while left > 0 {
            let size = min(left, 1000)
            _ = try await storage.append(EventBatch([EventDraft](repeating: event, count: size), createsSession: true), to: key(id))
            left -= size
        }
    }

    /// The median of each of several operations, done in turn, in microseconds.
    private static func medians(_ rounds: Int, _ operations: [() async throws -> Void]) async throws -> [Double] {
        var times = [[UInt64]](repeating: [], count: operations.count)
        for _ in 0..<rounds {
            for (index, operation) in operations.enumerated() {
                let start = Deadline.now
                try await operation()
                times[index].append(UInt64(clamping: Deadline.now.nanoseconds - start.nanoseconds))
            }
        }
        return times.map { Double($0.sorted()[$0.count / 2]) / 1000 }
    }

    private static func forks(_ storage: any Storage, _ count: Int) async throws {
        try await fill(storage, "small", 10)
        try await fill(storage, "large", count)
        func forking(_ id: String) -> () async throws -> Void {
            {
                _ = try await storage.fork(key(id), ForkDraft(), to: key("fork"), epoch: nil)
                _ = try await storage.delete(key("fork"))
            }
        }
        var first = [try await medians(1, [forking("small")])[0], try await medians(1, [forking("large")])[0]]
        print("first fork, and its deletion: of 10 events \(first[0]) µs, of \(count) events \(first[1]) µs")
        first = try await medians(200, [forking("small"), forking("large")])
        print("later forks, and their deletion: of 10 events \(first[0]) µs, of \(count) events \(first[1]) µs")
    }

    private static func reads(_ storage: any Storage) async throws {
        try await fill(storage, "plain", 200)
        try await fill(storage, "g0", 60)
        for generation in 1...3 {
            _ = try await storage.fork(key("g\(generation - 1)"), ForkDraft(), to: key("g\(generation)"), epoch: nil)
            try await fill(storage, "g\(generation)", generation == 3 ? 20 : 60)
        }
        for (name, query) in [("last 50", SnapshotQuery(events: 50)), ("last 150", SnapshotQuery(events: 150))] {
            let medians = try await medians(
                300, ["plain", "g3"].map { id in { _ = try await storage.session(key(id), query) } })
            print("\(name): \(medians[0]) µs, of three generations \(medians[1]) µs: \(medians[1] / medians[0])")
        }
        let page = EventQuery(after: .seq(40), limit: 100)
        let pages = try await medians(300, ["plain", "g3"].map { id in { _ = try await storage.events(in: key(id), page) } })
        print("page of 100: \(pages[0]) µs, of three generations \(pages[1]) µs: \(pages[1] / pages[0])")
        let appends = try await medians(
            300, ["plain", "g3"].map { id in { _ = try await storage.append(EventBatch([event]), to: key(id)) } })
        print("append: \(appends[0]) µs, to three generations \(appends[1]) µs: \(appends[1] / appends[0])")
    }
}
