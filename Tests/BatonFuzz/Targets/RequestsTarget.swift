@testable import BatonHTTP

/// Parses requests whole and in pieces, which must come to the same, and takes apart what they ask for.
enum RequestsTarget {
    static func run(_ bytes: [UInt8]) throws(Violation) {
        let pieces = Pieces(bytes)
        let whole = parse([pieces.whole])
        let cut = parse(pieces)
        try Violation.unless(whole.trace == cut.trace, "what requests mean does not depend on how they arrive:\n\(whole.trace)\n\(cut.trace)")
        for request in whole.requests {
            try Violation.unless(request.path == "*" || request.hasValidTarget, "a target that was read may be sent: \(request.path)")
            _ = try? request.pathComponents()
            _ = try? request.query()
            _ = HTTPDate.unixSecond(request.host)
        }
    }

    /// What a connection would answer, and the requests.
    static func parse(_ pieces: some Sequence<ArraySlice<UInt8>>) -> (trace: [String], requests: [Request]) {
        var parser = RequestParser()
        var pending: [UInt8] = []
        var trace: [String] = []
        var requests: [Request] = []
        for piece in pieces {
            pending.append(contentsOf: piece)
            var wantsMore = false
            while !wantsMore {
                let input = pending
                var consumed = 0
                do throws(HTTPError) {
                    switch try parser.parse(input.span, consumed: &consumed) {
                    case .needsMore: wantsMore = true
                    case .expectsContinue: trace.append("continue")
                    case .request(let request, let keepAlive):
                        trace.append(
                            "\(request.method) \(request.path) \(request.rawQuery ?? "") \(request.host) \(request.headers) \(request.body) \(keepAlive)"
                        )
                        requests.append(request)
                        guard keepAlive else { return (trace, requests) }
                    }
                } catch {
                    return (trace + ["\(error.status?.code ?? 0) \(error.message)"], requests)
                }
                pending.removeFirst(consumed)
            }
        }
        return (trace, requests)
    }
}
