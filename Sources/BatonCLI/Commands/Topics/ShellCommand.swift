internal import BatonCore
internal import BatonIO
internal import CBatonPlatform

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A shell command that works on one delivery: the event on its input, the rest of the delivery in variables.
struct ShellCommand {
    /// It said by its exit code that the event is to come again.
    struct Rejection: Error, CustomStringConvertible { let description: String }
    /// It said that the event can never be worked on.
    struct Refusal: TerminalFailure, CustomStringConvertible { let description: String }

    private let text: String
    private let input: [UInt8]
    private let variables: [String: String]

    init(_ text: String, for delivery: Delivery, of topic: String) {
        self.text = text
        var writer = JSONWriter(reserving: delivery.event.data.bytes.count + 200)
        writer.topicEvent(delivery.event, of: topic)
        input = writer.bytes + [0x0A]
        variables = [
            "BATON_TOPIC": topic, "BATON_TYPE": delivery.event.type, "BATON_KEY": delivery.event.key ?? "", "BATON_DELIVERY": delivery.id,
            "BATON_ATTEMPT": String(delivery.attempt),
        ]
    }

    /// Runs it to its end, whatever becomes of the calling task.
    /// - Throws: ``Rejection``, ``Refusal``.
    func run() async throws {
        let status = await withCheckedContinuation { (continuation: CheckedContinuation<Status, Never>) in
            // Writing to it and waiting for it block.
            do throws(IOError) { try Thread.start(named: "baton-exec") { continuation.resume(returning: runBlocking()) } } catch {
                continuation.resume(returning: .notStarted(error.message))
            }
        }
        switch status {
        case .exited(0): return
        case .exited(ExitCode.badData.rawValue): throw Refusal(description: "the command ended with \(ExitCode.badData.rawValue)")
        case .exited(let code): throw Rejection(description: "the command ended with \(code)")
        case .signalled(let signal): throw Rejection(description: "the command was ended by signal \(signal)")
        case .notStarted(let reason): throw Rejection(description: "the command could not be started: \(reason)")
        }
    }

    private enum Status: Sendable {
        case exited(Int32)
        case signalled(Int32)
        case notStarted(String)
    }

    private func runBlocking() -> Status {
        var ends: [Int32] = [-1, -1]
        // Close-on-exec from the start: another command that is begun at this moment must not inherit the end that is written to.
        let failure = baton_pipe(&ends)
        guard failure == 0 else { return .notStarted(String(cString: strerror(failure))) }
        for end in ends { _ = fcntl(end, F_SETFL, 0) }
        var identifier: pid_t = 0
        let code = spawn(reading: ends[0], &identifier)
        close(ends[0])
        guard code == 0 else {
            close(ends[1])
            return .notStarted(String(cString: strerror(code)))
        }
        feed(ends[1])
        var raw: Int32 = 0
        while waitpid(identifier, &raw, 0) < 0, errno == EINTR {}
        return raw & 0x7F == 0 ? .exited((raw >> 8) & 0xFF) : .signalled(raw & 0x7F)
    }

    /// It need not read all of it, or any.
    private func feed(_ descriptor: Int32) {
        defer { close(descriptor) }
        var sent = 0
        while sent < input.count {
            let count = input[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            sent += count
        }
    }

    private func spawn(reading input: Int32, _ identifier: inout pid_t) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This process ignores broken pipes and takes signals on a thread of its own; programs that it starts are to meet them as from a shell.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let environment = ProcessEnvironment.variables.merging(variables) { $1 }.map { "\($0.key)=\($0.value)" }
        return withCStrings(["/bin/sh", "-c", text]) { arguments in
            withCStrings(environment) { environment in posix_spawn(&identifier, "/bin/sh", &actions, &attributes, arguments, environment) }
        }
    }

    private func withCStrings<Result>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
        // A text ends for C at its first NUL, and names of events may hold one; nothing after it is lost that stands in the input.
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
