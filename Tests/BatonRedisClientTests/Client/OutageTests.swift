import BatonIO
import BatonTesting
import Testing

@testable import BatonRedisClient

@Suite("Client through outages of its server", .serialized)
struct OutageTests {
    @Test("loses nothing that was acknowledged when the server is killed and started again under 64 callers")
    func killed() async throws {
        // An append-only file that is synced for every write: what was acknowledged is on disk.
        let options = ["--appendonly", "yes", "--appendfsync", "always"]
        try await RedisServer.with(options) { server in
            try await withClient("redis://127.0.0.1:\(server.port)?timeout=60000") { client in
                let acknowledged = Counter()
                let uncertain = Counter()
                let members = Log()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<64 {
                        group.addTask {
                            for round in 0..<40 {
                                // Adding to a set may be repeated; counting may not.
                                let member = "\(caller):\(round)"
                                _ = try await client.send(SADD("members", [.string(member)]))
                                members.append(member)
                                do throws(RedisError) {
                                    _ = try await client.send(INCRBY("count"))
                                    acknowledged.increment()
                                } catch {
                                    #expect(error.code == .connectionLost)
                                    #expect(error.wasSent)
                                    uncertain.increment()
                                }
                            }
                        }
                    }
                    group.addTask {
                        for mark in [600, 1_400] {
                            try await eventually("the callers are at work") { acknowledged.value > mark }
                            await server.kill()
                            try await server.restart()
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(acknowledged.value + uncertain.value == 64 * 40)
                let count = try await client.send(GET("count")).map { Int(String(decoding: $0, as: UTF8.self)) ?? -1 } ?? -1
                // Every acknowledged increment was made, and no uncertain one more than once.
                #expect(count >= acknowledged.value)
                #expect(count <= acknowledged.value + uncertain.value)
                let kept = Set(try await client.send(SMEMBERS("members")).map { String(decoding: $0, as: UTF8.self) })
                #expect(kept == Set(members.lines))
                #expect(client.statistics.connects == 3)
            }
        }
    }

    @Test("gives up waiting while the server stands still for five seconds, and goes on with the right replies")
    func standstill() async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)") { client in
                try await client.send(PING())
                let clock = ContinuousClock()
                let start = clock.now
                server.pause()
                var timeouts = 0
                while clock.now - start < .seconds(5) {
                    let errors = await withTaskGroup(of: RedisError?.self) { group in
                        for number in 0..<16 {
                            group.addTask {
                                let command = RawCommand(["ECHO", .init(number)])
                                guard case .failure(let error) = await FaultTests.result(client, command, .after(.milliseconds(200))) else {
                                    return nil
                                }
                                return error
                            }
                        }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(errors.allSatisfy { $0?.code == .timeout })
                    timeouts += errors.count
                }
                server.resume()
                for number in 1_000..<1_200 {
                    #expect(try await client.send(RawCommand(["ECHO", .init(number)])).integer == Int64(number))
                }
                #expect(client.statistics.timeouts == timeouts)
                #expect(client.statistics.connects == 1)
            }
        }
    }

    @Test("waits for a server that is not there yet")
    func late() async throws {
        try await RedisServer.with { server in
            await server.kill()
            try await withClient("redis://127.0.0.1:\(server.port)?timeout=60000") { client in
                async let waiting = client.send(INCRBY("n"))
                try await eventually("it has tried") { client.statistics.failedConnects > 0 }
                try await server.restart()
                let value = try await waiting
                // It was never sent before, so it is sent once, whatever its retry safety says.
                #expect(value == 1)
            }
        }
    }
}
