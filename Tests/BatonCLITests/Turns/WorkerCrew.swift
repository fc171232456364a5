import BatonTesting
import Glibc

/// Worker processes that do the same work, while some of them are killed and some are stopped for longer than what they hold lasts, at moments that a
/// seed gives.
enum WorkerCrew {
    /// Lets them work until `faults` of them were killed or stopped and the others have gone on, and ends them all.
    ///
    /// - Parameters:
    ///   - before: what the workers are told before their name.
    ///   - after: and behind it.
    ///   - progress: how many lines there have to be before the first fault, and again after the last.
    ///   - durability: of what they write; that of their store unless given.
    ///   - outage: happens behind half of the faults, while they work.
    ///   - meanwhile: is called again and again while they work.
    /// - Returns: the words of every line that they wrote, and how many were killed.
    static func run(
        _ before: [String], _ after: [String], workers: Int, faults: Int, seed: UInt64, progress: Int,
        durability: String? = nil, outage: () async throws -> Void = {}, meanwhile: () async throws -> Void = {}
    ) async throws -> (lines: [[String]], killed: Int) {
        func start(_ number: Int) throws -> ChildProcess {
            try ChildProcess(
                BuiltProduct.path("TurnWorker"), before + ["w\(number)"] + after, environment: durability.map { ["TURN_DURABILITY": $0] } ?? [:])
        }
        var random = SplitMix64(seed: seed)
        var processes = try (0..<workers).map { try start($0) }
        var ended: [ChildProcess] = []
        defer { for process in processes { process.send(signal: SIGKILL) } }

        try await eventually("everybody works", every: .milliseconds(10)) {
            try await meanwhile()
            return lines(processes).count >= progress
        }
        var stopped: [(worker: Int, until: ContinuousClock.Instant)] = []
        func wake(at now: ContinuousClock.Instant) {
            for (worker, until) in stopped where until <= now { processes[worker].send(signal: SIGCONT) }
            stopped.removeAll { $0.until <= now }
        }
        for fault in 0..<faults {
            if fault == faults / 2 { try await outage() }
            let pause = ContinuousClock.now + .milliseconds(Int.random(in: 1...150, using: &random))
            while ContinuousClock.now < pause {
                wake(at: .now)
                try await meanwhile()
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
            try await meanwhile()
            try await Task.sleep(for: .milliseconds(1))
        }
        // Nobody holds anybody up for good.
        let before = lines(processes + ended).count
        try await eventually("the work goes on", every: .milliseconds(10)) {
            try await meanwhile()
            return lines(processes + ended).count >= before + progress
        }
        for process in processes { process.send(signal: SIGKILL) }
        for process in processes + ended { await process.exit() }
        return (lines(processes + ended), ended.count)
    }

    /// What the workers said. The last line of each may be half of one.
    private static func lines(_ processes: [ChildProcess]) -> [[String]] {
        processes.flatMap { process in
            String(decoding: process.output, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                .map { $0.split(separator: " ").map(String.init) }
        }
    }
}
