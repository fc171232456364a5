// BatonSQLite
