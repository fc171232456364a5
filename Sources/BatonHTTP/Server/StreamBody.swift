/// How a streamed response begins, beats and ends.
public struct StreamBody: Sendable {
    /// Sent when the stream has been silent for the server's heartbeat interval; nil for none.
    public var heartbeat: Chunk?
    /// The last bytes when the server drains.
    public var farewell: Chunk?
    /// Called on the loop's thread once the head is on its way.
    public var start: @Sendable (ResponseStream) -> Void

    /// Creates a body.
    public init(heartbeat: Chunk? = nil, farewell: Chunk? = nil, _ start: @escaping @Sendable (ResponseStream) -> Void) {
        self.heartbeat = heartbeat
        self.farewell = farewell
        self.start = start
    }
}
