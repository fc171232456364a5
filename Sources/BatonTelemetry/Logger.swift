internal import Synchronization

/// Writes structured records to a sink. A value: children made by ``with(_:)`` add metadata and share level, sink and rate limits.
///
/// A record below the level costs one relaxed load; neither message nor metadata is built for it.
public struct Logger: Sendable {
    let core: Core
    let label: String
    /// What every record of this logger carries.
    public let metadata: Metadata

    final class Core: Sendable {
        let threshold: Atomic<UInt8>
        let sink: any LogSink
        let limiter = RateLimiter()

        init(threshold: UInt8, sink: any LogSink) {
            self.threshold = Atomic(threshold)
            self.sink = sink
        }
    }

    /// A logger that writes records of `level` and above to `sink`.
    public init(label: String, level: Level = .info, to sink: any LogSink) {
        self.init(core: Core(threshold: level.rawOrder, sink: sink), label: label, metadata: [:])
    }

    init(core: Core, label: String, metadata: Metadata) {
        self.core = core
        self.label = label
        self.metadata = metadata
    }

    /// Writes nothing, at any level: the default for library users who pass no logger.
    public static let disabled = Logger(core: Core(threshold: .max, sink: DiscardingSink()), label: "", metadata: [:])

    /// The lowest level that is written; nil when nothing is. Setting it changes this logger and all its relatives at once.
    public var level: Level? {
        get { Level(rawOrder: core.threshold.load(ordering: .relaxed)) }
        nonmutating set { core.threshold.store(newValue?.rawOrder ?? .max, ordering: .relaxed) }
    }

    /// Whether a record of `level` would be written.
    public func writes(_ level: Level) -> Bool {
        level.rawOrder >= core.threshold.load(ordering: .relaxed)
    }

    /// A child that adds `metadata` to every record; a key that is already there takes the new value.
    public func with(_ metadata: Metadata) -> Logger {
        Logger(core: core, label: label, metadata: self.metadata.merging(metadata))
    }

    /// A child whose records carry the request's id under `request`.
    public func with(request id: RequestID) -> Logger {
        with(["request": .string(id.description)])
    }

    /// A child under another label, for another part of the program.
    public func labelled(_ label: String) -> Logger {
        Logger(core: core, label: label, metadata: metadata)
    }

    /// Writes one record, if its level is written and its call site is within `limit`.
    ///
    /// The first record after a limit was exceeded, or one of its own when the site falls silent, says how many were suppressed.
    /// - Parameter site: what the limit counts by; the place of the call unless given.
    public func log(
        _ level: Level, _ message: @autoclosure () -> String, _ metadata: @autoclosure () -> Metadata = [:], limit: RateLimit? = nil,
        file: StaticString = #fileID, line: UInt = #line, site: String? = nil
    ) {
        guard writes(level) else { return }
        var suppressed = 0
        if let limit {
            let site = site ?? "\(file):\(line)"
            switch core.limiter.admit(site, limit, nowMilliseconds: MonotonicClock.milliseconds) {
            case .admitted(let missed): suppressed = missed
            case .suppressed(let isFirst):
                if isFirst { reportSuppressed(at: site, level: level, after: limit.window) }
                return
            }
        }
        var all = self.metadata.merging(metadata())
        if suppressed > 0 { all["suppressed"] = .int(suppressed) }
        // Who reads a trace finds its records, and the other way round.
        if let context = TraceContext.current { all.add(context) }
        core.sink.write(
            LogRecord(milliseconds: WallClock.milliseconds, level: level, label: label, message: message(), metadata: all))
    }

    /// A site that falls silent right after a burst has no next record to carry the count, so the sink is asked to look again.
    private func reportSuppressed(at site: String, level: Level, after window: Duration) {
        core.sink.schedule(after: window) { [core, label] in
            let missed = core.limiter.takeSuppressed(site)
            guard missed > 0 else { return }
            core.sink.write(
                LogRecord(
                    milliseconds: WallClock.milliseconds, level: level, label: label, message: "similar records suppressed",
                    metadata: ["site": .string(site), "suppressed": .int(missed)]))
        }
    }
}

extension Logger {
    /// Writes at `trace`: every step, for whoever follows one request through the code.
    public func trace(
        _ message: @autoclosure () -> String, _ metadata: @autoclosure () -> Metadata = [:], limit: RateLimit? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) { log(.trace, message(), metadata(), limit: limit, file: file, line: line) }

    /// Writes at `debug`: what a developer wants to see.
    public func debug(
        _ message: @autoclosure () -> String, _ metadata: @autoclosure () -> Metadata = [:], limit: RateLimit? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) { log(.debug, message(), metadata(), limit: limit, file: file, line: line) }

    /// Writes at `info`: what an operator wants to see in normal times.
    public func info(
        _ message: @autoclosure () -> String, _ metadata: @autoclosure () -> Metadata = [:], limit: RateLimit? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) { log(.info, message(), metadata(), limit: limit, file: file, line: line) }

    /// Writes at `notice`: normal, but rare enough to be seen.
    public func notice(
        _ message: @autoclosure () -> String, _ metadata: @autoclosure () -> Metadata = [:], limit: RateLimit? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) { log(.notice, message(), metadata(), limit: limit, file: file, line: line) }

    /// Writes at `warning`: something is wrong and was handled.
    public func warning(
        _ message: @autoclosure () -> String, _ metadata: @autoclosure () -> Metadata = [:], limit: RateLimit? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) { log(.warning, message(), metadata(), limit: limit, file: file, line: line) }

    /// Writes at `error`: something failed for somebody.
    public func error(
        _ message: @autoclosure () -> String, _ metadata: @autoclosure () -> Metadata = [:], limit: RateLimit? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) { log(.error, message(), metadata(), limit: limit, file: file, line: line) }

    /// Writes at `critical`: the process cannot do its work.
    public func critical(
        _ message: @autoclosure () -> String, _ metadata: @autoclosure () -> Metadata = [:], limit: RateLimit? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) { log(.critical, message(), metadata(), limit: limit, file: file, line: line) }
}
