import BatonCore
import CBatonSQLite
import Testing

@testable import BatonSQLite

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite struct OpeningTests {
    /// Expects that a file is refused, left as it was byte for byte, and that nothing appears beside it.
    private func expectRefusal(_ scratch: Scratch, _ code: StoreError.Code, saying word: String, at place: SourceLocation = #_sourceLocation) async {
        let (names, bytes) = (scratch.names, scratch.read())
        let error = await #expect(throws: StoreError.self, sourceLocation: place) {
            _ = try await SQLiteStorage(at: .file(scratch.file()))
        }
        #expect(error?.code == code, sourceLocation: place)
        #expect(error?.message.contains(scratch.file()) == true, "\(error?.message ?? "")", sourceLocation: place)
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")", sourceLocation: place)
        #expect(scratch.names == names && scratch.read() == bytes, sourceLocation: place)
    }

    /// A file of ours with something in it.
    private func filled() async throws -> Scratch {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { try await $0.fill(key(), with: 200) }
        #expect(scratch.names == ["baton.db"])
        return scratch
    }

    private func edit(_ scratch: Scratch, _ sql: String) throws {
        if !scratch.names.contains("baton.db") { scratch.write([]) }
        let connection = try Connection(opening: scratch.file(), mode: .readWrite)
        try connection.execute(sql)
        connection.close()
    }

    @Test func newFilesBelongToTheirOwnerAlone() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { storage in
            try await storage.fill(key(), with: 1)
            for name in scratch.names {
                var status = stat()
                #expect(stat(scratch.file(name), &status) == 0 && status.st_mode & 0o777 == 0o600, "\(name)")
            }
            #expect(scratch.names.contains("baton.db-wal"))
        }
    }

    @Test func adoptsAnEmptyFile() async throws {
        let scratch = Scratch()
        scratch.write([])
        try await withStore(at: .file(scratch.file())) { try await $0.fill(key(), with: 1) }
    }

    @Test func refusesANewerLayout() async throws {
        let scratch = try await filled()
        try edit(scratch, "PRAGMA user_version = 99")
        await expectRefusal(scratch, .storeIncompatible, saying: "newer")
    }

    @Test func refusesTheDatabaseOfAnotherProgram() async throws {
        let scratch = Scratch()
        try edit(scratch, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        await expectRefusal(scratch, .storeIncompatible, saying: "another program")
    }

    @Test func refusesTheApplicationIDOfAnotherProgram() async throws {
        let scratch = try await filled()
        try edit(scratch, "PRAGMA application_id = 4711")
        await expectRefusal(scratch, .storeIncompatible, saying: "another program")
    }

    @Test func refusesWhatIsNoDatabase() async {
        let scratch = Scratch()
        scratch.write(Array(String(repeating: "Dear diary, ", count: 1000).utf8))
        await expectRefusal(scratch, .storeIncompatible, saying: "no SQLite database")
    }

    /// The header, the schema's page, a page in the middle, the last page.
    @Test(arguments: [20, 108, 4096 + 3, 4096 * 12, -4096]) func refusesADamagedFile(at position: Int) async throws {
        let scratch = try await filled()
        var bytes = scratch.read()
        let start = position < 0 ? bytes.count + position : position
        for index in start..<start + 60 { bytes[index] = 0xA5 }
        scratch.write(bytes)
        let names = scratch.names
        let error = await #expect(throws: StoreError.self) { _ = try await SQLiteStorage(at: .file(scratch.file())) }
        #expect(error?.code == .storeCorrupt || error?.code == .storeIncompatible, "\(String(describing: error))")
        #expect(error?.message.contains(scratch.file()) == true)
        #expect(scratch.names == names && scratch.read() == bytes)
    }

    @Test func refusesATruncatedFile() async throws {
        let scratch = try await filled()
        scratch.write(Array(scratch.read().dropLast(4096 * 3)))
        await expectRefusal(scratch, .storeCorrupt, saying: "damaged")
    }

    @Test func saysWhatIsWrongWithAPath() async throws {
        let scratch = Scratch()
        scratch.write([], to: "file")
        mkdir(scratch.file("directory"), 0o700)
        defer { rmdir(scratch.file("directory")) }
        for (path, word) in [
            (scratch.file("directory"), "is a directory"), (scratch.file("missing/baton.db"), "does not exist"),
            (scratch.file("file/baton.db"), "does not exist"), ("/dev/null", "no regular file"),
        ] {
            let error = await #expect(throws: StoreError.self) { _ = try await SQLiteStorage(at: .file(path)) }
            #expect(error?.code == .storeUnavailable)
            #expect(error?.message.contains(path) == true && error?.message.contains(word) == true, "\(error?.message ?? "")")
        }
        for path in ["", "a\0b"] {
            let error = await #expect(throws: StoreError.self) { _ = try await SQLiteStorage(at: .file(path)) }
            #expect(error?.code == .invalidParameter)
        }
        #expect(scratch.names == ["directory", "file"])
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything")) func saysThatAFileMayNotBeRead() async throws {
        let scratch = try await filled()
        chmod(scratch.file(), 0)
        let error = await #expect(throws: StoreError.self) { _ = try await SQLiteStorage(at: .file(scratch.file())) }
        #expect(error?.code == .storeUnavailable && error?.message.contains("may not be read") == true)
    }

    @Test func takesNamesThatMeanSomethingToSQLite() async throws {
        let scratch = Scratch()
        for name in [":memory:", "file:x?mode=memory", "a%20b#c"] {
            try await withStore(at: .file(scratch.file(name))) { try await $0.fill(key(), with: 1) }
            #expect(scratch.names.contains(name))
            try await withStore(at: .file(scratch.file(name))) { storage in
                let record = try await storage.session(key(), SnapshotQuery()).record
                #expect(record.lastSeq == 1)
            }
        }
    }

    // MARK: - Migrations

    private static let step = Migration(sql: "CREATE TABLE extra (x); INSERT INTO extra SELECT count(*) FROM events")

    private func open(_ scratch: Scratch, _ migrations: [Migration]) throws(StoreError) -> [Connection] {
        try DatabaseFile(scratch.file(), SQLiteConfiguration(), migrations: migrations).open(connections: 1)
    }

    @Test func bringsAnOlderFileForward() async throws {
        let scratch = try await filled()
        let connection = try open(scratch, Migration.all + [Self.step])[0]
        #expect(try connection.number("PRAGMA user_version") == Migration.all.count + 1)
        #expect(try connection.number("SELECT x FROM extra") == 200)
        connection.close()
        // The older program does not touch it any more.
        await expectRefusal(scratch, .storeIncompatible, saying: "newer")
    }

    @Test func aMigrationThatFailsLeavesTheFileAsItWas() async throws {
        let scratch = try await filled()
        #expect(throws: StoreError.self) { try open(scratch, Migration.all + [Self.step, Migration(sql: "INSERT INTO nowhere VALUES (1)")]) }
        try await withStore(at: .file(scratch.file())) { storage in
            #expect(try await storage.session(key(), SnapshotQuery()).record.lastSeq == 200)
            let tables = try await storage.read { (reading) throws(StoreError) in
                try reading.db.number("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'")
            }
            #expect(tables == 0)
        }
    }

    @Test func twoMayOpenANewFileAtOnce() async throws {
        let scratch = Scratch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask { try await withStore(at: .file(scratch.file())) { try await $0.fill(key("s\(number)"), with: 3) } }
            }
            try await group.waitForAll()
        }
        try await withStore(at: .file(scratch.file())) { storage in
            let page = try await storage.sessions(SessionQuery(of: .app("a")))
            #expect(page.sessions.count == 4)
        }
    }
}
