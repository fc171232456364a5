import BatonCore
import BatonRedis
import BatonTesting
import Testing

@Suite("baton doctor on Redis")
struct RedisDoctorTests {
    /// A server that keeps sessions well.
    static let well = ["--appendonly", "yes", "--maxmemory", "512mb"]

    @Test("a server that is set up well is well, in one JSON object for each check")
    func sound() async throws {
        try await RedisServer.with(Self.well) { server in
            let store = "redis://127.0.0.1:\(server.port)"
            let new = try await Diagnosis(store)
            #expect(new.status == 0)
            #expect(new.troubles == [], "\(new.findings)")
            #expect(new.detail("layout").contains("is new"))
            // Looking has laid nothing out, and what was written is gone soon.
            try await eventually("the server is empty again") { try await server.cli("DBSIZE") == "0" }

            _ = try await BatonProcess.run("sessions create demo/ann/first --ttl 1d", store: store)
            let used = try await Diagnosis(store)
            #expect(used.status == 0)
            #expect(used.troubles == [], "\(used.findings)")
            #expect(
                used.findings.compactMap { $0["check"]?.stringValue } == [
                    "connection", "encryption", "permissions", "version", "latency", "eviction", "memory", "persistence", "replication", "evictions",
                    "clients", "keys", "layout", "health", "lifetimes", "descriptors",
                ])
            #expect(used.detail("version") == "Redis 7.0.15" || used.detail("version").contains("."))
            #expect(used.detail("latency").contains("p99"))
        }
    }

    struct Setting: CustomTestStringConvertible {
        let options: [String]
        let check: String
        let severity: String
        let words: String

        var testDescription: String { options.joined(separator: " ") }
    }

    @Test(
        "each bad setting is found, with what to do",
        arguments: [
            Setting(options: ["--maxmemory-policy", "allkeys-lru"], check: "eviction", severity: "error", words: "noeviction"),
            Setting(options: ["--maxmemory-policy", "allkeys-random"], check: "eviction", severity: "error", words: "noeviction"),
            Setting(options: ["--maxmemory", "0"], check: "memory", severity: "warning", words: "Set maxmemory"),
            Setting(options: ["--maxmemory", "1200kb"], check: "memory", severity: "warning", words: "Raise maxmemory"),
            Setting(options: ["--maxmemory", "600kb"], check: "memory", severity: "error", words: "Raise maxmemory"),
            Setting(options: ["--appendonly", "no"], check: "persistence", severity: "warning", words: "appendonly yes"),
            Setting(options: ["--appendonly", "no", "--save", "3600 1"], check: "persistence", severity: "warning", words: "appendonly yes"),
            Setting(options: ["--appendfsync", "no"], check: "persistence", severity: "warning", words: "appendfsync everysec"),
        ])
    func badSetting(_ setting: Setting) async throws {
        try await RedisServer.with(Self.well + setting.options) { server in
            let diagnosis = try await Diagnosis("redis://127.0.0.1:\(server.port)")
            #expect(diagnosis.severities(setting.check) == [setting.severity], "\(diagnosis.findings)")
            #expect(diagnosis.advice(setting.check).contains(setting.words))
            #expect((diagnosis.status != 0) == (setting.severity == "error"))
        }
    }

    @Test("a full server refuses the write, and the doctor says so")
    func full() async throws {
        try await RedisServer.with(Self.well) { server in
            let store = "redis://127.0.0.1:\(server.port)"
            _ = try await BatonProcess.run("append --create demo/ann/first --content x", store: store)
            try await server.cli("CONFIG", "SET", "maxmemory", "1")
            let diagnosis = try await Diagnosis(store)
            #expect(diagnosis.status == 69)
            #expect(diagnosis.severities("health") == ["error"])
            #expect(diagnosis.detail("health").contains("memory limit"))
            #expect(diagnosis.severities("layout") == ["ok"], "reading goes on")
        }
    }

    @Test("keys that were thrown away are told of")
    func evicted() async throws {
        try await RedisServer.with(["--appendonly", "yes", "--maxmemory", "4mb", "--maxmemory-policy", "volatile-lru"]) { server in
            try await server.cli(
                "EVAL", "for i = 1, 3000 do redis.call('SET', 'k' .. i, string.rep('x', 2000), 'EX', 3600) end", "0")
            try await eventually("something was evicted") {
                try await server.cli("SET", "more", String(repeating: "x", count: 2000), "EX", "3600")
                return try await !server.cli("INFO", "stats").contains("evicted_keys:0")
            }
            let diagnosis = try await Diagnosis("redis://127.0.0.1:\(server.port)")
            #expect(diagnosis.severities("evictions") == ["warning"])
            #expect(diagnosis.severities("eviction") == ["ok"])
        }
    }

    @Test("sessions that live for ever are found among others' keys")
    func lifetimes() async throws {
        try await RedisServer.with(Self.well) { server in
            let store = "redis://127.0.0.1:\(server.port)"
            for index in 1...3 { _ = try await BatonProcess.run("sessions create demo/ann/s\(index) --ttl 1d", store: store) }
            try await server.cli("SET", "other:{0}:s:a:b:c", "not of this prefix")
            #expect(try await Diagnosis(store).detail("lifetimes") == "all of 3 sessions that were looked at have one")
            _ = try await BatonProcess.run("append --create demo/bob/eternal --content x --id with-an-id", store: store)
            let diagnosis = try await Diagnosis(store)
            #expect(diagnosis.severities("lifetimes") == ["warning"])
            #expect(diagnosis.detail("lifetimes").hasPrefix("1 of 4 sessions"))
            #expect(diagnosis.status == 0)
        }
    }

    @Test("another number of shards is refused by every command, and named by the doctor")
    func shards() async throws {
        try await RedisServer.with(Self.well) { server in
            let store = "redis://127.0.0.1:\(server.port)"
            _ = try await BatonProcess.run("append --create demo/ann/first --content x --shards 4 --key-prefix mine", store: store)
            let refused = try await BatonProcess.run("events demo/ann/first --shards 8 --key-prefix mine", store: store)
            #expect(refused.status == 69)
            #expect(refused.errors.contains("4 shards, not 8"))
            #expect(try await BatonProcess.run("events demo/ann/first --key-prefix mine", store: store).status == 0)
            let diagnosis = try await Diagnosis(store, "--shards 8 --key-prefix mine")
            #expect(diagnosis.status == 69)
            #expect(diagnosis.detail("layout").contains("4 shards, not 8"))
            #expect(try await Diagnosis(store, "--shards 4 --key-prefix mine").severities("layout") == ["ok"])
        }
    }

    // MARK: - Permissions

    private func user(_ server: RedisServer, _ rules: String) async throws -> String {
        let words = ["ACL", "SETUSER", "limited", "reset", "on", ">secret"] + rules.split(separator: " ").map(String.init)
        let run = try await ChildProcess.run("redis-cli", ["-h", "127.0.0.1", "-p", "\(server.port)"] + words)
        try #require(run.output.contains("OK"), "\(run.output)")
        return "redis://limited:secret@127.0.0.1:\(server.port)"
    }

    @Test("a user with the least permissions is enough; what it may not see is named")
    func leastUser() async throws {
        try await RedisServer.with(Self.well) { server in
            let store = try await user(server, Permissions(prefix: "baton", .standalone).rules)
            _ = try await BatonProcess.run("append --create demo/ann/first --content x", store: store)
            let diagnosis = try await Diagnosis(store)
            #expect(diagnosis.status == 0, "\(diagnosis.findings)")
            #expect(diagnosis.severities("permissions") == ["ok"])
            #expect(diagnosis.severities("version") == ["ok"])
            #expect(diagnosis.severities("health") == ["ok"])
            #expect(diagnosis.troubles == ["facts", "settings", "lifetimes"])
            #expect(["facts", "settings", "lifetimes"].allSatisfy { diagnosis.severities($0) == ["unseen"] })
            #expect(diagnosis.advice("facts").contains("+info"))
            // A store whose writes wait for replicas needs one permission more.
            #expect(try await Diagnosis(store, "--durability wait:1:100ms").detail("permissions") == "the user limited lacks +wait")
        }
    }

    @Test("what a user lacks is named, and the line that is printed mends it")
    func missingPermissions() async throws {
        try await RedisServer.with(Self.well) { server in
            let store = try await user(server, "~other:* +@all -evalsha -xadd -multi")
            #expect(try await Diagnosis(store).detail("permissions").contains("+multi"))
            let lacking = try await user(server, "~other:* +@all -evalsha -xadd")
            let diagnosis = try await Diagnosis(lacking)
            #expect(diagnosis.status == 77)
            #expect(diagnosis.detail("permissions") == "the user limited lacks keys that begin with baton: and +evalsha +xadd")

            let line = try #require(
                diagnosis.advice("permissions").firstRange(of: "ACL SETUSER").map { diagnosis.advice("permissions")[$0.lowerBound...] })
            let words = line.replacing("PASSWORD", with: "secret").split(separator: " ").map(String.init)
            let run = try await ChildProcess.run("redis-cli", ["-h", "127.0.0.1", "-p", "\(server.port)"] + words)
            #expect(run.output.contains("OK"))
            #expect(try await Diagnosis(lacking).severities("permissions") == ["ok"])
            #expect(try await BatonProcess.run("append --create demo/ann/first --content x", store: lacking).status == 0)
        }
    }

    @Test("trying permissions does nothing to keys")
    func harmless() async throws {
        try await RedisServer.with(Self.well) { server in
            try await server.cli("SET", "baton:{0}:doctor", "mine")
            #expect(try await Diagnosis("redis://127.0.0.1:\(server.port)").severities("permissions") == ["ok"])
            #expect(try await server.cli("GET", "baton:{0}:doctor") == "mine")
        }
    }

    @Test("a wrong password, an absent server and a node of a cluster are errors with advice; no password is shown")
    func unreachable() async throws {
        try await RedisServer.with(Self.well + ["--requirepass", "hunter2"]) { server in
            let wrong = try await Diagnosis("redis://:wrong-one@127.0.0.1:\(server.port)")
            #expect(wrong.status == 77)
            #expect(wrong.advice("connection").contains("USER:PASSWORD"))
            #expect(!"\(wrong.findings)".contains("wrong-one"))
            #expect(try await Diagnosis("redis://:hunter2@127.0.0.1:\(server.port)").status == 0)
        }
        let absent = try await Diagnosis("redis://127.0.0.1:1?timeout=500")
        #expect(absent.status == 69)
        #expect(absent.severities("connection") == ["error"])
    }
}

@Suite("baton doctor on several servers")
struct RedisTopologyDoctorTests {
    @Test("TLS is noticed")
    func encrypted() async throws {
        let certificates = try await TestCertificates()
        try await RedisServer.with(RedisDoctorTests.well, certificates: certificates) { server in
            let diagnosis = try await Diagnosis("rediss://localhost:\(server.port)?tls_ca=\(certificates.authority)")
            #expect(diagnosis.status == 0)
            #expect(diagnosis.detail("encryption").contains("TLS"))
            let untrusted = try await Diagnosis("rediss://localhost:\(server.port)?tls_ca=\(certificates.otherAuthority)")
            #expect(untrusted.status == 69)
            #expect(untrusted.advice("connection").contains("tls_ca"))
        }
        await certificates.remove()
    }

    @Test("a replica is no place for a store, and its primary knows it")
    func replica() async throws {
        try await RedisServer.with(RedisDoctorTests.well + ["--repl-diskless-sync-delay", "0"]) { primary in
            try await RedisServer.with(RedisDoctorTests.well + ["--replicaof", "127.0.0.1 \(primary.port)"]) { replica in
                try await eventually("the replica follows") { try await replica.cli("ROLE").contains("\nconnected") }
                try await eventually("the primary counts it") { try await primary.cli("INFO", "replication").contains("state=online") }
                let diagnosis = try await Diagnosis("redis://127.0.0.1:\(replica.port)")
                #expect(diagnosis.status == 69)
                #expect(diagnosis.severities("replication") == ["error"])
                #expect(diagnosis.severities("health") == ["error"])
                #expect(try await Diagnosis("redis://127.0.0.1:\(primary.port)").detail("replication").hasPrefix("1 connected"))
            }
        }
    }

    @Test("Sentinels: a replica or a Sentinel that is down is found")
    func sentinels() async throws {
        try await RedisSentinels.with { fixture in
            let hosts = fixture.sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
            let store = "redis+sentinel://\(hosts)/\(RedisSentinels.name)?timeout=20000"
            let whole = try await Diagnosis(store)
            #expect(whole.status == 0, "\(whole.findings)")
            #expect(whole.severities("sentinels") == ["ok"])
            #expect(whole.detail("sentinels") == "3 watch the primary, with a quorum of 2")
            #expect(whole.advice("permissions").contains("+role"))
            #expect(whole.detail("replication").hasPrefix("2 connected"))

            await fixture.servers[2].kill()
            await fixture.sentinels[2].kill()
            try await eventually("the Sentinels notice") {
                try await fixture.sentinels[0].cli("SENTINEL", "REPLICAS", RedisSentinels.name).contains("s_down")
            }
            let hurt = try await Diagnosis(store)
            #expect(hurt.status == 0, "the primary goes on: \(hurt.findings)")
            #expect(hurt.detail("sentinels").contains("127.0.0.1:\(fixture.sentinels[2].port) does not answer"))
            #expect(hurt.detail("sentinels").contains("the replica 127.0.0.1:\(fixture.servers[2].port) is down"))
        }
    }

    @Test("a cluster: every primary is looked at, slots that nobody serves are an error")
    func cluster() async throws {
        try await RedisCluster.with(replicas: 0, ["--cluster-require-full-coverage", "no"]) { cluster in
            let store = "redis+cluster://" + cluster.servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
            let whole = try await Diagnosis(store)
            #expect(whole.status == 0, "\(whole.findings)")
            #expect(whole.severities("cluster") == ["ok", "warning"])
            #expect(whole.detail("cluster").contains("all 16384 slots are served by 3 primaries; no replica"))
            #expect(whole.severities("version").count == 3)
            #expect(Set(whole.findings.compactMap { $0["node"]?.stringValue }) == Set(cluster.servers.map { "127.0.0.1:\($0.port)" }))
            #expect(whole.advice("permissions").contains("+cluster|slots"))
            #expect(whole.severities("health") == ["ok"])

            await cluster.servers[1].kill()
            try await eventually("the others notice") { try await cluster.servers[0].cli("CLUSTER", "INFO").contains("cluster_slots_fail:5") }
            let hurt = try await Diagnosis(store + "?timeout=3000")
            #expect(hurt.status != 0)
            #expect(hurt.severities("cluster").contains("error"), "\(hurt.findings)")
            #expect(hurt.detail("cluster").contains("the primary 127.0.0.1:\(cluster.servers[1].port) is down"))
        }
    }

    @Test("a node of a cluster behind a plain address is named as what it is")
    func wrongScheme() async throws {
        try await RedisServer.with(["--cluster-enabled", "yes"]) { server in
            let diagnosis = try await Diagnosis("redis://127.0.0.1:\(server.port)?timeout=2000")
            #expect(diagnosis.status != 0)
            #expect(diagnosis.findings.contains { $0["detail"]?.stringValue?.contains("cluster") == true }, "\(diagnosis.findings)")
        }
    }
}
