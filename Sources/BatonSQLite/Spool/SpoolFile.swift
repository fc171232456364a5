internal import BatonCore
internal import CBatonSQLite

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The file of a spool, and the lock that says whose it is.
struct SpoolFile {
    private let path: String
    private let durability: SQLiteConfiguration.Durability

    /// "BatS", in the header of every spool: no store opens one by accident, and no spool a store.
    static let applicationID = 0x4261_7453

    init(_ path: String, _ durability: SQLiteConfiguration.Durability) {
        self.path = path
        self.durability = durability
    }

    /// Takes the lock, then opens the file; who only looks takes none.
    func open(onlyLooking: Bool) throws(StoreError) -> (SpoolLock?, Connection) {
        let file = try DatabaseFile(
            path, SQLiteConfiguration(durability: durability), migrations: [SpoolRow.layout], applicationID: SpoolFile.applicationID)
        let lock = onlyLooking ? nil : try SpoolLock(file.path + "-owner")
        do throws(StoreError) {
            let connection = try file.open(connections: 1)[0]
            // Nobody else copies this log back.
            sqlite3_wal_autocheckpoint(connection.handle, 1000)
            if onlyLooking { try connection.execute("PRAGMA query_only = ON") }
            return (lock, connection)
        } catch {
            lock?.release()
            throw error
        }
    }
}

/// The right to use a spool. It ends with its process, however that ends. It is a file beside the database, because SQLite has locks of its own on that.
struct SpoolLock: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws(StoreError) {
        #if canImport(Glibc)
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #else
        let descriptor = Darwin.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #endif
        guard descriptor >= 0 else { throw StoreError(.storeUnavailable, "the lock of the spool, \(path), cannot be opened (errno \(errno))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            if code == EWOULDBLOCK { throw StoreError(.busy, "the spool is in use by another process; each process needs one of its own") }
            throw StoreError(.storeUnavailable, "the lock of the spool, \(path), cannot be taken (errno \(code))")
        }
        self.descriptor = descriptor
    }

    func release() { close(descriptor) }
}
