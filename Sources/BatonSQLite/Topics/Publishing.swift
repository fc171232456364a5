internal import BatonCore

extension Writing {
    func publish(_ batch: TopicBatch, to name: String) throws(StoreError) -> PublishReceipt {
        guard !Name.isSame(name, Topic.sessions) else {
            throw StoreError(.forbidden, "the topic \(Topic.sessions) shows what happens in sessions; nobody publishes to it")
        }
        let reading = reading
        let existing = try reading.topicRow(name)
        if let existing, let key = batch.idempotencyKey, let receipt = try receipt(of: key, batch, in: existing) { return receipt }
        var plan = PublishPlan(batch.events, existing ?? .absent(name), at: max(reading.now, existing?.tail.milliseconds ?? 0))
        try plan.findDuplicates(reading)
        // What is refused must leave nothing behind, so the room is looked for before a new topic is made.
        let trimming = try room(for: plan, in: existing ?? .absent(name))
        var topic = try madeTopic(name)
        try store(plan, from: batch.trace?.stored, in: &topic)
        try trim(&topic, by: trimming)
        let receipt = PublishReceipt(entries: plan.entries(generation: topic.generation))
        if let key = batch.idempotencyKey { try remember(receipt, of: key, batch, &topic) }
        guard !receipt.isDuplicate else { return receipt }
        try save(topic)
        hint(topic: name)
        return receipt
    }

    private func store(_ plan: PublishPlan, from trace: String?, in topic: inout TopicRow) throws(StoreError) {
        for item in plan.items {
            guard case .new(let seq) = item.place else { continue }
            if let stale = item.stale { try db.run("DELETE FROM topic_events WHERE pk = ?1", stale) }
            let draft = item.draft
            try db.run(
                """
                INSERT INTO topic_events (topic, seq, ms, bytes, time_ms, id, type, key, data, trace)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                """, topic.pk, seq, plan.now, draft.data.bytes.count, draft.time?.milliseconds, draft.id, draft.type, draft.key, draft.data,
                trace)
            topic.tail = Offset(milliseconds: plan.now, seq: seq)
            topic.bytes += draft.data.bytes.count
        }
    }

    // MARK: - Idempotency

    /// The receipt that was given for an idempotency key, every entry a duplicate; `nil` when the key is new.
    private func receipt(of key: String, _ batch: TopicBatch, in topic: TopicRow) throws(StoreError) -> PublishReceipt? {
        guard let stored = try storedReceipt(of: key, batch.fingerprint, owner: topic.pk, generation: topic.generation) else { return nil }
        return PublishReceipt(
            entries: stored.entries.map {
                PublishReceipt.Entry(id: $0.id, seq: $0.offset.seq, offset: TopicOffset($0.offset), time: $0.time, isDuplicate: true)
            })
    }

    private func remember(_ receipt: PublishReceipt, of key: String, _ batch: TopicBatch, _ topic: inout TopicRow) throws(StoreError) {
        let entries = receipt.entries.map {
            AppendReceipt.Entry(id: $0.id, offset: $0.offset.single ?? .start, isDuplicate: $0.isDuplicate)
        }
        topic.requests += 1
        try remember(
            AppendReceipt(entries: entries, version: 0, tail: topic.tail), of: key, batch.fingerprint, owner: topic.pk, number: topic.requests,
            generation: topic.generation, limit: TopicBatch.rememberedKeys)
        try save(topic)
    }
}

/// What becomes of each event of a batch, known before anything is written.
private struct PublishPlan {
    enum Place {
        /// It gets this seq.
        case new(Int)
        /// It is there.
        case known(Offset)
    }

    struct Item {
        let draft: TopicEventDraft
        var place: Place
        /// The row of a trimmed event that still holds the id.
        var stale: Int?
    }

    private(set) var items: [Item] = []
    private let drafts: [TopicEventDraft]
    private let topic: TopicRow
    let now: Int

    init(_ drafts: [TopicEventDraft], _ topic: TopicRow, at now: Int) {
        self.drafts = drafts
        self.topic = topic
        self.now = now
    }

    /// Finds out which events are there, or came earlier in the batch, and numbers the others.
    mutating func findDuplicates(_ reading: Reading) throws(StoreError) {
        items.reserveCapacity(drafts.count)
        var seq = topic.tail.seq
        // Ids are compared as bytes: texts that look the same are different ids.
        var earlier: [[UInt8]: Int] = [:]
        for draft in drafts {
            var item = Item(draft: draft, place: .new(seq + 1), stale: nil)
            if let id = draft.id {
                if let place = try place(ofMade: id, reading) {
                    item.place = .known(place)
                } else if let (pk, place) = try place(of: id, reading) {
                    if place.seq > topic.floor.seq { item.place = .known(place) } else { item.stale = pk }
                }
                if drafts.count > 1, case .new = item.place {
                    let bytes = Array(id.utf8)
                    if let first = earlier[bytes] {
                        item.place = .known(Offset(milliseconds: now, seq: first))
                    } else {
                        earlier[bytes] = seq + 1
                    }
                }
            }
            if case .new = item.place { seq += 1 }
            items.append(item)
        }
    }

    /// The place of an id that the store made for this generation; `nil` when it is of another make.
    private func place(ofMade id: String, _ reading: Reading) throws(StoreError) -> Offset? {
        guard topic.pk != 0, let seq = SessionRecord.seq(inMadeID: id, generation: topic.generation) else { return nil }
        guard seq <= topic.tail.seq else {
            throw StoreError(.invalidField, "an event has an id that the store will make for seq \(seq); the topic is at seq \(topic.tail.seq)")
        }
        // Of what was trimmed only the last time is known.
        guard let entry = try reading.entry(at: seq, in: topic) else { return Offset(milliseconds: topic.floor.milliseconds, seq: seq) }
        return Offset(milliseconds: entry.milliseconds, seq: seq)
    }

    private func place(of id: String, _ reading: Reading) throws(StoreError) -> (pk: Int, offset: Offset)? {
        let statement = try reading.db.statement("SELECT pk, ms, seq FROM topic_events WHERE topic = ?1 AND id = ?2 AND id IS NOT NULL")
        defer { statement.reset() }
        try statement.bind(topic.pk, id)
        guard try statement.step() else { return nil }
        return (statement.int(0), Offset(milliseconds: statement.int(1), seq: statement.int(2)))
    }

    /// How many events are new, and how many bytes of data they have.
    var new: (events: Int, bytes: Int) {
        items.reduce(into: (0, 0)) { sum, item in
            guard case .new = item.place else { return }
            sum.0 += 1
            sum.1 += item.draft.data.bytes.count
        }
    }

    func entries(generation: String) -> [PublishReceipt.Entry] {
        items.map { item in
            let (offset, isDuplicate) =
                switch item.place {
                case .new(let seq): (Offset(milliseconds: now, seq: seq), false)
                case .known(let offset): (offset, true)
                }
            return PublishReceipt.Entry(
                id: item.draft.id ?? SessionRecord.madeID(generation: generation, seq: offset.seq), seq: offset.seq, offset: TopicOffset(offset),
                time: Timestamp(milliseconds: offset.milliseconds), isDuplicate: isDuplicate)
        }
    }
}

extension Writing {
    /// What has to go for the new events of a plan.
    private func room(for plan: PublishPlan, in topic: TopicRow) throws(StoreError) -> TopicTrimming? {
        let (events, bytes) = plan.new
        guard events > 0 else { return nil }
        if let maximum = topic.retention.maximumEvents, events > maximum {
            throw StoreError(.tooLarge, "a batch of \(events) events does not fit into a topic that keeps \(maximum)")
        }
        if let maximum = topic.retention.maximumBytes, bytes > maximum {
            throw StoreError(.tooLarge, "a batch with \(bytes) bytes of data does not fit into a topic that keeps \(maximum)")
        }
        return try trimming(of: topic, forEvents: events, bytes: bytes, at: plan.now)
    }
}
