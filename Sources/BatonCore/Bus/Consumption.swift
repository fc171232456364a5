extension GroupHandle {
    /// Gives every event of the group that this consumer gets to `handler`, until the task is cancelled.
    ///
    /// - When the handler returns, the event is acknowledged; when it throws, it is rejected with the error's description and comes again after the
    ///   group's back-off. An error that says it is ``TerminalFailure`` makes it a dead letter at once; a ``DelayedFailure`` says itself when the
    ///   event comes again.
    /// - While an event is held, also before its handler begins, its lease is extended three times in each lease. When somebody else has got it all
    ///   the same, because this process stood still for too long, the handler's task is cancelled, and nothing it does is settled.
    /// - Cancelling the task drains: what is held and was not begun is released at once, handlers that run have `drain` to end before they are
    ///   cancelled too, and what they finish is settled.
    ///
    /// - Parameters:
    ///   - concurrency: the most handlers that run at a time, from 1 on.
    ///   - prefetch: how many events are held besides, ready to begin.
    ///   - maximum: it ends by itself after this many hand-outs.
    ///   - idle: it ends by itself when nothing is held and nothing has come for so long, 60 seconds at most; `nil` for never.
    /// - Throws: ``StoreError/noGroup`` when the group is not there any more; ``StoreError/storeClosed``. Other failures of the store are waited for.
    public func consume(
        as consumer: String, concurrency: Int = 8, prefetch: Int = 0, drain: Duration = .seconds(30), upTo maximum: Int = .max,
        endingAfter idle: Duration? = nil, _ handler: @escaping @Sendable (Delivery) async throws -> Void
    ) async throws(StoreError) {
        try Check.range(concurrency, 1...1000, "concurrency")
        try Check.range(prefetch, 0...1000, "prefetch")
        let consumption = Consumption(of: self, as: consumer, concurrency: concurrency, prefetch: prefetch, handler)
        try await consumption.run(drain: drain, maximum: maximum, idle: idle)
    }
}

/// A failure after which an event is not tried again.
public protocol TerminalFailure: Error {}

/// A failure that knows when another attempt makes sense.
public protocol DelayedFailure: Error {
    /// How long the event waits; 12 hours at most. The group's back-off when `nil`.
    var delay: Duration? { get }
}

/// The events that one consumer holds: waiting to begin, or in the hands of a handler.
private actor Consumption {
    private struct Running {
        let delivery: Delivery
        let task: Task<Void, Never>
        var isFenced = false
    }

    private let group: GroupHandle
    private let consumer: String
    private let concurrency: Int
    private let limit: Int
    private let handler: @Sendable (Delivery) async throws -> Void
    private var waiting: [Delivery] = []
    /// By token: the same event may come again while an earlier hand-out of it is still being settled.
    private var running: [String: Running] = [:]
    private var isDraining = false
    /// Woken when something is finished.
    private var waker: CheckedContinuation<Void, Never>?
    private var finished = 0

    init(
        of group: GroupHandle, as consumer: String, concurrency: Int, prefetch: Int, _ handler: @escaping @Sendable (Delivery) async throws -> Void
    ) {
        self.group = group
        self.consumer = consumer
        self.concurrency = concurrency
        self.limit = min(concurrency + prefetch, 1000)
        self.handler = handler
    }

    private var held: Int { waiting.count + running.count }

    func run(drain: Duration, maximum: Int, idle: Duration?) async throws(StoreError) {
        guard let lease = try await lease() else { return }
        let heartbeat = Task { await self.beat(lease) }
        var failure: StoreError?
        var failures = 0
        var left = maximum
        while !Task.isCancelled, left > 0 {
            guard held < limit else {
                await waitForFewer(than: limit)
                continue
            }
            let before = finished
            do throws(StoreError) {
                let received = try await group.receive(max: min(limit - held, left), wait: idle ?? .seconds(20), as: consumer)
                failures = 0
                left -= received.deliveries.count
                waiting += received.deliveries
                begin()
                guard idle != nil, received.deliveries.isEmpty else { continue }
                // What is held, or was until just now, may be what others of an ordered group wait for.
                if held > 0 { await waitForFewer(than: held) } else if finished == before { break }
            } catch {
                guard error.isRetryable || error.code == .cancelled else {
                    failure = error
                    break
                }
                failures += 1
                try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
            }
        }
        while failure == nil, !Task.isCancelled, held > 0 { await waitForFewer(than: held) }
        await end(within: drain)
        heartbeat.cancel()
        if let failure { throw failure }
    }

    /// How long the group's leases are; `nil` when the task was cancelled before anybody could say.
    private func lease() async throws(StoreError) -> Int? {
        var failures = 0
        while !Task.isCancelled {
            do throws(StoreError) { return try await group.inspect().settings.leaseMilliseconds } catch {
                guard error.isRetryable else { throw error }
                failures += 1
                try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
            }
        }
        return nil
    }

    // MARK: - Handlers

    private func begin() {
        while !isDraining, running.count < concurrency, !waiting.isEmpty {
            let delivery = waiting.removeFirst()
            // Not a child of the consumer's task: draining lets it end by itself.
            running[delivery.token] = Running(delivery: delivery, task: Task { await self.handle(delivery) })
        }
    }

    private func handle(_ delivery: Delivery) async {
        let action = await Consumption.outcome(of: delivery, in: group, handler)
        if running[delivery.token]?.isFenced == false { await settle(delivery, action) }
        running[delivery.token] = nil
        finished += 1
        begin()
        waker?.resume()
        waker = nil
    }

    @concurrent private static func outcome(
        of delivery: Delivery, in group: GroupHandle, _ handler: @Sendable (Delivery) async throws -> Void
    ) async -> Settlement.Action {
        do {
            if let tracer = group.store.tracer { try await group.process(delivery, by: tracer, handler) } else { try await handler(delivery) }
            return .acknowledge
        } catch {
            let reason = "\(error)".prefix(bytes: DeliveryFailure.maximumReasonBytes)
            if error is any TerminalFailure { return .terminate(reason: reason) }
            let delay = (error as? any DelayedFailure)?.delay.map { min(max(0, $0.milliseconds), GroupSettings.longestWait) }
            return .reject(delay: delay, reason: reason)
        }
    }

    /// Says what came of an event, as long as it may still be said: the heartbeat goes on meanwhile.
    private func settle(_ delivery: Delivery, _ action: Settlement.Action) async {
        var failures = 0
        while running[delivery.token]?.isFenced == false {
            do throws(StoreError) {
                try await group.settle([Settlement(id: delivery.id, token: delivery.token, action)], as: consumer)
                return
            } catch {
                guard error.isRetryable else { return }
                failures += 1
                try? await Task.sleep(for: Backoff.delay(afterFailures: failures))
                // A cancelled task sleeps no more; one round is enough then.
                if Task.isCancelled { return }
            }
        }
    }

    private func waitForFewer(than limit: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled || held < limit { continuation.resume() } else { waker = continuation }
            }
        } onCancel: {
            Task { await self.wake() }
        }
    }

    private func wake() {
        waker?.resume()
        waker = nil
    }

    // MARK: - Leases

    /// Extends all leases again and again.
    private func beat(_ lease: Int) async {
        while (try? await Task.sleep(for: .milliseconds(max(lease / 3, 30)))) != nil {
            let deliveries = waiting + running.values.filter { !$0.isFenced }.map(\.delivery)
            var start = 0
            while start < deliveries.count {
                let some = Array(deliveries[start..<min(start + 1000, deliveries.count)])
                start += some.count
                // A store that cannot be reached: the next beat comes before the lease is over.
                guard let outcomes = try? await group.settle(some.map { Settlement(id: $0.id, token: $0.token, .extend(lease)) }, as: consumer) else {
                    break
                }
                for (delivery, outcome) in zip(some, outcomes) where outcome == .fenced { fence(delivery) }
            }
        }
    }

    /// Somebody else has the event. One that was settled meanwhile is held no more, and not meant.
    private func fence(_ delivery: Delivery) {
        waiting.removeAll { $0.token == delivery.token }
        guard let entry = running[delivery.token] else { return }
        running[delivery.token]?.isFenced = true
        entry.task.cancel()
    }

    // MARK: - The end

    private func end(within drain: Duration) async {
        isDraining = true
        let released = waiting
        waiting = []
        let (group, consumer) = (group, consumer)
        // The consumer's own task is cancelled, and what it waits for would be too.
        let release = Task {
            guard !released.isEmpty else { return }
            _ = try? await group.settle(released.map { Settlement(id: $0.id, token: $0.token, .release) }, as: consumer)
        }
        await release.value
        let handlers = running.values.map(\.task)
        let limit = Task {
            guard (try? await Task.sleep(for: drain)) != nil else { return }
            for task in handlers { task.cancel() }
        }
        for task in handlers { await task.value }
        limit.cancel()
    }
}

extension String {
    /// As many whole characters as fit into this many bytes.
    fileprivate func prefix(bytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var text = ""
        var count = 0
        for character in self {
            count += character.utf8.count
            guard count <= limit else { break }
            text.append(character)
        }
        return text
    }
}
