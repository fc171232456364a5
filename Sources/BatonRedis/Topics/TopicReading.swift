public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// A page of a topic.
    public func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage {
        let keys: TopicKeys
        switch try bus.place(of: topic) {
        case .sessions: return try await changes(query)
        case .stream(let found): keys = found
        }
        var arguments: [RedisArgument] = [moment]
        arguments += try query.cursor.arguments()
        arguments += [RedisArgument(query.limit), RedisArgument(RedisStorage.replyBytes)]
        // Applications and users are sessions' alone: nothing in another topic is of any.
        let types = query.filter.app == nil && query.filter.user == nil ? query.filter.types : [""]
        for names in [types, query.filter.keys] {
            arguments.append(RedisArgument(names.count))
            arguments += names.map { .string($0) }
        }
        var reply = try ScriptReply(
            topic: try await send(EVALSHA(Scripts.topicPage.of(keys.kind), keys: keys.all, arguments: arguments, retrySafety: .always)))
        _ = try reply.int()
        let facts = try TopicFacts(try reply.next())
        let next = try offset(ofEntry: try reply.bytes())
        let isWhole = try reply.int() == 1
        guard let list = try reply.next().elements else { throw StoreError.corrupt("a page of a topic") }
        var events: [TopicEvent] = []
        events.reserveCapacity(list.count)
        for entry in list { events.append(try TopicEntries.event(entry, keys.kind, generation: facts.generation)) }
        return TopicPage(events: events, next: TopicOffset(next), tail: TopicOffset(facts.tail), upToDate: isWhole)
    }

    /// What is known of a topic.
    public func topic(_ name: String) async throws(StoreError) -> Topic {
        switch try bus.place(of: name) {
        case .sessions: return try await sessionsTopic()
        case .stream(let keys):
            let reply = try await send(EVALSHA(Scripts.topicFacts.of(keys.kind), keys: keys.all, arguments: [moment], retrySafety: .always))
            guard let topic = try topic(keys, reply) else { throw StoreError.noTopic }
            return topic
        }
    }

    private func topic(_ keys: TopicKeys, _ reply: RedisReply) throws(StoreError) -> Topic? {
        var parts = try ScriptReply(topic: reply)
        guard try parts.int() == 1 else { return nil }
        let facts = try TopicFacts(try parts.next())
        let count = try parts.int()
        var retention = TopicRetention(maximumEvents: nil, maximumBytes: nil, maximumAge: nil, policy: .strict)
        let limits = [try parts.int(), try parts.int(), try parts.int()].map { $0 == 0 ? nil : $0 }
        if let policy = TopicRetention.Policy(rawValue: try parts.text()) {
            retention = TopicRetention(maximumEvents: limits[0], maximumBytes: limits[1], maximumAge: limits[2], policy: policy)
        }
        return Topic(
            name: keys.name, count: count, earliest: TopicOffset(facts.floor), tail: TopicOffset(facts.tail), generation: facts.generation,
            retention: retention)
    }

    /// Sets what a topic keeps.
    public func retain(_ retention: TopicRetention, in topic: String) async throws(StoreError) -> Topic {
        switch try bus.place(of: topic) {
        case .sessions: return try await retainChanges(retention)
        case .stream(let keys):
            guard keys.kind == .own else { throw StoreError(.forbidden, "the topic is a stream of others, who decide what it keeps") }
            var found: Topic?
            var isMore = true
            while isMore {
                let arguments: [RedisArgument] = [
                    moment, .string(Randomness.generation()), RedisArgument(retention.maximumEvents ?? 0), RedisArgument(retention.maximumBytes ?? 0),
                    RedisArgument(retention.maximumAge ?? 0), .string(retention.policy.rawValue),
                ]
                let reply = try await send(EVALSHA(Scripts.retain, keys: keys.all, arguments: arguments, retrySafety: .always))
                found = try self.topic(keys, reply)
                isMore = reply.elements.map { Array($0) }?.last?.integer == 1
            }
            try await register(topic)
            guard let found else { throw StoreError.corrupt("the answer of a script") }
            return found
        }
    }

    /// Goes on trimming where a script has left more than it should remove.
    func trim(_ keys: TopicKeys) async throws(StoreError) -> Topic {
        let known = try await topic(keys.name)
        return try await retain(known.retention, in: keys.name)
    }

    /// Deletes a topic with its groups.
    public func deleteTopic(_ name: String) async throws(StoreError) -> Bool {
        switch try bus.place(of: name) {
        case .sessions: throw StoreError(.forbidden, "the topic \(Topic.sessions) cannot be deleted")
        case .stream(let keys):
            guard keys.kind == .own else { throw StoreError(.forbidden, "the topic is a stream of others, who alone may delete it") }
            var reply = try ScriptReply(
                topic: try await send(EVALSHA(Scripts.deleteTopic, keys: keys.all, arguments: [moment], retrySafety: .always)))
            let wasThere = try reply.int() == 1
            bus.forget(name)
            _ = try await send(RawCommand(["ZREM", RedisArgument(bus.register), .string(name)], keys: [bus.register], retrySafety: .always))
            // Somebody may have published meanwhile.
            do throws(StoreError) {
                _ = try await topic(name)
                try await register(name)
            } catch { if error.code != .notFound { throw error } }
            return wasThere
        }
    }

    // MARK: - The register

    /// Notes that there is a topic of this name.
    func register(_ name: String) async throws(StoreError) {
        _ = try await send(RawCommand(["ZADD", RedisArgument(bus.register), 0, .string(name)], keys: [bus.register], retrySafety: .always))
        bus.note(name)
    }

    /// A page of the topics, by the bytes of their names.
    public func topics(after name: String?, limit: Int) async throws(StoreError) -> [Topic] {
        var found: [Topic] = []
        var after = name
        while found.count < limit {
            let from: RedisArgument = after.map { .string("(" + $0) } ?? "-"
            let reply = try await send(
                RawCommand(
                    ["ZRANGEBYLEX", RedisArgument(bus.register), from, "+", "LIMIT", 0, RedisArgument(limit)], keys: [bus.register], isReadOnly: true,
                    retrySafety: .always))
            guard let listed = reply.elements else { throw StoreError.corrupt("the register of topics") }
            let registered = listed.compactMap { $0.bytes.map { String(decoding: $0, as: UTF8.self) } }
            let isLast = registered.count < limit
            // Others are few and stand in no register.
            let others = (bus.foreignNames + [Topic.sessions]).filter { name in
                let isAfter = after.map { $0.utf8.lexicographicallyPrecedes(name.utf8) } ?? true
                let isBefore = registered.last.map { !isLast && $0.utf8.lexicographicallyPrecedes(name.utf8) } ?? false
                return isAfter && !isBefore
            }
            for name in (registered + others).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where found.count < limit {
                do throws(StoreError) { found.append(try await topic(name)) } catch { if error.code != .notFound { throw error } }
            }
            if isLast { break }
            after = registered.last
        }
        return found
    }
}
