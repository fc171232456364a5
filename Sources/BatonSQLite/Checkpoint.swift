public import BatonCore
internal import CBatonSQLite

/// Lets what an event leads to take effect exactly once in an SQLite database of the caller's own.
///
/// A group hands every event out at least once: a worker may die after its effect and before its acknowledgement. Here the effect and the note
/// that it was made are one transaction of the caller's database, so that a second hand-out finds the note and changes nothing. It holds for as
/// long as notes are kept; ``forget(before:on:)`` takes old ones away.
///
/// ```swift
/// try await group.consume(as: "billing-1") { delivery in
///     try Checkpoint.once(delivery, of: group, on: database) { try charge(delivery.event, in: database) }
/// }
/// ```
///
/// The notes are in the table `baton_checkpoints`, which is made when it is not there.
public enum Checkpoint {
    /// Runs `effect` and notes the delivery, in one transaction; does neither when the delivery was noted before.
    ///
    /// What `effect` changes through `database` is kept when this returns, and undone when it throws. Inside a transaction of the caller it is
    /// kept when that one is.
    /// - Parameter database: an open connection (`sqlite3 *`) that nobody else uses meanwhile.
    /// - Returns: Whether `effect` ran.
    /// - Throws: what `effect` throws, or a ``BatonCore/StoreError`` when the database refuses; nothing has changed then.
    @discardableResult
    public static func once(
        _ delivery: Delivery, of group: GroupHandle, on database: OpaquePointer, _ effect: () throws -> Void
    ) throws -> Bool {
        // One that is refused for another's lock waits as long as the caller's busy timeout says only if it takes the lock at once.
        let isOutermost = sqlite3_get_autocommit(database) != 0
        try execute(isOutermost ? "BEGIN IMMEDIATE" : "SAVEPOINT baton_checkpoint", on: database)
        do {
            try execute(schema, on: database)
            let isNew = try note([group.topic, group.name, delivery.id], on: database)
            if isNew { try effect() }
            try execute(isOutermost ? "COMMIT" : "RELEASE baton_checkpoint", on: database)
            return isNew
        } catch {
            // SQLite may have ended the transaction by itself; there is nothing to undo then.
            if isOutermost {
                if sqlite3_get_autocommit(database) == 0 { sqlite3_exec(database, "ROLLBACK", nil, nil, nil) }
            } else {
                sqlite3_exec(database, "ROLLBACK TO baton_checkpoint; RELEASE baton_checkpoint", nil, nil, nil)
            }
            throw error
        }
    }

    /// Takes away notes that were made before a moment. An event that is handed out again later than that takes effect again: keep notes for as
    /// long as an event may be pending, a dead letter, or come back because its group is moved.
    public static func forget(before moment: Timestamp, on database: OpaquePointer) throws(StoreError) {
        try execute(schema, on: database)
        try execute("DELETE FROM baton_checkpoints WHERE ms < \(moment.milliseconds)", on: database)
    }

    private static let schema = """
        CREATE TABLE IF NOT EXISTS baton_checkpoints (
            topic TEXT NOT NULL, consumers TEXT NOT NULL, delivery TEXT NOT NULL, ms INTEGER NOT NULL, PRIMARY KEY (topic, consumers, delivery)
        ) WITHOUT ROWID
        """

    private static func note(_ names: [String], on database: OpaquePointer) throws(StoreError) -> Bool {
        var statement: OpaquePointer?
        let sql = "INSERT INTO baton_checkpoints VALUES (?1, ?2, ?3, \(SystemClock.now().milliseconds)) ON CONFLICT DO NOTHING"
        guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK, let statement else { throw failure(of: database) }
        defer { sqlite3_finalize(statement) }
        for (index, name) in names.enumerated() {
            guard name.bind(to: statement, at: Int32(index + 1)) == SQLITE_OK else { throw failure(of: database) }
        }
        guard sqlite3_step(statement) == SQLITE_DONE else { throw failure(of: database) }
        return sqlite3_changes(database) == 1
    }

    private static func execute(_ sql: String, on database: OpaquePointer) throws(StoreError) {
        guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else { throw failure(of: database) }
    }

    private static func failure(of database: OpaquePointer) -> StoreError {
        StoreError(
            SQLiteError(
                code: sqlite3_extended_errcode(database), message: String(cString: sqlite3_errmsg(database)),
                systemError: sqlite3_system_errno(database)), at: "the database of a checkpoint")
    }
}
