internal import Baton
internal import BatonCore
internal import BatonRedis
internal import BatonRedisClient

/// Can these servers keep sessions, and do they keep them well?
struct RedisChecks {
    private let url: String
    private let invocation: Invocation

    /// More servers of a cluster are not looked at one by one.
    private static let maximumServers = 32

    init(_ url: String, _ invocation: Invocation) {
        self.url = url
        self.invocation = invocation
    }

    func findings() async -> [Finding] {
        let configuration: StoreConfiguration
        let inspection: Inspection
        do {
            configuration = try invocation.storeConfiguration()
            inspection = try Inspection(url, prefix: configuration.keyPrefix, durability: configuration.durability)
        } catch {
            return [.error("store", Failure(error).message, do: "Correct the option.", exitCode: .usage)]
        }
        let findings = await look(inspection, configuration)
        await inspection.close()
        return findings
    }

    private func look(_ inspection: Inspection, _ configuration: StoreConfiguration) async -> [Finding] {
        let nodes: [RedisNode]
        do throws(RedisError) { nodes = try await inspection.client.primaries() } catch { return [unreachable(error)] + (await watchers(inspection)) }
        var findings: [Finding] = []
        var servers: [Inspection.Server] = []
        for node in nodes.prefix(RedisChecks.maximumServers) {
            do throws(RedisError) { servers.append(try await inspection.look(at: node)) } catch {
                var finding = unreachable(error)
                if nodes.count > 1 { finding.node = node.endpoint?.description }
                findings.append(finding)
            }
        }
        guard !servers.isEmpty else { return findings + (await watchers(inspection)) }
        if inspection.topology != .cluster, let node = servers.first(where: \.isClusterNode) {
            let scheme = inspection.client.configuration.tls == nil ? "redis" : "rediss"
            return findings + [
                .error(
                    "connection", "\(node.address) is a node of a cluster", do: "Name it with \(scheme)+cluster://, so that the others are found.",
                    exitCode: .usage)
            ]
        }
        let names = servers.map(\.address).joined(separator: ", ")
        findings.append(.ok("connection", servers.count == 1 ? "\(names) answers" : "\(servers.count) servers answer: \(names)"))
        findings.append(encryption(inspection, servers))
        let permissions = await RedisPermissionCheck(inspection).finding()
        findings.append(permissions)
        for server in servers {
            let checks = RedisServerChecks(
                server, database: inspection.client.configuration.database, user: inspection.user, topology: inspection.topology)
            findings += checks.findings().map { finding in
                var finding = finding
                if servers.count > 1 { finding.node = server.address }
                return finding
            }
        }
        findings += await watchers(inspection)
        let contents = RedisContentChecks(inspection, configuration)
        if permissions.severity != .error { findings += await contents.findings() }
        return findings
    }

    /// Those that watch over the servers.
    private func watchers(_ inspection: Inspection) async -> [Finding] {
        if let sentinels = await inspection.sentinels() { return SentinelChecks(sentinels).findings() }
        guard inspection.topology == .cluster else { return [] }
        guard let nodes = await inspection.clusterNodes() else {
            return [.unseen("cluster", "no node told of the others", do: "Let the user call CLUSTER NODES: +cluster|nodes.")]
        }
        return ClusterChecks(nodes).findings()
    }

    private func encryption(_ inspection: Inspection, _ servers: [Inspection.Server]) -> Finding {
        let configuration = inspection.client.configuration
        if configuration.tls != nil { return .ok("encryption", "TLS, and the certificates are trusted") }
        let named: [RedisEndpoint] =
            switch configuration.topology {
            case .standalone(let endpoints), .cluster(let endpoints), .sentinel(_, let endpoints): endpoints
            }
        if named.allSatisfy(\.isLocal), servers.allSatisfy(\.isLocal) { return .ok("encryption", "plain text, which stays on this machine") }
        return .warning(
            "encryption", "plain text over the network: conversations and the password can be read on the way",
            do: "Let the server speak TLS (tls-port, tls-cert-file, tls-key-file) and use rediss:// in the address.")
    }

    private func unreachable(_ error: RedisError) -> Finding {
        switch error.code {
        case .authentication:
            return .error(
                "connection", error.message, do: "Give user and password in the address: redis://USER:PASSWORD@HOST. ACL LIST shows the users.",
                exitCode: .notPermitted)
        case .tls:
            return .error("connection", error.message, do: "Name the authority that signed the certificate: rediss://HOST?tls_ca=FILE.")
        case .unsupported: return .error("connection", error.message, do: "Correct the scheme of the address.", exitCode: .usage)
        case .noPrimary:
            return .error("connection", error.message, do: "Compare the name in the address with SENTINEL MASTERS, and see whether a primary is up.")
        case .clusterUnavailable: return .error("connection", error.message, do: "See whether the nodes are up: redis-cli --cluster check HOST:PORT")
        case .timeout: return .error("connection", error.message, do: "Is a firewall between, or is the server busy? Try: redis-cli -h HOST ping")
        case .server where error.server?.kind == .loading:
            return .error("connection", "the server is still reading its data from disk", do: "Wait, and look again.", exitCode: .tryAgain)
        default: return .error("connection", error.message, do: "Is the server up, and are host and port right? Try: redis-cli -h HOST -p PORT ping")
        }
    }
}

/// May the user do what a store does, and what is the least that it needs?
struct RedisPermissionCheck {
    private let inspection: Inspection

    init(_ inspection: Inspection) { self.inspection = inspection }

    func finding() async -> Finding {
        let name = inspection.user
        let least = inspection.permissions.line(user: name == "default" ? nil : name)
        let missing: Permissions.Missing
        do throws(RedisError) { missing = try await inspection.missingPermissions() } catch {
            return .unseen("permissions", "they could not be tried: \(error.message)", do: "The least that a store needs: \(least)")
        }
        let user = name.map { "the user \($0)" } ?? "the user"
        guard !missing.isEmpty else {
            return .ok("permissions", "\(user) may do all that a store does", hint: "No more is needed than: \(least)")
        }
        var lacks: [String] = []
        if missing.keys { lacks.append("keys that begin with \(inspection.prefix):") }
        if !missing.commands.isEmpty { lacks.append(missing.commands.map { "+\($0)" }.joined(separator: " ")) }
        return .error(
            "permissions", "\(user) lacks \(lacks.joined(separator: " and "))", do: "Let an administrator run: \(least)", exitCode: .notPermitted)
    }
}
