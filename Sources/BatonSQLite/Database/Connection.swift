internal import BatonCore
internal import CBatonSQLite

/// A connection to a database with its prepared statements.
///
/// Sendable only so that it can be handed from the thread that opened it to the one that uses it: at any moment one thread
/// uses a connection, which is why it is opened without SQLite's own locks (https://sqlite.org/threadsafe.html).
final class Connection: @unchecked Sendable {
    let handle: OpaquePointer
    /// The file, for messages.
    let path: String
    private var statements: [UnsafeRawPointer: Statement] = [:]
    private var composed: [String: Statement] = [:]
    private var isOpen = true

    /// Statements composed at run time vary in the number of their parameters only, so that few are ever needed.
    private static let maximumComposed = 128

    /// What may be opened.
    enum Mode {
        case readWrite
        /// Reads the main file as it stands: no locks, no log, and nothing is ever written or created
        /// (https://sqlite.org/c3ref/open.html, `immutable`).
        case immutable
        case memory
    }

    init(opening path: String, mode: Mode) throws(StoreError) {
        self.path = path
        let name: String
        var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        switch mode {
        case .readWrite:
            name = path
            flags |= SQLITE_OPEN_READWRITE
        case .immutable:
            name = "file:\(Connection.escaped(path))?immutable=1"
            flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
        case .memory:
            name = ":memory:"
            flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        }
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(name, &handle, flags, nil)
        guard let handle else { throw StoreError(SQLiteError(code: SQLITE_NOMEM, message: "no memory for a connection", systemError: 0), at: path) }
        guard code == SQLITE_OK else {
            let error = SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)), systemError: sqlite3_system_errno(handle))
            sqlite3_close_v2(handle)
            throw StoreError(error, at: path)
        }
        self.handle = handle
    }

    deinit { close() }

    /// Ends all statements and lets go of the file. Nothing may be called afterwards.
    func close() {
        guard isOpen else { return }
        isOpen = false
        statements.removeAll()
        composed.removeAll()
        sqlite3_close_v2(handle)
    }

    /// The bytes that mean something in a URI are escaped (https://sqlite.org/uri.html).
    private static func escaped(_ path: String) -> String {
        path.replacing(["%": "%25", "?": "%3f", "#": "%23"])
    }

    // MARK: - Statements

    /// The statement that `sql` spells, prepared once and ready to be bound.
    func statement(_ sql: StaticString) throws(StoreError) -> Statement {
        // A static string lives as long as the process, so that its address names it.
        let address = UnsafeRawPointer(sql.utf8Start)
        if let statement = statements[address] { return statement }
        let statement = try Statement(preparing: sql.description, on: self)
        statements[address] = statement
        return statement
    }

    /// The statement of a text made at run time, kept for a while.
    func statement(composed sql: String) throws(StoreError) -> Statement {
        if let statement = composed[sql] { return statement }
        if composed.count >= Connection.maximumComposed { composed.removeAll() }
        let statement = try Statement(preparing: sql, on: self)
        composed[sql] = statement
        return statement
    }

    /// Runs a cached statement that returns nothing.
    func run<each Value: Bindable>(_ sql: StaticString, _ values: repeat each Value) throws(StoreError) {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(repeat each values)
        while try statement.step() {}
    }

    /// The one number that a cached query gives; 0 when it gives none.
    func number<each Value: Bindable>(_ sql: StaticString, _ values: repeat each Value) throws(StoreError) -> Int {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(repeat each values)
        return try statement.step() ? statement.int(0) : 0
    }

    /// Runs statements that are needed once.
    func execute(_ sql: String) throws(StoreError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code) }
    }

    /// The first column of the first row, for pragmas.
    func number(_ sql: String) throws(StoreError) -> Int? {
        let statement = try Statement(preparing: sql, on: self)
        return try statement.step() ? statement.int(0) : nil
    }

    /// The first column of the first row, for pragmas.
    func text(_ sql: String) throws(StoreError) -> String? {
        let statement = try Statement(preparing: sql, on: self)
        return try statement.step() ? statement.text(0) : nil
    }

    // MARK: - State

    /// What the last failed call failed with.
    func error(_ code: Int32) -> StoreError {
        StoreError(
            SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)), systemError: sqlite3_system_errno(handle)), at: path)
    }

    /// Whether a transaction is open. SQLite ends one by itself after some failures (https://sqlite.org/lang_transaction.html).
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// How many rows have been written since the connection was opened.
    var changes: Int64 { sqlite3_total_changes64(handle) }

    /// Ends a transaction without keeping it, if one is open.
    func rollBack() {
        guard isInTransaction else { return }
        sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
    }
}

extension String {
    fileprivate func replacing(_ replacements: [Character: String]) -> String {
        var result = ""
        for character in self { result += replacements[character] ?? String(character) }
        return result
    }
}
