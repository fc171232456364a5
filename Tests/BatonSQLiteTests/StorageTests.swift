import BatonCore
import Testing

@testable import BatonSQLite

@Suite struct StorageTests {
    @Test(arguments: [true, false]) func keepsASession(inMemory: Bool) async throws {
        let scratch = Scratch()
        try await withStore(at: inMemory ? .memory : .file(scratch.file())) { storage in
            var draft = SessionDraft(title: "A title", tags: ["x", "y"])
            try draft.state.add("user:language", .set(JSON(string: "de")))
            let (created, isNew) = try await storage.create(draft, at: key())
            #expect(isNew && created.record.version == 1 && created.state.user["language"] == JSON(string: "de"))
            #expect(try await storage.create(SessionDraft(), at: key()).created == false)

            let receipt = try await storage.append(batch(3), to: key())
            #expect(receipt.entries.map(\.seq) == [1, 2, 3] && receipt.version == 2)
            let snapshot = try await storage.session(key(), SnapshotQuery(events: 2))
            #expect(snapshot.events.map(\.seq) == [2, 3])
            #expect(snapshot.record.tail == receipt.tail && snapshot.record.eventCount == 3)
            #expect(try await storage.event(receipt.entries[1].id, in: key()).seq == 2)

            let page = try await storage.sessions(SessionQuery(of: .app("a"), tags: ["x"]))
            #expect(page.sessions.map(\.record) == [snapshot.record] && page.next == nil)
            #expect(try await storage.delete(key()))
            await #expect(throws: StoreError.self) { try await storage.session(key(), SnapshotQuery()) }
        }
    }

    @Test func keepsWhatWasAcknowledgedWhenItIsOpenedAgain() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { storage in
            try await storage.fill(key(), with: 10)
        }
        #expect(scratch.names == ["baton.db"])
        try await withStore(at: .file(scratch.file())) { storage in
            let page = try await storage.events(in: key(), EventQuery())
            #expect(page.events.map(\.seq) == Array(1...10) && page.upToDate && page.next == page.tail)
        }
    }
}
