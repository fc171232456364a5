public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// A page of what a group holds.
    public func pending(
        in group: String, of topic: String, after id: String?, limit: Int
    ) async throws(StoreError) -> GroupPage<PendingDelivery> {
        switch try bus.place(of: topic) {
        case .sessions: return try await pendingChanges(in: group, after: id, limit: limit)
        case .stream(let keys):
            try checkPlace(id)
            let arguments: [RedisArgument] = [moment, "", .string(id ?? ""), RedisArgument(limit)]
            var reply = try ScriptReply(topic: try await send(call(Scripts.pending, keys, group, arguments)))
            let elements = try PendingDelivery.list(try reply.next()) { $0 }
            return GroupPage(elements: elements, next: elements.count < limit ? nil : elements.last?.id)
        }
    }

    /// A page of a group's dead letters.
    public func deadLetters(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<DeadLetter> {
        switch try bus.place(of: topic) {
        case .sessions: return try await deadChanges(in: group, after: id, limit: limit)
        case .stream(let keys):
            try checkPlace(id)
            let arguments: [RedisArgument] = [moment, "", .string(id ?? ""), RedisArgument(limit)]
            var reply = try ScriptReply(topic: try await send(call(Scripts.dead, keys, group, arguments)))
            let generation = try reply.text()
            let elements = try DeadLetter.list(try reply.next(), { $0 }) { item throws(StoreError) in
                try TopicEntries.event(item, keys.kind, generation: generation)
            }
            // A page may end early because of its bytes.
            return GroupPage(elements: elements, next: elements.last?.id)
        }
    }

    private func checkPlace(_ id: String?) throws(StoreError) {
        if let id, StreamID(id) == nil { throw StoreError(.invalidParameter, "after has to be the id of a delivery") }
    }

    /// Puts dead letters back.
    public func redrive(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        switch try bus.place(of: topic) {
        case .sessions: return try await chooseDeadChanges("redrive", selection, in: group)
        case .stream(let keys): return try await chooseDead("redrive", selection, keys, group)
        }
    }

    /// Removes dead letters for good.
    public func discard(_ selection: DeadLetterSelection, in group: String, of topic: String) async throws(StoreError) -> Int {
        switch try bus.place(of: topic) {
        case .sessions: return try await chooseDeadChanges("discard", selection, in: group)
        case .stream(let keys): return try await chooseDead("discard", selection, keys, group)
        }
    }

    private func chooseDead(
        _ action: RedisArgument, _ selection: DeadLetterSelection, _ keys: TopicKeys, _ group: String
    ) async throws(StoreError) -> Int {
        var arguments: [RedisArgument] = [moment, "", action]
        switch selection {
        case .oldest(let count): arguments.append(RedisArgument(count))
        case .ids(let ids): arguments += [""] + ids.map { .string($0) }
        }
        var reply = try ScriptReply(topic: try await send(call(Scripts.chooseDead, keys, group, arguments, .ifNotSent)))
        return try reply.int()
    }
}

extension PendingDelivery {
    /// A page as scripts answer it.
    static func list(_ reply: RedisReply, _ id: (String) throws(StoreError) -> String) throws(StoreError) -> [PendingDelivery] {
        guard let list = reply.elements else { throw StoreError.corrupt("what a group holds") }
        var found: [PendingDelivery] = []
        for one in list {
            var parts = try ScriptReply(parts: one)
            let name = try id(try parts.text())
            let consumer = try parts.text()
            found.append(
                PendingDelivery(
                    id: name, consumer: consumer.isEmpty ? nil : consumer, attempt: try parts.int(),
                    dueAt: Timestamp(milliseconds: try parts.int()), history: try DeliveryFailure.list(try parts.bytes())))
        }
        return found
    }
}

extension DeadLetter {
    /// A page as scripts answer it.
    static func list(
        _ reply: RedisReply, _ id: (String) throws(StoreError) -> String, _ event: (RedisReply) throws(StoreError) -> TopicEvent?
    ) throws(StoreError) -> [DeadLetter] {
        guard let list = reply.elements else { throw StoreError.corrupt("the dead letters of a group") }
        var found: [DeadLetter] = []
        for one in list {
            var parts = try ScriptReply(parts: one)
            let name = try id(try parts.text())
            let time = Timestamp(milliseconds: try parts.int())
            let reason = try parts.text()
            let history = try DeliveryFailure.list(try parts.bytes())
            found.append(DeadLetter(id: name, time: time, reason: reason, history: history, event: try event(try parts.next())))
        }
        return found
    }
}

extension DeliveryFailure {
    /// Failures as records have them: attempt, time, lengths of consumer and reason in 2, 6, 2 and 2 bytes, then both.
    static func list(_ bytes: ArraySlice<UInt8>) throws(StoreError) -> [DeliveryFailure] {
        var found: [DeliveryFailure] = []
        var rest = bytes
        while !rest.isEmpty {
            func number(_ from: Int, _ count: Int) -> Int {
                rest[(rest.startIndex + from)..<(rest.startIndex + from + count)].reduce(0) { $0 << 8 | Int($1) }
            }
            guard rest.count >= 12, rest.count >= 12 + number(8, 2) + number(10, 2) else { throw StoreError.corrupt("the history of a delivery") }
            let (consumer, reason) = (number(8, 2), number(10, 2))
            let start = rest.startIndex + 12
            found.append(
                DeliveryFailure(
                    attempt: number(0, 2), consumer: String(decoding: rest[start..<start + consumer], as: UTF8.self),
                    time: Timestamp(milliseconds: number(2, 6)),
                    reason: String(decoding: rest[(start + consumer)..<(start + consumer + reason)], as: UTF8.self)))
            rest = rest[(start + consumer + reason)...]
        }
        return found
    }
}
