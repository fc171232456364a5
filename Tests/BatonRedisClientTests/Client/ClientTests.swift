import BatonIO
import BatonTelemetry
import BatonTesting
import Testing

@testable import BatonRedisClient

extension RedisConfiguration {
    /// The configuration of an address with limits that a machine busy with other tests does not reach; those that the address names stay.
    static func patient(_ address: String) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(address)
        let usual = RedisConfiguration()
        if configuration.commandTimeout == usual.commandTimeout { configuration.commandTimeout = .seconds(60) }
        if configuration.connectTimeout == usual.connectTimeout { configuration.connectTimeout = .seconds(30) }
        configuration.silenceLimit = .seconds(60)
        return configuration
    }
}

/// Makes a client, closes it whatever happens.
@discardableResult
func withClient<Value>(
    _ address: String, on loops: [EventLoop] = [], configure change: (inout RedisConfiguration) -> Void = { _ in },
    _ body: (RedisClient) async throws -> Value
) async throws -> Value {
    var configuration = try RedisConfiguration.patient(address)
    change(&configuration)
    let client = try RedisClient(configuration, on: loops)
    do {
        let value = try await body(client)
        await client.close(drainingFor: .milliseconds(200))
        return value
    } catch {
        await client.close(drainingFor: .milliseconds(200))
        throw error
    }
}

@Suite("Client on a server")
struct ClientTests {
    @Test("runs the commands of every kind", arguments: [2, 3])
    func commands(version: Int) async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)?protocol=\(version)&name=tests") { client in
                let wasSet = try await client.send(SET("s", "v"))
                #expect(wasSet)
                #expect(try await !client.send(SET("s", "w", if: .absent)))
                #expect(try await client.send(GET("s")) == Array("v".utf8))
                #expect(try await client.send(GET("none")) == nil)
                #expect(try await client.send(MGET(["s", "none"])) == [Array("v".utf8), nil])
                #expect(try await client.send(INCRBY("n", 5)) == 5)
                #expect(try await client.send(PEXPIRE("n", after: .seconds(100))))
                #expect(try await client.send(PTTL("n")) > 90_000)
                #expect(try await client.send(TYPE("n")) == "string")
                #expect(try await client.send(RPUSH("l", ["a", "b", 3])) == 3)
                #expect(try await client.send(LRANGE("l", from: 1, through: -1)).map { String(decoding: $0, as: UTF8.self) } == ["b", "3"])
                #expect(try await client.send(HSET("h", [("f", "v"), ("g", 2)])) == 2)
                #expect(try await client.send(HGETALL("h"))["g"].map(Array.init) == Array("2".utf8))
                #expect(try await client.send(HMGET("h", ["f", "x"])) == [Array("v".utf8), nil])
                #expect(try await client.send(HINCRBY("h", "g", by: 3)) == 5)
                #expect(try await client.send(SADD("set", ["a", "b"])) == 2)
                #expect(try await client.send(SISMEMBER("set", "a")))
                #expect(try await client.send(SMEMBERS("set")).count == 2)
                #expect(try await client.send(ZADD("z", [(1, "a"), (2.5, "b"), (3, "c")])) == 3)
                #expect(try await client.send(ZRANGE("z", from: 0, through: 0, descending: true)).map(\.score) == [3])
                #expect(
                    try await client.send(ZRANGEBYSCORE("z", from: .excluding(1), to: .highest, limit: 1)).map { Array($0.member) } == [
                        Array("b".utf8)
                    ])
                #expect(try await client.send(ZSCORE("z", "b")) == 2.5)
                #expect(try await client.send(ZSCORE("z", "x")) == nil)
                #expect(try await client.send(ROLE()) == .primary)
                #expect(try await client.send(INFO("server"))["redis_version"] != nil)
                #expect(try await client.send(TIME()) > 1_700_000_000_000_000)
                #expect(try await client.send("CLIENT", "GETNAME").string == "tests")
                #expect(try await client.send(DEL(["s", "n", "none"])) == 2)
                let error = await #expect(throws: RedisError.self) { try await client.send(GET("h")) }
                #expect(error?.server?.kind == .wrongType)
                #expect(error?.wasSent == true)
            }
        }
    }

    @Test("reads streams and groups with all their oddities", arguments: [2, 3])
    func streams(version: Int) async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)?protocol=\(version)") { client in
                for index in 1...5 { _ = try await client.send(XADD("x", [("n", .init(index))], id: .explicit(StreamID(UInt64(index), 0)))) }
                #expect(try await client.send(XADD("none", [("a", "b")], mustExist: true)) == nil)
                #expect(try await client.send(XLEN("x")) == 5)
                #expect(try await client.send(XRANGE("x", from: .excluding(StreamID(2, 0)), count: 2)).map(\.id.milliseconds) == [3, 4])
                #expect(try await client.send(XRANGE("x", count: 1, descending: true)).map(\.id.milliseconds) == [5])
                #expect(try await client.send(XINFOSTREAM("x")).lastID == StreamID(5, 0))
                try await client.send(XGROUPCREATE("x", group: "g", from: .after(.zero)))
                let busy = await #expect(throws: RedisError.self) { try await client.send(XGROUPCREATE("x", group: "g", from: .end)) }
                #expect(busy?.server?.kind == .busyGroup)

                let read = try await client.send(XREADGROUP(group: "g", consumer: "c", [("x", .new)], count: 3))
                #expect(read["x"]?.map(\.id.milliseconds) == [1, 2, 3])
                #expect(try await client.send(XACK("x", group: "g", [StreamID(1, 0)])) == 1)
                #expect(try await client.send(XDEL("x", [StreamID(2, 0)])) == 1)
                // An entry that is gone is still pending, without a body.
                let history = try await client.send(XREADGROUP(group: "g", consumer: "c", [("x", .pending(after: .zero))]))
                #expect(history["x"]?.map { $0.fields == nil } == [true, false])
                #expect(try await client.send(XPENDING("x", group: "g", count: 10)).map(\.id.milliseconds) == [2, 3])
                let claimed = try await client.send(XAUTOCLAIM("x", group: "g", consumer: "d", idleFor: .zero))
                #expect(claimed.deleted == [StreamID(2, 0)])
                #expect(claimed.entries.map(\.id.milliseconds) == [3])
                #expect(try await client.send(XCLAIM("x", group: "g", consumer: "c", idleFor: .zero, [StreamID(3, 0)])).map(\.id.milliseconds) == [3])
                #expect(try await client.send(XREAD([("x", .after(StreamID(4, 0)))]))["x"]?.map(\.id.milliseconds) == [5])
                #expect(try await client.send(XREAD([("x", .after(StreamID(5, 0)))])).isEmpty)
                let missing = await #expect(throws: RedisError.self) { try await client.send(XREADGROUP(group: "no", consumer: "c", [("x", .new)])) }
                #expect(missing?.server?.kind == .noGroup)
                #expect(try await client.send(XGROUPDESTROY("x", group: "g")))
                #expect(try await client.send(XTRIM("x", keeping: .newest(1))) == 3)
            }
        }
    }

    @Test("waits on the server without holding up anybody else, and is woken")
    func blocking() async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)") { client in
                async let waiting = client.send(XREAD([("x", .after(.zero))], waiting: .seconds(60)))
                try await eventually("the reader waits") { try await client.send(INFO("clients"))["blocked_clients"] == "1" }
                for _ in 0..<10 { try await client.send(PING()) }
                _ = try await client.send(XADD("x", [("f", "v")]))
                #expect(try await waiting["x"]?.map { $0.fields?.count } == [1])
                // Nothing in time is an empty answer, not an error.
                #expect(try await client.send(XREAD([("y", .after(.zero))], waiting: .milliseconds(20))).isEmpty)
                #expect(client.statistics.dedicatedConnections == 1)
            }
        }
    }

    @Test("ends a wait on the server when its caller is cancelled")
    func cancelledWait() async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)") { client in
                let reader = Task { try await client.send(XREAD([("x", .after(.zero))], waiting: .seconds(60))) }
                try await eventually("the reader waits") { try await client.send(INFO("clients"))["blocked_clients"] == "1" }
                reader.cancel()
                let error = await #expect(throws: RedisError.self) { try await reader.value }
                #expect(error?.code == .cancelled)
                try await eventually("the server has let go") { try await client.send(INFO("clients"))["blocked_clients"] == "0" }
                #expect(client.statistics.dedicatedConnections == 0)
            }
        }
    }

    @Test("runs scripts by digest and sends the source when it has to")
    func scripts() async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)") { client in
                let script = RedisScript("redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('LLEN', KEYS[1])")
                #expect(try await client.send(EVALSHA(script, keys: ["l"], arguments: ["a"])).integer == 1)
                #expect(try await client.send(EVALSHA(script, keys: ["l"], arguments: ["b"])).integer == 2)
                _ = try await client.send("SCRIPT", "FLUSH")
                #expect(try await client.send(EVALSHA(script, keys: ["l"], arguments: ["c"])).integer == 3)
                _ = try await client.send("SCRIPT", "FLUSH")
                let (first, length, second) = try await client.pipeline(
                    EVALSHA(script, keys: ["l"], arguments: ["d"]), XLEN("none"), EVALSHA(script, keys: ["l"], arguments: ["e"]))
                #expect(try first.get().integer == 4)
                #expect(try length.get() == 0)
                #expect(try second.get().integer == 5)
                _ = try await client.send("SCRIPT", "FLUSH")
                // Known to this client, not to the server any more: nothing after it ran, so both are repeated.
                let (third, fourth) = try await client.pipeline(
                    EVALSHA(script, keys: ["l"], arguments: ["f"]), EVALSHA(script, keys: ["l"], arguments: ["g"]))
                #expect(try third.get().integer == 6)
                #expect(try fourth.get().integer == 7)
                #expect(
                    try await client.send(LRANGE("l", from: 0, through: -1)).map { String(decoding: $0, as: UTF8.self) } == [
                        "a", "b", "c", "d", "e", "f", "g",
                    ])
                let failing = RedisScript("return redis.error_reply('MINE it is')")
                let error = await #expect(throws: RedisError.self) { try await client.send(EVALSHA(failing, keys: [])) }
                #expect(error?.server?.word == "MINE")
            }
        }
    }

    @Test("answers a pipeline command by command")
    func pipelines() async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)") { client in
                let (set, wrong, number) = try await client.pipeline(SET("k", "v"), HLEN("k"), INCRBY("n"))
                #expect(try set.get())
                #expect(throws: RedisError.self) { try wrong.get() }
                #expect(try number.get() == 1)
                let many = try await client.pipeline((0..<500).map { INCRBY("m", Int64($0)) })
                #expect(many.count == 500)
                #expect(try many.last?.get().integer == (0..<500).reduce(0, +))
                #expect(try await client.pipeline([]).isEmpty)
                let (added, replicas) = try await client.pipeline(XADD("x", [("a", "b")]), WAIT(replicas: 1, timeout: .milliseconds(10)))
                #expect(try added.get() != nil)
                #expect(try replicas.get() == 0)
            }
        }
    }

    @Test("runs transactions whole or not at all")
    func transactions() async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)") { client in
                let (number, length) = try await client.transaction(INCRBY("n", 2), RPUSH("l", ["a"]))
                #expect(try number.get() == 2)
                #expect(try length.get() == 1)
                // A command that fails while the transaction runs does not undo the others.
                let (wrong, right) = try await client.transaction(HLEN("n"), INCRBY("n"))
                #expect(throws: RedisError.self) { try wrong.get() }
                #expect(try right.get() == 3)
                // A command that is refused when it is queued undoes all.
                let refused = await #expect(throws: RedisError.self) { try await client.transaction(INCRBY("n"), RawCommand(["NOSUCH"])) }
                #expect(refused?.server?.kind == .execAbort)
                #expect(try await client.send(GET("n")) == Array("3".utf8))
                // A watched key that changes meanwhile undoes all.
                let aborted = await #expect(throws: RedisError.self) {
                    try await client.withConnection { connection in
                        try await connection.watch(["n"])
                        _ = try await client.send(INCRBY("n"))
                        _ = try await connection.transaction(INCRBY("n", 100))
                    }
                }
                #expect(aborted?.code == .transactionAborted)
                #expect(try await client.send(GET("n")) == Array("4".utf8))
                try await client.withConnection { connection in
                    try await connection.watch(["n"])
                    let (result) = try await connection.transaction(INCRBY("n", 100))
                    #expect(try result.get() == 104)
                }
            }
        }
    }

    @Test("logs in, and says at once when it cannot")
    func logins() async throws {
        try await RedisServer.with(["--requirepass", "hunter2", "--user", "app", "on", ">secret", "~app:*", "+@all", "-config"]) { server in
            for address in ["redis://:hunter2@127.0.0.1:\(server.port)", "127.0.0.1:\(server.port),password=hunter2"] {
                try await withClient(address) { client in try await client.send(PING()) }
                try await withClient(address, configure: { $0.protocolVersion = 2 }) { client in try await client.send(PING()) }
            }
            try await withClient("redis://app:secret@127.0.0.1:\(server.port)") { client in
                _ = try await client.send(SET("app:1", "v"))
                let error = await #expect(throws: RedisError.self) { try await client.send(SET("other", "v")) }
                #expect(error?.server?.kind == .noPermission)
            }
            for wrong in [
                "redis://:nope@127.0.0.1:\(server.port)", "redis://127.0.0.1:\(server.port)?db=1",
                "redis://app:nope@127.0.0.1:\(server.port)?protocol=2",
            ] {
                try await withClient(wrong) { client in
                    let clock = ContinuousClock()
                    let start = clock.now
                    let errors = await withTaskGroup(of: RedisError?.self) { group in
                        for _ in 0..<8 {
                            group.addTask {
                                do throws(RedisError) { try await client.send(PING()) } catch { return error }
                                return nil
                            }
                        }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(errors.allSatisfy { $0?.code == .authentication })
                    // At once, and not at the deadline of a minute.
                    #expect(clock.now - start < .seconds(30))
                }
            }
        }
    }

    @Test("refuses a database there is none of, at once")
    func wrongDatabase() async throws {
        try await RedisServer.with { server in
            try await withClient("redis://127.0.0.1:\(server.port)/3") { client in
                _ = try await client.send(SET("k", "v"))
                #expect(try await server.cli("-n", "3", "GET", "k") == "v")
            }
            try await withClient("redis://127.0.0.1:\(server.port)/99") { client in
                let error = await #expect(throws: RedisError.self) { try await client.send(PING()) }
                #expect(error?.isPermanent == true)
            }
        }
    }

    @Test("talks over a Unix socket")
    func unixSocket() async throws {
        try await RedisServer.with { server in
            try await withClient("redis+unix://\(server.socketPath)?db=2") { client in
                _ = try await client.send(SET("k", "v"))
                #expect(try await server.cli("-n", "2", "GET", "k") == "v")
            }
        }
    }

    @Test("talks over TLS, showing a certificate when asked, and refuses servers it cannot trust")
    func tls() async throws {
        let certificates = try await TestCertificates()
        try await RedisServer.with(certificates: certificates) { server in
            try await withClient("rediss://localhost:\(server.port)?tls_ca=\(certificates.authority)") { client in
                _ = try await client.send(SET("k", .bytes(Array(repeating: 7, count: 200_000))))
                #expect(try await client.send(GET("k"))?.count == 200_000)
            }
            for wrong in ["tls_ca=\(certificates.otherAuthority)", "tls_ca=\(certificates.authority)&tls_name=example.org", "tls_ca=/none.pem"] {
                try await withClient("rediss://localhost:\(server.port)?\(wrong)") { client in
                    let error = await #expect(throws: RedisError.self) { try await client.send(PING()) }
                    #expect(error?.code == .tls, "\(wrong)")
                }
            }
        }
        try await RedisServer.with(["--tls-auth-clients", "yes"], certificates: certificates) { server in
            let address = "rediss://127.0.0.1:\(server.port)?tls_ca=\(certificates.authority)"
            try await withClient(address + "&tls_cert=\(certificates.client.certificate)&tls_key=\(certificates.client.key)") { client in
                try await client.send(PING())
            }
            try await withClient(address, configure: { $0.commandTimeout = .seconds(3) }) { client in
                await #expect(throws: RedisError.self) { try await client.send(PING()) }
            }
        }
        await certificates.remove()
    }

    @Test("asks for a new login before the old one ends, on the connection there is")
    func reauthentication() async throws {
        try await RedisServer.with(["--requirepass", "hunter2"]) { server in
            let asked = Counter()
            try await withClient(
                "redis://127.0.0.1:\(server.port)",
                configure: {
                    $0.credentials = .provider {
                        asked.increment()
                        return RedisLogin(password: "hunter2", validFor: .milliseconds(200))
                    }
                }
            ) { client in
                try await client.send(PING())
                try await eventually("it was asked again") { asked.value >= 4 }
                try await client.send(PING())
                #expect(client.statistics.connects == 1)
                #expect(try await client.send(INFO("commandstats"))["cmdstat_auth"] != nil)
            }
        }
    }

    @Test("reads the password file anew for every connection")
    func passwordFile() async throws {
        try await RedisServer.with(["--requirepass", "first"]) { server in
            let path = server.directory + "/password"
            _ = try await ChildProcess.run("sh", ["-c", "echo first > \(path)"])
            try await withClient("redis://127.0.0.1:\(server.port)?password_file=\(path)") { client in
                try await client.send(PING())
                _ = try await client.send("CONFIG", "SET", "requirepass", "second")
                _ = try await ChildProcess.run("sh", ["-c", "echo default:second > \(path)"])
                _ = try await server.cli("-a", "second", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                try await client.send(PING())
                #expect(client.statistics.connects == 2)
            }
            try await withClient("redis://127.0.0.1:\(server.port)?password_file=/none") { client in
                let error = await #expect(throws: RedisError.self) { try await client.send(PING()) }
                #expect(error?.code == .authentication)
            }
        }
    }

    @Test("serves callers on its loop and elsewhere, on one connection")
    func callers() async throws {
        try await RedisServer.with { server in
            let loop = try EventLoop()
            try await withClient("redis://127.0.0.1:\(server.port)", on: [loop]) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<32 {
                        let body: @Sendable () async throws -> Void = {
                            for round in 0..<50 {
                                let value = "\(caller):\(round)"
                                let reply = try await client.send(RawCommand(["ECHO", .string(value)]))
                                #expect(reply.string == value)
                            }
                        }
                        if caller.isMultiple(of: 2) {
                            group.addTask(executorPreference: loop) { try await body() }
                        } else {
                            group.addTask { try await body() }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(client.statistics.connects == 1)
                #expect(client.statistics.writes < 1_600)
            }
            await loop.shutdown()
        }
    }

    @Test("tells its observer what began and how it ended")
    func observer() async throws {
        final class Recorder: RedisObserver {
            let events = Log()
            func commandBegan(_ name: StaticString) -> (RedisError?) -> Void {
                events.append("+\(name)")
                return { [events] error in events.append("-\(name)\(error.map { " \($0.code.rawValue)" } ?? "")") }
            }
        }
        try await RedisServer.with { server in
            let recorder = Recorder()
            let client = try RedisClient(.patient("redis://127.0.0.1:\(server.port)"), observer: recorder)
            try await client.send(PING())
            _ = try await client.send(SET("k", "v"))
            _ = try? await client.send(HLEN("k"))
            _ = try await client.pipeline(GET("k"), GET("k"))
            await client.close()
            #expect(recorder.events.lines == ["+PING", "-PING", "+SET", "-SET", "+HLEN", "-HLEN server", "+PIPELINE", "-PIPELINE"])
        }
    }

    @Test("keeps its latencies, errors and counts in a registry of metrics")
    func metrics() async throws {
        try await RedisServer.with { server in
            let registry = Metrics()
            let metrics = RedisMetrics(registry)
            let client = try RedisClient(.patient("redis://127.0.0.1:\(server.port)"), observer: metrics)
            metrics.observe(client)
            _ = try await client.send(SET("k", "v"))
            _ = try await client.send(SET("k", "w"))
            _ = try? await client.send(HLEN("k"))
            let text = String(decoding: registry.exposition(), as: UTF8.self)
            #expect(text.contains("redis_client_command_seconds_count{command=\"SET\"} 2"))
            #expect(text.contains("redis_client_command_errors_total{command=\"HLEN\",reason=\"WRONGTYPE\"} 1"))
            #expect(text.contains("redis_client_connects_total 1"))
            #expect(text.contains("redis_client_queued_commands 0"))
            await client.close()
        }
    }
}
