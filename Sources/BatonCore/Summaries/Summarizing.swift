internal import BatonTelemetry
internal import Synchronization

/// Makes the summaries of one store: notices what is appended, and lets a few workers do what is due.
///
/// Nothing here is promised: what is not noticed, does not fit the queue or fails is noticed again when the session goes on. What keeps two processes from making the same
/// summary is the claim in the store.
final class Summarizing: Sendable {
    /// A summary of a session.
    private struct Target: Hashable {
        let key: SessionKey
        let filter: String
    }

    /// A task that does one job when it is given one. It is made together with the wish, so that the summarizer sees the task-local values of who made it, and not
    /// those of somebody whose job made room; their cancellation is not its own.
    private struct Candidate {
        let task: Task<Void, Never>
        let start: AsyncStream<SummaryQueue.Job>.Continuation
    }

    private struct State {
        var queue: SummaryQueue
        var watermarks: [SessionKey: [String: SummaryWatermark]] = [:]
        /// Sessions that are left alone until a moment.
        var pauses: [SessionKey: ContinuousClock.Instant] = [:]
        var idle: IdleLine<Target>?
        var sleeper: Task<Void, Never>?
        /// The tasks of sessions whose turn has not come.
        var candidates: [SessionKey: Candidate] = [:]
        var tasks: [SessionKey: Task<Void, Never>] = [:]
        var made = 0
        var failed = 0
        var dropped = 0
    }

    let configuration: SummaryConfiguration
    private let storage: any Storage
    private let observer: SessionStore.OperationObserver?
    private let tracer: (any Tracer)?
    private let state: Mutex<State>

    /// The most sessions of which something is remembered; beyond, all is forgotten and the store is asked again.
    private static let mostSessions = 10_000
    /// Waits between questions whether somebody else has made a summary that was asked for.
    private static let shortestWait = Duration.milliseconds(50)
    private static let longestWait = Duration.seconds(1)

    /// - Throws: ``StoreError/Code/invalidParameter`` when the configuration makes no sense.
    init(
        _ configuration: SummaryConfiguration, on storage: any Storage, observer: SessionStore.OperationObserver?, tracer: (any Tracer)?
    ) throws(StoreError) {
        let configuration = try configuration.checked()
        self.configuration = configuration
        self.storage = storage
        self.observer = observer
        self.tracer = tracer
        var state = State(queue: SummaryQueue(workers: configuration.workers, limit: configuration.queueLimit))
        // A little later than the time itself, which has to be exceeded.
        if let idle = configuration.trigger?.idleTime { state.idle = IdleLine(waiting: idle + .milliseconds(20)) }
        self.state = Mutex(state)
    }

    // MARK: - What happens

    /// Events were appended. Cheap, and never waits.
    func noticed(_ batch: EventBatch, _ receipt: AppendReceipt, of key: SessionKey) {
        guard let trigger = configuration.trigger else { return }
        var (events, tokens) = (0, 0)
        var (first, last): (Offset?, Offset?)
        var filters: [String] = []
        for (draft, entry) in zip(batch.events, receipt.entries) where !entry.isDuplicate {
            events += 1
            tokens += draft.tokens
            first = first ?? entry.offset
            last = entry.offset
            for filter in configuration.filters(forEventIn: draft.branch) where !filters.contains(where: { Name.isSame($0, filter) }) {
                filters.append(filter)
            }
        }
        guard let first, let last else { return }
        let mayBegin = state.withLock { state in
            if state.watermarks.count >= Summarizing.mostSessions, state.watermarks[key] == nil { state.watermarks = [:] }
            var marks = state.watermarks[key] ?? [:]
            for name in marks.keys { marks[name]?.append(from: first, through: last, events: events, tokens: tokens) }
            state.watermarks[key] = marks
            let now = ContinuousClock.now
            for filter in filters { state.idle?.touch(Target(key: key, filter: filter), at: now) }
            if let pause = state.pauses[key] {
                guard pause <= now else { return false }
                state.pauses[key] = nil
            }
            var mayBegin = false
            for filter in filters where marks[filter]?.mayFire(trigger, at: Timestamp(milliseconds: last.milliseconds)) ?? true {
                mayBegin = add(filter, of: key, isForced: false, &state) || mayBegin
            }
            return mayBegin
        }
        if mayBegin { begin() }
        watchIdle()
    }

    /// Asks for a summary; false when there is no room in the queue.
    func request(_ filter: String, of key: SessionKey, isForced: Bool) -> Bool {
        let isTaken = state.withLock { state in
            var isTaken = add(filter, of: key, isForced: isForced, &state)
            if isTaken, !filter.isEmpty, configuration.cascades { isTaken = add("", of: key, isForced: isForced, &state) }
            return isTaken
        }
        begin()
        return isTaken
    }

    /// Makes a summary now and waits for it; `nil` when there is nothing to be said. While somebody else makes it, theirs is waited for.
    func summarize(_ filter: String, of key: SessionKey, isForced: Bool) async throws(StoreError) -> Summary? {
        let scope = try SummaryScope(checking: filter)
        let outcome = try await waiting(SummaryJob(key: key, scope: scope, isForced: isForced, configuration: configuration, storage: storage))
        note(outcome, of: Target(key: key, filter: filter))
        if !scope.isWhole, configuration.cascades {
            var job = SummaryJob(key: key, scope: .whole, isForced: isForced, configuration: configuration, storage: storage)
            job.precedent = outcome.made
            note(try await waiting(job), of: Target(key: key, filter: ""))
        }
        return outcome.summary
    }

    /// Takes nothing any more, cancels what runs, and waits for its end.
    func close() async {
        let tasks = state.withLock { state in
            _ = state.queue.close()
            state.sleeper?.cancel()
            state.sleeper = nil
            for candidate in state.candidates.values { candidate.start.finish() }
            state.candidates = [:]
            return Array(state.tasks.values)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    /// Numbers for metrics.
    var gauges: [StorageGauge] {
        let (waiting, running, made, failed, dropped) = state.withLock {
            ($0.queue.count, $0.queue.running.count, $0.made, $0.failed, $0.dropped)
        }
        return [
            StorageGauge("summaries_waiting", help: "Sessions whose summaries wait for a worker.", value: Double(waiting)),
            StorageGauge("summaries_running", help: "Sessions whose summaries are being made.", value: Double(running)),
            StorageGauge("summaries_made", help: "Summaries that were stored.", isCounter: true, value: Double(made)),
            StorageGauge("summaries_failed", help: "Summaries that failed.", isCounter: true, value: Double(failed)),
            StorageGauge(
                "summaries_dropped", help: "Summaries that were due and found no room in the queue.", isCounter: true, value: Double(dropped)),
        ]
    }

    // MARK: - Workers

    private func add(_ filter: String, of key: SessionKey, isForced: Bool, _ state: inout sending State) -> Bool {
        switch state.queue.add(filter, of: key, isForced: isForced) {
        case .queued:
            state.candidates[key] = candidate()
            return true
        case .merged: return true
        case .full:
            state.dropped += 1
            return false
        case .closed: return false
        }
    }

    /// Begins as many jobs as there are free workers.
    private func begin() {
        state.withLock { free in
            while let job = free.queue.next() {
                let candidate = free.candidates.removeValue(forKey: job.key) ?? candidate()
                free.tasks[job.key] = candidate.task
                candidate.start.yield(job)
                candidate.start.finish()
            }
        }
    }

    private func candidate() -> Candidate {
        let (jobs, start) = AsyncStream<SummaryQueue.Job>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let task = Task { [self] in
            for await job in jobs {
                await work(job)
                state.withLock {
                    $0.queue.finished(job.key)
                    $0.tasks[job.key] = nil
                }
                begin()
            }
        }
        return Candidate(task: task, start: start)
    }

    private func work(_ job: SummaryQueue.Job) async {
        var precedent: SummaryJob.Made?
        for (filter, isForced) in job.filters {
            guard !Task.isCancelled, let scope = try? SummaryScope(checking: filter) else { return }
            // It may have waited for one of the same session that failed.
            guard isForced || !isPaused(job.key) else { continue }
            var work = SummaryJob(key: job.key, scope: scope, isForced: isForced, configuration: configuration, storage: storage)
            work.precedent = precedent
            let target = Target(key: job.key, filter: filter)
            do throws(StoreError) {
                let outcome = isForced ? try await waiting(work) : try await limited(work)
                note(outcome, of: target)
                precedent = outcome.made ?? precedent
            } catch {
                forget(target)
                // Somebody else makes it, the session is gone, or its events were changed: the next append asks again.
                guard ![.busy, .notFound, .fenced, .conflict, .offsetGone, .closed].contains(error.code), !Task.isCancelled else { continue }
                pause(job.key)
                return
            }
        }
    }

    /// Does a job, and tells who wants to know unless there was nothing to do.
    private func limited(_ job: SummaryJob) async throws(StoreError) -> SummaryJob.Outcome {
        let start = ContinuousClock.now
        var job = job
        // Each attempt is accounted for by itself.
        job.account = SummaryAccount()
        do throws(StoreError) {
            let outcome = try await traced(job)
            if outcome.made != nil {
                state.withLock { $0.made += 1 }
                observer?(.summarize, ContinuousClock.now - start, nil)
            }
            report(job, since: start, .success(outcome.made?.summary))
            return outcome
        } catch {
            if error.code != .busy {
                if error.code != .cancelled || !Task.isCancelled { state.withLock { $0.failed += 1 } }
                observer?(.summarize, ContinuousClock.now - start, error)
                report(job, since: start, .failure(error))
            }
            throw error
        }
    }

    private func report(_ job: SummaryJob, since start: ContinuousClock.Instant, _ result: Result<Summary?, StoreError>) {
        guard let onReport = configuration.onReport else { return }
        if let report = job.account.report(of: job, after: ContinuousClock.now - start, result) { onReport(report) }
    }

    /// Does a job inside its time, and inside a span in the trace of who asked for it.
    private func traced(_ job: SummaryJob) async throws(StoreError) -> SummaryJob.Outcome {
        guard let tracer else { return try await timed(job) }
        let span = tracer.startSpan(SessionStore.Operation.summarize.spanName, kind: .internal, parent: TraceContext.current, links: [])
        if span.isRecording {
            span.set("storage", .string(storage.kind.rawValue))
            job.key.describe(span)
            span.set("filter", .string(job.scope.filter))
        }
        let outcome = await ActiveSpan.$current.withValue(span) { () -> Result<SummaryJob.Outcome, StoreError> in
            do throws(StoreError) { return .success(try await timed(job)) } catch { return .failure(error) }
        }
        switch outcome {
        case .success(let outcome): if let made = outcome.made { span.set("event_count", .int(made.summary.events)) }
        case .failure(let error): span.fail(error.code.rawValue, error.message)
        }
        span.end()
        return try outcome.get()
    }

    private func timed(_ job: SummaryJob) async throws(StoreError) -> SummaryJob.Outcome {
        do { return try await Deadline.run(within: configuration.timeout) { try await job.run() } } catch { throw StoreError(summarizing: error) }
    }

    /// The same, and as long as somebody else makes it, waits for theirs.
    private func waiting(_ job: SummaryJob) async throws(StoreError) -> SummaryJob.Outcome {
        let wanted = try await storage.summaries(of: job.key)
        let limit = ContinuousClock.now + configuration.timeout
        var wait = Summarizing.shortestWait
        while true {
            do throws(StoreError) { return try await limited(job) } catch {
                guard error.code == .busy || error.code == .fenced, .now + wait < limit else { throw error }
            }
            do { try await Task.sleep(for: wait) } catch { throw StoreError(.cancelled, "the call was cancelled") }
            wait = min(wait * 2, Summarizing.longestWait)
            let list = try await storage.summaries(of: job.key)
            if let theirs = list[job.scope.filter], list.generation == wanted.generation,
                theirs.boundary.seq > wanted[job.scope.filter]?.boundary.seq ?? 0
            {
                return SummaryJob.Outcome(summary: theirs)
            }
        }
    }

    // MARK: - What is known

    private func note(_ outcome: SummaryJob.Outcome, of target: Target) {
        state.withLock { state in
            // What was appended meanwhile is not in it; then the next append asks again.
            let known = state.watermarks[target.key]?[target.filter]
            if let watermark = outcome.watermark, known.map({ $0.tail.seq <= watermark.tail.seq }) ?? true {
                state.watermarks[target.key, default: [:]][target.filter] = watermark
            } else {
                state.watermarks[target.key]?[target.filter] = nil
            }
        }
    }

    private func forget(_ target: Target) { state.withLock { $0.watermarks[target.key]?[target.filter] = nil } }

    private func isPaused(_ key: SessionKey) -> Bool { state.withLock { $0.pauses[key].map { $0 > .now } ?? false } }

    private func pause(_ key: SessionKey) {
        state.withLock { state in
            let now = ContinuousClock.now
            if state.pauses.count >= Summarizing.mostSessions { state.pauses = state.pauses.filter { $0.value > now } }
            if state.pauses.count < Summarizing.mostSessions { state.pauses[key] = now + configuration.pauseAfterFailure }
        }
    }

    // MARK: - Idle sessions

    /// Looks at sessions that nothing has happened to for as long as the trigger says.
    private func watchIdle() {
        state.withLock { state in
            guard state.sleeper == nil, !state.queue.isClosed, let next = state.idle?.next else { return }
            // Detached: it belongs to nobody who appended.
            state.sleeper = Task.detached { [weak self] in
                try? await Task.sleep(until: next, clock: .continuous)
                guard !Task.isCancelled else { return }
                self?.lookAtIdle()
            }
        }
    }

    private func lookAtIdle() {
        let now = ContinuousClock.now
        state.withLock { state in
            state.sleeper = nil
            for target in state.idle?.due(at: now) ?? [] where state.pauses[target.key].map({ $0 <= now }) ?? true {
                _ = add(target.filter, of: target.key, isForced: false, &state)
            }
        }
        begin()
        watchIdle()
    }
}

/// A bound on time that also holds for what does not listen to cancellation.
private enum Deadline {
    static func run<Value: Sendable>(within time: Duration, _ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let (results, first) = AsyncStream<Result<Value, any Error>>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let work = Task {
            do { first.yield(.success(try await body())) } catch { first.yield(.failure(error)) }
        }
        let timer = Task {
            try await Task.sleep(for: time)
            first.yield(.failure(StoreError(.cancelled, "the summary took longer than \(time)")))
        }
        defer {
            work.cancel()
            timer.cancel()
        }
        return try await withTaskCancellationHandler {
            for await result in results { return try result.get() }
            throw CancellationError()
        } onCancel: {
            first.yield(.failure(CancellationError()))
        }
    }
}

extension StoreError {
    /// What making a summary failed of.
    fileprivate init(summarizing error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case is CancellationError: self.init(.cancelled, "the summary was cancelled")
        // What others say may repeat what they were given, so only its kind is shown.
        default: self.init(.summaryFailed, "the summarizer failed: \(type(of: error))", underlying: error)
        }
    }
}
