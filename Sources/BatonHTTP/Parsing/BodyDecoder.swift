/// Takes the transfer coding off a body (RFC 9112 §6 and §7), incrementally and within limits.
struct BodyDecoder: Sendable {
    private enum State: Sendable {
        case fixed(Int)
        case untilClose
        case chunkSize
        case chunkData(Int)
        case chunkEnd
        case trailers
        case complete
    }

    enum Step {
        /// This much of the input, from where decoding began, is body.
        case bytes(Range<Int>)
        case needsMore
        case complete
    }

    private var state: State
    private var lines = LineScanner()
    private var received = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerCount = 0
    private let limits: Limits

    static func fixed(_ length: Int, limits: Limits) -> BodyDecoder { BodyDecoder(length == 0 ? .complete : .fixed(length), limits) }
    static func chunked(limits: Limits) -> BodyDecoder { BodyDecoder(.chunkSize, limits) }
    static func untilClose(limits: Limits) -> BodyDecoder { BodyDecoder(.untilClose, limits) }

    private init(_ state: State, _ limits: Limits) {
        self.state = state
        self.limits = limits
    }

    /// Whether the end of the connection is the end of the body.
    var endsWithConnection: Bool { if case .untilClose = state { true } else { false } }

    /// Decodes from `position`, which moves past what was understood. Bytes are reported, not copied.
    mutating func next(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPError) -> Step {
        while true {
            switch state {
            case .complete: return .complete
            case .fixed(let rest):
                guard position < input.count else { return .needsMore }
                let range = position..<position + min(rest, input.count - position)
                position = range.upperBound
                state = rest == range.count ? .complete : .fixed(rest - range.count)
                return .bytes(range)
            case .untilClose:
                guard position < input.count else { return .needsMore }
                let range = position..<input.count
                try count(range.count)
                position = range.upperBound
                return .bytes(range)
            case .chunkSize:
                guard let line = try line(input, position, limits.chunkExtensionBytes) else { return .needsMore }
                let size = try chunkSize(input, line)
                position = line.upperBound + 2
                try count(size)
                state = size == 0 ? .trailers : .chunkData(size)
            case .chunkData(let rest):
                guard position < input.count else { return .needsMore }
                let range = position..<position + min(rest, input.count - position)
                position = range.upperBound
                state = rest == range.count ? .chunkEnd : .chunkData(rest - range.count)
                return .bytes(range)
            case .chunkEnd:
                // §7.1: the data is followed by CRLF and nothing else. The first wrong byte is enough to know.
                guard position < input.count else { return .needsMore }
                guard input[position] == .carriageReturn else { throw malformed("chunk data must end with CRLF") }
                guard position + 1 < input.count else { return .needsMore }
                guard input[position + 1] == .lineFeed else { throw malformed("chunk data must end with CRLF") }
                position += 2
                state = .chunkSize
            case .trailers:
                guard let line = try line(input, position, limits.headBytes - trailerBytes) else { return .needsMore }
                position = line.upperBound + 2
                trailerBytes += line.count + 2
                if line.isEmpty {
                    state = .complete
                } else {
                    // §7.1.2: trailers may be discarded; they are checked all the same, and never merged into the head.
                    trailerCount += 1
                    guard trailerCount <= limits.headerCount else {
                        throw HTTPError(.tooLarge, "more than \(limits.headerCount) trailers", status: 431)
                    }
                    _ = try FieldLine(input, line)
                }
            }
        }
    }

    private mutating func count(_ bytes: Int) throws(HTTPError) {
        guard bytes <= limits.bodyBytes - received else {
            throw HTTPError(.tooLarge, "the body is longer than \(limits.bodyBytes) bytes", status: 413)
        }
        received += bytes
    }

    private mutating func line(_ input: Span<UInt8>, _ position: Int, _ limit: Int) throws(HTTPError) -> Range<Int>? {
        do {
            return try lines.next(in: input, from: position, atMost: limit)
        } catch .tooLong {
            if case .trailers = state { throw HTTPError(.tooLarge, "the trailers are longer than \(limits.headBytes) bytes", status: 431) }
            throw malformed("a chunk-size line is longer than \(limits.chunkExtensionBytes) bytes")
        } catch {
            throw malformed("a line must end with CRLF")
        }
    }

    /// `chunk-size [ chunk-ext ]` (§7.1). Extensions are ignored, as §7.1.1 asks, but counted.
    private mutating func chunkSize(_ input: Span<UInt8>, _ line: Range<Int>) throws(HTTPError) -> Int {
        var size = 0
        var index = line.lowerBound
        while index < line.upperBound, let digit = input[index].hexValue {
            // Fifteen digits always fit; more are an attempt to make a reader overflow.
            guard index - line.lowerBound < 15 else { throw malformed("a chunk size has more than 15 digits") }
            size = size << 4 | Int(digit)
            index += 1
        }
        guard index > line.lowerBound else { throw malformed("a chunk size must be hexadecimal digits") }
        extensionBytes += line.upperBound - index
        guard extensionBytes <= limits.chunkExtensionBytes else {
            throw malformed("chunk extensions are longer than \(limits.chunkExtensionBytes) bytes")
        }
        if index < line.upperBound {
            // Whitespace may stand before the semicolon only (§7.1.1 BWS).
            while index < line.upperBound, input[index].isWhitespace { index += 1 }
            guard index < line.upperBound, input[index] == .semicolon else { throw malformed("a chunk size must be hexadecimal digits") }
            for byte in index..<line.upperBound where !ByteClass.isFieldContent(input[byte]) {
                throw malformed("a chunk extension has a byte that is not allowed")
            }
        }
        return size
    }

    private func malformed(_ message: String) -> HTTPError { HTTPError(.malformed, message, status: 400) }
}
