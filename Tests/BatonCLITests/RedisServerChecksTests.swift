import BatonRedis
import BatonRedisClient
import Testing

@testable import BatonCLI

@Suite("What a server says of itself, judged")
struct RedisServerChecksTests {
    /// Facts of a server that is well, with some of them replaced.
    private func findings(
        _ changes: [String: String], settings: [String: String] = ["appendfsync": "everysec", "save": ""],
        _ topology: Permissions.Topology = .standalone
    ) -> [Finding] {
        var facts = [
            "redis_version": "7.0.15", "used_memory": "1000000", "maxmemory": "100000000", "maxmemory_policy": "noeviction", "aof_enabled": "1",
            "aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok", "rdb_last_bgsave_status": "ok", "role": "master",
            "connected_slaves": "1", "slave0": "ip=10.0.0.2,port=6379,state=online,offset=900,lag=0", "master_repl_offset": "1000",
            "repl_backlog_size": "1048576", "evicted_keys": "0", "connected_clients": "5", "maxclients": "100", "db0": "keys=10,expires=4,avg_ttl=1",
        ]
        facts.merge(changes) { _, new in new }
        let server = Inspection.Server(
            address: "10.0.0.1:6379", isLocal: false, version: ServerVersion(ServerFacts(facts)), facts: .success(ServerFacts(facts)),
            settings: settings, pings: [.microseconds(100), .microseconds(120)])
        return RedisServerChecks(server, database: 0, user: "default", topology: topology).findings()
    }

    private func troubles(_ changes: [String: String], settings: [String: String] = ["appendfsync": "everysec", "save": ""]) -> [String] {
        findings(changes, settings: settings).filter { $0.severity != .ok }.map { "\($0.check) \($0.severity)" }
    }

    @Test("a server that is well gives no trouble")
    func well() {
        #expect(troubles([:]) == [])
        #expect(findings([:]).first { $0.check == "replication" }?.detail == "1 connected, at most 100 bytes behind")
        #expect(findings([:]).first { $0.check == "keys" }?.detail == "10 in database 0, 4 of them with a lifetime")
        #expect(findings([:]).first { $0.check == "latency" }?.detail == "0.120 ms in the median, p99 0.120 ms, over 2 round trips")
    }

    @Test(
        "what goes wrong on disk, in memory and in replication",
        arguments: [
            (["loading": "1"], ["persistence error"]),
            (["aof_last_write_status": "err"], ["persistence error"]),
            (["aof_last_bgrewrite_status": "err"], ["persistence warning"]),
            (["rdb_last_bgsave_status": "err"], ["snapshot error"]),
            (["role": "slave"], ["replication error"]),
            (["slave0": "ip=10.0.0.2,port=6379,state=online,offset=1000,lag=11"], ["replication warning"]),
            (["slave0": "ip=10.0.0.2,port=6379,state=send_bulk,offset=0,lag=0"], ["replication warning"]),
            (["master_repl_offset": "900000"], ["replication warning"]),
            (["used_memory": "80000000"], ["memory warning"]),
            (["used_memory": "96000000"], ["memory error"]),
            (["evicted_keys": "7"], ["evictions warning"]),
            (["connected_clients": "95"], ["clients warning"]),
            (["redis_version": "6.0.20"], ["version error"]),
            (["redis_version": "6.2.0"], []),
            (["redis_version": "7.2.4", "valkey_version": "8.0.1"], []),
        ])
    func trouble(changes: [String: String], expected: [String]) {
        #expect(troubles(changes) == expected)
    }

    @Test("Valkey is called by its name")
    func valkey() {
        let findings = findings(["redis_version": "7.2.4", "valkey_version": "8.0.1"])
        #expect(findings.first { $0.check == "version" }?.detail == "Valkey 8.0.1")
    }

    @Test("without a replica a lone server is as it was made, one behind Sentinels lacks something")
    func replicas() {
        func severity(_ topology: Permissions.Topology) -> Finding.Severity? {
            findings(["connected_slaves": "0"], topology).first { $0.check == "replication" }?.severity
        }
        #expect(severity(.standalone) == .ok)
        #expect(severity(.sentinel) == .warning)
        #expect(severity(.cluster) == .warning)
    }

    @Test("settings that cannot be seen are said to be unseen")
    func unseen() {
        #expect(troubles([:], settings: [:]) == ["settings unseen"])
    }

    @Test("a cluster with a failed primary, a lost link and a slot on its way")
    func cluster() {
        let nodes = ClusterNodes(
            """
            a1 10.0.0.1:6379@16379,host-a myself,master - 0 0 1 connected 0-5460 [93-<-b2]
            b2 10.0.0.2:6379@16379 master - 0 0 2 connected 5461-10922
            c3 10.0.0.3:6379@16379 master,fail - 0 0 3 disconnected 10923-16382 16383
            d4 10.0.0.4:6379@16379 slave a1 0 0 1 connected
            e5 10.0.0.5:6379@16379 slave,fail? b2 0 0 2 connected
            f6 :0@0 handshake - 0 0 0 disconnected
            """)
        #expect(nodes.coverage == 10_923)
        let findings = ClusterChecks(nodes).findings()
        #expect(findings.map(\.severity) == [.error, .warning, .warning, .warning])
        #expect(findings[0].detail.hasPrefix("only 10923 of 16384"))
        #expect(findings[1].detail == "the primary 10.0.0.3:6379 is down")
        #expect(findings[2].detail == "the replica 10.0.0.5:6379 is down")
        #expect(findings[3].detail == "no replica can take the place of 10.0.0.2:6379")
    }
}
