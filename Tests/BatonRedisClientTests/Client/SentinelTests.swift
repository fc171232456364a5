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
                try await eventually("the old one is a replica") {
                    // When it becomes one it hangs up on its clients, and on whoever asks it just then.
                    (try? await fixture.servers[0].cli("ROLE"))?.hasPrefix("slave") == true
                }
                _ = try await client.send(SET("k", 2))
                #expect(try await client.send(ROLE()) == .primary)
            }
        }
    }

    @Test("talks to Sentinels and servers over TLS, with a login for each, also when another becomes the primary")
    func secured() async throws {
        let certificates = try await TestCertificates()
        let login = RedisTestLogin(user: "watcher", password: "sentinel-secret")
        try await RedisSentinels.with(certificates: certificates, password: "server-secret", sentinelLogin: login) { fixture in
            func address(_ options: String, server: String = "server-secret") -> String {
                let hosts = fixture.sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
                return "rediss+sentinel://:\(server)@\(hosts)/\(RedisSentinels.name)?timeout=60000&tls_ca=\(certificates.authority)" + options
            }
            let sentinelLogin = "&sentinel_user=watcher&sentinel_password=sentinel-secret"
            try await withClient(address(sentinelLogin)) { client in
                _ = try await client.send(SET("k", 1))
                #expect(try await fixture.servers[0].cli("GET", "k") == "1")
                _ = try await fixture.sentinels[0].cli("SENTINEL", "FAILOVER", RedisSentinels.name)
                // The connection stands; it is the message of a Sentinel that moves it.
                try await eventually("it was told of the switch") { client.statistics.topologyChanges + client.statistics.lostConnections > 0 }
                _ = try await client.send(SET("k", 2))
                #expect(try await client.send(ROLE()) == .primary)
            }

            func failure(_ address: String, configure change: (inout RedisConfiguration) -> Void = { _ in }) async throws -> RedisError? {
                try await withClient(address, configure: change) { client in
                    await #expect(throws: RedisError.self) { try await client.send(PING()) }
                }
            }
            for options in ["&sentinel_user=watcher&sentinel_password=not-it", "&sentinel_password=sentinel-secret", ""] {
                let error = try await failure(address(options))
                #expect(error?.code == .authentication, "\(options)")
                #expect(error?.message.contains("the Sentinel at 127.0.0.1") == true)
                #expect(error?.message.contains("secret") == false)
                #expect(error?.message.contains("not-it") == false)
            }
            let refused = try await failure(address(sentinelLogin, server: "not-it"))
            #expect(refused?.code == .authentication)
            #expect(refused?.message.contains("Sentinel") == false)
            #expect(refused?.message.contains("not-it") == false)

            // What is trusted for one kind of server is not for the other.
            let distrusted = try await failure(address(sentinelLogin)) { $0.sentinelTLS?.authorityFile = certificates.otherAuthority }
            #expect(distrusted?.code == .tls)
            #expect(distrusted?.message.contains("the Sentinel at") == true)
            let distrustedServer = try await failure(address(sentinelLogin)) { $0.tls?.authorityFile = certificates.otherAuthority }
            #expect(distrustedServer?.code == .tls)
            #expect(distrustedServer?.message.contains("Sentinel") == false)
            // Neither understands plain text.
            for change: (inout RedisConfiguration) -> Void in [{ $0.sentinelTLS = nil }, { $0.tls = nil }] {
                let error = try await failure(address(sentinelLogin)) {
                    change(&$0)
                    $0.commandTimeout = .seconds(3)
                }
                #expect(error?.wasSent == false)
            }
        }
        await certificates.remove()
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
