import BatonIO
import BatonTesting
import Testing

@testable import BatonRedisClient

@Suite("Client with Sentinels", .serialized)
struct SentinelTests {
    private func address(_ fixture: RedisSentinels) -> String {
        "redis+sentinel://" + fixture.sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",") + "/\(RedisSentinels.name)?timeout=60000"
    }

    @Test("finds the primary, and follows when the Sentinels choose another after its death")
    func failover() async throws {
        try await RedisSentinels.with { fixture in
            try await withClient(address(fixture)) { client in
                _ = try await client.send(SET("k", "before"))
                #expect(try await fixture.servers[0].cli("GET", "k") == "before")
                #expect(try await client.send(WAIT(replicas: 0, timeout: .seconds(1))) >= 0)

                // Sixteen callers write on; each write may be repeated, so none may fail.
                let writes = Counter()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<16 {
                        group.addTask {
                            for round in 0..<60 {
                                _ = try await client.send(SET(RedisKey("k\(caller)"), .init(round)))
                                writes.increment()
                                try await Task.sleep(for: .milliseconds(20))
                            }
                        }
                    }
                    group.addTask {
                        try await eventually("the callers are writing") { writes.value > 50 }
                        await fixture.servers[0].kill()
                    }
                    try await group.waitForAll()
                }
                #expect(writes.value == 960)
                #expect(try await client.send(ROLE()) == .primary)
                #expect(try await client.send(INFO("replication"))["role"] == "master")
                for caller in 0..<16 { #expect(try await client.send(GET(RedisKey("k\(caller)"))) == Array("59".utf8)) }
                #expect(client.statistics.topologyChanges >= 1)
            }
        }
    }

    @Test("follows a switch that was asked for, when the old primary lives on as a replica")
    func switched() async throws {
        try await RedisSentinels.with { fixture in
            try await withClient(address(fixture)) { client in
                _ = try await client.send(SET("k", 1))
                _ = try await fixture.sentinels[0].cli("SENTINEL", "FAILOVER", RedisSentinels.name)
                try await eventually("another server is the primary") {
                    let found = try await fixture.sentinels[1].cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", RedisSentinels.name)
                    return !found.contains("\(fixture.servers[0].port)")
                }
                try await eventually("the old one is a replica") { try await fixture.servers[0].cli("ROLE").hasPrefix("slave") }
                _ = try await client.send(SET("k", 2))
                #expect(try await client.send(ROLE()) == .primary)
            }
        }
    }

    @Test("says what is wrong when no Sentinel knows the name or none answers")
    func unknown() async throws {
        try await RedisSentinels.with { fixture in
            try await withClient("redis+sentinel://127.0.0.1:\(fixture.sentinels[0].port),127.0.0.1:1/other?timeout=3000") { client in
                let error = await #expect(throws: RedisError.self) { try await client.send(PING()) }
                #expect(error?.code == .noPrimary)
                #expect(error?.message.contains("\"other\"") == true)
                #expect(error?.wasSent == false)
            }
            // A dead Sentinel among others does no harm.
            try await withClient("redis+sentinel://127.0.0.1:1,127.0.0.1:\(fixture.sentinels[0].port)/\(RedisSentinels.name)") { client in
                try await client.send(PING())
            }
        }
        try await withClient("redis+sentinel://127.0.0.1:1,127.0.0.1:2/main?timeout=3000") { client in
            let error = await #expect(throws: RedisError.self) { try await client.send(PING()) }
            #expect(error?.code == .noPrimary)
        }
    }
}
