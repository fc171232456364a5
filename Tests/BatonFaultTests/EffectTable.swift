import BatonTesting
import CBatonSQLite

/// The database that consumers' effects are in.
final class EffectTable {
    struct Failure: Error { let reason: String }

    private let handle: OpaquePointer

    init(_ path: String) throws {
        var handle: OpaquePointer?
        guard sqlite3_open(path, &handle) == SQLITE_OK, let handle else { throw Failure(reason: "it cannot be opened") }
        self.handle = handle
        sqlite3_busy_timeout(handle, 20_000)
        let sql = "PRAGMA journal_mode = WAL; CREATE TABLE effects (consumers TEXT, name TEXT, delivery TEXT)"
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else {
            throw Failure(reason: String(cString: sqlite3_errmsg(handle)))
        }
    }

    deinit { sqlite3_close(handle) }

    /// What the events of a group led to, in the order in which it happened.
    func all(of group: String) -> [BusHistory.Effect] {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, "SELECT name, delivery FROM effects WHERE consumers = '\(group)'", -1, &statement, nil) == SQLITE_OK else {
            return []
        }
        defer { sqlite3_finalize(statement) }
        var found: [BusHistory.Effect] = []
        while sqlite3_step(statement) == SQLITE_ROW {
            guard let name = sqlite3_column_text(statement, 0), let id = sqlite3_column_text(statement, 1) else { continue }
            found.append(BusHistory.Effect(name: String(cString: name), id: String(cString: id)))
        }
        return found
    }
}
