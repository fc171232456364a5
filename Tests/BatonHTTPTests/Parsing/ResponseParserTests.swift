import Testing

@testable import BatonHTTP

/// Feeds a response parser and writes down what came of it.
private struct ResponseTrace {
    var parser: ResponseParser
    var pending: [UInt8] = []
    var status: Int?
    var body: [UInt8] = []
    var outcome = "incomplete"

    init(to method: Method, limits: Limits = Limits()) { parser = ResponseParser(to: method, limits: limits) }

    mutating func feed(_ bytes: some Collection<UInt8>) {
        guard outcome == "incomplete" else { return }
        pending.append(contentsOf: bytes)
        do {
            while true {
                var consumed = 0
                let input = pending
                let step = try parser.parse(input.span, consumed: &consumed)
                pending.removeFirst(consumed)
                switch step {
                case .needsMore: return
                case .head(let head): status = Int(head.status.code)
                case .body(let range): body.append(input.span, range)
                case .complete(let keepAlive):
                    outcome = keepAlive ? "kept" : "close"
                    return
                }
            }
        } catch {
            outcome = "\(error.code)"
        }
    }

    mutating func close() {
        guard outcome == "incomplete" else { return }
        do {
            try parser.peerClosed()
            outcome = "close"
        } catch {
            outcome = "\(error.code)"
        }
    }
}

struct ResponseCase: Sendable, CustomTestStringConvertible {
    var name: String
    var bytes: String
    var method = Method.get
    var closes = false
    var status: Int?
    var body = ""
    var outcome: String
    var testDescription: String { name }
}

@Suite struct ResponseParserTests {
    static let cases: [ResponseCase] = [
        .init(name: "length", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", status: 200, body: "abc", outcome: "kept"),
        .init(name: "no reason", bytes: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", status: 200, outcome: "kept"),
        .init(name: "close", bytes: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status: 200, outcome: "close"),
        .init(name: "1.0 closes", bytes: "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200, outcome: "close"),
        .init(name: "1.0 kept", bytes: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", status: 200, outcome: "kept"),
        .init(
            name: "chunked", bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n", status: 200,
            body: "abc", outcome: "kept"),
        .init(name: "to the end", bytes: "HTTP/1.1 200 OK\r\n\r\nabc", closes: true, status: 200, body: "abc", outcome: "close"),
        .init(name: "HEAD", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", method: .head, status: 200, outcome: "kept"),
        .init(name: "204", bytes: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, outcome: "kept"),
        .init(name: "304 with length", bytes: "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", status: 304, outcome: "kept"),
        .init(
            name: "interim", bytes: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            status: 200, body: "a", outcome: "kept"),
        .init(name: "switching", bytes: "HTTP/1.1 101 Switching Protocols\r\n\r\n", outcome: "malformed"),
        .init(
            name: "endless interim", bytes: String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 20), outcome: "malformed"),
        .init(
            name: "both framings", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            outcome: "malformed"),
        .init(name: "two lengths", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", outcome: "malformed"),
        .init(name: "cut head", bytes: "HTTP/1.1 200 OK\r\nConte", closes: true, outcome: "connection_closed"),
        .init(
            name: "cut body", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", closes: true, status: 200, body: "ab",
            outcome: "connection_closed"),
        .init(
            name: "cut chunk", bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", closes: true, status: 200, body: "ab",
            outcome: "connection_closed"),
        .init(name: "nothing", bytes: "", closes: true, outcome: "connection_closed"),
        .init(name: "not HTTP", bytes: "SSH-2.0-OpenSSH_9.2\r\n", outcome: "malformed"),
        .init(name: "HTTP/2", bytes: "HTTP/2.0 200 OK\r\n\r\n", outcome: "unsupported"),
        .init(name: "bad status", bytes: "HTTP/1.1 20x OK\r\n\r\n", outcome: "malformed"),
        .init(name: "bare LF", bytes: "HTTP/1.1 200 OK\n\n", outcome: "malformed"),
        .init(name: "long head", bytes: "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 20_000))\r\n\r\n", outcome: "too_large"),
        .init(name: "long body", bytes: "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", outcome: "too_large"),
    ]

    @Test(arguments: cases)
    func reads(_ item: ResponseCase) {
        let bytes = Array(item.bytes.utf8)
        for step in [max(bytes.count, 1), 1, 7] {
            var trace = ResponseTrace(to: item.method)
            for start in stride(from: 0, to: bytes.count, by: step) { trace.feed(bytes[start..<min(start + step, bytes.count)]) }
            if item.closes { trace.close() }
            #expect(trace.outcome == item.outcome, "in pieces of \(step)")
            #expect(trace.status == item.status)
            #expect(String(decoding: trace.body, as: UTF8.self) == item.body)
        }
    }

    /// Mutated answers, whole and in random splits: the same status, body and outcome.
    @Test func splittingNeverChangesTheOutcome() async throws {
        var random = SeededGenerator(state: 2)
        let interesting: [UInt8] = Array("\r\n\t :;,0123456789abcdefHTP/.\0".utf8) + [0x80]
        let cases = Self.cases.filter { $0.bytes.utf8.count < 400 }
        let end = ContinuousClock.now + .seconds(1)
        while ContinuousClock.now < end {
            await Task.yield()
            for _ in 0..<50 {
                guard let item = cases.randomElement(using: &random) else { return }
                var bytes = Array(item.bytes.utf8)
                for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                    let index = Int.random(in: 0..<bytes.count, using: &random)
                    if Bool.random(using: &random) { bytes.remove(at: index) }
                    bytes.insert(interesting.randomElement(using: &random) ?? 0, at: min(index, bytes.count))
                }
                var whole = ResponseTrace(to: item.method)
                whole.feed(bytes)
                var split = ResponseTrace(to: item.method)
                var start = 0
                while start < bytes.count {
                    let next = min(bytes.count, start + Int.random(in: 1...20, using: &random))
                    split.feed(bytes[start..<next])
                    start = next
                }
                whole.close()
                split.close()
                let same = whole.outcome == split.outcome && whole.status == split.status && whole.body == split.body
                #expect(same, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
                guard same else { return }
            }
        }
    }
}
