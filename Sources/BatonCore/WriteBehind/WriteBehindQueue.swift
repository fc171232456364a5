internal import Synchronization

/// Drives ``WriteLanes``: stores what is due, lets callers wait for room and for their writes, and keeps the spool.
final class WriteBehindQueue: Sendable {
    struct Applicant {
        let number: Int
        let size: WriteLanes.Size
        let continuation: CheckedContinuation<Result<Void, StoreError>, Never>
    }

    struct Flush {
        let number: Int
        /// The newest write that has to be settled.
        let newest: Int
        let continuation: CheckedContinuation<Result<Void, StoreError>, Never>
    }

    struct State {
        var lanes: WriteLanes
        /// Who waits for room, in line.
        var applicants: ArraySlice<Applicant> = []
        var flushes: [SessionKey: [Flush]] = [:]
        var drains: [CheckedContinuation<Void, Never>] = []
        var isDrainOver = false
        /// The ends of rests, by session.
        var rests: [SessionKey: Task<Void, Never>] = [:]
        /// Who closes it too, while it is being closed.
        var closers: [CheckedContinuation<Void, Never>] = []
        var lastNumber = 0
        var isClosing = false
        var isClosed = false
        var isDone = false
        /// Rows of the spool that are stored, and are removed together soon.
        var removals: [Int] = []
        var isRemoving = false
        var removalWaiters: [CheckedContinuation<Result<Void, StoreError>, Never>] = []
        var failedInSpool = 0
        var counts = Counts()

        mutating func number() -> Int {
            lastNumber += 1
            return lastNumber
        }
    }

    struct Counts {
        var stored = 0
        var sends = 0
        var retries = 0
        var failures = 0
    }

    let configuration: WriteBehindConfiguration
    let storage: any Storage
    let spool: (any WriteSpool)?
    let executor: (any TaskExecutor)?
    let onFailure: WriteFailure.Handler
    /// Makes ids that no other queue makes. They do not look like those of a storage, which begin with a generation.
    private let name = "q" + Randomness.generation()
    private let idCount = Atomic(0)
    let state: Mutex<State>
    private let listeners = Mutex<[Listener]>([])

    /// Told what was appended to a session; returns at once.
    typealias Listener = @Sendable (EventBatch, AppendReceipt, SessionKey) -> Void

    init(
        _ storage: any Storage, _ configuration: WriteBehindConfiguration, spool: (any WriteSpool)?, executor: (any TaskExecutor)?,
        onFailure: @escaping WriteFailure.Handler
    ) async throws(StoreError) {
        self.storage = storage
        self.configuration = configuration
        self.spool = spool
        self.executor = executor
        self.onFailure = onFailure
        state = Mutex(State(lanes: WriteLanes(configuration)))
        try await restore()
    }

    /// What an earlier process accepted comes before everything new.
    private func restore() async throws(StoreError) {
        guard let spool else { return }
        var last = 0
        while true {
            let page = try await spool.waiting(after: last, limit: 1000)
            guard let newest = page.last else { break }
            last = newest.number
            state.withLock { state in
                for spooled in page { state.lanes.restore(spooled.write, place: spooled.number, at: .now) }
            }
        }
        let failed = try await spool.failedCount()
        state.withLock { $0.failedInSpool = failed }
        pump()
    }

    // MARK: - Coming in

    /// An id for an event whose author gave none.
    func makeID() -> String { "\(name)-\(idCount.wrappingAdd(1, ordering: .relaxed).newValue)" }

    /// Accepts a write. It is in the spool, if there is one, when the call returns.
    /// - Throws: ``StoreError/Code/tooManyRequests`` when there is no room and it may not wait; ``StoreError/Code/cancelled`` when the task was
    ///   cancelled while it waited; ``StoreError/storeClosed``; what the spool throws. Nothing was accepted then.
    func enqueue(_ write: QueuedWrite) async throws(StoreError) {
        let size = WriteLanes.Size(write)
        try await room(for: size)
        var place: Int?
        if let spool {
            do throws(StoreError) { place = try await keep(write, in: spool) } catch {
                let admitted = state.withLock { state in
                    if !state.isClosed { state.lanes.release(size) }
                    return admit(&state) + drained(&state)
                }
                for resume in admitted { resume() }
                throw error
            }
        }
        let isAccepted = state.withLock { state in
            if state.isClosed { return place != nil }
            state.lanes.add(write, place: place, at: .now)
            return true
        }
        guard isAccepted else { throw StoreError.storeClosed }
        pump()
    }

    /// Not by the caller's task: one that is cancelled must not leave a write in the spool that is not in a lane.
    func keep(_ write: QueuedWrite, in spool: any WriteSpool) async throws(StoreError) -> Int {
        try await Task.detached { () async -> Result<Int, StoreError> in
            do throws(StoreError) { return .success(try await spool.add(write)) } catch { return .failure(error) }
        }.value.get()
    }

    private func room(for size: WriteLanes.Size) async throws(StoreError) {
        let isFree = try state.withLock { (state) throws(StoreError) in
            if state.isClosing { throw StoreError.storeClosed }
            if state.applicants.isEmpty, state.lanes.reserve(size) { return true }
            guard configuration.whenFull == .wait else {
                throw StoreError(
                    .tooManyRequests, "\(state.lanes.events) events with \(state.lanes.bytes) bytes wait to be stored already; try again later")
            }
            return false
        }
        if isFree { return }
        let number = state.withLock { $0.number() }
        let result: Result<Void, StoreError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Result<Void, StoreError>? = state.withLock { state in
                    if state.isClosing { return .failure(.storeClosed) }
                    // A handler that ran before found nobody in line.
                    if Task.isCancelled { return .failure(Self.notAccepted) }
                    if state.applicants.isEmpty, state.lanes.reserve(size) { return .success(()) }
                    state.applicants.append(Applicant(number: number, size: size, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let (applicant, others) = state.withLock { state in
                let index = state.applicants.firstIndex { $0.number == number }
                let applicant = index.map { state.applicants.remove(at: $0) }
                // A large one at the head may have held up small ones.
                return (applicant, admit(&state))
            }
            applicant?.continuation.resume(returning: .failure(Self.notAccepted))
            for resume in others { resume() }
        }
        try result.get()
    }

    private static let notAccepted = StoreError(.cancelled, "the call was cancelled while it waited for room; nothing was accepted")

    func admit(_ state: inout State) -> [@Sendable () -> Void] {
        var admitted: [@Sendable () -> Void] = []
        while let first = state.applicants.first, !state.isClosing, state.lanes.reserve(first.size) {
            state.applicants.removeFirst()
            admitted.append { first.continuation.resume(returning: .success(())) }
        }
        return admitted
    }

    // MARK: - Going out

    /// Starts as many sends as may be. Detached: a send belongs to several callers or to none.
    func pump() {
        while let send = state.withLock({ $0.lanes.next() }) {
            Task.detached(executorPreference: executor) { await self.work(send) }
        }
    }

    /// Adds a listener, which is told of every append from now on.
    func onStored(_ listener: @escaping Listener) { listeners.withLock { $0.append(listener) } }

    private func work(_ first: WriteLanes.Send) async {
        var next: WriteLanes.Send? = first
        while let send = next {
            do throws(StoreError) {
                let stored = try await send.write.store(in: storage)
                settle(send.key) { state in
                    let entries = state.lanes.stored(send.key)
                    state.counts.stored += entries.reduce(0) { $0 + $1.write.events.count }
                    state.counts.sends += 1
                    state.removals += entries.compactMap(\.place)
                }
                removeFromSpool()
                if let stored {
                    for listener in listeners.withLock({ $0 }) { listener(stored.batch, stored.receipt, send.key) }
                }
            } catch {
                await refused(send, error)
            }
            next = state.withLock { $0.lanes.next() }
        }
    }

    private func refused(_ send: WriteLanes.Send, _ error: StoreError) async {
        let chance = Double.random(in: 0...1)
        let (verdict, flushes) = state.withLock { state in
            let verdict = state.lanes.refused(send.key, error, at: .now, chance: chance)
            guard case .rest = verdict else { return (verdict, [Flush]()) }
            state.counts.retries += 1
            // Whoever needs these writes is told what is wrong, as they would be by the storage.
            return (verdict, state.flushes.removeValue(forKey: send.key) ?? [])
        }
        for flush in flushes { flush.continuation.resume(returning: .failure(error)) }
        switch verdict {
        case .apart: return
        case .rest(let pause, let attempt):
            let end = Task.detached {
                do { try await Task.sleep(for: pause) } catch { return }
                self.state.withLock { state in
                    state.lanes.resume(send.key, attempt: attempt)
                    state.rests[send.key] = nil
                }
                self.pump()
            }
            // One that is over already is replaced by the next, or cancelled at the end.
            state.withLock { state in
                if state.isClosed { end.cancel() } else { state.rests[send.key] = end }
            }
        case .failed(let entries):
            let places = entries.compactMap(\.place)
            var isKept = false
            if let spool, !places.isEmpty {
                // When even that fails they wait there, and are tried again by the next process.
                isKept = (try? await spool.fail(places, error, at: SystemClock.now())) != nil
            }
            for entry in entries { onFailure(WriteFailure(write: entry.write, error: error, number: entry.place)) }
            settle(send.key) { state in
                state.counts.failures += entries.count
                if isKept { state.failedInSpool += places.count }
            }
        }
    }

    /// Changes the lane of a session, then lets go on who waited for that.
    func settle(_ key: SessionKey, _ change: (inout State) -> Void) {
        let resumptions = state.withLock { state in
            change(&state)
            var resumptions: [@Sendable () -> Void] = []
            if let flushes = state.flushes[key] {
                let oldest = state.lanes.oldest(of: key) ?? .max
                for flush in flushes where flush.newest < oldest { resumptions.append { flush.continuation.resume(returning: .success(())) } }
                let waiting = flushes.filter { $0.newest >= oldest }
                state.flushes[key] = waiting.isEmpty ? nil : waiting
            }
            return resumptions + admit(&state) + drained(&state)
        }
        for resume in resumptions { resume() }
    }

    func drained(_ state: inout State) -> [@Sendable () -> Void] {
        guard state.lanes.isIdle else { return [] }
        defer { state.drains = [] }
        return state.drains.map { drain in { drain.resume() } }
    }
}
