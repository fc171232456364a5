internal import Glibc
internal import Synchronization

/// A redis-server that a test started, on a free port of the loopback interface, with a directory of its own.
public final class RedisServer: Sendable {
    private struct State {
        var process: ChildProcess
    }

    /// The port it listens on; the TLS port when it was started with one alone.
    public let port: UInt16
    /// The directory with its files, its Unix socket `redis.sock` among them.
    public let directory: String
    private let arguments: [String]
    private let state: Mutex<State>

    private init(port: UInt16, directory: String, arguments: [String], process: ChildProcess) {
        self.port = port
        self.directory = directory
        self.arguments = arguments
        state = Mutex(State(process: process))
    }

    /// The path of its Unix socket.
    public var socketPath: String { directory + "/redis.sock" }

    /// Its process id.
    public var identifier: Int32 { state.withLock { $0.process.identifier } }

    /// Starts a server and waits until it takes connections.
    /// - Parameters:
    ///   - options: as on its command line, `--requirepass secret`, after those that give it its place.
    ///   - usesTLS: listens with TLS on its port and not without.
    ///   - sentinel: the lines of a Sentinel's configuration; it is started as one.
    public static func start(_ options: [String] = [], usesTLS: Bool = false, sentinel: [String]? = nil) async throws -> RedisServer {
        var failure = "no port was free"
        for _ in 0..<30 {
            // Below the range that the system gives out by itself, and with room for the cluster's own port 10,000 above.
            let port = UInt16.random(in: 11_000...21_000)
            guard isFree(port), isFree(port + 10_000) else { continue }
            let directory = try makeDirectory()
            var arguments: [String] = []
            if let sentinel {
                let path = directory + "/sentinel.conf"
                try write(sentinel.joined(separator: "\n") + "\n", to: path)
                arguments = [path, "--sentinel"]
            }
            arguments += ["--bind", "127.0.0.1", usesTLS ? "--tls-port" : "--port", "\(port)", "--dir", directory, "--daemonize", "no"]
            if usesTLS { arguments += ["--port", "0"] }
            if sentinel == nil { arguments += ["--save", "", "--appendonly", "no", "--unixsocket", directory + "/redis.sock"] }
            arguments += options
            let process = try ChildProcess("redis-server", arguments)
            let server = RedisServer(port: port, directory: directory, arguments: arguments, process: process)
            if await server.becomesReady() { return server }
            failure = String(decoding: process.output.suffix(500), as: UTF8.self)
            await server.stop()
            guard failure.contains("in use") else { break }
        }
        throw ChildProcess.Failure(description: "redis-server did not start: \(failure)")
    }

    /// Starts a server for the time of `body`.
    public static func with<Value>(
        _ options: [String] = [], usesTLS: Bool = false, _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = try await start(options, usesTLS: usesTLS)
        do {
            let value = try await body(server)
            await server.stop()
            return value
        } catch {
            await server.stop()
            throw error
        }
    }

    /// Ends it and removes its files.
    public func stop() async {
        resume()
        await state.withLock { $0.process }.stop()
        _ = try? await ChildProcess.run("rm", ["-rf", directory])
    }

    /// Ends it with SIGKILL, as a crash would.
    public func kill() async {
        let process = state.withLock { $0.process }
        process.send(signal: SIGKILL)
        await process.exit()
    }

    /// Starts it again after it ended, with the same port and files.
    public func restart() async throws {
        let process = try ChildProcess("redis-server", arguments)
        state.withLock { $0.process = process }
        guard await becomesReady() else {
            throw ChildProcess.Failure(
                description: "redis-server did not start again: \(String(decoding: process.output.suffix(500), as: UTF8.self))")
        }
    }

    /// Stops it in its tracks; connections stay and nothing is answered.
    public func pause() { state.withLock { $0.process }.send(signal: SIGSTOP) }

    /// Lets it go on.
    public func resume() { state.withLock { $0.process }.send(signal: SIGCONT) }

    /// Runs redis-cli against it.
    @discardableResult
    public func cli(_ words: String...) async throws -> String {
        let run = try await ChildProcess.run("redis-cli", ["-h", "127.0.0.1", "-p", "\(port)"] + words)
        guard run.status == 0 else { throw ChildProcess.Failure(description: "redis-cli \(words): \(run.output)\(run.errors)") }
        return String(run.output.drop { $0.isNewline }.reversed().drop { $0.isNewline }.reversed())
    }

    private func becomesReady() async -> Bool {
        let process = state.withLock { $0.process }
        let clock = ContinuousClock()
        let limit = clock.now + .seconds(60)
        while clock.now < limit {
            let output = String(decoding: process.output, as: UTF8.self)
            // A Sentinel says nothing of connections, only of its identity.
            if output.contains("eady to accept connections") || output.contains("Sentinel ID is") { return true }
            if process.status != nil { return false }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
    }

    private static func makeDirectory() throws -> String {
        var template = Array("/tmp/baton-redis-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ChildProcess.Failure(description: "no directory could be made (error \(errno))") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "w") else { throw ChildProcess.Failure(description: "\(path) could not be written (error \(errno))") }
        fputs(text, file)
        fclose(file)
    }
}

/// A cluster of redis-servers: three primaries, each with a replica.
public final class RedisCluster: Sendable {
    /// The servers; the first three began as primaries.
    public let servers: [RedisServer]

    private init(servers: [RedisServer]) { self.servers = servers }

    /// Starts a cluster for the time of `body`.
    public static func with<Value>(replicas: Int = 1, _ options: [String] = [], _ body: (RedisCluster) async throws -> Value) async throws -> Value {
        var servers: [RedisServer] = []
        do {
            for _ in 0..<3 * (1 + replicas) {
                servers.append(
                    try await RedisServer.start(
                        ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"] + options))
            }
            let cluster = RedisCluster(servers: servers)
            try await cluster.join(replicas: replicas)
            let value = try await body(cluster)
            await cluster.stop()
            return value
        } catch {
            await RedisCluster(servers: servers).stop()
            throw error
        }
    }

    private func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { await server.stop() } }
        }
    }

    private func join(replicas: Int) async throws {
        let run = try await ChildProcess.run(
            "redis-cli",
            ["--cluster", "create"] + servers.map { "127.0.0.1:\($0.port)" } + ["--cluster-replicas", "\(replicas)", "--cluster-yes"])
        guard run.status == 0 else { throw ChildProcess.Failure(description: "no cluster: \(run.output.suffix(500))\(run.errors)") }
        for server in servers {
            try await eventually("the cluster is whole") {
                let links = try await server.cli("CLUSTER", "NODES")
                let isWhole = try await server.cli("CLUSTER", "INFO").contains("cluster_state:ok")
                // A replica that has not copied its primary yet would never take its place.
                let role = try await server.cli("ROLE")
                let isCopied = !role.hasPrefix("slave") || role.contains("\nconnected")
                return isWhole && isCopied && links.split(separator: "\n").allSatisfy { !$0.contains("disconnected") && !$0.contains("handshake") }
            }
        }
    }
}

/// A primary, its replicas and the Sentinels that watch them.
public final class RedisSentinels: Sendable {
    /// The servers; the first began as the primary.
    public let servers: [RedisServer]
    /// The Sentinels.
    public let sentinels: [RedisServer]
    /// What the Sentinels call the primary.
    public static let name = "main"

    private init(servers: [RedisServer], sentinels: [RedisServer]) {
        self.servers = servers
        self.sentinels = sentinels
    }

    /// Starts one primary with two replicas and three Sentinels for the time of `body`.
    public static func with<Value>(_ body: (RedisSentinels) async throws -> Value) async throws -> Value {
        var servers: [RedisServer] = []
        var sentinels: [RedisServer] = []
        do {
            let primary = try await RedisServer.start(["--repl-diskless-sync-delay", "0"])
            servers.append(primary)
            for _ in 0..<2 { servers.append(try await RedisServer.start(["--replicaof", "127.0.0.1 \(primary.port)"])) }
            for _ in 0..<3 {
                sentinels.append(
                    try await RedisServer.start(sentinel: [
                        "sentinel monitor \(name) 127.0.0.1 \(primary.port) 2", "sentinel down-after-milliseconds \(name) 800",
                        "sentinel failover-timeout \(name) 4000", "sentinel parallel-syncs \(name) 2",
                    ]))
            }
            let fixture = RedisSentinels(servers: servers, sentinels: sentinels)
            for sentinel in sentinels {
                try await eventually("the Sentinels know each other and the replicas") {
                    let facts = try await sentinel.cli("SENTINEL", "MASTER", name).split(separator: "\n").map(String.init)
                    func fact(_ name: String) -> String? { facts.firstIndex(of: name).map { facts[$0 + 1] } }
                    return fact("num-other-sentinels") == "2" && fact("num-slaves") == "2" && fact("flags") == "master"
                }
            }
            let value = try await body(fixture)
            await fixture.stop()
            return value
        } catch {
            await RedisSentinels(servers: servers, sentinels: sentinels).stop()
            throw error
        }
    }

    private func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for server in sentinels + servers { group.addTask { await server.stop() } }
        }
    }
}

/// Waits until a condition holds, looking again and again.
public func eventually(
    _ what: String, within limit: Duration = .seconds(60), every pause: Duration = .milliseconds(20), _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
        if try await condition() { return }
        guard clock.now < end else { throw ChildProcess.Failure(description: "in vain for \(limit): \(what)") }
        try await Task.sleep(for: pause)
    }
}
