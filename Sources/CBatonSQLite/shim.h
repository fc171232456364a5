// SQLite. SQLITE_TRANSIENT and SQLITE_STATIC are casts that Swift cannot import; variadic functions cannot be called.
#ifndef CBATONSQLITE_SHIM_H
#define CBATONSQLITE_SHIM_H
#include <sqlite3.h>
#endif
