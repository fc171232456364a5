internal import BatonCore
internal import CBatonSQLite

/// A prepared statement. It is bound, stepped, read column by column, and reset by whoever took it.
final class Statement {
    private let handle: OpaquePointer
    private unowned let connection: Connection

    init(preparing sql: String, on connection: Connection) throws(StoreError) {
        var handle: OpaquePointer?
        let code = sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle else { throw connection.error(code) }
        self.handle = handle
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// Binds all parameters, from the first on.
    func bind<each Value: Bindable>(_ values: repeat each Value) throws(StoreError) {
        var index: Int32 = 0
        var code = SQLITE_OK
        for value in repeat each values {
            index += 1
            let result = value.bind(to: handle, at: index)
            if result != SQLITE_OK { code = result }
        }
        guard code == SQLITE_OK else { throw connection.error(code) }
    }

    /// Binds one parameter; the first has the index 1.
    func bind(_ value: some Bindable, at index: Int) throws(StoreError) {
        let code = value.bind(to: handle, at: Int32(truncatingIfNeeded: index))
        guard code == SQLITE_OK else { throw connection.error(code) }
    }

    /// Goes to the next row; false when there is none.
    func step() throws(StoreError) -> Bool {
        let code = sqlite3_step(handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = connection.error(code)
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Ends the reading and forgets what was bound, so that nothing large is kept.
    func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    // MARK: - Columns of the row, from 0

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func int(_ column: Int32) -> Int { Int(sqlite3_column_int64(handle, column)) }

    func optionalInt(_ column: Int32) -> Int? { isNull(column) ? nil : int(column) }

    func text(_ column: Int32) -> String {
        withBytes(column) { String(decoding: $0, as: UTF8.self) }
    }

    func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    func bytes(_ column: Int32) -> [UInt8] {
        withBytes(column) { [UInt8]($0) }
    }

    /// The value of a column that only ever holds checked JSON.
    func json(_ column: Int32) -> JSON { JSON(checked: bytes(column)) }

    private func withBytes<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // The pointer first, then the length: https://sqlite.org/c3ref/column_blob.html
        let pointer = sqlite3_column_blob(handle, column)
        return body(UnsafeRawBufferPointer(start: pointer, count: pointer == nil ? 0 : Int(sqlite3_column_bytes(handle, column))))
    }
}

/// What can be bound to a parameter.
protocol Bindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32
}

extension Int: Bindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 { sqlite3_bind_int64(statement, index, Int64(self)) }
}

extension String: Bindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        var copy = self
        return copy.withUTF8 { bindText(UnsafeRawBufferPointer($0), to: statement, at: index) }
    }
}

extension JSON: Bindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        bytes.withUnsafeBytes { bindText($0, to: statement, at: index) }
    }
}

extension [UInt8]: Bindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        // SQLite binds NULL for a nil pointer, whatever the length.
        withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return sqlite3_bind_zeroblob(statement, index, 0) }
            return baton_sqlite_bind_blob(statement, index, start, UInt64(bytes.count))
        }
    }
}

extension Optional: Bindable where Wrapped: Bindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        switch self {
        case .none: sqlite3_bind_null(statement, index)
        case .some(let value): value.bind(to: statement, at: index)
        }
    }
}

private func bindText(_ text: UnsafeRawBufferPointer, to statement: OpaquePointer, at index: Int32) -> Int32 {
    // SQLite binds NULL for a nil pointer, whatever the length.
    guard let start = text.baseAddress else { return baton_sqlite_bind_text(statement, index, "", 0) }
    return baton_sqlite_bind_text(statement, index, start, UInt64(text.count))
}
