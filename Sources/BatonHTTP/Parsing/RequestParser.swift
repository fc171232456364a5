/// A strict, incremental parser of HTTP/1.1 requests (RFC 9112).
///
/// Feed it the bytes that are not consumed yet; it takes what it understands and remembers how far it looked, so nothing is scanned
/// twice. What could be read in two ways is refused. The outcome never depends on how the bytes were split.
public struct RequestParser: Sendable {
    private enum State: Sendable {
        case start(emptyLines: Int)
        case fields
        case body(BodyDecoder)
        case failed(HTTPError)
    }

    /// What a call to ``parse(_:consumed:)`` came to.
    public enum Step: Sendable {
        /// The input is used up; more is needed.
        case needsMore
        /// The head asked for `100 Continue` before its body; parsing goes on with the next call.
        case expectsContinue
        /// One request is complete; the next call begins another.
        case request(Request, keepAlive: Bool)
    }

    private let limits: Limits
    private var state = State.start(emptyLines: 0)
    private var lines = LineScanner()
    private var headBytes = 0
    private var line = RequestLine()
    private var headers = Headers()
    private var framing = Framing()
    private var body: [UInt8] = []

    /// A parser at the beginning of a connection.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Whether part of a request has been consumed.
    public var isInsideRequest: Bool {
        if case .start = state { false } else { true }
    }

    /// Parses up to the end of one request.
    ///
    /// - Parameters:
    ///   - input: everything received and not consumed yet.
    ///   - consumed: set to the number of bytes the caller may now drop.
    /// - Throws: an error whose `status` is the answer to give before closing; the parser then throws it again for ever.
    public mutating func parse(_ input: Span<UInt8>, consumed: inout Int) throws(HTTPError) -> Step {
        consumed = 0
        do throws(HTTPError) {
            return try advance(input, &consumed)
        } catch {
            state = .failed(error)
            throw error
        }
    }

    private mutating func advance(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPError) -> Step {
        while true {
            switch state {
            case .start(let emptyLines):
                guard position < input.count else { return .needsMore }
                let first = input[position]
                guard ByteClass.token.contains(first) || first == .carriageReturn else {
                    throw HTTPError(.malformed, "a request begins with its method", status: 400)
                }
                guard let range = try nextLine(input, position) else { return .needsMore }
                position = range.upperBound + 2
                if range.isEmpty {
                    // RFC 9112 §2.2: ignore at least one empty line before the request line. Exactly one is ignored here.
                    guard emptyLines == 0 else { throw HTTPError(.malformed, "a request begins with its method", status: 400) }
                    state = .start(emptyLines: 1)
                } else {
                    headBytes = range.count + 2
                    line = try RequestLine(input, range, limits: limits)
                    state = .fields
                }
            case .fields:
                guard let range = try nextLine(input, position) else { return .needsMore }
                position = range.upperBound + 2
                headBytes += range.count + 2
                if range.isEmpty {
                    try finishHead()
                    if framing.expectsContinue, line.minorVersion > 0, framing.isChunked || (framing.contentLength ?? 0) > 0 {
                        return .expectsContinue
                    }
                } else {
                    guard headers.count < limits.headerCount else {
                        throw HTTPError(.tooLarge, "more than \(limits.headerCount) header fields", status: 431)
                    }
                    let field = try FieldLine(input, range)
                    try framing.note(input, field)
                    headers.add(input, name: field.name, value: field.value)
                }
            case .body(var decoder):
                let step = try decoder.next(input, &position)
                state = .body(decoder)
                switch step {
                case .bytes(let range): body.append(input, range)
                case .needsMore: return .needsMore
                case .complete: return finish()
                }
            case .failed(let error): throw error
            }
        }
    }

    private mutating func nextLine(_ input: Span<UInt8>, _ position: Int) throws(HTTPError) -> Range<Int>? {
        // The request line has room for the longest target with any method of ours around it.
        var limit = limits.headBytes - headBytes
        var tooLong = HTTPError(.tooLarge, "the head is longer than \(limits.headBytes) bytes", status: 431)
        if case .start = state, limits.targetBytes + 48 < limit {
            limit = limits.targetBytes + 48
            tooLong = HTTPError(.tooLarge, "the target is longer than \(limits.targetBytes) bytes", status: 414)
        }
        do {
            return try lines.next(in: input, from: position, atMost: limit)
        } catch .tooLong {
            throw tooLong
        } catch {
            throw HTTPError(.malformed, "a line must end with CRLF", status: 400)
        }
    }

    private mutating func finishHead() throws(HTTPError) {
        // RFC 9112 §3.2: 400 for an HTTP/1.1 request without Host, and for any request with more than one.
        if framing.hosts != 1, line.minorVersion > 0 || framing.hosts > 1 {
            throw HTTPError(.malformed, "a request needs exactly one Host", status: 400)
        }
        try framing.check(minorVersion: line.minorVersion)
        if framing.isChunked {
            state = .body(.chunked(limits: limits))
        } else {
            let length = framing.contentLength ?? 0
            guard length <= limits.bodyBytes else {
                throw HTTPError(.tooLarge, "the body is longer than \(limits.bodyBytes) bytes", status: 413)
            }
            // An announced length is no reason to set aside megabytes; memory follows what arrives.
            if length > 0 { body.reserveCapacity(min(length, 64 * 1024)) }
            state = .body(.fixed(length, limits: limits))
        }
    }

    private mutating func finish() -> Step {
        var request = Request(line.method, line.path, query: line.query, headers: headers, body: body)
        // RFC 9112 §3.2.2: the host of an absolute target replaces the Host field.
        request.host = line.authority ?? framing.host ?? ""
        request.minorVersion = line.minorVersion
        // RFC 9112 §9.3. HTTP/1.0 connections always close: one rule less for its intermediaries to get wrong.
        let keepAlive = line.minorVersion > 0 && !framing.closes
        state = .start(emptyLines: 0)
        headBytes = 0
        headers = Headers()
        framing = Framing()
        body = []
        return .request(request, keepAlive: keepAlive)
    }
}
