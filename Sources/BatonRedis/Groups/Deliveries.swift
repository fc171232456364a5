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
        guard keys.kind == .own else {
            let reply = try await again { isAgain, request in receiving(limit, keys, consumer, group, request, isAgain) }
            return try deliveries(try ScriptReply(topic: reply), keys.kind, nil).received
        }
        let line = keys.group(group)
        let turn = await bus.readAhead.begin(line, limit: limit)
        do throws(StoreError) {
            var chunk: ReadAhead.Chunk?
            var isTurn = true
            switch turn {
            case .plain: isTurn = false
            case .claim(let known): chunk = known
            case .read(let from, let generation):
                chunk = ReadAhead.Chunk(try await send(following(from, limit, keys)), from: from, count: limit, generation: generation)
            }
            var next: RedisReply?
            let reply = try await again(beside: chunk.map { following($0.last, limit, keys) }, &next) { isAgain, request in
                receiving(limit, keys, consumer, group, request, isAgain, chunk)
            }
            let (received, handed) = try deliveries(try ScriptReply(topic: reply), keys.kind, chunk)
            if let chunk, handed.isClaimed {
                let ahead = next.flatMap { ReadAhead.Chunk($0, from: chunk.last, count: limit, generation: chunk.generation) }
                bus.readAhead.end(line, next: ahead.map { .claim($0) } ?? .plain)
            } else if isTurn {
                bus.readAhead.end(line, isMissed: chunk != nil)
            } else if handed.again.isEmpty, received.deliveries.count == limit {
                bus.readAhead.note(
                    line, limit: limit, position: String(decoding: handed.position, as: UTF8.self), generation: handed.generation)
            }
            return received
        } catch {
            if case .plain = turn {} else { bus.readAhead.end(line, isMissed: false) }
            throw error
        }
    }

    private func receiving(
        _ limit: Int, _ keys: TopicKeys, _ consumer: String, _ group: String, _ request: RedisArgument, _ isAgain: RedisArgument,
        _ chunk: ReadAhead.Chunk? = nil
    ) -> EVALSHA {
        var arguments: [RedisArgument] = [moment, .string(consumer), request, isAgain, RedisArgument(limit)]
        if let chunk { arguments += [.string(chunk.from), .string(chunk.last), RedisArgument(chunk.count), .string(chunk.generation)] }
        return call(Scripts.receive, keys, group, arguments, .ifNotSent)
    }

    /// The next events behind a place.
    private func following(_ place: String, _ count: Int, _ keys: TopicKeys) -> RawCommand {
        .reading(["XRANGE", RedisArgument(keys.events), .string("(" + place), "+", "COUNT", RedisArgument(count)], keys.events)
    }

    /// What a receive handed out, with the events that were read ahead when it took them.
    private func deliveries(
        _ reply: ScriptReply, _ kind: TopicKeys.Kind, _ chunk: ReadAhead.Chunk?
    ) throws(StoreError) -> (received: Received, handed: HandedOut) {
        var reply = reply
        let generation = try reply.text()
        let handed = try HandedOut(try reply.next(), generation: generation)
        let leaseEndsAt = Timestamp(milliseconds: handed.due)
        var deliveries: [Delivery] = []
        for (item, attempt, token) in handed.again {
            let event = try TopicEntries.event(item, kind, generation: generation)
            guard let id = item.elements?.first?.string else { throw StoreError.corrupt("a delivery") }
            deliveries.append(Delivery(id: id, token: String(token), attempt: attempt, leaseEndsAt: leaseEndsAt, event: event))
        }
        guard let fresh = handed.isClaimed ? chunk?.entries : handed.fresh else { throw StoreError.corrupt("a delivery") }
        // Tokens stay below 2^48; wrapping only keeps nonsense from ending the process.
        var token = handed.token
        switch kind {
        case .own:
            let events = try TopicEntries.events(fresh, generation: generation)
            deliveries.reserveCapacity(deliveries.count + events.count)
            for (id, event) in events {
                deliveries.append(Delivery(id: id.description, token: String(token), attempt: 1, leaseEndsAt: leaseEndsAt, event: event))
                token &+= 1
            }
        case .foreign:
            guard let list = fresh.elements else { throw StoreError.corrupt("a delivery") }
            for item in list {
                let event = try TopicEntries.event(item, kind, generation: generation)
                guard let id = item.elements?.first?.string else { throw StoreError.corrupt("a delivery") }
                deliveries.append(Delivery(id: id, token: String(token), attempt: 1, leaseEndsAt: leaseEndsAt, event: event))
                token &+= 1
            }
        }
        return (Received(deliveries: deliveries, nextDue: handed.nextDue, lost: handed.lost), handed)
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
            let list = SettlementArguments.lines(part)
            let reply = try await again { isAgain, request in
                self.call(
                    Scripts.settle, keys, group,
                    [self.moment, .string(consumer), request, isAgain, RedisArgument(list.count), chance] + list.arguments, .ifNotSent)
            }
            var parts = try ScriptReply(topic: reply)
            outcomes += try SettlementArguments.outcomes(try parts.bytes(), count: part.count)
        }
        return outcomes
    }

    /// Sends a call that takes effect once: when the connection breaks before its reply, it is sent again and finds what it did.
    func again(_ call: (_ isAgain: RedisArgument, _ request: RedisArgument) -> EVALSHA) async throws(StoreError) -> RedisReply {
        var nothing: RedisReply?
        return try await again(beside: nil, &nothing, call)
    }

    /// The same, with a command that goes along in the same round trip when there is one; `other` is its reply, if it got one.
    func again(
        beside command: RawCommand?, _ other: inout RedisReply?, _ call: (_ isAgain: RedisArgument, _ request: RedisArgument) -> EVALSHA
    ) async throws(StoreError) -> RedisReply {
        try checkOpen()
        let request = RedisArgument.bytes(Randomness.bytes(8))
        let deadline = Deadline.after(client.configuration.commandTimeout)
        var isAgain: RedisArgument = ""
        while true {
            do throws(RedisError) {
                guard let command, isAgain == "" else { return try await client.send(call(isAgain, request), deadline: deadline) }
                let replies = try await client.pipeline([call(isAgain, request), command], deadline: deadline)
                guard let first = replies.first else { throw RedisError(.protocolViolation, "no reply to a command") }
                other = try? replies.dropFirst().first?.get()
                return try first.get()
            } catch {
                guard error.wasSent, error.code == .connectionLost else { throw StoreError(error) }
            }
            isAgain = "1"
        }
    }
}

/// What a receive handed out of one stream.
struct HandedOut {
    /// What was handed out before, with attempt and token.
    var again: [(item: RedisReply, attempt: Int, token: Int)] = []
    /// What is new, in a list; a number when the caller has it already.
    let fresh: RedisReply
    /// The token of the first that is new; the others follow it.
    let token: Int
    let nextDue: Timestamp?
    let lost: Int
    let due: Int
    let position: ArraySlice<UInt8>
    let generation: String

    init(_ reply: RedisReply, generation: String = "") throws(StoreError) {
        self.generation = generation
        var parts = try ScriptReply(parts: reply)
        guard let again = try parts.next().elements else { throw StoreError.corrupt("a delivery") }
        for one in again {
            var parts = try ScriptReply(parts: one)
            self.again.append((try parts.next(), try parts.int(), try parts.int()))
        }
        token = try parts.int()
        fresh = try parts.next()
        let moment = try parts.int()
        nextDue = moment < 0 ? nil : Timestamp(milliseconds: moment)
        lost = try parts.int()
        due = try parts.int()
        position = try parts.bytes()
    }

    /// Whether the new ones are those that the caller had read ahead.
    var isClaimed: Bool { fresh.elements == nil }

    /// All of it, each with attempt and token.
    func items() throws(StoreError) -> [(item: RedisReply, attempt: Int, token: Int)] {
        guard let fresh = fresh.elements else { throw StoreError.corrupt("a delivery") }
        var items = again
        items.reserveCapacity(items.count + fresh.count)
        for (index, item) in fresh.enumerated() { items.append((item, 1, token &+ index)) }
        return items
    }
}

/// Settlements as scripts take them, and what they answer.
enum SettlementArguments {
    /// One settlement of a delivery.
    static func of(_ settlement: Settlement, id: String) -> [RedisArgument] {
        let head = { (letter: RedisArgument) in [letter, token(number(settlement.token))] }
        switch settlement.action {
        case .acknowledge: return head("a") + [1, .string(id)]
        case .release: return head("g") + [.string(id)]
        case .extend(let milliseconds): return head("e") + [.string(id), RedisArgument(milliseconds)]
        case .reject(let delay, let reason):
            return head("r") + [.string(id), delay.map { RedisArgument($0) } ?? "", .string(reason ?? DeliveryFailure.rejected)]
        case .terminate(let reason): return head("t") + [.string(id), .string(reason ?? DeliveryFailure.terminated)]
        }
    }

    /// Settlements of a topic with one stream. Acknowledgements of what was handed out together are one line: their numbers and their tokens follow
    /// each other.
    static func lines(_ settlements: ArraySlice<Settlement>) -> (count: Int, arguments: [RedisArgument]) {
        var count = 0
        var arguments: [RedisArgument] = []
        var rest = settlements
        while let first = rest.first {
            count += 1
            var length = 1
            if first.action == .acknowledge, let start = sequence(ofEntry: first.id), let token = number(first.token) {
                var ids = Array(first.id.utf8)
                for next in rest.dropFirst() {
                    guard next.action == .acknowledge, sequence(ofEntry: next.id) == start &+ UInt64(length), number(next.token) == token + length
                    else { break }
                    ids.append(UInt8(ascii: " "))
                    ids.append(contentsOf: next.id.utf8)
                    length += 1
                }
                arguments += ["a", self.token(token), RedisArgument(length), .bytes(ids)]
            } else {
                arguments += of(first, id: first.id)
            }
            rest = rest.dropFirst(length)
        }
        return (count, arguments)
    }

    /// The second number of an entry's ID; nil for any other text.
    private static func sequence(ofEntry id: String) -> UInt64? {
        var (number, digits, parts): (UInt64, Int, Int) = (0, 0, 1)
        for byte in id.utf8 {
            if byte == UInt8(ascii: "-"), digits > 0, parts == 1 {
                (number, digits, parts) = (0, 0, 2)
                continue
            }
            // Eighteen digits are more than any of these numbers has.
            guard byte &- 48 < 10, digits < 18 else { return nil }
            number = number * 10 + UInt64(byte - 48)
            digits += 1
        }
        return parts == 2 && digits > 0 ? number : nil
    }

    /// The number that a token is; nil for a text that no token has.
    private static func number(_ token: String) -> Int? {
        Int(token).flatMap { $0 > 0 && $0 < 1 << 48 && String($0) == token ? $0 : nil }
    }

    /// Six bytes. No token is 0: tokens begin with 1.
    private static func token(_ number: Int?) -> RedisArgument {
        .bytes((0..<6).map { UInt8(truncatingIfNeeded: (number ?? 0) >> (40 - 8 * $0)) })
    }

    static func outcomes(_ letters: ArraySlice<UInt8>, count: Int) throws(StoreError) -> [SettlementOutcome] {
        guard letters.count == count else { throw StoreError.corrupt("the answer of a script") }
        return letters.map { $0 == UInt8(ascii: "d") ? .done : .fenced }
    }
}
