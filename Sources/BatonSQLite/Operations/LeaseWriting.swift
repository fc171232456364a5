internal import BatonCore

/// What became of a request for a lease. A place in the line is kept by a transaction that succeeds, so it is no error in here.
enum LeaseAnswer: Sendable {
    case granted(Lease)
    case busy(Lease?, ahead: Int)
}

extension Writing {
    func acquireLease(_ request: LeaseRequest, on key: SessionKey) throws(StoreError) -> LeaseAnswer {
        let reading = reading
        var row = try reading.session(key)
        let lease = row.fence.lease(at: reading.now)
        let line = Line(db: db, session: row.pk, deadline: reading.now - LeaseRequest.ticketLife)
        if let ticket = request.ticket { try line.takeOut(ticket, onlyIfDead: true) }
        let isAgain = lease?.holder.utf8.elementsEqual(request.holder.utf8) ?? false
        if !request.steals, !isAgain {
            let head = lease == nil ? try line.head() : nil
            if lease != nil || (head != nil && !line.isSame(head, request.ticket)) {
                guard let ticket = request.ticket else { return .busy(lease, ahead: try line.count()) }
                return .busy(lease, ahead: try line.show(ticket, at: reading.now))
            }
        }
        if let ticket = request.ticket { try line.takeOut(ticket) }
        row.fence.grant(holder: request.holder, until: reading.now + request.ttl, at: reading.now)
        try saveLease(&row, at: reading.now)
        hint(key)
        return .granted(Lease(holder: request.holder, epoch: row.fence.epoch, expiresAt: Timestamp(milliseconds: row.fence.expires)))
    }

    func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) throws(StoreError) -> Lease {
        let reading = reading
        var row = try reading.session(key)
        guard let lease = row.fence.lease(at: reading.now), lease.epoch == epoch else { throw StoreError.fenced(current: row.fence.epoch) }
        row.fence.expires = reading.now + ttl
        try saveLease(&row, at: reading.now)
        hint(key)
        return Lease(holder: lease.holder, epoch: epoch, expiresAt: Timestamp(milliseconds: row.fence.expires))
    }

    func releaseLease(_ epoch: Int, on key: SessionKey) throws(StoreError) {
        let reading = reading
        var row = try reading.session(key)
        guard epoch > 0, row.fence.epoch == epoch else { throw StoreError.fenced(current: row.fence.epoch) }
        guard row.fence.expires != 0 else { return }
        row.fence.expires = 0
        try saveLease(&row, at: reading.now)
        hint(key)
    }

    func leaveLine(_ ticket: String, on key: SessionKey) throws(StoreError) {
        let row = try reading.session(key)
        if try Line(db: db, session: row.pk, deadline: 0).takeOut(ticket) { hint(key) }
    }

    /// Stores the lease and restarts the session's lifetime.
    private func saveLease(_ row: inout SessionRow, at now: Int) throws(StoreError) {
        row.expiresAt = SessionRow.expiry(row.ttl, from: row.now(now))
        try db.run(
            "UPDATE sessions SET lease_epoch = ?2, lease_holder = ?3, lease_ms = ?4, expires_ms = ?5 WHERE pk = ?1", row.pk, row.fence.epoch,
            row.fence.holder, row.fence.expires, row.expiresAt)
    }
}

/// Who waits for the lease of one session, the longest waiting first.
private struct Line {
    let db: Connection
    let session: Int
    /// A ticket that was last shown then, or earlier, has lost its place.
    let deadline: Int

    func isSame(_ head: String?, _ ticket: String?) -> Bool {
        guard let head, let ticket else { return false }
        return head.utf8.elementsEqual(ticket.utf8)
    }

    /// The first ticket that lives; those before it are taken out.
    func head() throws(StoreError) -> String? {
        while true {
            let statement = try db.statement("SELECT number, ticket, asked_ms FROM line WHERE session = ?1 ORDER BY number LIMIT 1")
            defer { statement.reset() }
            try statement.bind(session)
            guard try statement.step() else { return nil }
            let (number, ticket, asked) = (statement.int(0), statement.text(1), statement.int(2))
            if asked > deadline { return ticket }
            statement.reset()
            try db.run("DELETE FROM line WHERE session = ?1 AND number = ?2", session, number)
        }
    }

    func count() throws(StoreError) -> Int {
        let statement = try db.statement("SELECT count(*) FROM line WHERE session = ?1")
        defer { statement.reset() }
        try statement.bind(session)
        return try statement.step() ? statement.int(0) : 0
    }

    /// Gives a ticket its place, or keeps it; returns how many stand before it.
    func show(_ ticket: String, at now: Int) throws(StoreError) -> Int {
        if let number = try number(of: ticket) {
            try db.run("UPDATE line SET asked_ms = ?3 WHERE session = ?1 AND number = ?2", session, number, now)
            return try count(before: number)
        }
        if try count() >= LeaseRequest.longestLine {
            try db.run("DELETE FROM line WHERE session = ?1 AND asked_ms <= ?2", session, deadline)
        }
        let ahead = try count()
        guard ahead < LeaseRequest.longestLine else { throw StoreError.lineIsFull }
        try db.run(
            """
            INSERT INTO line (session, number, ticket, asked_ms)
            VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM line WHERE session = ?1), ?2, ?3)
            """, session, ticket, now)
        return ahead
    }

    @discardableResult
    func takeOut(_ ticket: String, onlyIfDead: Bool = false) throws(StoreError) -> Bool {
        let before = db.changes
        try db.run(
            "DELETE FROM line WHERE session = ?1 AND ticket = ?2 AND asked_ms <= ?3", session, ticket, onlyIfDead ? deadline : Int.max)
        return db.changes != before
    }

    private func number(of ticket: String) throws(StoreError) -> Int? {
        let statement = try db.statement("SELECT number FROM line WHERE session = ?1 AND ticket = ?2")
        defer { statement.reset() }
        try statement.bind(session, ticket)
        return try statement.step() ? statement.int(0) : nil
    }

    private func count(before number: Int) throws(StoreError) -> Int {
        let statement = try db.statement("SELECT count(*) FROM line WHERE session = ?1 AND number < ?2")
        defer { statement.reset() }
        try statement.bind(session, number)
        return try statement.step() ? statement.int(0) : 0
    }
}
