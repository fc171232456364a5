internal import BatonCore

/// How a write stands in the table of a spool.
enum SpoolRow {
    /// - `number` grows and is never given twice, because readers of failures hold on to it.
    /// - `events` is the array that a client would send.
    /// - `code`, `message` and `failed_ms` say why a write was set aside.
    static let layout = Migration(
        sql: """
            CREATE TABLE writes (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                app TEXT NOT NULL,
                user TEXT NOT NULL,
                session TEXT NOT NULL,
                track TEXT,
                creates INTEGER NOT NULL,
                epoch INTEGER,
                ttl INTEGER,
                idempotency_key TEXT,
                events TEXT NOT NULL,
                code TEXT,
                message TEXT,
                failed_ms INTEGER
            );
            CREATE INDEX failed_writes ON writes (number) WHERE code IS NOT NULL;
            """)

    static func insert(_ write: QueuedWrite, into db: Connection) throws(StoreError) -> Int {
        try db.run(
            "INSERT INTO writes (app, user, session, track, creates, epoch, ttl, idempotency_key, events) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            write.key.app, write.key.user, write.key.id, write.track, write.createsSession ? 1 : 0, write.epoch, write.ttl, write.idempotencyKey,
            JSON(checked: write.events.wireForm))
        return try db.number("SELECT last_insert_rowid()")
    }

    static func page(of statement: Statement, _ number: Int, _ limit: Int) throws(StoreError) -> [SpooledWrite] {
        defer { statement.reset() }
        try statement.bind(number, limit)
        var page: [SpooledWrite] = []
        while try statement.step() { page.append(try read(statement)) }
        return page
    }

    private static func read(_ row: Statement) throws(StoreError) -> SpooledWrite {
        let number = row.int(0)
        let write: QueuedWrite
        do throws(StoreError) {
            write = QueuedWrite(
                to: try SessionKey(app: row.text(1), user: row.text(2), id: row.text(3)), track: row.optionalText(4),
                try EventDraft.batch(parsing: row.bytes(9)), createsSession: row.int(5) != 0, epoch: row.optionalInt(6), ttl: row.optionalInt(7),
                idempotencyKey: row.optionalText(8))
        } catch {
            throw StoreError(.storeCorrupt, "write \(number) of the spool cannot be read (\(error.message)); nothing was changed", underlying: error)
        }
        let failure = row.optionalText(10).map { code in
            SpooledWrite.Failure(
                code: StoreError.Code(rawValue: code), message: row.optionalText(11) ?? "", time: Timestamp(milliseconds: row.int(12)))
        }
        return SpooledWrite(number: number, write: write, failure: failure)
    }
}
