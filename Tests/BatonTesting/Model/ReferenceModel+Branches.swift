internal import BatonCore

extension ReferenceModel.Contents {
    /// Copies everything up to the place: nothing is shared, so nothing can be mixed up.
    mutating func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) throws(StoreError) -> SessionSnapshot {
        let parent = sessions[try index(of: key)]
        var fence = parent.fence
        if !draft.force { try fence.pass(epoch, at: clock.milliseconds) }
        if let place = draft.at { try parent.check(place) }
        guard indexOfLiving(fork) == nil else { throw StoreError(.exists, "a session with this id exists already") }
        let seq = draft.at?.seq ?? parent.record.lastSeq
        let cut = parent.offset(ofSeq: seq)
        let floor = seq == 0 ? .start : parent.record.floor
        guard Set(parent.makers.prefix(seq).dropFirst(floor.seq)).count < History.maximumLogs else { throw History.tooManyLogs }
        let now = max(clock, Timestamp(milliseconds: cut.milliseconds))
        let fields = draft.fields(over: parent.record)
        sessions = sessions.filter { !isSame($0.record.key, fork) }
        var child = ReferenceModel.StoredSession(
            record: SessionRecord(
                key: fork, title: fields.title, status: .active, version: 1, createdAt: now, updatedAt: now,
                expiresAt: fields.ttl.map { now.adding(seconds: $0) }, ttl: fields.ttl, eventCount: 0, tail: cut, floor: floor,
                generation: Randomness.generation(), tags: fields.tags, metadata: fields.metadata, participants: fields.participants,
                activeAgent: fields.activeAgent, leasePolicy: fence.policy,
                parent: BranchPoint(session: key.id, generation: parent.record.generation, at: cut), tokens: parent.record.tokens),
            fence: Fence(policy: fence.policy))
        child.state = parent.state
        for (key, value) in draft.state { child.state[key] = value.isNull ? nil : value }
        child.log = parent.log.filter { $0.seq <= seq }
        child.blobs = parent.blobs
        child.milliseconds = Array(parent.milliseconds.prefix(seq))
        child.makers = Array(parent.makers.prefix(seq))
        child.rewinds = parent.rewinds.filter { $0.seq <= seq }
        child.ancestors =
            [BranchPoint(session: key.id, generation: parent.record.generation, at: cut)]
            + parent.ancestors.map { BranchPoint(session: $0.session, generation: $0.generation, at: min($0.at, cut)) }
        child.record.eventCount = child.events.count
        sessions.append(child)
        hint(.session(fork))
        return snapshot(child)
    }

    mutating func rewind(_ key: SessionKey, _ draft: RewindDraft) throws(StoreError) -> AppendReceipt {
        let index = try index(of: key)
        let session = sessions[index]
        if !draft.force { try passFence(ofSessionAt: index, draft.epoch) }
        let place = draft.place
        if let expectedSeq = draft.expectedSeq, expectedSeq != session.record.lastSeq {
            throw StoreError(.preconditionFailed, "the session is at another seq", detail: .current(session.record.lastSeq))
        }
        try session.check(place)
        sessions[index].rewinds.append((session.record.lastSeq + 1, place.seq))
        let entry = try store(History.rewindEvent(to: place.seq), inSessionAt: index, at: now(for: session.record))
        let shown = sessions[index].shown(through: sessions[index].record.lastSeq)
        let floor = session.record.floor.seq
        let wasShown = place.seq <= floor || session.shown(through: session.record.lastSeq).contains(place.seq)
        voidSummaries(ofSessionAt: index) { $0.seq <= floor ? wasShown : shown.contains($0.seq) }
        sessions[index].trim(to: policy.maximumEvents)
        recordChange(ofSessionAt: index)
        return AppendReceipt(entries: [entry], version: sessions[index].record.version, tail: sessions[index].record.tail)
    }

    func lineage(of key: SessionKey) throws(StoreError) -> Lineage {
        let session = sessions[try index(of: key)]
        let forks = sessions.filter { isLiving($0.record) && $0.record.parent?.generation == session.record.generation }
        return Lineage(
            ancestors: session.ancestors,
            forks: forks.map { Lineage.Fork(session: $0.record.key.id, at: $0.record.parent!.at, createdAt: $0.record.createdAt) })
    }

    func compare(_ key: SessionKey, with other: SessionKey) throws(StoreError) -> BranchComparison {
        let (a, b) = (sessions[try index(of: key)], sessions[try index(of: other)])
        let (shownByA, shownByB) = (a.shown(through: a.record.lastSeq), b.shown(through: b.record.lastSeq))
        var common = 0
        var seq = 1
        while seq <= min(a.makers.count, b.makers.count), a.makers[seq - 1] == b.makers[seq - 1] {
            guard shownByA.contains(seq) == shownByB.contains(seq) else { break }
            if shownByA.contains(seq) { common = seq }
            seq += 1
        }
        let isKnown = common == 0 || common >= min(a.record.floor.seq, b.record.floor.seq)
        return BranchComparison(
            common: isKnown ? .offset(a.offset(ofSeq: common)) : .seq(common), ahead: a.events.count { $0.seq > common },
            behind: b.events.count { $0.seq > common })
    }
}
