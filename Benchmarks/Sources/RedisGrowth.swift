internal import BatonCore
internal import BatonIO
internal import BatonRedis
internal import BatonRedisClient
internal import Glibc

/// Whether anything gets slower as it grows: a session of a million events against one of ten, lists of a user with a hundred thousand
/// sessions against one with a hundred, and a server with a million sessions against an empty one.
///
/// `redis-store ADDRESS growth [SESSIONS [USER_SESSIONS [EVENTS]]]`; with the usual numbers the server comes to hold about 500 MB. It is
/// emptied before and after.
enum RedisGrowth {
    private static let callers = 64

    static func run(_ address: String, _ numbers: [Int]) async throws {
        let sessions = numbers.first ?? 1_000_000
        let userSessions = numbers.dropFirst().first ?? 100_000
        let events = numbers.dropFirst(2).first ?? 1_000_000
        let loop = try EventLoop()
        let client = try RedisClient(RedisConfiguration(address), on: [loop])
        _ = try await client.send(RawCommand(["FLUSHALL"]))
        let growth = Growth(loop: loop, client: client, storage: try await RedisStorage.open(on: client))
        print("p50 (and p99) in microseconds, one caller")
        try await growth.longSession(events)
        // What is known already is shown, also in a file.
        fflush(nil)
        _ = try await client.send(RawCommand(["FLUSHALL"]))
        try await growth.longList(userSessions)
        // What is known already is shown, also in a file.
        fflush(nil)
        _ = try await client.send(RawCommand(["FLUSHALL"]))
        try await growth.manySessions(sessions)
        _ = try await client.send(RawCommand(["FLUSHALL"]))
        await growth.storage.close()
        await client.close()
        await loop.shutdown()
    }

    private struct Growth {
        let loop: EventLoop
        let client: RedisClient
        let storage: RedisStorage

        private static let event = try! EventDraft(.message(String(repeating: "x", count: 60), role: "user"))

        // MARK: - What grows

        func longSession(_ events: Int) async throws {
            let (short, long) = (try SessionKey(app: "a", user: "short", id: "s"), try SessionKey(app: "a", user: "long", id: "s"))
            func append(_ count: Int, to key: SessionKey) async throws {
                let batch = EventBatch([EventDraft](repeating: Self.event, count: count), createsSession: true)
                _ = try await storage.append(batch, to: key)
            }
            try await append(10, to: short)
            for _ in 0..<events / 1_000 { try await append(1_000, to: long) }
            let used = try await memory()
            let one = EventBatch([Self.event])
            let operations: [(String, @Sendable (SessionKey) async throws -> Void)] = [
                ("append of one event", { key in _ = try await storage.append(one, to: key) }),
                ("session with its last 10 events", { key in _ = try await storage.session(key, SnapshotQuery(events: 10)) }),
                ("page of the 10 oldest events", { key in _ = try await storage.events(in: key, EventQuery(limit: 10)) }),
            ]
            print("session of 10 events | of \(events) events (\(used >> 20) MiB)")
            for (name, operation) in operations {
                let times = try await compare({ _ in try await operation(short) }, { _ in try await operation(long) })
                print("  \(name): \(times.0) | \(times.1)")
            }
        }

        func longList(_ sessions: Int) async throws {
            let (few, many) = (try UserKey(app: "a", user: "few"), try UserKey(app: "a", user: "many"))
            for (user, count) in [(few, 100), (many, sessions)] {
                try await fill(count) { try SessionKey(app: user.app, user: user.user, id: "s\($0)") }
            }
            let middle = try await position(in: many, after: min(sessions / 2, 50_000))
            print("page of 50 sessions of a user with 100 | with \(sessions): the first | the one in the middle")
            let first = try await compare(
                { _ in _ = try await storage.sessions(SessionQuery(of: .user(few), limit: 50)) },
                { _ in _ = try await storage.sessions(SessionQuery(of: .user(many), limit: 50)) })
            let second = try await compare(
                { _ in _ = try await storage.sessions(SessionQuery(of: .user(few), limit: 50)) },
                { _ in _ = try await storage.sessions(SessionQuery(of: .user(many), limit: 50, after: middle)) })
            print("  \(first.0) | \(first.1) | \(second.1)")
            let counts = try await walk(many)
            print("  all pages of 1000, one after the other: \(counts.sessions) sessions, first page \(counts.first), last page \(counts.last)")
        }

        func manySessions(_ sessions: Int) async throws {
            let batch = EventBatch([Self.event])
            func measured() async throws -> [(String, String)] {
                // Users and sessions that are there in every state of the server.
                let key: @Sendable (Int) throws -> SessionKey = { try SessionKey(app: "a", user: "user-\($0 % 100)", id: "s\($0 % 1_000)") }
                return [
                    ("append", try await time { _ = try await storage.append(batch, to: try key($0)) }),
                    ("get", try await time { _ = try await storage.session(try key($0), SnapshotQuery(events: 10)) }),
                    (
                        "list of a user",
                        try await time {
                            _ = try await storage.sessions(SessionQuery(of: .user(UserKey(app: "a", user: "user-\($0 % 100)")), limit: 10))
                        }
                    ),
                    ("list of the app", try await time { _ in _ = try await storage.sessions(SessionQuery(of: .app("a"), limit: 50)) }),
                ]
            }
            try await fill(1_000) { try SessionKey(app: "a", user: "user-\($0 % 100)", id: "s\($0)") }
            let before = try await measured()
            let empty = try await memory()
            let start = Deadline.now
            try await fill(sessions) { try SessionKey(app: "a", user: "u\($0 / 10)", id: "s\($0)") }
            let seconds = Double(Deadline.now.nanoseconds - start.nanoseconds) / 1e9
            let used = try await memory() - empty
            let after = try await measured()
            print(
                "server with 1000 sessions | with \(sessions) (\(used >> 20) MiB, \(used / max(1, sessions)) bytes each, no events, lists included; created \(Int(Double(sessions) / seconds))/s)"
            )
            for (one, other) in zip(before, after) { print("  \(one.0): \(one.1) | \(other.1)") }
        }

        // MARK: - Steps

        private func fill(_ count: Int, _ key: @escaping @Sendable (Int) throws -> SessionKey) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<callers {
                    group.addTask(executorPreference: loop) {
                        for number in stride(from: caller, to: count, by: callers) {
                            _ = try await storage.create(SessionDraft(), at: try key(number))
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        private func position(in user: UserKey, after count: Int) async throws -> SessionQuery.Position? {
            var position: SessionQuery.Position?
            for _ in 0..<count / 1_000 { position = try await storage.sessions(SessionQuery(of: .user(user), limit: 1_000, after: position)).next }
            return position
        }

        private func walk(_ user: UserKey) async throws -> (sessions: Int, first: String, last: String) {
            var position: SessionQuery.Position?
            var sessions = 0
            var times: [UInt32] = []
            repeat {
                let start = Deadline.now
                let page = try await storage.sessions(SessionQuery(of: .user(user), limit: 1_000, after: position))
                times.append(UInt32(clamping: Deadline.now.nanoseconds - start.nanoseconds))
                sessions += page.sessions.count
                position = page.next
            } while position != nil
            return (sessions, text(times.first ?? 0), text(times.last ?? 0))
        }

        private func memory() async throws -> Int {
            try await client.send(INFO("memory"))["used_memory"].flatMap { Int($0) } ?? 0
        }

        // MARK: - Time

        private func time(_ operation: @escaping @Sendable (Int) async throws -> Void) async throws -> String {
            try await compare({ _ in }, operation).1
        }

        /// Two operations in turns, so that both meet the same disturbances.
        private func compare(
            _ one: @escaping @Sendable (Int) async throws -> Void, _ other: @escaping @Sendable (Int) async throws -> Void
        ) async throws -> (String, String) {
            let task = Task(executorPreference: loop) {
                var times: ([UInt32], [UInt32]) = ([], [])
                for number in 0..<2_000 {
                    let start = Deadline.now
                    try await one(number)
                    let middle = Deadline.now
                    try await other(number)
                    times.0.append(UInt32(clamping: middle.nanoseconds - start.nanoseconds))
                    times.1.append(UInt32(clamping: Deadline.now.nanoseconds - middle.nanoseconds))
                }
                return times
            }
            let times = try await task.value
            return (summary(times.0), summary(times.1))
        }

        private func summary(_ times: [UInt32]) -> String {
            let sorted = times.sorted()
            return "\(text(sorted[sorted.count / 2])) (\(text(sorted[sorted.count * 99 / 100])))"
        }

        private func text(_ nanoseconds: UInt32) -> String { "\(nanoseconds / 1_000)" }
    }
}
