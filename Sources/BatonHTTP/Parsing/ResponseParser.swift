/// A strict, incremental parser of HTTP/1.1 responses (RFC 9112), for one exchange at a time.
public struct ResponseParser: Sendable {
    private enum State: Sendable {
        case statusLine
        case fields
        case body(BodyDecoder)
        case complete
        case failed(HTTPError)
    }

    /// What a call to ``parse(_:consumed:)`` came to.
    public enum Step: Sendable {
        /// The input is used up; more is needed.
        case needsMore
        /// The final response's head is complete. Interim responses (1xx) are skipped.
        case head(ResponseHead)
        /// This range of the input is body, its transfer coding removed.
        case body(Range<Int>)
        /// The response is complete.
        case complete(keepAlive: Bool)
    }

    private let limits: Limits
    private let method: Method
    private var state = State.statusLine
    private var lines = LineScanner()
    private var headBytes = 0
    private var interim = 0
    private var head = ResponseHead(status: 200)
    private var framing = Framing()

    /// A parser for the response to a request of `method`, which decides whether a body follows.
    public init(to method: Method, limits: Limits = Limits()) {
        self.method = method
        self.limits = limits
    }

    /// Parses up to the next step.
    ///
    /// - Parameters:
    ///   - input: everything received and not consumed yet.
    ///   - consumed: set to the number of bytes the caller may now drop, those of a reported body range included.
    public mutating func parse(_ input: Span<UInt8>, consumed: inout Int) throws(HTTPError) -> Step {
        consumed = 0
        do throws(HTTPError) {
            return try advance(input, &consumed)
        } catch {
            state = .failed(error)
            throw error
        }
    }

    /// The server has closed the connection: the end of a body that has no length, else an error.
    public mutating func peerClosed() throws(HTTPError) {
        switch state {
        case .complete: return
        case .body(let decoder) where decoder.endsWithConnection: state = .complete
        case .failed(let error): throw error
        case .statusLine where headBytes == 0:
            throw HTTPError(.connectionClosed, "the server closed the connection without an answer")
        default: throw HTTPError(.connectionClosed, "the server closed the connection in the middle of its answer")
        }
    }

    private mutating func advance(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPError) -> Step {
        while true {
            switch state {
            case .statusLine:
                guard let range = try nextLine(input, position) else { return .needsMore }
                position = range.upperBound + 2
                headBytes = range.count + 2
                head = try readStatusLine(input, range)
                framing = Framing()
                state = .fields
            case .fields:
                guard let range = try nextLine(input, position) else { return .needsMore }
                position = range.upperBound + 2
                headBytes += range.count + 2
                if !range.isEmpty {
                    guard head.headers.count < limits.headerCount else {
                        throw HTTPError(.tooLarge, "the answer has more than \(limits.headerCount) header fields")
                    }
                    let field = try FieldLine(input, range)
                    try framing.note(input, field)
                    head.headers.add(input, name: field.name, value: field.value)
                } else if head.status.isInformational {
                    // RFC 9110 §15.2: any number of interim responses may come first. A bound, and no upgrade that was never asked for.
                    interim += 1
                    guard head.status != 101, interim <= 16 else { throw HTTPError(.malformed, "unexpected interim answer \(head.status)") }
                    headBytes = 0
                    state = .statusLine
                } else {
                    state = try finishHead()
                    return .head(head)
                }
            case .body(var decoder):
                let step = try decoder.next(input, &position)
                state = .body(decoder)
                switch step {
                case .bytes(let range): return .body(range)
                case .needsMore: return .needsMore
                case .complete: state = .complete
                }
            case .complete:
                return .complete(keepAlive: head.minorVersion > 0 ? !framing.closes : framing.keepsAlive)
            case .failed(let error): throw error
            }
        }
    }

    private mutating func nextLine(_ input: Span<UInt8>, _ position: Int) throws(HTTPError) -> Range<Int>? {
        do {
            return try lines.next(in: input, from: position, atMost: limits.headBytes - headBytes)
        } catch .tooLong {
            throw HTTPError(.tooLarge, "the head of the answer is longer than \(limits.headBytes) bytes")
        } catch {
            throw HTTPError(.malformed, "a line of the answer's head does not end with CRLF")
        }
    }

    /// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 §4); the last SP is often missing in practice.
    private func readStatusLine(_ input: Span<UInt8>, _ line: Range<Int>) throws(HTTPError) -> ResponseHead {
        guard line.count >= 12 else { throw HTTPError(.malformed, "the answer does not begin with an HTTP status line") }
        var head = ResponseHead(status: 200)
        head.minorVersion = try RequestLine.minorVersion(input, line.prefix(8))
        let code = line.lowerBound + 9
        guard input[code - 1] == .space, input[code].isDigit, input[code + 1].isDigit, input[code + 2].isDigit, input[code] != 0x30,
            line.count == 12 || input[code + 3] == .space
        else { throw HTTPError(.malformed, "the answer does not begin with an HTTP status line") }
        for index in code + 3..<line.upperBound where !ByteClass.isFieldContent(input[index]) {
            throw HTTPError(.malformed, "the reason phrase has a byte that is not allowed")
        }
        head.status = Status(Int(input[code] & 15) * 100 + Int(input[code + 1] & 15) * 10 + Int(input[code + 2] & 15))
        return head
    }

    /// RFC 9112 §6.3, in its order.
    private func finishHead() throws(HTTPError) -> State {
        try framing.check(minorVersion: head.minorVersion)
        if method == .head || head.status.forbidsBody { return .complete }
        if framing.isChunked { return .body(.chunked(limits: limits)) }
        guard let length = framing.contentLength else { return .body(.untilClose(limits: limits)) }
        guard length <= limits.bodyBytes else {
            throw HTTPError(.tooLarge, "the answer is longer than \(limits.bodyBytes) bytes", status: head.status)
        }
        return .body(.fixed(length, limits: limits))
    }
}

/// Status and fields of a response.
public struct ResponseHead: Sendable {
    /// The status.
    public var status: Status
    /// The header fields.
    public var headers: Headers
    /// The minor version: 0 for HTTP/1.0, else 1.
    public var minorVersion = 1

    /// Creates a head.
    public init(status: Status, headers: Headers = [:]) {
        self.status = status
        self.headers = headers
    }
}
