/// `method SP request-target SP HTTP-version` (RFC 9112 §3), checked.
struct RequestLine: Sendable {
    var method = Method.get
    var path = ""
    var query: String?
    /// The authority of an absolute-form target.
    var authority: String?
    var minorVersion = 1

    init() {}

    init(_ input: Span<UInt8>, _ line: Range<Int>, limits: Limits) throws(HTTPError) {
        // Exactly one SP between the parts: RFC 9112 §3 allows leniency, and names the smuggling that comes of it.
        guard let methodEnd = input.firstIndex(of: .space, in: line), methodEnd > line.lowerBound else {
            throw HTTPError(.malformed, "the request line needs a method, a target and a version", status: 400)
        }
        for index in line.lowerBound..<methodEnd where !ByteClass.token.contains(input[index]) {
            throw HTTPError(.malformed, "byte \(index - line.lowerBound) of the method is not allowed", status: 400)
        }
        let targetStart = methodEnd + 1
        guard let targetEnd = input.firstIndex(of: .space, in: targetStart..<line.upperBound), targetEnd > targetStart else {
            throw HTTPError(.malformed, "the request line needs a method, a target and a version", status: 400)
        }
        if targetEnd - targetStart > limits.targetBytes {
            throw HTTPError(.tooLarge, "the target is longer than \(limits.targetBytes) bytes", status: 414)
        }
        for index in targetStart..<targetEnd where !ByteClass.target.contains(input[index]) {
            throw HTTPError(.malformed, "byte \(index - targetStart) of the target is not allowed", status: 400)
        }
        minorVersion = try Self.minorVersion(input, targetEnd + 1..<line.upperBound)
        method = try Method.parse(input, line.lowerBound..<methodEnd)
        try readTarget(input, targetStart..<targetEnd)
    }

    /// RFC 9112 §2.3. A later minor of HTTP/1 is served as 1.1 (RFC 9110 §2.5); another major is refused.
    static func minorVersion(_ input: Span<UInt8>, _ range: Range<Int>) throws(HTTPError) -> Int {
        let start = range.lowerBound
        guard range.count == 8, input.isExactly(start..<start + 5, "HTTP/"), input[start + 5].isDigit, input[start + 6] == 0x2e,
            input[start + 7].isDigit
        else { throw HTTPError(.malformed, "the version must be HTTP/1.1 or HTTP/1.0", status: 400) }
        guard input[start + 5] == 0x31 else { throw HTTPError(.unsupported, "only HTTP/1 is spoken", status: 505) }
        return input[start + 7] == 0x30 ? 0 : 1
    }

    private mutating func readTarget(_ input: Span<UInt8>, _ target: Range<Int>) throws(HTTPError) {
        if input[target.lowerBound] == 0x2f {
            readPath(input, target)
        } else if target.count == 1, input[target.lowerBound] == 0x2a {
            // RFC 9112 §3.2.4: asterisk-form is for OPTIONS alone.
            guard method == .options else { throw HTTPError(.malformed, "the target * is for OPTIONS", status: 400) }
            path = "*"
        } else if let start = Self.endOfScheme(input, target) {
            // RFC 9112 §3.2.2: a server must accept absolute-form.
            var end = start
            while end < target.upperBound, input[end] != 0x2f, input[end] != 0x3f { end += 1 }
            guard end > start else { throw HTTPError(.malformed, "the target has no host", status: 400) }
            authority = try Authority.validate(input, start..<end)
            readPath(input, end..<target.upperBound)
        } else {
            throw HTTPError(.malformed, "the target must begin with / or http://", status: 400)
        }
    }

    private mutating func readPath(_ input: Span<UInt8>, _ range: Range<Int>) {
        let mark = input.firstIndex(of: 0x3f, in: range)
        let end = mark ?? range.upperBound
        path = end == range.lowerBound ? "/" : input.string(range.lowerBound..<end)
        if let mark { query = input.string(mark + 1..<range.upperBound) }
    }

    private static func endOfScheme(_ input: Span<UInt8>, _ target: Range<Int>) -> Int? {
        if input.matches(target.prefix(7), "http://") { return target.lowerBound + 7 }
        if input.matches(target.prefix(8), "https://") { return target.lowerBound + 8 }
        return nil
    }
}
