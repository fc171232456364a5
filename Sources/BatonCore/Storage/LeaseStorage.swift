/// The leases of a storage: who may write a session, and who waits for it.
///
/// The clock is the storage's, never a caller's. Leases move neither `version` nor `updatedAt`, but what is done with them restarts the
/// session's lifetime, and is hinted, so that those who wait wake. A ticket that joins the line is not: it changes nothing for others.
public protocol LeaseStorage: Sendable {
    /// Gives the lease with a new epoch, at once or not at all. In this order:
    ///
    /// 1. Who steals gets it.
    /// 2. Who has it by name gets it anew: a worker that was restarted fences what is left of its predecessor.
    /// 3. When nobody holds it, the ticket at the head of the line gets it, or anybody when the line is empty.
    ///
    /// Whoever gets it leaves the line. Everybody else is ``StoreError/Code/busy``, with the lease that is held and how many stand before
    /// them; a ticket then joins the line at its end, or keeps its place when it stands there. A ticket that nobody has shown for
    /// ``LeaseRequest/ticketLife`` has lost its place.
    /// - Throws: ``StoreError/Code/tooManyRequests`` when ``LeaseRequest/longestLine`` tickets wait.
    func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease

    /// Lets the lease of this epoch end `ttl` milliseconds from now.
    /// - Throws: ``StoreError/Code/fenced`` when it is over or another one is held.
    func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease

    /// Ends the lease of this epoch. One that is over already, and that no other has followed, may be released again.
    /// - Throws: ``StoreError/Code/fenced`` when another one has followed.
    func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError)

    /// Takes a ticket out of the line; one that does not stand there is fine.
    func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError)
}

/// Who wants a lease, and how.
public struct LeaseRequest: Hashable, Sendable {
    /// Who it shall be given to; 1 to 256 bytes. Each worker needs a name of its own.
    public var holder: String
    /// How long it shall last unless it is renewed, in milliseconds.
    public var ttl: Int
    /// Whether it is taken from whoever has it.
    public var steals: Bool
    /// A place in the line, made up by the caller; 1 to 64 bytes. Without one the caller does not wait.
    public var ticket: String?
    /// How long a storage that asks elsewhere may let the call wait there, in milliseconds. All others answer at once.
    public var patience: Int

    /// How long a lease may last, in milliseconds: a second to an hour.
    public static let ttls = 1000...3_600_000
    /// How long a ticket keeps its place after it was last shown, in milliseconds.
    public static let ticketLife = 5000
    /// The most tickets in one line.
    public static let longestLine = 1024
    /// The longest ticket, in UTF-8 bytes.
    public static let maximumTicketBytes = 64

    /// A request of its parts.
    public init(holder: String, ttl: Int, steals: Bool = false, ticket: String? = nil, patience: Int = 0) {
        self.holder = holder
        self.ttl = ttl
        self.steals = steals
        self.ticket = ticket
        self.patience = patience
    }

    func checked() throws(StoreError) -> LeaseRequest {
        let bytes = holder.utf8.count
        guard (1...Lease.maximumHolderBytes).contains(bytes) else {
            throw StoreError(.invalidField, "holder has \(bytes) bytes; it may have 1 to \(Lease.maximumHolderBytes)")
        }
        try LeaseRequest.check(ttl)
        if let ticket { try LeaseRequest.check(ticket: ticket) }
        return self
    }

    static func check(_ ttl: Int) throws(StoreError) {
        guard ttls.contains(ttl) else { throw StoreError(.invalidField, "ttl has to be from 1 to 3600 seconds") }
    }

    static func check(ticket: String) throws(StoreError) {
        guard (1...maximumTicketBytes).contains(ticket.utf8.count) else {
            throw StoreError(.invalidField, "ticket has \(ticket.utf8.count) bytes; it may have 1 to \(maximumTicketBytes)")
        }
    }
}
