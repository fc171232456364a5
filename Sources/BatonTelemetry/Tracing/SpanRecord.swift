/// A span that has ended, on its way to a sink.
public struct SpanRecord: Sendable, Equatable {
    /// Something that was said of a span.
    public struct Attribute: Sendable, Equatable {
        /// What it is about.
        public var name: String
        /// What was said.
        public var value: SpanValue

        /// An attribute.
        public init(_ name: String, _ value: SpanValue) {
            self.name = name
            self.value = value
        }
    }

    /// What was done.
    public var name: String
    /// What it had to do with other processes.
    public var kind: SpanKind
    /// Its own ids.
    public var context: TraceContext
    /// The id of the span that caused it; `nil` for the first of a trace.
    public var parentID: UInt64?
    /// Nanoseconds since 1970.
    public var start: UInt64
    /// Nanoseconds since 1970; not before `start`.
    public var end: UInt64
    /// What was said of it; at most ``maximumAttributes``.
    public var attributes: [Attribute]
    /// What it follows from; at most ``maximumLinks``.
    public var links: [TraceContext]
    /// A sentence for the failure; `nil` when it did not fail.
    public var failure: String?

    /// What is said beyond is not kept.
    public static let (maximumAttributes, maximumLinks) = (64, 128)

    /// The value of an attribute.
    public subscript(name: String) -> SpanValue? { attributes.first { $0.name == name }?.value }
}

/// Where spans go that have ended. Called on any thread, loops included, so it must not block.
public protocol SpanSink: Sendable {
    /// Takes one span.
    func write(_ span: SpanRecord)
}
