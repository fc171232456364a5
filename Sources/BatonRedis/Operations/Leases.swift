public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Gives the lease, or a place in the line.
    public func acquireLease(_ request: LeaseRequest, on key: SessionKey) async throws(StoreError) -> Lease {
        let names = layout.names(of: key)
        let arguments =
            self.arguments(names) + [
                .string(request.holder), RedisArgument(request.ttl), request.steals ? 1 : 0, .string(request.ticket ?? ""),
                RedisArgument(LeaseRequest.ticketLife), RedisArgument(LeaseRequest.longestLine),
            ]
        var reply = try ScriptReply(try await write(Scripts.acquireLease, names.keysWithLine, arguments))
        return Lease(holder: request.holder, epoch: try reply.int(), expiresAt: Timestamp(milliseconds: try reply.int()))
    }

    /// Lets a lease last longer.
    public func renewLease(_ epoch: Int, for ttl: Int, on key: SessionKey) async throws(StoreError) -> Lease {
        try await changeLease(epoch, key, ttl)
    }

    /// Ends a lease.
    public func releaseLease(_ epoch: Int, on key: SessionKey) async throws(StoreError) { _ = try await changeLease(epoch, key, 0) }

    private func changeLease(_ epoch: Int, _ key: SessionKey, _ ttl: Int) async throws(StoreError) -> Lease {
        let names = layout.names(of: key)
        let arguments = self.arguments(names) + [RedisArgument(ttl)]
        var reply = try ScriptReply(try await write(Scripts.renewLease, names.keys, arguments, epoch: epoch))
        let (epoch, expires) = (try reply.int(), try reply.int())
        return Lease(holder: try reply.text(), epoch: epoch, expiresAt: Timestamp(milliseconds: expires))
    }

    /// Takes a ticket out of the line.
    public func leaveLine(_ ticket: String, on key: SessionKey) async throws(StoreError) {
        let names = layout.names(of: key)
        let arguments = self.arguments(names) + [.string(ticket)]
        let script = EVALSHA(Scripts.leaveLine, keys: names.keysWithLine, arguments: arguments, retrySafety: .always)
        _ = try ScriptReply(try await send(script))
    }
}

extension SessionNames {
    /// The keys of scripts that look at the line of those who wait for the lease.
    var keysWithLine: [RedisKey] { keys.prefix(12) + [RedisKey(session.bytes + Array(":w".utf8))] }
}
