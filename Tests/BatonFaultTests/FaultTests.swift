import BatonTesting
import Glibc
import Testing

/// What processes do and are told while they and their servers die, held against what a store promises.
///
/// Without anything being said: one short run of each kind. `make faults` says how long, from which seed on and where.
@Suite("Faults at random", .serialized)
struct FaultTests {
    private static func setting(_ name: String) -> String? {
        getenv("BATON_FAULT_\(name)").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static let minutes = setting("MINUTES").flatMap { Double($0) }
    private static let runs = setting("RUNS").flatMap { Int($0) }
    private static let firstSeed = setting("SEED").flatMap { UInt64($0) }
    private static let subjects = setting("ON").flatMap { FaultSubject(rawValue: $0) }.map { [$0] } ?? FaultSubject.allCases
    private static let isLong = minutes != nil || runs != nil

    @Test("nothing that was acknowledged is lost, doubled or out of order", .disabled(if: isLong), arguments: FaultSubject.allCases)
    func short(_ subject: FaultSubject) async throws {
        // One whose topic is so short that writers have to wait for the groups.
        let report = try await FaultRun(seed: Self.firstSeed ?? 3, subject: subject, length: .milliseconds(2500)).check()
        #expect(report.faults > 0 && report.written > 0 && report.handOuts > report.written && report.effects > 0, "\(report)")
    }

    @Test("for as long as it was asked for", .enabled(if: isLong))
    func long() async throws {
        let seconds = (Self.minutes ?? 24 * 60) * 60
        let end = ContinuousClock.now + .seconds(seconds)
        var totals: [FaultSubject: FaultRun.Report] = [:]
        var seed = Self.firstSeed ?? UInt64.random(in: 1...1_000_000)
        var run = 0
        while ContinuousClock.now < end, run < Self.runs ?? .max {
            for subject in Self.subjects where ContinuousClock.now < end {
                print("seed \(seed) on \(subject.rawValue)")
                let report = try await FaultRun(seed: seed, subject: subject, length: .seconds(12)).check()
                print("  \(report)")
                totals[subject, default: FaultRun.Report()] += report
            }
            seed += 1
            run += 1
        }
        for (subject, report) in totals { print("\(subject.rawValue) in all: \(report)") }
        #expect(totals.values.allSatisfy { $0.written > 0 && $0.effects > 0 })
    }
}
