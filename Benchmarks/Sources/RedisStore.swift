internal import BatonCore
internal import BatonIO
internal import BatonRedis
internal import BatonRedisClient
internal import Glibc

/// What sessions in Redis cost, on a server that holds nothing else.
///
/// `redis-store ADDRESS memory [SESSIONS EVENTS]` fills the server with the same conversations in this layout and in two others, and prints
/// the bytes of each for a session and an event. `redis-store ADDRESS append|get CALLERS COMMANDS` prints operations a second, p50 and
/// p99 in microseconds. `redis-store ADDRESS fence [COMMANDS]` prints the server's time, in microseconds, for a plain append, for one that
/// shows an epoch and expects a seq, and for acquiring a lease; the first two alternate, so that both meet the same moments.
/// `redis-store ADDRESS turns|crowd WORKERS COMMANDS` prints how many turns (a lease, an append, a release), or plain appends, a second the
/// workers do in one session, all at once. The server is emptied: do not point it at one that is needed.
enum RedisStoreBenchmark {
    static func run(_ arguments: [String]) async throws {
        let numbers = arguments.dropFirst(2).compactMap(Int.init)
        switch arguments.dropFirst().first {
        case "memory": try await memory(arguments[0], sessions: numbers.first ?? 2_000, events: numbers.dropFirst().first ?? 20)
        case "append":
            try await measure(arguments[0], callers: numbers.first ?? 1, operations: numbers.dropFirst().first ?? 20_000) { storage, key in
                _ = try await storage.append(EventBatch([event]), to: key)
            }
        case "get":
            try await measure(arguments[0], callers: numbers.first ?? 1, operations: numbers.dropFirst().first ?? 20_000) { storage, key in
                guard try await storage.session(key, SnapshotQuery(events: 50)).events.count == 50 else { throw StoreError.noEvent }
            }
        case "fence": try await LeaseBenchmark.fence(arguments[0], operations: numbers.first ?? 40_000)
        case "turns", "crowd":
            try await LeaseBenchmark.contend(
                arguments[0], workers: numbers.first ?? 64, operations: numbers.dropFirst().first ?? 6_400, takingTurns: arguments[1] == "turns")
        case "growth": try await RedisGrowth.run(arguments[0], numbers)
        case let mode? where RedisSessions.modes.contains(mode): try await RedisSessions.run(arguments[0], mode, numbers)
        default:
            let modes = (["memory", "append", "get", "fence", "turns", "crowd", "growth"] + RedisSessions.modes).joined(separator: "|")
            print("usage: BatonBenchmarks redis-store ADDRESS \(modes) [NUMBERS]")
            exit(64)
        }
    }

    // MARK: - Speed

    private static let keys = 1_000
    private static let text = String(repeating: "x", count: 440)
    private static let event = try! EventDraft(.message(text, role: "assistant", author: "agent"))

    private static func measure(
        _ address: String, callers: Int, operations: Int, _ operation: @escaping @Sendable (RedisStorage, SessionKey) async throws -> Void
    ) async throws {
        let loop = try EventLoop()
        let client = try RedisClient(RedisConfiguration(address), on: [loop])
        _ = try await client.send(RawCommand(["FLUSHALL"]))
        let storage = try await RedisStorage.open(on: client, RedisStorageConfiguration(policy: StorePolicy(maximumEvents: 200)))
        let sessions = try (0..<keys).map { try SessionKey(app: "bench", user: "user-\($0 % 100)", id: "session-\($0)") }
        let batch = EventBatch([EventDraft](repeating: event, count: 200), createsSession: true)
        for key in sessions { _ = try await storage.append(batch, to: key) }
        let start = Deadline.now
        let times = try await withThrowingTaskGroup(of: [UInt32].self) { group in
            for caller in 0..<callers {
                group.addTask(executorPreference: loop) {
                    var own: [UInt32] = []
                    for index in 0..<operations / callers {
                        let start = Deadline.now
                        try await operation(storage, sessions[(caller &* 7_919 &+ index &* 31) % keys])
                        own.append(UInt32(clamping: Deadline.now.nanoseconds - start.nanoseconds))
                    }
                    return own
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
        let wall = Deadline.now.nanoseconds - start.nanoseconds
        func percentile(_ part: Double) -> Double { Double(times[min(times.count - 1, Int(Double(times.count) * part))]) / 1_000 }
        print("\(Int64(times.count) * 1_000_000_000 / max(wall, 1)) \(percentile(0.5)) \(percentile(0.99))")
        await storage.close()
        await client.close()
        await loop.shutdown()
    }

    // MARK: - Memory

    /// One conversation: the same bytes for every layout.
    private struct Conversation {
        let key: SessionKey
        let state: [String: String]
        let events: [(id: String, body: String)]
    }

    private static func memory(_ address: String, sessions: Int, events: Int) async throws {
        let client = try RedisClient(address)
        let conversations = try (0..<sessions).map { number in
            Conversation(
                key: try SessionKey(app: "support", user: "user-\(number / 5)", id: Randomness.uuid7(at: SystemClock.now())),
                state: ["topic": "\"orders\"", "language": "\"en\"", "user_name": "\"Ada Lovelace \(number)\""],
                events: (0..<events).map { index in
                    let text = String(repeating: "the quick brown fox \(index) ", count: 10)
                    let role = index.isMultiple(of: 2) ? "user" : "assistant"
                    return (Randomness.uuid7(at: SystemClock.now()), #"{"author":"agent","role":"\#(role)","content":"\#(text)"}"#)
                })
        }
        let layouts: [(String, (RedisClient, Conversation) async throws -> Void)] = [
            ("this one, ids made by the store", { client, conversation in try await fill(client, conversation, withIDs: false) }),
            ("this one, ids of the authors", { client, conversation in try await fill(client, conversation, withIDs: true) }),
            ("meta string, hash and sorted set of events", indexedHash), ("a hash for each message", hashPerMessage),
        ]
        let payload = conversations.reduce(0) { $0 + $1.events.reduce(0) { $0 + $1.body.utf8.count } }
        print("\(sessions) sessions of \(events) events, \(payload / max(1, sessions * events)) bytes each")
        for (name, fill) in layouts {
            _ = try await client.send(RawCommand(["FLUSHALL"]))
            let empty = try await used(client)
            for conversation in conversations { try await fill(client, conversation) }
            // The log is bounded and belongs to no session.
            let logs = try await (0..<RedisStorageConfiguration.defaultShards).asyncSum { shard in
                try await client.send(RawCommand(["MEMORY", "USAGE", .string("baton:{\(shard)}:log"), "SAMPLES", "0"])).integer.map { Int($0) } ?? 0
            }
            let bytes = try await used(client) - empty - logs
            print(
                "\(name): \(bytes / sessions) bytes a session, of that \((bytes - payload) / sessions) above the bodies\(logs > 0 ? "; logs \(logs / 1024) KiB" : "")"
            )
        }
        await client.close()
    }

    private static func used(_ client: RedisClient) async throws -> Int {
        let info = try await client.send(RawCommand(["INFO", "memory"])).string ?? ""
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
        return line.flatMap { Int($0.dropFirst("used_memory:".count)) } ?? 0
    }

    private static func fill(_ client: RedisClient, _ conversation: Conversation, withIDs: Bool) async throws {
        let storage = try await RedisStorage.open(on: client)
        var delta = StateDelta()
        for (key, value) in conversation.state { try delta.add(key, .set(try JSON(parsing: value))) }
        _ = try await storage.create(SessionDraft(state: delta), at: conversation.key)
        for (id, body) in conversation.events {
            let members = String(body.dropFirst())
            let drafts = try EventDraft.batch(parsing: Array((withIDs ? #"{"id":"\#(id)",\#(members)"# : body).utf8))
            _ = try await storage.append(EventBatch(drafts), to: conversation.key)
        }
        await storage.close()
    }

    /// A string with the session and its state, a hash from id to event, a sorted set of ids by nanoseconds, a hash of a user's sessions.
    private static func indexedHash(_ client: RedisClient, _ conversation: Conversation) async throws {
        let key = conversation.key
        let name = "\(key.app):{\(key.user)}:\(key.id)"
        let state = conversation.state.map { "\"\($0)\":\"\($1)\"" }.joined(separator: ",")
        let time = "2026-11-21T08:15:30.123456789Z"
        let meta =
            #"{"id":"\#(key.id)","appName":"\#(key.app)","userID":"\#(key.user)","state":{\#(state)},"generation":"#
            + #""\#(key.id)","createdAt":"\#(time)","updatedAt":"\#(time)"}"#
        var commands: [any RedisCommand] = [
            command("SET", "hashidx:meta:\(name)", meta),
            command("HSET", "hashidx:sessidx:\(key.app):{\(key.user)}", key.id, #"{"createdAt":"\#(time)"}"#),
        ]
        for (index, event) in conversation.events.enumerated() {
            let document = #"{"id":"\#(event.id)","timestamp":"\#(time)","# + event.body.dropFirst()
            commands.append(command("HSET", "hashidx:evtdata:\(name)", event.id, document))
            commands.append(command("ZADD", "hashidx:evtidx:time:\(name)", "1795234530123456\(100 + index)", event.id))
        }
        for result in try await client.pipeline(commands) { _ = try result.get() }
    }

    /// A hash for the session, a sorted set of message ids, a counter, a hash for each message, a set of a user's sessions.
    private static func hashPerMessage(_ client: RedisClient, _ conversation: Conversation) async throws {
        let (key, time) = (conversation.key, "2026-11-21T08:15:30.123Z")
        let state = "{" + conversation.state.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
        var commands: [any RedisCommand] = [
            command(
                "HSET", "session:\(key.id)", "id", key.id, "userId", key.user, "status", "active", "metadata", state, "participants", "[]",
                "schemaVersion", "1", "createdAt", time, "lastActivityAt", time, "version", "21"),
            command("SADD", "user:\(key.user):sessions", key.id), command("SET", "session:\(key.id):seq", "\(conversation.events.count)"),
        ]
        for (index, event) in conversation.events.enumerated() {
            commands.append(command("ZADD", "session:\(key.id):messages", "\(index + 1)", event.id))
            commands.append(
                command(
                    "HSET", "message:\(event.id)", "id", event.id, "sessionId", key.id, "role", "user", "content", event.body, "contentType", "json",
                    "tokenCount", "60", "sequence", "\(index + 1)", "metadata", "{}", "createdAt", time))
        }
        for result in try await client.pipeline(commands) { _ = try result.get() }
    }

    private static func command(_ words: String...) -> RawCommand {
        RawCommand(words.map { .string($0) }, keys: [RedisKey(words[1])], retrySafety: .always)
    }
}

extension Range<Int> {
    fileprivate func asyncSum(_ value: (Int) async throws -> Int) async rethrows -> Int {
        var sum = 0
        for number in self { sum += try await value(number) }
        return sum
    }
}
