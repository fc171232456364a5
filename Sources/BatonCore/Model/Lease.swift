/// The right to write a session, held by one worker until it expires, is released or is taken over.
public struct Lease: Hashable, Sendable {
    /// Who holds it, as the holder calls itself.
    public let holder: String
    /// Which lease of the session it is. A later one has a larger epoch, also after the session was deleted and created again.
    public let epoch: Int
    /// When it ends unless it is renewed, by the storage's clock.
    public let expiresAt: Timestamp

    /// The longest name of a holder, in UTF-8 bytes.
    public static let maximumHolderBytes = 256

    /// A lease of its parts.
    public init(holder: String, epoch: Int, expiresAt: Timestamp) {
        self.holder = holder
        self.epoch = epoch
        self.expiresAt = expiresAt
    }
}

/// What becomes of writes that show no epoch while somebody holds the lease.
public enum LeasePolicy: String, Hashable, Sendable, CaseIterable {
    /// They are refused.
    case exclusive
    /// They pass: only those who show an epoch are fenced.
    case advisory
}

/// What a storage keeps about the leases of one session, and the rule that every write of the session is held to.
///
/// The clock that lease times are compared with is the storage's. It may go back, as when another server takes over; so a write
/// that passes because a lease has expired ends that lease for good, or its holder could write again behind others.
public struct Fence: Hashable, Sendable {
    /// What becomes of writes without an epoch.
    public var policy: LeasePolicy
    /// The epoch of the last lease; 0 when there was none.
    public var epoch: Int
    /// Who held the last lease.
    public var holder: String
    /// When the last lease ends, in milliseconds; 0 when it is over.
    public var expires: Int

    /// A fence of its parts; by default one that nobody ever stood behind.
    public init(policy: LeasePolicy = .exclusive, epoch: Int = 0, holder: String = "", expires: Int = 0) {
        self.policy = policy
        self.epoch = epoch
        self.holder = holder
        self.expires = expires
    }

    /// The lease that is held at `now`; `nil` for none.
    public func lease(at now: Int) -> Lease? {
        expires > now ? Lease(holder: holder, epoch: epoch, expiresAt: Timestamp(milliseconds: expires)) : nil
    }

    /// Lets a write pass that shows `epoch`.
    /// - Throws: ``StoreError/Code/fenced`` for an epoch that is not the current one or whose lease is over,
    ///   ``StoreError/Code/busy`` without an epoch while somebody holds the lease and the policy is exclusive.
    public mutating func pass(_ epoch: Int?, at now: Int) throws(StoreError) {
        let lease = lease(at: now)
        if let epoch {
            guard let lease, lease.epoch == epoch else { throw StoreError.fenced(current: self.epoch) }
        } else if let lease {
            guard policy == .advisory else { throw StoreError.busy(lease) }
        } else {
            expires = 0
        }
    }

    /// Gives a new lease.
    ///
    /// Epochs grow with the clock, so that one is not given twice where the last lease was forgotten: in a session that was deleted and
    /// created again, or on a server that took over before it had heard of that lease.
    public mutating func grant(holder: String, until expires: Int, at now: Int) {
        epoch = max(epoch + 1, now)
        self.holder = holder
        self.expires = expires
    }
}

extension StoreError {
    /// The lease that a write or a renewal relies on is over.
    public static func fenced(current epoch: Int) -> StoreError {
        StoreError(.fenced, "the epoch is not that of a lease that is held; nothing was changed", detail: .epoch(epoch))
    }

    /// Somebody else holds the lease; without one, others are waiting for it already.
    public static func busy(_ lease: Lease?, ahead: Int = 0) -> StoreError {
        StoreError(
            .busy, lease == nil ? "others are waiting for the session's lease" : "somebody else holds the session's lease",
            detail: .busy(lease, ahead: ahead))
    }

    /// As many wait for the lease as may.
    public static let lineIsFull = StoreError(
        .tooManyRequests, "\(LeaseRequest.longestLine) workers wait for the session's lease already; try again later")
}
