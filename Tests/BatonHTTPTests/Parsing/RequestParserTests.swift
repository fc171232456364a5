import Testing

@testable import BatonHTTP

@Suite struct RequestParserTests {
    @Test func corpusIsThere() {
        #expect(RequestCase.all.count > 130)
    }

    @Test(arguments: RequestCase.all)
    func answersAsWritten(_ item: RequestCase) {
        #expect(ParserTrace.whole(item.bytes).answers == item.answers)
    }

    @Test(arguments: RequestCase.all)
    func answersTheSameByteByByte(_ item: RequestCase) {
        var trace = ParserTrace()
        for byte in item.bytes { trace.feed(CollectionOfOne(byte)) }
        #expect(trace.answers == item.answers)
    }

    @Test func everySplitInTwoGivesTheSameRequest() throws {
        let text =
            "POST /a%20b?x=1&y=%C3%A9 HTTP/1.1\r\nHost: h:1\r\nX-One: 1\r\nx-one:  2 \r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: v\r\n\r\n"
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            var trace = ParserTrace()
            trace.feed(bytes[..<split])
            trace.feed(bytes[split...])
            let request = try #require(trace.requests.first)
            #expect(request.method == .post)
            #expect(request.path == "/a%20b")
            #expect(try request.pathComponents() == ["a b"])
            #expect(request.rawQuery == "x=1&y=%C3%A9")
            #expect(try request.query()["y"] == "é")
            #expect(request.host == "h:1")
            #expect(request.headers.values(of: "X-ONE") == ["1", "2"])
            #expect(request.body == Array("abc".utf8))
        }
    }

    @Test func hostOfAnAbsoluteTargetWins() throws {
        let request = try #require(ParserTrace.whole(Array("GET http://other:80/p?q HTTP/1.1\r\nHost: x\r\n\r\n".utf8)).requests.first)
        #expect(request.host == "other:80")
        #expect(request.path == "/p")
        #expect(request.rawQuery == "q")
    }

    @Test func absoluteTargetWithoutPathMeansRoot() throws {
        let request = try #require(ParserTrace.whole(Array("GET http://other?q HTTP/1.1\r\nHost: x\r\n\r\n".utf8)).requests.first)
        #expect(request.path == "/")
        #expect(request.rawQuery == "q")
    }

    @Test func bodyOfExactlyTheLimitIsRead() {
        var limits = Limits()
        limits.bodyBytes = 4
        var trace = ParserTrace(limits: limits)
        trace.feed(Array("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd".utf8))
        trace.feed(Array("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n".utf8))
        trace.feed(Array("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\n".utf8))
        #expect(trace.answers == ["200", "200", "413", "close"])
    }

    @Test func aFailedParserStaysFailed() {
        var parser = RequestParser()
        var consumed = 0
        #expect(throws: HTTPError.self) { _ = try parser.parse(Array("garbage\n".utf8).span, consumed: &consumed) }
        #expect(throws: HTTPError.self) { _ = try parser.parse(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8).span, consumed: &consumed) }
    }

    @Test func nothingIsScannedTwice() {
        // A head that arrives byte by byte leaves the parser with the unfinished line only.
        var parser = RequestParser()
        var pending: [UInt8] = []
        var longest = 0
        for byte in Array("GET / HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: 200))\r\nB: b\r\n".utf8) {
            pending.append(byte)
            var consumed = 0
            _ = try? parser.parse(pending.span, consumed: &consumed)
            pending.removeFirst(consumed)
            longest = max(longest, pending.count)
        }
        #expect(pending.isEmpty)
        #expect(longest == 204)
    }
}
