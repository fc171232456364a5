/// `uri-host [ ":" port ]` (RFC 9110 §7.2), without user information.
enum Authority {
    /// The text of `range` when it is a host with an optional port; empty is allowed, as for a target without authority.
    static func validate(_ input: Span<UInt8>, _ range: Range<Int>) throws(HTTPError) -> String {
        var index = range.lowerBound
        if index < range.upperBound, input[index] == 0x5b {
            index += 1
            let start = index
            while index < range.upperBound, input[index].hexValue != nil || input[index] == .colon || input[index] == 0x2e { index += 1 }
            guard index > start, index < range.upperBound, input[index] == 0x5d else { throw invalid }
            index += 1
        } else {
            while index < range.upperBound, ByteClass.host.contains(input[index]) { index += 1 }
        }
        if index < range.upperBound {
            guard input[index] == .colon, range.upperBound - index <= 6 else { throw invalid }
            var port = 0
            for digit in index + 1..<range.upperBound {
                guard input[digit].isDigit else { throw invalid }
                port = port * 10 + Int(input[digit] & 15)
            }
            guard port <= 65535 else { throw invalid }
        }
        return input.string(range)
    }

    private static var invalid: HTTPError { HTTPError(.malformed, "the host must be a name or address with an optional port", status: 400) }
}
