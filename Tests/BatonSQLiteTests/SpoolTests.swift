import BatonCore
import BatonTesting
import Testing

@testable import BatonSQLite

@Suite("A spool in a file")
struct SpoolTests {
    private let scratch = Scratch()

    private func key(_ id: String = "s") throws -> SessionKey { try SessionKey(app: "a", user: "ü:\u{0}/", id: id) }

    private func open() async throws -> SQLiteSpool { try await SQLiteSpool(at: scratch.file("spool"), durability: .normal) }

    @Test("gives back every part of a write, in the order of acceptance, also after it was closed")
    func keeps() async throws {
        let event = NewEvent(
            try JSON(parsing: #"{"a": [1.50,  "\u00e9"]}"#), id: "i\u{0}d", author: "au", role: "user", type: "t", branch: "b", invocation: "v",
            isPartial: true, stateDelta: ["k": .null, "user:x": try JSON(parsing: "[1]"), "temp:y": .null],
            usage: .emptyObject, metadata: try JSON(parsing: #"{"m":1}"#))
        let writes = [
            QueuedWrite(to: try key(), [try EventDraft(event)], createsSession: true, epoch: 7),
            QueuedWrite(to: try key("t"), track: "thoughts", [try EventDraft(.message("x", role: "user", id: "1"))], ttl: 60),
            QueuedWrite(to: try key(), [try EventDraft(NewEvent(.null)), try EventDraft(NewEvent(.null))], idempotencyKey: "key"),
        ]
        var spool = try await open()
        var numbers: [Int] = []
        for write in writes { numbers.append(try await spool.add(write)) }
        await spool.close()
        spool = try await open()
        let kept = try await spool.waiting(after: 0, limit: 10)
        #expect(kept.map(\.number) == numbers)
        for (kept, write) in zip(kept, writes) {
            #expect(kept.write.key == write.key && kept.write.track == write.track && kept.write.epoch == write.epoch)
            #expect(kept.write.createsSession == write.createsSession && kept.write.ttl == write.ttl)
            #expect(kept.write.idempotencyKey == write.idempotencyKey)
            #expect(kept.write.events.map(\.id) == write.events.map(\.id) && kept.write.events.map(\.body) == write.events.map(\.body))
            #expect(kept.write.events.map(\.role) == write.events.map(\.role))
        }
        #expect(kept[0].write.events[0].delta.session == writes[0].events[0].delta.session)
        #expect(kept[0].write.events[0].delta.user == writes[0].events[0].delta.user)
        #expect(try await spool.waiting(after: numbers[0], limit: 1).map(\.number) == [numbers[1]])
        try await spool.remove([numbers[0], numbers[2]])
        #expect(try await spool.waiting(after: 0, limit: 10).map(\.number) == [numbers[1]])
        await spool.close()
    }

    @Test("sets failed writes aside with the reason until they are put back or removed; numbers are not given twice")
    func setsAside() async throws {
        let spool = try await open()
        let write = QueuedWrite(to: try key(), [try EventDraft(.message("x", role: "user", id: "1"))])
        var numbers: [Int] = []
        for _ in 0..<3 { numbers.append(try await spool.add(write)) }
        try await spool.fail([numbers[0], numbers[2]], .noSession, at: Timestamp(milliseconds: 5))
        #expect(try await spool.failedCount() == 2)
        #expect(try await spool.waiting(after: 0, limit: 10).map(\.number) == [numbers[1]])
        let failed = try await spool.failed(after: 0, limit: 10)
        #expect(failed.map(\.number) == [numbers[0], numbers[2]])
        #expect(failed[0].failure == .init(code: .notFound, message: StoreError.noSession.message, time: Timestamp(milliseconds: 5)))
        #expect(try await spool.putBack([numbers[0], numbers[1]]) == 1)
        #expect(try await spool.waiting(after: 0, limit: 10).map(\.number) == [numbers[0], numbers[1]])
        try await spool.remove(numbers)
        #expect(try await spool.add(write) > numbers[2])
        await spool.close()
        await #expect(performing: { try await spool.add(write) }, throws: { ($0 as? StoreError)?.code == .closed })
    }

    @Test("belongs to one at a time, to the owner of its file only, and is no store")
    func isAlone() async throws {
        let spool = try await open()
        await #expect(performing: { try await open() }, throws: { ($0 as? StoreError)?.code == .busy })
        await #expect(
            performing: { try await SQLiteStorage(at: .file(scratch.file("spool"))) }, throws: { ($0 as? StoreError)?.code == .storeIncompatible })
        await spool.close()
        await (try await open()).close()
        try await withStore(at: .file(scratch.file("store"))) { _ in }
        await #expect(
            performing: { try await SQLiteSpool(at: scratch.file("store")) }, throws: { ($0 as? StoreError)?.code == .storeIncompatible })
    }

    @Test("says which write it cannot read, and changes nothing")
    func damaged() async throws {
        var spool = try await open()
        let number = try await spool.add(QueuedWrite(to: try key(), [try EventDraft(.message("x", role: "user", id: "1"))]))
        await spool.close()
        let connection = try Connection(opening: scratch.file("spool"), mode: .readWrite)
        try connection.execute("UPDATE writes SET events = '[{'")
        connection.close()
        spool = try await open()
        await #expect(
            performing: { try await spool.waiting(after: 0, limit: 1) },
            throws: { error in
                guard let error = error as? StoreError else { return false }
                return error.code == .storeCorrupt && error.message.contains("write \(number)")
            })
        await spool.close()
    }

    @Test("takes what many callers give it at once")
    func manyCallers() async throws {
        let spool = try await open()
        let key = try key()
        let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<500 {
                group.addTask { try await spool.add(QueuedWrite(to: key, [try EventDraft(NewEvent(.null, id: "\(index)"))])) }
            }
            var numbers: [Int] = []
            for try await number in group { numbers.append(number) }
            return numbers
        }
        #expect(numbers.sorted() == Array(1...500))
        #expect(try await spool.waiting(after: 0, limit: 1000).count == 500)
        await spool.close()
    }
}
