internal import BatonRedis

/// A cluster as one of its nodes sees it.
struct ClusterChecks {
    private let cluster: ClusterNodes

    /// How many slots every cluster has.
    private static let slots = 16_384

    init(_ cluster: ClusterNodes) { self.cluster = cluster }

    func findings() -> [Finding] {
        let coverage = cluster.coverage
        let primaries = cluster.nodes.filter { $0.isPrimary && $0.slots > 0 }
        var findings = [
            coverage == ClusterChecks.slots
                ? Finding.ok("cluster", "all \(coverage) slots are served by \(primaries.filter { !$0.isDown }.count) primaries")
                : .error(
                    "cluster", "only \(coverage) of \(ClusterChecks.slots) slots are served: the sessions of the others cannot be reached",
                    do: "Bring the failed nodes back, or: redis-cli --cluster fix HOST:PORT")
        ]
        for node in cluster.nodes where node.isDown {
            findings.append(
                .warning(
                    "cluster", "the \(node.isPrimary ? "primary" : "replica") \(node.address) is down",
                    do: "Start it again, or take it out: redis-cli --cluster del-node"))
        }
        let bare = primaries.filter { primary in !primary.isDown && cluster.replicas(of: primary).allSatisfy(\.isDown) }
        if !bare.isEmpty {
            findings.append(
                .warning(
                    "cluster", "no replica can take the place of \(bare.map(\.address).joined(separator: ", "))",
                    do: "Add replicas: redis-cli --cluster add-node --cluster-slave"))
        }
        return findings
    }
}

/// What the Sentinels say.
struct SentinelChecks {
    private let sentinels: Sentinels

    init(_ sentinels: Sentinels) { self.sentinels = sentinels }

    func findings() -> [Finding] {
        var findings: [Finding] = sentinels.answers.compactMap { answer in
            answer.failure.map {
                .warning(
                    "sentinels", "the Sentinel \(answer.sentinel) does not answer: \($0)", do: "Start it again: too few cannot agree on a failover.")
            }
        }
        guard let answer = sentinels.answers.first(where: { $0.failure == nil }) else { return findings }
        let known = 1 + (answer.primary["num-other-sentinels"].flatMap { Int($0) } ?? 0)
        let quorum = answer.primary["quorum"].flatMap { Int($0) } ?? 0
        let reached = sentinels.answers.count { $0.failure == nil }
        if reached < quorum, sentinels.answers.count >= quorum {
            findings.append(
                .error("sentinels", "\(reached) answer, but \(quorum) have to agree that the primary is down", do: "Bring Sentinels back."))
        } else if known < 3 || known.isMultiple(of: 2) {
            findings.append(
                .warning(
                    "sentinels", "\(known) watch the primary, with a quorum of \(quorum)",
                    do: "Run three or five, on machines of their own: most of them have to agree on a failover."))
        } else {
            findings.append(.ok("sentinels", "\(known) watch the primary, with a quorum of \(quorum)"))
        }
        if let flags = answer.primary["flags"], flags.contains("down") {
            findings.append(
                .error("sentinels", "the Sentinels hold the primary for down (\(flags))", do: "Wait for the failover, or start it again."))
        }
        for replica in answer.replicas {
            guard let flags = replica["flags"], flags.contains("down") || flags.contains("disconnected") || replica["master-link-status"] == "err"
            else { continue }
            findings.append(
                .warning("sentinels", "the replica \(replica["name"] ?? "?") is down", do: "Start it again: it cannot take the primary's place."))
        }
        return findings
    }
}
