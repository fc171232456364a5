public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// Makes a session that goes on from a place of another.
    public func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        let (names, own) = (layout.names(of: key), layout.names(of: fork))
        guard names.base == own.base else { throw StoreError(.invalidParameter, "a fork belongs to the app and user of its parent") }
        var fields: [RedisArgument] = []
        func put(_ field: [UInt8], _ value: [UInt8]?) { fields += [.bytes(field), value == nil ? "r" : "s", .bytes(value ?? [])] }
        if case .set(let title) = draft.title { put([SessionField.title], title.map { Array($0.utf8) }) }
        if case .set(let tags) = draft.tags { put([SessionField.tags], tags.isEmpty ? nil : Tags.encoded(tags)) }
        if case .set(let value) = draft.metadata { put([SessionField.metadata], value == .emptyObject ? nil : value.bytes) }
        if case .set(let value) = draft.participants { put([SessionField.participants], value == .emptyArray ? nil : value.bytes) }
        if case .set(let agent) = draft.activeAgent { put([SessionField.activeAgent], agent.map { Array($0.utf8) }) }
        for (name, value) in draft.state { put([UInt8(ascii: ".")] + Array(name.utf8), value.isNull ? nil : value.bytes) }
        var arguments = self.arguments(own) + place(draft.at)
        arguments += [draft.force ? 1 : 0, .string(Randomness.generation()), .string(Randomness.generation())]
        if case .set(let ttl) = draft.ttl { arguments.append(RedisArgument(ttl ?? 0)) } else { arguments.append("") }
        arguments += [.string(key.id), .bytes(names.base), .bytes(names.app), RedisArgument(fields.count / 3)]
        arguments += fields
        var reply = try ScriptReply(try await write(Scripts.fork, names.keys + [own.session], arguments, epoch: epoch))
        return try await withApplicationState(try SessionSnapshot(fork, try reply.next()), own, [])
    }

    /// Goes back to a place.
    public func rewind(_ key: SessionKey, _ draft: RewindDraft) async throws(StoreError) -> AppendReceipt {
        let names = layout.names(of: key)
        var arguments = self.arguments(names)
        arguments.append(draft.expectedSeq.map { RedisArgument($0) } ?? "")
        arguments += place(draft.place)
        let event = try History.rewindEvent(to: draft.place.seq)
        arguments += [draft.force ? 1 : 0, .bytes(event.body.bytes), RedisArgument(policy.maximumEvents ?? 0)]
        var reply = try ScriptReply(try await write(Scripts.rewind, names.keys, arguments, epoch: draft.epoch))
        let (version, seq) = (try reply.int(), try reply.int())
        let offset = Offset(milliseconds: try reply.int(), seq: seq)
        let id = SessionRecord.madeID(generation: try reply.text(), seq: seq)
        var hasExcess = try reply.int() == 1
        while hasExcess { hasExcess = try await trim(names) }
        return AppendReceipt(
            entries: [AppendReceipt.Entry(id: id, offset: offset, isDuplicate: false)], version: version, tail: offset)
    }

    /// Seq and milliseconds of a place as scripts read them.
    private func place(_ cursor: Cursor?) -> [RedisArgument] {
        switch cursor {
        case nil: ["", ""]
        case .seq(let seq): [RedisArgument(min(seq, RedisStorage.maximumSeq)), ""]
        case .offset(let offset): [RedisArgument(min(offset.seq, RedisStorage.maximumSeq)), RedisArgument(offset.milliseconds)]
        }
    }

    /// Where a session comes from, and its forks.
    public func lineage(of key: SessionKey) async throws(StoreError) -> Lineage {
        let found = try await outline(of: key, forks: Lineage.maximumForks, countingAfter: 0)
        return Lineage(ancestors: found.outline.ancestors, forks: found.forks)
    }

    /// How far two sessions go together. Events are counted in a second step, so what is written in between is counted too.
    public func compare(_ key: SessionKey, with other: SessionKey) async throws(StoreError) -> BranchComparison {
        let (a, b) = (try await outline(of: key, countingAfter: 0), try await outline(of: other, countingAfter: 0))
        let seq = a.outline.lastCommonSeq(with: b.outline)
        let (here, there) = (try await outline(of: key, countingAfter: seq), try await outline(of: other, countingAfter: seq))
        guard here.outline.generation == a.outline.generation, there.outline.generation == b.outline.generation else { throw StoreError.noSession }
        let milliseconds = seq == 0 ? 0 : here.milliseconds ?? there.milliseconds
        return BranchComparison(
            common: milliseconds.map { .offset(Offset(milliseconds: $0, seq: seq)) } ?? .seq(seq), ahead: here.count, behind: there.count)
    }

    /// What has to be known of a session beside others.
    private struct FoundOutline {
        let outline: BranchOutline
        /// The milliseconds of the seq after which was counted.
        let milliseconds: Int?
        let count: Int
        let forks: [Lineage.Fork]
    }

    private func outline(of key: SessionKey, forks limit: Int = 0, countingAfter seq: Int) async throws(StoreError) -> FoundOutline {
        let names = layout.names(of: key)
        let arguments = self.arguments(names) + [RedisArgument(limit), RedisArgument(seq)]
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.outline, keys: names.keys, arguments: arguments, retrySafety: .always)))
        let head = try SessionHead(try reply.bytes())
        let origin = try EventOrigin(try reply.bytes())
        let ancestors = try BranchPoint.list(try reply.bytes())
        let milliseconds = try reply.int()
        let count = try reply.int()
        var list = try ScriptReply(parts: try reply.next())
        var forks: [Lineage.Fork] = []
        while let fork = list.nextIfAny() {
            var parts = try ScriptReply(parts: fork)
            let (id, seq, milliseconds) = (try parts.text(), try parts.int(), try parts.int())
            forks.append(
                Lineage.Fork(
                    session: id, at: Offset(milliseconds: milliseconds, seq: seq), createdAt: Timestamp(milliseconds: try parts.int())))
        }
        return FoundOutline(
            outline: BranchOutline(
                generation: origin.generation, ancestors: ancestors, tail: head.tail.seq, rewinds: origin.rewinds),
            milliseconds: milliseconds < 0 ? nil : milliseconds, count: count, forks: forks)
    }
}
