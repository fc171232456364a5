import BatonCore
import Testing

@testable import BatonSQLite

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite struct FailureTests {
    @Test func aFullDiskStoresNothingPartialAndIsNoEnd() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { storage in
            try await storage.fill(key(), with: 1)
            func limit(pages: Int) async throws {
                try await storage.write { (writing) throws(StoreError) in try writing.db.execute("PRAGMA max_page_count = \(pages)") }
            }
            let pages = try await storage.read { (reading) throws(StoreError) in try reading.db.number("PRAGMA page_count") ?? 0 }
            try await limit(pages: pages + 8)
            let large = EventBatch(try (0..<20).map { _ in try draft(String(repeating: "x", count: 10_000)) })
            let error = await #expect(throws: StoreError.self) { _ = try await storage.append(large, to: key()) }
            #expect(error?.code == .storeUnavailable && error?.message.contains("full") == true && error?.isRetryable == true)
            let before = try await storage.session(key(), SnapshotQuery(events: 10))
            #expect(before.record.lastSeq == 1 && before.events.count == 1 && before.record.version == 2)
            // What fits is stored.
            #expect(try await storage.append(batch(1), to: key()).tail.seq == 2)
            try await limit(pages: 1_000_000)
            #expect(try await storage.append(large, to: key()).tail.seq == 22)
        }
    }

    @Test func aFileThatCannotGrowIsNoEndEither() async {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let scratch = Scratch()
            try await withStore(at: .file(scratch.file())) { storage in
                try await storage.fill(key(), with: 1)
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                let room = limit.rlim_cur
                limit.rlim_cur = 300_000
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                var failure: StoreError?
                var acknowledged = 1
                while failure == nil, acknowledged < 100_000 {
                    do { acknowledged = try await storage.append(batch(100), to: key()).tail.seq } catch { failure = error as? StoreError }
                }
                limit.rlim_cur = room
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                let record = try await storage.session(key(), SnapshotQuery()).record
                precondition(failure?.code == .storeUnavailable && record.lastSeq == acknowledged && record.eventCount == acknowledged)
                let receipt = try await storage.append(batch(1), to: key())
                precondition(receipt.tail.seq == acknowledged + 1)
            }
        }
    }

    /// Child                                  | Parent
    /// appends, notes what was acknowledged   |
    /// is killed in the midst of it           |
    ///                                        | opens the file and compares
    @Test func whatWasAcknowledgedSurvivesKilling() async throws {
        let scratch = Scratch()
        let path: String = scratch.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let storage = try await SQLiteStorage(at: .file("\(path)/baton.db"))
            try await storage.fill(key(), with: 1)
            let notes = open("\(path)/notes", O_CREAT | O_APPEND | O_WRONLY, 0o600)
            let acknowledged = Counter()
            await withTaskGroup(of: Void.self) { group in
                for writer in 0..<16 {
                    group.addTask {
                        for number in 1... {
                            let event = try? draft("text", id: "\(writer)-\(number)")
                            guard let event, let receipt = try? await storage.append(EventBatch([event]), to: key()) else { return }
                            var line = Array("\(writer)-\(number) \(receipt.tail.seq)\n".utf8)
                            write(notes, &line, line.count)
                            acknowledged.increment()
                            if acknowledged.count == 500 { kill(getpid(), SIGKILL) }
                        }
                    }
                }
            }
        }
        let notes = String(decoding: scratch.read("notes"), as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
        #expect(notes.count >= 500)
        try await withStore(at: .file(scratch.file())) { storage in
            for note in notes {
                let event = try await storage.event(String(note[0]), in: key())
                #expect(String(event.seq) == note[1])
            }
            let record = try await storage.session(key(), SnapshotQuery()).record
            #expect(record.eventCount == record.lastSeq && record.lastSeq > notes.count)
            var query = EventQuery(limit: 1000)
            var seqs: [Int] = []
            while true {
                let page = try await storage.events(in: key(), query)
                seqs += page.events.map(\.seq)
                if page.upToDate { break }
                query.after = page.next.map { .offset($0) }
            }
            #expect(seqs == Array(1...record.lastSeq))
            let finding = try await storage.read { (reading) throws(StoreError) in try reading.db.text("PRAGMA integrity_check") }
            #expect(finding == "ok")
        }
    }

    @Test func damageFoundWhileReadingIsNotAbsence() async throws {
        let scratch = Scratch()
        try await withStore(at: .file(scratch.file())) { storage in
            try await storage.fill(key(), with: 2000)
        }
        // While the store is open, so that opening it cannot notice.
        try await withStore(at: .file(scratch.file())) { storage in
            var bytes = scratch.read()
            for index in 4096..<bytes.count { bytes[index] = 0xA5 }
            if let file = fopen(scratch.file(), "r+") {
                fwrite(bytes, 1, bytes.count, file)
                fclose(file)
            }
            let error = await #expect(throws: StoreError.self) { _ = try await storage.session(key(), SnapshotQuery(events: 10)) }
            #expect(error?.code == .storeCorrupt)
            let failure = await #expect(throws: StoreError.self) { _ = try await storage.append(batch(1), to: key()) }
            #expect(failure?.code == .storeCorrupt)
        }
    }
}
