import Baton
import BatonCore
import BatonTesting
import FoundationEssentials
import Testing

/// Worker processes that all go through the same tool calls, while some are killed and some are stopped for longer than they hold a call.
struct ToolRun {
    let address: String
    let seed: UInt64
    let workers: Int
    let sessions: Int
    let faults: Int
    /// Where the effects are written to.
    let directory: String
    /// Of what the workers write; that of their store unless given.
    var durability: String? = nil
    /// Happens to the server in the middle.
    var outage: () async throws -> Void = {}
    private static let hold = 1000

    /// What came of it.
    struct Report: CustomStringConvertible {
        var faults = 0
        var killed = 0
        var calls = 0
        var told = 0
        var effects = 0
        var failed = 0
        var ambiguous = 0
        var pages = 0
        var orphans = 0

        static func += (a: inout Report, b: Report) {
            a.faults += b.faults
            a.killed += b.killed
            a.calls += b.calls
            a.told += b.told
            a.effects += b.effects
            a.failed += b.failed
            a.ambiguous += b.ambiguous
            a.pages += b.pages
            a.orphans += b.orphans
        }

        var description: String {
            "\(faults) faults (\(killed) killed), \(calls) calls, \(effects) effects, \(told) results told, \(ambiguous) left ambiguous, "
                + "\(failed) failed, \(pages) pages read, \(orphans) half rounds in the logs"
        }
    }

    private struct Place: Hashable {
        let session: String
        let key: String
    }

    /// Runs it, and holds the effects against the ledger and what was told.
    func check() async throws -> Report {
        let store = try await SessionStore.open(address)
        let app = "tools-\(seed)"
        let keys = try (0..<sessions).map { try SessionKey(app: app, user: "u", id: "s\($0)") }
        for key in keys { _ = try await store.create(key) }
        let file = "\(directory)/effects-\(seed)"
        var report = Report(faults: faults)
        var turn = 0
        let (lines, killed) = try await WorkerCrew.run(
            ["tools", address, app], ["\(sessions)", file, "\(Self.hold)"], workers: workers, faults: faults, seed: seed, progress: 4 * sessions,
            durability: durability, outage: outage
        ) {
            // What a model is shown is whole at any moment.
            turn += 1
            let order: EventQuery.Order = turn.isMultiple(of: 2) ? .asc : .desc
            try await expectWholeRounds(in: keys[turn % keys.count], store, EventQuery(limit: 20, order: order))
            report.pages += 1
        }
        report.killed = killed

        var effects: [Place: [String]] = [:]
        for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 3 { effects[Place(session: words[0], key: words[1]), default: []].append(words[2]) }
        }
        for (place, nonces) in effects { #expect(nonces.count == 1, "an effect that happened \(nonces.count) times: \(place), seed \(seed)") }
        for words in lines where words.count == 3 {
            report.told += 1
            #expect(effects[Place(session: words[0], key: words[1])] == [words[2]], "a result that nothing had: \(words), seed \(seed)")
        }
        for key in keys {
            var query = ToolCallQuery(limit: 1000)
            while true {
                let page = try await store.toolCalls(in: key, query)
                for call in page.calls { try await check(call, of: key, in: store, effects[Place(session: key.id, key: call.key)], &report) }
                guard let next = page.next else { break }
                query.after = next
            }
            report.orphans += try await store.orphans(in: key).count
        }
        report.effects = effects.count
        await store.close()
        return report
    }

    /// What the ledger says is what happened; what it does not know can be said by hand, and then each effect is there exactly once.
    private func check(_ call: ToolCall, of key: SessionKey, in store: SessionStore, _ effects: [String]?, _ report: inout Report) async throws {
        let place = "\(call.key) of \(key.id), seed \(seed)"
        report.calls += 1
        switch call.status {
        case .completed: #expect(call.result?.stringValue == effects?.first, "\(place)")
        case .failed:
            report.failed += 1
            #expect(effects == nil, "a failed call had an effect: \(place)")
        case .reserved, .ambiguous:
            report.ambiguous += 1
            try await eventually("the hold is over") { try await store.toolCall(call.key, in: key).status == .ambiguous }
            // Asking again does not run it.
            let again = try await store.reserve(ToolReservation(key: call.key, name: call.name, arguments: call.arguments), in: key)
            #expect(!again.granted, "\(place)")
            let outcome: ToolOutcome = effects.map { .completed(JSON(string: $0[0])) } ?? .failed(JSON(string: "lost"))
            #expect(try await store.finish(call.key, in: key, outcome).status != .ambiguous, "\(place)")
            let next = try await store.reserve(ToolReservation(key: call.key, name: call.name, arguments: call.arguments), in: key)
            #expect(next.granted == (effects == nil), "\(place)")
            #expect(effects == nil || next.call.result?.stringValue == effects?.first, "\(place)")
        }
    }

    private func expectWholeRounds(in key: SessionKey, _ store: SessionStore, _ query: EventQuery) async throws {
        let page = try await store.wholeRounds(in: key, query).page
        let references = page.events.map { ToolReferences(of: $0) }
        #expect(
            references.flatMap(\.calls).sorted() == references.flatMap(\.results).sorted(), "half a round was shown: \(key.id), seed \(seed)")
    }
}
