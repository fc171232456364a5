public import BatonIO
public import BatonTelemetry

/// Is told what a server does, for metrics and access logs. Always on a loop's thread: it must not block.
public protocol HTTPServerObserver: Sendable {
    /// An answer was handed to the connection; for a stream, its head.
    func requestFinished(_ record: RequestRecord)
    /// A connection was accepted.
    func connectionOpened()
    /// A connection is closed.
    func connectionClosed()
    /// A stream has begun.
    func streamOpened(route: String)
    /// A stream has ended.
    func streamClosed(route: String, because reason: ResponseStream.End)
}

extension HTTPServerObserver {
    /// Does nothing.
    public func connectionOpened() {}
    /// Does nothing.
    public func connectionClosed() {}
    /// Does nothing.
    public func streamOpened(route: String) {}
    /// Does nothing.
    public func streamClosed(route: String, because reason: ResponseStream.End) {}
}

/// One answered request, as an access log wants it. No query and no fields, which may carry secrets.
public struct RequestRecord: Sendable {
    /// The method; empty when the request could not be read.
    public let method: String
    /// The path as it was sent; empty when the request could not be read.
    public let path: String
    /// What the handler put into `Response.route`.
    public let route: String
    /// What the handler put into `Response.requestID`.
    public let requestID: String
    /// What the handler put into `Response.trace`.
    public let trace: TraceContext?
    /// The status of the answer.
    public let status: Status
    /// Bytes of the request's body.
    public let requestBytes: Int
    /// Bytes of the answer, head included; for a stream, its head.
    public let responseBytes: Int
    /// From the complete request to the answer.
    public let duration: Duration
    /// The client's address.
    public let peer: SocketAddress?
    /// Whether the answer is a stream.
    public let isStream: Bool
}
