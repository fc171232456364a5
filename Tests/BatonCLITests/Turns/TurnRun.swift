import Baton
import BatonCore
import BatonTesting
import Testing

/// Worker processes that take turns in the same sessions, while some of them are killed and some are stopped for longer than their leases, at
/// moments that a seed gives.
struct TurnRun {
    let address: String
    /// Each run has sessions of its own.
    var app: String { "turns-\(seed)" }
    let seed: UInt64
    let workers: Int
    let sessions: Int
    /// How many workers are killed or stopped.
    let faults: Int
    /// Of what the workers write; that of their store unless given.
    var durability: String? = nil
    /// Happens to the server in the middle.
    var outage: () async throws -> Void = {}
    /// A lease lasts a second, which is the least.
    private static let ttl = 1000
    private static let parts = 4

    /// What came of it.
    struct Report: CustomStringConvertible {
        var faults = 0
        var acknowledged = 0
        var turns = 0
        var events = 0
        var epochs = 0

        static func += (a: inout Report, b: Report) {
            a.faults += b.faults
            a.acknowledged += b.acknowledged
            a.turns += b.turns
            a.events += b.events
            a.epochs += b.epochs
        }

        var description: String {
            "\(faults) faults, \(acknowledged) turns acknowledged, \(turns) stored, \(events) events, \(epochs) epochs that wrote"
        }
    }

    /// Runs it, and holds what is stored against what was acknowledged.
    func check() async throws -> Report {
        let store = try await SessionStore.open(address)
        let keys = try (0..<sessions).map { try SessionKey(app: app, user: "u", id: "s\($0)") }
        for key in keys { _ = try await store.create(key) }
        let (turns, _) = try await WorkerCrew.run(
            ["turns", address, app], ["\(sessions)", "\(Self.parts)", "\(Self.ttl)"], workers: workers, faults: faults, seed: seed,
            progress: sessions, durability: durability, outage: outage)

        var report = Report(faults: faults)
        let told = turns.filter { $0.count == 3 }.map { (session: $0[0], turn: $0[1]) }
        report.acknowledged = told.count
        for key in keys {
            try await check(key, in: store, told: Set(told.filter { $0.session == key.id }.map(\.turn)), &report)
        }
        await store.close()
        return report
    }

    private func check(_ key: SessionKey, in store: SessionStore, told: Set<String>, _ report: inout Report) async throws {
        var events: [Event] = []
        var query = EventQuery(limit: EventQuery.maximumLimit)
        while true {
            let page = try await store.events(in: key, query)
            events += page.events
            guard !page.upToDate, let next = page.next else { break }
            query.after = .offset(next)
        }
        let place = "seed \(seed), session \(key.id)"
        #expect(events.map(\.seq) == Array(1...max(1, events.count)), "holes: \(place)")

        // Who was fenced writes nothing after those who came later: in the order of the log epochs never go back.
        let epochs = events.map { $0.content["epoch"]?.intValue ?? 0 }
        #expect(epochs == epochs.sorted(), "a write after its fence: \(place)")
        #expect(!epochs.contains(0), "\(place)")

        // Every staged turn is there as a whole, in one piece, once.
        let staged = events.filter { $0.type == "staged" }
        var stored: Set<String> = []
        var index = 0
        while index < staged.count {
            let turn = staged[index].content["turn"]?.stringValue ?? ""
            let pieces = staged[index..<min(index + Self.parts, staged.count)]
            #expect(pieces.map { $0.content["turn"]?.stringValue } == Array(repeating: turn, count: Self.parts), "a torn turn: \(place)")
            #expect(pieces.map { $0.content["part"]?.intValue } == Array(0..<Self.parts), "a torn turn: \(place)")
            #expect(pieces.first.map { $0.seq + Self.parts - 1 } == pieces.last?.seq, "somebody wrote in between: \(place)")
            #expect(stored.insert(turn).inserted, "a turn that was stored twice: \(place)")
            index += Self.parts
        }
        #expect(told.subtracting(stored).isEmpty, "turns that were acknowledged and are not there: \(place)")
        report.turns += stored.count
        report.events += events.count
        report.epochs += Set(epochs).count
    }
}
