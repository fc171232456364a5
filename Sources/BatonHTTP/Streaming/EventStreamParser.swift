/// Reads an event stream incrementally (WHATWG HTML §9.2.6).
public struct EventStreamParser: Sendable {
    /// The id of the last event that was complete: what `Last-Event-ID` has to say. An event cut off in the middle does not move it.
    public private(set) var lastEventID: String
    /// The reconnection time that the stream asked for, in milliseconds.
    public internal(set) var retryMilliseconds: Int?

    private let maximumEventBytes: Int
    private var line: [UInt8] = []
    private var endedWithCarriageReturn = false
    private var isFirstLine = true
    private var id: String
    private var name = ""
    private var data: [UInt8] = []

    /// A parser at the beginning of a stream.
    ///
    /// - Parameters:
    ///   - lastEventID: the id to resume from, which stays until the stream sends another.
    ///   - maximumEventBytes: how long the payload of one event, or one line, may be.
    public init(lastEventID: String = "", maximumEventBytes: Int = 16 * 1024 * 1024) {
        self.lastEventID = lastEventID
        self.id = lastEventID
        self.maximumEventBytes = maximumEventBytes
    }

    /// Reads `input` and hands over every event that it completes.
    ///
    /// - Throws: `tooLarge` when an event exceeds the bound.
    public mutating func parse(_ input: Span<UInt8>, _ deliver: (ServerSentEvent) -> Void) throws(HTTPError) {
        var start = 0
        // A line ends with CRLF, LF or CR; the LF of a CRLF may come with the next bytes.
        if endedWithCarriageReturn, start < input.count {
            if input[start] == .lineFeed { start += 1 }
            endedWithCarriageReturn = false
        }
        while start < input.count {
            let end = input.endOfLine(from: start)
            guard line.count + (end - start) <= maximumEventBytes else { throw tooLarge }
            line.append(input, start..<end)
            guard end < input.count else { return }
            start = end + 1
            if input[end] == .carriageReturn {
                if start == input.count {
                    endedWithCarriageReturn = true
                } else if input[start] == .lineFeed {
                    start += 1
                }
            }
            try endLine(deliver)
        }
    }

    private mutating func endLine(_ deliver: (ServerSentEvent) -> Void) throws(HTTPError) {
        // Taken out, so that its span does not borrow the parser; put back empty, so that its storage is used again.
        var line: [UInt8] = []
        swap(&line, &self.line)
        defer {
            line.removeAll(keepingCapacity: line.capacity <= 16 * 1024)
            swap(&line, &self.line)
        }
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: [0xef, 0xbb, 0xbf]) { line.removeFirst(3) }
        }
        guard !line.isEmpty else {
            dispatch(deliver)
            return
        }
        let field = line
        let span = field.span
        let colon = span.firstIndex(of: .colon, in: 0..<line.count) ?? line.count
        var valueStart = min(colon + 1, line.count)
        if valueStart < line.count, line[valueStart] == .space { valueStart += 1 }
        let value = valueStart..<line.count
        if span.isExactly(0..<colon, "data") {
            guard data.count + value.count < maximumEventBytes else { throw tooLarge }
            data.append(span, value)
            data.append(.lineFeed)
        } else if span.isExactly(0..<colon, "id") {
            // An id with NUL is ignored.
            if span.firstIndex(of: 0, in: value) == nil { id = span.string(value) }
        } else if span.isExactly(0..<colon, "event") {
            name = span.string(value)
        } else if span.isExactly(0..<colon, "retry"), !value.isEmpty, value.count <= 9, value.allSatisfy({ field[$0].isDigit }) {
            retryMilliseconds = value.reduce(0) { $0 * 10 + Int(field[$1] & 15) }
        }
    }

    private mutating func dispatch(_ deliver: (ServerSentEvent) -> Void) {
        lastEventID = id
        let eventName = name
        name = ""
        guard !data.isEmpty else { return }
        data.removeLast()
        var payload: [UInt8] = []
        swap(&payload, &data)
        deliver(ServerSentEvent(id: id, name: eventName.isEmpty ? "message" : eventName, data: payload))
    }

    private var tooLarge: HTTPError { HTTPError(.tooLarge, "an event is longer than \(maximumEventBytes) bytes") }
}
