internal import Synchronization

/// Events that wait for their one reader, at most so many: at more the oldest are dropped, and one mark says so.
final class EventMailbox: Sendable {
    private struct State {
        var events = Ring<RedisSubscriptionEvent>()
        var hasGap = false
        var isOver = false
        var reader: CheckedContinuation<RedisSubscriptionEvent?, Never>?
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = max(1, capacity) }

    /// Adds an event.
    func add(_ event: RedisSubscriptionEvent) {
        let reader = state.withLock { state -> CheckedContinuation<RedisSubscriptionEvent?, Never>? in
            if state.isOver { return nil }
            if let reader = state.reader {
                state.reader = nil
                return reader
            }
            if case .gap = event {
                // Several in a row say no more than one.
                if state.events.isEmpty { state.hasGap = true } else { state.events.append(event) }
            } else {
                state.events.append(event)
            }
            if state.events.count > capacity {
                _ = state.events.popFirst()
                state.hasGap = true
            }
            return nil
        }
        reader?.resume(returning: event)
    }

    /// The next event; waits for one. Nil when there will be none any more, or the task is cancelled.
    func next() async -> RedisSubscriptionEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (event, isReady) = state.withLock { state -> (RedisSubscriptionEvent?, Bool) in
                    if state.hasGap {
                        state.hasGap = false
                        return (.gap, true)
                    }
                    if let event = state.events.popFirst() { return (event, true) }
                    // A second reader would take the place of the first, which then has to go.
                    if state.isOver || state.reader != nil || Task.isCancelled { return (nil, true) }
                    state.reader = continuation
                    return (nil, false)
                }
                if isReady { continuation.resume(returning: event) }
            }
        } onCancel: {
            dismissReader(ending: false)
        }
    }

    /// There will be no more events.
    func end() { dismissReader(ending: true) }

    private func dismissReader(ending: Bool) {
        let reader = state.withLock { state in
            if ending { state.isOver = true }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }
}
