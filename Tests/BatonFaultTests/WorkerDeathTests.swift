import Baton
import BatonCore
import BatonTesting
import Glibc
import Testing

/// What becomes of events whose workers are killed, stopped or slow; processes of their own on either store.
@Suite("Workers that die, sleep and dawdle", .timeLimit(.minutes(3)))
struct WorkerDeathTests {
    /// A group of a topic with events, and a place for effects.
    private struct Scene {
        let topic: TopicHandle
        let group: GroupHandle
        let effects: EffectTable
        let start: (_ role: String, _ name: String) throws -> ChildProcess
    }

    private func withScene(_ subject: FaultSubject, _ settings: GroupSettings, _ body: (Scene) async throws -> Void) async throws {
        try await subject.with { place in
            try await TemporaryDirectory.with { directory in
                let store = try await SessionStore.open(place.address.store)
                let topic = try store.topic("t")
                let group = try topic.group("g")
                try await group.set(settings, from: .start)
                let started = Guarded<[ChildProcess]>([])
                let scene = Scene(topic: topic, group: group, effects: try EffectTable(directory.file("effects.db"))) { role, name in
                    let process = try ChildProcess(
                        BuiltProduct.path("BusWorker"),
                        [
                            role, place.address.store, "-", name, "1", directory.file("history"), "t", "g", "\(settings.leaseMilliseconds)",
                            directory.file("effects.db"),
                        ])
                    started.withLock { $0.append(process) }
                    return process
                }
                func end() async {
                    for process in started.withLock({ $0 }) {
                        process.send(signal: SIGKILL)
                        await process.exit()
                    }
                    await store.close()
                }
                do { try await body(scene) } catch {
                    await end()
                    throw error
                }
                await end()
            }
        }
    }

    private func publish(_ names: [String], key: String? = nil, to scene: Scene) async throws {
        try await scene.topic.publish(names.map { TopicEventDraft(type: "x", key: key, data: JSON(string: $0), id: $0) })
    }

    private func lines(_ process: ChildProcess) -> [String] {
        String(decoding: process.output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test(
        "an event whose worker is killed after its effect comes to another as the same one, its second time, and changes nothing more",
        arguments: [FaultSubject.sqlite, .redis])
    func killed(_ subject: FaultSubject) async throws {
        try await withScene(subject, GroupSettings(leaseMilliseconds: 500)) { scene in
            try await publish(["e-1"], to: scene)
            let victim = try scene.start("hold", "dies")
            try await eventually("the effect is made") { lines(victim).contains("applied e-1 1") }
            let held = try await scene.group.store.pending(in: "g", of: "t").elements
            victim.send(signal: SIGKILL)
            await victim.exit()
            let heir = try scene.start("consume", "heir")
            try await eventually("somebody finishes it") { try await scene.group.inspect().oldestUnfinished == nil }
            #expect(heir.status == nil)
            let facts = try await scene.group.inspect()
            #expect(facts.pending == 0 && facts.dead == 0 && facts.lag == 0)
            #expect(held.map(\.attempt) == [1])
            #expect(scene.effects.all(of: "g") == [BusHistory.Effect(name: "e-1", id: try #require(held.first).id)])
        }
    }

    @Test(
        "a worker that slept through its lease can say nothing any more, and its handler is told to abort", arguments: [FaultSubject.sqlite, .redis])
    func zombie(_ subject: FaultSubject) async throws {
        try await withScene(subject, GroupSettings(leaseMilliseconds: 600)) { scene in
            try await publish(["e-1"], to: scene)
            let zombie = try scene.start("hold", "zombie")
            try await eventually("it has begun") { lines(zombie).contains("applied e-1 1") }
            // One that stops inside a transaction holds up everybody who writes to the file; this is not about that.
            zombie.send(signal: SIGSTOP)
            while (try? await scene.topic.retain(.standard)) == nil {
                zombie.send(signal: SIGCONT)
                try await Task.sleep(for: .milliseconds(20))
                zombie.send(signal: SIGSTOP)
            }
            // What it held, as it will show it again.
            let stale = try #require(try await scene.group.store.pending(in: "g", of: "t").elements.first)
            let heir = try await scene.group.receive(wait: .seconds(30), as: "heir").deliveries
            #expect(heir.map(\.id) == [stale.id] && heir.map(\.attempt) == [2])
            let delivery = try #require(heir.first)
            #expect(try await scene.group.settle([Settlement(id: delivery.id, token: delivery.token, .extend(60_000))], as: "heir") == [.done])
            zombie.send(signal: SIGCONT)
            try await eventually("its handler is told") { lines(zombie).contains("aborted e-1 1") }
            // Neither its heartbeat nor anything else it said has touched the event.
            let pending = try await scene.group.store.pending(in: "g", of: "t").elements
            #expect(pending.map(\.consumer) == ["heir"] && pending.map(\.attempt) == [2])
            #expect(try await scene.group.settle([Settlement(id: delivery.id, token: delivery.token, .acknowledge)], as: "heir") == [.done])
            #expect(try await scene.group.settle([Settlement(id: delivery.id, token: delivery.token, .acknowledge)], as: "heir") == [.fenced])
            #expect(try await scene.group.inspect().oldestUnfinished == nil)
        }
    }

    @Test(
        "eight events held by one worker with one slot come once each, though all of them take five leases", arguments: [FaultSubject.sqlite, .redis])
    func prefetched(_ subject: FaultSubject) async throws {
        try await withScene(subject, GroupSettings(leaseMilliseconds: 1000)) { scene in
            try await publish((1...8).map { "e-\($0)" }, to: scene)
            let attempts = Guarded<[String: [Int]]>([:])
            let group = scene.group
            let worker = Task {
                try await group.consume(as: "slow", concurrency: 1, prefetch: 7) { delivery in
                    attempts.withLock { $0[delivery.event.ownName, default: []].append(delivery.attempt) }
                    try await Task.sleep(for: .milliseconds(600))
                }
            }
            // Somebody who would take whatever is free.
            let idle = Task {
                try await group.consume(as: "idle") { delivery in
                    attempts.withLock { $0[delivery.event.ownName, default: []].append(delivery.attempt) }
                }
            }
            try await eventually("all are finished") { try await scene.group.inspect().oldestUnfinished == nil }
            for task in [worker, idle] {
                task.cancel()
                try await task.value
            }
            #expect(attempts.withLock { $0 } == Dictionary(uniqueKeysWithValues: (1...8).map { ("e-\($0)", [1]) }))
        }
    }

    @Test(
        "an event that kills every worker is a dead letter after as many deaths as allowed, holds up no other key, and is put back in its place once",
        arguments: [FaultSubject.sqlite, .redis])
    func poison(_ subject: FaultSubject) async throws {
        let settings = GroupSettings(
            maximumDeliveries: 3, leaseMilliseconds: 400, backoffMilliseconds: 10, maximumBackoffMilliseconds: 20, isOrdered: true)
        try await withScene(subject, settings) { scene in
            // Names that end in -13 are poison to workers.
            try await publish(["a-13", "a-14"], key: "a", to: scene)
            try await publish((1...10).map { "b-\($0)" }, key: "b", to: scene)
            var worker = try scene.start("die", "w1")
            var began = 0
            try await eventually("the poison is a dead letter and everything else is done") {
                if worker.status != nil {
                    #expect(worker.status == -SIGKILL)
                    began += lines(worker).count { $0.hasPrefix("began a-13 ") }
                    worker = try scene.start("die", "w\(began + 1)")
                }
                return try await scene.group.inspect().oldestUnfinished == nil
            }
            #expect(began == 3)
            let dead = try await scene.group.deadLetters().elements
            let letter = try #require(dead.first)
            #expect(dead.count == 1 && letter.event?.id == "a-13" && letter.event?.seq == 1)
            #expect(letter.reason == DeliveryFailure.leaseEnded && letter.history.map(\.attempt) == [1, 2, 3])
            let effects = scene.effects.all(of: "g").map(\.name)
            #expect(effects.filter { $0.hasPrefix("b") } == (1...10).map { "b-\($0)" })
            #expect(effects.sorted() == (["a-14"] + (1...10).map { "b-\($0)" }).sorted())
            worker.send(signal: SIGKILL)
            await worker.exit()
            #expect(try await scene.group.redrive(.oldest(10)) == 1)
            #expect(try await scene.group.redrive(.oldest(10)) == 0)
            let again = try await scene.group.receive(max: 10, wait: .seconds(5), as: "repaired").deliveries
            #expect(again.map(\.id) == [letter.id] && again.first?.event.id == "a-13" && again.first?.attempt == 1)
        }
    }
}
