import BatonTesting
import Testing

/// Starts servers of one kind for all tests of a suite and stops them after those.
struct SharedTopology: SuiteTrait, TestScoping {
    enum Kind { case tls, sentinels, cluster }

    @TaskLocal static var address = ""

    let kind: Kind

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        switch kind {
        case .tls:
            let certificates = try await TestCertificates()
            try await RedisServer.with(certificates: certificates) { server in
                try await with("rediss://localhost:\(server.port)?tls_ca=\(certificates.authority)", function)
            }
        case .sentinels:
            try await RedisSentinels.with { fixture in
                let hosts = fixture.sentinels.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
                try await with("redis+sentinel://\(hosts)/\(RedisSentinels.name)?timeout=20000", function)
            }
        case .cluster:
            try await RedisCluster.with(replicas: 0) { cluster in
                let hosts = cluster.servers.map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
                try await with("redis+cluster://\(hosts)", function)
            }
        }
    }

    private func with(_ address: String, _ function: @concurrent @Sendable () async throws -> Void) async throws {
        try await SharedTopology.$address.withValue(address) { try await function() }
    }
}

extension Trait where Self == SharedTopology {
    /// One server that speaks TLS alone.
    static var tlsServer: SharedTopology { SharedTopology(kind: .tls) }
    /// A primary with replicas, watched by Sentinels.
    static var sentinels: SharedTopology { SharedTopology(kind: .sentinels) }
    /// A cluster of three primaries.
    static var cluster: SharedTopology { SharedTopology(kind: .cluster) }
}

/// Runs a contract on the suite's servers.
func run(_ contract: StorageContract) async throws {
    try await withFixture { try await contract.run(on: $0) }
}

/// A fixture on the suite's servers.
func withFixture(_ body: (RedisFixture) async throws -> Void) async throws {
    let fixture = try RedisFixture(SharedTopology.address, name: SharedTopology.address)
    do { try await body(fixture) } catch {
        await fixture.close()
        throw error
    }
    await fixture.close()
}
