import BatonCore
import Testing

@testable import BatonSQLite

@Suite struct ContentTests {
    private static let names = [
        "a\0b", "\0", String(repeating: "n", count: 256), "👩‍👩‍👧‍👦 🏳️‍🌈", "'; DROP TABLE events; --", "%_*?:{}/", "\u{FEFF}x", "é", "e\u{301}", " ",
    ]

    @Test(arguments: [true, false]) func anyTextIsAName(inMemory: Bool) async throws {
        let scratch = Scratch()
        try await withStore(at: inMemory ? .memory : .file(scratch.file())) { storage in
            // Names that look the same, `é` in two spellings, are different names.
            for (number, name) in Self.names.enumerated() {
                var draft = SessionDraft(title: name, tags: [name], participants: try JSON(Array("[\"\(number)\"]".utf8)))
                try draft.state.add("s" + name.suffix(1), .set(JSON(string: name)))
                let key = try SessionKey(app: name, user: name, id: name)
                #expect(try await storage.create(draft, at: key).created, "\(number)")
                let event = try EventDraft(NewEvent(JSON(string: name), id: String(name.prefix(100)), author: name))
                #expect(try await storage.append(EventBatch([event], idempotencyKey: name), to: key).tail.seq == 1)
                #expect(try await storage.append(EventBatch([event], idempotencyKey: name), to: key).isDuplicate)
            }
            for (number, name) in Self.names.enumerated() {
                let key = try SessionKey(app: name, user: name, id: name)
                let snapshot = try await storage.session(key, SnapshotQuery(events: 5))
                #expect(snapshot.record.participants.description == "[\"\(number)\"]")
                #expect(Array((snapshot.record.title ?? "").utf8) == Array(name.utf8))
                #expect(snapshot.record.tags.map { Array($0.utf8) } == [Array(name.utf8)])
                #expect(snapshot.events.map(\.content) == [JSON(string: name)])
                let listed = try await storage.sessions(SessionQuery(of: .user(key.owner), tags: [name]))
                #expect(listed.sessions.map(\.record) == [snapshot.record])
                var filter = EventFilter()
                filter.authors = [name]
                #expect(try await storage.events(in: key, EventQuery(filter: filter)).events.count == 1)
                #expect(try await storage.event(String(name.prefix(100)), in: key).seq == 1)
            }
        }
    }

    @Test func idsThatLookTheSameAreDifferentIDs() async throws {
        try await withStore(at: .memory) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            let events = EventBatch([try draft("one", id: "é"), try draft("two", id: "e\u{301}")])
            #expect(try await storage.append(events, to: key()).entries.map(\.isDuplicate) == [false, false])
            #expect(try await storage.append(events, to: key()).entries.map(\.seq) == [1, 2])
            #expect(try await storage.event("e\u{301}", in: key()).content == JSON(string: "two"))
        }
    }

    @Test func theLargestContentComesBackByteForByte() async throws {
        let scratch = Scratch()
        var bytes = [UInt8(ascii: "\"")]
        let piece = (0..<4099).map { UInt8(0x23 + $0 % 0x39) }
        while bytes.count + piece.count < EventDraft.maximumContentBytes { bytes += piece }
        bytes += piece.prefix(EventDraft.maximumContentBytes - 1 - bytes.count)
        bytes.append(UInt8(ascii: "\""))
        #expect(bytes.count == EventDraft.maximumContentBytes)
        let content = try JSON(bytes)
        try await withStore(at: .file(scratch.file())) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            _ = try await storage.append(EventBatch([EventDraft(NewEvent(content, id: "large"))]), to: key())
        }
        try await withStore(at: .file(scratch.file())) { storage in
            let event = try await storage.event("large", in: key())
            #expect(event.content == content)
        }
    }

    @Test func aReceiptSurvivesBeingStored() throws {
        let entries = (1...3).map { seq in
            AppendReceipt.Entry(
                id: seq == 2 ? "own\0id" : SessionRecord.madeID(generation: "0123456789abcdef", seq: seq),
                offset: Offset(milliseconds: 1_700_000_000_000 + seq, seq: seq), isDuplicate: true)
        }
        let receipt = AppendReceipt(entries: entries, version: 7, tail: entries[2].offset)
        let stored = receipt.stored(generation: "0123456789abcdef")
        #expect(AppendReceipt(stored: stored, generation: "0123456789abcdef") == receipt)
        for length in 0..<stored.count { #expect(AppendReceipt(stored: Array(stored.prefix(length)), generation: "0123456789abcdef") == nil) }
    }

    @Test func oldIdempotencyKeysAreForgotten() async throws {
        try await withStore(at: .memory) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            for number in 0...EventBatch.rememberedKeys {
                _ = try await storage.append(EventBatch([draft()], idempotencyKey: "k\(number)"), to: key())
            }
            #expect(try await storage.append(EventBatch([draft()], idempotencyKey: "k1"), to: key()).isDuplicate)
            #expect(try await storage.append(EventBatch([draft()], idempotencyKey: "k0"), to: key()).isDuplicate == false)
        }
    }
}
