import Baton
import BatonCore
import BatonTesting
import Glibc
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
        var random = SplitMix64(seed: seed)
        var processes = try (0..<workers).map { try start($0) }
        var ended: [ChildProcess] = []
        defer { for process in processes { process.send(signal: SIGKILL) } }

        try await eventually("all sessions are written to", every: .milliseconds(10)) { acknowledged(processes).count >= sessions }
        var stopped: [(worker: Int, until: ContinuousClock.Instant)] = []
        func wake(at now: ContinuousClock.Instant) {
            for (worker, until) in stopped where until <= now { processes[worker].send(signal: SIGCONT) }
            stopped.removeAll { $0.until <= now }
        }
        for _ in 0..<faults {
            let pause = ContinuousClock.now + .milliseconds(Int.random(in: 1...150, using: &random))
            while ContinuousClock.now < pause {
                wake(at: .now)
                try await Task.sleep(for: .milliseconds(1))
            }
            let worker = Int.random(in: 0..<workers, using: &random)
            guard !stopped.contains(where: { $0.worker == worker }) else { continue }
            if Bool.random(using: &random) {
                processes[worker].send(signal: SIGKILL)
                ended.append(processes[worker])
                // By the same name: it fences what is left of its predecessor. Or by another, which has to wait.
                processes[worker] = try start(Bool.random(using: &random) ? worker : worker + 1000 + ended.count)
            } else {
                processes[worker].send(signal: SIGSTOP)
                stopped.append((worker, .now + .milliseconds(Int.random(in: 200...1900, using: &random))))
            }
        }
        while !stopped.isEmpty {
            wake(at: .now)
            try await Task.sleep(for: .milliseconds(1))
        }
        // Nobody holds anybody up for good.
        let before = acknowledged(processes + ended).count
        try await eventually("turns go on", every: .milliseconds(10)) { acknowledged(processes + ended).count >= before + sessions }
        for process in processes { process.send(signal: SIGKILL) }
        for process in processes + ended { await process.exit() }

        var report = Report(faults: faults)
        let told = acknowledged(processes + ended)
        report.acknowledged = told.count
        for key in keys {
            try await check(key, in: store, told: Set(told.filter { $0.session == key.id }.map(\.turn)), &report)
        }
        await store.close()
        return report
    }

    private func start(_ number: Int) throws -> ChildProcess {
        let directory = BatonProcess.binary.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return try ChildProcess(directory + "/TurnWorker", [address, app, "w\(number)", "\(sessions)", "\(Self.parts)", "\(Self.ttl)"])
    }

    /// What the workers said to have stored.
    private func acknowledged(_ processes: [ChildProcess]) -> [(session: String, turn: String)] {
        processes.flatMap { process in
            // The last line may be half of one.
            String(decoding: process.output, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap { line in
                let words = line.split(separator: " ")
                return words.count == 3 ? (String(words[0]), String(words[1])) : nil
            }
        }
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
