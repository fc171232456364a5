public import BatonCore
internal import CBatonSQLite

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What stands in the file of a store, for whoever looks after it.
public struct SQLiteFileReport: Hashable, Sendable {
    /// The layout of the file; 0 for an empty one.
    public let layout: Int
    /// The layout that this version writes.
    public let currentLayout: Int
    /// The length of the file in bytes.
    public let bytes: Int
    /// The length of the write-ahead log beside it, in bytes.
    public let logBytes: Int
    /// The permission bits.
    public let permissions: Int
    /// What is wrong with the structure; `nil` when it is sound.
    public let damage: String?
    /// The version of the SQLite library.
    public let libraryVersion: String

    /// Examines a file without changing anything; blocks the calling thread while all of it is read.
    /// - Throws: ``BatonCore/StoreError/Code/storeUnavailable`` when it cannot be read, ``BatonCore/StoreError/Code/storeIncompatible`` when it
    ///   belongs to another program or version.
    public init(examining path: String) throws(StoreError) {
        let file = try DatabaseFile(path, SQLiteConfiguration())
        var status = stat()
        guard stat(file.path, &status) == 0 else { throw StoreError(.storeUnavailable, "\(path) cannot be examined (errno \(errno))") }
        permissions = Int(status.st_mode & 0o777)
        bytes = Int(status.st_size)
        var log = stat()
        logBytes = stat(file.path + "-wal", &log) == 0 ? Int(log.st_size) : 0
        let connection = try Connection(opening: file.path, mode: .readWrite)
        defer { connection.close() }
        // Being the last to close it must not change the file either.
        _ = baton_sqlite_keep_log_on_close(connection.handle, 1)
        sqlite3_busy_timeout(connection.handle, 2000)
        try file.checkIdentity(connection)
        layout = try connection.number("PRAGMA user_version") ?? 0
        currentLayout = file.migrations.count
        let finding: String?
        do throws(StoreError) { finding = try connection.text("PRAGMA quick_check(1)") } catch {
            guard error.code == .storeCorrupt else { throw error }
            finding = error.message
        }
        damage = finding == "ok" ? nil : finding
        libraryVersion = String(cString: sqlite3_libversion())
    }
}
