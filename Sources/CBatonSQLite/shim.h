// SQLite. SQLITE_TRANSIENT is a cast that Swift cannot import; variadic functions cannot be called.
#ifndef CBATONSQLITE_SHIM_H
#define CBATONSQLITE_SHIM_H
#include <sqlite3.h>

/// Binds a copy of `count` bytes as text; they may contain NUL.
static inline int baton_sqlite_bind_text(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_text64(statement, index, (const char *)bytes, count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// Binds a copy of `count` bytes.
static inline int baton_sqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_blob64(statement, index, bytes, count, SQLITE_TRANSIENT);
}

/// Whether closing the last connection leaves the write-ahead log as it is (https://sqlite.org/c3ref/c_dbconfig_defensive.html).
static inline int baton_sqlite_keep_log_on_close(sqlite3 *database, int keep) {
    return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, (int *)0);
}

#endif
