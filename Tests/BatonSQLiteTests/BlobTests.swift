import BatonCore
import Testing

@testable import BatonSQLite

@Suite struct BlobTests {
    private static let policy = StorePolicy(blobThreshold: 100)

    private func large(_ letter: String, id: String? = nil) throws -> EventDraft { try draft(String(repeating: letter, count: 200), id: id) }

    /// What a query over the file counts.
    private func count(_ scratch: Scratch, _ sql: String) throws -> Int {
        let connection = try Connection(opening: scratch.file(), mode: .readWrite)
        defer { connection.close() }
        return try #require(try connection.number(sql))
    }

    private func edit(_ scratch: Scratch, _ sql: String) throws {
        let connection = try Connection(opening: scratch.file(), mode: .readWrite)
        defer { connection.close() }
        try connection.execute(sql)
    }

    @Test func aContentIsKeptOnceInEachLogAndGoesWithIt() async throws {
        let scratch = Scratch()
        let storage = try await SQLiteStorage(at: .file(scratch.file()), policy: Self.policy)
        let store = LargeContent(on: storage)
        for id in ["a", "b"] {
            let batch = EventBatch([try large("x"), try large("x"), try large("y", id: "y")], createsSession: true)
            _ = try await store.append(batch, to: key(id))
        }
        _ = try await store.fork(key("a"), ForkDraft(), to: key("fork"), epoch: nil)
        _ = try await store.remove("y", in: key("b"))
        #expect(try count(scratch, "SELECT count(*) FROM blobs") == 3)
        #expect(try count(scratch, "SELECT max(length(body)) FROM events") < 200)
        _ = try await store.delete(key("a"))
        #expect(try await store.events(in: key("fork"), EventQuery()).events.map(\.content.bytes.count) == [202, 202, 202])
        try await store.clear(key("b"))
        _ = try await store.delete(key("fork"))
        let isEmpty = try await eventually { try count(scratch, "SELECT count(*) FROM blobs") == 0 }
        #expect(isEmpty)
        await store.close()
    }

    @Test func aContentThatIsLostOrDamagedIsAnErrorThatSaysSo() async throws {
        let scratch = Scratch()
        let storage = try await SQLiteStorage(at: .file(scratch.file()), policy: Self.policy)
        let store = LargeContent(on: storage)
        _ = try await store.append(EventBatch([try large("x", id: "l"), try draft("small", id: "s")], createsSession: true), to: key())
        for change in ["UPDATE blobs SET bytes = '\"y\"'", "DELETE FROM blobs"] {
            try edit(scratch, change)
            let page = await #expect(throws: StoreError.self) { _ = try await store.events(in: key(), EventQuery()) }
            #expect(page?.code == .storeCorrupt)
            let event = await #expect(throws: StoreError.self) { _ = try await store.event("l", in: key()) }
            #expect(event?.code == .storeCorrupt)
            #expect(try await store.event("s", in: key()).content == JSON(string: "small"))
            let shown = try await store.events(in: key(), EventQuery(blobs: .reference)).events
            #expect(shown.map { $0.blob == nil } == [false, true])
        }
        #expect(try await store.remove("l", in: key())?.blob != nil)
        #expect(try await store.events(in: key(), EventQuery()).events.count == 1)
        await store.close()
    }

    @Test func whatWasKeptApartIsReadWhateverTheThresholdIsNow() async throws {
        let scratch = Scratch()
        for (number, threshold) in [100, 0, 1 << 20].enumerated() {
            let storage = try await SQLiteStorage(at: .file(scratch.file()), policy: StorePolicy(blobThreshold: threshold))
            let store = LargeContent(on: storage)
            _ = try await store.append(EventBatch([try large("x")], createsSession: true), to: key())
            let events = try await store.events(in: key(), EventQuery()).events
            #expect(events.map(\.content) == Array(repeating: JSON(string: String(repeating: "x", count: 200)), count: number + 1))
            let shown = try await store.events(in: key(), EventQuery(blobs: .reference)).events
            #expect(shown.map { $0.blob == nil } == Array([false, true, true].prefix(number + 1)))
            await store.close()
        }
    }
}
