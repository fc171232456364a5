internal import BatonCore

/// What `baton bench` does to a store, in sessions of its own.
struct Workload: Sendable {
    /// What is measured.
    enum Operation: String, Sendable, CaseIterable {
        /// An event to a session, each caller to its own.
        case append
        /// The same, everybody to one session.
        case appendTogether = "append to one session"
        /// A session with its state and its last 50 events.
        case get = "get with 50 events"
        /// A key of a session's state.
        case setState = "set state"
        /// From the moment an event is appended until a follower has it.
        case follow = "append until seen"
    }

    /// An operation, by so many callers at once.
    struct Step: Hashable, Sendable {
        let operation: Operation
        let callers: Int
    }

    private let store: SessionStore
    private let callers: [Int]
    private let time: Duration
    private let event: NewEvent
    private let keys: [SessionKey]

    /// How many events the sessions have that are read.
    private static let events = 50

    init(_ store: SessionStore, callers: [Int], time: Duration, size: Int) throws {
        self.store = store
        self.callers = callers
        self.time = time
        event = NewEvent(JSON(string: String(repeating: "b", count: size)))
        let run = String(UInt64.random(in: 0 ... .max), radix: 36)
        keys = try (0..<max(1, callers.max() ?? 1)).map { try SessionKey(app: "baton-bench", user: run, id: "\($0)") }
    }

    /// Every operation by one caller, by some, by many. Followers are no callers: there is one.
    var steps: [Step] {
        Operation.allCases.flatMap { operation in
            operation == .follow ? [Step(operation: operation, callers: 1)] : callers.map { Step(operation: operation, callers: $0) }
        }
    }

    /// Makes the sessions. They go by themselves an hour after the last write.
    func prepare() async throws {
        for key in keys {
            _ = try await store.create(key, SessionDraft(lifetime: .seconds(3600)))
            try await store.session(key).append(Array(repeating: event, count: Workload.events))
        }
    }

    /// Takes away what was made; what cannot be reached expires.
    func cleanUp() async {
        for key in keys { _ = try? await store.delete(key) }
    }

    // MARK: - Measuring

    /// Lets the callers do it again and again for as long as is measured, each once at least.
    func measure(_ step: Step) async throws -> Measurement {
        if step.operation == .follow { return try await measureFollowing(step) }
        // The first of each kind finds nothing prepared: scripts, statements, connections.
        for key in keys.prefix(step.callers) { try await perform(step.operation, key) }
        let start = ContinuousClock.now
        let end = start + time
        let samples = await withTaskGroup(of: Samples.self) { group in
            for number in 0..<step.callers {
                group.addTask {
                    var samples = Samples()
                    repeat {
                        let began = ContinuousClock.now
                        do throws(StoreError) {
                            try await perform(step.operation, keys[number])
                            samples.times.append(ContinuousClock.now - began)
                        } catch {
                            samples.failed(with: error)
                            // Whatever is the matter, asking without pause makes it no better.
                            try? await Task.sleep(for: .milliseconds(10))
                        }
                    } while ContinuousClock.now < end
                    return samples
                }
            }
            return await group.reduce(into: Samples()) { $0.add($1) }
        }
        return try Measurement(step, samples, took: ContinuousClock.now - start)
    }

    private func perform(_ operation: Operation, _ key: SessionKey) async throws(StoreError) {
        switch operation {
        case .append, .follow: try await store.session(key).append(event)
        case .appendTogether: try await store.session(keys[0]).append(event)
        case .get: _ = try await store.get(key, SnapshotQuery(events: Workload.events))
        case .setState: try await store.session(key).set("bench", to: JSON(string: "value"))
        }
    }

    /// One at a time: the next is appended when the one before was seen.
    private func measureFollowing(_ step: Step) async throws -> Measurement {
        let key = keys[0]
        var samples = Samples()
        var tail = try await store.get(key).record.tail
        var follower = store.session(key).follow(after: .offset(tail)).makeAsyncIterator()
        let start = ContinuousClock.now
        let end = start + time
        repeat {
            let began = ContinuousClock.now
            tail = try await store.session(key).append(event).tail
            while let event = try await follower.next(), event.seq < tail.seq {}
            samples.times.append(ContinuousClock.now - began)
        } while ContinuousClock.now < end
        return try Measurement(step, samples, took: ContinuousClock.now - start)
    }
}

/// What callers noted.
struct Samples: Sendable {
    var times: [Duration] = []
    private(set) var failures = 0
    private(set) var firstError: StoreError?

    mutating func failed(with error: StoreError) {
        failures += 1
        if firstError == nil { firstError = error }
    }

    mutating func add(_ other: Samples) {
        times += other.times
        failures += other.failures
        if firstError == nil { firstError = other.firstError }
    }
}

/// What came of a step.
struct Measurement: Sendable {
    let step: Workload.Step
    let count: Int
    let failures: Int
    /// A second.
    let rate: Double
    /// Milliseconds that half of them took at most.
    let p50: Double
    /// Milliseconds that all but one in a hundred took at most.
    let p99: Double

    /// - Throws: the first error, when nothing went well.
    init(_ step: Workload.Step, _ samples: Samples, took time: Duration) throws {
        if samples.times.isEmpty, let error = samples.firstError { throw error }
        let times = samples.times.sorted()
        self.step = step
        count = times.count
        failures = samples.failures
        rate = time > .zero ? Double(times.count) / (time / .seconds(1)) : 0
        p50 = Measurement.milliseconds(times, 0.5)
        p99 = Measurement.milliseconds(times, 0.99)
    }

    /// The nearest rank.
    private static func milliseconds(_ times: [Duration], _ share: Double) -> Double {
        guard !times.isEmpty else { return 0 }
        let rank = Int((Double(times.count) * share).rounded(.up))
        return times[min(max(rank, 1), times.count) - 1] / .milliseconds(1)
    }
}
