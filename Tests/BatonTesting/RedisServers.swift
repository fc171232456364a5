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
    /// What redis-cli needs to be let in.
    private let access: [String]
    private let state: Mutex<State>

    private init(port: UInt16, directory: String, arguments: [String], access: [String], process: ChildProcess) {
        self.port = port
        self.directory = directory
        self.arguments = arguments
        self.access = access
        state = Mutex(State(process: process))
    }

    /// The path of its Unix socket.
    public var socketPath: String { directory + "/redis.sock" }

    /// Its process id.
    public var identifier: Int32 { state.withLock { $0.process.identifier } }

    /// Starts a server and waits until it takes connections.
    /// - Parameters:
    ///   - options: as on its command line, `--requirepass secret`, after those that give it its place.
    ///   - certificates: listens with TLS on its port and not without.
    ///   - login: with what `cli` logs in.
    ///   - sentinel: the lines of a Sentinel's configuration; it is started as one.
    public static func start(
        _ options: [String] = [], certificates: TestCertificates? = nil, login: RedisTestLogin? = nil, sentinel: [String]? = nil
    ) async throws -> RedisServer {
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
            arguments += ["--bind", "127.0.0.1", certificates == nil ? "--port" : "--tls-port", "\(port)", "--dir", directory, "--daemonize", "no"]
            if let certificates { arguments += ["--port", "0"] + certificates.redisOptions }
            if sentinel == nil { arguments += ["--save", "", "--appendonly", "no", "--unixsocket", directory + "/redis.sock"] }
            arguments += options
            let process = try ChildProcess("redis-server", arguments)
            let access = (certificates.map { ["--tls", "--cacert", $0.authority] } ?? []) + (login.map(\.cliOptions) ?? [])
            let server = RedisServer(port: port, directory: directory, arguments: arguments, access: access, process: process)
            if await server.becomesReady() { return server }
            failure = String(decoding: process.output.suffix(500), as: UTF8.self)
            await server.stop()
            guard failure.contains("in use") else { break }
        }
        throw ChildProcess.Failure(description: "redis-server did not start: \(failure)")
    }

    /// Starts a server for the time of `body`.
    public static func with<Value>(
        _ options: [String] = [], certificates: TestCertificates? = nil, _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = try await start(options, certificates: certificates)
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
    public func cli(_ words: String...) async throws -> String { try await cli(words) }

    /// Runs redis-cli against it.
    public func cli(_ words: [String]) async throws -> String {
        let run = try await ChildProcess.run("redis-cli", ["-h", "127.0.0.1", "-p", "\(port)"] + access + words)
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

/// A user and password of servers under test.
public struct RedisTestLogin: Sendable {
    /// The user; `default` is the one without a name.
    public let user: String
    /// The password.
    public let password: String

    /// Makes a login.
    public init(user: String = "default", password: String) {
        self.user = user
        self.password = password
    }

    var cliOptions: [String] { ["--no-auth-warning", "--user", user, "--pass", password] }
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
