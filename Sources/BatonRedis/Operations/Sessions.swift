public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Creates the session unless it is there.
    public func create(_ draft: SessionDraft, at key: SessionKey) async throws(StoreError) -> (session: SessionSnapshot, created: Bool) {
        let names = layout.names(of: key)
        var fields: [RedisArgument] = []
        func put(_ field: UInt8, _ value: RedisArgument) { fields += [.bytes([field]), value] }
        if let title = draft.title { put(SessionField.title, .string(title)) }
        if !draft.tags.isEmpty { put(SessionField.tags, .bytes(Tags.encoded(draft.tags))) }
        if draft.metadata != .emptyObject { put(SessionField.metadata, .bytes(draft.metadata.bytes)) }
        if draft.participants != .emptyArray { put(SessionField.participants, .bytes(draft.participants.bytes)) }
        if draft.leasePolicy != .exclusive { put(SessionField.lease, .bytes(Fence.stored(draft.leasePolicy))) }
        let generation = Randomness.generation()
        let plan = StatePlanner(storage: self, names: names, isNew: true)
        let (session, created) = try await untilUnchanged { () async throws(StoreError) -> (SessionSnapshot, Bool) in
            let changes = try await plan.changes(draft.state)
            var arguments = self.arguments(names)
            arguments += [.bytes(names.base), .bytes(names.app)]
            arguments += changes.guards
            arguments += changes.items
            arguments += [.string(generation), RedisArgument(self.policy.ttl(for: draft.lifetime) ?? 0), RedisArgument(fields.count / 2)]
            arguments += fields
            var reply = try ScriptReply(try await self.write(Scripts.create, names.keys, arguments))
            let created = try reply.int() == 1
            return (try SessionSnapshot(key, try reply.next()), created)
        }
        return (try await withApplicationState(session, names, created ? draft.state.app : []), created)
    }

    /// The session with its last events.
    public func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot {
        let names = layout.names(of: key)
        if query.filter.isEmpty, let session = try await plainSession(names, query.events) { return session }
        // With a filter nobody knows how far back the matches are; the first look is a little wider.
        let count = query.events == 0 || query.filter.isEmpty ? query.events : min(EventQuery.maximumLimit, max(100, query.events * 2))
        let arguments =
            self.arguments(names) + [RedisArgument(count), RedisArgument(RedisStorage.replyBytes), policy.readsExtendLife ? 1 : 0, 0]
        var (session, origin, entries, edits, isCut) = try await read(names, arguments)
        guard query.events > 0 else { return session }
        let record = session.record
        var found = try EventEntries.events(entries, edits: edits, origin: origin)
        var isWhole = !isCut && found.count < count
        var events: [Event] = []
        while true {
            for event in found where query.filter.matches(event) {
                events.append(event)
                if events.count == query.events { break }
            }
            guard events.count < query.events, !isWhole, let last = found.last, last.seq > record.floor.seq + 1 else { break }
            let rest = PageRequest(order: .desc, lowest: record.floor.seq + 1, highest: last.seq - 1, count: count)
            let page = try await self.page(names, rest)
            // The session was deleted meanwhile, and another took its place: what was read before stands.
            guard page.generation == record.generation else { break }
            found = page.events
            isWhole = page.isWhole
        }
        session.events = events.reversed()
        return session
    }

    /// Restarts the lifetime.
    public func touch(_ key: SessionKey) async throws(StoreError) -> SessionSnapshot {
        let names = layout.names(of: key)
        return try await read(names, arguments(names) + [0, 0, 1, 1]).session
    }

    private func read(
        _ names: SessionNames, _ arguments: [RedisArgument]
    ) async throws(StoreError) -> (session: SessionSnapshot, origin: EventOrigin, entries: RedisReply, edits: RedisReply, isCut: Bool) {
        let script = EVALSHA(Scripts.read, keys: names.keys, arguments: arguments, retrySafety: .always)
        let answer: RedisReply
        var app: RedisReply?
        if layout.isOneServer {
            answer = try await send(script)
        } else {
            let replies = try await send([script, RawCommand.hash(names.appState)])
            guard replies.count == 2 else { throw StoreError.corrupt("the answer to two commands") }
            (answer, app) = (replies[0], replies[1])
        }
        var reply = try ScriptReply(answer)
        let stored = try reply.next()
        var session = try SessionSnapshot(names.key, stored)
        time.served(session.record.tail.milliseconds)
        if let app { session.state.app = try sharedState(app, at: clock?().milliseconds ?? 0) }
        var parts = try ScriptReply(parts: stored)
        _ = try parts.int()
        return (session, try EventOrigin(hash: try parts.next()), try reply.next(), try reply.next(), try reply.int() == 1)
    }

    /// Changes the session's own fields.
    public func update(
        _ key: SessionKey, with patch: SessionPatch, expectedVersion: Int?, epoch: Int?
    ) async throws(StoreError) -> SessionSnapshot {
        let names = layout.names(of: key)
        let session = try await untilUnchanged { () async throws(StoreError) -> SessionSnapshot in
            var fields: [RedisArgument] = []
            func put(_ field: UInt8, _ value: [UInt8]?) {
                fields += [.bytes([field]), value == nil ? "r" : "s", .bytes(value ?? [])]
            }
            if case .set(let title) = patch.title { put(SessionField.title, title.map { Array($0.utf8) }) }
            if case .set(let tags) = patch.tags { put(SessionField.tags, tags.isEmpty ? nil : Tags.encoded(tags)) }
            if case .set(let people) = patch.participants { put(SessionField.participants, people == .emptyArray ? nil : people.bytes) }
            if case .set(let agent) = patch.activeAgent { put(SessionField.activeAgent, agent.map { Array($0.utf8) }) }
            if case .set(let policy) = patch.leasePolicy { put(SessionField.lease, Array("\(policy.number)".utf8)) }
            var precondition: [RedisArgument] = ["", "", ""]
            if let change = patch.metadata {
                if change.isNull {
                    put(SessionField.metadata, nil)
                } else {
                    // Merged here, because the server's JSON would not keep the bytes, and stored only where nobody else merged meanwhile.
                    let stored = try await self.send(
                        RawCommand.reading(["HGET", RedisArgument(names.session), .bytes([SessionField.metadata])], names.session)
                    ).bytes
                    let current = stored.map { JSON(checked: Array($0)) } ?? .emptyObject
                    let merged = try patch.mergedMetadata(into: current)
                    put(SessionField.metadata, merged == .emptyObject ? nil : merged.bytes)
                    precondition = [.bytes([SessionField.metadata]), stored == nil ? "r" : "s", .slice(stored ?? [])]
                }
            }
            var arguments = self.arguments(names)
            arguments.append(expectedVersion.map { RedisArgument($0) } ?? "")
            if case .set(let status) = patch.status { arguments.append(RedisArgument(status.number)) } else { arguments.append("") }
            if case .set(let ttl) = patch.ttl { arguments.append(RedisArgument(ttl ?? 0)) } else { arguments.append("") }
            arguments += precondition
            arguments.append(RedisArgument(fields.count / 3))
            arguments += fields
            var reply = try ScriptReply(try await self.write(Scripts.update, names.keys, arguments, epoch: epoch))
            return try SessionSnapshot(key, try reply.next())
        }
        return try await withApplicationState(session, names, [])
    }

    /// Deletes the session with everything that belongs to it.
    public func delete(_ key: SessionKey, epoch: Int?) async throws(StoreError) -> Bool {
        let names = layout.names(of: key)
        var reply = try ScriptReply(try await write(Scripts.delete, names.keys, arguments(names), epoch: epoch))
        return try reply.int() == 1
    }
}

extension SessionPatch {
    /// The metadata after this patch, when it is not too large.
    fileprivate func mergedMetadata(into current: JSON) throws(StoreError) -> JSON {
        var record = SessionRecord.blank
        record.metadata = current
        return try applied(to: record).metadata
    }
}

extension SessionRecord {
    /// A record of nothing, to apply a patch to one field of it.
    fileprivate static let blank = SessionRecord(
        key: SessionKey(owner: UserKey(checkedApp: "", user: ""), checkedID: ""), title: nil, status: .active, version: 0,
        createdAt: Timestamp(milliseconds: 0), updatedAt: Timestamp(milliseconds: 0), expiresAt: nil, ttl: nil, eventCount: 0, tail: .start,
        floor: .start, generation: "", tags: [], metadata: .emptyObject, participants: .emptyArray, activeAgent: nil)
}
