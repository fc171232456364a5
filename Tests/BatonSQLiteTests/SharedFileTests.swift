import BatonCore
import Synchronization
import Testing

@testable import BatonSQLite

/// Two stores on one file, as two processes have them.
@Suite struct SharedFileTests {
    /// What an observer heard.
    private final class Ear: Sendable {
        private let heard = Mutex<[StorageHint]>([])

        func hear(_ hint: StorageHint) { heard.withLock { $0.append(hint) } }
        func forget() { heard.withLock { $0 = [] } }
        var hints: [StorageHint] { heard.withLock { $0 } }
    }

    private func withTwo(_ body: (SQLiteStorage, SQLiteStorage) async throws -> Void) async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { one in
            try await withStore(at: .file(scratch.file())) { other in try await body(one, other) }
        }
    }

    @Test func theySeeTheSame() async throws {
        try await withTwo { one, other in
            _ = try await one.create(SessionDraft(), at: key())
            _ = try await other.append(batch(2), to: key())
            _ = try await one.append(batch(1), to: key())
            _ = try await other.change(.app("a"), [StateChange("k", .set(.null))])
            #expect(try await one.session(key(), SnapshotQuery(events: 5)) == other.session(key(), SnapshotQuery(events: 5)))
            #expect(try await one.session(key(), SnapshotQuery()).record.lastSeq == 3)
        }
    }

    @Test func theyWriteSideBySideWithoutLossOrDoubles() async throws {
        try await withTwo { one, other in
            _ = try await one.create(SessionDraft(), at: key())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for storage in [one, other] {
                    for _ in 0..<8 {
                        group.addTask { for _ in 0..<20 { _ = try await storage.append(batch(1), to: key()) } }
                    }
                }
                try await group.waitForAll()
            }
            let page = try await other.events(in: key(), EventQuery(limit: 1000))
            #expect(page.events.map(\.seq) == Array(1...320))
        }
    }

    @Test func aCommitHereIsHintedAtOnce() async throws {
        try await withStore(at: .memory) { storage in
            _ = try await storage.create(SessionDraft(), at: key())
            let ear = Ear()
            let observation = storage.observe(ear.hear)
            _ = try await storage.append(batch(1), to: key())
            #expect(try await eventually { ear.hints == [.session(try key())] })
            ear.forget()
            _ = try await storage.change(.user(key().owner), [StateChange("k", .set(.null))])
            #expect(try await eventually { ear.hints == [.everything] })
            observation.cancel()
            ear.forget()
            _ = try await storage.append(batch(1), to: key())
            _ = try await storage.append(batch(1), to: key())
            #expect(ear.hints.isEmpty)
        }
    }

    @Test func aCommitElsewhereIsHinted() async throws {
        try await withTwo { one, other in
            _ = try await one.create(SessionDraft(), at: key("busy"))
            _ = try await one.create(SessionDraft(), at: key("quiet"))
            let ear = Ear()
            let observation = other.observe(ear.hear)
            // The first look says "anything"; afterwards it is known what is new.
            #expect(try await eventually { ear.hints == [.everything] })
            ear.forget()

            _ = try await one.append(batch(1), to: key("busy"))
            #expect(try await eventually { ear.hints == [.session(try key("busy"))] })
            ear.forget()

            _ = try await one.remove(nil, in: key("busy"))
            #expect(try await eventually { ear.hints.contains(.everything) })
            ear.forget()

            // What this store does itself is not taken for somebody else's.
            _ = try await other.update(key("quiet"), with: SessionPatch(), expectedVersion: nil)
            try await Task.sleep(for: .milliseconds(150))
            #expect(ear.hints == [.session(try key("quiet"))])
            observation.cancel()
        }
    }

    @Test func everyKindOfChangeElsewhereIsHinted() async throws {
        try await withTwo { one, other in
            _ = try await one.create(SessionDraft(), at: key())
            _ = try await one.append(EventBatch([draft(id: "e")]), to: key())
            let ear = Ear()
            let observation = other.observe(ear.hear)
            #expect(try await eventually { !ear.hints.isEmpty })
            var delta = StateDelta()
            try delta.add("x", .set(.null))
            let changed = delta
            let changes: [(String, @Sendable () async throws -> Void)] = [
                ("create", { _ = try await one.create(SessionDraft(), at: key("new")) }),
                ("update", { _ = try await one.update(key(), with: SessionPatch(), expectedVersion: nil) }),
                ("touch", { _ = try await one.touch(key()) }),
                ("append", { _ = try await one.append(batch(1), to: key()) }),
                ("replace", { _ = try await one.replace("e", in: key(), with: EventPatch(content: .null)) }),
                ("remove", { _ = try await one.remove("e", in: key()) }),
                ("clear", { _ = try await one.clear(key()) }),
                ("state", { _ = try await one.change(.session(key()), [StateChange("y", .set(.null))]) }),
                ("delta", { _ = try await one.change(key(), changed) }),
                ("app state", { _ = try await one.change(.app("a"), [StateChange("y", .set(.null))]) }),
                ("store state", { _ = try await one.change(.store, [StateChange("y", .set(.null))]) }),
                ("delete", { _ = try await one.delete(key()) }),
            ]
            for (name, change) in changes {
                ear.forget()
                try await change()
                #expect(try await eventually { !ear.hints.isEmpty }, "\(name)")
            }
            observation.cancel()
        }
    }
}
