public import BatonCore
internal import BatonIO
internal import BatonRedisClient

extension RedisStorage {
    /// Hands out up to `limit` events to `consumer` without waiting.
    public func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received {
        let keys: TopicKeys
        switch try bus.place(of: topic) {
        case .sessions: return try await receiveChanges(limit, as: consumer, in: group)
        case .stream(let found): keys = found
        }
        let reply = try await again { isAgain, request in
            self.call(Scripts.receive, keys, group, [self.moment, .string(consumer), request, isAgain, RedisArgument(limit)], .ifNotSent)
        }
        var parts = try ScriptReply(topic: reply)
        let generation = try parts.text()
        let handed = try HandedOut(try parts.next())
        var deliveries: [Delivery] = []
        for (item, attempt, token) in handed.items {
            let event = try TopicEntries.event(item, keys.kind, generation: generation)
            guard let id = item.elements?.first?.string else { throw StoreError.corrupt("a delivery") }
            deliveries.append(
                Delivery(id: id, token: String(token), attempt: attempt, leaseEndsAt: Timestamp(milliseconds: handed.due), event: event))
        }
        return Received(deliveries: deliveries, nextDue: handed.nextDue, lost: handed.lost)
    }

    /// Settles deliveries, each on its own.
    public func settle(
        _ settlements: [Settlement], of topic: String, as consumer: String, in group: String
    ) async throws(StoreError) -> [SettlementOutcome] {
        let keys: TopicKeys
        switch try bus.place(of: topic) {
        case .sessions: return try await settleChanges(settlements, as: consumer, in: group)
        case .stream(let found): keys = found
        }
        if settlements.isEmpty {
            _ = try await self.group(group, of: topic)
            return []
        }
        var outcomes: [SettlementOutcome] = []
        for start in stride(from: 0, to: settlements.count, by: 1000) {
            let part = settlements[start..<min(start + 1000, settlements.count)]
            let chance = RedisArgument.string("0.\(Int.random(in: 1000...9999))")
            let list = part.flatMap { SettlementArguments.of($0, id: $0.id) }
            let reply = try await again { isAgain, request in
                self.call(
                    Scripts.settle, keys, group, [self.moment, .string(consumer), request, isAgain, RedisArgument(part.count), chance] + list,
                    .ifNotSent)
            }
            var parts = try ScriptReply(topic: reply)
            outcomes += try SettlementArguments.outcomes(try parts.bytes(), count: part.count)
        }
        return outcomes
    }

    /// Sends a call that takes effect once: when the connection breaks before its reply, it is sent again and finds what it did.
    func again(_ call: (_ isAgain: RedisArgument, _ request: RedisArgument) -> EVALSHA) async throws(StoreError) -> RedisReply {
        try checkOpen()
        let request = RedisArgument.bytes(Randomness.bytes(8))
        let deadline = Deadline.after(client.configuration.commandTimeout)
        var isAgain: RedisArgument = ""
        while true {
            do throws(RedisError) { return try await client.send(call(isAgain, request), deadline: deadline) } catch {
                guard error.wasSent, error.code == .connectionLost else { throw StoreError(error) }
            }
            isAgain = "1"
        }
    }
}

/// What a receive handed out of one stream.
struct HandedOut {
    var items: [(item: RedisReply, attempt: Int, token: Int)] = []
    let nextDue: Timestamp?
    let lost: Int
    let due: Int
    let position: ArraySlice<UInt8>

    init(_ reply: RedisReply) throws(StoreError) {
        var parts = try ScriptReply(parts: reply)
        guard let again = try parts.next().elements else { throw StoreError.corrupt("a delivery") }
        for one in again {
            var parts = try ScriptReply(parts: one)
            items.append((try parts.next(), try parts.int(), try parts.int()))
        }
        var token = try parts.int()
        guard let fresh = try parts.next().elements else { throw StoreError.corrupt("a delivery") }
        items.reserveCapacity(items.count + fresh.count)
        for item in fresh {
            items.append((item, 1, token))
            // Tokens stay below 2^48; wrapping only keeps nonsense from ending the process.
            token &+= 1
        }
        let moment = try parts.int()
        nextDue = moment < 0 ? nil : Timestamp(milliseconds: moment)
        lost = try parts.int()
        due = try parts.int()
        position = try parts.bytes()
    }
}

/// Settlements as scripts take them, and what they answer.
enum SettlementArguments {
    static func of(_ settlement: Settlement, id: String) -> [RedisArgument] {
        // A text that no token has fits none: tokens begin with 1.
        let token = Int(settlement.token).flatMap { $0 > 0 && $0 < 1 << 48 && String($0) == settlement.token ? $0 : nil } ?? 0
        let bytes = (0..<6).map { UInt8(truncatingIfNeeded: token >> (40 - 8 * $0)) }
        let head: [RedisArgument] = [.string(id), .bytes(bytes)]
        switch settlement.action {
        case .acknowledge: return head + ["a"]
        case .release: return head + ["g"]
        case .extend(let milliseconds): return head + ["e", RedisArgument(milliseconds)]
        case .reject(let delay, let reason):
            return head + ["r", delay.map { RedisArgument($0) } ?? "", .string(reason ?? DeliveryFailure.rejected)]
        case .terminate(let reason): return head + ["t", .string(reason ?? DeliveryFailure.terminated)]
        }
    }

    static func outcomes(_ letters: ArraySlice<UInt8>, count: Int) throws(StoreError) -> [SettlementOutcome] {
        guard letters.count == count else { throw StoreError.corrupt("the answer of a script") }
        return letters.map { $0 == UInt8(ascii: "d") ? .done : .fenced }
    }
}
