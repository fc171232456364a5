internal import BatonCore
internal import BatonRedisClient

/// A batch that ``Scripts/plainAppend`` may take: without idempotency key, handoff and contents that are kept apart; one event, or several without ids; with no changes of state but
/// the session's own. Most appends are.
struct PlainAppend {
    let batch: EventBatch
    let key: SessionKey

    /// The most events that the script trims in one step, and so the most of a batch where it may have to.
    private static let maximumTrimmed = 64

    /// The batch, unless it is of another kind.
    init?(_ batch: EventBatch, to key: SessionKey, _ policy: StorePolicy) {
        guard batch.idempotencyKey == nil, batch.agent == nil, batch.events.allSatisfy({ $0.blob == nil }) else { return nil }
        if batch.events.count == 1 {
            if let id = batch.events[0].id, PlainAppend.mayBeMade(id) { return nil }
        } else {
            guard policy.maximumEvents == nil || batch.events.count <= PlainAppend.maximumTrimmed, batch.events.allSatisfy({ $0.id == nil }) else {
                return nil
            }
        }
        guard batch.events.allSatisfy({ $0.delta.user.isEmpty && $0.delta.app.isEmpty }) else { return nil }
        self.batch = batch
        self.key = key
    }

    /// Whether an id may be one that the store makes: sixteen digits of the generation, a hyphen, a seq.
    private static func mayBeMade(_ id: String) -> Bool { id.utf8.dropFirst(16).first == UInt8(ascii: "-") }
}

extension RedisStorage {
    /// Appends what is plain to a session in the state that most are in; nil when the other script has to do it.
    func append(_ plain: PlainAppend, _ request: inout WriteRequest) async throws(StoreError) -> AppendReceipt? {
        try checkOpen()
        let call = try call(plain, request)
        let reply: RedisReply
        do throws(RedisError) { reply = try await client.send(call, deadline: request.deadline) } catch {
            guard error.wasSent, error.code == .connectionLost else { throw StoreError(error) }
            request.attempt += 1
            return nil
        }
        let batch = plain.batch
        if let bytes = reply.bytes { return try receipt(bytes, of: batch) }
        if reply.elements?.first?.integer == Int64(Refusal.unsuited.rawValue) {
            if (reply.elements?.count ?? 0) > 1 { appendsNeedAllKeys = true }
            return nil
        }
        return try receipt(try ScriptReply(reply), of: batch).receipt
    }

    private func call(_ plain: PlainAppend, _ request: WriteRequest) throws(StoreError) -> EVALSHA {
        let events = plain.batch.events
        let keys = layout.plainAppendKeys(of: plain.key, appendsNeedAllKeys ? 10 : events[0].id == nil ? 5 : 6)
        var arguments: [RedisArgument] = []
        arguments.reserveCapacity(10 + events.count)
        arguments.append(.bytes(request.token))
        arguments.append(.string(plain.key.id))
        arguments.append(.bytes(ListMember.of(user: plain.key.user, id: plain.key.id)))
        arguments.append(plain.batch.expectedSeq.map { RedisArgument($0) } ?? "")
        arguments.append(RedisArgument(policy.maximumEvents ?? 0))
        arguments.append(moment)
        arguments.append(.string(events[0].id ?? ""))
        arguments.append(RedisArgument(events.count))
        arguments.append(plain.batch.epoch.map { RedisArgument($0) } ?? "")
        arguments.append(RedisArgument(events.reduce(0) { $0 &+ $1.tokens }))
        for event in events { arguments.append(.bytes(event.body(carrying: plain.batch.trace).bytes)) }
        for event in events {
            for change in event.delta.session {
                arguments.append(.string("." + change.key))
                arguments.append(.bytes(try change.operation.applied(to: nil)?.bytes ?? []))
            }
        }
        return EVALSHA(Scripts.plainAppend, keys: keys, arguments: arguments, retrySafety: .ifNotSent)
    }

    /// Reads what ``Lua/receipt`` made: all events of the batch were new.
    private func receipt(_ bytes: ArraySlice<UInt8>, of batch: EventBatch) throws(StoreError) -> AppendReceipt {
        guard bytes.count > 20 else { throw StoreError.corrupt("the answer of a script") }
        func number(_ offset: Int) -> Int {
            let start = bytes.startIndex + offset
            return bytes[start..<start + 6].reduce(0) { $0 << 8 | Int($1) }
        }
        let tail = Offset(milliseconds: number(12), seq: number(6))
        time.served(tail.milliseconds)
        var entries: [AppendReceipt.Entry] = []
        entries.reserveCapacity(batch.events.count)
        let generation = String(decoding: bytes.dropFirst(20), as: UTF8.self)
        for (index, event) in batch.events.enumerated() {
            let seq = tail.seq - batch.events.count + 1 + index
            let id = event.id ?? SessionRecord.madeID(generation: generation, seq: seq)
            entries.append(AppendReceipt.Entry(id: id, offset: Offset(milliseconds: tail.milliseconds, seq: seq), isDuplicate: false))
        }
        return AppendReceipt(entries: entries, version: number(0), tail: tail)
    }
}
