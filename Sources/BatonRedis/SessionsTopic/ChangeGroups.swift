internal import BatonCore
internal import BatonRedisClient

/// Groups of the topic of all sessions: each has a part in every shard.
extension RedisStorage {
    private func name(_ group: String) -> RedisArgument { .bytes(Escaping.escaped(group)) }

    /// One group out of its parts.
    private func group(_ name: String, _ parts: [RedisReply]) throws(StoreError) -> ConsumerGroup {
        var (settings, logs, positions) = (GroupSettings(), [ChangePlaces.Log](), [Int]())
        var (lag, pending, dead, lost, oldest) = (0, 0, 0, 0, Int?.none)
        var consumers: [[UInt8]: ConsumerGroup.Consumer] = [:]
        for reply in parts {
            var part = try GroupParts(reply)
            settings = part.settings
            positions.append(Int(String(decoding: part.position, as: UTF8.self)) ?? 0)
            pending += part.pending
            dead += part.dead
            lost += part.lost
            lag += try part.rest.int()
            let first = try part.rest.int()
            if first >= 0 { oldest = min(oldest ?? first, first) }
            logs.append(try ChangePlaces.Log(try part.rest.next()))
            for one in part.consumers {
                let known = consumers[Array(one.name.utf8)]
                consumers[Array(one.name.utf8)] = ConsumerGroup.Consumer(
                    name: one.name, held: one.held + (known?.held ?? 0), seenAt: max(one.seenAt, known?.seenAt ?? one.seenAt))
            }
        }
        return ConsumerGroup(
            topic: Topic.sessions, name: name, settings: settings, position: try ChangePlaces(logs, positions).offset(),
            lag: min(lag, ConsumerGroup.countBound), pending: pending, dead: dead, lost: lost,
            oldestUnfinished: oldest.map { Timestamp(milliseconds: $0) },
            consumers: consumers.values.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) })
    }

    /// The parts in answers that may also say that a cursor is gone.
    /// - Parameter flag: whether a number stands before them.
    private func parts(_ replies: [RedisReply], flag: Bool = false) async throws(StoreError) -> (parts: [RedisReply], flag: Bool) {
        var found: [RedisReply] = []
        var isSet = false
        for reply in replies {
            var parts = try ScriptReply(parts: reply)
            switch try parts.int() {
            case 0: break
            case -11: throw try await changesGone()
            default: throw StoreError.noGroup
            }
            if flag { isSet = try parts.int() == 1 || isSet }
            guard let list = try parts.next().elements else { throw StoreError.corrupt("a group") }
            found += Array(list)
        }
        return (found, isSet)
    }

    func setChangesGroup(
        _ group: String, _ settings: GroupSettings, from cursor: TopicCursor
    ) async throws(StoreError) -> (group: ConsumerGroup, created: Bool) {
        let cursors = try cursor.arguments(shards: layout.shards)
        let replies = try await onLogs(Scripts.setChangesGroup) { shards in
            [self.moment, "", self.name(group), .string(settings.numbers), settings.isOrdered ? 1 : 0] + shards.flatMap { cursors[$0] }
        }
        let (parts, isNew) = try await parts(replies, flag: true)
        return (try self.group(group, parts), isNew)
    }

    func changesGroup(_ group: String) async throws(StoreError) -> ConsumerGroup {
        let replies = try await onLogs(Scripts.changesGroupFacts) { _ in [self.moment, "", self.name(group)] }
        return try self.group(group, try await parts(replies).parts)
    }

    func changesGroupNames() async throws(StoreError) -> [String] {
        try groupNames(
            try await send(EVALSHA(Scripts.changesGroupNames, keys: [layout.log(0)], arguments: [moment, ""], retrySafety: .always)))
    }

    func deleteChangesGroup(_ group: String) async throws(StoreError) -> Bool {
        var wasThere = false
        let replies = try await onLogs(Scripts.deleteChangesGroup) { _ in [self.moment, "", self.name(group)] }
        for reply in replies {
            var parts = try ScriptReply(topic: reply)
            wasThere = try parts.int() == 1 || wasThere
        }
        return wasThere
    }

    func moveChangesGroup(_ group: String, to cursor: TopicCursor) async throws(StoreError) -> ConsumerGroup {
        let cursors = try cursor.arguments(shards: layout.shards)
        let replies = try await onLogs(Scripts.moveChangesGroup) { shards in
            [self.moment, "", self.name(group)] + shards.flatMap { cursors[$0] }
        }
        return try self.group(group, try await parts(replies).parts)
    }

    // MARK: - Deliveries

    func receiveChanges(_ limit: Int, as consumer: String, in group: String) async throws(StoreError) -> Received {
        let request = RedisArgument.bytes(Randomness.bytes(8))
        // Every receive begins with another shard, so that a busy one does not starve the rest.
        let start = Int.random(in: 0..<layout.shards)
        let groups = logGroups
        let share = max(1, limit / groups.count)
        let asked = groups.indices.filter { groups.count == 1 || ($0 - start + groups.count) % groups.count < limit }
        func call(_ shards: Range<Int>, _ isAgain: RedisArgument) -> EVALSHA {
            EVALSHA(
                Scripts.receiveChanges, keys: self.logs(shards),
                arguments: [
                    moment, .string(consumer), request, isAgain, RedisArgument(groups.count == 1 ? limit : share), name(group),
                    RedisArgument(groups.count == 1 ? start + 1 : 1),
                ], retrySafety: .ifNotSent)
        }
        let replies: [RedisReply]
        if groups.count == 1 {
            replies = [try await again { isAgain, _ in call(groups[0], isAgain) }]
        } else {
            replies = try await send(asked.map { call(groups[$0], "") })
        }
        var found: [(shard: Int, change: Change, attempt: Int, token: Int, due: Int)] = []
        var lost = 0
        // A moment that is over: there may be more in shards that were not asked.
        var due: Int? = asked.count < groups.count ? 0 : nil
        var logs = [(epoch: Int, position: Int)](repeating: (0, 0), count: layout.shards)
        for (index, reply) in zip(asked, replies) {
            var parts = try ScriptReply(topic: reply)
            var handed = try ScriptReply(parts: try parts.next())
            var epochs = try ScriptReply(parts: try parts.next())
            for shard in groups[index] {
                let out = try HandedOut(try handed.next())
                logs[shard] = (Int(try epochs.text()) ?? 0, Int(String(decoding: out.position, as: UTF8.self)) ?? 0)
                lost += out.lost
                if let next = out.nextDue?.milliseconds { due = min(due ?? next, next) }
                for (item, attempt, token) in try out.items() { found.append((shard, try Change(item), attempt, token, out.due)) }
            }
        }
        let numbers = logs.map(\.position)
        var deliveries: [Delivery] = []
        for (shard, change, attempt, token, leaseEnds) in found {
            let place = TopicPlace(shard: shard, milliseconds: logs[shard].epoch, seq: change.number)
            let offset = TopicOffset(
                numbers.enumerated().map { index, number in
                    index == shard ? place : TopicPlace(shard: index, milliseconds: number == 0 ? 0 : logs[index].epoch, seq: number)
                })
            let event = try change.event(shard: shard, epoch: logs[shard].epoch, offset: offset)
            deliveries.append(
                Delivery(
                    id: place.text, token: String(token * layout.shards + shard), attempt: attempt, leaseEndsAt: Timestamp(milliseconds: leaseEnds),
                    event: event))
        }
        return Received(deliveries: deliveries, nextDue: due.map { Timestamp(milliseconds: $0) }, lost: lost)
    }

    func settleChanges(
        _ settlements: [Settlement], as consumer: String, in group: String
    ) async throws(StoreError) -> [SettlementOutcome] {
        if settlements.isEmpty { _ = try await changesGroup(group) }
        var outcomes = [SettlementOutcome](repeating: .fenced, count: settlements.count)
        var byShard: [Int: [(index: Int, settlement: Settlement, number: Int)]] = [:]
        for (index, settlement) in settlements.enumerated() {
            guard let place = TopicPlace(settlement.id), place.shard < layout.shards else { continue }
            // Shards count tokens on their own; together with its shard a token is the group's.
            var own = settlement
            own.token = Int(settlement.token).flatMap { $0 % layout.shards == place.shard ? String($0 / layout.shards) : nil } ?? ""
            byShard[place.shard, default: []].append((index, own, place.seq))
        }
        let request = RedisArgument.bytes(Randomness.bytes(8))
        var lines: [(shard: Int, part: ArraySlice<(index: Int, settlement: Settlement, number: Int)>)] = []
        for (shard, list) in byShard.sorted(by: { $0.key < $1.key }) {
            for start in stride(from: 0, to: list.count, by: 1000) { lines.append((shard, list[start..<min(start + 1000, list.count)])) }
        }
        let chance = RedisArgument.string("0.\(Int.random(in: 1000...9999))")
        func commands(_ isAgain: RedisArgument) -> [any RedisCommand] {
            lines.map { shard, part in
                EVALSHA(
                    Scripts.settleChanges, keys: [layout.log(shard)],
                    arguments: [moment, .string(consumer), request, isAgain, RedisArgument(part.count), chance, name(group)]
                        + part.flatMap { SettlementArguments.of($0.settlement, id: String($0.number)) }, retrySafety: .ifNotSent)
            }
        }
        for (line, reply) in zip(lines, try await send(commands(""))) {
            var parts = try ScriptReply(topic: reply)
            let letters = try SettlementArguments.outcomes(try parts.bytes(), count: line.part.count)
            for (one, outcome) in zip(line.part, letters) { outcomes[one.index] = outcome }
        }
        return outcomes
    }

    // MARK: - What is held

    func pendingChanges(in group: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<PendingDelivery> {
        try await inOrder(after: id, limit: limit, Scripts.pendingChanges, group) { reply, id throws(StoreError) in
            try PendingDelivery.list(reply, id)
        } id: {
            $0.id
        }
    }

    func deadChanges(in group: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<DeadLetter> {
        try await inOrder(after: id, limit: limit, Scripts.deadChanges, group) { reply, id throws(StoreError) in
            try DeadLetter.list(reply, id) { item throws(StoreError) in
                guard item.elements?.isEmpty == false else { return nil }
                let change = try Change(item)
                guard let place = TopicPlace(try id(String(change.number))) else { return nil }
                return try change.event(shard: place.shard, epoch: place.milliseconds, offset: TopicOffset([place]))
            }
        } id: {
            $0.id
        }
    }

    /// A page that goes through the shards one after another.
    private func inOrder<Element>(
        after id: String?, limit: Int, _ script: RedisScript, _ group: String,
        _ list: (RedisReply, (String) throws(StoreError) -> String) throws(StoreError) -> [Element], id name: (Element) -> String
    ) async throws(StoreError) -> GroupPage<Element> {
        var (shard, number): (Int, RedisArgument) = (0, "")
        if let id {
            guard let place = TopicPlace(id), place.shard < layout.shards else {
                throw StoreError(.invalidParameter, "after has to be the id of a delivery")
            }
            (shard, number) = (place.shard, RedisArgument(place.seq))
        }
        var found: [Element] = []
        while shard < layout.shards, found.count < limit {
            let own = shard
            var reply = try ScriptReply(
                topic: try await send(
                    EVALSHA(
                        script, keys: [layout.log(shard)],
                        arguments: [moment, "", self.name(group), number, RedisArgument(limit - found.count)], retrySafety: .always)))
            let epoch = Int(try reply.text()) ?? 0
            found += try list(try reply.next()) { text throws(StoreError) in
                guard let number = Int(text) else { throw StoreError.corrupt("what a group holds") }
                return TopicPlace(shard: own, milliseconds: epoch, seq: number).text
            }
            shard += 1
            number = ""
        }
        return GroupPage(elements: found, next: found.count < limit ? nil : found.last.map(name))
    }

    func chooseDeadChanges(_ action: RedisArgument, _ selection: DeadLetterSelection, in group: String) async throws(StoreError) -> Int {
        var total = 0
        func run(_ shard: Int, _ count: RedisArgument, _ numbers: [RedisArgument]) async throws(StoreError) -> Int {
            var reply = try ScriptReply(
                topic: try await send(
                    EVALSHA(
                        Scripts.chooseDeadChanges, keys: [layout.log(shard)], arguments: [moment, "", name(group), action, count] + numbers,
                        retrySafety: .ifNotSent)))
            total += try reply.int()
            return try reply.int()
        }
        switch selection {
        case .oldest(let count):
            var left = count
            for shard in 0..<layout.shards where left > 0 { left -= try await run(shard, RedisArgument(left), []) }
        case .ids(let ids):
            let places = ids.compactMap { TopicPlace($0) }.filter { $0.shard < layout.shards }
            if places.isEmpty { _ = try await changesGroup(group) }
            for (shard, own) in Dictionary(grouping: places, by: \.shard).sorted(by: { $0.key < $1.key }) {
                _ = try await run(shard, "", own.map { RedisArgument($0.seq) })
            }
        }
        return total
    }
}
