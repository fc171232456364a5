internal import BatonCore
internal import BatonIO
internal import BatonRedis
internal import BatonRedisClient
internal import Glibc

/// What topics in Redis do in a second, against plain clients on the same server in the same run.
///
/// `redis-topics PORT publish [CALLERS EVENTS]` publishes events of 500 bytes from so many callers, and lets redis-benchmark do as many XADDs from as
/// many clients; prints both rates and their ratio. `redis-topics PORT consume [EVENTS PYTHON]` receives and acknowledges in batches of 32, and
/// lets redis-py (of the Python that is named, with hiredis) do XREADGROUP and XACK of 32. Servers on the loopback interface alone; what is under the
/// prefix `bench` there is overwritten.
enum RedisTopicsBenchmark {
    private static let text = String(repeating: "x", count: 498)

    static func run(_ arguments: [String]) async throws {
        guard arguments.count >= 2, let port = Int(arguments[0]) else { usage() }
        let numbers = arguments.dropFirst(2).compactMap(Int.init)
        switch arguments[1] {
        case "publish": try await publish(port, callers: numbers.first ?? 64, events: numbers.dropFirst().first ?? 200_000)
        case "consume": try await consume(port, events: numbers.first ?? 100_000, python: arguments.dropFirst(3).first ?? "python3")
        default: usage()
        }
    }

    private static func usage() -> Never {
        print("usage: BatonBenchmarks redis-topics PORT publish|consume [NUMBERS] [PYTHON]")
        exit(64)
    }

    private static func withStorage(_ port: Int, _ body: (RedisStorage, EventLoop) async throws -> Void) async throws {
        let loop = try EventLoop()
        let client = try RedisClient(RedisConfiguration("redis://127.0.0.1:\(port)"), on: [loop])
        let storage = try await RedisStorage.open(on: client, RedisStorageConfiguration(prefix: "bench"))
        _ = try await storage.deleteTopic("t")
        try await body(storage, loop)
        _ = try await storage.deleteTopic("t")
        await storage.close()
        await client.close()
        await loop.shutdown()
    }

    private static func rate(_ count: Int, since start: Deadline) -> Double {
        Double(count) * 1e9 / Double(max(1, Deadline.now.nanoseconds - start.nanoseconds))
    }

    private static func show(_ name: String, _ own: Double, _ other: Double) {
        func rounded(_ value: Double, _ places: Double) -> Double { (value * places).rounded() / places }
        print("\(name): \(Int(own)) a second, the other \(Int(other)), ratio \(rounded(own / max(1, other), 100))")
    }

    private static func publish(_ port: Int, callers: Int, events: Int) async throws {
        let batch = TopicBatch([TopicEventDraft(type: "bench", data: JSON(string: text))])
        for _ in 0..<3 {
            try await withStorage(port) { storage, loop in
                let unlimited = TopicRetention(maximumEvents: nil, maximumBytes: nil, maximumAge: nil, policy: .safe)
                _ = try await storage.retain(unlimited, in: "t")
                let start = Deadline.now
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<callers {
                        group.addTask(executorPreference: loop) {
                            for _ in 0..<events / callers { _ = try await storage.publish(batch, to: "t") }
                        }
                    }
                    try await group.waitForAll()
                }
                let own = rate(events / callers * callers, since: start)
                let fields = ["XADD", "bench:plain", "*", "type", "bench", "data", text]
                let other = try output(
                    "redis-benchmark", ["-p", "\(port)", "-c", "\(callers)", "-n", "\(events)", "--csv"] + fields)
                _ = try output("redis-cli", ["-p", "\(port)", "UNLINK", "bench:plain"])
                // The last line: "command","requests a second",…
                let line = other.split(separator: "\n").last.map { $0.split(separator: "\"").filter { $0 != "," } } ?? []
                show("publish, \(callers) callers", own, line.count > 1 ? Double(line[1]) ?? 0 : 0)
            }
        }
    }

    private static func consume(_ port: Int, events: Int, python: String) async throws {
        let script = """
            import redis, sys, time
            r = redis.Redis(port=\(port))
            r.delete('bench:plain')
            p = r.pipeline(transaction=False)
            for i in range(\(events)):
                p.xadd('bench:plain', {'type': 'bench', 'data': '"' + 'x' * 498 + '"'})
                if i % 1000 == 999: p.execute()
            p.execute()
            r.xgroup_create('bench:plain', 'g', id='0')
            n, start = 0, time.monotonic()
            while True:
                got = r.xreadgroup('g', 'c', {'bench:plain': '>'}, count=32)
                if not got: break
                ids = [id for id, fields in got[0][1]]
                r.xack('bench:plain', 'g', *ids)
                n += len(ids)
            print(n / (time.monotonic() - start))
            r.delete('bench:plain')
            """
        for consumers in [1, 4] {
            for _ in 0..<2 {
                try await withStorage(port) { storage, loop in
                    let unlimited = TopicRetention(maximumEvents: nil, maximumBytes: nil, maximumAge: nil, policy: .safe)
                    _ = try await storage.retain(unlimited, in: "t")
                    let batch = TopicBatch([TopicEventDraft](repeating: TopicEventDraft(type: "bench", data: JSON(string: text)), count: 1000))
                    for _ in 0..<events / 1000 { _ = try await storage.publish(batch, to: "t") }
                    _ = try await storage.setGroup("g", of: "t", GroupSettings(), from: .start)
                    let start = Deadline.now
                    let total = try await withThrowingTaskGroup(of: Int.self) { group in
                        for number in 0..<consumers {
                            group.addTask(executorPreference: loop) {
                                var count = 0
                                while true {
                                    let held = try await storage.receive(32, from: "t", as: "c\(number)", in: "g").deliveries
                                    if held.isEmpty { return count }
                                    let settlements = held.map { Settlement(id: $0.id, token: $0.token, .acknowledge) }
                                    _ = try await storage.settle(settlements, of: "t", as: "c\(number)", in: "g")
                                    count += held.count
                                }
                            }
                        }
                        return try await group.reduce(0, +)
                    }
                    let own = rate(total, since: start)
                    let other = Double(try output(python, ["-c", script]).split(separator: "\n").first ?? "") ?? 0
                    show("receive and acknowledge 32, \(consumers) consumers of one process", own, other)
                }
            }
        }
    }

    /// What a program writes.
    private static func output(_ program: String, _ arguments: [String]) throws -> String {
        var descriptors: [Int32] = [0, 0]
        guard pipe(&descriptors) == 0 else { throw StoreError(.storeUnavailable, "no pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, descriptors[1], 1)
        posix_spawn_file_actions_addclose(&actions, descriptors[0])
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var identifier = pid_t()
        let code = posix_spawnp(&identifier, program, &actions, nil, &words, environ)
        close(descriptors[1])
        defer { close(descriptors[0]) }
        guard code == 0 else { throw StoreError(.storeUnavailable, "\(program) could not be started (error \(code))") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptors[0], &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        var status: Int32 = 0
        waitpid(identifier, &status, 0)
        return String(decoding: bytes, as: UTF8.self)
    }
}
