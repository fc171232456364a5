import BatonIO
import BatonTesting
import CBatonAllocations
import Testing

@testable import BatonRedisClient

@Suite("Allocations")
struct AllocationTests {
    /// Whether allocations are counted in this build.
    private static var isCounted: Bool {
        let before = baton_thread_allocations()
        baton_allocate_once()
        return baton_thread_allocations() == before + 1
    }

    @Test("counts what Swift allocates on the thread", .enabled(if: isCounted))
    func counting() {
        let before = baton_thread_allocations()
        var objects: [Counter] = []
        objects.reserveCapacity(100)
        for _ in 0..<100 { objects.append(Counter()) }
        #expect(baton_thread_allocations() - before >= 101)
        #expect(objects.count == 100)
    }

    @Test("keeps each command within its budget of allocations", .enabled(if: isCounted), arguments: AllocationBudget.allCases)
    func budget(command: AllocationBudget) async throws {
        let payload = RedisArgument.bytes([UInt8](repeating: 0x78, count: 496))
        let script = RedisScript("return redis.call('RPUSH', KEYS[1], ARGV[1])")
        try await RedisServer.with { server in
            let loop = try EventLoop()
            try await withClient("redis://127.0.0.1:\(server.port)", on: [loop]) { client in
                _ = try await client.send(SET("k", payload))
                @Sendable func run() async throws {
                    switch command {
                    case .get: _ = try await client.send(GET("k"))
                    case .set: _ = try await client.send(SET("k", payload))
                    case .evalsha: _ = try await client.send(EVALSHA(script, keys: ["l"], arguments: [payload]))
                    case .xadd: _ = try await client.send(XADD("x", [("d", payload)]))
                    }
                }
                // Sixteen callers on the loop.
                @Sendable func round() async throws {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<16 {
                            group.addTask(executorPreference: loop) { for _ in 0..<64 { try await run() } }
                        }
                        try await group.waitForAll()
                    }
                }
                // What is made once is not of the command.
                try await round()
                // On a busy machine replies arrive one by one and reads and writes are shared less; the best of five rounds counts.
                var perCommand = Double.infinity
                for _ in 0..<5 where perCommand > command.limit {
                    let before = await loop.run { baton_thread_allocations() }
                    try await round()
                    perCommand = min(perCommand, Double(await loop.run { baton_thread_allocations() } - before) / 1_024)
                }
                #expect(perCommand <= command.limit, "\(command.rawValue) took \(perCommand) allocations")
                // A command that takes none was not counted.
                #expect(perCommand >= 0.5)
            }
            await loop.shutdown()
        }
    }
}
