internal import Synchronization

/// All consumers of a store that wait for deliveries, and the one observation of its storage that wakes them.
final class WaitingLines: Sendable {
    private struct Key: Hashable {
        let topic: TopicLog.Key
        let group: TopicLog.Key
    }

    private struct Line {
        var line = WaitingLine()
        var uses = 0
        var sleeping: [WaitingLine.Ticket: CheckedContinuation<Void, Never>] = [:]
        /// Asks again when a lease or a delay is over.
        var alarm: (at: ContinuousClock.Instant, task: Task<Void, Never>)?
        /// How often it was said in a row that something is due and nothing was there.
        var vain = 0
        var watch: StorageObservation?
    }

    private struct State {
        var lines: [Key: Line] = [:]
        /// Counted over all lines that ever were: a timer that is late finds its own ticket or none, also in a line that was begun anew.
        var tickets: WaitingLine.Ticket = 0
        var observation: StorageObservation?
        var isClosed = false
        /// Nobody waits any longer; questions are still answered.
        var isEnding = false

        mutating func turn(of ticket: WaitingLine.Ticket, in key: Key) -> WaitingLine.Turn {
            isEnding && !isClosed ? .leave : lines[key]?.line.turn(of: ticket) ?? .leave
        }
    }

    private let storage: any Storage
    private let state = Mutex(State())

    /// Clocks of storages and processes differ, so nobody waits longer for the end of a lease before asking whether it has come.
    private static let longestAlarm = 1000

    init(storage: any Storage) { self.storage = storage }

    /// How many wait; one that is asking the storage just now does not.
    var count: Int { state.withLock { $0.lines.values.reduce(0) { $0 + $1.sleeping.count } } }

    /// Asks until there is something, or the deadline has passed.
    func receive(
        from topic: String, in group: String, until deadline: ContinuousClock.Instant, _ ask: () async throws(StoreError) -> Received
    ) async throws(StoreError) -> Received {
        let key = Key(topic: TopicLog.Key(topic), group: TopicLog.Key(group))
        // Hints are heard before the first question, so that nothing falls between it and the waiting.
        let ticket = try join(key)
        var mayBeMore = false
        defer { leave(key, ticket, mayBeMore: mayBeMore) }
        let timer = Task { [weak self] in
            guard (try? await Task.sleep(until: deadline)) != nil else { return }
            self?.expire(key, ticket)
        }
        defer { timer.cancel() }
        var isFirst = true
        while true {
            if !isFirst {
                switch await turn(key, ticket) {
                case .leave, .wait: return Received(deliveries: [], nextDue: nil, lost: 0)
                case .closed: throw StoreError.storeClosed
                case .ask: break
                }
            }
            isFirst = false
            let received = try await ask()
            if !received.deliveries.isEmpty || received.lost > 0 {
                mayBeMore = true
                return received
            }
            askedInVain(key, ticket, nextDue: received.nextDue)
        }
    }

    /// Whoever waits leaves with nothing, and nobody waits from now on.
    func end() {
        let sleeping = state.withLock { state in
            state.isEnding = true
            var sleeping: [CheckedContinuation<Void, Never>] = []
            for key in state.lines.keys {
                sleeping += state.lines[key]?.sleeping.values.map { $0 } ?? []
                state.lines[key]?.sleeping = [:]
            }
            return sleeping
        }
        for continuation in sleeping { continuation.resume() }
    }

    /// The store was closed: nobody waits any longer.
    func close() {
        let (sleeping, observation) = state.withLock { state in
            state.isClosed = true
            var sleeping: [CheckedContinuation<Void, Never>] = []
            for key in state.lines.keys {
                for ticket in state.lines[key]?.line.close() ?? [] {
                    if let continuation = state.lines[key]?.sleeping.removeValue(forKey: ticket) { sleeping.append(continuation) }
                }
            }
            defer { state.observation = nil }
            return (sleeping, state.observation)
        }
        observation?.cancel()
        for continuation in sleeping { continuation.resume() }
    }

    // MARK: - Standing in line

    private func join(_ key: Key) throws(StoreError) -> WaitingLine.Ticket {
        let (ticket, needsWatch, needsObservation) = try state.withLock { (state) throws(StoreError) in
            if state.isClosed { throw StoreError.storeClosed }
            var line = state.lines[key] ?? Line()
            line.uses += 1
            state.tickets += 1
            let ticket = state.tickets
            line.line.join(ticket)
            let needsWatch = line.watch == nil
            state.lines[key] = line
            return (ticket, needsWatch, state.observation == nil)
        }
        if needsObservation { observe() }
        if needsWatch { watch(key) }
        return ticket
    }

    private func leave(_ key: Key, _ ticket: WaitingLine.Ticket, mayBeMore: Bool) {
        let (woken, alarm, watch, observation) = state.withLock {
            state -> (CheckedContinuation<Void, Never>?, Task<Void, Never>?, StorageObservation?, StorageObservation?) in
            guard var line = state.lines[key] else { return (nil, nil, nil, nil) }
            line.uses -= 1
            let next = line.line.leave(ticket, mayBeMore: mayBeMore)
            let woken = next.flatMap { line.sleeping.removeValue(forKey: $0) }
            guard line.uses == 0 else {
                state.lines[key] = line
                return (woken, nil, nil, nil)
            }
            state.lines[key] = nil
            guard state.lines.isEmpty else { return (woken, line.alarm?.task, line.watch, nil) }
            defer { state.observation = nil }
            return (woken, line.alarm?.task, line.watch, state.observation)
        }
        alarm?.cancel()
        watch?.cancel()
        observation?.cancel()
        woken?.resume()
    }

    /// Waits for the ticket's turn.
    private func turn(_ key: Key, _ ticket: WaitingLine.Ticket) async -> WaitingLine.Turn {
        while !Task.isCancelled {
            let turn = state.withLock { $0.turn(of: ticket, in: key) }
            guard turn == .wait else { return turn }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let resumesAtOnce = state.withLock { state in
                        guard !Task.isCancelled, state.turn(of: ticket, in: key) == .wait else { return true }
                        state.lines[key]?.sleeping[ticket] = continuation
                        return false
                    }
                    if resumesAtOnce { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.lines[key]?.sleeping.removeValue(forKey: ticket) }?.resume()
            }
        }
        return .leave
    }

    private func expire(_ key: Key, _ ticket: WaitingLine.Ticket) {
        wake(key) { $0.expire(ticket) }
    }

    private func hint(_ key: Key) {
        wake(key) { $0.hint() }
    }

    private func wake(_ key: Key, _ decide: (inout WaitingLine) -> WaitingLine.Ticket?) {
        state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard var line = state.lines[key] else { return nil }
            let woken = decide(&line.line).flatMap { line.sleeping.removeValue(forKey: $0) }
            state.lines[key] = line
            return woken
        }?.resume()
    }

    // MARK: - Leases and delays

    private func askedInVain(_ key: Key, _ ticket: WaitingLine.Ticket, nextDue: Timestamp?) {
        let surplus = state.withLock { state -> Task<Void, Never>? in
            guard var line = state.lines[key] else { return nil }
            defer { state.lines[key] = line }
            line.line.askedInVain(ticket)
            guard let nextDue else { return nil }
            let left = nextDue.milliseconds - SystemClock.now().milliseconds
            line.vain = left > 0 ? 0 : min(line.vain + 1, 8)
            // Something is due by the storage's clock and not by ours, or was taken by somebody else: not at once again.
            let delay = left > 0 ? min(left, WaitingLines.longestAlarm) : min(4 << line.vain, WaitingLines.longestAlarm)
            let at = ContinuousClock.now + .milliseconds(delay)
            if let alarm = line.alarm, alarm.at <= at { return nil }
            defer {
                line.alarm = (
                    at,
                    Task { [weak self] in
                        guard (try? await Task.sleep(until: at)) != nil else { return }
                        self?.ring(key, at)
                    }
                )
            }
            return line.alarm?.task
        }
        surplus?.cancel()
    }

    private func ring(_ key: Key, _ at: ContinuousClock.Instant) {
        state.withLock { if $0.lines[key]?.alarm?.at == at { $0.lines[key]?.alarm = nil } }
        hint(key)
    }

    // MARK: - Hints

    private func watch(_ key: Key) {
        let watch = storage.watch(topic: key.topic.name)
        let surplus = state.withLock { state -> StorageObservation? in
            guard var line = state.lines[key], line.watch == nil else { return watch }
            line.watch = watch
            state.lines[key] = line
            return nil
        }
        surplus?.cancel()
    }

    private func observe() {
        let observation = storage.observe { [weak self] hint in self?.hear(hint) }
        let surplus: StorageObservation? = state.withLock { state in
            if state.isClosed || state.observation != nil || state.lines.isEmpty { return observation }
            state.observation = observation
            return nil
        }
        surplus?.cancel()
    }

    private func hear(_ hint: StorageHint) {
        let concern = TopicLog.concern(of: hint)
        let keys = state.withLock { state in state.lines.keys.filter { concern.covers($0.topic) } }
        for key in keys { self.hint(key) }
    }
}
