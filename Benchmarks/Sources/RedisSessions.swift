internal import BatonCore
internal import BatonHTTP
internal import BatonIO
internal import BatonRedis
internal import BatonRedisClient

/// A session in Redis as an agent uses it, to be compared with other clients on the same server (`make bench` does).
///
/// `redis-store ADDRESS prepare` fills a thousand sessions with 200 events each and prints what the names of their keys begin with.
/// `redis-store ADDRESS add|get50|decode50 CALLERS COUNT` and `redis-store URL http CALLERS COUNT`, through a daemon, print one line:
/// operations a second, p50 and p99 in microseconds, processor microseconds an operation.
enum RedisSessions {
    static let modes = ["prepare", "add", "get50", "decode50", "http"]

    private static let count = 1_000
    private static let text = String(repeating: "The quick brown fox. ", count: 22)
    private static let item = #"{"role":"user","content":"\#(text)"}"#

    static func run(_ address: String, _ mode: String, _ numbers: [Int]) async throws {
        let (callers, operations) = (numbers.first ?? 1, numbers.dropFirst().first ?? 10_000)
        let keys = try (0..<count).map { number in
            let digits = "\(number)"
            // As redis-benchmark fills in `__rand_int__`: twelve digits. All of one user, so that one name stands for all keys.
            return try SessionKey(app: "bench", user: "u", id: "s" + String(repeating: "0", count: 12 - digits.count) + digits)
        }
        if mode == "http" { return try await http(address, keys, callers, operations) }
        let loop = try EventLoop()
        let client = try RedisClient(RedisConfiguration(address), on: [loop])
        let storage = try await RedisStorage.open(on: client, RedisStorageConfiguration(policy: StorePolicy(sessionTTL: 3_600)))
        let store = SessionStore(on: storage)
        let event = try EventDraft.batch(parsing: Array(item.utf8))
        switch mode {
        case "prepare":
            let batch = EventBatch(Array(repeating: event[0], count: 200), createsSession: true)
            for key in keys { _ = try await store.append(batch, to: key) }
            let names = try await client.send(RawCommand(["SCAN", "0", "MATCH", "*:s:bench:u:*:e", "COUNT", "10000"]))
            guard let name = names.elements?.dropFirst().first?.elements?.first?.string else { throw StoreError.noSession }
            print(name.prefix(name.count - "000000000000:e".count))
        case "add":
            let batch = EventBatch(event)
            try await measure(callers, operations, on: loop) { _ = try await store.append(batch, to: keys[$0]) }
        case "get50":
            try await measure(callers, operations, on: loop) { number in
                guard try await store.get(keys[number], SnapshotQuery(events: 50)).events.count == 50 else { throw StoreError.noEvent }
            }
        default:
            try await measure(callers, operations, on: loop) { number in
                var bytes = 0
                for event in try await store.get(keys[number], SnapshotQuery(events: 50)).events {
                    for (_, value) in event.body.members ?? [] { bytes += value.stringValue?.utf8.count ?? 0 }
                }
                guard bytes >= 50 * text.utf8.count else { throw StoreError.noEvent }
            }
        }
        await store.close()
        await client.close()
        await loop.shutdown()
    }

    private static func http(_ url: String, _ keys: [SessionKey], _ callers: Int, _ operations: Int) async throws {
        let loop = try EventLoop()
        var options = HTTPClient.Configuration()
        options.maximumConnections = callers
        options.maximumIdleConnections = callers
        let client = try HTTPClient(url, options, on: loop)
        let paths = keys.map { "/v1/apps/\($0.app)/users/\($0.user)/sessions/\($0.id)/events" }
        let body = Array(item.utf8)
        try await measure(callers, operations, on: loop) { number in
            let reply = try await client.send(Request(.post, paths[number], headers: ["Content-Type": "application/json"], body: body))
            guard reply.status == 201 else { throw HTTPError(.unexpectedStatus, reply.text) }
        }
        await client.close()
        await loop.shutdown()
    }

    private static func measure(
        _ callers: Int, _ operations: Int, on loop: EventLoop, _ operation: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        _ = try await round(callers, min(operations, 2_000), on: loop, operation)
        let used = ProcessUsage.processorNanoseconds
        let start = Deadline.now
        let times = try await round(callers, operations, on: loop, operation).sorted()
        let wall = Deadline.now.nanoseconds - start.nanoseconds
        let spent = ProcessUsage.processorNanoseconds - used
        func percentile(_ part: Double) -> Double { Double(times[min(times.count - 1, Int(Double(times.count) * part))]) / 1_000 }
        let rate = Int64(times.count) * 1_000_000_000 / max(wall, 1)
        print("\(rate) \(percentile(0.5)) \(percentile(0.99)) \(Double(spent / Int64(max(1, times.count))) / 1_000)")
    }

    /// How long each operation took, in nanoseconds.
    private static func round(
        _ callers: Int, _ operations: Int, on loop: EventLoop, _ operation: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> [UInt32] {
        try await withThrowingTaskGroup(of: [UInt32].self) { group in
            for caller in 0..<callers {
                group.addTask(executorPreference: loop) {
                    var own: [UInt32] = []
                    own.reserveCapacity(operations / callers)
                    for index in 0..<operations / callers {
                        let start = Deadline.now
                        try await operation((caller &* 7_919 &+ index &* 31) % count)
                        own.append(UInt32(clamping: Deadline.now.nanoseconds - start.nanoseconds))
                    }
                    return own
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }
}
