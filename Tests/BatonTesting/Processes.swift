internal import Glibc
internal import Synchronization

/// A program that a test started. Ends with the test: whoever starts one has to `stop()` it, or wait for its `exit()`.
public final class ChildProcess: Sendable {
    /// How a program ended: its exit status, or minus the signal that ended it.
    public typealias Status = Int32

    private struct State {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        /// Standard output and standard error, until all of them was read.
        var openStreams = 2
        var status: Status?
        var waiters: [CheckedContinuation<Status, Never>] = []
    }

    /// Why a program could not be started.
    public struct Failure: Error, CustomStringConvertible {
        /// What, and why.
        public let description: String
    }

    /// The process id.
    public let identifier: Int32
    private let state = Mutex(State())

    private static let maximumOutput = 16 * 1024 * 1024
    private static let spawning = Mutex(())

    /// Starts `program` (a path, or a name to be found on the search path).
    ///
    /// - Parameters:
    ///   - input: what it reads; then its input ends.
    ///   - environment: added to this process's own.
    public init(_ program: String, _ arguments: [String] = [], input: [UInt8] = [], environment: [String: String] = [:]) throws {
        let pipes = try Self.spawn(program, arguments, environment)
        identifier = pipes.identifier
        let threads: [@Sendable () -> Void] = [
            { Self.feed(pipes.input, input) },
            {
                Self.drain(pipes.errors) { bytes in self.state.withLock { $0.errors.append(contentsOf: bytes, upTo: Self.maximumOutput) } }
                self.finishStream()
            },
            {
                Self.drain(pipes.output) { bytes in self.state.withLock { $0.output.append(contentsOf: bytes, upTo: Self.maximumOutput) } }
                self.finishStream()
            },
        ]
        for body in threads { try Self.startThread(body) }
    }

    /// What it wrote to standard output so far.
    public var output: [UInt8] { state.withLock { $0.output } }

    /// What it wrote to standard error so far.
    public var errors: [UInt8] { state.withLock { $0.errors } }

    /// How it ended; nil while it runs.
    public var status: Status? { state.withLock { $0.status } }

    /// Sends a signal, unless it has ended.
    public func send(signal: Int32) {
        // Under the lock, so that the id cannot have been given to another process meanwhile.
        state.withLock { if $0.status == nil { _ = kill(identifier, signal) } }
    }

    /// Waits until it has ended and all it wrote is there.
    @discardableResult
    public func exit() async -> Status {
        await withCheckedContinuation { continuation in
            let status = state.withLock { state in
                if state.status == nil { state.waiters.append(continuation) }
                return state.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    /// Asks it to end, after `patience` makes it, and waits.
    @discardableResult
    public func stop(patience: Duration = .seconds(5)) async -> Status {
        send(signal: SIGTERM)
        let killer = Task {
            try await Task.sleep(for: patience)
            send(signal: SIGKILL)
        }
        defer { killer.cancel() }
        return await exit()
    }

    /// Runs a program to its end.
    public static func run(
        _ program: String, _ arguments: [String] = [], input: [UInt8] = [], environment: [String: String] = [:]
    ) async throws -> (status: Status, output: String, errors: String) {
        let process = try ChildProcess(program, arguments, input: input, environment: environment)
        let status = await withTaskCancellationHandler {
            await process.exit()
        } onCancel: {
            process.send(signal: SIGKILL)
        }
        return (status, String(decoding: process.output, as: UTF8.self), String(decoding: process.errors, as: UTF8.self))
    }

    /// Whoever reads the last stream to its end reaps, so that nothing is missing once the status is known.
    private func finishStream() {
        let isLast = state.withLock { state in
            state.openStreams -= 1
            return state.openStreams == 0
        }
        if isLast { reap() }
    }

    private func reap() {
        var raw: Int32 = 0
        while waitpid(identifier, &raw, 0) < 0, errno == EINTR {}
        let status = raw & 0x7F == 0 ? (raw >> 8) & 0xFF : -(raw & 0x7F)
        let waiters = state.withLock { state in
            state.status = status
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: status) }
    }

    // MARK: The system's side

    private struct Pipes {
        var identifier: Int32
        var input: Int32
        var output: Int32
        var errors: Int32
    }

    private static func spawn(_ program: String, _ arguments: [String], _ environment: [String: String]) throws -> Pipes {
        // One at a time: between making a pipe and marking its ends, another child would inherit them and keep them open.
        try spawning.withLock { _ in
            let (input, output, errors) = (try pipe(), try pipe(), try pipe())
            defer { for end in [input.read, output.write, errors.write] { close(end) } }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_adddup2(&actions, input.read, 0)
            posix_spawn_file_actions_adddup2(&actions, output.write, 1)
            posix_spawn_file_actions_adddup2(&actions, errors.write, 2)
            var attributes = posix_spawnattr_t()
            posix_spawnattr_init(&attributes)
            defer { posix_spawnattr_destroy(&attributes) }
            // A library under test may ignore or block signals; the program starts as from a shell.
            var signals = sigset_t()
            sigemptyset(&signals)
            posix_spawnattr_setsigmask(&attributes, &signals)
            for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
            posix_spawnattr_setsigdefault(&attributes, &signals)
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

            var identifier: pid_t = 0
            let failure = withCStrings([program] + arguments) { argv in
                withCStrings(merged(environment)) { envp in
                    posix_spawnp(&identifier, program, &actions, &attributes, argv, envp)
                }
            }
            guard failure == 0 else {
                for end in [input.write, output.read, errors.read] { close(end) }
                throw Failure(description: "start \(program): \(String(cString: strerror(failure)))")
            }
            return Pipes(identifier: identifier, input: input.write, output: output.read, errors: errors.read)
        }
    }

    private static func merged(_ additions: [String: String]) -> [String] {
        var entries: [String] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if additions[String(text.prefix { $0 != "=" })] == nil { entries.append(text) }
            next += 1
        }
        return entries + additions.map { "\($0.key)=\($0.value)" }
    }

    private static func withCStrings<Result>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw Failure(description: "make a pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func feed(_ descriptor: Int32, _ bytes: [UInt8]) {
        defer { close(descriptor) }
        guard !bytes.isEmpty else { return }
        // The program may end without having read everything.
        var broken = sigset_t()
        sigemptyset(&broken)
        sigaddset(&broken, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &broken, nil)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            sent += count
        }
    }

    private static func drain(_ descriptor: Int32, _ take: (ArraySlice<UInt8>) -> Void) {
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            take(buffer[..<count])
        }
    }

    private static func startThread(_ body: @escaping @Sendable () -> Void) throws {
        final class Start: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Start(body))
        let failure = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Start>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, context.toOpaque())
        guard failure == 0 else {
            context.release()
            throw Failure(description: "start a thread: \(String(cString: strerror(failure)))")
        }
        pthread_detach(thread)
    }
}

extension Array where Element == UInt8 {
    fileprivate mutating func append(contentsOf bytes: ArraySlice<UInt8>, upTo limit: Int) {
        append(contentsOf: bytes.prefix(Swift.max(0, limit - count)))
    }
}
