internal import BatonCore

extension ReferenceModel.Contents {
    mutating func append(_ batch: EventBatch, to key: SessionKey, isNotice: Bool = false) throws(StoreError) -> AppendReceipt {
        let living = indexOfLiving(key)
        guard living != nil || batch.createsSession else { throw StoreError.noSession }

        if let living, let name = batch.idempotencyKey,
            let answer = sessions[living].answers.first(where: { $0.key.utf8.elementsEqual(name.utf8) })
        {
            guard answer.fingerprint == batch.fingerprint else {
                throw StoreError(.idempotencyMismatch, "the idempotency key was used before with other events")
            }
            return answer.receipt
        }

        let hasIDs = batch.events.contains { $0.id != nil }
        let places = living.map { hasIDs ? sessions[$0].placesByID : [:] } ?? [:]
        let known = try batch.events.map { (draft) throws(StoreError) -> Offset? in
            guard let living, let id = draft.id else { return nil }
            return try sessions[living].placeOfMadeID(id) ?? places[Array(id.utf8)]
        }
        if let living, known.allSatisfy({ $0 != nil }) {
            let entries = zip(batch.events, known).map { AppendReceipt.Entry(id: $0.id!, offset: $1!, isDuplicate: true) }
            let record = sessions[living].record
            return AppendReceipt(entries: entries, version: record.version, tail: record.tail)
        }

        var fence = living.map { sessions[$0].fence } ?? Fence()
        if !isNotice { try fence.pass(batch.epoch, at: clock.milliseconds) }
        let seq = living.map { sessions[$0].record.lastSeq } ?? 0
        if let expected = batch.expectedSeq, expected != seq {
            throw StoreError(.preconditionFailed, "the session is at another seq", detail: .current(seq))
        }

        if let agent = batch.agent { try agent.check(active: living.flatMap { sessions[$0].record.activeAgent }) }
        let index = living ?? insert(SessionDraft(), at: key)
        if let agent = batch.agent { sessions[index].record.activeAgent = agent.to }
        sessions[index].fence = fence
        let now = now(for: sessions[index].record)
        var entries: [AppendReceipt.Entry] = []
        var earlier: [[UInt8]: Offset] = [:]
        for (draft, place) in zip(batch.events, known) {
            if let id = draft.id, let first = earlier[Array(id.utf8)] {
                entries.append(AppendReceipt.Entry(id: id, offset: first, isDuplicate: true))
            } else if let id = draft.id, let place {
                entries.append(AppendReceipt.Entry(id: id, offset: place, isDuplicate: true))
            } else {
                let entry = try store(draft, inSessionAt: index, at: now)
                if !isNotice { sessions[index].record.tokens += draft.tokens }
                earlier[Array(entry.id.utf8)] = entry.offset
                entries.append(entry)
            }
        }
        sessions[index].trim(to: policy.maximumEvents)
        recordChange(ofSessionAt: index)

        let record = sessions[index].record
        if let name = batch.idempotencyKey {
            let repeated = entries.map { AppendReceipt.Entry(id: $0.id, offset: $0.offset, isDuplicate: true) }
            let receipt = AppendReceipt(entries: repeated, version: record.version, tail: record.tail)
            sessions[index].answers.append(.init(key: name, fingerprint: batch.fingerprint, receipt: receipt))
            sessions[index].answers = sessions[index].answers.suffix(EventBatch.rememberedKeys)
        }
        return AppendReceipt(entries: entries, version: record.version, tail: record.tail)
    }

    mutating func store(_ draft: EventDraft, inSessionAt index: Int, at now: Timestamp) throws(StoreError) -> AppendReceipt.Entry {
        let seq = sessions[index].record.lastSeq + 1
        let id = draft.id ?? sessions[index].record.madeID(forSeq: seq)
        let event = Event(id: id, seq: seq, time: now, body: draft.body)
        sessions[index].log.append(event)
        sessions[index].keep(draft.blob)
        sessions[index].milliseconds.append(now.milliseconds)
        sessions[index].makers.append(sessions[index].record.generation)
        sessions[index].record.tail = event.offset
        sessions[index].record.eventCount = sessions[index].events.count
        try apply(draft.delta, toSessionAt: index)
        return AppendReceipt.Entry(id: id, offset: event.offset, isDuplicate: false)
    }
}

extension ReferenceModel.StoredSession {
    // MARK: - Places

    /// The events that are shown, oldest first.
    var events: [Event] {
        let shown = shown(through: record.lastSeq)
        return log.filter { shown.contains($0.seq) }
    }

    /// The seqs that are shown when `end` is the newest: from the last rewind on, and what was shown at its target.
    func shown(through end: Int) -> Set<Int> {
        guard let last = rewinds.last(where: { $0.seq <= end }) else { return end > 0 ? Set(1...end) : [] }
        return shown(through: last.target).union(last.seq...end)
    }

    mutating func keep(_ blob: Blob?) {
        if let blob { blobs[blob.digest] = blob.bytes }
    }

    /// The contents that events of the session refer to.
    func contents(_ digests: [BlobDigest]) -> [BlobDigest: [UInt8]] {
        let named = Set(log.compactMap { $0.blob?.digest })
        return blobs.filter { digests.contains($0.key) && named.contains($0.key) }
    }

    func indexOfEvent(_ id: String) throws(StoreError) -> Int {
        guard let index = log.firstIndex(where: { $0.id.utf8.elementsEqual(id.utf8) }) else { throw StoreError.noEvent }
        return index
    }

    /// Where the events are that are left, by the bytes of their ids.
    var placesByID: [[UInt8]: Offset] {
        Dictionary(uniqueKeysWithValues: log.map { (Array($0.id.utf8), $0.offset) })
    }

    /// Where the event stands or stood that was given this id by the store; `nil` when the id is of another make.
    func placeOfMadeID(_ id: String) throws(StoreError) -> Offset? {
        guard let seq = SessionRecord.seq(inMadeID: id, generation: record.generation) else { return nil }
        guard seq <= record.lastSeq, makers[seq - 1] == record.generation else {
            throw StoreError(.invalidField, "an event has an id that only the store makes")
        }
        // Of what was trimmed or forgotten only the last time has to be known.
        return seq <= record.floor.seq ? Offset(milliseconds: record.floor.milliseconds, seq: seq) : offset(ofSeq: seq)
    }

    /// The offset of an event, whether it is still there or not.
    func offset(ofSeq seq: Int) -> Offset {
        seq == 0 ? .start : Offset(milliseconds: milliseconds[seq - 1], seq: seq)
    }

    /// Refuses a cursor that stands nowhere in this log.
    func check(_ cursor: Cursor) throws(StoreError) {
        let isKnown = (1...max(1, record.lastSeq)).contains(cursor.seq) && cursor.seq <= record.lastSeq
        if let refusal = record.refusal(of: cursor, millisecondsAtSeq: isKnown ? milliseconds[cursor.seq - 1] : nil) { throw refusal }
    }

    // MARK: - Trimming

    mutating func trim(to maximum: Int?) {
        guard let maximum, events.count > maximum else { return }
        let floor = events[events.count - maximum - 1].offset
        log.removeAll { $0.seq <= floor.seq }
        record.floor = floor
        record.eventCount = maximum
    }

    // MARK: - Pages

    func page(_ query: EventQuery) throws(StoreError) -> EventPage {
        let after = query.after?.seq ?? 0
        let before = query.before?.seq ?? Int.max
        if query.order == .asc, let cursor = query.after { try check(cursor) }
        let matching = (query.view == .log ? log : events).filter { $0.seq > after && $0.seq < before && query.filter.matches($0) }
        let ordered = query.order == .asc ? matching : matching.reversed()
        let page = Array(ordered.prefix(query.limit))
        let isComplete = page.count == ordered.count
        let next: Offset? =
            switch (query.order, isComplete) {
            case (_, false): page.last?.offset
            case (.desc, true): nil
            // Everything up to `before` has been looked at.
            case (.asc, true): offset(ofSeq: max(record.floor.seq, after, min(record.lastSeq, before - 1)))
            }
        return EventPage(events: page, next: next, tail: record.tail, upToDate: isComplete, generation: record.generation)
    }
}
