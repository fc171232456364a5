import BatonCore
import BatonTesting
import Glibc
import Testing

/// Real processes, killed and stopped at random. `BATON_TURN_RUNS` says how many seeds of each kind; a handful is run without it.
@Suite("Workers that take turns")
struct TurnTests {
    private static let runs = getenv("BATON_TURN_RUNS").flatMap { Int(String(cString: $0)) } ?? 1
    private static let firstSeed = getenv("BATON_TURN_SEED").flatMap { UInt64(String(cString: $0)) } ?? 1

    private func check(_ name: String, workers: Int, sessions: Int, faults: Int, on address: String) async throws {
        var total = TurnRun.Report()
        for run in 0..<Self.runs {
            let seed = Self.firstSeed + UInt64(run)
            total += try await TurnRun(address: address, seed: seed, workers: workers, sessions: sessions, faults: faults).check()
        }
        #expect(total.acknowledged > 0 && total.turns >= total.acknowledged)
        if Self.runs > 1 { print("\(name): \(Self.runs) runs, \(total)") }
    }

    @Test("two workers in many sessions of Redis")
    func pairs() async throws {
        try await RedisServer.with { server in
            try await check("pairs on Redis", workers: 2, sessions: 16, faults: 8, on: "redis://127.0.0.1:\(server.port)")
        }
    }

    @Test("sixty-four workers in one session of Redis")
    func crowd() async throws {
        try await RedisServer.with { server in
            try await check("a crowd on Redis", workers: 64, sessions: 1, faults: 16, on: "redis://127.0.0.1:\(server.port)")
        }
    }

    @Test("two workers in the sessions of one file")
    func pairsOnAFile() async throws {
        try await withTemporaryDirectory { directory in
            try await check("pairs on a file", workers: 2, sessions: 8, faults: 8, on: "sqlite:\(directory)/a.db")
        }
    }

    @Test("two workers at a daemon")
    func pairsAtADaemon() async throws {
        try await withTemporaryDirectory { directory in
            try await withDaemon(store: "sqlite:\(directory)/a.db") { daemon in
                try await check("pairs at a daemon", workers: 2, sessions: 8, faults: 8, on: daemon.url)
            }
        }
    }

    // MARK: - A failover in the middle

    /// A primary, a replica that takes its place in the middle of a run, and behind that another, which confirms what is written from then on.
    ///
    /// - Parameter run: one run with a seed, on stores at an address, with what happens in the middle.
    private func checkFailover(
        _ run: (_ seed: UInt64, _ address: String, _ outage: @escaping () async throws -> Void) async throws -> Void
    ) async throws {
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.runs) {
            try await RedisReplication.with { servers in
                try await RedisServer.with(["--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1 \(servers.replica.port)"]) { last in
                    try await servers.replica.isCopied(to: [last])
                    try await run(seed, servers.address) { try await servers.failOver() }
                }
            }
        }
    }

    private static let confirmed = "wait:1:5s"

    @Test("turns that a replica has confirmed outlive the primary, and who is fenced stays fenced")
    func turnsAcrossAFailover() async throws {
        var total = TurnRun.Report()
        try await checkFailover { seed, address, outage in
            total += try await TurnRun(
                address: address, seed: seed, workers: 4, sessions: 4, faults: 8, durability: Self.confirmed, outage: outage
            ).check()
        }
        #expect(total.acknowledged > 0)
        if Self.runs > 1 { print("turns across a failover: \(Self.runs) runs, \(total)") }
    }

    @Test("tools that a replica has confirmed run at most once across a failover")
    func toolsAcrossAFailover() async throws {
        var total = ToolRun.Report()
        try await withTemporaryDirectory { directory in
            try await checkFailover { seed, address, outage in
                total += try await ToolRun(
                    address: address, seed: seed, workers: 4, sessions: 2, faults: 6, directory: directory, durability: Self.confirmed, outage: outage
                ).check()
            }
        }
        #expect(total.effects > 0)
        if Self.runs > 1 { print("tools across a failover: \(Self.runs) runs, \(total)") }
    }

    @Test("decisions that a replica has confirmed are the only ones, across a failover")
    func approvalsAcrossAFailover() async throws {
        var total = ApprovalRun.Report()
        try await checkFailover { seed, address, outage in
            total += try await ApprovalRun(
                address: address, seed: seed, workers: 4, sessions: 2, faults: 6, durability: Self.confirmed, outage: outage, answersMayBeLost: true
            ).check()
        }
        #expect(total.decided > 0)
        if Self.runs > 1 { print("approvals across a failover: \(Self.runs) runs, \(total)") }
    }

    // MARK: - Tools and approvals

    private func checkTools(_ name: String, workers: Int, sessions: Int, faults: Int, on address: String) async throws {
        try await withTemporaryDirectory { directory in
            var total = ToolRun.Report()
            for run in 0..<Self.runs {
                let seed = Self.firstSeed + UInt64(run)
                total += try await ToolRun(
                    address: address, seed: seed, workers: workers, sessions: sessions, faults: faults, directory: directory
                ).check()
            }
            #expect(total.effects > 0 && total.told >= total.effects - total.ambiguous)
            if Self.runs > 1 { print("\(name): \(Self.runs) runs, \(total)") }
        }
    }

    private func checkApprovals(_ name: String, workers: Int, sessions: Int, faults: Int, on address: String) async throws {
        var total = ApprovalRun.Report()
        for run in 0..<Self.runs {
            let seed = Self.firstSeed + UInt64(run)
            total += try await ApprovalRun(address: address, seed: seed, workers: workers, sessions: sessions, faults: faults).check()
        }
        #expect(total.decided > 0 && total.answers > 0)
        if Self.runs > 1 { print("\(name): \(Self.runs) runs, \(total)") }
    }

    @Test("tools of Redis sessions run at most once, and models see whole rounds")
    func tools() async throws {
        try await RedisServer.with { server in
            try await checkTools("tools on Redis", workers: 4, sessions: 4, faults: 12, on: "redis://127.0.0.1:\(server.port)")
        }
    }

    @Test("tools of sessions in one file run at most once, and models see whole rounds")
    func toolsOnAFile() async throws {
        try await withTemporaryDirectory { directory in
            try await checkTools("tools on a file", workers: 3, sessions: 3, faults: 8, on: "sqlite:\(directory)/a.db")
        }
    }

    @Test("questions in Redis are decided once, whoever asks and decides")
    func approvals() async throws {
        try await RedisServer.with { server in
            try await checkApprovals("approvals on Redis", workers: 4, sessions: 2, faults: 12, on: "redis://127.0.0.1:\(server.port)")
        }
    }

    @Test("questions in one file are decided once, whoever asks and decides")
    func approvalsOnAFile() async throws {
        try await withTemporaryDirectory { directory in
            try await checkApprovals("approvals on a file", workers: 3, sessions: 2, faults: 8, on: "sqlite:\(directory)/a.db")
        }
    }
}
