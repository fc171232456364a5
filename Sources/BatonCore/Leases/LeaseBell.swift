internal import Synchronization

/// Wakes those who wait for the leases of sessions: one observation of the storage for all of them.
///
/// The observation begins with the first who waits, and lasts: beginning one may cost a connection.
///
/// Once a turn, those who wait for a session are rung: when its lease is released. A release in this process is known at once. That of
/// another shows as a hint at the session, as every step of a turn does; so while turns are taken here, hints are gathered for a moment, for
/// mostly they tell of what is done here, and looking after each would cost more than the turn.
final class LeaseBells: Sendable {
    /// Those who wait for one session.
    private struct Line {
        var bells: [Int: LeaseBell] = [:]
        /// The epoch of the lease that was last given to somebody here, until it is seen that somebody elsewhere has a later one.
        var epochHere: Int?
        /// Rings when hints have gathered.
        var gathering: Task<Void, Never>?
    }

    private struct State {
        var lines: [SessionKey: Line] = [:]
        var observation: StorageObservation?
        var lastNumber = 0
        var isClosed = false
    }

    private static let gatheringTime = Duration.milliseconds(2)

    private let storage: any Storage
    private let state = Mutex(State())

    init(_ storage: any Storage) { self.storage = storage }

    /// How many wait.
    var count: Int { state.withLock { $0.lines.values.reduce(0) { $0 + $1.bells.count } } }

    /// A bell that is rung for the session until `remove` is called with its number.
    func add(_ key: SessionKey) -> (number: Int, bell: LeaseBell) {
        let bell = LeaseBell()
        let (number, isFirst) = state.withLock { state in
            state.lastNumber += 1
            state.lines[key, default: Line()].bells[state.lastNumber] = bell
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
            state.lines[key]?.bells[number] = nil
            guard state.lines[key]?.bells.isEmpty == true else { return }
            state.lines.removeValue(forKey: key)?.gathering?.cancel()
        }
    }

    /// Somebody here was given the lease of an epoch.
    func acquired(_ epoch: Int, _ key: SessionKey) {
        state.withLock { $0.lines[key]?.epochHere = epoch }
    }

    /// Somebody has the lease of this epoch, as a look has shown.
    func found(_ epoch: Int, _ key: SessionKey) {
        state.withLock { state in
            guard let here = state.lines[key]?.epochHere, here < epoch else { return }
            state.lines[key]?.epochHere = nil
        }
    }

    /// Somebody here has released the lease.
    func released(_ key: SessionKey) {
        let bells = state.withLock { state -> [LeaseBell] in
            guard let line = state.lines[key] else { return [] }
            line.gathering?.cancel()
            state.lines[key]?.gathering = nil
            return Array(line.bells.values)
        }
        for bell in bells { bell.ring() }
    }

    func close() {
        let (lines, observation) = state.withLock { state in
            state.isClosed = true
            defer { state.observation = nil }
            return (Array(state.lines.values), state.observation)
        }
        observation?.cancel()
        for line in lines {
            line.gathering?.cancel()
            for bell in line.bells.values { bell.ring(times: .max) }
        }
    }

    private func ring(_ hint: StorageHint) {
        let bells: [LeaseBell] = state.withLock { state in
            switch hint {
            case .session(let key):
                guard let line = state.lines[key] else { return [] }
                guard line.epochHere != nil else { return Array(line.bells.values) }
                if line.gathering == nil { state.lines[key]?.gathering = gather(key) }
                return []
            case .everything: return state.lines.values.flatMap(\.bells.values)
            case .topic: return []
            }
        }
        for bell in bells { bell.ring() }
    }

    /// Rings in a moment, unless the lease is released here before: then those who wait know already.
    private func gather(_ key: SessionKey) -> Task<Void, Never> {
        Task { [weak self] in
            do { try await Task.sleep(for: LeaseBells.gatheringTime) } catch { return }
            self?.ringGathered(key)
        }
    }

    private func ringGathered(_ key: SessionKey) {
        let bells = state.withLock { state -> [LeaseBell] in
            // Cancelled at the last moment: the release has rung.
            guard !Task.isCancelled, let line = state.lines[key] else { return [] }
            state.lines[key]?.gathering = nil
            return Array(line.bells.values)
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
