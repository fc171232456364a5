import Baton
import BatonCore
import BatonTesting
import Glibc
import Testing

/// Processes that publish, append and consume, while they and their server are killed and stopped at moments that a seed gives; and what their
/// histories show.
struct FaultRun {
    let seed: UInt64
    let subject: FaultSubject
    let length: Duration

    /// How long deliveries are held.
    private static let lease = 500
    private static let sessions = 4

    /// What came of it.
    struct Report: CustomStringConvertible {
        var faults = 0
        var written = 0
        var handOuts = 0
        var repeated = 0
        var fenced = 0
        var effects = 0
        var dead = 0

        static func += (a: inout Report, b: Report) {
            a.faults += b.faults
            a.written += b.written
            a.handOuts += b.handOuts
            a.repeated += b.repeated
            a.fenced += b.fenced
            a.effects += b.effects
            a.dead += b.dead
        }

        var description: String {
            "\(faults) faults; \(written) events acknowledged to writers, \(handOuts) handed out, \(repeated) of them again, \(fenced) words fenced, "
                + "\(effects) effects, \(dead) dead letters"
        }
    }

    /// A process, and how to start another in its place.
    private struct Worker {
        let role: String
        /// What it is told after its history.
        let arguments: [String]
        var name: String
        var process: ChildProcess

        var isWriter: Bool { role == "publish" || role == "append" }
    }

    /// Runs it; an issue for everything that should not have happened.
    func check() async throws -> Report {
        try await subject.with { place in
            try await TemporaryDirectory.with { directory in
                do {
                    let report = try await check(place, directory)
                    await place.end()
                    return report
                } catch {
                    await place.end()
                    throw error
                }
            }
        }
    }

    private func check(_ place: FaultPlace, _ directory: TemporaryDirectory) async throws -> Report {
        var random = SplitMix64(seed: seed)
        let store = try await SessionStore.open(place.address.store)
        let effects = try EffectTable(directory.file("effects.db"))
        let isShort = Bool.random(using: &random)
        try await prepare(store, isShort: isShort, &random)

        var workers: [Worker] = []
        var gone: [ChildProcess] = []
        var count = 0
        func start(_ role: String, _ arguments: [String], as name: String? = nil) throws -> Worker {
            count += 1
            let name = name ?? "\(role.prefix(1))\(count)"
            let process = try ChildProcess(
                BuiltProduct.path("BusWorker"),
                [
                    role, place.address.store, place.address.durability, name, "\(UInt64.random(in: 0...UInt64.max, using: &random))",
                    directory.file("history.\(count)"),
                ] + arguments)
            return Worker(role: role, arguments: arguments, name: name, process: process)
        }
        defer { for worker in workers { worker.process.send(signal: SIGKILL) } }
        for role in ["publish", "publish", "append"] { workers.append(try start(role, [])) }
        for (topic, group) in [("t", "u"), ("t", "o"), (Topic.sessions, "s")] {
            for role in ["receive", "consume"] {
                workers.append(try start(role, [topic, group, "\(Self.lease)", directory.file("effects.db")]))
            }
        }

        var report = Report()
        let end = ContinuousClock.now + length
        var stopped: [(worker: Int, until: ContinuousClock.Instant)] = []
        func wake(at now: ContinuousClock.Instant) {
            for (worker, until) in stopped where until <= now { workers[worker].process.send(signal: SIGCONT) }
            stopped.removeAll { $0.until <= now }
        }
        while ContinuousClock.now < end {
            let pause = ContinuousClock.now + .milliseconds(Int.random(in: 20...500, using: &random))
            while ContinuousClock.now < pause {
                wake(at: .now)
                try await Task.sleep(for: .milliseconds(5))
            }
            report.faults += 1
            if Int.random(in: 0..<6, using: &random) == 0 {
                if try await place.strike(using: &random, isHalfTime: ContinuousClock.now > end - length / 2) { continue }
            }
            let index = Int.random(in: 0..<workers.count, using: &random)
            guard !stopped.contains(where: { $0.worker == index }) else { continue }
            if Bool.random(using: &random) {
                let worker = workers[index]
                worker.process.send(signal: SIGKILL)
                gone.append(worker.process)
                // Writers number their events from 0, so each has a name of its own. A consumer may be back under its name.
                let keepsName = !worker.isWriter && Bool.random(using: &random)
                workers[index] = try start(worker.role, worker.arguments, as: keepsName ? worker.name : nil)
            } else {
                workers[index].process.send(signal: SIGSTOP)
                stopped.append((index, .now + .milliseconds(Int.random(in: 100...3 * Self.lease, using: &random))))
            }
        }
        if subject == .failover, place.takeovers.isEmpty { _ = try await place.strike(using: &random, isHalfTime: true) }
        wake(at: .now + .seconds(60))

        // Writers stop; whoever consumes comes to the end.
        for worker in workers where worker.isWriter {
            worker.process.send(signal: SIGKILL)
            await worker.process.exit()
        }
        try? await eventually("the groups have finished everything", every: .milliseconds(50)) {
            for (topic, group) in [("t", "u"), ("t", "o"), (Topic.sessions, "s")] {
                guard let facts = try? await store.inspect(group: group, of: topic), facts.pending == 0, facts.lag == 0 else { return false }
            }
            return true
        }
        for worker in workers { worker.process.send(signal: SIGKILL) }
        for process in workers.map(\.process) + gone { await process.exit() }
        for process in workers.map(\.process) + gone where !process.errors.isEmpty || process.status != -SIGKILL {
            Issue.record("seed \(seed) on \(subject): a worker ended by itself: \(String(decoding: process.errors.suffix(2000), as: UTF8.self))")
        }

        var history = BusHistory()
        for number in 1...count { history.add(try Self.contents(of: directory.file("history.\(number)"))) }
        history.takeovers = place.takeovers
        try await look(at: store, effects, isShort: isShort, &history)
        await store.close()
        let violations = history.violations()
        for violation in violations.prefix(20) { Issue.record("seed \(seed) on \(subject): \(violation)") }
        if violations.count > 20 { Issue.record("seed \(seed) on \(subject): and \(violations.count - 20) more") }

        report.written = history.written.count
        report.handOuts = history.handOuts.count
        report.repeated = history.handOuts.count - Set(history.handOuts.map { "\($0.group) \($0.id)" }).count
        report.fenced = history.words.count { $0.answered != nil && !$0.isDone }
        report.effects = history.groups.values.reduce(0) { $0 + $1.effects.count }
        report.dead = history.groups.values.reduce(0) { $0 + $1.dead.count }
        return report
    }

    // MARK: - Before and after

    private func prepare(_ store: SessionStore, isShort: Bool, _ random: inout SplitMix64) async throws {
        // So short that writers have to wait for the groups.
        if isShort {
            try await store.retain(TopicRetention(maximumEvents: 200, maximumBytes: nil, maximumAge: nil, policy: .safe), in: "t")
        }
        let settings = GroupSettings(
            maximumDeliveries: 12, leaseMilliseconds: Self.lease, backoffMilliseconds: 5, maximumBackoffMilliseconds: 50)
        var ordered = settings
        ordered.isOrdered = true
        try await store.setGroup("u", of: "t", settings, from: .start)
        try await store.setGroup("o", of: "t", ordered, from: .start)
        try await store.setGroup("s", of: Topic.sessions, ordered, from: .start)
    }

    private func look(at store: SessionStore, _ effects: EffectTable, isShort: Bool, _ history: inout BusHistory) async throws {
        var stored: [BusHistory.Stored] = []
        var query = TopicQuery(limit: 1000)
        while true {
            let page = try await store.events(in: "t", query)
            stored += page.events.map { BusHistory.Stored(name: $0.ownName, seq: $0.seq ?? 0, key: $0.key ?? "") }
            if page.upToDate { break }
            query.cursor = .offset(page.next)
        }
        history.logs["t"] = BusHistory.Log(events: stored, isTrimmed: isShort)
        var paths: [String] = []
        for number in 0..<Self.sessions {
            let key = try SessionKey(app: "faults", user: "u", id: "s\(number)")
            var events: [BusHistory.Stored] = []
            var query = EventQuery(limit: EventQuery.maximumLimit)
            do throws(StoreError) {
                while true {
                    let page = try await store.events(in: key, query)
                    events += page.events.map { BusHistory.Stored(name: $0.content.stringValue ?? "?", seq: $0.seq, key: key.path) }
                    guard !page.upToDate, let next = page.next else { break }
                    query.after = .offset(next)
                }
            } catch { guard error.code == .notFound else { throw error } }
            history.logs[key.path] = BusHistory.Log(events: events)
            paths.append(key.path)
        }
        for (topic, name, logs) in [("t", "u", ["t"]), ("t", "o", ["t"]), (Topic.sessions, "s", paths)] {
            let facts = try await store.inspect(group: name, of: topic)
            let group = try store.topic(topic).group(name)
            var dead: Set<String> = []
            var last: String?
            repeat {
                let page = try await group.deadLetters(after: last, limit: 1000)
                dead.formUnion(page.elements.compactMap { $0.event?.ownName })
                last = page.next
            } while last != nil
            history.groups[name] = BusHistory.Group(
                logs: logs, isOrdered: facts.settings.isOrdered, lease: Self.lease * 1_000_000, unfinished: facts.pending + facts.lag,
                lost: facts.lost, dead: dead, effects: effects.all(of: name))
        }
    }

    private static func contents(of path: String) throws -> String {
        // A worker that was killed at once has said nothing.
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
