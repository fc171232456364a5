internal import BatonCore
internal import CBatonSQLite

/// A result code of SQLite with what it said about it (https://sqlite.org/rescode.html).
struct SQLiteError: Error, CustomStringConvertible {
    /// The extended result code.
    let code: Int32
    /// SQLite's own words. They name tables and files, never values.
    let message: String
    /// The errno of the system call that failed; 0 when none did.
    let systemError: Int32

    /// The code without its extension.
    var primaryCode: Int32 { code & 0xFF }

    var description: String { "SQLite \(code): \(message)" + (systemError == 0 ? "" : " (errno \(systemError))") }
}

extension StoreError {
    /// What a failure of SQLite means to a caller.
    init(_ error: SQLiteError, at path: String) {
        let (code, sentence): (Code, String) =
            switch error.primaryCode {
            case SQLITE_BUSY, SQLITE_LOCKED: (.busy, "another process holds the lock of \(path) for longer than the busy timeout")
            case SQLITE_FULL: (.storeUnavailable, "the disk of \(path) is full; nothing was stored")
            case SQLITE_READONLY, SQLITE_PERM: (.storeUnavailable, "\(path) cannot be written")
            case SQLITE_IOERR: (.storeUnavailable, "reading or writing \(path) failed")
            case SQLITE_CANTOPEN: (.storeUnavailable, "\(path) cannot be opened")
            case SQLITE_CORRUPT: (.storeCorrupt, "\(path) is damaged")
            case SQLITE_NOTADB: (.storeIncompatible, "\(path) is no SQLite database")
            case SQLITE_INTERRUPT: (.cancelled, "the call was cancelled")
            case SQLITE_NOMEM: (.storeUnavailable, "there is not enough memory")
            case SQLITE_TOOBIG: (.tooLarge, "a value is larger than SQLite stores")
            default: (.storeUnavailable, "SQLite failed on \(path)")
            }
        self.init(code, "\(sentence) (\(error))", underlying: error)
    }
}
