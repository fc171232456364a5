internal import Synchronization

/// One worker's turn in a session: while it lasts, nobody else writes.
///
/// Events are staged in memory and stored together by ``commit()``, or when the body of the turn ends: at once, or not at all. Until then
/// nobody sees them, and they vanish with the worker. Reading sees what is stored.
public final class Turn: Sendable {
    /// The session.
    public let session: Session
    /// The epoch of the lease; every write of the turn shows it.
    public let epoch: Int

    private struct State {
        var staged: [EventDraft] = []
        /// Names the next commit, so that it may be sent again when its answer was lost.
        var commitKey = Randomness.generation()
        /// Until when the lease is held for certain.
        var end: ContinuousClock.Instant
    }

    private let state: Mutex<State>

    init(_ session: Session, epoch: Int, end: ContinuousClock.Instant) {
        self.session = session
        self.epoch = epoch
        state = Mutex(State(end: end))
    }

    /// Stages an event.
    /// - Throws: ``StoreError/Code/invalidField`` and others when the event cannot be stored; ``StoreError/Code/tooLarge`` when more than
    ///   ``EventDraft/maximumBatch`` are staged.
    public func append(_ event: NewEvent) throws(StoreError) {
        let draft = try EventDraft(event)
        let isStaged = state.withLock { state in
            guard state.staged.count < EventDraft.maximumBatch else { return false }
            state.staged.append(draft)
            return true
        }
        guard isStaged else { throw StoreError(.tooLarge, "\(EventDraft.maximumBatch) events are staged already; commit them first") }
    }

    /// How many events are staged.
    public var stagedCount: Int { state.withLock { $0.staged.count } }

    /// Stores what is staged, all or nothing; `nil` when nothing is.
    ///
    /// While the lease is held, a commit whose outcome is not known is sent again: it takes effect once. What could not be stored stays
    /// staged. Not to be called by several tasks at once.
    /// - Throws: ``StoreError/Code/fenced`` when the lease is lost.
    @discardableResult
    public func commit() async throws(StoreError) -> AppendReceipt? {
        let (staged, key) = state.withLock { ($0.staged, $0.commitKey) }
        guard !staged.isEmpty else { return nil }
        let batch = EventBatch(staged, idempotencyKey: "turn-\(key)", epoch: epoch)
        var delay = Duration.milliseconds(20)
        while true {
            do throws(StoreError) {
                let receipt = try await session.store.append(batch, to: session.key)
                state.withLock { state in
                    state.staged.removeFirst(staged.count)
                    state.commitKey = Randomness.generation()
                }
                return receipt
            } catch {
                guard error.isRetryable || error.code == .cancelled, !Task.isCancelled, .now + delay < end else { throw error }
            }
            try? await Task.sleep(for: delay)
            delay = min(delay * 2, .seconds(1))
        }
    }

    /// Until when the lease is held for certain, by the clock of this machine.
    var end: ContinuousClock.Instant { state.withLock { $0.end } }

    func extend(to end: ContinuousClock.Instant) { state.withLock { $0.end = end } }
}

extension Session {
    /// Does a turn: acquires the session's lease, runs `body`, stores what it staged, and releases the lease.
    ///
    /// ```swift
    /// try await session.turn(holder: "worker-7", waiting: .seconds(30)) { turn in
    ///     let history = try await turn.session.events(last: 50)
    ///     try turn.append(NewEvent(try await answer(history), role: "assistant"))
    /// }
    /// ```
    /// The lease is renewed while the body runs. When it is lost, because somebody took it over or the store could not be reached in
    /// time, the body is cancelled and nothing more is stored. A body that throws, and a turn that is cancelled, store nothing of what is
    /// staged. The lease is never trusted longer than its time, counted by this machine from before it was asked for.
    /// - Parameters:
    ///   - holder: who does it; each worker needs a name of its own.
    ///   - ttl: how long the session stays locked when this process dies; a second to an hour.
    ///   - wait: how long to wait in line while somebody else has the turn.
    ///   - stealing: whether it is taken from whoever has it.
    /// - Throws: what `body` throws; ``StoreError/Code/busy``; ``StoreError/Code/fenced`` when the lease was lost.
    public func turn<Value: Sendable>(
        holder: String, ttl: Duration = .seconds(30), waiting wait: Duration = .zero, stealing: Bool = false,
        _ body: @escaping @Sendable (Turn) async throws -> Value
    ) async throws -> Value {
        let milliseconds = ttl.wholeMilliseconds
        let request = LeaseRequest(holder: holder, ttl: milliseconds, steals: stealing)
        let (lease, sent) = try await store.acquireLease(request, on: key, waiting: wait)
        let turn = Turn(self, epoch: lease.epoch, end: sent + .milliseconds(milliseconds))
        do {
            let value = try await turn.run(renewingFor: .milliseconds(milliseconds), body)
            await release(lease)
            return value
        } catch {
            await release(lease)
            throw error
        }
    }

    /// Gives the lease back, also when the task was cancelled. One that is over already needs nothing.
    private func release(_ lease: Lease) async {
        let session = self
        await Task { try? await session.store.releaseLease(lease.epoch, on: session.key) }.value
    }
}

extension Turn {
    private enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        case lost(StoreError)
    }

    fileprivate func run<Value: Sendable>(renewingFor ttl: Duration, _ body: @escaping @Sendable (Turn) async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Outcome<Value>?.self) { group in
            group.addTask {
                let value = try await body(self)
                try Task.checkCancellation()
                try await self.commit()
                return .done(value)
            }
            group.addTask { await self.renew(for: ttl).map { .lost($0) } }
            group.addTask { await self.watch().map { .lost($0) } }
            defer { group.cancelAll() }
            while let outcome = try await group.next() {
                switch outcome {
                case .done(let value): return value
                // The group waits for the body, which is cancelled now.
                case .lost(let error): throw error
                case nil: continue
                }
            }
            throw CancellationError()
        }
    }

    /// Renews the lease at every third of its time until the task is cancelled; returns why it is lost.
    private func renew(for ttl: Duration) async -> StoreError? {
        var pause = ttl / 3
        while true {
            do { try await Task.sleep(for: pause) } catch { return nil }
            let sent = ContinuousClock.now
            do throws(StoreError) {
                try await session.store.renewLease(epoch, on: session.key, for: ttl)
                extend(to: sent + ttl)
                pause = ttl / 3
            } catch {
                if Task.isCancelled { return nil }
                if error.code == .fenced || error.code == .notFound || error.code == .closed { return error }
                // Whether it can be renewed is not known; the watch ends the turn when it stays so.
                pause = ttl / 20
            }
        }
    }

    /// Watches the time of the lease until the task is cancelled; returns the error when it was not renewed in time.
    private func watch() async -> StoreError? {
        while true {
            let end = end
            do { try await Task.sleep(until: end, clock: .continuous) } catch { return nil }
            if self.end <= .now {
                return StoreError(.fenced, "the lease could not be renewed in time", detail: .epoch(epoch))
            }
        }
    }
}
