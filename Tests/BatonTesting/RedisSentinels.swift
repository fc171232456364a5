/// A primary, its replicas and the Sentinels that watch them.
public final class RedisSentinels: Sendable {
    /// The servers; the first began as the primary.
    public let servers: [RedisServer]
    /// The Sentinels.
    public let sentinels: [RedisServer]
    /// What the Sentinels call the primary.
    public static let name = "main"

    private init(servers: [RedisServer], sentinels: [RedisServer]) {
        self.servers = servers
        self.sentinels = sentinels
    }

    /// Starts one primary with two replicas and three Sentinels for the time of `body`.
    /// - Parameters:
    ///   - certificates: all of them talk with TLS alone.
    ///   - password: what the servers want to be told.
    ///   - login: the only user of the Sentinels.
    public static func with<Value>(
        certificates: TestCertificates? = nil, password: String? = nil, sentinelLogin login: RedisTestLogin? = nil,
        _ body: (RedisSentinels) async throws -> Value
    ) async throws -> Value {
        // This is what makes servers and Sentinels use TLS towards each other.
        let encryption = certificates == nil ? [] : ["--tls-replication", "yes"]
        let options = encryption + (password.map { ["--requirepass", $0, "--masterauth", $0] } ?? [])
        let serverLogin = password.map { RedisTestLogin(password: $0) }
        var servers: [RedisServer] = []
        var sentinels: [RedisServer] = []
        do {
            let primary = try await RedisServer.start(["--repl-diskless-sync-delay", "0"] + options, certificates: certificates, login: serverLogin)
            servers.append(primary)
            for _ in 0..<2 {
                servers.append(
                    try await RedisServer.start(
                        ["--replicaof", "127.0.0.1 \(primary.port)"] + options, certificates: certificates, login: serverLogin))
            }
            var lines = [
                "sentinel monitor \(name) 127.0.0.1 \(primary.port) 2", "sentinel down-after-milliseconds \(name) 800",
                "sentinel failover-timeout \(name) 4000", "sentinel parallel-syncs \(name) 2",
            ]
            if let password { lines.append("sentinel auth-pass \(name) \(password)") }
            if let login {
                lines += [
                    "user \(login.user) on >\(login.password) ~* &* +@all", "user default off", "sentinel sentinel-user \(login.user)",
                    "sentinel sentinel-pass \(login.password)",
                ]
            }
            for _ in 0..<3 {
                sentinels.append(try await RedisServer.start(encryption, certificates: certificates, login: login, sentinel: lines))
            }
            let fixture = RedisSentinels(servers: servers, sentinels: sentinels)
            for sentinel in sentinels {
                try await eventually("the Sentinels know each other and the replicas") {
                    let facts = try await sentinel.cli("SENTINEL", "MASTER", name).split(separator: "\n").map(String.init)
                    func fact(_ name: String) -> String? { facts.firstIndex(of: name).map { facts[$0 + 1] } }
                    return fact("num-other-sentinels") == "2" && fact("num-slaves") == "2" && fact("flags") == "master"
                }
            }
            let value = try await body(fixture)
            await fixture.stop()
            return value
        } catch {
            await RedisSentinels(servers: servers, sentinels: sentinels).stop()
            throw error
        }
    }

    private func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for server in sentinels + servers { group.addTask { await server.stop() } }
        }
    }
}
