@testable import BatonHTTP

/// Parses answers and event streams whole and in pieces, which must come to the same.
enum ResponsesTarget {
    static func run(_ bytes: [UInt8]) throws(Violation) {
        let pieces = Pieces(bytes)
        for method in [Method.get, .head] {
            let (whole, cut) = (parse([pieces.whole], to: method), parse(pieces, to: method))
            try Violation.unless(whole == cut, "what an answer means does not depend on how it arrives:\n\(whole)\n\(cut)")
        }
        let (whole, cut) = (events([pieces.whole]), events(pieces))
        try Violation.unless(whole == cut, "what a stream says does not depend on how it arrives:\n\(whole)\n\(cut)")
    }

    private static func parse(_ pieces: some Sequence<ArraySlice<UInt8>>, to method: Method) -> String {
        var parser = ResponseParser(to: method)
        var pending: [UInt8] = []
        var body: [UInt8] = []
        var head = ""
        for piece in pieces {
            pending.append(contentsOf: piece)
            var wantsMore = false
            while !wantsMore {
                let input = pending
                var consumed = 0
                do throws(HTTPError) {
                    switch try parser.parse(input.span, consumed: &consumed) {
                    case .needsMore: wantsMore = true
                    case .head(let answer): head = "\(answer.status) \(answer.minorVersion) \(answer.headers)"
                    case .body(let range): body += input[range]
                    case .complete(let keepAlive): return "\(head) \(body) \(keepAlive)"
                    }
                } catch {
                    return "\(head) \(body) \(error.code) \(error.message)"
                }
                pending.removeFirst(consumed)
            }
        }
        do throws(HTTPError) { try parser.peerClosed() } catch { return "\(head) \(body) \(error.message)" }
        return "\(head) \(body) closed"
    }

    private static func events(_ pieces: some Sequence<ArraySlice<UInt8>>) -> [String] {
        var parser = EventStreamParser(maximumEventBytes: 4096)
        var seen: [String] = []
        for piece in pieces {
            do throws(HTTPError) {
                try parser.parse(piece.span) { seen.append("\($0.id) \($0.name) \($0.data)") }
            } catch {
                return seen + [error.message]
            }
        }
        return seen + ["\(parser.lastEventID) \(parser.retryMilliseconds ?? -1)"]
    }
}
