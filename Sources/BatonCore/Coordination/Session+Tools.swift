extension Session {
    /// What a tool's body is told.
    public struct ToolAttempt: Sendable {
        /// 1 the first time, one more after each failure.
        public let number: Int
    }

    /// Runs a tool at most once for this key, however many workers try: the first runs `body`, whoever asks later gets its result.
    ///
    /// While `body` runs its hold is extended; when it throws, the call has failed and the next one runs as the next attempt. A worker that is lost leaves the call
    /// ambiguous: later callers get ``StoreError/Code/conflict`` with the call in its detail, until somebody says how it ended
    /// (``SessionStore/finish(_:in:_:attempt:epoch:)``), or run it again where `onAmbiguous` allows that.
    ///
    /// - Parameters:
    ///   - key: the name of the effect within the session; the same key is the same effect.
    ///   - name: the tool; the key when nil.
    ///   - arguments: what it is called with; others under the same key are refused.
    ///   - hold: how long the call stays the worker's without being extended, 1 second to 24 hours.
    ///   - onAmbiguous: what to do when an earlier worker was lost.
    ///   - epoch: the epoch of the worker's lease, if it has one.
    /// - Throws: ``StoreError/Code/busy`` while another worker runs it; what `body` throws.
    public func tool(
        _ key: String, name: String? = nil, arguments: JSON = .null, holder: String? = nil, hold: Duration = .seconds(60),
        onAmbiguous: ToolReservation.AmbiguityPolicy = .report, epoch: Int? = nil, _ body: (ToolAttempt) async throws -> JSON
    ) async throws -> JSON {
        let milliseconds = hold.wholeMilliseconds
        let reservation = ToolReservation(
            key: key, name: name ?? key, arguments: arguments, holder: holder, ttlMilliseconds: milliseconds, onAmbiguous: onAmbiguous)
        var (call, granted) = try await store.reserve(reservation, in: self.key, epoch: epoch)
        // Counted as failed by the policy: the next attempt is this worker's.
        if !granted, call.status == .failed { (call, granted) = try await store.reserve(reservation, in: self.key, epoch: epoch) }
        guard granted else {
            if call.status == .completed { return call.result ?? .null }
            throw StoreError(
                .conflict, "the worker of the tool call was lost after it began; somebody has to say how it ended", detail: .toolCall(call))
        }
        let attempt = call.attempt
        let heartbeat = Task { [store, sessionKey = self.key] in
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(milliseconds / 3))
                // A heartbeat that does not get through is no reason to stop: the outcome will say what is true.
                _ = try? await store.finish(key, in: sessionKey, .extended(milliseconds), attempt: attempt)
            }
        }
        defer { heartbeat.cancel() }
        let result: JSON
        do { result = try await body(ToolAttempt(number: attempt)) } catch {
            heartbeat.cancel()
            // The caller may be cancelled, and what happened has to be noted all the same.
            let reason = JSON(string: "\(type(of: error))")
            _ = await Task { [store, sessionKey = self.key] in
                try await store.finish(key, in: sessionKey, .failed(reason), attempt: attempt)
            }.result
            throw error
        }
        heartbeat.cancel()
        return try await Task { [store, sessionKey = self.key] in
            try await store.finish(key, in: sessionKey, .completed(result), attempt: attempt).result ?? .null
        }.value
    }
}
