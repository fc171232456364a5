internal import Synchronization

extension WriteBehindQueue {
    /// Starts to remove what is stored, unless that is under way or there is nothing.
    func removeFromSpool() {
        let isFirst = state.withLock { state in
            guard !state.isRemoving, !state.removals.isEmpty else { return false }
            state.isRemoving = true
            return true
        }
        if isFirst { Task.detached { await self.removeAll() } }
    }

    /// Waits until the spool has forgotten what is stored, so that no later process stores it again.
    /// - Throws: why it cannot.
    func settleSpool() async throws(StoreError) {
        guard spool != nil else { return }
        let result: Result<Void, StoreError> = await withCheckedContinuation { continuation in
            let (isDone, isFirst) = state.withLock { state in
                if !state.isRemoving, state.removals.isEmpty { return (true, false) }
                state.removalWaiters.append(continuation)
                defer { state.isRemoving = true }
                return (false, !state.isRemoving)
            }
            if isDone { continuation.resume(returning: .success(())) }
            if isFirst { Task.detached { await self.removeAll() } }
        }
        try result.get()
    }

    /// Removes until nothing is left: many writes go in one step while the one before is under way.
    private func removeAll() async {
        guard let spool else { return }
        while true {
            let numbers = state.withLock { state in
                defer { state.removals = [] }
                return state.removals
            }
            do throws(StoreError) {
                if !numbers.isEmpty { try await spool.remove(numbers) }
                let (isDone, waiters) = state.withLock { state in
                    guard state.removals.isEmpty else { return (false, [CheckedContinuation<Result<Void, StoreError>, Never>]()) }
                    state.isRemoving = false
                    defer { state.removalWaiters = [] }
                    return (true, state.removalWaiters)
                }
                for waiter in waiters { waiter.resume(returning: .success(())) }
                if isDone { return }
            } catch {
                // They go with the next ones; until then they would only be stored again for nothing.
                let waiters = state.withLock { state in
                    state.removals = numbers + state.removals
                    state.isRemoving = false
                    defer { state.removalWaiters = [] }
                    return state.removalWaiters
                }
                for waiter in waiters { waiter.resume(returning: .failure(error)) }
                return
            }
        }
    }
}
