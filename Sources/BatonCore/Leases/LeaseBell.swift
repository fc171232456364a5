internal import Synchronization

/// Wakes those who wait for the leases of sessions: one observation of the storage for all of them.
///
/// The observation begins with the first who waits, and lasts: beginning one may cost a connection.
final class LeaseBells: Sendable {
    private struct State {
        var bells: [SessionKey: [Int: LeaseBell]] = [:]
        var observation: StorageObservation?
        var lastNumber = 0
        var isClosed = false
    }

    private let storage: any Storage
    private let state = Mutex(State())

    init(_ storage: any Storage) { self.storage = storage }

    /// How many wait.
    var count: Int { state.withLock { $0.bells.values.reduce(0) { $0 + $1.count } } }

    /// A bell that is rung by hints at the session until `remove` is called with its number.
    func add(_ key: SessionKey) -> (number: Int, bell: LeaseBell) {
        let bell = LeaseBell()
        let (number, isFirst) = state.withLock { state in
            state.lastNumber += 1
            state.bells[key, default: [:]][state.lastNumber] = bell
            return (state.lastNumber, state.observation == nil && !state.isClosed)
        }
        if isFirst {
            let observation = storage.observe { [weak self] hint in self?.ring(hint) }
            let surplus: StorageObservation? = state.withLock { state in
                if state.isClosed || state.observation != nil { return observation }
                state.observation = observation
                return nil
            }
            surplus?.cancel()
        }
        return (number, bell)
    }

    func remove(_ number: Int, _ key: SessionKey) {
        state.withLock { state in
            state.bells[key]?[number] = nil
            if state.bells[key]?.isEmpty == true { state.bells[key] = nil }
        }
    }

    func close() {
        let (bells, observation) = state.withLock { state in
            state.isClosed = true
            defer { state.observation = nil }
            return (state.bells.values.flatMap(\.values), state.observation)
        }
        observation?.cancel()
        for bell in bells { bell.ring(times: .max) }
    }

    private func ring(_ hint: StorageHint) {
        let bells: [LeaseBell] = state.withLock { state in
            switch hint {
            case .session(let key): Array((state.bells[key] ?? [:]).values)
            case .everything: state.bells.values.flatMap(\.values)
            case .topic: []
            }
        }
        for bell in bells { bell.ring() }
    }
}

/// Counts how often it was rung since it was last reset, and wakes the one who waits for that.
final class LeaseBell: Sendable {
    private struct State {
        var rings = 0
        var wanted = 0
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func ring(times: Int = 1) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.rings = state.rings.addingReportingOverflow(times).overflow ? .max : state.rings + times
            guard state.rings >= state.wanted else { return nil }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume()
    }

    /// Forgets all rings. To be called before looking: what happens after the look began is heard.
    func reset() { state.withLock { $0.rings = 0 } }

    /// Waits until it has been rung often enough, for this long at most, or until the task is cancelled; returns whether it was rung.
    func wait(forRings wanted: Int, upTo limit: Duration) async -> Bool {
        let alarm = Task {
            do { try await Task.sleep(for: limit) } catch { return }
            self.ring(times: .max)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    state.wanted = max(1, wanted)
                    if state.rings >= state.wanted { return true }
                    state.waiting = continuation
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            ring(times: .max)
        }
        alarm.cancel()
        return state.withLock { $0.rings != .max }
    }
}
