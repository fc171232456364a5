internal import BatonCore

extension Writing {
    /// The receipt that was given for an idempotency key, every entry a duplicate; `nil` when the key is new.
    func receipt(of key: String, _ batch: EventBatch, in row: SessionRow) throws(StoreError) -> AppendReceipt? {
        try storedReceipt(of: key, batch.fingerprint, owner: row.pk, generation: row.generation)
    }

    /// The receipt that an owner gave for an idempotency key.
    func storedReceipt(of key: String, _ fingerprint: Int, owner: Int, generation: String) throws(StoreError) -> AppendReceipt? {
        let statement = try db.statement("SELECT fingerprint, receipt FROM requests WHERE session = ?1 AND key = ?2")
        defer { statement.reset() }
        try statement.bind(owner, key)
        guard try statement.step() else { return nil }
        guard statement.int(0) == fingerprint else {
            throw StoreError(.idempotencyMismatch, "the idempotency key was used before with other events")
        }
        guard let receipt = AppendReceipt(stored: statement.bytes(1), generation: generation) else {
            throw StoreError(.storeCorrupt, "a stored receipt cannot be read")
        }
        return receipt
    }

    /// Keeps a receipt under its key and forgets the oldest that is one too many.
    func remember(_ receipt: AppendReceipt, of key: String, _ batch: EventBatch, _ row: inout SessionRow) throws(StoreError) {
        row.requests += 1
        try remember(
            receipt, of: key, batch.fingerprint, owner: row.pk, number: row.requests, generation: row.generation, limit: EventBatch.rememberedKeys)
    }

    /// Keeps a receipt under its number, counted from 1, and forgets the one that is `limit` older.
    func remember(
        _ receipt: AppendReceipt, of key: String, _ fingerprint: Int, owner: Int, number: Int, generation: String, limit: Int
    ) throws(StoreError) {
        try db.run(
            "INSERT INTO requests (session, number, key, fingerprint, receipt) VALUES (?1, ?2, ?3, ?4, ?5)",
            owner, number, key, fingerprint, receipt.stored(generation: generation))
        try db.run("DELETE FROM requests WHERE session = ?1 AND number <= ?2", owner, number - limit)
    }
}

// A receipt as bytes: version, milliseconds and seq of the tail, number of entries; for each entry milliseconds, seq, length of
// its id, id. Numbers have eight bytes, the lowest first. Ids that the store made have no length: they follow from the seq.
extension AppendReceipt {
    func stored(generation: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32 + entries.count * 24)
        func put(_ number: Int) {
            withUnsafeBytes(of: UInt64(bitPattern: Int64(number)).littleEndian) { bytes.append(contentsOf: $0) }
        }
        put(version)
        put(tail.milliseconds)
        put(tail.seq)
        put(entries.count)
        for entry in entries {
            let id = SessionRecord.madeID(generation: generation, seq: entry.seq).utf8.elementsEqual(entry.id.utf8) ? "" : entry.id
            put(entry.offset.milliseconds)
            put(entry.offset.seq)
            put(id.utf8.count)
            bytes.append(contentsOf: id.utf8)
        }
        return bytes
    }

    init?(stored bytes: [UInt8], generation: String) {
        var rest = bytes[...]
        func number() -> Int? {
            guard rest.count >= 8 else { return nil }
            defer { rest = rest.dropFirst(8) }
            return Int(Int64(bitPattern: rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }))
        }
        guard let version = number(), let milliseconds = number(), let seq = number(), let count = number() else { return nil }
        var entries: [Entry] = []
        for _ in 0..<max(0, count) {
            guard let milliseconds = number(), let seq = number(), let length = number(), (0...rest.count).contains(length) else { return nil }
            let id = length == 0 ? SessionRecord.madeID(generation: generation, seq: seq) : String(decoding: rest.prefix(length), as: UTF8.self)
            rest = rest.dropFirst(length)
            entries.append(Entry(id: id, offset: Offset(milliseconds: milliseconds, seq: seq), isDuplicate: true))
        }
        self.init(entries: entries, version: version, tail: Offset(milliseconds: milliseconds, seq: seq))
    }
}
