import BatonIO
import BatonTesting
import Glibc
import Synchronization
import Testing

@testable import BatonRedisClient

@Suite("Client on a server that misbehaves")
struct FaultTests {
    @Test("reads replies that arrive in pieces, late and out of step with the commands")
    func pieces() async throws {
        try await FakeRedis.with { request in
            switch request.words.last.flatMap(Int.init).map({ $0 % 3 }) {
            case 0?: .dribble(.text(request.words.last ?? ""))
            case 1?: .later(.milliseconds(3), .text(request.words.last ?? ""))
            default: .reply(.text(request.words.last ?? ""))
            }
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<300 {
                        group.addTask {
                            let reply = try await client.send(RawCommand(["ECHO", .init(number)]))
                            #expect(reply.integer == Int64(number))
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("fails callers of an unanswered command at their deadlines and nobody else, and keeps the connection")
    func deadlines() async throws {
        let isOver = Counter()
        try await FakeRedis.with { request in
            request.words.last == "slow" ? .once({ isOver.value > 0 }, .text("slow")) : .reply(.text(request.words.last ?? ""))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                try await client.send(PING())
                let slow = Task { try await client.send(RawCommand(["ECHO", "slow"]), deadline: .after(.seconds(2))) }
                try await eventually("the slow one was sent") { fake.requests.contains { $0.words.last == "slow" } }
                let arrived = Counter()
                let patient = Task {
                    let reply = try await client.send(RawCommand(["ECHO", "patient"]))
                    arrived.increment()
                    return reply
                }
                let error = await #expect(throws: RedisError.self) { try await slow.value }
                #expect(error?.code == .timeout)
                #expect(error?.wasSent == true)
                // The reply to the command behind it has to wait for the slow one; the caller of the slow one did not.
                #expect(arrived.value == 0)
                isOver.increment()
                let answer = try await patient.value
                #expect(answer.string == "patient")
                #expect(try await client.send(RawCommand(["ECHO", "next"])).string == "next")
                #expect(client.statistics.connects == 1)
                #expect(client.statistics.timeouts == 1)
            }
        }
    }

    @Test("says that nothing was sent, and why, when there is no server")
    func noServer() async throws {
        try await withClient("redis://127.0.0.1:1?timeout=2000") { client in
            let error = await #expect(throws: RedisError.self) { try await client.send(PING()) }
            #expect(error?.code == .connectionFailed)
            #expect(error?.wasSent == false)
            #expect(error?.message.contains("127.0.0.1:1") == true)
            #expect(client.statistics.failedConnects > 1)
        }
    }

    @Test(
        "repeats after a hang-up only what may be repeated",
        arguments: [
            (RetrySafety.always, true), (.ifNotSent, false), (.never, false),
        ])
    func hangUp(safety: RetrySafety, succeeds: Bool) async throws {
        let seen = Counter()
        try await FakeRedis.with { _ in
            seen.increment() == 1 ? .hangUp : .reply(.integer(1))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                let outcome = await Result { try await client.send(RawCommand(["INCR", "n"], retrySafety: safety)) }
                switch outcome {
                case .success: #expect(succeeds)
                case .failure(let error as RedisError):
                    #expect(!succeeds)
                    #expect(error.code == .connectionLost)
                    #expect(error.wasSent)
                case .failure(let error): Issue.record(error)
                }
                #expect(seen.value == (succeeds ? 2 : 1))
            }
        }
    }

    @Test(
        "repeats what the server says it did not run",
        arguments: ["LOADING x", "MASTERDOWN x", "NOREPLICAS x", "BUSY x", "TRYAGAIN x", "READONLY x", "CLUSTERDOWN x"])
    func transient(refusal: String) async throws {
        let seen = Counter()
        try await FakeRedis.with { _ in
            seen.increment() <= 3 ? .reply(.error(refusal)) : .reply(.integer(7))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                let value = try await client.send(INCRBY("n"))
                #expect(value == 7)
                #expect(seen.value == 4)
            }
        }
        let again = Counter()
        try await FakeRedis.with { _ in
            again.increment()
            return .reply(.error(refusal))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                let error = await #expect(throws: RedisError.self) { try await client.send(RawCommand(["INCR", "n"])) }
                #expect(error?.server?.word == refusal.split(separator: " ").first.map(String.init))
                #expect(again.value == 1)
                let late = await #expect(throws: RedisError.self) { try await client.send(INCRBY("n"), deadline: .after(.milliseconds(60))) }
                #expect(late != nil)
            }
        }
    }

    @Test("does not repeat a refusal that is for good", arguments: ["WRONGTYPE x", "ERR x", "NOPERM x", "OOM x", "MISCONF x", "NOAUTH x"])
    func permanent(refusal: String) async throws {
        let seen = Counter()
        try await FakeRedis.with { _ in
            seen.increment()
            return .reply(.error(refusal))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                await #expect(throws: RedisError.self) { try await client.send(GET("k")) }
                #expect(seen.value == 1)
            }
        }
    }

    @Test(
        "closes a connection whose stream has no meaning, and goes on with another",
        arguments: [
            "garbage\r\n", "$99999999999\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "+a\r\n+b\r\n",
            ":12a\r\n",
        ])
    func garbage(bytes: String) async throws {
        let seen = Counter()
        try await FakeRedis.with { _ in
            seen.increment() == 1 ? .send(Array(bytes.utf8)) : .reply(.simple("fine"))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                let first = try? await client.send(RawCommand(["A"]))
                #expect(first == nil || first?.string == "a")
                try await eventually("it is connected anew") { try await client.send(RawCommand(["B"], retrySafety: .always)).string == "fine" }
                try await eventually("the first connection is closed") { fake.connections == 2 && fake.openConnections == 1 }
            }
        }
    }

    @Test("takes half an end for an end")
    func halfClose() async throws {
        let seen = Counter()
        try await FakeRedis.with { _ in
            seen.increment() == 1 ? .halfClose : .reply(.integer(1))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                _ = try await client.send(GET("k").forgettingType)
                try await eventually("the first connection is closed") { fake.connections == 2 && fake.openConnections == 1 }
            }
        }
    }

    @Test("gives up a connection that owes replies and stays silent")
    func silence() async throws {
        let seen = Counter()
        try await FakeRedis.with { _ in
            seen.increment() == 1 ? .nothing : .reply(.integer(1))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)", configure: { $0.silenceLimit = .milliseconds(500) }) { client in
                _ = try await client.send(RawCommand(["A"], retrySafety: .always))
                #expect(client.statistics.lostConnections >= 1)
            }
        }
    }

    @Test("gives up a connection whose bytes are not taken, long before silence would tell")
    func path() async throws {
        let value = RedisArgument.bytes([UInt8](repeating: 0x78, count: 1 << 20))
        try await FakeRedis.with { request in
            if request.connection > 1 { return .reply(.integer(1)) }
            return request.name == "STOP" ? .stopReading : .nothing
        } _: { fake in
            try await withClient(
                "redis://127.0.0.1:\(fake.port)?timeout=60000",
                configure: {
                    $0.silenceLimit = .seconds(60)
                    $0.pathTimeout = .milliseconds(300)
                }
            ) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await client.send(RawCommand(["STOP"], retrySafety: .always)) }
                    // More than the kernels of both sides hold between them.
                    for _ in 0..<24 { group.addTask { _ = try await client.send(RawCommand(["A", value], retrySafety: .always)) } }
                    try await group.waitForAll()
                }
                #expect(client.statistics.lostConnections == 1)
                #expect(fake.connections == 2)
            }
        }
    }

    @Test("asks an idle connection for a sign of life, and replaces it when there is none")
    func keepAlive() async throws {
        let pings = Counter()
        try await FakeRedis.with { request in
            guard request.name == "PING" else { return .reply(.integer(1)) }
            return pings.increment() <= 3 ? .reply(.simple("PONG")) : .nothing
        } _: { fake in
            try await withClient(
                "redis://127.0.0.1:\(fake.port)",
                configure: {
                    $0.keepAliveInterval = .milliseconds(40)
                    $0.silenceLimit = .seconds(3)
                }
            ) { client in
                _ = try await client.send("GET", "k")
                try await eventually("it was found to be gone") { client.statistics.lostConnections >= 1 }
                #expect(pings.value >= 4)
                _ = try await client.send("GET", "k")
                #expect(fake.connections >= 2)
            }
        }
    }

    @Test("refuses more than may wait instead of growing")
    func bounds() async throws {
        try await FakeRedis.with { _ in
            .nothing
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)?timeout=3000", configure: { $0.maximumQueuedCommands = 10 }) { client in
                let codes = await withTaskGroup(of: RedisError.Code?.self) { group in
                    for _ in 0..<25 {
                        group.addTask {
                            do throws(RedisError) { _ = try await client.send("A") } catch { return error.code }
                            return nil
                        }
                    }
                    return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
                }
                #expect(codes == [.queueFull: 15, .timeout: 10])
                #expect(client.statistics.refused == 15)
            }
        }
    }

    @Test("waits for what is under way when it is closed, and refuses what comes later")
    func drain() async throws {
        try await FakeRedis.with { request in
            request.name == "SLOW" ? .later(.milliseconds(100), .integer(1)) : .nothing
        } _: { fake in
            let client = try RedisClient(.patient("redis://127.0.0.1:\(fake.port)"))
            async let slow = client.send("SLOW")
            try await eventually("it was sent") { fake.requests.contains { $0.name == "SLOW" } }
            await client.close(drainingFor: .seconds(60))
            #expect(try await slow.integer == 1)
            let late = await #expect(throws: RedisError.self) { try await client.send("SLOW") }
            #expect(late?.code == .closed)
            #expect(late?.wasSent == false)

            let second = try RedisClient(.patient("redis://127.0.0.1:\(fake.port)"))
            async let lost = Self.failure(of: second)
            try await eventually("it was sent") { fake.requests.contains { $0.name == "LOST" } }
            await second.close(drainingFor: .milliseconds(50))
            #expect(await lost?.code == .closed)
            #expect(await lost?.wasSent == true)
        }
    }

    private static func failure(of client: RedisClient) async -> RedisError? {
        do throws(RedisError) {
            _ = try await client.send("LOST")
            return nil
        } catch {
            return error
        }
    }

    @Test("looks for the primary once when many callers learn that a server is none")
    func manyReadOnly() async throws {
        try await FakeRedis.with { request in
            request.connection == 1 ? .reply(.error("READONLY You can't write against a read only replica.")) : .reply(.integer(1))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<64 { group.addTask { _ = try await client.send(SET("k", "v")) } }
                    try await group.waitForAll()
                }
                #expect(fake.connections == 2)
            }
        }
    }

    @Test("does not blame a connection for a refusal that its predecessor gave")
    func lateReadOnly() async throws {
        let isDemoted = Counter()
        try await FakeRedis.with { request in
            guard request.connection == 1 else { return .reply(.simple("OK")) }
            return .once({ isDemoted.value > 0 }, .error("READONLY You can't write against a read only replica."))
        } _: { fake in
            let loop = try EventLoop()
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                let executor = HeldExecutor(on: loop)
                let late = Task(executorPreference: executor) { try await client.send(SET("late", "v")) }
                try await eventually("it was sent") { fake.requests.contains { $0.words.contains("late") } }
                executor.hold()
                let prompt = Task { try await client.send(SET("prompt", "v")) }
                try await eventually("the other was sent") { fake.requests.contains { $0.words.contains("prompt") } }
                isDemoted.increment()
                // Both are refused. One caller hears of it at once and finds the new primary; the other only when that serves already.
                #expect(try await prompt.value)
                #expect(executor.count == 1)
                #expect(fake.connections == 2)
                executor.release()
                #expect(try await late.value)
                #expect(fake.connections == 2)
                #expect(client.statistics.lostConnections == 1)
            }
            await loop.shutdown()
        }
    }

    @Test("leaves nothing behind when it is let go of without being closed")
    func letGo() async throws {
        try await FakeRedis.with { _ in
            .reply(.integer(1))
        } _: { fake in
            var client: RedisClient? = try RedisClient(.patient("redis://127.0.0.1:\(fake.port)"))
            _ = try await client?.send("GET", "k")
            _ = try await client?.send(RawCommand(["GET", "k"], blocks: .seconds(1)))
            #expect(fake.openConnections == 2)
            client = nil
            try await eventually("its connections are closed") { fake.openConnections == 0 }
        }
    }

    @Test("names the cluster when a single server turns out to be part of one")
    func redirected() async throws {
        try await FakeRedis.with { _ in
            .reply(.error("MOVED 5 127.0.0.1:7001"))
        } _: { fake in
            try await withClient("redis://127.0.0.1:\(fake.port)") { client in
                let error = await #expect(throws: RedisError.self) { try await client.send(GET("k")) }
                #expect(error?.message.contains("redis+cluster://") == true)
            }
        }
    }

    @Test("takes the first of several servers that is a primary")
    func candidates() async throws {
        try await RedisServer.with { primary in
            try await RedisServer.with(["--replicaof", "127.0.0.1 \(primary.port)"]) { replica in
                try await withClient("127.0.0.1:1,127.0.0.1:\(replica.port),127.0.0.1:\(primary.port)") { client in
                    _ = try await client.send(SET("k", "v"))
                    #expect(try await client.send(ROLE()) == .primary)
                }
            }
        }
    }

    @Test("never gives a reply to the wrong caller through cancellations, timeouts and hang-ups")
    func rightCaller() async throws {
        // Every reply carries the number of its request. The server answers late now and then, and hangs up every 5,000 commands.
        // BATON_REDIS_COMMANDS makes the run longer.
        let total = getenv("BATON_REDIS_COMMANDS").flatMap { Int(String(cString: $0)) } ?? 60_000
        let served = Counter()
        try await FakeRedis.with { request in
            let count = served.increment()
            if count.isMultiple(of: 5_000) { return .hangUp }
            let value = Value.text(request.words.last ?? "")
            return count.isMultiple(of: 97) ? .later(.milliseconds(3), value) : .reply(value)
        } _: { fake in
            let loop = try EventLoop()
            try await withClient("redis://127.0.0.1:\(fake.port)", on: [loop]) { client in
                let answered = Counter()
                let failed = Counter()
                await withTaskGroup(of: Void.self) { group in
                    for caller in 0..<64 {
                        let body: @Sendable () async -> Void = {
                            var random = SeededGenerator(seed: UInt64(caller))
                            for round in 0..<total / 64 {
                                let number = caller * total + round
                                let command = RawCommand(["ECHO", .init(number)])
                                let outcome: Result<RedisReply, RedisError>
                                switch Int.random(in: 0..<10, using: &random) {
                                case 0:
                                    outcome = await Self.result(client, command, .after(.microseconds(Int.random(in: 0..<2_000, using: &random))))
                                case 1:
                                    let task = Task(executorPreference: caller.isMultiple(of: 2) ? loop : nil) {
                                        await Self.result(client, command, .after(.seconds(60)))
                                    }
                                    if Bool.random(using: &random) { await Task.yield() }
                                    task.cancel()
                                    outcome = await task.value
                                default: outcome = await Self.result(client, command, .after(.seconds(60)))
                                }
                                switch outcome {
                                case .success(let reply):
                                    answered.increment()
                                    #expect(reply.integer == Int64(number))
                                case .failure: failed.increment()
                                }
                            }
                        }
                        group.addTask(executorPreference: caller.isMultiple(of: 2) ? loop : nil, operation: { await body() })
                    }
                }
                #expect(answered.value + failed.value == total / 64 * 64)
                #expect(answered.value > total / 2)
                #expect(client.statistics.queued == 0)
            }
            await loop.shutdown()
        }
    }

    static func result(_ client: RedisClient, _ command: RawCommand, _ deadline: Deadline) async -> Result<RedisReply, RedisError> {
        do throws(RedisError) { return .success(try await client.send(command, deadline: deadline)) } catch { return .failure(error) }
    }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

extension GET {
    /// The same read with its reply as it came.
    var forgettingType: RawCommand { RawCommand(["GET"] + keys.map { RedisArgument($0) }, isReadOnly: true, retrySafety: .always) }
}
