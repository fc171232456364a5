/// Writes events in the format of WHATWG HTML §9.2.5, any number of them into one ``Chunk``.
public struct EventStreamEncoder: Sendable {
    private var bytes: [UInt8] = []

    /// An encoder without events.
    public init() {}

    /// The bytes written so far, without chunk framing.
    public var count: Int { bytes.count }

    /// Adds an event. The payload may have any line ends; a reader gets them as LF.
    ///
    /// - Parameters:
    ///   - id: left out when nil. CR, LF and NUL, which an id cannot carry, are dropped.
    ///   - name: left out when nil, which means `message`.
    public mutating func event(id: String? = nil, name: String? = nil, data: [UInt8]) {
        bytes.reserveCapacity(bytes.count + data.count + 64)
        if let id { field("id: ", id) }
        if let name { field("event: ", name) }
        let span = data.span
        var start = 0
        while true {
            let end = span.endOfLine(from: start)
            bytes.append("data: ")
            bytes.append(span, start..<end)
            bytes.append(.lineFeed)
            guard end < data.count else { break }
            start = end + 1
            // CRLF is one line end.
            if data[end] == .carriageReturn, start < data.count, data[start] == .lineFeed { start += 1 }
        }
        bytes.append(.lineFeed)
    }

    /// Adds an event.
    public mutating func event(_ event: ServerSentEvent) {
        self.event(id: event.id.isEmpty ? nil : event.id, name: event.name == "message" ? nil : event.name, data: event.data)
    }

    /// Moves the reader's last id without an event for it (WHATWG HTML §9.2.6: a block without data sets the id and dispatches nothing).
    public mutating func id(_ id: String) {
        field("id: ", id)
        bytes.append(.lineFeed)
    }

    /// Adds a comment, which readers ignore.
    public mutating func comment(_ text: String) {
        field(": ", text)
        bytes.append(.lineFeed)
    }

    /// Tells readers how long to wait before they reconnect.
    public mutating func retry(milliseconds: Int) {
        bytes.append("retry: ")
        bytes.append(decimal: max(milliseconds, 0))
        bytes.append("\n\n")
    }

    /// Everything written so far as one chunk.
    public consuming func chunk() -> Chunk { Chunk(bytes) }

    /// One event as a chunk of its own.
    public static func event(id: String? = nil, name: String? = nil, data: [UInt8]) -> Chunk {
        var encoder = EventStreamEncoder()
        encoder.event(id: id, name: name, data: data)
        return encoder.chunk()
    }

    /// One comment as a chunk of its own.
    public static func comment(_ text: String) -> Chunk {
        var encoder = EventStreamEncoder()
        encoder.comment(text)
        return encoder.chunk()
    }

    /// The heartbeat `: hb`.
    static let heartbeat = comment("hb")

    private mutating func field(_ prefix: StaticString, _ value: String) {
        bytes.append(prefix)
        for byte in value.utf8 where byte != .lineFeed && byte != .carriageReturn && byte != 0 { bytes.append(byte) }
        bytes.append(.lineFeed)
    }
}

extension Span<UInt8> {
    /// The first CR or LF at or after `start`, or the end.
    func endOfLine(from start: Int) -> Int {
        let lineFeed = firstIndex(of: .lineFeed, in: start..<count) ?? count
        return firstIndex(of: .carriageReturn, in: start..<lineFeed) ?? lineFeed
    }
}
