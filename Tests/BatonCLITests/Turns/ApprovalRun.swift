import Baton
import BatonCore
import BatonTesting
import Testing

/// Worker processes that ask the same questions, wait for the answers and decide them, all against each other, while some are killed and stopped.
struct ApprovalRun {
    let address: String
    let seed: UInt64
    let workers: Int
    let sessions: Int
    let faults: Int
    /// Of what the workers write; that of their store unless given.
    var durability: String? = nil
    /// Happens to the server in the middle.
    var outage: () async throws -> Void = {}
    /// Whether who waits for an answer may be told one that a failover then loses: reading waits for no replica.
    var answersMayBeLost = false

    /// What came of it.
    struct Report: CustomStringConvertible {
        var faults = 0
        var decided = 0
        var expired = 0
        var answers = 0
        var decisions = 0

        static func += (a: inout Report, b: Report) {
            a.faults += b.faults
            a.decided += b.decided
            a.expired += b.expired
            a.answers += b.answers
            a.decisions += b.decisions
        }

        var description: String {
            "\(faults) faults, \(decided) questions decided, \(expired) expired, \(decisions) decisions acknowledged, \(answers) answers told"
        }
    }

    /// Runs it, and holds what was told against what is stored.
    func check() async throws -> Report {
        let store = try await SessionStore.open(address)
        let app = "approvals-\(seed)"
        let keys = try (0..<sessions).map { try SessionKey(app: app, user: "u", id: "s\($0)") }
        for key in keys { _ = try await store.create(key) }
        let (lines, _) = try await WorkerCrew.run(
            ["approvals", address, app], ["\(sessions)"], workers: workers, faults: faults, seed: seed, progress: 8 * sessions,
            durability: durability, outage: outage)
        var report = Report(faults: faults)
        for key in keys { try await check(key, in: store, lines.filter { $0.count == 5 && $0[1] == key.id }, &report) }
        await store.close()
        return report
    }

    private func check(_ key: SessionKey, in store: SessionStore, _ lines: [[String]], _ report: inout Report) async throws {
        var shown: [String: Int] = [:]
        var query = EventQuery(limit: EventQuery.maximumLimit)
        query.filter.types = [Approval.decidedType]
        while true {
            let page = try await store.events(in: key, query)
            for event in page.events { shown[event.content["key"]?.stringValue ?? "?", default: 0] += 1 }
            guard !page.upToDate, let next = page.next else { break }
            query.after = .offset(next)
        }
        let told = Dictionary(grouping: lines, by: { $0[2] })
        var approvals: [Approval] = []
        while case let page = try await store.approvals(in: key, after: approvals.last?.key), !page.isEmpty { approvals += page }
        for approval in approvals {
            let place = "\(approval.key) of \(key.id), seed \(seed)"
            let answers = Set((told[approval.key] ?? []).filter { !answersMayBeLost || $0[0] == "decided" }.map { Array($0[3...]) })
            report.decisions += told[approval.key]?.filter { $0[0] == "decided" }.count ?? 0
            report.answers += told[approval.key]?.filter { $0[0] == "answer" }.count ?? 0
            if approval.status == .decided {
                report.decided += 1
                #expect(shown[approval.key] == 1, "decided and shown \(shown[approval.key] ?? 0) times: \(place)")
                #expect(answers.subtracting([[approval.decision ?? "", approval.decidedBy ?? ""]]).isEmpty, "told something else: \(place)")
                if let decided = approval.decidedAt, let deadline = approval.expiresAt { #expect(decided < deadline, "too late: \(place)") }
            } else {
                if approval.status == .expired { report.expired += 1 }
                #expect(shown[approval.key] == nil, "\(place)")
                #expect(answers.isEmpty, "an answer that nobody gave: \(place)")
            }
        }
    }
}
