internal import BatonRedis
internal import BatonRedisClient

/// What one server says of itself, judged as a place for sessions.
struct RedisServerChecks {
    private let server: Inspection.Server
    private let database: Int
    private let user: String?
    private let topology: Permissions.Topology

    init(_ server: Inspection.Server, database: Int, user: String?, topology: Permissions.Topology) {
        self.server = server
        self.database = database
        self.user = user
        self.topology = topology
    }

    func findings() -> [Finding] {
        var findings = [version(), latency()]
        switch server.facts {
        case .success(let facts):
            findings += [eviction(facts["maxmemory_policy"])]
            findings += memory(facts)
            findings += persistence(facts)
            findings += replication(facts)
            findings += load(facts)
        case .failure(let error):
            // CONFIG tells the most important of it, where it is allowed.
            if let policy = server.settings["maxmemory-policy"] { findings.append(eviction(policy)) }
            findings.append(
                .unseen(
                    "facts", "memory, persistence, replication and evictions could not be seen: INFO is refused (\(error.message))",
                    do: "Let the user call it: ACL SETUSER \(user ?? "USER") +info"))
        }
        if server.settings.isEmpty {
            findings.append(
                .unseen(
                    "settings", "how often the server syncs and saves could not be seen: CONFIG GET is refused",
                    do: "Look at appendfsync and save where the server is set up, or: ACL SETUSER \(user ?? "USER") +config|get"))
        }
        return findings
    }

    // MARK: - The server

    private func version() -> Finding {
        guard let version = server.version else {
            return .unseen("version", "the server does not say which version it has", do: "It has to be Redis 6.2 or later, or Valkey.")
        }
        guard version.isSupported else {
            return .error("version", "\(version.product) \(version.text) is too old", do: "Baton needs Redis 6.2 or later, or Valkey.")
        }
        return .ok("version", "\(version.product) \(version.text)")
    }

    private func latency() -> Finding {
        let count = server.pings.count
        guard count > 0 else { return .unseen("latency", "no sign of life was measured", do: "Look again.") }
        let (median, slow) = (server.pings[count / 2] / .milliseconds(1), server.pings[min(count - 1, count * 99 / 100)] / .milliseconds(1))
        let text = "\(RedisServerChecks.text(median)) ms in the median, p99 \(RedisServerChecks.text(slow)) ms, over \(count) round trips"
        guard median > 5 || slow > 100 else { return .ok("latency", text) }
        return .warning(
            "latency", text + "; every operation takes at least one",
            do: "Run the daemon near the server; LATENCY DOCTOR and SLOWLOG GET say what holds the server up.")
    }

    private static func text(_ milliseconds: Double) -> String {
        let micro = Int((milliseconds * 1000).rounded())
        return "\(micro / 1000)." + String(String(1000 + micro % 1000).dropFirst())
    }

    // MARK: - Memory

    private func eviction(_ policy: String?) -> Finding {
        switch policy {
        case nil: return .unseen("eviction", "the server does not say what it does when memory is full", do: "Look at maxmemory-policy.")
        case "noeviction"?: return .ok("eviction", "noeviction: writes are refused when memory is full, and nothing is lost")
        case let policy? where policy.hasPrefix("volatile-"):
            return .ok("eviction", "\(policy): when memory is full, sessions with a lifetime are lost before their time")
        case let policy?:
            return .error(
                "eviction", "\(policy): when memory is full the server throws away any key, and so parts of sessions that are in use",
                do: "Set maxmemory-policy to noeviction, or to volatile-ttl where losing sessions with a lifetime is fine.")
        }
    }

    private func memory(_ facts: ServerFacts) -> [Finding] {
        guard let used = facts.number("used_memory") else { return [] }
        guard let limit = facts.number("maxmemory"), limit > 0 else {
            let machine = facts.number("total_system_memory").map { ", of \(ByteSize.text($0)) of the machine" } ?? ""
            return [
                .warning(
                    "memory", "\(ByteSize.text(used)) used\(machine), without a limit: a full machine ends the server",
                    do: "Set maxmemory; leave room for copies while saving and for replicas.")
            ]
        }
        let percent = used >= limit ? 100 : Int(Double(used) / Double(limit) * 100)
        let text = "\(ByteSize.text(used)) of \(ByteSize.text(limit)) used (\(percent) %)"
        let policy = facts["maxmemory_policy"] ?? ""
        switch percent {
        case 95...:
            return [
                .error(
                    "memory",
                    text + (policy == "noeviction" ? ": writes are refused, or will be soon" : ": sessions are thrown away, or will be soon"),
                    do: "Raise maxmemory, give sessions shorter lifetimes (--session-ttl), or keep fewer events (--max-events).")
            ]
        case 75...:
            return [.warning("memory", text, do: "Raise maxmemory before it is full, or give sessions shorter lifetimes (--session-ttl).")]
        default: return [.ok("memory", text)]
        }
    }

    // MARK: - Persistence

    private func persistence(_ facts: ServerFacts) -> [Finding] {
        if facts.isSet("loading") {
            return [.error("persistence", "the server is still reading its data from disk", do: "Wait, and look again.", exitCode: .tryAgain)]
        }
        var findings: [Finding] = []
        let saves = server.settings["save"].map { !$0.isEmpty }
        if facts.isSet("aof_enabled") {
            findings.append(appendOnly(facts))
        } else if saves == false {
            findings.append(
                .warning(
                    "persistence", "nothing is written to disk: when the server ends, all sessions are gone",
                    do: "Set appendonly yes, with appendfsync everysec or always."))
        } else {
            let since = facts.number("rdb_changes_since_last_save").map { "; \($0) changes since the last one" } ?? ""
            findings.append(
                .warning(
                    "persistence", "only snapshots are written to disk\(since): a crash loses what came after",
                    do: "Set appendonly yes, with appendfsync everysec or always."))
        }
        if let status = facts["rdb_last_bgsave_status"], status != "ok" {
            findings.append(
                .error(
                    "snapshot", "the last snapshot failed; the server refuses writes until one succeeds, unless it was told not to",
                    do: "Look at its log: the disk may be full, or memory too short for the copy (vm.overcommit_memory)."))
        }
        return findings
    }

    private func appendOnly(_ facts: ServerFacts) -> Finding {
        if let status = facts["aof_last_write_status"], status != "ok" {
            return .error("persistence", "the append-only file cannot be written, and the server refuses writes", do: "Make room on its disk.")
        }
        if let status = facts["aof_last_bgrewrite_status"], status != "ok" {
            return .warning(
                "persistence", "the append-only file grows: its last rewrite failed", do: "Look at the server's log: the disk may be full.")
        }
        switch server.settings["appendfsync"] {
        case "always"?: return .ok("persistence", "append-only file, synced before a write is acknowledged")
        case "no"?:
            return .warning(
                "persistence", "append-only file, synced when the system likes: a crash of the machine loses about half a minute",
                do: "Set appendfsync everysec or always.")
        case "everysec"?: return .ok("persistence", "append-only file, synced every second: a crash loses at most about two")
        default: return .ok("persistence", "append-only file")
        }
    }

    // MARK: - Replication

    private func replication(_ facts: ServerFacts) -> [Finding] {
        if facts["role"] == "slave" {
            return [
                .error(
                    "replication", "the server is a replica and refuses writes",
                    do: "Name the primary, or the Sentinels: redis+sentinel://HOST/NAME, so that it is found after a failover.")
            ]
        }
        let replicas = facts.replicas
        guard !replicas.isEmpty else {
            let text = "no replica is connected: when the server fails, nothing takes its place"
            return [topology == .standalone ? .ok("replication", text) : .warning("replication", text, do: "Start one, or see why it is away.")]
        }
        let backlog = facts.number("repl_backlog_size") ?? 0
        var findings: [Finding] = []
        for replica in replicas {
            let behind = facts.bytesBehind(replica)
            if replica.state != "online" {
                findings.append(
                    .warning("replication", "the replica \(replica.address) is copying (\(replica.state))", do: "Wait, and look again."))
            } else if replica.lag > 10 || (backlog > 0 && behind > backlog / 2) {
                findings.append(
                    .warning(
                        "replication",
                        "the replica \(replica.address) is \(ByteSize.text(behind)) behind and was heard of \(replica.lag) s ago; a failover loses that much",
                        do: "Look at its load and the network; raise repl-backlog-size so that it need not copy everything again."))
            }
        }
        guard findings.isEmpty else { return findings }
        let behind = replicas.map { facts.bytesBehind($0) }.max() ?? 0
        return [.ok("replication", "\(replicas.count) connected, at most \(ByteSize.text(behind)) behind")]
    }

    // MARK: - Load

    private func load(_ facts: ServerFacts) -> [Finding] {
        var findings: [Finding] = []
        if let evicted = facts.number("evicted_keys") {
            findings.append(
                evicted == 0
                    ? .ok("evictions", "none since the server started")
                    : .warning(
                        "evictions", "\(evicted) keys were thrown away to make room since the server started",
                        do: "Raise maxmemory: each may have been a session."))
        }
        if let clients = facts.number("connected_clients") {
            let limit = facts.number("maxclients") ?? server.settings["maxclients"].flatMap { Int($0) }
            let text = "\(clients) connected" + (limit.map { " of at most \($0)" } ?? "")
            let isFull = limit.map { clients > $0 / 10 * 9 } ?? false
            findings.append(
                isFull ? .warning("clients", text, do: "Raise maxclients, or find who keeps so many: CLIENT LIST.") : .ok("clients", text))
        }
        let (hits, misses) = (facts.number("keyspace_hits") ?? 0, facts.number("keyspace_misses") ?? 0)
        let (keys, expiring) = facts.keys(inDatabase: database)
        let share = hits + misses > 0 ? "; \(Int((Double(hits) / Double(hits + misses) * 100).rounded())) % of look-ups found their key" : ""
        findings.append(.ok("keys", "\(keys) in database \(database), \(expiring) of them with a lifetime\(share)"))
        return findings
    }
}
