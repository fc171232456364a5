import BatonTelemetry
import Testing

@testable import BatonRedisClient

@Suite("Configuration")
struct ConfigurationTests {
    private func login(_ configuration: RedisConfiguration) -> RedisLogin? {
        if case .login(let login) = configuration.credentials { login } else { nil }
    }

    @Test(
        "reads where servers are",
        arguments: [
            ("redis://example.org", RedisConfiguration.Topology.standalone([.host("example.org", port: 6379)])),
            ("redis://example.org:7000/3", .standalone([.host("example.org", port: 7000)])),
            ("REDIS://127.0.0.1", .standalone([.host("127.0.0.1", port: 6379)])),
            ("valkey://[::1]:7", .standalone([.host("::1", port: 7)])),
            ("redis://", .standalone([.host("127.0.0.1", port: 6379)])),
            ("redis+unix:///run/redis.sock", .standalone([.unix("/run/redis.sock")])),
            ("unix:///run/my%20redis.sock", .standalone([.unix("/run/my redis.sock")])),
            (
                "redis+sentinel://a,b:5,[::1]:6/main",
                .sentinel(primary: "main", [.host("a", port: 26379), .host("b", port: 5), .host("::1", port: 6)])
            ),
            ("rediss+cluster://a:1,b", .cluster([.host("a", port: 1), .host("b", port: 6379)])),
            ("example.org:6380,ssl=true", .standalone([.host("example.org", port: 6380)])),
            ("a,b:7,abortConnect=false", .standalone([.host("a", port: 6379), .host("b", port: 7)])),
            ("a,b:7,serviceName=main", .sentinel(primary: "main", [.host("a", port: 26379), .host("b", port: 7)])),
        ])
    func topology(text: String, topology: RedisConfiguration.Topology) throws {
        #expect(try RedisConfiguration(text).topology == topology)
    }

    @Test("reads logins, databases and options from a URL")
    func url() throws {
        let full = try RedisConfiguration(
            "rediss://us%40er:p%3Aa%2Fss@h:1/7?name=me&timeout=250&connect_timeout=100&protocol=2&tls_ca=/ca.pem&tls_cert=/c.pem&tls_key=/k.pem&tls_name=n"
        )
        #expect(login(full)?.user == "us@er")
        #expect(login(full)?.password.revealed == "p:a/ss")
        #expect(full.database == 7)
        #expect(full.clientName == "me")
        #expect(full.commandTimeout == .milliseconds(250))
        #expect(full.connectTimeout == .milliseconds(100))
        #expect(full.protocolVersion == 2)
        #expect(full.tls == RedisConfiguration.TLS(authorityFile: "/ca.pem", certificateFile: "/c.pem", keyFile: "/k.pem", serverName: "n"))

        let password = try RedisConfiguration("redis://:secret@h?db=2")
        #expect(login(password)?.user == nil)
        #expect(password.database == 2)
        #expect(password.tls == nil)

        let sentinel = try RedisConfiguration("rediss+sentinel://:p@h/main/4?sentinel_password=q&sentinel_user=s")
        #expect(sentinel.database == 4)
        #expect(sentinel.sentinelTLS != nil)
        if case .login(let own) = sentinel.sentinelCredentials {
            #expect(own == RedisLogin(user: "s", password: "q"))
        } else {
            Issue.record("no login")
        }
        #expect(try RedisConfiguration("rediss+sentinel://h/main?sentinel_tls=false").sentinelTLS == nil)
        #expect(try RedisConfiguration("redis+sentinel://h/main?sentinel_tls=true").sentinelTLS != nil)
    }

    @Test("reads connection strings of StackExchange.Redis")
    func connectionString() throws {
        let full = try RedisConfiguration(
            "cache.example.org:6380,password=a=b==,user=me,ssl=True,abortConnect=False,connectTimeout=700,syncTimeout=900,defaultDatabase=1,name=x,sslHost=n, keepAlive=30"
        )
        #expect(login(full) == RedisLogin(user: "me", password: "a=b=="))
        #expect(full.tls?.serverName == "n")
        #expect(full.connectTimeout == .milliseconds(700))
        #expect(full.commandTimeout == .milliseconds(900))
        #expect(full.keepAliveInterval == .seconds(30))
        #expect(full.database == 1)
        #expect(full.clientName == "x")
    }

    @Test(
        "refuses what it cannot mean, saying what and where, never showing the password",
        arguments: [
            ("", "empty"), ("http://h", "scheme"), ("redis+foo://h", "scheme"), ("redis://h:0", "port"), ("redis://h:65536", "port"),
            ("redis://h:x", "port"),
            ("redis://h/x", "database"), ("redis://h/1?nope=1", "nope"), ("redis://h?db=-1", "db"), ("redis://h?db", "db"),
            ("redis://:hunter2", "host name"),
            ("redis://user@h", "user:password"), ("redis://user:@h", "password"), ("redis://:hunter2%2@h", "password"), ("redis://:hunter2#@h", "#"),
            ("redis://[::1", "bracket"), ("redis://a b", "host name"), ("redis+unix://h/x", "host"), ("redis+unix://", "path"),
            ("rediss+unix:///x", "TLS"),
            ("redis+sentinel://h", "name of the primary"), ("redis+cluster://h/1", "database"), ("redis+cluster://h?db=1", "database"),
            ("redis+cluster://", "host name"), ("redis://a,,b", "host name"), ("redis://h?tls_ca=/x", "TLS"), ("redis://h?timeout=0", "timeout"),
            ("redis://h?name=a%20b", "client name"), ("rediss://h?tls_cert=/x", "key file"), ("redis://h?protocol=4", "protocol"),
            ("redis://h?sentinel_user=x", "sentinel_password"), ("h:6379,password=hunter2,nope=1", "nope"), ("password=hunter2", "endpoint"),
            ("h:x,password=hunter2", "port"), ("h,ssl=maybe,password=hunter2", "ssl"), ("h,defaultDatabase=x,password=hunter2", "defaultdatabase"),
            ("h,user=me", "user"), ("h,password=", "password"), ("a,b:0,password=hunter2", "endpoint 2"),
        ])
    func refusals(text: String, mention: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(text) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.lowercased().contains(mention.lowercased()) == true, "\(error?.message ?? "")")
        #expect(error.map { !"\($0)".contains("hunter2") } == true)
    }

    @Test("never prints a secret")
    func secrets() throws {
        let configuration = try RedisConfiguration("redis://me:hunter2@h?name=x")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), "\(configuration.credentials)", dumped] {
            #expect(!text.contains("hunter2"))
        }
    }

    @Test("draws waits from zero to a ceiling that doubles up to its maximum")
    func backoff() {
        let backoff = RedisBackoff()
        #expect((0..<9).map { backoff.ceiling($0) } == [0, 10, 20, 40, 80, 160, 320, 640, 1_000].map { .milliseconds($0) })
        #expect(backoff.ceiling(.max) == .seconds(1))
        var random = SeededGenerator(seed: 1)
        let waits = (0..<1_000).map { _ in backoff.wait(5, using: &random) }
        #expect(waits.allSatisfy { $0 >= .zero && $0 <= .milliseconds(160) })
        #expect(waits.contains { $0 < .milliseconds(20) })
        #expect(waits.contains { $0 > .milliseconds(140) })
    }
}
