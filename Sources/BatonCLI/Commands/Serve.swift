internal import Baton
internal import BatonIO
internal import BatonServer
internal import BatonTelemetry
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension Command {
    static let serve = Command(
        name: "serve", summary: "Run the daemon: the store over HTTP, with live streams",
        discussion: """
            It answers at http://127.0.0.1:4437 unless told otherwise. An address that other machines can reach needs a token in the \
            store first: baton tokens create.

            SIGTERM and Control-C drain: no new connections, requests finish, streams end and can be resumed. A second one ends at \
            once. SIGHUP reads certificates anew.
            """,
        examples: [
            Example(line: "baton serve", meaning: "Keep sessions in baton.db and answer on this machine"),
            Example(
                line: "baton serve --listen :4437 --tls-cert chain.pem --tls-key key.pem",
                meaning: "Answer everywhere, encrypted, for holders of a token"),
            Example(line: "baton serve --listen 127.0.0.1:0 --ready-fd 3 3>address", meaning: "Take any free port and write the address to a file"),
            Example(line: "baton serve --session-ttl 30d --max-events 10000", meaning: "Forget what is old"),
        ],
        options: ServeOptions.declarations + SummaryOptions.declarations + KeepingOptions.declarations + TraceOptions.declarations
    ) { invocation in
        try await Service(invocation).run()
    }
}

/// What `baton serve` takes besides what every store takes.
enum ServeOptions {
    enum LogFormat: String, CaseIterable, ArgumentValue { case text, json }
    enum SpoolDurability: String, CaseIterable, ArgumentValue { case full, normal }

    static let listen = Option<[SocketAddress]>(
        repeated: "listen", "ADDR", help: "Answer at this address, 127.0.0.1:4437 by default; port 0 takes any that is free")
    static let certificate = Option<String?>(
        "tls-cert", "FILE", help: "Speak TLS with this certificate chain (PEM)", traits: OptionTraits(completesFiles: true))
    static let key = Option<String?>("tls-key", "FILE", help: "The key of the certificate (PEM)", traits: OptionTraits(completesFiles: true))
    static let clientAuthorities = Option<String?>(
        "tls-client-ca", "FILE", help: "Ask clients for a certificate that one of these authorities signed",
        traits: OptionTraits(completesFiles: true))
    static let drain = Option<Duration>(
        "drain", "TIME", default: .seconds(10), in: .zero ... .seconds(3600), help: "How long requests and streams may take to end")
    static let maximumBody = Option<ByteSize>(
        "max-body", "SIZE", default: .mebibytes(8), in: .kibibytes(1) ... .mebibytes(1024), help: "The largest body of a request")
    static let maximumConnections = Option<Int>(
        "max-connections", "N", default: 20_000, in: 1...1_000_000, help: "The most connections at once")
    static let loops = Option<Int>("loops", "N", default: 1, in: 1...256, help: "How many event loops serve")
    static let allowedHosts = Option<[String]>(
        repeated: "allow-host", "NAME", help: "Answer requests to this host without a token, besides those to local names")
    static let allowedOrigins = Option<[String]>(
        repeated: "allow-origin", "ORIGIN", help: "Let pages of this origin read and write; * for all")
    static let webHooksAllowPrivate = Option<Bool>.flag(
        "webhooks-allow-private", help: "Send web hooks to private addresses, this machine included, and unencrypted, too")
    static let webHookAuthorities = Option<String?>(
        "webhooks-ca-file", "FILE", help: "Trust these authorities (PEM) for the receivers of web hooks, instead of the system's",
        traits: OptionTraits(completesFiles: true))
    static let spool = Option<String?>(
        "spool", "FILE",
        help: "Accept events before they are stored, for clients that prefer it (Prefer: respond-async), and keep them in this file until they are",
        traits: OptionTraits(completesFiles: true))
    static let spoolEvents = Option<Int>(
        "spool-events", "N", default: 10_000, in: 1...1_000_000, help: "The most events that wait to be stored; more are refused")
    static let spoolDurability = Option<SpoolDurability>(
        "spool-durability", "LEVEL", default: .full, help: "What an accepted event survives: full (power loss) or normal (the end of the process)")
    static let logLevel = Option<Logger.Level>("log-level", "LEVEL", default: .info, help: "The least that is logged")
    static let logFormat = Option<LogFormat>("log-format", "FORMAT", default: .text, help: "How the log is written")
    static let pidFile = Option<String?>(
        "pid-file", "FILE", help: "Keep the process id in this file while running", traits: OptionTraits(completesFiles: true))
    static let readyDescriptor = Option<Int?>(
        "ready-fd", "N", in: 1...1023, help: "Write the addresses to this descriptor once they are answered, and close it",
        traits: OptionTraits(settable: .flagOnly))

    static let declarations = [
        listen.declaration, certificate.declaration, key.declaration, clientAuthorities.declaration, drain.declaration,
        maximumBody.declaration, maximumConnections.declaration, loops.declaration, allowedHosts.declaration, allowedOrigins.declaration,
        webHooksAllowPrivate.declaration, webHookAuthorities.declaration, spool.declaration, spoolEvents.declaration, spoolDurability.declaration,
        logLevel.declaration, logFormat.declaration, pidFile.declaration, readyDescriptor.declaration,
    ]
}

extension SocketAddress: ArgumentValue {
    static var expectation: String { "an address such as 127.0.0.1:4437, [::1]:4437, :4437 or unix:/path" }

    init?(argument: String) {
        guard let address = try? SocketAddress(argument) else { return nil }
        self = address
    }

    var argument: String { description }
}

extension Logger.Level: ArgumentValue {}

/// A run of the daemon, from its start to its last words.
private struct Service {
    private let invocation: Invocation
    private let console: Console

    init(_ invocation: Invocation) {
        self.invocation = invocation
        console = invocation.console
    }

    func run() async throws -> ExitCode {
        let configuration = try configuration()
        let protocols = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"].compactMap { ProcessEnvironment.variables[$0] }
        let sink = StreamSink(invocation[ServeOptions.logFormat] == .json ? .json : .text)
        let logger = Logger(label: "baton", level: invocation[ServeOptions.logLevel], to: sink)
        if configuration.traces != nil, let asked = protocols.first, asked != "http/json" {
            logger.warning("spans are sent as OTLP/HTTP in JSON, whatever protocol the environment asks for", ["protocol": .string(asked)])
        }
        let loop = try EventLoop(.init(name: "baton-signals"))
        let (signals, continuation) = AsyncStream.makeStream(of: SignalReceiver.Signal.self, bufferingPolicy: .bufferingNewest(8))
        let endings = EndingCount()
        let receiver = try await SignalReceiver([.hangUp, .interrupt, .terminate], on: loop) { signal in
            if signal != .hangUp, endings.increment() > 1 { _exit(128 + signal.rawValue) }
            continuation.yield(signal)
        }
        let pidFile = try PIDFile(invocation[ServeOptions.pidFile])
        do {
            let daemon = try await Daemon(configuration, logger: logger)
            announce(daemon)
            for await signal in signals {
                guard signal == .hangUp else { break }
                daemon.reload()
            }
            await daemon.stop()
        } catch {
            pidFile.remove()
            await sink.flush()
            throw error
        }
        pidFile.remove()
        await receiver.stop()
        await loop.shutdown()
        await sink.flush()
        return .success
    }

    private func configuration() throws -> DaemonConfiguration {
        let store = try invocation.storeAddress()
        if case .daemon = store {
            throw UsageError(message: "--store: a daemon serves a store of its own, not another daemon", command: invocation.path.text)
        }
        var configuration = DaemonConfiguration(store: store)
        let addresses = invocation[ServeOptions.listen]
        if !addresses.isEmpty { configuration.addresses = addresses }
        configuration.storeConfiguration = try invocation.storeConfiguration()
        if let spool = invocation[ServeOptions.spool] {
            // A client that is told to come again can go elsewhere; a connection that waits for room cannot.
            configuration.storeConfiguration.writeBehind = WriteBehindConfiguration(
                maximumEvents: invocation[ServeOptions.spoolEvents], whenFull: .refuse, drain: invocation[ServeOptions.drain], spool: spool,
                spoolDurability: invocation[ServeOptions.spoolDurability] == .full ? .full : .normal)
        }
        switch (invocation[ServeOptions.certificate], invocation[ServeOptions.key]) {
        case (let certificate?, let key?): configuration.identity = TLSIdentity(certificateChain: certificate, privateKey: key)
        case (nil, nil): break
        default: throw UsageError(message: "--tls-cert and --tls-key go together", command: invocation.path.text)
        }
        configuration.clientAuthorities = invocation[ServeOptions.clientAuthorities]
        if configuration.clientAuthorities != nil, configuration.identity == nil {
            throw UsageError(message: "--tls-client-ca needs --tls-cert and --tls-key", command: invocation.path.text)
        }
        configuration.drain = invocation[ServeOptions.drain]
        configuration.summaries = try invocation.summaryConfiguration(byItself: true)
        configuration.maximumBody = invocation[ServeOptions.maximumBody].bytes
        configuration.maximumConnections = invocation[ServeOptions.maximumConnections]
        configuration.loops = invocation[ServeOptions.loops]
        configuration.allowedHosts = invocation[ServeOptions.allowedHosts]
        configuration.allowedOrigins = invocation[ServeOptions.allowedOrigins]
        configuration.webHooks.allowsPrivate = invocation[ServeOptions.webHooksAllowPrivate]
        configuration.webHooks.authorities = invocation[ServeOptions.webHookAuthorities]
        configuration.traces = try invocation.traceConfiguration()
        return configuration
    }

    /// Tells people, and programs that wait for it, where the daemon answers.
    private func announce(_ daemon: Daemon) {
        let scheme = invocation[ServeOptions.certificate] == nil ? "http" : "https"
        let urls = daemon.addresses.map { address in address.port == nil ? address.description : "\(scheme)://\(address)" }
        for url in urls { console.say("listening on \(url)") }
        if let descriptor = invocation[ServeOptions.readyDescriptor] {
            let text = Array(urls.map { $0 + "\n" }.joined().utf8)
            if write(Int32(descriptor), text, text.count) != text.count {
                console.say("the addresses could not be written to descriptor \(descriptor)")
            }
            // Closing the standard descriptors would let a file take their place.
            if descriptor > 2 { close(Int32(descriptor)) }
        }
        // A script that starts the daemon in the background says by itself what to do next.
        guard Terminal.isTerminal(0), Terminal.isTerminal(console.error), let url = urls.first, url.hasPrefix("http") else { return }
        let authorization = daemon.requiresTokens ? " -H \"Authorization: Bearer $BATON_TOKEN\"" : ""
        console.say(
            """

            Try it:

              curl -s '\(url)/v1/apps/demo/users/ann/sessions/first/events?create=true'\(authorization) \\
                   -H 'Content-Type: application/json' -d '{"role": "user", "content": "Hello"}'
              baton tail --store \(url) demo/ann/first

            \(url)/ shows sessions in a browser; \(url)/openapi.json describes every call. Control-C stops.

            """)
    }

    /// How often the daemon was asked to end.
    private final class EndingCount: Sendable {
        private let count = Atomic(0)
        func increment() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
    }
}

/// A file that holds the process id while the daemon runs.
private struct PIDFile {
    private let path: String?

    init(_ path: String?) throws {
        self.path = path
        guard let path else { return }
        let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(.notPermitted, "--pid-file: \(TerminalText.quoted(path)) cannot be written: \(String(cString: strerror(errno)))")
        }
        let text = Array("\(getpid())\n".utf8)
        _ = write(descriptor, text, text.count)
        close(descriptor)
    }

    func remove() {
        if let path { unlink(path) }
    }
}
