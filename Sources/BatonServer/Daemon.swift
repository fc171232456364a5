internal import Baton
internal import BatonHTTP
public import BatonIO
internal import BatonOTLP
public import BatonTelemetry

/// The daemon: a store served over HTTP, with access control, numbers and logs.
public final class Daemon: Sendable {
    /// This version of Baton.
    public static let version = "0.1.0"

    /// Where it listens, with the ports that the system chose.
    public var addresses: [SocketAddress] { server.addresses }
    /// Whether requests need a token.
    public var requiresTokens: Bool { access.isRequired }

    private let server: HTTPServer
    private let store: SessionStore
    private let access: Access
    private let webHooks: WebHooks
    private let groups: GroupGauges
    private let exporter: OTLPExporter?
    private let loops: [EventLoop]
    private let tls: TLSServerContext?
    private let logger: Logger
    private let drain: Duration
    private let refreshing: Task<Void, Never>

    /// Opens the store and begins to serve it.
    /// - Throws: ``StoreError`` when the store cannot be opened or the configuration is not safe; `IOError` when an address cannot be
    ///   listened at or a certificate cannot be read.
    public init(_ configuration: DaemonConfiguration, logger: Logger) async throws {
        ProcessLimits.ignoreBrokenPipes()
        let descriptors = try? ProcessLimits.raiseDescriptorLimit()
        // Dispatch opens the descriptor of its timers at the first sleep, and traps when none is free. Sleep now, while some are.
        try? await Task.sleep(for: .nanoseconds(1))
        let metrics = DaemonMetrics(registry: Metrics(), logger: logger.labelled("http"))
        var loops: [EventLoop] = []
        for number in 0..<max(1, configuration.loops) {
            loops.append(
                try EventLoop(
                    .init(name: "baton-loop-\(number)") { stall in
                        logger.warning("the event loop stalled", ["ms": .double(stall / .milliseconds(1))], limit: .perMinute(10))
                    }))
        }
        let reporter = logger.labelled("summaries")
        let store: SessionStore
        let exporter: OTLPExporter?
        do {
            let logger = logger.labelled("traces")
            exporter = try configuration.traces.map {
                try OTLPExporter($0.exporter, version: Daemon.version, on: loops[0], metrics: metrics.registry, logger: logger)
            }
            let tracer = exporter.map { RecordingTracer(configuration.traces?.sampler ?? .always, to: $0) }
            let opened = try await SessionStore.open(
                configuration.store, configuration: configuration.storeConfiguration, executor: loops[0],
                observer: { metrics.record($0, $1, $2) }, metrics: metrics.registry, tracer: tracer,
                onWriteFailure: { failure in
                    logger.error(
                        "events that were accepted could not be stored; the spool keeps them",
                        [
                            "app": .string(failure.write.key.app), "user": .string(failure.write.key.user), "session": .string(failure.write.key.id),
                            "events": .int(failure.write.events.count), "number": .int(failure.number ?? 0), "error": .string("\(failure.error)"),
                        ])
                }
            ).with(hooks: configuration.hooks)
            do throws(StoreError) {
                store = if let summaries = configuration.summaries { try opened.with(summaries: summaries.reporting(to: reporter)) } else { opened }
            } catch {
                await opened.close()
                throw error
            }
        } catch {
            for loop in loops { await loop.shutdown() }
            throw error
        }
        do {
            // What the daemon does by itself every few seconds would bury what others do.
            let quiet = store.with(tracer: nil)
            let isExposed = configuration.addresses.contains { !$0.isLocal }
            access = Access(
                store: quiet, isRequired: isExposed, allowedHosts: configuration.allowedHosts, allowedOrigins: configuration.allowedOrigins)
            try await access.refresh()
            if isExposed, try await store.tokens().isEmpty {
                throw StoreError(
                    .forbidden,
                    "an address that others can reach needs a token: make one with baton tokens create, or listen at 127.0.0.1 or a Unix socket")
            }
            tls = try configuration.identity.map { identity in
                try TLSServerContext(
                    identity: identity,
                    clientCertificates: configuration.clientAuthorities.map { .required(authorities: $0) } ?? .ignored)
            }
            var http = HTTPServer.Configuration(addresses: configuration.addresses)
            http.limits.bodyBytes = configuration.maximumBody
            http.maximumConnections = configuration.maximumConnections
            http.requestTimeout = configuration.requestTimeout
            http.idleTimeout = configuration.idleTimeout
            http.tls = tls
            let api = API(store: store, access: access, metrics: metrics.registry, logger: logger)
            server = try await HTTPServer(http, on: loops, observer: metrics) { await api.respond(to: $0) }
        } catch {
            await store.close()
            await exporter?.close(within: .zero)
            for loop in loops { await loop.shutdown() }
            throw error
        }
        self.store = store
        self.exporter = exporter
        self.loops = loops
        self.logger = logger
        drain = configuration.drain
        webHooks = WebHooks(
            store: store, policy: configuration.webHooks, loop: loops[0], metrics: metrics.registry, logger: logger.labelled("webhooks"),
            drain: configuration.drain)
        groups = GroupGauges(store.with(tracer: nil))
        metrics.observe(store)
        metrics.observe(groups)
        metrics.observe(loops)
        refreshing = Daemon.refresh(access, webHooks, logger)
        logger.info(
            "serving",
            [
                "addresses": .list(server.addresses.map { .string($0.description) }), "store": .string(configuration.store.description),
                "tls": .bool(tls != nil), "tokens": .bool(access.isRequired), "descriptors": .int(descriptors ?? 0),
                "version": .string(Daemon.version),
            ])
    }

    /// Reads certificates and keys anew for connections to come; those that are open keep theirs.
    public func reload() {
        guard let tls else { return }
        do {
            try tls.reload()
            logger.notice("certificates were read anew")
        } catch {
            logger.error("certificates could not be read; the old ones stay in use", ["error": .string("\(error)")])
        }
    }

    /// Stops in order: no new connections, no new requests of web hooks, those who wait for deliveries are answered at once, requests finish, streams end and can be resumed
    /// elsewhere; then the store is closed.
    public func stop() async {
        let connections = await server.connectionCount()
        logger.notice("stopping", ["connections": .int(connections)])
        refreshing.cancel()
        async let unsent: Void = webHooks.stop()
        store.endWaits()
        let aborted = await server.drain(within: drain)
        await unsent
        await groups.close()
        await store.close()
        // The last spans are those of the end.
        await exporter?.close()
        for loop in loops { await loop.shutdown() }
        logger.notice("stopped", ["aborted": .int(aborted)])
    }

    /// Looks for what was changed in the store, by other processes.
    private static func refresh(_ access: Access, _ webHooks: WebHooks, _ logger: Logger) -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                do throws(StoreError) { try await webHooks.refresh() } catch {
                    if Task.isCancelled { return }
                    logger.warning("web hooks could not be read; those known go on", ["error": .string("\(error)")], limit: .perMinute(2))
                }
                try? await Task.sleep(for: Access.refreshInterval)
                do throws(StoreError) { try await access.refresh() } catch {
                    if Task.isCancelled { return }
                    logger.warning("tokens could not be read; those known stay in force", ["error": .string("\(error)")], limit: .perMinute(2))
                }
            }
        }
    }
}

extension SocketAddress {
    /// Whether only this machine can reach it.
    var isLocal: Bool {
        switch self {
        case .unix: true
        case .ipv4, .ipv6: host.hasPrefix("127.") || host == "::1"
        }
    }
}

extension SummaryConfiguration {
    /// The same, with a line in the log for each summary that was made or failed.
    fileprivate func reporting(to logger: Logger) -> SummaryConfiguration {
        var configuration = self
        configuration.onReport = { [onReport] report in
            onReport?(report)
            let fields: Logger.Metadata = [
                "app": .string(report.session.app), "user": .string(report.session.user), "session": .string(report.session.id),
                "filter": .string(report.filter), "calls": .int(report.calls), "events": .int(report.events), "tokens": .int(report.tokens),
                "ms": .double(report.duration / .milliseconds(1)),
            ]
            switch report.result {
            case .success: logger.debug("a summary was made", fields)
            case .failure(let error):
                logger.warning("a summary could not be made", fields.merging(["error": .string("\(error)")]), limit: .perMinute(6))
            }
        }
        return configuration
    }
}
