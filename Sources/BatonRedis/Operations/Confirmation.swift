internal import BatonCore
internal import BatonRedisClient

/// How many replicas have to have a write before it is acknowledged.
struct Confirmation {
    let replicas: Int
    let wait: Duration

    /// Nil for writes that are acknowledged as soon as the primary has them.
    init?(_ durability: Durability) throws(StoreError) {
        switch durability {
        case .memory: return nil
        case .wait(let replicas, let wait):
            try durability.checkRange()
            (self.replicas, self.wait) = (replicas, wait)
        case .full, .normal:
            throw StoreError(
                .invalidParameter,
                "Redis takes the durability memory or wait:REPLICAS:TIME, not \(durability): how it saves to disk is the server's own setting (appendfsync)"
            )
        }
    }

    /// Refuses a server whose user may not wait, before anything is written.
    func check(on client: RedisClient) async throws(StoreError) {
        do throws(RedisError) { _ = try await client.send(WAIT(replicas: 0, timeout: .milliseconds(1))) } catch {
            guard error.server?.kind == .noPermission else { throw StoreError(error) }
            throw StoreError(.storeIncompatible, "durability: the Redis user may not use WAIT; it needs +wait", underlying: error)
        }
    }
}

/// What a script that writes answered, and how many replicas have it.
struct WriteOutcome {
    let reply: RedisReply
    /// Nil when nobody asked.
    let replicas: Int?
    /// Why the write is not confirmed, for an error.
    private let shortage: (asked: Confirmation, cause: RedisError?)?

    init(_ reply: RedisReply) {
        self.reply = reply
        replicas = nil
        shortage = nil
    }

    init(_ reply: RedisReply, _ count: Result<Int, RedisError>, asked: Confirmation) {
        self.reply = reply
        switch count {
        case .success(let count):
            replicas = count
            shortage = count < asked.replicas ? (asked, nil) : nil
        case .failure(let error):
            replicas = 0
            shortage = (asked, error)
        }
    }

    /// Throws when fewer replicas have the write than were asked for. Call it last: the write is done.
    func checkConfirmed(_ receipt: AppendReceipt? = nil, idempotencyKey: String? = nil) throws(StoreError) {
        guard let (asked, cause) = shortage else { return }
        let count = replicas ?? 0
        throw StoreError(
            .unconfirmed,
            "stored, but \(count) of \(asked.replicas) replicas have confirmed it within \(asked.wait.inMilliseconds) ms; a failover now may lose it",
            detail: .unconfirmed(replicas: count, receipt: receipt, idempotencyKey: idempotencyKey), underlying: cause)
    }
}

extension Duration {
    /// Whole milliseconds.
    var inMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
