internal import BatonIO
internal import BatonRedisClient
internal import Glibc

/// What a command costs, to be compared with redis-benchmark (`make bench` does, in turns and on one core).
///
/// `redis ADDRESS append|xadd|lrange CALLERS COMMANDS` prints one line: commands a second, p50 and p99 in microseconds, processor
/// microseconds a command, resident KiB. `redis ADDRESS prepare` fills the keys that are measured.
enum RedisBenchmark {
    private static let keys = 1_000
    private static let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 496)

    /// Appends to a list, notes the time, keeps both keys alive and the list short.
    static let append = RedisScript(
        """
        redis.call('RPUSH', KEYS[1], ARGV[1])
        redis.call('HSET', KEYS[2], 'updated', ARGV[2], 'last', ARGV[3])
        redis.call('EXPIRE', KEYS[1], ARGV[4])
        redis.call('EXPIRE', KEYS[2], ARGV[4])
        if redis.call('LLEN', KEYS[1]) > 200 then redis.call('LTRIM', KEYS[1], -200, -1) end
        return 1
        """)

    static func run(_ arguments: [String]) async throws {
        guard arguments.count >= 2 else {
            print("usage: BatonBenchmarks redis ADDRESS prepare|digest|append|xadd|lrange [CALLERS COMMANDS]")
            exit(64)
        }
        let loop = try EventLoop()
        let client = try RedisClient(RedisConfiguration(arguments[0]), on: [loop])
        let numbers = arguments.dropFirst(2).compactMap(Int.init)
        let (callers, commands) = (numbers.first ?? 1, numbers.last ?? 20_000)
        switch arguments[1] {
        case "prepare": try await prepare(client)
        case "append":
            try await measure(client, loop, callers, commands) { client, key in
                _ = try await client.send(
                    EVALSHA(
                        append, keys: [lists[key], hashes[key]], arguments: [.bytes(payload), "1700000000000", "abc", 86_400], retrySafety: .always))
            }
        case "xadd":
            try await measure(client, loop, callers, commands) { client, key in
                _ = try await client.send(XADD(streams[key], [("d", .bytes(payload))], trimming: .aboutNewest(200)))
            }
        case "lrange":
            try await measure(client, loop, callers, commands) { client, key in
                guard try await client.send(LRANGE(lists[key], from: -50, through: -1)).count == 50 else { return }
            }
        default: print("there is no \(arguments[1])")
        }
        await client.close()
        await loop.shutdown()
    }

    private static let lists = names(":l")
    private static let hashes = names(":h")
    private static let streams = names(":x")

    /// As redis-benchmark fills in `{s__rand_int__}`: twelve digits.
    private static func names(_ suffix: String) -> [RedisKey] {
        (0..<keys).map { number in
            let digits = "\(number)"
            return RedisKey("{s" + String(repeating: "0", count: 12 - digits.count) + digits + "}" + suffix)
        }
    }

    private static func prepare(_ client: RedisClient) async throws {
        let values = [RedisArgument](repeating: .bytes(payload), count: 200)
        for key in 0..<keys {
            _ = try await client.pipeline(DEL([lists[key], hashes[key], streams[key]]), RPUSH(lists[key], values))
            _ = try await client.pipeline((0..<200).map { _ in XADD(streams[key], [("d", .bytes(payload))]) })
        }
        _ = try await client.send(EVALSHA(append, keys: [lists[0], hashes[0]], arguments: [.bytes(payload), "1", "abc", 86_400]))
        print(String(decoding: append.digest, as: UTF8.self))
    }

    private static func measure(
        _ client: RedisClient, _ loop: EventLoop, _ callers: Int, _ commands: Int,
        _ operation: @escaping @Sendable (RedisClient, Int) async throws -> Void
    ) async throws {
        _ = try await round(client, loop, callers, min(commands, 2_000), operation)
        let used = ProcessUsage.processorNanoseconds
        let start = Deadline.now
        let sorted = try await round(client, loop, callers, commands, operation).sorted()
        let wall = Deadline.now.nanoseconds - start.nanoseconds
        let spent = ProcessUsage.processorNanoseconds - used
        func percentile(_ part: Double) -> Double { Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]) / 1_000 }
        let rate = Int64(commands) * 1_000_000_000 / max(wall, 1)
        let cost = Double(spent / Int64(commands)) / 1_000
        print("\(rate) \(percentile(0.5)) \(percentile(0.99)) \(cost) \(ProcessUsage.residentBytes / 1_024)")
    }

    private static func round(
        _ client: RedisClient, _ loop: EventLoop, _ callers: Int, _ commands: Int,
        _ operation: @escaping @Sendable (RedisClient, Int) async throws -> Void
    ) async throws -> [UInt32] {
        try await withThrowingTaskGroup(of: [UInt32].self) { group in
            for caller in 0..<callers {
                group.addTask(executorPreference: loop) {
                    var own: [UInt32] = []
                    own.reserveCapacity(commands / callers)
                    for index in 0..<commands / callers {
                        let start = Deadline.now
                        try await operation(client, (caller &* 7_919 &+ index &* 31) % keys)
                        own.append(UInt32(clamping: Deadline.now.nanoseconds - start.nanoseconds))
                    }
                    return own
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }
}
