internal import Synchronization

extension WriteBehindQueue {
    /// Waits until the session's writes that were accepted so far are stored, or have failed for good. When they rest after a failure they
    /// are tried at once.
    /// - Throws: how that attempt failed; ``StoreError/Code/cancelled``.
    func flush(_ key: SessionKey) async throws(StoreError) {
        let number: Int? = state.withLock { $0.lanes.newest(of: key) == nil ? nil : $0.number() }
        guard let number else { return }
        let result: Result<Void, StoreError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Result<Void, StoreError>? = state.withLock { state in
                    guard let newest = state.lanes.newest(of: key) else { return .success(()) }
                    if Task.isCancelled { return .failure(Self.notFlushed) }
                    state.lanes.hurry(key)
                    state.rests.removeValue(forKey: key)?.cancel()
                    state.flushes[key, default: []].append(Flush(number: number, newest: newest, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) } else { pump() }
            }
        } onCancel: {
            let flush = state.withLock { state in
                let index = state.flushes[key]?.firstIndex { $0.number == number }
                return index.flatMap { state.flushes[key]?.remove(at: $0) }
            }
            flush?.continuation.resume(returning: .failure(Self.notFlushed))
        }
        try result.get()
    }

    private static let notFlushed = StoreError(.cancelled, "the call was cancelled while earlier writes of the session were being stored")

    /// Waits for the writes of all sessions that match.
    func flush(where matches: (SessionKey) -> Bool) async throws(StoreError) {
        for key in state.withLock({ $0.lanes.keys }).filter(matches) { try await flush(key) }
    }

    // MARK: - The end

    /// Takes no more writes, stores what waits for as long as the configuration allows, and closes the spool. What is left then stays in the
    /// spool; without one it has failed.
    func close() async {
        let applicants: ArraySlice<Applicant>? = state.withLock { state in
            if state.isClosing { return nil }
            state.isClosing = true
            defer { state.applicants = [] }
            return state.applicants
        }
        guard let applicants else { return await closed() }
        for applicant in applicants { applicant.continuation.resume(returning: .failure(.storeClosed)) }
        await drain(within: configuration.drain)
        let (left, flushes) = state.withLock { state in
            state.isClosed = true
            let left = state.lanes.abandon()
            for rest in state.rests.values { rest.cancel() }
            state.rests = [:]
            defer { state.flushes = [:] }
            return (left, state.flushes.values.flatMap(\.self))
        }
        for flush in flushes { flush.continuation.resume(returning: .failure(.storeClosed)) }
        let error = StoreError(.closed, "the store was closed before the write was known to be stored")
        // What the spool keeps is not lost, and says so itself when it is opened next.
        for entry in left where entry.place == nil { onFailure(WriteFailure(write: entry.write, error: error, number: nil)) }
        try? await settleSpool()
        await spool?.close()
        let closers = state.withLock { state in
            state.isDone = true
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }

    /// Waits until whoever closes it is done.
    private func closed() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if !state.isDone { state.closers.append(continuation) }
                return state.isDone
            }
            if isDone { continuation.resume() }
        }
    }

    private func drain(within limit: Duration) async {
        let timer = Task.detached {
            try? await Task.sleep(for: limit)
            let drains = self.state.withLock { state in
                state.isDrainOver = true
                defer { state.drains = [] }
                return state.drains
            }
            for drain in drains { drain.resume() }
        }
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.lanes.isIdle || state.isDrainOver { return true }
                state.drains.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
        timer.cancel()
    }
}
