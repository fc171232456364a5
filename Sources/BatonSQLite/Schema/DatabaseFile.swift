internal import BatonCore
internal import CBatonSQLite

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The file of a store: what it must be before it is touched, how it is made, how its connections are opened.
struct DatabaseFile {
    /// The path as it is given to the system: never empty, never one of SQLite's special names.
    let path: String
    private let configuration: SQLiteConfiguration
    let migrations: [Migration]
    /// What stands in the header of files of this kind (https://sqlite.org/pragma.html#pragma_application_id).
    let applicationID: Int

    /// "Bato", in the header of every store.
    static let applicationID = 0x4261_746F

    /// - Throws: ``StoreError/Code/invalidParameter`` when no file can have this path.
    init(
        _ path: String, _ configuration: SQLiteConfiguration, migrations: [Migration] = Migration.all,
        applicationID: Int = DatabaseFile.applicationID
    ) throws(StoreError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw StoreError(.invalidParameter, "the path of a database is empty or contains a NUL byte")
        }
        // A name such as `:memory:` or `file:x` is a file's name here and nothing else.
        self.path = path.utf8.first == UInt8(ascii: "/") ? path : "./" + path
        self.configuration = configuration
        self.migrations = migrations
        self.applicationID = applicationID
    }

    /// Opens the file, made or brought up to date if necessary; the first connection is the one that writes.
    ///
    /// Stores are opened one after the other: closing a descriptor of a file ends all locks that the process holds on it
    /// (https://sqlite.org/howtocorrupt.html §2.2), so nobody may have it open while it is being made below.
    func open(connections count: Int) throws(StoreError) -> [Connection] {
        let result: Result<[Connection], StoreError> = DatabaseFile.opening.withLock {
            do throws(StoreError) { return .success(try openAlone(count)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static let opening = Monitor()

    private func openAlone(_ count: Int) throws(StoreError) -> [Connection] {
        try makeIfAbsent()
        try inspect()
        var connections = [try connect()]
        try migrate(connections[0])
        for _ in 1..<max(1, count) { connections.append(try connect()) }
        // The writer touches the newest pages of many sessions in turn.
        try connections[0].execute("PRAGMA cache_size = -16384")
        for connection in connections {
            try connection.execute("PRAGMA synchronous = \(configuration.durability == .full ? "FULL" : "NORMAL")")
            // The log starts over rather than being truncated; after a flood it is cut back to this size.
            try connection.execute("PRAGMA journal_size_limit = \(64 << 20)")
            // `Writer` knows the right moment for checkpoints.
            sqlite3_wal_autocheckpoint(connection.handle, 0)
        }
        return connections
    }

    /// A database in memory, with its layout.
    static func inMemory() throws(StoreError) -> Connection {
        let connection = try Connection(opening: ":memory:", mode: .memory)
        try connection.execute("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY")
        for migration in Migration.all { try connection.execute(migration.sql) }
        return connection
    }

    // MARK: - Before the file is touched

    /// Makes an empty file that only its owner may read, so that conversations are nobody else's from the first byte on.
    private func makeIfAbsent() throws(StoreError) {
        switch makeFile(path, permissions: 0o600) {
        case 0: return
        case EEXIST:
            var status = stat()
            guard stat(path, &status) == 0 else { throw refusal("cannot be examined (errno \(errno))") }
            if status.st_mode & S_IFMT == S_IFDIR { throw refusal("is a directory; the path has to name a file") }
            if status.st_mode & S_IFMT != S_IFREG { throw refusal("is no regular file") }
            if access(path, R_OK | W_OK) != 0 { throw refusal("may not be read and written by this user") }
        case ENOENT, ENOTDIR: throw refusal("is in a directory that does not exist")
        case EACCES, EPERM: throw refusal("may not be created by this user")
        case EROFS: throw refusal("is on a file system that is read only")
        case ENOSPC: throw refusal("cannot be created: the disk is full")
        case EISDIR: throw refusal("is a directory; the path has to name a file")
        case let code: throw refusal("cannot be created (errno \(code))")
        }
    }

    private func refusal(_ sentence: String) -> StoreError { StoreError(.storeUnavailable, "\(path) \(sentence)") }

    /// Reads the header and, of a small file, the rest, without being able to change anything.
    private func inspect() throws(StoreError) {
        let connection = try Connection(opening: path, mode: .immutable)
        defer { connection.close() }
        do throws(StoreError) {
            try checkIdentity(connection)
            // With a log or a journal beside it the main file alone need not be consistent.
            guard !exists(path + "-wal"), !exists(path + "-journal") else { return }
            if let finding = try structuralDamage(connection), !exists(path + "-wal") {
                throw StoreError(.storeCorrupt, "\(path) is damaged: \(finding)")
            }
        } catch {
            // While another process makes or checkpoints the file, what stands in it alone proves nothing.
            if error.code == .storeCorrupt, exists(path + "-wal") || exists(path + "-journal") { return }
            throw error
        }
    }

    /// Refuses what is not ours, or not ours to understand.
    func checkIdentity(_ connection: Connection) throws(StoreError) {
        let application = try connection.number("PRAGMA application_id") ?? 0
        let version = try connection.number("PRAGMA user_version") ?? 0
        if application == applicationID {
            guard version <= migrations.count else {
                throw StoreError(
                    .storeIncompatible,
                    "\(path) has layout \(version) of a newer version; this version reads layouts up to \(migrations.count)")
            }
            return
        }
        let isEmpty = try connection.number("SELECT count(*) FROM sqlite_schema") == 0
        guard application == 0, version == 0, isEmpty else {
            throw StoreError(.storeIncompatible, "\(path) is the database of another program")
        }
    }

    /// What is wrong with the structure of the file. A large one is only measured: looking through it would take long, and damage
    /// shows when its place is read.
    private func structuralDamage(_ connection: Connection) throws(StoreError) -> String? {
        let size = (try connection.number("PRAGMA page_count") ?? 0) * (try connection.number("PRAGMA page_size") ?? 0)
        var status = stat()
        if stat(path, &status) == 0, status.st_size < size { return "it has \(status.st_size) bytes and should have \(size)" }
        guard size <= DatabaseFile.checkedBytes else { return nil }
        let finding = try connection.text("PRAGMA quick_check(1)")
        return finding == "ok" ? nil : finding
    }

    /// The largest file whose structure is looked through whenever it is opened.
    private static let checkedBytes = 32 << 20

    private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    // MARK: - Connections

    private func connect() throws(StoreError) -> Connection {
        let connection = try Connection(opening: path, mode: .readWrite)
        let (seconds, attoseconds) = configuration.busyTimeout.components
        let milliseconds = min(max(seconds, 0), 86_400) * 1000 + attoseconds / 1_000_000_000_000_000
        sqlite3_busy_timeout(connection.handle, Int32(milliseconds))
        try connection.execute("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        return connection
    }

    /// Brings the layout up to date. All in one transaction, in the file's journal mode of the moment, so that a
    /// new file has its identity in its header before anything else can look at it.
    private func migrate(_ connection: Connection) throws(StoreError) {
        do throws(StoreError) {
            try checkIdentity(connection)
            if try connection.number("PRAGMA user_version") ?? 0 < migrations.count {
                try connection.execute("BEGIN IMMEDIATE")
                // Somebody else may have done it while we waited.
                try checkIdentity(connection)
                let version = try connection.number("PRAGMA user_version") ?? 0
                for migration in migrations.dropFirst(version) { try connection.execute(migration.sql) }
                try connection.execute("PRAGMA application_id = \(applicationID); PRAGMA user_version = \(migrations.count)")
                try connection.execute("COMMIT")
            }
            try useWriteAheadLog(connection)
        } catch {
            connection.rollBack()
            // What was refused stays as it is, its log too.
            _ = baton_sqlite_keep_log_on_close(connection.handle, 1)
            throw error
        }
    }

    /// Readers never wait for the writer (https://sqlite.org/wal.html). The switch itself needs the file for a moment alone and
    /// does not use the busy timeout in every case, so it is tried again within it.
    private func useWriteAheadLog(_ connection: Connection) throws(StoreError) {
        let deadline = Instant.now.advanced(by: configuration.busyTimeout)
        while true {
            do throws(StoreError) {
                let mode = try connection.text("PRAGMA journal_mode = WAL")
                guard mode == "wal" else {
                    throw StoreError(.storeUnavailable, "\(path) is on a file system without shared memory; SQLite's log cannot work there")
                }
                return
            } catch {
                guard error.code == .busy, Instant.now < deadline else { throw error }
                usleep(5000)
            }
        }
    }
}

/// Makes an empty file with these permissions; returns an errno, or 0.
private func makeFile(_ path: String, permissions: mode_t) -> Int32 {
    let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, permissions)
    guard descriptor >= 0 else { return errno }
    close(descriptor)
    return 0
}
