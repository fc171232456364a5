internal import BatonCore
internal import BatonSQLite
internal import Glibc

/// What group commit gains, and whether the length of a session matters.
///
/// `BatonBenchmarks sqlite [directory]`: files are made in the directory, by default the current one.
enum SQLiteBenchmark {
    static func run(_ arguments: [String]) async throws {
        let directory = arguments.first ?? "."
        for durability in SQLiteConfiguration.Durability.allCases { try await groupCommit(durability, in: directory) }
        try await lengths(in: directory)
    }

    /// 500 bytes of content, as a message of a chat has.
    private static let draft = try? EventDraft(.message(String(repeating: "x", count: 440), role: "user"))

    private static func batch(_ count: Int) -> EventBatch { EventBatch(Array(repeating: draft, count: count).compactMap(\.self)) }

    private static func withStore(
        _ durability: SQLiteConfiguration.Durability, in directory: String, _ body: (SQLiteStorage) async throws -> Void
    ) async throws {
        let path = "\(directory)/benchmark-\(getpid()).db"
        let storage = try await SQLiteStorage(at: .file(path), configuration: SQLiteConfiguration(durability: durability))
        do { try await body(storage) } catch { print("failed: \(error)") }
        await storage.close()
        unlink(path)
    }

    // MARK: Group commit

    /// Appends of one event to a thousand sessions, by more and more callers.
    private static func groupCommit(_ durability: SQLiteConfiguration.Durability, in directory: String) async throws {
        try await withStore(durability, in: directory) { storage in
            for number in 0..<1000 { _ = try await storage.create(SessionDraft(), at: key(number)) }
            var alone = 0.0
            for callers in [1, 16, 64, 256] {
                // The best of three: what else runs on the machine only ever adds.
                var best = (rate: 0.0, median: 0.0, perCommit: 0.0)
                for _ in 0..<3 {
                    let round = try await appends(by: callers, to: storage)
                    if round.rate > best.rate { best = round }
                }
                if callers == 1 { alone = best.rate }
                print(
                    "\(durability.rawValue), \(callers) callers: \(Int(best.rate)) appends/s, median \(rounded(best.median * 1000)) ms,",
                    "\(rounded(best.perCommit)) appends a commit, \(rounded(best.rate / alone)) × alone")
            }
        }
    }

    private static func key(_ number: Int) throws(StoreError) -> SessionKey {
        try SessionKey(app: "bench", user: "user\(number % 50)", id: "session\(number)")
    }

    private static func appends(
        by callers: Int, to storage: SQLiteStorage
    ) async throws -> (rate: Double, median: Double, perCommit: Double) {
        let each = max(60, (callers == 1 ? 6000 : 30_000) / callers)
        let (commits, start) = (storage.number("commits"), ContinuousClock.now)
        let times = try await withThrowingTaskGroup(of: [Double].self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var times: [Double] = []
                    for number in 0..<each {
                        let start = ContinuousClock.now
                        _ = try await storage.append(batch(1), to: key((caller * 7919 + number * 31) % 1000))
                        times.append(seconds(since: start))
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
        let duration = seconds(since: start)
        return (Double(times.count) / duration, times[times.count / 2], Double(times.count) / (storage.number("commits") - commits))
    }

    // MARK: Length

    /// Appends to, and the last 50 events of, sessions of growing length.
    private static func lengths(in directory: String) async throws {
        try await withStore(.normal, in: directory) { storage in
            let sizes = [10, 1000, 100_000, 1_000_000]
            for (number, size) in sizes.enumerated() {
                var left = size
                _ = try await storage.create(SessionDraft(), at: key(number))
                while left > 0 {
                    let count = min(left, 1000)
                    _ = try await storage.append(batch(count), to: key(number))
                    left -= count
                }
            }
            // In turns, so that a disturbance meets all of them.
            var appends = [Double](repeating: .infinity, count: sizes.count)
            var reads = appends
            for _ in 0..<12 {
                for number in sizes.indices {
                    let key = try key(number)
                    appends[number] = min(appends[number], try await mean(300) { _ = try await storage.append(batch(1), to: key) })
                    reads[number] = min(
                        reads[number], try await mean(300) { _ = try await storage.session(key, SnapshotQuery(events: 50)) })
                }
            }
            for (number, size) in sizes.enumerated() {
                print(
                    "\(size) events: append \(rounded(appends[number] * 1e6)) µs (\(rounded(appends[number] / appends[0])) ×),",
                    "last 50 \(rounded(reads[number] * 1e6)) µs (\(rounded(reads[number] / reads[0])) ×)")
            }
        }
    }

    private static func mean(_ count: Int, _ body: () async throws -> Void) async rethrows -> Double {
        let start = ContinuousClock.now
        for _ in 0..<count { try await body() }
        return seconds(since: start) / Double(count)
    }

    private static func seconds(since start: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}

extension SQLiteStorage {
    fileprivate func number(_ name: String) -> Double { gauges.first { $0.name == name }?.value ?? 0 }
}
