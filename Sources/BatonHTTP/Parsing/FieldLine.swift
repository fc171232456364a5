/// One `name: value` line (RFC 9112 §5), checked.
struct FieldLine {
    let name: Range<Int>
    let value: Range<Int>

    /// - Throws: `malformed` for a fold, whitespace before the colon, an empty or bad name, a control in the value.
    init(_ input: Span<UInt8>, _ line: Range<Int>) throws(HTTPError) {
        // RFC 9112 §5.2: obs-fold outside message/http is to be rejected or replaced; §2.2: likewise whitespace before the first field.
        if input[line.lowerBound].isWhitespace { throw HTTPError(.malformed, "a header line begins with whitespace", status: 400) }
        guard let colon = input.firstIndex(of: .colon, in: line), colon > line.lowerBound else {
            throw HTTPError(.malformed, "a header line has no name", status: 400)
        }
        // RFC 9112 §5.1: whitespace between name and colon must be rejected. A space is no token character.
        for index in line.lowerBound..<colon where !ByteClass.token.contains(input[index]) {
            throw HTTPError(.malformed, "byte \(index - line.lowerBound) of a header name is not allowed", status: 400)
        }
        for index in colon + 1..<line.upperBound where !ByteClass.isFieldContent(input[index]) {
            throw HTTPError(.malformed, "byte \(index - colon - 1) of a header value is not allowed", status: 400)
        }
        name = line.lowerBound..<colon
        value = input.trimmingWhitespace(colon + 1..<line.upperBound)
    }
}

/// The fields that decide where a message ends and whether the connection goes on, gathered while the head is read.
struct Framing: Sendable {
    private(set) var contentLength: Int?
    private(set) var isChunked = false
    private(set) var closes = false
    private(set) var keepsAlive = false
    private(set) var hosts = 0
    private(set) var host: String?
    private(set) var expectsContinue = false
    private var unsupported: String?
    private var unknownExpectation = false

    mutating func note(_ input: Span<UInt8>, _ field: FieldLine) throws(HTTPError) {
        switch field.name.count {
        case 4 where input.matches(field.name, "host"):
            hosts += 1
            host = try Authority.validate(input, field.value)
        case 6 where input.matches(field.name, "expect"):
            if input.matches(field.value, "100-continue") { expectsContinue = true } else { unknownExpectation = true }
        case 10 where input.matches(field.name, "connection"):
            try Self.forEachMember(input, field.value) { member throws(HTTPError) in
                if input.matches(member, "close") { closes = true }
                if input.matches(member, "keep-alive") { keepsAlive = true }
            }
        case 14 where input.matches(field.name, "content-length"):
            try noteContentLength(input, field.value)
        case 17 where input.matches(field.name, "transfer-encoding"):
            try noteTransferEncoding(input, field.value)
        default: break
        }
    }

    /// RFC 9112 §6.3, after the last field.
    func check(minorVersion: Int) throws(HTTPError) {
        if isChunked || unsupported != nil {
            // §6.1: a message with both may be an attempt to smuggle a request; the server may reject it, and does.
            if contentLength != nil { throw HTTPError(.malformed, "Content-Length and Transfer-Encoding exclude each other", status: 400) }
            // §6.1: Transfer-Encoding in HTTP/1.0 means that the framing is faulty.
            if minorVersion == 0 { throw HTTPError(.malformed, "HTTP/1.0 has no Transfer-Encoding", status: 400) }
        }
        if let unsupported {
            throw HTTPError(.unsupported, "transfer coding \(unsupported) is not implemented", status: 501)
        }
        if unknownExpectation, minorVersion > 0 { throw HTTPError(.unsupported, "the only expectation known is 100-continue", status: 417) }
    }

    private mutating func noteContentLength(_ input: Span<UInt8>, _ value: Range<Int>) throws(HTTPError) {
        // RFC 9112 §6.3 lets a recipient collapse identical duplicates and lists. No honest client sends them, so they are refused.
        guard contentLength == nil else { throw HTTPError(.malformed, "more than one Content-Length", status: 400) }
        // RFC 9110 §8.6: 1*DIGIT. No sign, no list, no overflow: eighteen digits always fit.
        guard !value.isEmpty, value.count <= 18 else {
            throw HTTPError(.malformed, "Content-Length must be 1 to 18 decimal digits", status: 400)
        }
        var length = 0
        for index in value {
            guard input[index].isDigit else { throw HTTPError(.malformed, "Content-Length must be 1 to 18 decimal digits", status: 400) }
            length = length * 10 + Int(input[index] & 15)
        }
        contentLength = length
    }

    private mutating func noteTransferEncoding(_ input: Span<UInt8>, _ value: Range<Int>) throws(HTTPError) {
        guard !isChunked, unsupported == nil else { throw HTTPError(.malformed, "more than one Transfer-Encoding", status: 400) }
        var lastIsChunked = false
        var members = 0
        try Self.forEachMember(input, value) { member throws(HTTPError) in
            // RFC 9112 §6.1: chunked must be the last coding and must not be applied twice; else the length cannot be determined.
            if lastIsChunked || member.isEmpty { throw HTTPError(.malformed, "Transfer-Encoding must end with one chunked", status: 400) }
            lastIsChunked = input.matches(member, "chunked")
            members += 1
        }
        guard lastIsChunked else { throw HTTPError(.malformed, "Transfer-Encoding must end with one chunked", status: 400) }
        if members == 1 { isChunked = true } else { unsupported = input.string(value.prefix(64)) }
    }

    private static func forEachMember(_ input: Span<UInt8>, _ list: Range<Int>, _ body: (Range<Int>) throws(HTTPError) -> Void) throws(HTTPError) {
        var start = list.lowerBound
        while start <= list.upperBound {
            let comma = input.firstIndex(of: .comma, in: start..<list.upperBound) ?? list.upperBound
            try body(input.trimmingWhitespace(start..<comma))
            start = comma + 1
        }
    }
}
