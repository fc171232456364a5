/// One event of an event stream (WHATWG HTML §9.2).
public struct ServerSentEvent: Sendable, Equatable {
    /// Where to resume: sent back as `Last-Event-ID`. Sticky on the wire: an event without one has that of the event before it.
    public var id: String
    /// The event's type; `message` when the stream names none.
    public var name: String
    /// The payload, lines joined by LF.
    public var data: [UInt8]

    /// Creates an event.
    public init(id: String = "", name: String = "message", data: [UInt8]) {
        self.id = id
        self.name = name
        self.data = data
    }

    /// The payload as text.
    public var text: String { String(decoding: data, as: UTF8.self) }
}
