public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Appends a batch.
    public func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        let names = layout.names(of: key)
        var batch = batch
        var madeKey: String?
        if isConfirmed, batch.idempotencyKey == nil, batch.events.contains(where: { $0.id == nil }) {
            // Who is told that it is not confirmed sends it again, and then it has to be known.
            madeKey = Randomness.uuid7(at: SystemClock.now())
            batch.idempotencyKey = madeKey
        }
        var arguments = self.arguments(names)
        arguments.reserveCapacity(20 + 3 * batch.events.count)
        arguments += [
            .bytes(names.base), .bytes(names.app), batch.expectedSeq.map { RedisArgument($0) } ?? "", .string(batch.idempotencyKey ?? ""),
            batch.idempotencyKey == nil ? "" : RedisArgument(batch.fingerprint), RedisArgument(policy.maximumEvents ?? 0),
            batch.createsSession ? 1 : 0, .string(batch.createsSession ? Randomness.generation() : ""),
            RedisArgument(policy.ttl(for: .storeDefault) ?? 0), 0, RedisArgument(batch.events.count),
        ]
        for event in batch.events {
            arguments.append(.string(event.id ?? ""))
            arguments.append(.bytes(event.body.bytes))
            if event.delta.isEmpty { arguments.append(0) } else { arguments += try StateItems.setting(event.delta) }
        }
        arguments += [.string(batch.agent?.to ?? ""), .string(batch.agent?.from ?? "")]
        let outcome = try await perform(Scripts.append, names.keys, arguments, epoch: batch.epoch)
        var reply = try ScriptReply(outcome.reply)
        let version = try reply.int()
        let seq = try reply.int()
        let tail = Offset(milliseconds: try reply.int(), seq: seq)
        time.served(tail.milliseconds)
        let generation = try reply.text()
        var hasExcess = try reply.int() == 1
        var entries: [AppendReceipt.Entry] = []
        entries.reserveCapacity(batch.events.count)
        for event in batch.events {
            let seq = try reply.int()
            let offset = Offset(milliseconds: try reply.int(), seq: abs(seq))
            let id = event.id ?? SessionRecord.madeID(generation: generation, seq: offset.seq)
            entries.append(AppendReceipt.Entry(id: id, offset: offset, isDuplicate: seq < 0))
        }
        if !layout.isOneServer { try await applyToApplication(zip(batch.events, entries).flatMap { $1.isDuplicate ? [] : $0.delta.app }, names) }
        // After a change of policy there may be more to trim than one script should.
        while hasExcess { hasExcess = try await trim(names) }
        let receipt = AppendReceipt(entries: entries, version: version, tail: tail, confirmedReplicas: outcome.replicas)
        try outcome.checkConfirmed(receipt, idempotencyKey: madeKey)
        return receipt
    }

    private func trim(_ names: SessionNames) async throws(StoreError) -> Bool {
        let arguments = self.arguments(names) + [RedisArgument(policy.maximumEvents ?? 0)]
        do throws(StoreError) {
            var reply = try ScriptReply(try await send(EVALSHA(Scripts.trim, keys: names.keys, arguments: arguments, retrySafety: .always)))
            return try reply.int() == 1
        } catch {
            // Deleted meanwhile.
            if error.code == .notFound { return false }
            throw error
        }
    }
}
