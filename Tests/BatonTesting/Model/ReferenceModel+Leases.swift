package import BatonCore

extension ReferenceModel {
    package func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease {
        // A ticket gets its place although the caller gets an error.
        let answer = try write { (model) throws(StoreError) -> Result<Lease, StoreError> in
            let index = try model.index(of: key)
            let now = model.clock.milliseconds
            let ticket = request.ticket.map { Array($0.utf8) }
            let lease = model.sessions[index].fence.lease(at: now)
            if let ticket { model.sessions[index].line.removeAll { $0.name == ticket && !$0.isAlive(at: now) } }
            if !request.steals, lease.map({ !$0.holder.utf8.elementsEqual(request.holder.utf8) }) ?? true {
                if lease == nil {
                    while let head = model.sessions[index].line.first, !head.isAlive(at: now) { model.sessions[index].line.removeFirst() }
                }
                let head = model.sessions[index].line.first
                if lease != nil || (head != nil && head?.name != ticket) {
                    guard let ticket else { return .failure(.busy(lease, ahead: model.sessions[index].line.count)) }
                    return .failure(.busy(lease, ahead: try model.sessions[index].show(ticket, at: now)))
                }
            }
            if let ticket { model.sessions[index].line.removeAll { $0.name == ticket } }
            model.sessions[index].fence.grant(holder: request.holder, until: now + request.ttl, at: now)
            model.restartLife(ofSessionAt: index)
            model.hint(.session(key))
            return .success(try model.heldLease(ofSessionAt: index))
        }
        return try answer.get()
    }

    package func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let fence = model.sessions[index].fence
            guard fence.epoch == epoch, fence.lease(at: model.clock.milliseconds) != nil else { throw StoreError.fenced(current: fence.epoch) }
            model.sessions[index].fence.expires = model.clock.milliseconds + ttl
            model.restartLife(ofSessionAt: index)
            model.hint(.session(key))
            return try model.heldLease(ofSessionAt: index)
        }
    }

    package func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError) {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let fence = model.sessions[index].fence
            guard fence.epoch == epoch, epoch > 0 else { throw StoreError.fenced(current: fence.epoch) }
            guard fence.expires != 0 else { return }
            model.sessions[index].fence.expires = 0
            model.restartLife(ofSessionAt: index)
            model.hint(.session(key))
        }
    }

    package func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError) {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            model.sessions[index].line.removeAll { $0.name == Array(ticket.utf8) }
            model.hint(.session(key))
        }
    }

    /// Somebody who waits for a lease.
    struct Ticket {
        let name: [UInt8]
        var asked: Int

        func isAlive(at now: Int) -> Bool { asked + LeaseRequest.ticketLife > now }
    }
}

extension ReferenceModel.StoredSession {
    /// Gives a ticket its place, or keeps it; how many stand before it.
    fileprivate mutating func show(_ ticket: [UInt8], at now: Int) throws(StoreError) -> Int {
        if let place = line.firstIndex(where: { $0.name == ticket }) {
            line[place].asked = now
            return place
        }
        if line.count >= LeaseRequest.longestLine { line = line.filter { $0.isAlive(at: now) } }
        guard line.count < LeaseRequest.longestLine else { throw StoreError.lineIsFull }
        line.append(ReferenceModel.Ticket(name: ticket, asked: now))
        return line.count - 1
    }
}

extension ReferenceModel.Contents {
    fileprivate func heldLease(ofSessionAt index: Int) throws(StoreError) -> Lease {
        let fence = sessions[index].fence
        return Lease(holder: fence.holder, epoch: fence.epoch, expiresAt: Timestamp(milliseconds: fence.expires))
    }
}
