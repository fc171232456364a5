extension Session {
    /// Asks people and waits for the answer. Fails closed: a deadline that passes, and anything but ``Approval/approved``, is no.
    ///
    /// Asking again under the same key, after a restart for example, waits for the same answer. Without a deadline it waits as long as the task lives.
    /// - Throws: ``StoreError/Code/conflict`` when another question stands under the key, ``StoreError/Code/notFound`` when the session goes away,
    ///   ``StoreError/Code/cancelled``.
    public func approval(
        _ key: String, prompt: JSON, deciders: [String] = [], expiresAt: Timestamp? = nil, epoch: Int? = nil
    ) async throws(StoreError) -> Approval {
        let request = ApprovalRequest(key: key, prompt: prompt, deciders: deciders, expiresAt: expiresAt)
        var approval = try await store.ask(request, in: self.key, epoch: epoch).approval
        while approval.status == .pending {
            // First where the session ends, then what is decided: an answer in between is seen by one or the other.
            let tail = try await store.get(self.key).record.tail
            approval = try await store.approval(key, in: self.key)
            guard approval.status == .pending else { break }
            await waitForDecision(after: tail, until: expiresAt)
            if Task.isCancelled { throw StoreError(.cancelled, "the call was cancelled; the question stands") }
            approval = try await store.approval(key, in: self.key)
        }
        return approval
    }

    /// Waits until an approval of the session may have been decided, following fails, or the time is over.
    private func waitForDecision(after tail: Offset, until deadline: Timestamp?) async {
        var filter = EventFilter()
        filter.types = [Approval.decidedType]
        let decisions = follow(after: .offset(tail), filter: filter)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    for try await _ in decisions { return }
                } catch {}
                // The session is gone, or its events were cleared: asking tells. Not at once, or a store that is away would be asked without a pause.
                try? await Task.sleep(for: .milliseconds(200))
            }
            if let deadline {
                // By this machine's clock, which may be ahead of the store's: then the store says that it is still pending.
                let left = max(deadline.milliseconds - SystemClock.now().milliseconds, 0) + 100
                group.addTask { try? await Task.sleep(for: .milliseconds(left)) }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
