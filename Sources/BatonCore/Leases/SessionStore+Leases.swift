extension SessionStore {
    /// The longest that a call waits for a lease.
    public static let longestWait = Duration.seconds(300)

    /// Acquires the right to write a session.
    ///
    /// Whoever waits stands in a line, and the line is served in its order. Cancelling the task takes it out of the line.
    /// - Parameters:
    ///   - holder: who it is given to, 1 to 256 bytes. Each worker needs a name of its own: whoever holds the lease by the same name
    ///     loses it at once.
    ///   - ttl: how long it lasts unless it is renewed; a second to an hour.
    ///   - wait: how long to wait for it while somebody else holds it; 300 seconds at most.
    ///   - stealing: whether it is taken from whoever holds it.
    /// - Throws: ``StoreError/Code/busy`` when somebody else holds it, or others wait for it; ``StoreError/Code/notFound``;
    ///   ``StoreError/Code/tooManyRequests`` when too many wait.
    public func acquireLease(
        on key: SessionKey, for holder: String, ttl: Duration = .seconds(30), waiting wait: Duration = .zero, stealing: Bool = false
    ) async throws(StoreError) -> Lease {
        let request = LeaseRequest(holder: holder, ttl: ttl.wholeMilliseconds, steals: stealing)
        return try await acquireLease(request, on: key, waiting: wait).lease
    }

    /// Acquires the lease as a request says, whose ticket keeps its place in the line over several calls.
    package func acquireLease(
        _ request: LeaseRequest, on key: SessionKey, waiting wait: Duration
    ) async throws(StoreError) -> (lease: Lease, sent: ContinuousClock.Instant) {
        let request = try request.checked()
        guard .zero <= wait, wait <= SessionStore.longestWait else { throw StoreError(.invalidField, "wait has to be from 0 to 300 seconds") }
        return try await perform(.acquireLease, on: key) { () throws(StoreError) in
            if wait == .zero { return try await self.tryAcquire(request, on: key) }
            return try await self.waitForLease(request, on: key, until: .now + wait)
        }
    }

    /// Lets a lease last longer, counted from now.
    /// - Throws: ``StoreError/Code/fenced`` when it is over.
    @discardableResult
    public func renewLease(_ epoch: Int, on key: SessionKey, for ttl: Duration) async throws(StoreError) -> Lease {
        let ttl = ttl.wholeMilliseconds
        try LeaseRequest.check(ttl)
        return try await perform(.renewLease, on: key) { () throws(StoreError) in try await self.storage.renewLease(epoch, for: ttl, on: key) }
    }

    /// Gives a lease back before it expires.
    /// - Throws: ``StoreError/Code/fenced`` when another one has followed.
    public func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError) {
        try await perform(.releaseLease, on: key) { () throws(StoreError) in try await self.storage.releaseLease(epoch, on: key) }
        bells.released(key)
    }

    /// Takes a ticket out of the line of those who wait for a session's lease; one that does not stand there is fine.
    package func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError) {
        try LeaseRequest.check(ticket: ticket)
        try await storage.leaveLine(ticket, on: key)
    }

    // MARK: - Waiting

    /// One attempt. It is not cancelled half way, or a lease could be given that nobody knows of: one that comes too late is given back.
    private func tryAcquire(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> (lease: Lease, sent: ContinuousClock.Instant) {
        let sent = ContinuousClock.now
        let storage = storage
        let attempt = Task { () async -> Result<Lease, StoreError> in
            do throws(StoreError) { return .success(try await storage.acquireLease(request, on: key)) } catch { return .failure(error) }
        }
        let lease = try await attempt.value.get()
        if Task.isCancelled {
            await Task { try? await storage.releaseLease(lease.epoch, on: key) }.value
            throw StoreError(.cancelled, "the call was cancelled")
        }
        return (lease, sent)
    }

    /// How long a ticket is kept in its pocket at most. It is shown several times in its life, so that one lost call does no harm.
    private static let showing = Duration.milliseconds(LeaseRequest.ticketLife / 4)

    private func waitForLease(
        _ request: LeaseRequest, on key: SessionKey, until deadline: ContinuousClock.Instant
    ) async throws(StoreError) -> (lease: Lease, sent: ContinuousClock.Instant) {
        var request = request
        let isOwnTicket = request.ticket == nil
        let ticket = request.ticket ?? Randomness.generation()
        let (number, bell) = bells.add(key)
        defer { bells.remove(number, key) }
        var silence = Duration.milliseconds(25)
        while true {
            let left = deadline - .now
            request.ticket = ticket
            request.patience = max(.zero, min(left, SessionStore.showing)).wholeMilliseconds
            bell.reset()
            let failure: StoreError
            do throws(StoreError) {
                let given = try await tryAcquire(request, on: key)
                bells.acquired(given.lease.epoch, key)
                return given
            } catch {
                failure = error
            }
            guard case .busy(let lease, let ahead) = failure.detail, left > .zero, !Task.isCancelled else {
                let storage = storage
                // A ticket that came from outside is its owner's to take back.
                if isOwnTicket { await Task { try? await storage.leaveLine(ticket, on: key) }.value }
                if Task.isCancelled { throw StoreError(.cancelled, "the call was cancelled") }
                throw failure
            }
            // The first in line looks whenever something happens, and when the lease expires, which nobody says. Others look when as much
            // has happened as it takes for them to be the first, so that a crowd does not look all at once.
            if let lease { bells.found(lease.epoch, key) }
            var limit = min(left, SessionStore.showing)
            if ahead == 0, let lease {
                let expiry = Duration.milliseconds(lease.expiresAt.milliseconds - SystemClock.now().milliseconds + 1)
                limit = min(limit, max(expiry, silence))
            }
            let wasRung = await bell.wait(forRings: ahead, upTo: limit)
            // Clocks differ: a lease that seems to be over may last for a while.
            silence = wasRung ? .milliseconds(25) : min(silence * 2, SessionStore.showing)
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded down; the largest number for what does not fit.
    package var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        let (product, overflow) = Int(seconds).multipliedReportingOverflow(by: 1000)
        if overflow { return seconds < 0 ? .min : .max }
        return product.addingReportingOverflow(Int(attoseconds / 1_000_000_000_000_000)).partialValue
    }
}
