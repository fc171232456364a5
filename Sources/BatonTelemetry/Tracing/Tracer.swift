/// Begins spans. The store asks it for one around each operation; whoever has a tracing library of their own puts it behind this.
public protocol Tracer: Sendable {
    /// Begins a span now.
    /// - Parameters:
    ///   - name: what is done, of a small fixed set.
    ///   - parent: what causes it; `nil` when nothing is known, and it begins a trace, unless the tracer knows better.
    ///   - links: what it follows from without being a part of it, such as the spans that published what is consumed.
    func startSpan(_ name: String, kind: SpanKind, parent: TraceContext?, links: [TraceContext]) -> any TraceSpan
}

/// Something that is being done, from its beginning to its end. Used by the task that does it and tasks below it.
public protocol TraceSpan: AnyObject, Sendable {
    /// What is passed on to those who are called, and noted on what is stored.
    var context: TraceContext { get }
    /// Whether anybody will see what is said of it; otherwise nothing has to be.
    var isRecording: Bool { get }
    /// Gives it a better name, known only later.
    func rename(_ name: String)
    /// Says something of it; an attribute that is said twice has the last value.
    func set(_ attribute: String, _ value: SpanValue)
    /// Says what it follows from.
    func link(to context: TraceContext)
    /// Says that it failed: what kind of failure, and a sentence without secrets.
    func fail(_ type: String, _ message: String)
    /// Ends it now. What is said later is not heard.
    func end()
}

/// What a span has to do with other processes (OpenTelemetry's SpanKind).
public enum SpanKind: Int, Sendable, CaseIterable {
    /// Nothing.
    case `internal` = 1
    /// It answers another process.
    case server
    /// It waits for the answer of another process.
    case client
    /// It hands something to others, who work on it later.
    case producer
    /// It works on what others handed over.
    case consumer
}

/// The value of an attribute.
public enum SpanValue: Sendable, Equatable {
    case string(String)
    case int(Int)
    case double(Double)
    case bool(Bool)
}

extension SpanValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int) { self = .int(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// The span that the current task works for.
public enum ActiveSpan {
    /// Set for a task and those it starts with `$current.withValue(span) { … }`.
    @TaskLocal public static var current: (any TraceSpan)?
}

extension TraceContext {
    /// The context of the span that the current task works for.
    public static var current: TraceContext? { ActiveSpan.current?.context }
}

/// A span that is recorded elsewhere or not at all: it only carries a context on.
public final class PassiveSpan: TraceSpan {
    /// What is carried.
    public let context: TraceContext

    /// A span with the context that a caller sent.
    public init(_ context: TraceContext) { self.context = context }

    /// False.
    public var isRecording: Bool { false }
    /// Not heard.
    public func rename(_ name: String) {}
    /// Not heard.
    public func set(_ attribute: String, _ value: SpanValue) {}
    /// Not heard.
    public func link(to context: TraceContext) {}
    /// Not heard.
    public func fail(_ type: String, _ message: String) {}
    /// Not heard.
    public func end() {}
}
