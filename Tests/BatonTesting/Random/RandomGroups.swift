internal import BatonCore
internal import Testing

/// Holds the groups of a storage to a small model of one, with random operations.
///
/// The model knows of every event whether it is new, held, delayed, done or dead, who holds it and until when. From that follow what a consumer
/// gets, and the promises: one valid holder at a time, nothing acknowledged comes back, nothing is lost, and the order of each key.
public struct RandomGroups: Sendable {
    /// The seed that the operations come from.
    public let seed: UInt64
    /// How many operations.
    public let count: Int

    /// Operations from a seed.
    public init(seed: UInt64, count: Int = 300) {
        self.seed = seed
        self.count = count
    }

    /// Does the operations on a storage of the fixture, and records an issue for the first that does not do as the model.
    public func check(_ fixture: any StorageFixture) async throws {
        let clock = ManualClock()
        let opened = try await fixture.open(StorePolicy(), clock: clock.now)
        var run = GroupRun(seed: seed, storage: opened.storage, clock: clock)
        do {
            try await run.perform(count)
        } catch let difference as GroupRun.Difference {
            Issue.record("\(fixture.name), seed \(seed): \(difference.text)\n\(run.steps.suffix(12).joined(separator: "\n"))")
        } catch {
            await opened.discard()
            throw error
        }
        await opened.discard()
    }
}

/// One sequence of operations, and the model that they are compared with.
private struct GroupRun {
    struct Difference: Error { let text: String }

    /// What the model knows of an event.
    private struct Event {
        enum State: Equatable {
            case new
            /// Behind another of its key.
            case aside
            case held(consumer: String, token: String, until: Int)
            case delayed(until: Int)
            case done
            case dead
        }

        let number: Int
        let key: String?
        var state = State.new
        var attempt = 0

        var isFinished: Bool { state == .done || state == .dead }
        var due: Int? {
            switch state {
            case .held(_, _, let until), .delayed(let until): until
            default: nil
            }
        }
    }

    private var random: SplitMix64
    private let storage: any Storage
    private let clock: ManualClock
    private let settings: GroupSettings
    private var events: [Event] = []
    private var ids: [String: Int] = [:]
    private var tokens: Set<String> = []
    /// Everything that was ever handed out, for settlements that come too late.
    private var history: [(delivery: Delivery, consumer: String)] = []
    private(set) var steps: [String] = []

    init(seed: UInt64, storage: any Storage, clock: ManualClock) {
        random = SplitMix64(seed: seed)
        self.storage = storage
        self.clock = clock
        settings = GroupSettings(
            maximumDeliveries: Int.random(in: 1...4, using: &random), leaseMilliseconds: 1000, backoffMilliseconds: 0, maximumBackoffMilliseconds: 0,
            isOrdered: Bool.random(using: &random))
    }

    private var now: Int { clock.now().milliseconds }

    private func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if !condition { throw Difference(text: text()) }
    }

    mutating func perform(_ count: Int) async throws {
        _ = try await storage.setGroup("g", of: "t", settings, from: .start)
        for _ in 0..<count {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<5: try await publish()
            case 5..<11: try await receive(Int.random(in: 1...6, using: &random))
            case 11..<17: try await settle()
            case 17..<18: if !settings.isOrdered { try await redrive() }
            default:
                let time = [1, 300, 700, 1000].randomElement(using: &random)!
                steps.append("\(time) ms pass")
                clock.advance(milliseconds: time)
            }
        }
        try await finish()
    }

    private mutating func publish() async throws {
        let key = [nil, "a", "b", "c"].randomElement(using: &random)!
        let count = Int.random(in: 1...4, using: &random)
        steps.append("publish \(count) with key \(key ?? "none"), from \(events.count) on")
        let drafts = (0..<count).map { TopicEventDraft(type: "x", key: key, data: JSON(string: "\(events.count + $0)")) }
        _ = try await storage.publish(TopicBatch(drafts), to: "t")
        for _ in 0..<count { events.append(Event(number: events.count, key: key)) }
    }

    // MARK: - Receiving

    /// What the model would hand out, in order, and since when each was due; new events stand behind all of these.
    private mutating func take(_ limit: Int) -> (numbers: [Int], due: [Int: Int]) {
        var taken: [Int] = []
        var times: [Int: Int] = [:]
        while taken.count < limit {
            let due = events.filter { $0.due.map { $0 <= now } ?? false && !taken.contains($0.number) }.min {
                ($0.due!, $0.number) < ($1.due!, $1.number)
            }
            guard let event = due else { break }
            if event.attempt >= settings.maximumDeliveries {
                finish(event.number, .dead)
            } else {
                taken.append(event.number)
                times[event.number] = event.due
            }
        }
        for number in events.indices where events[number].state == .new {
            guard taken.count < limit else { break }
            if isBehind(number) { events[number].state = .aside } else { taken.append(number) }
            if taken.last == number {
                events[number].state = .delayed(until: .max)
                times[number] = .max - events.count + number
            }
        }
        return (taken, times)
    }

    /// Whether an earlier event of the key is unfinished.
    private func isBehind(_ number: Int) -> Bool {
        guard settings.isOrdered, let key = events[number].key else { return false }
        return events[..<number].contains { $0.key == key && !$0.isFinished }
    }

    private mutating func finish(_ number: Int, _ state: Event.State) {
        events[number].state = state
        guard settings.isOrdered, let key = events[number].key,
            let next = events.first(where: { $0.key == key && $0.state == .aside })?.number
        else { return }
        events[next].state = .delayed(until: now)
    }

    private mutating func receive(_ limit: Int) async throws {
        let consumer = ["x", "y", "z"].randomElement(using: &random)!
        let received = try await storage.receive(limit, from: "t", as: consumer, in: "g")
        let expected = take(limit)
        let got = received.deliveries.map { Int($0.event.data.stringValue ?? "") ?? -1 }
        steps.append("\(consumer) receives \(limit): \(got)")
        // What is due since the same moment has no order: of that, some may have become due during this very call.
        let isSame = got.sorted() == expected.numbers.sorted() && got.map { expected.due[$0] } == expected.numbers.map { expected.due[$0] }
        try expect(isSame, "expected \(expected.numbers), got \(got)")
        try expect(received.lost == 0, "\(received.lost) were lost")
        for delivery in received.deliveries {
            let number = Int(delivery.event.data.stringValue ?? "") ?? -1
            events[number].attempt += 1
            events[number].state = .held(consumer: consumer, token: delivery.token, until: now + settings.leaseMilliseconds)
            try expect(
                delivery.attempt == events[number].attempt, "event \(number) came as attempt \(delivery.attempt), not \(events[number].attempt)")
            try expect(tokens.insert(delivery.token).inserted, "the token \(delivery.token) was given out twice")
            try expect(ids.updateValue(number, forKey: delivery.id) ?? number == number, "two events have the id \(delivery.id)")
            history.append((delivery, consumer))
        }
    }

    // MARK: - Settling

    private mutating func settle() async throws {
        guard !history.isEmpty else { return }
        let consumer = ["x", "y", "z"].randomElement(using: &random)!
        var settlements: [Settlement] = []
        var expected: [SettlementOutcome] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            // Mostly what was handed out lately, now and then something long past.
            let recent = Bool.random(using: &random) ? history.suffix(6) : history[...]
            let (delivery, _) = recent.randomElement(using: &random)!
            let action: Settlement.Action =
                [
                    .acknowledge, .acknowledge, .reject(delay: 0, reason: "r"), .reject(delay: 500, reason: nil), .reject(delay: nil, reason: nil),
                    .extend(2000), .release, .terminate(reason: nil),
                ].randomElement(using: &random)!
            settlements.append(Settlement(id: delivery.id, token: delivery.token, action))
            expected.append(apply(action, to: delivery, by: consumer))
        }
        let outcomes = try await storage.settle(settlements, of: "t", as: consumer, in: "g")
        steps.append("\(consumer) settles \(settlements.map { "\(ids[$0.id] ?? -1) \($0.action)" }): \(outcomes)")
        try expect(outcomes == expected, "expected \(expected), got \(outcomes)")
    }

    private mutating func apply(_ action: Settlement.Action, to delivery: Delivery, by consumer: String) -> SettlementOutcome {
        guard let number = ids[delivery.id], case .held(consumer, delivery.token, _) = events[number].state else { return .fenced }
        switch action {
        case .acknowledge: finish(number, .done)
        case .terminate: finish(number, .dead)
        case .extend(let time): events[number].state = .held(consumer: consumer, token: delivery.token, until: now + time)
        case .release:
            events[number].attempt -= 1
            events[number].state = .delayed(until: now)
        case .reject(let delay, _):
            if events[number].attempt >= settings.maximumDeliveries {
                finish(number, .dead)
            } else {
                events[number].state = .delayed(until: now + (delay ?? 0))
            }
        }
        return .done
    }

    private mutating func redrive() async throws {
        let dead = events.filter { $0.state == .dead }.map(\.number)
        let count = try await storage.redrive(.oldest(2), in: "g", of: "t")
        steps.append("redrive \(count)")
        try expect(count == min(2, dead.count), "\(count) were put back of \(dead)")
        for number in dead.prefix(2) {
            events[number].state = .delayed(until: now)
            events[number].attempt = 0
        }
    }

    // MARK: - The end

    /// Everything is worked off: what was published is done or dead, and nothing else.
    private mutating func finish() async throws {
        while true {
            clock.advance(milliseconds: 3000)
            let before = history.count
            try await receive(100)
            guard history.count > before else { break }
            for (delivery, consumer) in history[before...] {
                let outcomes = try await storage.settle(
                    [Settlement(id: delivery.id, token: delivery.token, .acknowledge)], of: "t", as: consumer, in: "g")
                try expect(outcomes == [.done], "a valid holder was fenced")
                _ = apply(.acknowledge, to: delivery, by: consumer)
            }
        }
        let unfinished = events.filter { !$0.isFinished }.map(\.number)
        try expect(unfinished.isEmpty, "\(unfinished) were never finished")
        let group = try await storage.group("g", of: "t")
        let dead = events.filter { $0.state == .dead }
        try expect(
            group.pending == 0 && group.lag == 0 && group.lost == 0, "the group holds \(group.pending), lags by \(group.lag), lost \(group.lost)")
        try expect(group.dead == dead.count, "\(group.dead) dead letters, not \(dead.count)")
        let letters = try await storage.deadLetters(in: "g", of: "t", after: nil, limit: 1000).elements
        try expect(
            letters.map { $0.event?.data.stringValue ?? "?" } == dead.prefix(1000).map { "\($0.number)" },
            "other dead letters than \(dead.map(\.number))")
    }
}
