public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Appends a batch.
    public func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        var request = writeRequest()
        if !isConfirmed, let plain = PlainAppend(batch, to: key, policy), let receipt = try await append(plain, &request) { return receipt }
        return try await appendInFull(batch, to: key, request)
    }

    /// Appends a batch of any kind to a session in any state.
    func appendInFull(_ batch: EventBatch, to key: SessionKey, _ request: WriteRequest) async throws(StoreError) -> AppendReceipt {
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
            arguments.append(.bytes(event.body(carrying: batch.trace).bytes))
            if event.delta.isEmpty { arguments.append(0) } else { arguments += try StateItems.setting(event.delta) }
        }
        let blobs = batch.events.enumerated().compactMap { (index, event) in event.blob.map { (index + 1, $0) } }
        arguments.append(RedisArgument(blobs.count))
        for (number, blob) in blobs { arguments += [RedisArgument(number), .string(blob.digest.description), .bytes(blob.bytes)] }
        arguments.append(.string(batch.events.map { "\($0.tokens)" }.joined(separator: " ")))
        arguments += [.string(batch.agent?.to ?? ""), .string(batch.agent?.from ?? "")]
        let outcome = try await perform(Scripts.append, names.keys, arguments, epoch: batch.epoch, request)
        var (receipt, hasExcess) = try self.receipt(try ScriptReply(outcome.reply), of: batch)
        if !layout.isOneServer {
            try await applyToApplication(zip(batch.events, receipt.entries).flatMap { $1.isDuplicate ? [] : $0.delta.app }, names)
        }
        // After a change of policy there may be more to trim than one script should.
        while hasExcess { hasExcess = try await trim(names) }
        receipt.confirmedReplicas = outcome.replicas
        try outcome.checkConfirmed(receipt, idempotencyKey: madeKey)
        return receipt
    }

    /// Reads what ``Scripts/append`` answers, and whether more has to be trimmed.
    func receipt(_ reply: ScriptReply, of batch: EventBatch) throws(StoreError) -> (receipt: AppendReceipt, hasExcess: Bool) {
        var reply = reply
        let version = try reply.int()
        let seq = try reply.int()
        let tail = Offset(milliseconds: try reply.int(), seq: seq)
        time.served(tail.milliseconds)
        let generation = try reply.text()
        let hasExcess = try reply.int() == 1
        var entries: [AppendReceipt.Entry] = []
        entries.reserveCapacity(batch.events.count)
        for event in batch.events {
            let seq = try reply.int()
            let offset = Offset(milliseconds: try reply.int(), seq: abs(seq))
            let id = event.id ?? SessionRecord.madeID(generation: generation, seq: offset.seq)
            entries.append(AppendReceipt.Entry(id: id, offset: offset, isDuplicate: seq < 0))
        }
        return (AppendReceipt(entries: entries, version: version, tail: tail), hasExcess)
    }

    func trim(_ names: SessionNames) async throws(StoreError) -> Bool {
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
