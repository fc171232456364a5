import BatonHTTP
import BatonIO
import BatonRedis
import BatonTesting
import Testing

@Suite("/metrics of a daemon on Redis")
struct RedisMetricsTests {
    /// The value of each series, by its name with labels.
    private func metrics(_ daemon: DaemonProcess) async throws -> [String: Double] {
        let client = try HTTPClient(daemon.url)
        let text = try await client.send(Request(.get, "/metrics")).text
        await client.close()
        var values: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let value = Double(parts[1]) { values[String(parts[0])] = value }
        }
        return values
    }

    @Test("the server's numbers and the client's own are there")
    func numbers() async throws {
        try await RedisServer.with(["--maxmemory", "64mb"]) { server in
            try await withDaemon(store: "redis://127.0.0.1:\(server.port)") { daemon in
                _ = try await BatonProcess.run("append --create demo/ann/first --content x", store: daemon.url)
                let node = #"{node="127.0.0.1:\#(server.port)"}"#
                try await eventually("the numbers were fetched after the append") {
                    try await metrics(daemon)["baton_store_redis_keys" + node] ?? 0 > 3
                }
                let values = try await metrics(daemon)
                #expect(values["baton_store_redis_info_available" + node] == 1)
                #expect(values["baton_store_redis_max_memory_bytes" + node] == Double(64 << 20))
                for name in [
                    "used_memory_bytes", "keyspace_hits_total", "keyspace_misses_total", "evicted_keys_total", "expired_keys_total",
                    "connected_clients", "operations_per_second", "expiring_keys", "replicas", "replication_backlog_bytes",
                ] {
                    #expect(values["baton_store_redis_\(name)\(node)"] != nil, "\(name)")
                }
                #expect(values["baton_store_redis_connected_clients" + node] ?? 0 >= 1)
                #expect(values["redis_client_connects_total"] ?? 0 >= 1)
                for name in ["lost_connections_total", "redirects_total", "queued_commands", "retries_total"] {
                    #expect(values["redis_client_\(name)"] != nil, "\(name)")
                }
                #expect(values[#"redis_client_command_seconds_count{command="EVALSHA"}"#] ?? 0 >= 1)
            }
        }
    }

    @Test("without INFO they are absent, and one number says so")
    func refused() async throws {
        try await RedisServer.with { server in
            let words =
                ["ACL", "SETUSER", "limited", "on", ">secret"]
                + Permissions(prefix: "baton", .standalone).rules.split(separator: " ").map(String.init)
            _ = try await ChildProcess.run("redis-cli", ["-h", "127.0.0.1", "-p", "\(server.port)"] + words)
            try await withDaemon(store: "redis://limited:secret@127.0.0.1:\(server.port)") { daemon in
                let name = #"baton_store_redis_info_available{node="127.0.0.1:\#(server.port)"}"#
                try await eventually("the server was asked") { try await metrics(daemon)[name] != nil }
                let values = try await metrics(daemon)
                #expect(values[name] == 0)
                #expect(values.keys.filter { $0.hasPrefix("baton_store_redis_") && $0.contains("node=") } == [name])
            }
        }
    }

    @Test("a scrape does not wait for a server that hangs")
    func hanging() async throws {
        try await RedisServer.with { server in
            try await withDaemon(store: "redis://127.0.0.1:\(server.port)?timeout=60000") { daemon in
                server.pause()
                // Whatever the server would say within a minute, the answer comes without it.
                let client = try HTTPClient(daemon.url)
                let reply = try await client.send(Request(.get, "/metrics"), by: .after(.seconds(30)))
                #expect(reply.status == 200)
                await client.close()
                server.resume()
            }
        }
    }
}
